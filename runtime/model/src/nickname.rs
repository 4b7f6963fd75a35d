//! Nicknames of API keys, names of people and of roles, which become names in the audit trail. What must hold: no nickname can be mistaken for another
//! active one or for the base account, nor disturb a terminal or a page (UTS #39 skeletons; no control or bidi
//! characters).

use unicode_normalization::UnicodeNormalization as _;

use crate::account::BASE_ACCOUNT_NAME;

/// The longest nickname, in characters.
pub const MAX_NICKNAME_CHARS: usize = 80;

/// Why a nickname, or another name, is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NicknameError {
    /// Empty, or only white space.
    #[error("the name is empty")]
    Empty,
    /// Longer than [`MAX_NICKNAME_CHARS`].
    #[error("the name has more than {MAX_NICKNAME_CHARS} characters")]
    TooLong,
    /// White space at an end.
    #[error("the name begins or ends with white space")]
    Untrimmed,
    /// A character that shows nothing or turns the text around.
    #[error("the name contains U+{0:04X}, a control, format or line-breaking character")]
    Character(u32),
    /// It reads like the base service account.
    #[error("the name reads like \"{BASE_ACCOUNT_NAME}\", the name of the base service account")]
    Reserved,
    /// It reads like a built-in role.
    #[error("the name reads like {0:?}, the name of a built-in role")]
    BuiltIn(&'static str),
}

/// The names of the roles that every organization has.
pub const BUILT_IN_ROLES: [&str; 3] = ["Admin", "Editor", "Viewer"];

/// Checks the name of a custom role, which must not read like a built-in one, and gives its skeleton.
pub fn check_role_name(text: &str) -> Result<String, NicknameError> {
    let skeleton = check_nickname(text)?;
    match BUILT_IN_ROLES.into_iter().find(|name| self::skeleton(name) == skeleton) {
        Some(name) => Err(NicknameError::BuiltIn(name)),
        None => Ok(skeleton),
    }
}

/// Checks a nickname and gives its skeleton: two nicknames with the same skeleton look alike.
pub fn check_nickname(text: &str) -> Result<String, NicknameError> {
    if text.trim().is_empty() {
        return Err(NicknameError::Empty);
    }
    if text.chars().count() > MAX_NICKNAME_CHARS {
        return Err(NicknameError::TooLong);
    }
    if let Some(c) = text.chars().find(|c| is_invisible(*c)) {
        return Err(NicknameError::Character(u32::from(c)));
    }
    if text.trim() != text {
        return Err(NicknameError::Untrimmed);
    }
    let skeleton = skeleton(text);
    if skeleton == self::skeleton(BASE_ACCOUNT_NAME) {
        return Err(NicknameError::Reserved);
    }
    Ok(skeleton)
}

/// UTS #39 skeleton of the compatibility-normalized, lower-case text, white space folded.
fn skeleton(text: &str) -> String {
    let folded: String = text.nfkc().collect::<String>().to_lowercase();
    let spaced = folded.split_whitespace().collect::<Vec<_>>().join(" ");
    unicode_security::skeleton(&spaced).collect::<String>().to_lowercase()
}

/// Whether a character shows nothing, breaks the line or turns the text around.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_share_a_skeleton() {
        assert_eq!(check_nickname("deploy"), check_nickname("Deploy"));
        assert_eq!(check_nickname("deploy"), check_nickname("dерlоу"), "Cyrillic letters");
        assert_ne!(check_nickname("deploy"), check_nickname("deploy2"));
    }

    #[test]
    fn the_base_accounts_name_and_its_homoglyphs_are_reserved() {
        for name in
            ["Service Account", "service  account", "SERVICE ACCOUNT", "Sеrviсe Аccоunt", "Ｓervice Account"]
        {
            assert_eq!(check_nickname(name), Err(NicknameError::Reserved), "{name}");
        }
    }

    #[test]
    fn built_in_roles_and_their_homoglyphs_are_reserved() {
        for (name, like) in [
            ("Admin", "Admin"),
            ("аdmin", "Admin"),
            ("ADMIN", "Admin"),
            ("Еditоr", "Editor"),
            ("viewer", "Viewer"),
        ] {
            assert_eq!(check_role_name(name), Err(NicknameError::BuiltIn(like)), "{name}");
        }
        assert_eq!(check_role_name("Service Account"), Err(NicknameError::Reserved));
        assert!(check_role_name("Auditor").is_ok());
    }

    #[test]
    fn invisible_characters_are_refused() {
        for name in ["a\u{202E}b", "a\u{200B}b", "a\nb", "a\u{1b}[31m", "\u{feff}a", "a\u{2066}b"] {
            assert!(matches!(check_nickname(name), Err(NicknameError::Character(_))), "{name:?}");
        }
        assert_eq!(check_nickname(" a"), Err(NicknameError::Untrimmed));
        assert_eq!(check_nickname("  "), Err(NicknameError::Empty));
        assert_eq!(check_nickname(&"a".repeat(81)), Err(NicknameError::TooLong));
    }
}

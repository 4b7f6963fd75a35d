//! Names for files of strangers. What must hold: such a name is one part of a path on any system, hides nothing from whoever reads it, and is another one for each file of a mail.

use std::collections::HashSet;

/// The longest name, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 200;

/// What old systems take for devices, with whatever ending.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// The names of one mail's files.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// A safe name for the `n`th file, from 1, that says it is called `said`.
    pub(super) fn give(&mut self, said: Option<&str>, n: usize, ending: &str) -> String {
        let name = said.map(safe).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("attachment-{n}{ending}"));
        if self.0.insert(name.to_lowercase()) {
            return name;
        }
        let (stem, ending) = split(&name);
        // Its number among the files is one that no other file of this mail has, but a stranger may have named one so.
        let mut number = format!("-{n}");
        loop {
            let name = format!(
                "{}{number}{ending}",
                cut(stem, MAX_NAME_BYTES - number.len().min(100) - ending.len())
            );
            if self.0.insert(name.to_lowercase()) {
                return name;
            }
            number.push('_');
        }
    }
}

/// The last part of a path without what a system or a reader could misread.
fn safe(said: &str) -> String {
    let last = said.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last
        .chars()
        .filter(|c| !is_hidden(*c))
        .map(|c| if "<>:\"|?*".contains(c) { '_' } else { c })
        .collect();
    let clean = clean.trim_matches(|c: char| c.is_whitespace() || c == '.');
    let (stem, ending) = split(clean);
    let name = format!("{}{ending}", cut(stem, MAX_NAME_BYTES - ending.len()));
    if is_device(&name) { format!("_{name}") } else { name }
}

/// Control characters, and those that turn or hide what stands beside them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let bare = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    DEVICES.contains(&bare) && stem.len() - bare.len() <= 1
}

/// The name before its ending, and the ending with its dot.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 20 => name.split_at(dot),
        _ => (name, ""),
    }
}

fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path() {
        for (said, name) in [
            ("invoice.pdf", "invoice.pdf"),
            ("../../etc/passwd", "passwd"),
            ("..\\windows\\win.ini", "win.ini"),
            ("..", ""),
            ("/", ""),
            (".bashrc", "bashrc"),
            ("a\u{0}b\r\n.txt", "ab.txt"),
            ("evil\u{202E}fdp.exe", "evilfdp.exe"),
            ("stream.txt:evil", "stream.txt_evil"),
            ("NUL", "_NUL"),
            ("com1.txt", "_com1.txt"),
            ("community.txt", "community.txt"),
            ("com12.txt", "com12.txt"),
            ("trailing. . ", "trailing"),
            ("Rechnung März.pdf", "Rechnung März.pdf"),
        ] {
            assert_eq!(safe(said), name, "{said:?}");
        }
        let long = safe(&format!("{}.pdf", "é".repeat(500)));
        assert!(long.len() <= MAX_NAME_BYTES && long.ends_with("é.pdf"), "{long}");
    }

    #[test]
    fn each_file_of_a_mail_has_another_name() {
        let mut names = Names::default();
        assert_eq!(names.give(Some("a.pdf"), 1, ""), "a.pdf");
        assert_eq!(names.give(Some("A.pdf"), 2, ""), "A-2.pdf");
        assert_eq!(names.give(None, 3, ".eml"), "attachment-3.eml");
        assert_eq!(names.give(Some("a-5.pdf"), 4, ""), "a-5.pdf");
        assert_eq!(names.give(Some("a.pdf"), 5, ""), "a-5_.pdf");
    }

    proptest::proptest! {
        #[test]
        fn whatever_it_is_called_it_is_safe(said: String) {
            let name = Names::default().give(Some(&said), 1, "");
            proptest::prop_assert!(!name.is_empty() && name.len() <= MAX_NAME_BYTES + 1);
            proptest::prop_assert!(!name.contains(['/', '\\', '\0', ':']) && name != "." && name != "..");
            proptest::prop_assert!(!name.chars().any(is_hidden));
        }
    }
}

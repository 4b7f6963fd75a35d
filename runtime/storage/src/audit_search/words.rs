//! Words of a text, as a search takes them: runs of letters and digits, in lower case. What must hold: an entry's text and a
//! searched text are cut by the same function, in the program, so that both databases find the same.

/// How many characters of a word are told apart.
pub const MAX_WORD_CHARS: usize = 40;
/// How many words a search may have.
pub const MAX_WORDS: usize = 16;

/// The words of a text.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().flat_map(char::to_lowercase).map(one_sigma).take(MAX_WORD_CHARS).collect())
}

/// The Greek letter that is written otherwise at the end of a word: what is the end of a word, the beginning of one does not know.
const fn one_sigma(c: char) -> char {
    if c == 'ς' { 'σ' } else { c }
}

/// What is searched for: whole words, and the beginning of one more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// All of these.
    pub whole: Vec<String>,
    /// A word that begins so: the last one, which may not be finished yet.
    pub beginning: String,
}

impl Wanted {
    /// `None` if the text has no word.
    pub fn of(text: &str) -> Option<Self> {
        let mut whole: Vec<String> = words(text).take(MAX_WORDS).collect();
        let beginning = whole.pop()?;
        whole.sort_unstable();
        whole.dedup();
        Some(Self { whole, beginning })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_letters_and_digits_in_lower_case() {
        let found: Vec<_> = words("Order_Intake-7: \u{c9}TAT «100%» \0line").collect();
        assert_eq!(found, ["order", "intake", "7", "état", "100", "line"]);
        assert_eq!(words(" %_\\ ").count(), 0);
        assert_eq!(words(&"x".repeat(500)).next().unwrap().len(), MAX_WORD_CHARS);
    }

    #[test]
    fn the_last_word_may_be_unfinished() {
        assert_eq!(
            Wanted::of("b a b ord"),
            Some(Wanted { whole: vec!["a".into(), "b".into()], beginning: "ord".into() })
        );
        assert_eq!(Wanted::of("--"), None);
    }
}

//! A mail without the tokens of the addresses it went to: whoever has such an address can start a workflow. What must hold: the rest of every text stays as it is;
//! the mail's bytes, which are kept as they came, are not touched.

use super::Email;
use crate::trigger::token::{TOKEN_CHARS, is_token_char};

/// What stands for a token.
const HIDDEN: &str = "…";

impl Email {
    /// Hides the tokens in whatever it says: its envelope, its headers and its texts name the address.
    #[must_use]
    pub fn without_tokens(mut self) -> Self {
        let words = [&mut self.envelope_from, &mut self.envelope_to, &mut self.from, &mut self.subject];
        let lists = [&mut self.to, &mut self.cc, &mut self.references];
        let maybe = [
            &mut self.from_name,
            &mut self.reply_to,
            &mut self.message_id,
            &mut self.in_reply_to,
            &mut self.text,
            &mut self.html,
            &mut self.problem,
        ];
        let all = words.into_iter().chain(lists.into_iter().flatten()).chain(maybe.into_iter().flatten());
        for text in all.chain(self.headers.iter_mut().map(|(_, value)| value)) {
            if let Some(hidden) = without_tokens(text) {
                *text = hidden;
            }
        }
        self
    }
}

/// The text with `+…` for each `+<token>`; none if there is no token in it.
fn without_tokens(text: &str) -> Option<String> {
    let (mut hidden, mut rest, mut any) = (String::new(), text, false);
    while let Some(at) = rest.find('+') {
        let (before, after) = rest.split_at(at + 1);
        hidden.push_str(before);
        rest = after;
        if let Some(behind) = token_end(after) {
            hidden.push_str(HIDDEN);
            (rest, any) = (behind, true);
        }
    }
    hidden.push_str(rest);
    any.then_some(hidden)
}

/// What follows the token that a text begins with.
fn token_end(text: &str) -> Option<&str> {
    let (token, behind) = text.split_at_checked(TOKEN_CHARS)?;
    let is_one = token.bytes().all(|b| is_token_char(b.to_ascii_lowercase()));
    (is_one && !behind.starts_with(|c: char| c.is_ascii_alphanumeric())).then_some(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "mzxw6ytbmzxw6ytbmzxw6ytbmzxw6ytb";

    #[test]
    fn a_token_is_hidden_wherever_it_stands_and_nothing_else() {
        let upper = TOKEN.to_uppercase();
        for (text, hidden) in [
            (format!("orders+{TOKEN}@example.com"), "orders+…@example.com".to_owned()),
            (
                format!("<ORDERS+{upper}@EXAMPLE.COM>, b+{TOKEN}@x"),
                "<ORDERS+…@EXAMPLE.COM>, b+…@x".to_owned(),
            ),
            (format!("back+orders+{TOKEN}=example.com@x"), "back+orders+…=example.com@x".to_owned()),
            (format!("+{TOKEN}"), "+…".to_owned()),
        ] {
            assert_eq!(without_tokens(&text), Some(hidden));
        }
        let long = format!("a+{TOKEN}a@example.com");
        let short = format!("a+{}@example.com", &TOKEN[1..]);
        for kept in
            ["", "a+b@c", "1 + 1 = 2", "+", "ü+ü", &long, &short, TOKEN, "a+11111111111111111111111111111111"]
        {
            assert_eq!(without_tokens(kept), None, "{kept}");
        }
    }

    #[test]
    fn no_field_of_a_mail_keeps_one() {
        let address = format!("orders+{TOKEN}@example.com");
        let text = || Some(address.clone());
        let mail = Email {
            envelope_from: address.clone(),
            envelope_to: address.clone(),
            from: address.clone(),
            from_name: text(),
            to: vec![address.clone()],
            cc: vec![address.clone()],
            reply_to: text(),
            subject: address.clone(),
            message_id: text(),
            in_reply_to: text(),
            references: vec![address.clone()],
            headers: vec![("delivered-to".to_owned(), address.clone())],
            text: text(),
            html: text(),
            problem: text(),
            ..Email::default()
        };
        let shown = mail.without_tokens().to_json().to_string();
        assert!(!shown.contains(TOKEN) && shown.contains("orders+…@example.com"), "{shown}");
    }
}

//! Commands: a line to what is asked. What must hold: any bytes give a command or a refusal, never a panic; what is not understood is never taken for something else.

use super::path;
use super::reply::Reply;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `HELO`, `EHLO`, `LHLO` and what the client calls itself.
    Hello(Greeting, String),
    /// `MAIL FROM`
    Mail(Mail),
    /// `RCPT TO`: the address.
    Rcpt(String),
    /// `DATA`
    Data,
    /// `BDAT`
    Bdat {
        /// How many bytes follow.
        bytes: u64,
        /// Whether they are the message's last.
        last: bool,
    },
    /// `RSET`
    Rset,
    /// `NOOP`
    Noop,
    /// `VRFY`
    Vrfy,
    /// `HELP`
    Help,
    /// `STARTTLS`
    StartTls,
    /// `QUIT`
    Quit,
}

/// How a client begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// Plain SMTP.
    Helo,
    /// With extensions.
    Ehlo,
    /// LMTP (RFC 2033): an answer for each recipient.
    Lhlo,
}

/// `MAIL FROM` with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The sender; empty is the null sender.
    pub from: String,
    /// `SIZE`: how large the message will be, in bytes (RFC 1870).
    pub size: Option<u64>,
    /// `BODY=BINARYMIME` (RFC 3030): it may come by BDAT only.
    pub binary: bool,
    /// `SMTPUTF8` (RFC 6531).
    pub utf8: bool,
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Nobody knows it.
    #[error("there is no such command")]
    Unknown,
    /// It is known, and not served.
    #[error("this command is not served here")]
    NotServed,
    /// Its arguments cannot be read.
    #[error("{0}")]
    Arguments(&'static str),
    /// The sender is no address.
    #[error("the sender is no address; write it as MAIL FROM:<jane@example.com>")]
    Sender,
    /// The recipient is no address.
    #[error("the recipient is no address; write it as RCPT TO:<orders@example.com>")]
    Recipient,
    /// An address that is not ASCII, unannounced.
    #[error("an address that is not ASCII needs the parameter SMTPUTF8")]
    NeedsUtf8,
    /// A parameter that nobody knows.
    #[error("a parameter is not known, given twice, or has a value that it cannot have")]
    Parameter,
    /// Bytes that no command has.
    #[error("a command is text without control characters")]
    Bytes,
}

impl CommandError {
    /// What the client is told.
    pub fn reply(self) -> Reply {
        let (code, enhanced) = match self {
            Self::Unknown => (500, "5.5.1"),
            Self::NotServed => (502, "5.5.1"),
            Self::Arguments(_) => (501, "5.5.4"),
            Self::Sender => (501, "5.1.7"),
            Self::Recipient => (501, "5.1.3"),
            Self::NeedsUtf8 => (553, "5.6.7"),
            Self::Parameter => (555, "5.5.4"),
            Self::Bytes => (500, "5.5.2"),
        };
        Reply::new(code, enhanced, self.to_string())
    }
}

/// Reads a line without its CRLF.
pub fn parse(line: &[u8]) -> Result<Command, CommandError> {
    let text = std::str::from_utf8(line).map_err(|_| CommandError::Bytes)?;
    if text.chars().any(char::is_control) {
        return Err(CommandError::Bytes);
    }
    let text = text.trim_end_matches(' ');
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    let alone = |command| {
        if rest.is_empty() {
            Ok(command)
        } else {
            Err(CommandError::Arguments("this command takes no argument"))
        }
    };
    match verb.to_ascii_uppercase().as_str() {
        "HELO" => hello(Greeting::Helo, rest),
        "EHLO" => hello(Greeting::Ehlo, rest),
        "LHLO" => hello(Greeting::Lhlo, rest),
        "MAIL" => mail(rest),
        "RCPT" => rcpt(rest),
        "DATA" => alone(Command::Data),
        "BDAT" => bdat(rest),
        "RSET" => alone(Command::Rset),
        "NOOP" => Ok(Command::Noop),
        "VRFY" => Ok(Command::Vrfy),
        "HELP" => Ok(Command::Help),
        "STARTTLS" => alone(Command::StartTls),
        "QUIT" => alone(Command::Quit),
        "AUTH" | "EXPN" | "ETRN" | "TURN" | "SEND" | "SOML" | "SAML" => Err(CommandError::NotServed),
        _ => Err(CommandError::Unknown),
    }
}

fn hello(greeting: Greeting, name: &str) -> Result<Command, CommandError> {
    let name = name.trim();
    if name.is_empty() || name.len() > 255 || name.contains(' ') || !name.is_ascii() {
        return Err(CommandError::Arguments("say who you are: a domain or an address literal"));
    }
    Ok(Command::Hello(greeting, name.to_owned()))
}

/// What follows `FROM:` or `TO:`, in any case, with the spaces that some clients put there.
fn after<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then(|| rest.trim_start_matches(' '))
}

fn mail(rest: &str) -> Result<Command, CommandError> {
    let (from, parameters) = after(rest, "FROM:").and_then(path::read).ok_or(CommandError::Sender)?;
    if !from.is_empty() && !path::is_address(from) {
        return Err(CommandError::Sender);
    }
    if !parameters.is_empty() && !parameters.starts_with(' ') {
        return Err(CommandError::Sender);
    }
    let mut mail = Mail { from: from.to_owned(), size: None, binary: false, utf8: false };
    let mut seen = [false; 3];
    for parameter in parameters.split(' ').filter(|p| !p.is_empty()) {
        let (name, value) = parameter.split_once('=').map_or((parameter, None), |(n, v)| (n, Some(v)));
        let at = match (name.to_ascii_uppercase().as_str(), value) {
            ("SIZE", Some(value)) => {
                mail.size = Some(number(value).ok_or(CommandError::Parameter)?);
                0
            }
            ("BODY", Some(value)) => {
                mail.binary = match value.to_ascii_uppercase().as_str() {
                    "7BIT" | "8BITMIME" => false,
                    "BINARYMIME" => true,
                    _ => return Err(CommandError::Parameter),
                };
                1
            }
            ("SMTPUTF8", None) => {
                mail.utf8 = true;
                2
            }
            _ => return Err(CommandError::Parameter),
        };
        if std::mem::replace(&mut seen[at], true) {
            return Err(CommandError::Parameter);
        }
    }
    if !mail.from.is_ascii() && !mail.utf8 {
        return Err(CommandError::NeedsUtf8);
    }
    Ok(Command::Mail(mail))
}

fn rcpt(rest: &str) -> Result<Command, CommandError> {
    let (to, parameters) = after(rest, "TO:").and_then(path::read).ok_or(CommandError::Recipient)?;
    // The one address without a domain (RFC 5321 §4.1.1.3).
    if !path::is_address(to) && !to.eq_ignore_ascii_case("postmaster") {
        return Err(CommandError::Recipient);
    }
    if !parameters.trim().is_empty() {
        return Err(CommandError::Parameter);
    }
    Ok(Command::Rcpt(to.to_owned()))
}

fn bdat(rest: &str) -> Result<Command, CommandError> {
    let wrong = CommandError::Arguments("write it as BDAT 1000 or BDAT 1000 LAST");
    let mut words = rest.split(' ').filter(|w| !w.is_empty());
    let bytes = words.next().and_then(number).ok_or(wrong)?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return Err(wrong),
    };
    if words.next().is_some() { Err(wrong) } else { Ok(Command::Bdat { bytes, last }) }
}

/// Digits alone: `parse` would take a sign.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mail(from: &str, size: Option<u64>, binary: bool, utf8: bool) -> Command {
        Command::Mail(Mail { from: from.into(), size, binary, utf8 })
    }

    #[test]
    fn commands_are_read() {
        let wrong_count = CommandError::Arguments("write it as BDAT 1000 or BDAT 1000 LAST");
        let no_argument = CommandError::Arguments("this command takes no argument");
        let who = CommandError::Arguments("say who you are: a domain or an address literal");
        for (line, expected) in [
            ("EHLO mx.example.com", Ok(Command::Hello(Greeting::Ehlo, "mx.example.com".into()))),
            ("helo [127.0.0.1]", Ok(Command::Hello(Greeting::Helo, "[127.0.0.1]".into()))),
            ("LHLO mx", Ok(Command::Hello(Greeting::Lhlo, "mx".into()))),
            ("EHLO", Err(who)),
            ("EHLO a b", Err(who)),
            ("MAIL FROM:<>", Ok(mail("", None, false, false))),
            ("mail from: <a@b> size=12 body=8bitmime", Ok(mail("a@b", Some(12), false, false))),
            ("MAIL FROM:<a@b> BODY=BINARYMIME SMTPUTF8", Ok(mail("a@b", None, true, true))),
            ("MAIL FROM:<jürgen@b> SMTPUTF8", Ok(mail("jürgen@b", None, false, true))),
            ("MAIL FROM:<jürgen@b>", Err(CommandError::NeedsUtf8)),
            ("MAIL FROM:<a@b>SIZE=12", Err(CommandError::Sender)),
            ("MAIL FROM:<a@b> SIZE=+12", Err(CommandError::Parameter)),
            ("MAIL FROM:<a@b> SIZE=99999999999999999999", Err(CommandError::Parameter)),
            ("MAIL FROM:<a@b> SIZE=1 SIZE=2", Err(CommandError::Parameter)),
            ("MAIL FROM:<a@b> BODY=9BIT", Err(CommandError::Parameter)),
            ("MAIL FROM:<a@b> RET=FULL", Err(CommandError::Parameter)),
            ("MAIL FROM:a@b", Err(CommandError::Sender)),
            ("MAIL FROM:<a>", Err(CommandError::Sender)),
            ("MAIL", Err(CommandError::Sender)),
            ("MAIL TO:<a@b>", Err(CommandError::Sender)),
            ("RCPT TO:<a@b>", Ok(Command::Rcpt("a@b".into()))),
            ("RCPT TO:<Postmaster>", Ok(Command::Rcpt("Postmaster".into()))),
            ("RCPT TO:<>", Err(CommandError::Recipient)),
            ("RCPT TO:<a@b> NOTIFY=NEVER", Err(CommandError::Parameter)),
            ("DATA", Ok(Command::Data)),
            ("data ", Ok(Command::Data)),
            ("DATA x", Err(no_argument)),
            ("BDAT 0 LAST", Ok(Command::Bdat { bytes: 0, last: true })),
            ("bdat 7", Ok(Command::Bdat { bytes: 7, last: false })),
            ("BDAT", Err(wrong_count)),
            ("BDAT -1", Err(wrong_count)),
            ("BDAT 1 LAST x", Err(wrong_count)),
            ("BDAT 1 FIRST", Err(wrong_count)),
            ("RSET", Ok(Command::Rset)),
            ("NOOP anything", Ok(Command::Noop)),
            ("VRFY jane", Ok(Command::Vrfy)),
            ("HELP", Ok(Command::Help)),
            ("STARTTLS", Ok(Command::StartTls)),
            ("STARTTLS now", Err(no_argument)),
            ("QUIT", Ok(Command::Quit)),
            ("AUTH PLAIN x", Err(CommandError::NotServed)),
            ("EXPN list", Err(CommandError::NotServed)),
            ("GET / HTTP/1.1", Err(CommandError::Unknown)),
            ("", Err(CommandError::Unknown)),
            (" DATA", Err(CommandError::Unknown)),
            ("NOOP\0", Err(CommandError::Bytes)),
            ("RCPT TO:<a\t@b>", Err(CommandError::Bytes)),
        ] {
            assert_eq!(parse(line.as_bytes()), expected, "{line:?}");
        }
        assert_eq!(parse(b"NOOP \xff"), Err(CommandError::Bytes));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_command_or_a_refusal(line in prop::collection::vec(any::<u8>(), 0..300)) {
            super::super::fuzz::command(&line);
        }

        #[test]
        fn any_words_after_a_verb_do_too(verb in "(MAIL FROM:|RCPT TO:|BDAT |EHLO )", rest in "[ -~é]{0,80}") {
            super::super::fuzz::command(format!("{verb}{rest}").as_bytes());
        }
    }
}

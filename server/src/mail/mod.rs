//! Letters that the server sends to people: invitations, links to set a password. What must hold: a letter goes out in bounded time or an
//! error says why not; nothing that a user typed can add a header or a recipient; no password of the relay and no text of a letter is logged.

pub(crate) mod outbound;
mod relay;

pub use factotum_model::email::{AddressError, MAX_ADDRESS_BYTES, check_address};
pub use relay::{Relay, RelayError};

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use factotum_model::Timestamp;
use lettre::message::header::{ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body, Mailbox, Message, MultiPart, SinglePart};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use tokio_rustls::rustls;
use uuid::Uuid;

/// The longest that one letter may take, from the look-up of the relay's name to its answer.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest subject, in characters.
pub const MAX_SUBJECT_CHARS: usize = 200;

/// The longest line of a message, in bytes without its end.
const MAX_LINE_BYTES: usize = 998;

/// A letter.
#[derive(Clone)]
pub struct Letter {
    /// Its id, also in the message's own.
    pub id: Uuid,
    /// Whom it goes to: one address, checked by [`check_address`].
    pub to: String,
    /// What it is about, in one line.
    pub subject: String,
    /// What it says: plain text, lines ended by `\n`.
    pub text: String,
    /// A text file that goes with it.
    pub file: Option<TextFile>,
}

/// A text file of a letter.
#[derive(Clone)]
pub struct TextFile {
    /// Its name: letters, digits, `-` and `.`.
    pub name: String,
    /// What is in it, byte by byte.
    pub text: String,
}

impl Letter {
    /// A letter with a fresh id.
    pub fn of(to: impl Into<String>, subject: impl Into<String>, text: impl Into<String>) -> Self {
        let (to, subject, text) = (to.into(), subject.into(), text.into());
        Self { id: Uuid::now_v7(), to, subject, text, file: None }
    }

    /// With a text file.
    #[must_use]
    pub fn with(self, name: String, text: String) -> Self {
        Self { file: Some(TextFile { name, text }), ..self }
    }
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The text holds links that whoever reads it could use.
        f.debug_struct("Letter").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a letter was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// `mail.relay` is `off`.
    #[error("no mail is sent: `mail.relay` is off; set it to smtp://…, smtps://…, file:/folder or stdout")]
    Off,
    /// The letter cannot be put into the form of a message.
    #[error("the letter cannot be written: {0}")]
    Letter(String),
    /// The relay's certificate proves nothing.
    #[error("the relay's certificate is not believed: {0}; for one of a private authority set `mail.ca`")]
    Certificate(String),
    /// The relay does not know user or password. What else it says may repeat them.
    #[error("the relay refused user and password of `mail.relay` ({0})")]
    LogIn(u16),
    /// The relay refused it or could not be reached.
    #[error("the relay did not take the letter: {0}")]
    Relay(lettre::transport::smtp::Error),
    /// The relay took too long.
    #[error("the relay did not take the letter within {} s", SEND_TIMEOUT.as_secs())]
    Timeout,
    /// The folder or the terminal.
    #[error("the letter cannot be written to its place: {0}")]
    Write(#[from] std::io::Error),
}

impl From<lettre::transport::smtp::Error> for MailError {
    fn from(error: lettre::transport::smtp::Error) -> Self {
        if let Some(code) = error.status().map(u16::from)
            && LOG_IN_REFUSED.contains(&code)
        {
            return Self::LogIn(code);
        }
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(rustls::Error::InvalidCertificate(why)) => return Self::Certificate(why.to_string()),
                _ => source = cause.source(),
            }
        }
        Self::Relay(error)
    }
}

/// What a relay answers to user and password that it does not take (RFC 4954 §6).
const LOG_IN_REFUSED: [u16; 4] = [530, 534, 535, 538];

/// Sends letters.
pub struct Mailer {
    from: Mailbox,
    outlet: Outlet,
}

enum Outlet {
    Off,
    Stdout,
    Folder(std::path::PathBuf),
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Mailer {
    /// A sender of letters through this relay.
    pub fn through(relay: &Relay, from: Mailbox) -> Self {
        let outlet = match relay {
            Relay::Off => Outlet::Off,
            Relay::Stdout => Outlet::Stdout,
            Relay::Folder(folder) => Outlet::Folder(folder.clone()),
            Relay::Smtp(server) => Outlet::Smtp(Box::new(server.transport(SEND_TIMEOUT))),
        };
        Self { from, outlet }
    }

    /// Whether letters go anywhere.
    pub fn is_on(&self) -> bool {
        !matches!(self.outlet, Outlet::Off)
    }

    /// Sends a letter; when it returns, the relay has taken it, or it is in its place.
    pub async fn send(&self, letter: &Letter, now: Timestamp) -> Result<(), MailError> {
        if !self.is_on() {
            return Err(MailError::Off);
        }
        let message = self.message(letter, now)?;
        let file = letter.file.as_ref();
        let file = file.map_or(String::new(), |file| format!("\n{}:\n{}", file.name, plain(&file.text)));
        let (to, subject, text) = (&letter.to, &letter.subject, plain(&letter.text));
        let shown = format!("--- letter to {to}\nSubject: {subject}\n\n{text}{file}\n---\n");
        self.hand_over(letter.id, message, &shown).await
    }

    /// Hands a message over, or, where there is no relay, shows what is to be shown of it.
    async fn hand_over(&self, id: Uuid, message: Message, shown: &str) -> Result<(), MailError> {
        match &self.outlet {
            Outlet::Off => Err(MailError::Off),
            Outlet::Stdout => {
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(shown.as_bytes())?;
                Ok(stdout.flush()?)
            }
            Outlet::Folder(folder) => Ok(keep(folder, id, &message.formatted()).await?),
            Outlet::Smtp(transport) => {
                match tokio::time::timeout(SEND_TIMEOUT, transport.send(message)).await {
                    Ok(sent) => Ok(sent.map(drop)?),
                    Err(_) => Err(MailError::Timeout),
                }
            }
        }
    }

    /// The message, RFC 5322.
    fn message(&self, letter: &Letter, now: Timestamp) -> Result<Message, MailError> {
        let refused = |reason: &str| Err(MailError::Letter(reason.to_owned()));
        if letter.subject.chars().any(char::is_control) || letter.subject.chars().count() > MAX_SUBJECT_CHARS
        {
            return refused("its subject has a control character, or too many characters");
        }
        let to = check_address(&letter.to).map_err(|e| MailError::Letter(e.to_string()))?;
        let to = to.parse().map_err(|_| MailError::Letter("its address cannot be sent to".to_owned()))?;
        let sent = UNIX_EPOCH + Duration::from_micros(now.as_micros().unsigned_abs());
        let id = format!("<{}@{}>", letter.id.as_simple(), self.from.email.domain());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject.clone())
            .date(sent)
            .message_id(Some(id))
            .header(AutoSubmitted);
        let message = match &letter.file {
            None => message.header(ContentType::TEXT_PLAIN).body(body(&letter.text)),
            Some(file) => message.multipart(
                MultiPart::mixed()
                    .singlepart(
                        SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body(&letter.text)),
                    )
                    .singlepart(attached(file)),
            ),
        };
        message.map_err(|e| MailError::Letter(e.to_string()))
    }
}

/// A text of ASCII goes as it is, so that a link in it stays whole for whoever reads the raw message; no line of it is over the limit of
/// RFC 5322 §2.1.1, or it is encoded like any other.
fn body(text: &str) -> Body {
    let text = plain(text).replace('\n', "\r\n");
    if text.is_ascii() && text.lines().all(|line| line.len() <= MAX_LINE_BYTES) {
        Body::dangerous_pre_encoded(text.into_bytes(), ContentTransferEncoding::SevenBit)
    } else {
        Body::new(text)
    }
}

/// In Base64, so that no relay changes the ends of its lines.
fn attached(file: &TextFile) -> SinglePart {
    let bytes = file.text.clone().into_bytes();
    // Any bytes can be put so; what could not would go as lettre sees fit.
    let body = Body::new_with_encoding(bytes, ContentTransferEncoding::Base64).unwrap_or_else(Body::new);
    Attachment::new(file.name.clone()).body(body, ContentType::TEXT_PLAIN)
}

/// No answering machine answers it: RFC 3834 §5.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The text without characters that move a terminal's cursor.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{FFFD}' } else { c }).collect()
}

/// Puts a message into a folder as one file, readable by its owner alone; a reader never sees half of it.
async fn keep(folder: &Path, id: Uuid, message: &[u8]) -> std::io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let (half, whole) = (folder.join(format!(".{id}.half")), folder.join(format!("{id}.eml")));
    let mut options = tokio::fs::File::options();
    // What a process that died left of the same letter is written over.
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(&half).await?;
    tokio::io::AsyncWriteExt::write_all(&mut file, message).await?;
    file.sync_all().await?;
    tokio::fs::rename(half, whole).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str =
        "https://factotum.example.com/invitation#token=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn mailer(relay: &Relay) -> Mailer {
        Mailer::through(relay, "Factotum <factotum@example.com>".parse().unwrap())
    }

    #[tokio::test]
    async fn a_letter_in_a_folder_is_one_message() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = mailer(&Relay::Folder(folder.path().join("out")));
        let letter = Letter::of("ann@example.com", "Grüße", format!("Hello\n{LINK}\n"));
        mailer.send(&letter, Timestamp::from_micros(0)).await.unwrap();
        let mut files = std::fs::read_dir(folder.path().join("out")).unwrap();
        let file = files.next().unwrap().unwrap();
        assert!(files.next().is_none());
        assert_eq!(file.file_name().to_str(), Some(format!("{}.eml", letter.id).as_str()));
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(text.contains("To: ann@example.com\r\n"), "{text}");
        assert!(text.contains("Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"), "{text}");
        assert!(text.contains("Auto-Submitted: auto-generated\r\n"), "{text}");
        assert!(text.contains(&format!("\r\n\r\nHello\r\n{LINK}\r\n")), "{text}");
        assert!(!format!("{letter:?}").contains("token"));
    }

    #[tokio::test]
    async fn nothing_typed_becomes_a_header_or_a_recipient() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = mailer(&Relay::Folder(folder.path().to_owned()));
        for (to, subject) in [
            ("ann@example.com\r\nBcc: eve@example.com", "x"),
            ("ann@example.com, eve@example.com", "x"),
            ("Ann <ann@example.com>", "x"),
            ("ann@example.com", "x\r\nBcc: eve@example.com"),
            ("ann@example.com", "x\nX-Spam: no"),
        ] {
            let sent = mailer.send(&Letter::of(to, subject, "x"), Timestamp::from_micros(0)).await;
            assert!(matches!(sent, Err(MailError::Letter(_))), "{to:?} {subject:?}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn off_says_so_and_an_unreachable_relay_does_without_its_password() {
        let off = mailer(&Relay::Off);
        let letter = Letter::of("ann@example.com", "x", "x");
        assert!(matches!(off.send(&letter, Timestamp::from_micros(0)).await, Err(MailError::Off)));
        let gone = mailer(&"smtp://me:hunter2@127.0.0.1:1".parse().unwrap());
        let error = gone.send(&letter, Timestamp::from_micros(0)).await.unwrap_err();
        assert!(
            matches!(error, MailError::Relay(_))
                && !format!("{error} {error:?} {gone:?}").contains("hunter2")
        );
    }
}

//! What the host needs from outside while a guest runs: the key-value stores, runs of other workflows, the audit trail, and
//! whether the run may still act. What must hold: the host has authorized a call before it reaches a port, and a denial is recorded before
//! the guest learns of it.

use async_trait::async_trait;
use factotum_model::{Action, AuditId, ErrorCode, RunId};

use crate::interrupt::StopReason;

/// A stored value with the version that [`Ports::kv_swap`] compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvEntry {
    /// The value.
    pub value: Vec<u8>,
    /// Grows with each change of the key; never 0.
    pub version: u64,
}

/// A port did not answer; the text is for the guest's author, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PortError(pub String);

/// A guest's wish for a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildCall {
    /// The workflow's name.
    pub workflow: String,
    /// JSON.
    pub payload: String,
    /// How the call is known again when the run is executed again.
    pub place: CallPlace,
}

/// Which of a run's calls one is, the same in each attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallPlace {
    /// The nth without key, from 1.
    Number(u64),
    /// The one with this key.
    Key(String),
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildEnd {
    /// With this output, a JSON text.
    Output(String),
    /// Without.
    Failed {
        /// The kind.
        code: ErrorCode,
        /// For people.
        message: String,
    },
}

/// Why a child was not started, or cannot be asked about; the texts are for the guest's author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChildError {
    /// The run lacks the grant by now.
    #[error("{0}")]
    Denied(String),
    /// No such workflow, or no child of this run.
    #[error("{0}")]
    NotFound(String),
    /// Too many runs above.
    #[error("{0}")]
    TooDeep(String),
    /// Too many runs below the outermost one.
    #[error("{0}")]
    TooMany(String),
    /// Another call stands in this place.
    #[error("{0}")]
    Changed(String),
    /// Storage did not answer. Whether the child was started is not known; the same call in the same place tells.
    #[error("{0}")]
    Unavailable(String),
}

/// A mail that a guest sends: checked, and covered by its grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMail {
    /// Addresses.
    pub to: Vec<String>,
    /// Addresses.
    pub cc: Vec<String>,
    /// One line.
    pub subject: String,
    /// The text.
    pub text: Option<String>,
    /// The same as HTML.
    pub html: Option<String>,
    /// What goes with it.
    pub files: Vec<OutgoingFile>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The id of the mail that it answers.
    pub in_reply_to: Option<String>,
    /// The ids of those before.
    pub references: Vec<String>,
}

impl OutgoingMail {
    /// Its texts and files, in bytes.
    pub fn bytes(&self) -> u64 {
        let texts = self.text.as_ref().map_or(0, String::len) + self.html.as_ref().map_or(0, String::len);
        (texts + self.files.iter().map(|file| file.bytes.len()).sum::<usize>()) as u64
    }
}

/// A file that goes with a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingFile {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A guest's wish to send a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailCall {
    /// The mail.
    pub mail: OutgoingMail,
    /// How the call is known again when the run is executed again.
    pub place: CallPlace,
}

/// Why a mail was not sent; the texts are for the guest's author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// Another mail stands in this place.
    #[error("{0}")]
    Changed(String),
    /// It cannot be put into the form of a message.
    #[error("{0}")]
    Invalid(String),
    /// The relay does not take it, and will not.
    #[error("{0}")]
    Refused(String),
    /// Relay or storage did not answer. Whether it left is not known; the same call in the same place sends it, or tells.
    #[error("{0}")]
    Unavailable(String),
}

/// An outbound request, as the audit trail may know it: without path, headers and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCall {
    /// Host and port, as a grant names them.
    pub host: String,
    /// The method.
    pub method: String,
    /// The size of its body, if that is known before.
    pub bytes: Option<u64>,
}

/// How an outbound request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The size of its body, if the server said.
    pub bytes: Option<u64>,
}

/// One run's connection to storage. `store` is the name of a workflow of the run's organization.
#[async_trait]
pub trait Ports: Send + Sync {
    /// Reads a key.
    async fn kv_get(&self, store: &str, key: &str) -> Result<Option<KvEntry>, PortError>;

    /// Writes a key, whatever was there; it is forgotten after `ttl_ms` milliseconds if given.
    async fn kv_set(
        &self,
        store: &str,
        key: &str,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Result<(), PortError>;

    /// Writes a key if its version is `expected` (0: it does not exist). The new version, or `None` if nothing changed.
    async fn kv_swap(
        &self,
        store: &str,
        key: &str,
        expected: u64,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Result<Option<u64>, PortError>;

    /// Removes a key; whether there was one.
    async fn kv_delete(&self, store: &str, key: &str) -> Result<bool, PortError>;

    /// Up to `limit` keys that start with `prefix`, sorted, after `after`.
    async fn kv_list(
        &self,
        store: &str,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, PortError>;

    /// Starts a child, or gives the one that an earlier attempt started by the same call.
    async fn start_child(&self, call: ChildCall) -> Result<RunId, ChildError>;

    /// How a child ended, if it has; only of a child of this run.
    async fn child_ended(&self, child: RunId) -> Result<Option<ChildEnd>, ChildError>;

    /// Waits for a child's end. Asked only after [`child_ended`](Self::child_ended), and may take for ever.
    async fn child_end(&self, child: RunId) -> Result<ChildEnd, ChildError>;

    /// A request is about to leave; it does not if this fails. Where the workflow asks for it, that is on the record when this returns, and the
    /// id is given under which its end is told.
    async fn http_begins(&self, call: &HttpCall) -> Result<Option<AuditId>, PortError>;

    /// Records how a request ended that began so. What was begun and never ended is unknown.
    async fn http_ended(&self, call: &HttpCall, begun: AuditId, end: Result<HttpAnswer, String>);

    /// Sends a mail and gives its `Message-ID`, or gives that of the mail that an earlier attempt sent by the same call.
    async fn send_mail(&self, call: MailCall) -> Result<String, MailError>;

    /// Records in the audit trail that the run was refused `action` on `name`. Awaited before the guest gets its error.
    async fn denied(&self, action: Action, name: Option<&str>, reason: &str);

    /// Whether the run may still act: its lease is held and its account not revoked. Asked before each host call, so it
    /// must be cheap: no I/O.
    fn alive(&self) -> Result<(), StopReason>;
}

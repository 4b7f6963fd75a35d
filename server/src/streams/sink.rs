//! What a stream delivers to. What must hold: `deliver` returns without an error only when the receiver has the whole batch; it takes a bounded time.

use factotum_model::{OrgId, Timestamp};
use factotum_storage::audit_sealed::SealedEntry;

use super::file::FileSink;
use super::syslog::SyslogSink;
use super::webhook::{Message, WebhookSink};
use crate::config::audit_stream::StreamTarget;
use crate::view::audit::AuditForm;

/// Entries of one organization that follow one another.
#[derive(Debug)]
pub struct Batch {
    /// Whose.
    pub org_id: OrgId,
    /// The entries; at least one.
    pub entries: Vec<SealedEntry>,
    /// In which form they go out.
    pub form: AuditForm,
    /// Now.
    pub now: Timestamp,
}

impl Batch {
    /// One line per entry.
    pub fn lines(&self) -> String {
        self.entries.iter().map(|sealed| self.form.line(&sealed.entry)).collect()
    }

    /// For a webhook. The id names the entries of the batch, so a repeated batch has the same.
    fn message(&self) -> Message {
        let index = |sealed: Option<&SealedEntry>| sealed.map_or(0, |sealed| sealed.index);
        let (first, last) = (index(self.entries.first()), index(self.entries.last()));
        Message {
            id: format!("{}_{first}_{last}", self.org_id),
            content_type: "application/jsonl",
            body: self.lines(),
            at: self.now,
        }
    }
}

/// Why a batch did not arrive, for the log. No secret is in it.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Nobody answered in time.
    #[error("no answer within {0} s")]
    Timeout(u64),
    /// The connection or the file.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// HTTP.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// The receiver said no.
    #[error("the receiver answered {0}")]
    Status(http::StatusCode),
    /// The batch cannot be put as the receiver would have it.
    #[error("{0}")]
    Form(String),
}

impl SinkError {
    /// An error of the system, and what was being done.
    pub fn io(what: impl ToString) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what: what.to_string(), source }
    }
}

/// Where a stream goes.
pub enum Sink {
    /// Syslog over TLS.
    Syslog(SyslogSink),
    /// A webhook.
    Webhook(WebhookSink),
    /// A file.
    File(FileSink),
}

impl Sink {
    /// Reads what its settings name. `host` is what this machine calls itself.
    pub fn configured(target: &StreamTarget, host: &str) -> Result<Self, String> {
        Ok(match target {
            StreamTarget::Syslog { host: server, port, ca_file, identity } => Self::Syslog(
                SyslogSink::configured(server, *port, ca_file.as_deref(), identity.as_ref(), host)?,
            ),
            StreamTarget::Webhook(target) => Self::Webhook(WebhookSink::configured(target)?),
            StreamTarget::File { path, rotate_bytes, keep } => {
                Self::File(FileSink::configured(path, *rotate_bytes, *keep))
            }
        })
    }

    /// Delivers a batch.
    pub async fn deliver(&mut self, batch: &Batch) -> Result<(), SinkError> {
        match self {
            Self::Syslog(sink) => sink.deliver(batch).await,
            Self::Webhook(sink) => sink.deliver(&batch.message()).await,
            Self::File(sink) => sink.deliver(batch).await,
        }
    }
}

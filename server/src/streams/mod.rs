//! Streams of the audit trail, or of its checkpoints, to other systems: syslog over TLS, a webhook, a file, a letter. What must hold: each entry arrives at
//! least once, in the order in which it was sealed; a cursor moves only after the receiver has what lies before it; nothing waits for a receiver but its own
//! stream; one node streams at a time.

mod checkpoints;
mod deliver;
mod entries;
mod file;
pub mod lag;
pub(crate) mod sink;
mod syslog;
mod tls;
pub(crate) mod webhook;

use std::sync::Arc;

use factotum_storage::audit_streams::Position;
use tokio_util::sync::CancellationToken;

use crate::config::AuditStreamConfig;
use crate::config::audit_stream::Sends;
use crate::operations::Services;
use checkpoints::Checkpoints;
use entries::Entries;

/// A stream that cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("`audit.stream` `{name}`: {reason}")]
pub struct StreamError {
    name: String,
    reason: String,
}

/// A stream, ready to run.
pub struct Stream {
    name: String,
    organization: Option<String>,
    sends: Outlet,
}

/// What it sends, and where to.
enum Outlet {
    Entries(Entries),
    Checkpoints(Checkpoints),
}

impl Stream {
    /// Reads certificates and the like, so that a wrong set-up fails before anything starts.
    pub fn configured(config: &AuditStreamConfig, host: &str) -> Result<Self, StreamError> {
        let sends = match &config.sends {
            Sends::Entries { target, form } => Entries::configured(target, *form, host).map(Outlet::Entries),
            Sends::Checkpoints { target, every } => {
                Checkpoints::configured(target, *every).map(Outlet::Checkpoints)
            }
        };
        let sends = sends.map_err(|reason| StreamError { name: config.name.clone(), reason })?;
        Ok(Self { name: config.name.clone(), organization: config.organization.clone(), sends })
    }

    /// Delivers until the stop.
    pub async fn run(self, services: Arc<Services>, stop: CancellationToken) {
        deliver::run(self, services, stop).await;
    }

    /// Which organizations it is of.
    pub fn scope(&self) -> Scope {
        Scope { stream: self.name.clone(), organization: self.organization.clone() }
    }
}

/// Which organizations a stream is of.
#[derive(Debug, Clone)]
pub struct Scope {
    stream: String,
    organization: Option<String>,
}

impl Scope {
    fn covers(&self, position: &Position) -> bool {
        let named = |wanted: &String| *wanted == position.name || *wanted == position.org_id.to_string();
        self.organization.as_ref().is_none_or(named)
    }
}

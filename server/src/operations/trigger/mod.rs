//! Triggers: make, show, change, delete.

mod backfill;
mod change;
mod create;
mod delete;
mod door;
mod edi;
mod email;
mod fire;
mod preview;
mod read;
mod regenerate;
mod sample_mail;
mod secret;
mod test;
mod test_once;

pub use backfill::{Backfilled, Range, backfill};
pub use change::{Change, change};
pub use create::{NewTrigger, create};
pub use delete::delete;
pub use door::HookDoor;
pub use preview::{Preview, preview};
pub use read::{get, list};
pub use regenerate::{MAX_OVERLAP_S, Overlap, regenerate};
pub use sample_mail::SampleMail;
pub use secret::fresh_secret;
pub use test::{Sample, Tested, test};
pub use test_once::test_once;

use factotum_model::Timestamp;
use factotum_schedule::{Firing, Schedule};
use factotum_storage::triggers::Trigger;

use crate::operations::{OperationError, Services};
use crate::view::trigger::TriggerView;

/// How many firings are previewed.
const PREVIEWED: usize = 10;

/// A trigger with what only its kind has.
#[derive(Debug)]
pub struct Shown {
    /// The trigger.
    pub trigger: Trigger,
    /// webhook, edi: what the world calls, for those who may read it.
    pub url: Option<String>,
    /// email: where mail is sent to, for those who may read it.
    pub address: Option<String>,
    /// webhook, edi: until when the URL before leads to it too, where it does.
    pub old_url_until: Option<Timestamp>,
    /// schedule: when it is due next.
    pub firings: Option<Vec<Firing>>,
}

impl Shown {
    /// Without what only a kind has.
    fn plain(trigger: Trigger) -> Self {
        Self { trigger, url: None, address: None, old_url_until: None, firings: None }
    }

    /// As the world sees it.
    pub fn view(&self) -> TriggerView {
        let mut view = TriggerView::new(&self.trigger, self.url.clone(), self.firings.as_deref());
        view.address.clone_from(&self.address);
        view.old_url_until = self.old_url_until.map(|at| at.to_string());
        view
    }
}

fn url(services: &Services, token: &factotum_webhook::Token) -> String {
    services.hooks.shown(token)
}

fn upcoming(services: &Services, schedule: &Schedule) -> Vec<Firing> {
    schedule.next_firings(services.now(), PREVIEWED)
}

/// A field of `config` that is refused.
fn wrong(field: &str, problem: &str) -> OperationError {
    let path = if field.is_empty() { "config".to_owned() } else { format!("config.{field}") };
    OperationError::invalid(path, problem)
}

fn no_randomness(_: getrandom::Error) -> OperationError {
    OperationError::Unavailable("the operating system gives no random bytes".to_owned())
}

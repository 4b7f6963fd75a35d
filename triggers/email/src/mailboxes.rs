//! All e-mail triggers of a database. What must hold: an address is unknown until the database says otherwise; the first refusal of a kind is on the record before
//! its sender hears of it.

use std::sync::Arc;

use factotum_model::TriggerId;
use factotum_storage::Storage;
use factotum_storage::accept::Origin;
use factotum_storage::tally::Tally;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::address::Address;
use crate::deliver::Recipient;
use crate::known::{Cache, Known};
use crate::refusal::Refusal;
use crate::verdict::Checker;

/// All e-mail triggers of a database.
pub struct Mailboxes {
    pub(crate) storage: Storage,
    pub(crate) checker: Option<Checker>,
    pub(crate) tally: Tally,
    /// Taken by one large message at a time.
    pub(crate) large: Mutex<()>,
    pub(crate) tasks: TaskTracker,
    domain: String,
    cache: Cache,
}

impl Mailboxes {
    /// The triggers of a database, whose addresses are in this domain. Without a checker nothing is proven of a sender. [`Mailboxes::tally`] must run beside
    /// them.
    pub fn over(storage: Storage, domain: impl Into<String>, checker: Option<Checker>) -> Self {
        Self {
            storage,
            checker,
            tally: Tally::default(),
            large: Mutex::default(),
            tasks: TaskTracker::new(),
            domain: domain.into().to_ascii_lowercase(),
            cache: Cache::default(),
        }
    }

    /// The domain of the addresses.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Forgets what is remembered of a trigger: to be called when it was changed or deleted.
    pub fn forget(&self, trigger: TriggerId) {
        self.cache.forget(trigger);
    }

    /// Writes down counts and the number of refusals, each second and at the end.
    pub async fn tally(&self, stop: CancellationToken) {
        self.tally.keep(&self.storage, stop, || {}).await;
    }

    /// The trigger behind an address that takes a message now. `size` is what the sender says of the message.
    pub(crate) async fn find(
        &self,
        address: &str,
        size: Option<u64>,
        origin: &Origin,
    ) -> Result<Recipient, Refusal> {
        let (local, domain) = address.rsplit_once('@').ok_or(Refusal::Unknown)?;
        if !domain.trim_end_matches('.').eq_ignore_ascii_case(&self.domain) {
            return Err(Refusal::Relay);
        }
        let asked = Address::parse(local).ok_or(Refusal::Unknown)?;
        let found = self.cache.find(&self.storage, asked.token.hash()).await?;
        let known = found.filter(|known| known.config.name == asked.name).ok_or(Refusal::Unknown)?;
        let most = known.config.max_message_bytes;
        let refusal = if known.paused {
            Some(Refusal::Paused)
        } else {
            size.filter(|size| *size > most).map(|_| Refusal::TooLarge(most))
        };
        if let Some(refusal) = refusal {
            self.refuse(&known, &refusal, origin).await;
            return Err(refusal);
        }
        Ok(Recipient { known, address: address.to_owned() })
    }

    /// Counts a refusal and puts it on the record. The first of a kind is committed before the sender hears of it.
    pub(crate) async fn refuse(&self, known: &Arc<Known>, refusal: &Refusal, origin: &Origin) {
        if !refusal.is_the_senders() {
            return;
        }
        if let Some(entry) =
            self.tally.refused(&self.storage, known.refuser(), (refusal.row().2, refusal), origin)
            && let Err(error) = self.storage.journal().record(entry).await
        {
            tracing::error!(%error, trigger = %known.id, "a refusal could not be put on the record");
        }
    }
}

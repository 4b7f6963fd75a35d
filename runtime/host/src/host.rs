//! The host: one engine with its clock thread, its components and its slots.

use std::future::Future;
use std::sync::Arc;

use factotum_model::Digest;
use wasmtime::Engine;

use crate::component::{Inspected, Prepared, Registry};
use crate::config::HostConfig;
use crate::egress::connect::Egress;
use crate::egress::{Outgoing, OutgoingError};
use crate::error::{HostError, UploadError};
use crate::invocation::{Invocation, Report};
use crate::invoke::Surroundings;
use crate::share::Share;
use crate::slot::{Place, Slot, Slots, waiting_room};
use crate::ticker::Ticker;

/// Runs components. Clones are the same host; its clock thread ends with the last one.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    ticker: Ticker,
    registry: Registry,
    egress: Arc<Egress>,
    share: Arc<Share>,
    slots: Slots,
}

impl Host {
    /// Starts the engine and its clock thread, and opens the cache.
    pub fn new(config: HostConfig) -> Result<Self, HostError> {
        let room = config.max_instances.saturating_add(waiting_room(config.max_instances));
        let engine = crate::engine::make(room)?;
        let inner = Inner {
            ticker: Ticker::start(&engine)?,
            registry: Registry::open(&engine, &config)?,
            egress: Arc::new(Egress::new(config.egress, config.egress_roots, config.connect_timeout)?),
            share: Arc::new(Share::new(
                std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
                config.max_memory_bytes,
            )),
            slots: Slots::new(config.max_instances),
            engine,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Checks an upload, compiles it and leaves the result in the cache, so that the first run does not pay. Needs a tokio
    /// runtime; compiling happens on its blocking threads.
    pub async fn inspect(&self, bytes: impl Into<bytes::Bytes>) -> Result<Inspected, UploadError> {
        self.inner.registry.inspect(bytes.into()).await
    }

    /// A component ready to run: from memory, from the cache, or compiled from what `load` gives (the bytes as they were
    /// uploaded; their digest is checked). Calls at the same time for the same digest compile once.
    pub async fn prepare<E>(
        &self,
        digest: Digest,
        load: impl Future<Output = Result<Vec<u8>, E>> + Send,
    ) -> Result<Arc<Prepared>, HostError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.inner.registry.prepare(digest, load).await
    }

    /// Runs one attempt in a fresh instance. Always gives a report. Dropping the future stops the guest.
    pub async fn invoke(&self, prepared: &Prepared, slot: Slot, invocation: Invocation) -> Report {
        let _ticking = self.inner.ticker.ticking();
        let inner = &self.inner;
        let place = Arc::new(Place::new(inner.slots.clone(), slot));
        let surroundings =
            Surroundings { engine: &inner.engine, egress: &inner.egress, share: &inner.share, place: &place };
        let report = crate::invoke::invoke(&surroundings, prepared, invocation).await;
        // Only now is the instance gone and its place in the pool free.
        drop(place);
        report
    }

    /// Connects to the host of a URL for the server itself, as far as the egress policy of guests lets it; with TLS for `https`.
    pub async fn connect(&self, uri: &http::Uri) -> Result<Box<dyn Outgoing>, OutgoingError> {
        self.inner.egress.connect_to(uri).await
    }

    /// How many guests can run at a time.
    pub fn capacity(&self) -> u32 {
        self.inner.slots.capacity()
    }

    /// The memories and tables of all guests now, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.inner.share.memory()
    }

    /// How many more guests could run now.
    pub fn free_slots(&self) -> u32 {
        self.inner.slots.free()
    }

    /// Reserves a slot if one is free.
    pub fn try_reserve(&self) -> Option<Slot> {
        self.inner.slots.try_reserve()
    }

    /// Waits for a slot.
    pub async fn reserve(&self) -> Slot {
        self.inner.slots.reserve().await
    }
}

//! The host: one engine, its components and its slots.

use std::future::Future;
use std::sync::Arc;

use factotum_model::Digest;

use crate::component::{Inspected, Prepared};
use crate::config::HostConfig;
use crate::error::{HostError, UploadError};
use crate::invocation::{Invocation, Report};
use crate::slot::{Slot, Slots};

/// Runs components. Clones are the same host.
#[derive(Clone)]
pub struct Host {
    slots: Slots,
}

impl Host {
    /// Starts the engine and its clock thread, and opens the cache.
    pub fn new(config: HostConfig) -> Result<Self, HostError> {
        Ok(Self { slots: Slots::new(config.max_instances) })
    }

    /// Checks an upload, compiles it and leaves the result in the cache, so that the first run does not pay.
    pub async fn inspect(&self, _bytes: impl Into<bytes::Bytes>) -> Result<Inspected, UploadError> {
        todo!()
    }

    /// A component ready to run: from memory, from the cache, or compiled from what `load` gives. Calls at the same time
    /// for the same digest compile once.
    pub async fn prepare<E>(
        &self,
        _digest: Digest,
        _load: impl Future<Output = Result<Vec<u8>, E>> + Send,
    ) -> Result<Arc<Prepared>, HostError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        todo!()
    }

    /// Runs one attempt in a fresh instance. Always gives a report. Dropping the future stops the guest.
    pub async fn invoke(&self, _prepared: &Prepared, _slot: Slot, _invocation: Invocation) -> Report {
        todo!()
    }

    /// How many guests can run at a time.
    pub fn capacity(&self) -> u32 {
        self.slots.capacity()
    }

    /// How many more guests could run now.
    pub fn free_slots(&self) -> u32 {
        self.slots.free()
    }

    /// Reserves a slot if one is free.
    pub fn try_reserve(&self) -> Option<Slot> {
        self.slots.try_reserve()
    }

    /// Waits for a slot.
    pub async fn reserve(&self) -> Slot {
        self.slots.reserve().await
    }
}

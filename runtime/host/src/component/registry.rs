//! The components that are ready to run. What must hold: each digest is compiled once however many ask at a time; compiling
//! happens off the async threads, a bounded number at a time, and no caller waits longer than the limit.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use factotum_model::Digest;
use tokio::sync::{OnceCell, Semaphore};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::adapt;
use super::cache::Cache;
use super::prepared::{Inspected, Prepared};
use crate::config::HostConfig;
use crate::error::{HostError, UploadError};
use crate::guest::Guest;

/// How many components are compiled at a time: each uses all cores as it is.
const COMPILERS: usize = 2;

/// All components of a host.
pub(crate) struct Registry {
    toolchain: Arc<Toolchain>,
    compilers: Arc<Semaphore>,
    ready: Mutex<Ready>,
    max_bytes: u64,
    timeout: std::time::Duration,
}

/// What turns bytes into a [`Prepared`].
struct Toolchain {
    engine: Engine,
    linker: Linker<Guest>,
    cache: Cache,
}

/// What is in memory, and when it was used last.
struct Ready {
    cells: HashMap<Digest, Cell>,
    uses: u64,
    max: usize,
}

struct Cell {
    prepared: Arc<OnceCell<Arc<Prepared>>>,
    used: u64,
}

impl Registry {
    pub(crate) fn open(engine: &Engine, config: &HostConfig) -> Result<Self, HostError> {
        let linker = crate::capability::link(engine).map_err(|e| HostError::Engine(format!("{e:#}")))?;
        let cache = Cache::open(&config.cache_dir, engine)?;
        Ok(Self {
            toolchain: Arc::new(Toolchain { engine: engine.clone(), linker, cache }),
            compilers: Arc::new(Semaphore::new(COMPILERS)),
            ready: Mutex::new(Ready { cells: HashMap::new(), uses: 0, max: config.max_components.max(1) }),
            max_bytes: config.max_component_bytes,
            timeout: config.compile_timeout,
        })
    }

    /// Checks and compiles an upload.
    pub(crate) async fn inspect(&self, bytes: Bytes) -> Result<Inspected, UploadError> {
        let size = bytes.len() as u64;
        if size > self.max_bytes {
            return Err(UploadError::TooLarge { size, max: self.max_bytes });
        }
        let digest = Digest::of(&bytes);
        let cell = self.cell(digest);
        let made = cell.get_or_try_init(|| self.make(digest, bytes)).await;
        let prepared = made.inspect_err(|_| self.forget(digest))?;
        let (imports, exports) = (prepared.imports().to_vec(), prepared.exports().to_vec());
        Ok(Inspected { digest, world: prepared.world(), imports, exports, size })
    }

    /// A component by digest: from memory, from the cache, or from what `load` gives.
    pub(crate) async fn prepare<E>(
        &self,
        digest: Digest,
        load: impl Future<Output = Result<Vec<u8>, E>> + Send,
    ) -> Result<Arc<Prepared>, HostError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let cell = self.cell(digest);
        if let Some(prepared) = cell.get() {
            return Ok(Arc::clone(prepared));
        }
        let broken = |source| HostError::Component { digest, source };
        let prepared = cell
            .get_or_try_init(|| async {
                if let Some(prepared) = self.cached(digest).await {
                    return Ok(prepared);
                }
                let bytes = load.await.map_err(|e| HostError::Load { digest, source: e.into() })?;
                let found = Digest::of(&bytes);
                if found != digest {
                    return Err(HostError::Damaged { expected: digest, found });
                }
                self.make(digest, bytes.into()).await.map_err(broken)
            })
            .await
            .inspect_err(|_| self.forget(digest))?;
        Ok(Arc::clone(prepared))
    }

    /// From the cache alone: that is quick, and needs no compiler.
    async fn cached(&self, digest: Digest) -> Option<Arc<Prepared>> {
        let tools = Arc::clone(&self.toolchain);
        tokio::task::spawn_blocking(move || tools.cached(digest)?.ok()).await.ok()?
    }

    async fn make(&self, digest: Digest, bytes: Bytes) -> Result<Arc<Prepared>, UploadError> {
        let made = tokio::time::timeout(self.timeout, async {
            // A compilation that outlives its caller keeps its permit, so that they cannot pile up.
            let permit = Arc::clone(&self.compilers).acquire_owned().await;
            let tools = Arc::clone(&self.toolchain);
            tokio::task::spawn_blocking(move || {
                let _permit = permit;
                tools.make(digest, &bytes)
            })
            .await
        });
        match made.await {
            Ok(Ok(made)) => made,
            Ok(Err(panic)) => Err(UploadError::Invalid(format!("the compiler failed on it: {panic}"))),
            Err(_) => Err(UploadError::CompileTimeout { limit_s: self.timeout.as_secs() }),
        }
    }

    /// What could not be made takes no place from what could.
    fn forget(&self, digest: Digest) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.cells.get(&digest).is_some_and(|cell| !cell.prepared.initialized()) {
            ready.cells.remove(&digest);
        }
    }

    fn cell(&self, digest: Digest) -> Arc<OnceCell<Arc<Prepared>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).cell(digest)
    }
}

impl Ready {
    fn cell(&mut self, digest: Digest) -> Arc<OnceCell<Arc<Prepared>>> {
        self.uses += 1;
        let used = self.uses;
        if let Some(cell) = self.cells.get_mut(&digest) {
            cell.used = used;
            return Arc::clone(&cell.prepared);
        }
        if self.cells.len() >= self.max {
            let oldest = self.cells.iter().min_by_key(|(_, cell)| cell.used).map(|(digest, _)| *digest);
            oldest.and_then(|digest| self.cells.remove(&digest));
        }
        let prepared = Arc::<OnceCell<Arc<Prepared>>>::default();
        self.cells.insert(digest, Cell { prepared: Arc::clone(&prepared), used });
        prepared
    }
}

impl Toolchain {
    fn cached(&self, digest: Digest) -> Option<Result<Arc<Prepared>, UploadError>> {
        let component = self.cache.load(&self.engine, digest)?;
        Some(Prepared::link(&self.engine, &self.linker, digest, &component).map(Arc::new))
    }

    fn make(&self, digest: Digest, bytes: &[u8]) -> Result<Arc<Prepared>, UploadError> {
        if let Some(cached) = self.cached(digest) {
            return cached;
        }
        let component = adapt::component(bytes)?;
        let component = Component::from_binary(&self.engine, &component)
            .map_err(|error| UploadError::Invalid(format!("{error:#}")))?;
        let prepared = Prepared::link(&self.engine, &self.linker, digest, &component)?;
        self.cache.store(digest, &component);
        Ok(Arc::new(prepared))
    }
}

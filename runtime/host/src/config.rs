//! How a host is set up. What must hold: every bound has a name and a default here.

use std::path::PathBuf;
use std::time::Duration;

use crate::egress::EgressPolicy;

/// The settings of a [`Host`](crate::Host).
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Where compiled components are kept; made with mode 0700 if missing.
    pub cache_dir: PathBuf,
    /// How many guests run at a time.
    pub max_instances: u32,
    /// The memories and tables of all guests together, in bytes; beyond it a guest's growth is refused (`memory_limit`).
    pub max_memory_bytes: u64,
    /// How many compiled components are kept in memory, most recently used first.
    pub max_components: usize,
    /// The largest upload, in bytes.
    pub max_component_bytes: u64,
    /// How long compiling one component may take.
    pub compile_timeout: Duration,
    /// How long connecting to an outbound destination may take (DNS, TCP and TLS each).
    pub connect_timeout: Duration,
    /// Where guests may connect to beside the public internet.
    pub egress: EgressPolicy,
    /// Certificate authorities for outbound TLS beside the public ones, as DER: an organization's own.
    pub egress_roots: Vec<Vec<u8>>,
}

impl HostConfig {
    /// The defaults, with a cache in this folder.
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            cache_dir: cache_dir.into(),
            max_instances: 256,
            max_memory_bytes: crate::share::default_memory(),
            max_components: 1_000,
            max_component_bytes: 64 << 20,
            compile_timeout: Duration::from_mins(2),
            connect_timeout: Duration::from_secs(10),
            egress: EgressPolicy::default(),
            egress_roots: Vec::new(),
        }
    }
}

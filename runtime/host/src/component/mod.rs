//! Components: what was uploaded, and what it becomes.

use factotum_model::Digest;

/// Which contract a component fulfils.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// `factotum:workflow/workflow`: exports `handle`.
    Workflow,
    /// `wasi:cli/command`: exports `wasi:cli/run`.
    Command,
}

impl World {
    /// The stored and published word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Workflow => "factotum:workflow",
            Self::Command => "wasi:cli",
        }
    }
}

/// What an upload turned out to be. Store the bytes as they were uploaded: adapting a core module is deterministic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The SHA-256 of the bytes as uploaded.
    pub digest: Digest,
    /// Its world.
    pub world: World,
    /// What it imports, sorted.
    pub imports: Vec<String>,
    /// Its size as uploaded, in bytes.
    pub size: u64,
}

/// A component ready to run.
pub struct Prepared {
    digest: Digest,
    world: World,
}

impl Prepared {
    /// Which component this is.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Which contract it fulfils.
    pub fn world(&self) -> World {
        self.world
    }
}

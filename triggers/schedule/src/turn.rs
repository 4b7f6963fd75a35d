//! Which node fires first. What must hold: every node comes to the same order from the same list of nodes, so that as a rule
//! one fires and the others find it done; and whoever is alone fires at once. That a firing happens once does not rely on this:
//! its dedup key sees to it.

use std::hash::Hasher as _;
use std::time::Duration;

use factotum_model::{NodeId, TriggerId};

/// How long each further node waits for the one before it.
pub(crate) const PATIENCE: Duration = Duration::from_millis(300);
/// No node waits for more than this many others: a list may still name nodes that are gone.
const MAX_RANK: u32 = 3;

/// How long this node waits before it fires a schedule that is due.
pub(crate) fn wait(nodes: &[NodeId], own: NodeId, trigger: TriggerId) -> Duration {
    let mine = weight(own, trigger);
    let before = nodes.iter().filter(|node| **node != own && weight(**node, trigger) > mine).count();
    PATIENCE * u32::try_from(before).unwrap_or(MAX_RANK).min(MAX_RANK)
}

/// Rendezvous hashing: each trigger has an order of nodes of its own, and a node that goes leaves the others' order alone.
fn weight(node: NodeId, trigger: TriggerId) -> u64 {
    let mut hasher = Fnv::default();
    hasher.write(node.0.as_bytes());
    hasher.write(trigger.0.as_bytes());
    hasher.finish()
}

/// FNV-1a, with a last mix: the standard library's hasher may differ from one version of it to the next, and two nodes may run two.
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl std::hash::Hasher for Fnv {
    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_node_is_first_and_each_has_its_share() {
        let nodes: Vec<NodeId> = (0..3).map(|_| NodeId::random()).collect();
        let mut firsts = [0; 3];
        for _ in 0..3_000 {
            let trigger = TriggerId::random();
            let mut waits: Vec<Duration> = nodes.iter().map(|node| wait(&nodes, *node, trigger)).collect();
            firsts[waits.iter().position(Duration::is_zero).unwrap()] += 1;
            waits.sort();
            assert_eq!(waits, [Duration::ZERO, PATIENCE, PATIENCE * 2]);
        }
        assert!(firsts.iter().all(|n| *n > 700), "{firsts:?}");
        assert_eq!(wait(&[], nodes[0], TriggerId::random()), Duration::ZERO);
    }
}

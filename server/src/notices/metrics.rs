//! What is counted of notices. What must hold: the labels are words of a closed list.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    by: &'static str,
    end: &'static str,
}

/// Tries of this node to send a notice, by how they ended.
#[derive(Debug, Default)]
pub struct NoticeMetrics {
    tries: Family<Labels, Counter>,
}

impl NoticeMetrics {
    /// Everything at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let own = Self::default();
        registry.register(
            "notice_tries",
            "Tries of this node to send a notice about workflows, by how they ended",
            own.tries.clone(),
        );
        own
    }

    pub(super) fn tried(&self, by: &'static str, end: &'static str) {
        self.tries.get_or_create(&Labels { by, end }).inc();
    }
}

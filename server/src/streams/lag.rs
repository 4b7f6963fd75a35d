//! How far streams are behind, as metrics: entries that are sealed and not confirmed, and the age of the first of them. What must hold: it is measured
//! from the database, on every node, whatever a stream itself is doing.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use factotum_model::{OrgId, Timestamp};
use factotum_storage::{StorageError, Tx, audit_streams};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use super::Scope;
use crate::operations::Services;

/// How often it is measured.
const ROUND: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    stream: String,
}

/// What is counted of streams. The labels are the names in the settings.
#[derive(Debug, Default)]
pub struct StreamMetrics {
    entries: Family<Labels, Gauge>,
    seconds: Family<Labels, Gauge<f64, AtomicU64>>,
    delivered: Family<Labels, Counter>,
    failures: Family<Labels, Counter>,
}

impl StreamMetrics {
    /// Everything at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let own = Self::default();
        registry.register(
            "audit_stream_lag_entries",
            "Sealed audit entries that the stream's receiver has not confirmed",
            own.entries.clone(),
        );
        registry.register(
            "audit_stream_lag_seconds",
            "Age of the oldest audit entry that the stream's receiver has not confirmed",
            own.seconds.clone(),
        );
        registry.register(
            "audit_stream_delivered",
            "Audit entries that this node delivered",
            own.delivered.clone(),
        );
        registry.register(
            "audit_stream_failures",
            "Deliveries of audit entries by this node that failed",
            own.failures.clone(),
        );
        own
    }

    pub(super) fn delivered(&self, stream: &str, count: u64) {
        self.delivered.get_or_create(&Labels { stream: stream.to_owned() }).inc_by(count);
    }

    pub(super) fn failed(&self, stream: &str) {
        self.failures.get_or_create(&Labels { stream: stream.to_owned() }).inc();
    }
}

/// Measures until the stop.
pub async fn run(scopes: Vec<Scope>, services: Arc<Services>, stop: CancellationToken) {
    loop {
        for scope in &scopes {
            if let Err(error) = measure(scope, &services).await {
                tracing::debug!(stream = scope.stream, %error, "the lag of a stream could not be measured");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
    }
}

/// How far one of these streams is behind in an organization.
#[derive(Debug, Clone)]
pub struct OrgLag {
    /// The stream's name.
    pub stream: String,
    /// Sealed entries that its receiver has not confirmed.
    pub entries: u64,
    /// When the first of them happened.
    pub since: Option<Timestamp>,
}

/// How far the streams of an organization are behind.
pub async fn of_org(tx: &mut Tx, scopes: &[Scope], org: OrgId) -> Result<Vec<OrgLag>, StorageError> {
    let mut found = Vec::new();
    for scope in scopes {
        let lags = audit_streams::lag(tx, &scope.stream).await?;
        let own = lags.into_iter().find(|lag| lag.position.org_id == org && scope.covers(&lag.position));
        found.extend(own.map(|lag| OrgLag {
            stream: scope.stream.clone(),
            entries: lag.entries,
            since: lag.since,
        }));
    }
    Ok(found)
}

async fn measure(scope: &Scope, services: &Services) -> Result<(), StorageError> {
    let mut tx = services.storage.read().await?;
    let lags = audit_streams::lag(&mut tx, &scope.stream).await?;
    drop(tx);
    let own: Vec<_> = lags.into_iter().filter(|lag| scope.covers(&lag.position)).collect();
    let entries: u64 = own.iter().map(|lag| lag.entries).sum();
    let oldest = own.iter().filter_map(|lag| lag.since).min();
    let seconds = oldest.map_or(0.0, |at| services.now().since(at).as_secs_f64());
    let labels = Labels { stream: scope.stream.clone() };
    let metrics = &services.metrics.audit_streams;
    metrics.entries.get_or_create(&labels).set(entries as i64);
    metrics.seconds.get_or_create(&labels).set(seconds);
    Ok(())
}

//! `GET /metrics`: what the program counts, as OpenMetrics text. What must hold: labels come from closed lists (routes, not paths), so
//! that no client can grow them.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use factotum_model::Timestamp;
use http::{Method, StatusCode, header};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::smtp_metrics::SmtpMetrics;
use crate::notices::NoticeMetrics;
use crate::operations::Services;
use crate::streams::lag::StreamMetrics;

/// Bounds of the latency histograms, in seconds.
const LATENCY_BOUNDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    end: &'static str,
}

/// A class of firings: at most so many milliseconds late, and later than the class before.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LagLabels {
    within_ms: String,
}

/// What the program counts.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabels, Histogram, fn() -> Histogram>,
    journal_waiting: Gauge,
    slots_free: Gauge,
    attempts_running: Gauge,
    attempts: Family<EndLabels, Gauge>,
    schedules_armed: Gauge,
    schedule_lag: Family<LagLabels, Gauge>,
    seal_lag: Gauge<f64, AtomicU64>,
    /// How far the audit trail is sealed.
    pub sealing: Sealing,
    /// Open connections.
    pub connections: Gauge,
    /// Requests refused for a key that is none, is revoked or has expired.
    pub unauthenticated: Counter,
    /// What was refused with 403.
    pub denied: Counter,
    /// Passwords hashed, to be stored or to be compared.
    pub password_hashes: Counter,
    /// Keys that the database was asked about.
    pub key_queries: Counter,
    /// The SMTP server.
    pub smtp: SmtpMetrics,
    /// Streams of the audit trail.
    pub audit_streams: StreamMetrics,
    /// Notices that workflows fail, or work again.
    pub notices: NoticeMetrics,
}

/// What is counted of sealing.
#[derive(Default)]
pub struct Sealing {
    /// Entries that this node sealed.
    pub entries: Counter,
    /// Rounds of this node that failed, or left out a log that was tampered with.
    pub failures: Counter,
    /// Entries that a round found, and that are not sealed for sure.
    pub waiting: Gauge,
    complete_at: AtomicI64,
}

impl Sealing {
    /// All that was there at this instant is sealed.
    pub fn complete(&self, at: Timestamp) {
        self.waiting.set(0);
        self.complete_at.store(at.as_micros(), Ordering::Relaxed);
    }

    /// For how long not all that was there is sealed for sure.
    pub fn lag(&self, now: Timestamp) -> Duration {
        now.since(Timestamp::from_micros(self.complete_at.load(Ordering::Relaxed)))
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Everything at zero.
    pub fn register() -> Self {
        let mut registry = Registry::with_prefix("factotum");
        let requests = Family::<RequestLabels, Counter>::default();
        let latency: Family<RouteLabels, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(LATENCY_BOUNDS));
        let connections = Gauge::default();
        let (unauthenticated, denied) = (Counter::default(), Counter::default());
        let password_hashes = Counter::default();
        let key_queries = Counter::default();
        registry.register("key_queries", "Keys that the database was asked about", key_queries.clone());
        registry.register("http_requests", "HTTP requests answered", requests.clone());
        registry.register("http_request_seconds", "Time to the head of the answer", latency.clone());
        registry.register("http_connections", "Open HTTP connections", connections.clone());
        registry.register("unauthenticated", "Requests without a valid key", unauthenticated.clone());
        registry.register("denied", "Requests refused with 403", denied.clone());
        registry.register("password_hashes", "Passwords hashed", password_hashes.clone());
        let (sealing, seal_lag) = (Sealing::default(), Gauge::<f64, AtomicU64>::default());
        registry.register(
            "audit_sealed",
            "Entries of the audit trail sealed by this node",
            sealing.entries.clone(),
        );
        registry.register(
            "audit_seal_failures",
            "Rounds of the sealer that failed",
            sealing.failures.clone(),
        );
        registry.register(
            "audit_unsealed",
            "Entries of the audit trail known not to be sealed",
            sealing.waiting.clone(),
        );
        registry.register(
            "audit_seal_lag_seconds",
            "Time since all of the audit trail was known to be sealed",
            seal_lag.clone(),
        );
        let version: Family<Vec<(String, String)>, Gauge<f64, AtomicU64>> = Family::default();
        version.get_or_create(&vec![("version".into(), env!("CARGO_PKG_VERSION").into())]).set(1.0);
        registry.register("build", "The program's version", version);
        let (journal_waiting, slots_free, attempts_running) =
            (Gauge::default(), Gauge::default(), Gauge::default());
        let attempts = Family::<EndLabels, Gauge>::default();
        registry.register("journal_waiting", "Items that wait for their commit", journal_waiting.clone());
        registry.register("instances_free", "Guests that could run beside those that do", slots_free.clone());
        registry.register("attempts_running", "Attempts under way on this node", attempts_running.clone());
        registry.register("attempts_ended", "Attempts of this node by how they ended", attempts.clone());
        let smtp = SmtpMetrics::register(&mut registry);
        let schedules_armed = Gauge::default();
        let schedule_lag = Family::<LagLabels, Gauge>::default();
        registry.register(
            "schedules_armed",
            "Schedules of the next minute that this node has in memory; -1 before it has read them",
            schedules_armed.clone(),
        );
        registry.register(
            "schedule_firings",
            "Firings that this node committed, by how late; `more` is later than the last class",
            schedule_lag.clone(),
        );
        let audit_streams = StreamMetrics::register(&mut registry);
        let notices = NoticeMetrics::register(&mut registry);
        Self {
            registry,
            requests,
            latency,
            journal_waiting,
            slots_free,
            attempts_running,
            attempts,
            schedules_armed,
            schedule_lag,
            seal_lag,
            sealing,
            connections,
            unauthenticated,
            denied,
            password_hashes,
            key_queries,
            smtp,
            audit_streams,
            notices,
        }
    }

    /// Counts one answered request.
    pub fn request(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let method = match *method {
            Method::GET
            | Method::POST
            | Method::PUT
            | Method::PATCH
            | Method::DELETE
            | Method::HEAD
            | Method::OPTIONS => method.as_str(),
            _ => "other",
        };
        let labels = RequestLabels { method: method.into(), route: route.into(), status: status.as_u16() };
        self.requests.get_or_create(&labels).inc();
        // A hook's own 401 is a wrong signature, not a key.
        if route.starts_with("/api/") {
            if status == StatusCode::UNAUTHORIZED {
                self.unauthenticated.inc();
            } else if status == StatusCode::FORBIDDEN {
                self.denied.inc();
            }
        }
        self.latency.get_or_create(&RouteLabels { route: route.into() }).observe(took.as_secs_f64());
    }

    /// The text of `GET /metrics`.
    pub fn answer(&self, services: &Services) -> Response {
        self.journal_waiting.set(services.storage.journal().waiting() as i64);
        self.slots_free.set(i64::from(services.host.free_slots()));
        let counted = services.dispatcher.metrics();
        self.attempts_running.set(counted.running as i64);
        for (end, count) in [
            ("succeeded", counted.succeeded),
            ("failed", counted.failed),
            ("dead", counted.dead),
            ("retried", counted.retried),
            ("released", counted.released),
            ("lease_lost", counted.lease_lost),
        ] {
            self.attempts.get_or_create(&EndLabels { end }).set(count as i64);
        }
        self.schedules_armed.set(services.scheduler.armed().map_or(-1, |n| n as i64));
        let bounds = factotum_schedule::lag::BOUNDS_MS.iter().map(ToString::to_string);
        let classes = bounds.chain(std::iter::once("more".to_owned()));
        for (within_ms, count) in classes.zip(services.scheduler.lag().counts()) {
            self.schedule_lag.get_or_create(&LagLabels { within_ms }).set(count as i64);
        }
        self.seal_lag.set(self.sealing.lag(services.now()).as_secs_f64());
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => {
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                ([(header::CONTENT_TYPE, kind)], text).into_response()
            }
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

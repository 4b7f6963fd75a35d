//! What is counted of the SMTP server. What must hold: a label's values come from the server's own list of reasons.

use std::time::Duration;

use factotum_email::Observe;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Bounds of the histogram, in seconds: the look-ups of one message may take two.
const BOUNDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// What is counted of the SMTP server.
#[derive(Debug, Clone)]
pub struct SmtpMetrics {
    connections: Gauge,
    messages: Counter,
    refusals: Family<Reason, Counter>,
    seconds: Histogram,
}

impl SmtpMetrics {
    /// Everything at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let own = Self {
            connections: Gauge::default(),
            messages: Counter::default(),
            refusals: Family::default(),
            seconds: Histogram::new(BOUNDS),
        };
        registry.register("smtp_connections", "Open SMTP connections", own.connections.clone());
        registry.register("smtp_messages", "Messages committed", own.messages.clone());
        registry.register(
            "smtp_refusals",
            "Connections, commands, recipients and messages refused",
            own.refusals.clone(),
        );
        registry.register(
            "smtp_message_seconds",
            "Time from a message's last byte to its answer",
            own.seconds.clone(),
        );
        own
    }
}

impl Observe for SmtpMetrics {
    fn opened(&self) {
        self.connections.inc();
    }

    fn closed(&self) {
        self.connections.dec();
    }

    fn answered(&self, accepted: bool, took: Duration) {
        if accepted {
            self.messages.inc();
        }
        self.seconds.observe(took.as_secs_f64());
    }

    fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&Reason { reason }).inc();
    }
}

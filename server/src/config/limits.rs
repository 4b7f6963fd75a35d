//! Bounds: the most that a workflow may ask for, and the server's own. What must hold: every queue, body and time has one.

use std::time::Duration;

use factotum_model::workflow::Limits;

use super::source::Layers;
use super::{ConfigError, Origin};

/// The `[limits]` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsConfig {
    /// The most that `limits` of a workflow may say.
    pub maximum: Limits,
    /// How many instances run at a time.
    pub max_instances: u32,
    /// The largest component that may be uploaded, in bytes.
    pub component_bytes: u64,
    /// The largest JSON body of the API, in bytes.
    pub json_body_bytes: u64,
    /// How many connections are open at a time; more wait in the system's queue.
    pub connections: usize,
    /// How long a stop waits for what is going on.
    pub drain: Duration,
    /// How many keys that were never seen an address may show in a minute; a sixth of it at once.
    pub unknown_keys_per_minute: u32,
    /// How long a log-in session lasts at the most.
    pub session: Duration,
    /// How long a session that is not used lasts.
    pub session_idle: Duration,
}

impl LimitsConfig {
    /// Checks the settings.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let read = |key| number(layers, key);
        let maximum = Limits {
            wall_ms: read("limits.wall_ms")?,
            cpu_ms: read("limits.cpu_ms")?,
            memory_bytes: read("limits.memory_bytes")?,
            output_bytes: read("limits.output_bytes")?,
            log_bytes: read("limits.log_bytes")?,
            host_calls: read("limits.host_calls")?,
            http_requests: read("limits.http_requests")?,
            http_bytes: read("limits.http_bytes")?,
        };
        Ok(Self {
            maximum,
            max_instances: within(layers, "limits.max_instances", 100_000)? as u32,
            component_bytes: within(layers, "limits.component_bytes", 1 << 30)?,
            json_body_bytes: within(layers, "limits.json_body_bytes", 64 << 20)?,
            connections: within(layers, "limits.connections", 1_000_000)? as usize,
            drain: Duration::from_millis(within(layers, "limits.drain_ms", 3_600_000)?),
            unknown_keys_per_minute: within(layers, "limits.unknown_keys_per_minute", 1_000_000)? as u32,
            session: Duration::from_secs(within(layers, "limits.session_s", 30 * 24 * 3_600)?),
            session_idle: Duration::from_secs(within(layers, "limits.session_idle_s", 30 * 24 * 3_600)?),
        })
    }
}

fn number(layers: &Layers, key: &'static str) -> Result<u64, ConfigError> {
    within(layers, key, u64::MAX)
}

pub(super) fn within(layers: &Layers, key: &'static str, max: u64) -> Result<u64, ConfigError> {
    let value = layers.parse::<u64>(key)?.unwrap_or(0);
    if value == 0 || value > max {
        let origin = layers.text(key).map_or(Origin::Default, |(_, origin)| origin);
        return Err(ConfigError::Value {
            key,
            origin,
            reason: format!("{value} does not lie between 1 and {max}"),
        });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn the_defaults_are_the_models_and_zero_is_refused() {
        let defaults = LimitsConfig::from_layers(&Layers::default()).unwrap();
        assert_eq!(defaults.maximum, Limits::MAXIMUM);
        let zero = Environment::from([("FACTOTUM_LIMITS_MAX_INSTANCES".to_owned(), "0".to_owned())]);
        let error =
            LimitsConfig::from_layers(&Layers::resolve(&[], &zero, None).unwrap()).unwrap_err().to_string();
        assert!(error.contains("FACTOTUM_LIMITS_MAX_INSTANCES"), "{error}");
    }
}

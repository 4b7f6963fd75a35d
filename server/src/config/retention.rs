//! How long records are kept. What must hold: the audit trail is kept for ever unless somebody says otherwise, and never less than 30 days.

use std::time::Duration;

use factotum_storage::retention::MIN_AGE;

use super::ConfigError;
use super::source::Layers;

/// The longest that can be set, in days: a century.
const MAX_DAYS: u64 = 36_500;
const DAY: Duration = Duration::from_hours(24);

/// The `[retention]` section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetentionConfig {
    /// How old entries of the audit trail become; none for ever.
    pub audit: Option<Duration>,
}

impl RetentionConfig {
    /// Checks the settings.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let key = "retention.audit_days";
        let audit = age(layers.parse::<u64>(key)?.unwrap_or(0)).map_err(|reason| {
            let origin = layers.text(key).map_or(super::Origin::Default, |(_, origin)| origin);
            ConfigError::Value { key, origin, reason }
        })?;
        Ok(Self { audit })
    }
}

/// A number of days as an age; 0 is none.
pub fn age(days: u64) -> Result<Option<Duration>, String> {
    let least = MIN_AGE.as_secs() / DAY.as_secs();
    match days {
        0 => Ok(None),
        days if (least..=MAX_DAYS).contains(&days) => Ok(Some(Duration::from_secs(days * DAY.as_secs()))),
        days => {
            Err(format!("{days} days: entries are kept from {least} to {MAX_DAYS} days, or, by 0, for ever"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn the_trail_is_kept_for_ever_unless_told_otherwise() {
        assert_eq!(RetentionConfig::from_layers(&Layers::default()).unwrap().audit, None);
        let set = |days: &str| {
            let set = Environment::from([("FACTOTUM_RETENTION_AUDIT_DAYS".to_owned(), days.to_owned())]);
            RetentionConfig::from_layers(&Layers::resolve(&[], &set, None).unwrap())
        };
        assert_eq!(set("30").unwrap().audit, Some(MIN_AGE));
        for bad in ["1", "29", "36501"] {
            let error = set(bad).unwrap_err().to_string();
            assert!(error.contains("FACTOTUM_RETENTION_AUDIT_DAYS") && error.contains(bad), "{error}");
        }
    }
}

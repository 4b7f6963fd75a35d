//! A schedule's configuration as the API takes it. What must hold: whatever is stored can be read and will fire; whatever
//! is refused names the field of `config` and what is wrong there.

use factotum_model::Timestamp;
use factotum_model::trigger::ScheduleConfig;
use serde_json::Value;

use crate::calendar::{Schedule, ScheduleError};

/// The longest window for missed firings, in seconds: ten years.
pub const MAX_WINDOW_S: u64 = 10 * 366 * 86_400;

/// What is wrong with a configuration, and in which field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("config.{field}: {problem}")]
pub struct ConfigError {
    /// The field within `config`: `cron`, `missed.policy`.
    pub field: String,
    /// What is wrong there, and what to do.
    pub problem: String,
}

impl ConfigError {
    fn new(field: &str, problem: impl ToString) -> Self {
        Self { field: field.to_owned(), problem: problem.to_string() }
    }
}

/// Checks a configuration when a trigger is created or changed.
///
/// # Errors
/// An unknown or ill-typed field, an expression that can't be read or never matches, an unknown zone, or a schedule whose
/// last firing lies before `now`.
pub fn check_config(config: &Value, now: Timestamp) -> Result<(ScheduleConfig, Schedule), ConfigError> {
    // Serde would take a list for an object, its fields by position.
    if !config.is_object() {
        return Err(ConfigError::new("", "a JSON object is expected"));
    }
    if config.get("missed").is_some_and(Value::is_array) {
        return Err(ConfigError::new("missed", "a JSON object is expected"));
    }
    let parsed: ScheduleConfig = serde_path_to_error::deserialize(config).map_err(|e| {
        let path = e.path().to_string();
        let problem = e.into_inner().to_string();
        // Of a field that is not there, serde's path ends one above.
        let named = problem.split('`').nth(1).filter(|_| problem.contains(" field `"));
        match (path.as_str(), named) {
            (".", Some(name)) => ConfigError::new(name, &problem),
            (".", None) => ConfigError::new("", &problem),
            (above, Some(name)) if above.rsplit('.').next() != Some(name) => {
                ConfigError::new(&format!("{above}.{name}"), &problem)
            }
            (path, _) => ConfigError::new(path, &problem),
        }
    })?;
    let schedule = Schedule::parse(&parsed).map_err(|e| match e {
        ScheduleError::Cron(e) => ConfigError::new("cron", e),
        ScheduleError::TimeZone(_) => ConfigError::new("timezone", e),
    })?;
    if parsed.missed.window_s > MAX_WINDOW_S {
        return Err(ConfigError::new(
            "missed.window_s",
            format!("at most {MAX_WINDOW_S} seconds (ten years)"),
        ));
    }
    if schedule.next_after(now).is_none() {
        return Err(ConfigError::new("cron", "its last firing lies in the past: it would never fire again"));
    }
    Ok((parsed, schedule))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_refusal_names_its_field() {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        for (config, field) in [
            (json!({"cron": "61 * * * *"}), "cron"),
            (json!({"cron": "0 0 30 2 *"}), "cron"),
            (json!({"cron": "0 0 0 1 1 * 2020"}), "cron"),
            (json!({"cron": 5}), "cron"),
            (json!({}), "cron"),
            (json!({"cron": "* * * * *", "timezone": "Mars/Olympus"}), "timezone"),
            (json!({"cron": "* * * * *", "tz": "UTC"}), "tz"),
            (json!({"cron": "* * * * *", "missed": {"policy": "some"}}), "missed.policy"),
            (json!({"cron": "* * * * *", "missed": {"windows": 1}}), "missed.windows"),
            (json!({"cron": "* * * * *", "missed": {"window_s": u64::MAX}}), "missed.window_s"),
            (json!({"cron": "* * * * *", "overlap": "maybe"}), "overlap"),
            (json!("* * * * *"), ""),
            (json!(["* * * * *"]), ""),
            (json!({"cron": "* * * * *", "missed": ["all"]}), "missed"),
        ] {
            let error = check_config(&config, now).unwrap_err();
            assert_eq!(error.field, field, "{config}: {error}");
        }
        assert!(check_config(&json!({"cron": "@daily", "timezone": "Europe/Berlin"}), now).is_ok());
    }
}

//! A schedule's configuration as the API takes it. What must hold: whatever is stored can be read and will fire; whatever
//! is refused names the field of `config` and what is wrong there.

use factotum_model::Timestamp;
use factotum_model::trigger::{MAX_JITTER_S, MAX_MISSED_FIRINGS, ScheduleConfig};
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
    for object in ["missed", "dst"] {
        if config.get(object).is_some_and(Value::is_array) {
            return Err(ConfigError::new(object, "a JSON object is expected"));
        }
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
    let schedule = Schedule::parse(&parsed).map_err(|e| {
        let field = match &e {
            ScheduleError::Cron(_) => "cron",
            // An interval may stand in either.
            ScheduleError::Every(_) if parsed.cron.is_some() => "cron",
            ScheduleError::Every(_) => "every",
            ScheduleError::TimeZone(_) => "timezone",
            ScheduleError::Moment(field, _) | ScheduleError::When(field) => field,
            ScheduleError::Dialect => "dialect",
            ScheduleError::End => "end",
        };
        ConfigError::new(field, &e)
    })?;
    if parsed.missed.window_s > MAX_WINDOW_S {
        return Err(ConfigError::new(
            "missed.window_s",
            format!("at most {MAX_WINDOW_S} seconds (ten years)"),
        ));
    }
    if !(1..=MAX_MISSED_FIRINGS).contains(&parsed.missed.max) {
        return Err(ConfigError::new("missed.max", format!("1 to {MAX_MISSED_FIRINGS}")));
    }
    if parsed.jitter_s > MAX_JITTER_S {
        return Err(ConfigError::new("jitter_s", format!("at most {MAX_JITTER_S} seconds (a day)")));
    }
    if schedule.next_after(now).is_none() {
        return Err(match (&parsed.at, &parsed.end) {
            (Some(_), None) => ConfigError::new("at", "it lies in the past: it would never fire"),
            (_, Some(_)) => {
                ConfigError::new("end", "nothing is due between now and then: it would never fire")
            }
            (None, None) => {
                ConfigError::new("cron", "its last firing lies in the past: it would never fire again")
            }
        });
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
            (json!({"cron": "* * * * *", "every": "5m"}), "every"),
            (json!({"every": "5m", "at": "2030-01-01T00:00"}), "at"),
            (json!({"every": "0s"}), "every"),
            (json!({"every": 90}), "every"),
            (json!({"cron": "@every never"}), "cron"),
            (json!({"every": "5m", "dialect": "cron"}), "dialect"),
            (json!({"cron": "* * * * *", "dialect": "cron"}), "cron"),
            (json!({"cron": "0 0 0 30 2 *", "dialect": "cron"}), "cron"),
            (json!({"cron": "* * * * *", "dialect": "quartz"}), "dialect"),
            (json!({"at": "2020-01-01T00:00"}), "at"),
            (json!({"at": "2027-03-28T02:30", "timezone": "Europe/Berlin", "dst": {"gap": "skip"}}), "at"),
            (json!({"at": "soon"}), "at"),
            (json!({"cron": "* * * * *", "start": "soon"}), "start"),
            (json!({"cron": "* * * * *", "start": "2027-01-02", "end": "2027-01-01"}), "end"),
            (json!({"cron": "0 9 1 * *", "end": "2026-11-30"}), "end"),
            (json!({"cron": "* * * * *", "end": "2020-01-01"}), "end"),
            (json!({"cron": "* * * * *", "dst": {"gap": "never"}}), "dst.gap"),
            (json!({"cron": "* * * * *", "dst": ["skip"]}), "dst"),
            (json!({"cron": "* * * * *", "missed": {"max": 0}}), "missed.max"),
            (json!({"cron": "* * * * *", "jitter_s": 86_401}), "jitter_s"),
            (json!({"cron": "* * * * *", "jitter_s": -1}), "jitter_s"),
            (json!("* * * * *"), ""),
            (json!(["* * * * *"]), ""),
            (json!({"cron": "* * * * *", "missed": ["all"]}), "missed"),
        ] {
            let error = check_config(&config, now).unwrap_err();
            assert_eq!(error.field, field, "{config}: {error}");
        }
        for fine in [
            json!({"cron": "@daily", "timezone": "Europe/Berlin"}),
            json!({"cron": "@every 90s"}),
            json!({"every": "1h30m", "start": "2026-12-01", "end": "2026-12-31"}),
            json!({"at": "2026-12-24T18:00", "timezone": "Europe/Berlin"}),
            json!({"cron": "0 0 9 * * Mon", "dialect": "cron", "dst": {"gap": "skip", "overlap": "both"}}),
            json!({"cron": "@daily", "missed": {"policy": "all", "max": 5}, "overlap": "queue_one", "jitter_s": 60}),
        ] {
            let (read, _) = check_config(&fine, now).unwrap();
            let stored = serde_json::to_value(&read).unwrap();
            assert_eq!(serde_json::from_value::<ScheduleConfig>(stored).unwrap(), read);
        }
    }
}

//! An EDI trigger's configuration, checked when it is made. What must hold: each refusal names its field and says what to write instead.

use factotum_model::edi::check_lists;
use factotum_model::trigger::{EdiConfig, MAX_DELIVERY_BYTES};
use factotum_model::workflow::check_name;
use serde_json::Value;

/// Every partner.
pub const ANY_PARTNER: &str = "*";

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {problem}")]
pub struct ConfigError {
    /// The field's path within `config`; empty for the whole.
    pub field: String,
    /// What is wrong, and what to write instead.
    pub problem: String,
}

fn refuse<T>(field: &str, problem: impl ToString) -> Result<T, ConfigError> {
    Err(ConfigError { field: field.to_owned(), problem: problem.to_string() })
}

/// Reads and checks a configuration. Whether its partner is there is for the caller to say.
pub fn check_config(config: &Value) -> Result<EdiConfig, ConfigError> {
    let config = parse(config)?;
    if config.partner != ANY_PARTNER && check_name(&config.partner).is_err() {
        return refuse("partner", "the name of a trading partner is expected, or `*` for every partner");
    }
    check_lists(&config.sets, &config.versions).map_err(|(field, problem)| ConfigError { field, problem })?;
    if !(1..=MAX_DELIVERY_BYTES).contains(&config.max_body_bytes) {
        return refuse("max_body_bytes", format!("between 1 and {MAX_DELIVERY_BYTES} bytes"));
    }
    Ok(config)
}

fn parse(config: &Value) -> Result<EdiConfig, ConfigError> {
    // Serde would take a list for an object, its fields by position.
    if !config.is_object() {
        return refuse("", "a JSON object is expected");
    }
    serde_path_to_error::deserialize(config).map_err(|e| {
        let path = e.path().to_string();
        let problem = e.into_inner().to_string();
        let named = problem.split('`').nth(1).filter(|_| problem.contains(" field `"));
        let field = match (path.as_str(), named) {
            // Of a field that is not there, serde's path ends one above.
            (".", Some(name)) => name.to_owned(),
            (".", None) => String::new(),
            (path, _) => path.to_owned(),
        };
        ConfigError { field, problem }
    })
}

#[cfg(test)]
mod tests {
    use factotum_model::trigger::Per;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_published_configuration_is_read() {
        let config =
            check_config(&json!({"partner": "acme", "sets": ["850", "ORDERS"], "per": "set"})).unwrap();
        assert_eq!((config.per, config.max_body_bytes), (Per::Set, 16 << 20));
        assert!(check_config(&json!({"partner": "*", "direction": "in", "versions": ["004010"]})).is_ok());
    }

    #[test]
    fn a_refusal_names_its_field() {
        let field = |config: Value| check_config(&config).unwrap_err().field;
        assert_eq!(field(json!([])), "");
        assert_eq!(field(json!({})), "partner");
        assert_eq!(field(json!({"partner": "ACME"})), "partner");
        assert_eq!(field(json!({"partner": "*", "sets": ["850", "850"]})), "sets[1]");
        assert_eq!(field(json!({"partner": "*", "versions": [""]})), "versions[0]");
        assert_eq!(field(json!({"partner": "*", "per": "group"})), "per");
        assert_eq!(field(json!({"partner": "*", "direction": "out"})), "direction");
        assert_eq!(field(json!({"partner": "*", "max_body_bytes": 0})), "max_body_bytes");
        assert_eq!(field(json!({"partner": "*", "set": []})), "set");
    }
}

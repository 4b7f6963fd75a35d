//! The schemas of values that JSON bodies share: grants, names, limits. What must hold: they say what the model's own readers take, as the
//! OpenAPI document is tested against the running program.

use factotum_model::Action;
use factotum_model::grant::{MAX_GRANT_BYTES, MAX_GRANTS};
use factotum_model::nickname::MAX_NICKNAME_CHARS;
use factotum_model::run::ErrorCode;
use factotum_model::workflow::{Limits, MAX_ATTEMPTS, MAX_BACKOFF_MS, MAX_CONCURRENCY, MAX_NAME_BYTES};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::mail::MAX_ADDRESS_BYTES;
use crate::operations::password::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS_WITH_SECOND_FACTOR};

/// A list of grants, maybe empty.
pub fn grants(_: &mut SchemaGenerator) -> Schema {
    grants_from(0)
}

/// A list of at least one grant.
pub fn some_grants(_: &mut SchemaGenerator) -> Schema {
    grants_from(1)
}

/// A list of at least one grant, or null.
pub fn maybe_grants(_: &mut SchemaGenerator) -> Schema {
    nullable(grants_from(1))
}

fn grants_from(least: usize) -> Schema {
    let actions: Vec<String> = Action::ALL.iter().map(ToString::to_string).collect();
    json_schema!({
        "type": "array", "minItems": least, "maxItems": MAX_GRANTS, "uniqueItems": true,
        "items": {
            "type": "string", "maxLength": MAX_GRANT_BYTES,
            "pattern": format!(r"^(\*:\*|({})(:[!-)+-~]+\*?)?)$", actions.join("|")),
        },
    })
}

fn nullable(schema: Schema) -> Schema {
    json_schema!({"anyOf": [schema, {"type": "null"}]})
}

/// The nickname of a key. What Unicode allows beyond these characters is said in words.
pub fn nickname(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": MAX_NICKNAME_CHARS})
}

/// A nickname, or null.
pub fn maybe_nickname(generator: &mut SchemaGenerator) -> Schema {
    nullable(nickname(generator))
}

/// An e-mail address.
pub fn email(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "email", "maxLength": MAX_ADDRESS_BYTES})
}

/// What stands behind `token=` in a link.
pub fn token(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"})
}

/// A password to be set. What is refused because it is well known is said in words.
pub fn password(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": MIN_PASSWORD_CHARS_WITH_SECOND_FACTOR, "maxLength": MAX_PASSWORD_BYTES})
}

/// The name of a plugin, workflow or secret.
pub fn name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": name_pattern()})
}

fn name_pattern() -> String {
    format!("^[a-z0-9][a-z0-9._-]{{0,{}}}$", MAX_NAME_BYTES - 1)
}

/// `name@version`.
pub fn plugin(_: &mut SchemaGenerator) -> Schema {
    let name = name_pattern();
    json_schema!({"type": "string", "pattern": format!("{}@[0-9A-Za-z.+-]+$", name.trim_end_matches('$'))})
}

/// A time, RFC 3339 §5.6, or null.
pub fn maybe_time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "null"], "format": "date-time"})
}

/// An object of any fields.
pub fn object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object"})
}

/// An object of any fields, or null.
pub fn maybe_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["object", "null"]})
}

/// Limits of one attempt, with the bounds of a server that is not set up otherwise.
pub fn limits(_: &mut SchemaGenerator) -> Schema {
    let fields: Map<String, Value> =
        Limits::MAXIMUM.fields().into_iter().map(|(name, most)| (name.to_owned(), whole(1, most))).collect();
    json_schema!({"type": "object", "properties": fields, "additionalProperties": false})
}

/// When to try again.
pub fn retry(_: &mut SchemaGenerator) -> Schema {
    let codes = ErrorCode::ALL.map(ErrorCode::as_str);
    json_schema!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "attempts": whole(1, u64::from(MAX_ATTEMPTS)),
            "backoff_ms": whole(0, MAX_BACKOFF_MS),
            "on": {"type": "array", "items": {"enum": codes}},
        },
    })
}

/// How many runs at a time, or null.
pub fn concurrency(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["integer", "null"], "minimum": 1, "maximum": MAX_CONCURRENCY})
}

/// How much of what a workflow's runs do is on the record.
pub fn audit_class(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"enum": ["activity", "data_access"]})
}

fn whole(least: u64, most: u64) -> Value {
    json!({"type": "integer", "minimum": least, "maximum": most})
}

//! The forms that values of paths, queries and headers have. What must hold: a form tells what the server takes, no more and no less, as the
//! OpenAPI document is made of them and is tested against the server.

use factotum_model::workflow::MAX_NAME_BYTES;
use serde_json::{Value, json};

/// The hexadecimal digits of an id.
const ID_DIGITS: usize = 32;

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// Visible ASCII of at most so many characters.
    Visible(usize),
    /// An id of the kind with this prefix.
    Id(&'static str),
    /// The name of a plugin, workflow or secret.
    Name,
    /// Semantic Versioning 2.0.0.
    Version,
    /// RFC 3339 §5.6.
    Time,
    /// An IP address: RFC 2673 §3.2, RFC 4291 §2.2.
    Address,
    /// The `id` of an event of a tail.
    Place,
    /// A whole number within these bounds.
    Count(u64, u64),
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Some of these words, with commas.
    Words(&'static [&'static str]),
}

impl Form {
    /// JSON Schema 2020-12.
    pub fn schema(self) -> Value {
        match self {
            Self::Text => json!({"type": "string"}),
            Self::Visible(most) => {
                json!({"type": "string", "minLength": 1, "maxLength": most, "pattern": "^[!-~]+$"})
            }
            Self::Id(prefix) => {
                json!({"type": "string", "pattern": format!("^{prefix}[0-9a-f]{{{ID_DIGITS}}}$")})
            }
            Self::Name => {
                json!({"type": "string", "pattern": format!("^[a-z0-9][a-z0-9._-]{{0,{}}}$", MAX_NAME_BYTES - 1)})
            }
            Self::Version => json!({"type": "string", "maxLength": 64, "pattern": VERSION}),
            Self::Place => json!({"type": "string", "pattern": "^[0-9]{1,18}-[0-9]{1,18}$"}),
            Self::Time => json!({"type": "string", "format": "date-time"}),
            Self::Address => json!({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
            Self::Count(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
            Self::Flag => json!({"type": "boolean"}),
            Self::Word(words) => json!({"type": "string", "enum": words}),
            Self::Words(words) => {
                let one = format!("({})", words.join("|"));
                json!({"type": "string", "pattern": format!("^{one}(,{one})*$")})
            }
        }
    }

    /// The form of a parameter of a path, or of a list's cursor: by the collection that it stands for.
    pub fn of_collection(collection: &str) -> Self {
        match collection {
            "accounts" | "members" => Self::Id("acc_"),
            "api-keys" => Self::Id("key_"),
            "audit" => Self::Id("aud_"),
            "events" => Self::Id("evt_"),
            "interchanges" => Self::Id("ich_"),
            "invitations" => Self::Id("inv_"),
            "notices" => Self::Id("ntc_"),
            "plugins" => Self::Id("plg_"),
            "recipients" => Self::Id("nrc_"),
            "roles" => Self::Id("rol_"),
            "runs" => Self::Id("run_"),
            "sessions" => Self::Id("ses_"),
            "triggers" => Self::Id("trg_"),
            _ => Self::Text,
        }
    }

    /// The form of `{name}` in a path.
    pub fn in_path(path: &str, name: &str) -> Self {
        match name {
            "id" => {
                let before = path.split("/{id}").next().unwrap_or_default();
                Self::of_collection(before.rsplit('/').next().unwrap_or_default())
            }
            "name" => Self::Name,
            _ => Self::Text,
        }
    }
}

/// As <https://semver.org> gives it, with the numbers short enough for any reader.
const VERSION: &str = "^(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\\+[0-9a-zA-Z-]+(\\.[0-9a-zA-Z-]+)*)?$";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_in_a_path_has_the_form_of_its_collection() {
        assert_eq!(Form::in_path("/api/v1/runs/{id}/logs", "id"), Form::Id("run_"));
        assert_eq!(Form::in_path("/api/v1/accounts/{id}/suspend", "id"), Form::Id("acc_"));
        assert_eq!(Form::in_path("/api/v1/workflows/{name}/runs", "name"), Form::Name);
        assert_eq!(Form::in_path("/hooks/{token}", "token"), Form::Text);
        assert_eq!(Form::Id("run_").schema()["pattern"], "^run_[0-9a-f]{32}$");
    }
}

//! The one decision: may this authority do this action to this thing? What must hold: HTTP routes, commands, the
//! console and every host call of a plugin ask [`authorize`] and nothing else, and the vocabulary of actions is closed.

use std::fmt;

use crate::grant::{Grant, Grants};

/// What may be done: a resource and a verb of the closed vocabulary.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action {
    resource: &'static str,
    verb: &'static str,
}

macro_rules! actions {
    ($($name:ident = $resource:literal $verb:literal;)*) => {
        impl Action {
            $(#[doc = concat!("`", $resource, ":", $verb, "`")]
            pub const $name: Self = Self { resource: $resource, verb: $verb };)*

            /// Every action there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

actions! {
    MEMBERS_READ = "members" "read";
    MEMBERS_CREATE = "members" "create";
    MEMBERS_UPDATE = "members" "update";
    MEMBERS_DELETE = "members" "delete";
    ROLES_READ = "roles" "read";
    ROLES_CREATE = "roles" "create";
    ROLES_UPDATE = "roles" "update";
    ROLES_DELETE = "roles" "delete";
    API_KEYS_READ = "api-keys" "read";
    API_KEYS_CREATE = "api-keys" "create";
    API_KEYS_UPDATE = "api-keys" "update";
    API_KEYS_DELETE = "api-keys" "delete";
    PLUGINS_READ = "plugins" "read";
    PLUGINS_CREATE = "plugins" "create";
    PLUGINS_UPDATE = "plugins" "update";
    PLUGINS_DELETE = "plugins" "delete";
    WORKFLOWS_READ = "workflows" "read";
    WORKFLOWS_CREATE = "workflows" "create";
    WORKFLOWS_UPDATE = "workflows" "update";
    WORKFLOWS_DELETE = "workflows" "delete";
    WORKFLOWS_RUN = "workflows" "run";
    TRIGGERS_READ = "triggers" "read";
    TRIGGERS_CREATE = "triggers" "create";
    TRIGGERS_UPDATE = "triggers" "update";
    TRIGGERS_DELETE = "triggers" "delete";
    PARTNERS_READ = "partners" "read";
    PARTNERS_CREATE = "partners" "create";
    PARTNERS_UPDATE = "partners" "update";
    PARTNERS_DELETE = "partners" "delete";
    SECRETS_READ = "secrets" "read";
    SECRETS_CREATE = "secrets" "create";
    SECRETS_UPDATE = "secrets" "update";
    SECRETS_DELETE = "secrets" "delete";
    SECRETS_USE = "secrets" "use";
    RUNS_READ = "runs" "read";
    RUNS_CANCEL = "runs" "cancel";
    RUNS_REPLAY = "runs" "replay";
    EVENTS_READ = "events" "read";
    AUDIT_READ = "audit" "read";
    AUDIT_EXPORT = "audit" "export";
    SETTINGS_READ = "settings" "read";
    SETTINGS_UPDATE = "settings" "update";
    ORG_READ = "org" "read";
    ORG_UPDATE = "org" "update";
    HTTP_REQUEST = "http" "request";
    MAIL_SEND = "mail" "send";
    KV_READ = "kv" "read";
    KV_WRITE = "kv" "write";
    EDI_SEND = "edi" "send";
}

impl Action {
    /// Looks an action up by its two words.
    pub fn find(resource: &str, verb: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|a| a.resource == resource && a.verb == verb)
    }

    /// The resource: the word before the colon.
    pub const fn resource(self) -> &'static str {
        self.resource
    }

    /// The verb: the word after the colon.
    pub const fn verb(self) -> &'static str {
        self.verb
    }

    /// Whether it is something that a workflow does while it runs (a capability), not something asked of the API.
    pub fn is_capability(self) -> bool {
        matches!(self.resource, "http" | "mail" | "kv" | "edi")
            || self == Self::SECRETS_USE
            || self == Self::WORKFLOWS_RUN
    }

    /// The grant without name that allows it.
    pub fn grant(self) -> Grant {
        Grant::One { action: self, name: None }
    }

    /// All actions as one line, for error messages.
    pub fn vocabulary() -> String {
        Self::ALL.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource, self.verb)
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What somebody may do: for a request the account's grants; for a run the principal's grants ∩ the workflow's. What
/// must hold: it can only be narrowed.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Authority(Grants);

impl Authority {
    /// The authority of an account that holds these grants.
    pub const fn of(grants: Grants) -> Self {
        Self(grants)
    }

    /// What is left of it within `grants`.
    #[must_use]
    pub fn narrowed_to(&self, grants: &Grants) -> Self {
        Self(self.0.intersect(grants))
    }

    /// The grants in effect.
    pub const fn grants(&self) -> &Grants {
        &self.0
    }
}

/// A refusal: names the permission that was missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the grant `{permission}` is needed for this")]
pub struct Denied {
    /// What was missing, as a grant: `workflows:run:echo`.
    pub permission: String,
}

/// Decides. `name` is the name of the one thing acted on, or `None` for a whole collection.
pub fn authorize(authority: &Authority, action: Action, name: Option<&str>) -> Result<(), Denied> {
    if authority.0.allow(action, name) {
        Ok(())
    } else {
        Err(Denied { permission: name.map_or_else(|| action.to_string(), |name| format!("{action}:{name}")) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_what_is_missing() {
        let nothing = Authority::default();
        assert_eq!(
            authorize(&nothing, Action::WORKFLOWS_RUN, Some("echo")).unwrap_err().to_string(),
            "the grant `workflows:run:echo` is needed for this"
        );
    }

    #[test]
    fn narrowing_never_adds() {
        let key = Authority::of(Grants::parse(&["kv:read"]).unwrap());
        assert_eq!(key.narrowed_to(&Grants::all()), key);
        assert_eq!(key.narrowed_to(&Grants::none()), Authority::default());
    }
}

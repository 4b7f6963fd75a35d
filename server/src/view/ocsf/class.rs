//! Which OCSF class and activity an action is. What must hold: every action of [`ACTIONS`](factotum_model::audit_action::ACTIONS) has one, and so has
//! any action that is added later: by its verb.

use super::class::Class::{
    AccountChange, ApiActivity, ApplicationLifecycle, Authentication, EntityManagement,
};

/// The classes of OCSF 1.5.0 that entries become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Something about who may log in: people, keys, service accounts.
    AccountChange,
    /// Logging in and out.
    Authentication,
    /// Things that are made, changed and removed.
    EntityManagement,
    /// How runs end and go on.
    ApplicationLifecycle,
    /// Calls from outside, reading the trail, what workflows ask for.
    ApiActivity,
}

impl Class {
    /// `class_uid`
    pub const fn uid(self) -> u64 {
        match self {
            AccountChange => 3001,
            Authentication => 3002,
            EntityManagement => 3004,
            ApplicationLifecycle => 6002,
            ApiActivity => 6003,
        }
    }

    /// `class_name`
    pub const fn name(self) -> &'static str {
        match self {
            AccountChange => "Account Change",
            Authentication => "Authentication",
            EntityManagement => "Entity Management",
            ApplicationLifecycle => "Application Lifecycle",
            ApiActivity => "API Activity",
        }
    }

    /// `category_uid` and `category_name`
    pub const fn category(self) -> (u64, &'static str) {
        match self {
            AccountChange | Authentication | EntityManagement => (3, "Identity & Access Management"),
            ApplicationLifecycle | ApiActivity => (6, "Application Activity"),
        }
    }
}

/// `activity_id` of what no other fits; `activity_name` is then the action's own verb.
pub const OTHER: u64 = 99;

/// The class of an action, and its `activity_id` and `activity_name` in it.
pub fn of(action: &str) -> (Class, u64, &str) {
    let (noun, verb) = action.split_once('.').unwrap_or(("", action));
    let (class, activity) = match (noun, verb) {
        ("session", "begin") | ("api_key" | "session", "use") => (Authentication, Some((1, "Logon"))),
        ("session", "end" | "end_others") => (Authentication, Some((2, "Logoff"))),
        ("session", "switch") => (Authentication, None),

        ("password", "change") => (AccountChange, Some((3, "Password Change"))),
        ("password", "reset") => (AccountChange, Some((4, "Password Reset"))),
        ("totp", "confirm") => (AccountChange, Some((10, "MFA Factor Enable"))),
        ("totp", "remove") => (AccountChange, Some((11, "MFA Factor Disable"))),
        ("account", "suspend") => (AccountChange, Some((5, "Disable"))),
        ("account", "resume") => (AccountChange, Some((2, "Enable"))),
        ("api_key" | "member", "create") | ("invitation", "accept") => (AccountChange, Some((1, "Create"))),
        ("api_key", "revoke" | "expire") | ("member", "delete") => (AccountChange, Some((6, "Delete"))),
        ("api_key", "rotate")
        | ("member", "update" | "erase")
        | ("password" | "totp" | "recovery", _)
        | ("identity", "link" | "unlink") => (AccountChange, None),

        ("run", "succeed" | "fail" | "dead" | "release") => (ApplicationLifecycle, Some((4, "Stop"))),
        ("run", "retry" | "recover") => (ApplicationLifecycle, Some((5, "Restart"))),
        ("schedule", _) => (ApplicationLifecycle, None),

        ("event", "accept" | "duplicate" | "reject") | ("workflow", "run") | ("run", "replay") => {
            (ApiActivity, Some((1, "Create")))
        }
        ("run", "cancel" | "dismiss") | ("kv", "write") => (ApiActivity, Some((3, "Update"))),
        ("audit", "read" | "export" | "tail") | ("api_key", "report") => (ApiActivity, Some((2, "Read"))),
        (
            "api_key" | "identity" | "invitation" | "member" | "org" | "plugin" | "role" | "secret"
            | "session" | "trigger" | "workflow",
            _,
        ) => (EntityManagement, entity_activity(verb)),
        // The trail, events, runs, and what workflows do through the host.
        _ => (ApiActivity, crud(verb)),
    };
    let (id, name) = activity.unwrap_or((OTHER, verb));
    (class, id, name)
}

fn crud(verb: &str) -> Option<(u64, &'static str)> {
    match verb {
        "create" => Some((1, "Create")),
        "read" | "list" => Some((2, "Read")),
        "update" | "put" => Some((3, "Update")),
        "delete" | "remove" => Some((4, "Delete")),
        _ => None,
    }
}

fn entity_activity(verb: &str) -> Option<(u64, &'static str)> {
    match verb {
        "push" => Some((1, "Create")),
        "withdraw" => Some((4, "Delete")),
        "suspend" | "pause" => Some((12, "Suspend")),
        "resume" => Some((13, "Resume")),
        _ => crud(verb),
    }
}

//! Audit entries as events of the Open Cybersecurity Schema Framework, version 1.5.0. What must hold: each event is valid in its class with
//! `cloud`-free attributes only (`host` for Application Lifecycle, which has its actor from there); what has no attribute of OCSF stands in
//! `unmapped`, so that nothing of an entry is lost; an intent's status is unknown, never success.

mod class;

use factotum_model::AccountKind;
use factotum_model::audit::{AuditEntry, AuditOutcome, Target};
use serde_json::{Map, Value, json};

pub use class::{Class, OTHER, of};

/// The version of OCSF that events are in.
pub const VERSION: &str = "1.5.0";
const PRODUCT: &str = "Factotum";

/// The event of an entry.
pub fn event(entry: &AuditEntry) -> Value {
    let (class, activity_id, activity_name) = of(&entry.action);
    let (category_uid, category_name) = class.category();
    let (status_id, status) = status(entry);
    let (severity_id, severity) = severity(entry);
    let mut event = json!({
        "metadata": metadata(entry, class),
        "class_uid": class.uid(),
        "class_name": class.name(),
        "category_uid": category_uid,
        "category_name": category_name,
        "activity_id": activity_id,
        "activity_name": activity_name,
        "type_uid": class.uid() * 100 + activity_id,
        "type_name": format!("{}: {activity_name}", class.name()),
        "time": entry.at.as_millis(),
        "timezone_offset": 0,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "message": message(entry),
        "actor": actor(entry),
        "unmapped": unmapped(entry),
    });
    if let Some(reason) = &entry.reason {
        event["status_code"] = reason.split_once(':').map_or(reason.as_str(), |(code, _)| code).into();
        event["status_detail"] = reason.clone().into();
    }
    let own = match class {
        Class::AccountChange => json!({"user": target_user(entry)}),
        Class::Authentication => json!({
            "user": target_user(entry),
            "service": {"name": PRODUCT},
            "is_remote": entry.ip.is_some_and(|ip| !ip.is_loopback()),
        }),
        Class::EntityManagement => json!({"entity": entity(entry)}),
        Class::ApplicationLifecycle => json!({"app": app(entry)}),
        Class::ApiActivity => json!({
            "api": api(entry),
            "resources": entry.targets.iter().map(thing).collect::<Vec<_>>(),
        }),
    };
    merge(&mut event, own);
    // Application Lifecycle has no place for where a request came from; it stands in `unmapped`.
    if class != Class::ApplicationLifecycle {
        if let Some(request) = http_request(entry) {
            event["http_request"] = request;
        }
        event["src_endpoint"] = match entry.ip {
            Some(ip) => json!({"ip": ip.to_string()}),
            None => json!({"name": PRODUCT, "svc_name": entry.initiator.kind.as_str()}),
        };
    }
    if class == Class::Authentication
        && let Some(session) = entry.session_id
    {
        event["session"] = json!({"uid": session.to_string()});
    }
    event
}

fn merge(event: &mut Value, own: Value) {
    if let (Value::Object(event), Value::Object(own)) = (event, own) {
        event.extend(own);
    }
}

fn status(entry: &AuditEntry) -> (u64, &'static str) {
    if entry.action.ends_with(".intent") {
        return (0, "Unknown");
    }
    match entry.outcome {
        AuditOutcome::Ok => (1, "Success"),
        AuditOutcome::Denied | AuditOutcome::Error => (2, "Failure"),
        AuditOutcome::Unknown => (0, "Unknown"),
    }
}

/// A denial is worth a look, an error less so; breaking the glass always is.
fn severity(entry: &AuditEntry) -> (u64, &'static str) {
    match entry.outcome {
        _ if entry.action.starts_with("recovery.") => (4, "High"),
        AuditOutcome::Ok | AuditOutcome::Unknown => (1, "Informational"),
        AuditOutcome::Error => (2, "Low"),
        AuditOutcome::Denied => (3, "Medium"),
    }
}

fn message(entry: &AuditEntry) -> String {
    let (action, actor, outcome) = (&entry.action, &entry.actor.name, entry.outcome.as_str());
    match &entry.reason {
        None => format!("{action} by {actor}: {outcome}"),
        Some(reason) => format!("{action} by {actor}: {outcome}: {reason}"),
    }
}

fn metadata(entry: &AuditEntry, class: Class) -> Value {
    let profiles: &[&str] = if class == Class::ApplicationLifecycle { &["host"] } else { &[] };
    let mut metadata = json!({
        "version": VERSION,
        "profiles": profiles,
        "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": env!("CARGO_PKG_VERSION")},
        "uid": entry.id.to_string(),
        "tenant_uid": entry.org_id.to_string(),
        "event_code": entry.action,
        "log_name": "audit",
        "original_time": entry.at.to_string(),
    });
    let correlation = entry.request_id.map(|id| id.to_string()).or(entry.run_id.map(|id| id.to_string()));
    if let Some(id) = correlation {
        metadata["correlation_uid"] = id.into();
    }
    metadata
}

fn actor(entry: &AuditEntry) -> Value {
    let mut user = acting_user(entry);
    if let Some(credential) = &entry.credential {
        user["credential_uid"] = credential.key_id.to_string().into();
    }
    let mut actor = json!({"user": user});
    if let Some(session) = entry.session_id {
        actor["session"] = json!({"uid": session.to_string()});
    }
    actor
}

fn acting_user(entry: &AuditEntry) -> Value {
    let (type_id, kind) = match entry.actor.kind {
        AccountKind::Member => (1, "User"),
        AccountKind::Base => (3, "System"),
        AccountKind::ApiKey => (99, "api_key"),
    };
    json!({"uid": entry.actor.id.to_string(), "name": entry.actor.name, "type_id": type_id, "type": kind})
}

/// Whose account it is about: the first target that is somebody, else who acts.
fn target_user(entry: &AuditEntry) -> Value {
    let somebody = |t: &&Target| matches!(t.kind.as_str(), "account" | "api_key" | "member" | "person");
    match entry.targets.iter().find(somebody) {
        Some(target) => {
            let mut user = json!({"uid": target.id, "type_id": 99, "type": target.kind});
            if let Some(name) = &target.name {
                user["name"] = name.clone().into();
            }
            user
        }
        None => acting_user(entry),
    }
}

fn thing(target: &Target) -> Value {
    let mut thing = json!({"uid": target.id, "type": target.kind});
    if let Some(name) = &target.name {
        thing["name"] = name.clone().into();
    }
    thing
}

/// What it was done to; a list as a whole has its noun for a name.
fn entity(entry: &AuditEntry) -> Value {
    let noun = entry.action.split('.').next().unwrap_or_default();
    let mut entity = entry.targets.first().map_or_else(|| json!({"name": noun, "type": noun}), thing);
    entity["type_id"] = if noun == "org" { 4 } else { 99 }.into();
    entity
}

fn app(entry: &AuditEntry) -> Value {
    let mut app = json!({"name": entry.workflow.as_deref().unwrap_or(PRODUCT), "vendor_name": PRODUCT});
    if let Some(digest) = &entry.plugin_digest {
        app["version"] = digest.to_string().into();
    }
    app
}

fn api(entry: &AuditEntry) -> Value {
    let mut api = json!({"operation": entry.action, "service": {"name": PRODUCT}});
    if let Some(id) = entry.request_id {
        api["request"] = json!({"uid": id.to_string()});
    }
    api
}

fn http_request(entry: &AuditEntry) -> Option<Value> {
    let id = entry.request_id?;
    let mut request = json!({"uid": id.to_string()});
    if let Some(agent) = &entry.user_agent {
        request["user_agent"] = agent.clone().into();
    }
    Some(request)
}

/// What is not told elsewhere in the event, under the names that it has in the entry.
fn unmapped(entry: &AuditEntry) -> Value {
    let mut rest = match serde_json::to_value(entry) {
        Ok(Value::Object(rest)) => rest,
        _ => Map::new(),
    };
    for told in ["id", "org_id", "action", "reason", "actor", "session_id", "at"] {
        rest.remove(told);
    }
    if of(&entry.action).0 != Class::ApplicationLifecycle {
        rest.remove("ip");
        if entry.request_id.is_some() {
            rest.remove("user_agent");
            rest.remove("request_id");
        }
    }
    Value::Object(rest)
}

//! For each operation of the document a request that succeeds.

use factotum_tests::browser::PASSWORD;
use factotum_tests::{Answer, Browser, events, guest};
use serde_json::json;

use super::Operation;
use super::world::{FRESH, World, bytes, code};

/// Operations that change nothing which is on record: they only begin what is recorded at its end, or find nothing to record.
pub const LEAVES_NO_ENTRY: &[&str] = &["linkIdentity", "acceptInvitationBySingleSignOn"];

/// Sends it; each time alike, as far as one can.
pub fn ask(world: &World, operation: &Operation) -> Answer {
    let (api, the) = (world.server.api(), |name: &str| world.the(name));
    let (stranger, person) = (world.browser(), |name: &str| &world.people[name]);
    let at = |noun: &str, thing: &str, rest: &str| format!("/api/v1/{noun}/{}{rest}", the(thing));
    match operation.id.as_str() {
        "resumeAccount" => api.post(&at("accounts", "suspended account", "/resume"), &json!({})),
        "suspendAccount" => api.post(&at("accounts", "active account", "/suspend"), &json!({})),
        "createApiKey" => api.post("/api/v1/api-keys", &json!({"nickname": "made", "grants": ["runs:read"]})),
        "revokeApiKey" => api.delete(&at("api-keys", "revoked key", "")),
        "rotateApiKey" => api.post(&at("api-keys", "rotated key", "/rotate"), &json!({})),
        "acceptInvitation" => stranger.post(
            "/api/v1/invitations/accept",
            &json!({"token": the("invitation token"), "name": "Taken", "password": FRESH}),
        ),
        "acceptInvitationBySingleSignOn" => {
            let asked = json!({"token": the("provider's invitation token")});
            let begun = stranger.post(&operation.path, &asked);
            // Its end is a log-in at the provider like any other: see to it that it fails and succeeds with the others.
            come_back(world, &stranger, &begun);
            begun
        }
        "linkIdentity" => {
            let ann = person("ann");
            let begun = ann.post(&operation.path, &json!({}));
            come_back(world, ann, &begun);
            begun
        }
        "unlinkIdentity" => person("ann").delete(&at("me/identities", "spare identity", "")),
        "endSingleSignOn" => world.through_the_provider(&stranger, "joiner"),
        "changePassword" => person("secretive")
            .put(&operation.path, &json!({"current": FRESH, "new": "eight grey herons on a wire"})),
        "endOtherSessions" => person("with another session").delete(&operation.path),
        "endSession" => person("with many sessions").delete(&at("me/sessions", "ended session", "")),
        "setUpTotp" => person("without").post(&operation.path, &json!({"password": FRESH})),
        "confirmTotp" => {
            person("unsure").post(&operation.path, &json!({"code": code(the("unconfirmed secret"))}))
        }
        "renewRecoveryCodes" => person("renewing")
            .post(&operation.path, &json!({"password": FRESH, "code": the("renewing code")})),
        "removeTotp" => person("removing").send(
            "DELETE",
            &operation.path,
            Some(&json!({"password": FRESH, "code": the("removing code")})),
        ),
        "invite" => api.post(&operation.path, &json!({"email": "invited@example.com", "roles": ["Viewer"]})),
        "withdrawInvitation" => api.delete(&at("members/invitations", "withdrawn invitation", "")),
        "removeMember" => api.delete(&at("members", "removed member", "")),
        "eraseMember" => api.post(&at("members", "former member", "/erase"), &json!({})),
        "changeMember" => api.patch(&at("members", "members", ""), &json!({"roles": ["Editor"]})),
        "resumeOrganization" | "suspendOrganization" => api.post(&operation.path, &json!({})),
        "askPasswordReset" => stranger.post(&operation.path, &json!({"email": "leaver@example.com"})),
        "completePasswordReset" => {
            stranger.post(&operation.path, &json!({"token": the("reset token"), "new": FRESH}))
        }
        "uploadPlugin" => {
            let query = "/api/v1/plugins?name=uploaded&version=1.0.0";
            api.post_bytes(query, "application/wasm", &guest::wasm("echo").unwrap())
        }
        "createRole" => api.post(&operation.path, &json!({"name": "Made", "grants": ["runs:read"]})),
        "deleteRole" => api.delete(&at("roles", "spare role", "")),
        "changeRole" => api.patch(&at("roles", "roles", ""), &json!({"grants": ["events:read"]})),
        "cancelRun" => api.post(&at("runs", "held run", "/cancel"), &json!({})),
        "dismissRun" => api.post(&at("runs", "dead run", "/dismiss"), &json!({})),
        "replayRun" => api.post(&at("runs", "runs", "/replay"), &json!({})),
        "deleteSecret" => api.delete("/api/v1/secrets/gone"),
        "putSecret" => api.put("/api/v1/secrets/kept", &json!({"value": "an0ther"})),
        "logOut" => person("leaver").delete(&operation.path),
        "logIn" => stranger.log_in("admin@example.com", PASSWORD),
        "switchOrganization" => {
            person("in both").post(&operation.path, &json!({"org": the("other organization")}))
        }
        "createTrigger" => {
            let spec = json!({"workflow": "echo", "kind": "webhook", "config": {}});
            api.post(&operation.path, &spec)
        }
        "deleteTrigger" => api.delete(&at("triggers", "spare trigger", "")),
        "regenerateTrigger" => api.post(&at("triggers", "regenerated trigger", "/regenerate"), &json!({})),
        "testTrigger" => api.post(&at("triggers", "regenerated trigger", "/test"), &json!({})),
        "backfillTrigger" => {
            // A midnight of before it was made.
            let range = json!({"from": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:01Z"});
            api.post(&at("triggers", "backfilled schedule", "/backfill"), &range)
        }
        "changeTrigger" => api.patch(&at("triggers", "triggers", ""), &json!({"paused": false})),
        "deleteWorkflow" => api.delete("/api/v1/workflows/spare"),
        "pauseWorkflow" => api.patch("/api/v1/workflows/hello", &json!({"paused": true})),
        "putWorkflow" => api.put("/api/v1/workflows/made", &json!({"plugin": "echo@1.0.0", "grants": []})),
        "changeNoticeSettings" => api.patch(&operation.path, &json!({"admins": false, "gather_s": 61})),
        "createNoticeRecipient" => {
            api.post(&operation.path, &json!({"kind": "mail", "address": "told@example.com"}))
        }
        "deleteNoticeRecipient" => api.delete(&at("notices/recipients", "told no more", "")),
        "testNoticeRecipient" => api.post(&at("notices/recipients", "told", "/test"), &json!({})),
        "setWorkflowNotices" => api.put("/api/v1/workflows/hello/notices", &json!({"muted": true})),
        "runWorkflow" => api.post("/api/v1/workflows/echo/runs", &json!({"n": 1})),
        "tailAudit" => events::begin(api, &operation.path).unwrap(),
        "getEventAttachment" => api.get(&format!("/api/v1/events/{}/attachments/0", the("mail's event"))),
        "createPartner" => api.post(&operation.path, &json!({"name": "made", "x12": ["ZZ:MADE"]})),
        "changePartner" => api.patch("/api/v1/edi/partners/acme", &json!({"window_days": 30})),
        "deletePartner" => api.delete("/api/v1/edi/partners/spare"),
        "getPartner" => api.get("/api/v1/edi/partners/acme"),
        "releaseInterchange" => api.post(&at("edi/interchanges", "kept interchange", "/release"), &json!({})),
        "discardInterchange" => {
            api.post(&at("edi/interchanges", "spare interchange", "/discard"), &json!({}))
        }
        "getInterchange" => api.get(&at("edi/interchanges", "kept interchange", "")),
        "getInterchangeRaw" => api.get(&at("edi/interchanges", "kept interchange", "/raw")),
        "getInterchangeAcknowledgement" => {
            api.get(&at("edi/interchanges", "taken interchange", "/acknowledgement"))
        }
        "sendInterchange" => {
            let order = crate::edi::order("ACME", 9);
            world.server.stranger().post_bytes(the("EDI address"), "application/edi-x12", order.as_bytes())
        }
        _ if operation.path.starts_with("/hooks/") => deliver(world, operation),
        _ if operation.method == "GET" => read(world, operation),
        other => panic!(
            "`{other}` ({} {}) has no request here: add one that succeeds",
            operation.method, operation.path
        ),
    }
}

/// Logs in as the one who was sent to the provider; what comes of it is seen in the tables.
fn come_back(world: &World, browser: &Browser, begun: &Answer) {
    if let Some(url) = begun.json()["url"].as_str() {
        let subject = if browser.token().is_some() { "ann-3" } else { "guest" };
        browser.get(&world.provider.visit(url, subject).unwrap());
    }
}

fn deliver(world: &World, operation: &Operation) -> Answer {
    let rest = if operation.path.contains("{path}") { "/below/it" } else { "" };
    let path = format!("{}{rest}", world.the("hooks"));
    let has_body = !matches!(operation.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "DELETE");
    let body = if has_body { bytes(&json!({"n": 1})) } else { Vec::new() };
    let headers = [("content-type", "application/json")];
    world.server.stranger().send(&operation.method, &path, &headers[..usize::from(has_body)], &body).unwrap()
}

/// Anything that is only read: the thing that a path names is the one of its noun.
fn read(world: &World, operation: &Operation) -> Answer {
    let path = match operation.path.split_once("/{") {
        None => operation.path.clone(),
        Some((start, rest)) => {
            let noun = start.trim_start_matches("/api/v1/");
            format!("{start}/{}{}", world.the(noun), rest.split_once('}').map_or("", |(_, rest)| rest))
        }
    };
    if operation.by_session { world.people["admin"].get(&path) } else { world.server.api().get(&path) }
}

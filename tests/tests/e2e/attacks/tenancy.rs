//! Two organizations in one server. What must hold: whatever id of the other organization is named on whatever route, the answer is that of an id which
//! never was; lists, filters, cursors and exports stay inside. The routes are those of the server's own OpenAPI document, so that a new
//! one is attacked too.

use factotum_tests::{Answer, Api, Server, on_both_backends};
use serde_json::{Value, json};

/// What one organization owns: by the part of the path before `{id}` or `{name}`, something that is there.
fn belongings(server: &Server, api: &Api) -> Vec<(&'static str, String)> {
    let echo = api.deploy("echo", &[]);
    let hook = api.trigger("echo", "webhook", &json!({"reply": "outcome"}));
    let path = hook["url"].as_str().unwrap();
    server.stranger().post(&path[path.find("/hooks/").unwrap()..], &json!({"card": "4111"})).expect(200);
    let run = api.all("/api/v1/runs").remove(0);
    let (_, key) = api.mint("mine", &["runs:read"]);
    api.put("/api/v1/secrets/bank", &json!({"value": "s3cret"})).expect(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let member = api.all("/api/v1/members").first().map(|m| text(&m["id"]));
    let mut all = vec![
        ("runs", text(&run["id"])),
        ("events", text(&run["event"])),
        ("triggers", text(&hook["id"])),
        ("api-keys", text(&key["id"])),
        ("accounts", text(&key["service_account"]["id"])),
        ("members", member.unwrap_or_else(|| text(&key["service_account"]["id"]))),
        ("workflows", text(&echo["name"])),
        ("secrets", "bank".to_owned()),
    ];
    let role = api.post("/api/v1/roles", &json!({"name": "Clerk", "grants": ["runs:read"]})).expect(201);
    let invited = json!({"email": "new@example.com", "roles": ["Clerk"]});
    let invitation = api.post("/api/v1/members/invitations", &invited).expect(201);
    all.extend([("roles", text(&role["id"])), ("members/invitations", text(&invitation["id"]))]);
    let plugin = api.all("/api/v1/plugins").remove(0);
    all.push(("plugins", text(&plugin["id"])));
    all
}

/// Of the same kind, and never made.
fn nobodys(id: &str) -> String {
    match id.split_once('_') {
        Some((kind, rest)) if rest.len() == 32 => format!("{kind}_{}", "0".repeat(31) + "1"),
        _ => "never-was".to_owned(),
    }
}

/// Status and body without what differs between any two requests.
fn essence(answer: &Answer, id: &str) -> (u16, String) {
    let mut body = answer.json();
    if let Some(problem) = body.as_object_mut() {
        problem.remove("request_id");
    }
    let text = if body.is_null() { answer.text() } else { body.to_string() };
    (answer.status, text.replace(id, "ID"))
}

on_both_backends! {
    fn every_id_of_another_organization_is_like_one_that_never_was(backend: Backend) {
        let server = Server::start(backend);
        let mine = server.api();
        let other = mine.with_key(&server.bootstrap("Other", "other@example.com").unwrap());
        let belongings = belongings(&server, mine);
        let document = other.get("/api/v1/openapi.json").expect(200);
        let mut attacked = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            let Some(rest) = path.strip_prefix("/api/v1/") else { continue };
            let Some((noun, _)) = rest.split_once("/{") else { continue };
            let Some((_, id)) = belongings.iter().find(|(n, _)| *n == noun) else { continue };
            let end = path.find('{').unwrap();
            let after = &path[path.find('}').unwrap() + 1..];
            if after.contains('{') {
                continue;
            }
            for method in methods.as_object().unwrap().keys().filter(|m| *m != "parameters") {
                if method == "put" {
                    // Names are each organization's own: a PUT makes one here.
                    continue;
                }
                let ask = |id: &str| {
                    let url = format!("{}{id}{after}", &path[..end]);
                    let method = method.to_uppercase();
                    let body: &[u8] = if matches!(method.as_str(), "GET" | "DELETE") { b"" } else { b"{}" };
                    other.send(&method, &url, &[("content-type", "application/json")], body).unwrap()
                };
                let nobody = nobodys(id);
                let (theirs, none) = (essence(&ask(id), id), essence(&ask(&nobody), &nobody));
                assert_eq!(theirs, none, "{method} {path}");
                assert!(matches!(theirs.0, 404 | 422), "{method} {path}: {theirs:?}");
                attacked += 1;
            }
        }
        assert!(attacked >= 20, "only {attacked} routes were attacked");
        // And nothing of it has changed, nor is it seen.
        for (noun, id) in &belongings {
            let path = if *noun == "accounts" { "members?service=true".to_owned() } else { (*noun).to_owned() };
            if matches!(*noun, "events") {
                mine.get(&format!("/api/v1/events/{id}")).expect(200);
                continue;
            }
            let path = format!("/api/v1/{path}");
            let has = |api: &Api| api.all(&path).iter().any(|item| item["id"] == id.as_str() || item["name"] == id.as_str());
            if *noun != "members" {
                assert!(has(mine), "{noun} {id} is gone");
            }
            if !matches!(*noun, "workflows" | "secrets") {
                assert!(!has(&other), "{noun} {id} is seen by the other organization");
            }
        }
    }

    fn filters_cursors_and_exports_stay_inside(backend: Backend) {
        let server = Server::start(backend);
        let mine = server.api();
        let other = mine.with_key(&server.bootstrap("Other", "other@example.com").unwrap());
        let belongings = belongings(&server, mine);
        let id_of = |noun: &str| belongings.iter().find(|(n, _)| *n == noun).map(|(_, id)| id.clone()).unwrap();
        // First, as what is asked below stands in its own trail.
        let export = other.get("/api/v1/audit/export?format=jsonl").text();
        for (noun, id) in &belongings {
            if id.contains('_') {
                assert!(!export.contains(id.as_str()), "{noun} {id} is in the other's export");
            }
        }
        for filter in [
            format!("/api/v1/runs?trigger={}", id_of("triggers")),
            format!("/api/v1/runs?account={}", id_of("accounts")),
            "/api/v1/runs?workflow=echo".to_owned(),
            format!("/api/v1/audit?account={}", id_of("accounts")),
            format!("/api/v1/audit?run={}", id_of("runs")),
            format!("/api/v1/audit?trigger={}", id_of("triggers")),
            format!("/api/v1/audit?target={}", id_of("api-keys")),
            "/api/v1/audit?action=event.accept".to_owned(),
            "/api/v1/audit?q=bank".to_owned(),
        ] {
            let found = other.get(&filter);
            let items = found.json()["items"].as_array().cloned().unwrap_or_default();
            let leaked: Vec<_> = items.iter().filter(|i| i["action"] != "audit.read").collect();
            assert!(leaked.is_empty(), "{filter}: {leaked:?}");
        }
        // A cursor of one is only a place in the list of the other.
        for list in ["runs", "audit", "api-keys", "members?service=true", "triggers", "plugins"] {
            let joint = if list.contains('?') { '&' } else { '?' };
            let first = mine.get(&format!("/api/v1/{list}{joint}limit=1")).expect(200);
            let own: Vec<Value> = mine.all(&format!("/api/v1/{list}")).iter().map(|i| i["id"].clone()).collect();
            let Some(cursor) = first["next"].as_str() else { continue };
            let page = other.get(&format!("/api/v1/{list}{joint}limit=100&cursor={cursor}"));
            let page = page.expect(200);
            for item in page["items"].as_array().unwrap() {
                assert!(!own.contains(&item["id"]), "{list}: {item}");
            }
        }
    }
}

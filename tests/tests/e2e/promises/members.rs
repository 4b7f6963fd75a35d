//! I11, I12, I16, I17: what a service account can never have, and how Members shows it.

use factotum_tests::{Browser, Server, on_both_backends};
use serde_json::{Value, json};

use crate::invitations::joined;

fn service_accounts(server: &Server) -> Vec<Value> {
    let mut all = server.api().all("/api/v1/members?service=true");
    all.retain(|m| m["kind"] != "member");
    all
}

on_both_backends! {
    fn i11_a_service_account_cannot_log_in_by_any_route(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        let (secret, made) = api.mint("robot", &["*:*"]);
        let base = service_accounts(&server).into_iter().find(|m| m["kind"] == "base").unwrap();
        let (id, account) = (made["id"].as_str().unwrap(), made["service_account"]["id"].as_str().unwrap());
        let names = ["robot", "Service Account", base["id"].as_str().unwrap(), account, id, secret.as_str()];
        for name in names {
            let stranger = Browser::at(server.base());
            // By password: there is none, also not the key.
            for password in [secret.as_str(), "", "correct horse battery staple"] {
                stranger.log_in(name, password).expect_problem(401, "log_in_failed");
            }
            assert_eq!(stranger.token(), None);
            // By invitation: it has no address.
            api.post("/api/v1/members/invitations", &json!({"email": name, "roles": ["Admin"]})).expect_problem(422, "invalid_field");
            // By password reset: asking tells nothing, and there is no link to come.
            stranger.post("/api/v1/password-reset", &json!({"email": name})).expect(202);
        }
        assert!(api.audit("action=password.reset").is_empty());
        // As the key itself: nothing that is a person's own.
        let key = api.with_key(&secret);
        for (method, path, body) in [
            ("GET", "/api/v1/session", json!(null)),
            ("GET", "/api/v1/me/sessions", json!(null)),
            ("PUT", "/api/v1/me/password", json!({"current": "x", "new": "a password for a robot"})),
            ("POST", "/api/v1/me/totp", json!({"password": "x"})),
            ("POST", "/api/v1/session/org", json!({"org": "x"})),
        ] {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            let answer = key.send(method, path, &[("content-type", "application/json")], body.as_bytes()).unwrap();
            answer.expect_problem(403, "denied");
        }
        // A session's cookie with the key in it is none.
        let browser = Browser::at(server.base());
        browser.plant(&secret);
        browser.get("/api/v1/me").expect_problem(401, "unauthenticated");
    }

    fn i12_a_service_accounts_permissions_are_its_own_never_a_roles(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        let (secret, made) = api.mint("robot", &["runs:read"]);
        for account in service_accounts(&server) {
            assert_eq!(account["roles"], json!([]), "{account}");
            let path = format!("/api/v1/members/{}", account["id"].as_str().unwrap());
            for role in ["Admin", "Editor", "Viewer"] {
                api.patch(&path, &json!({"roles": [role]})).expect_problem(409, "service_account_immutable");
            }
        }
        let me = api.with_key(&secret).get("/api/v1/me").expect(200);
        assert_eq!((&me["id"], &me["grants"]), (&made["service_account"]["id"], &json!(["runs:read"])));
    }

    fn i16_service_accounts_are_hidden_until_asked_for(backend: Backend) {
        let server = Server::start(backend);
        server.api().mint("robot", &["runs:read"]);
        let (ann, id) = joined(&server, "ann@example.com", &["Viewer"]);
        for hidden in ["/api/v1/members", "/api/v1/members?service=false"] {
            let items = ann.get(hidden).expect(200)["items"].clone();
            let items = items.as_array().unwrap();
            assert!(items.iter().all(|m| m["kind"] == "member"), "{items:?}");
            assert!(items.iter().any(|m| m["id"] == id.as_str()));
        }
        let shown = ann.get("/api/v1/members?service=true").expect(200)["items"].clone();
        assert!(shown.as_array().unwrap().iter().any(|m| m["name"] == "robot"), "{shown}");
    }

    fn i17_then_they_carry_their_badge_one_row_per_active_key(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        let (_, one) = api.mint("import", &["runs:read"]);
        let (_, gone) = api.mint("gone", &["runs:read"]);
        api.delete(&format!("/api/v1/api-keys/{}", gone["id"].as_str().unwrap())).expect(204);
        let shown = service_accounts(&server);
        let bases: Vec<_> = shown.iter().filter(|m| m["kind"] == "base").collect();
        assert_eq!(bases.len(), 1);
        assert_eq!((&bases[0]["name"], &bases[0]["badge"]), (&json!("Service Account"), &json!("Base Service Account")));
        let keys: Vec<_> = shown.iter().filter(|m| m["kind"] == "api_key").collect();
        assert!(keys.iter().all(|m| m["badge"] == "API Key"), "{keys:?}");
        let rows = |made: &Value| keys.iter().filter(|m| m["id"] == made["service_account"]["id"]).count();
        assert_eq!((rows(&one), rows(&gone)), (1, 0));
        assert!(keys.iter().any(|m| m["name"] == "import"));
        let members = api.all("/api/v1/members");
        assert!(members.iter().all(|m| m["badge"].is_null()), "{members:?}");
    }
}

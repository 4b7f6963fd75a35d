//! The audit trail: what is recorded, its filters, and that reading it is recorded too.

use factotum_tests::{Server, on_both_backends};
use serde_json::json;

on_both_backends! {
    fn entries_are_filtered_by_who_what_and_how_it_ended(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        let hook = api.trigger("echo", "webhook", &json!({"reply": "outcome"}));
        let path = hook["url"].as_str().unwrap();
        server.stranger().post(&path[path.find("/hooks/").unwrap()..], &json!({})).expect(200);
        let (secret, made) = api.mint("reader", &["runs:read"]);
        let account = made["service_account"]["id"].as_str().unwrap();
        api.with_key(&secret).get("/api/v1/audit").expect_problem(403, "denied");

        let of = |query: &str| api.audit(query);
        assert!(of("actor_kind=base").iter().all(|e| e["actor"]["kind"] == "base"));
        assert!(!of("actor_kind=base").is_empty());
        assert!(of("actor_kind=service").iter().all(|e| e["actor"]["kind"] != "member"));
        let denied = of(&format!("account={account}&outcome=denied"));
        assert_eq!(denied.len(), 1, "{denied:?}");
        assert_eq!(denied[0]["permission"], "audit:read");
        assert_eq!(denied[0]["credential"]["prefix"], made["prefix"]);
        let accepted = of(&format!("trigger={}&action=event.accept", hook["id"].as_str().unwrap()));
        assert_eq!(accepted.len(), 1, "{accepted:?}");
        assert_eq!(accepted[0]["initiator"]["kind"], "webhook");
        let run = accepted[0]["run_id"].as_str().unwrap();
        assert!(of(&format!("run={run}")).len() >= 2, "accept and end");
        assert_eq!(of("since=2100-01-01T00:00:00Z").len(), 0);
        api.get("/api/v1/audit?since=yesterday").expect(422);
        assert!(!of("action=audit.read").is_empty(), "reading the trail is on the record");
    }

    fn no_secret_is_in_the_trail_or_the_log(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        let verify = json!({"preset": "hmac", "secrets": ["whsec-never-shown"], "header": "x-s"});
        let hook = api.webhook("echo", &json!({"verify": verify}));
        let (secret, _) = api.mint("careful", &["runs:read"]);
        api.with_key(&secret).get("/api/v1/runs").expect(200);
        server.stranger().post(&hook, &json!({"card": "4111111111111111"})).expect(401);
        let token = hook.trim_start_matches("/hooks/").to_owned();
        let trail = api.get("/api/v1/audit/export?format=jsonl").text();
        assert!(trail.lines().count() > 5, "{trail}");
        let log = server.log();
        for hidden in [secret.as_str(), "whsec-never-shown", token.as_str(), "4111111111111111", api.key().unwrap()] {
            assert!(!trail.contains(hidden), "`{hidden}` is in the audit trail");
            assert!(!log.contains(hidden), "`{hidden}` is in the log");
        }
    }

    fn organizations_do_not_see_each_other(backend: Backend) {
        let server = Server::start(backend);
        let ours = server.api();
        ours.deploy("echo", &[]);
        let run = ours.run("echo", &json!({}));
        let theirs = ours.with_key(&server.bootstrap("Other", "other@example.com").unwrap());
        let missing = theirs.get("/api/v1/runs/run_00000000000000000000000000000000").expect(404);
        let foreign = theirs.get(&format!("/api/v1/runs/{}", run["id"].as_str().unwrap())).expect(404);
        for field in ["type", "title", "detail", "code"] {
            assert_eq!(missing[field], foreign[field], "an id of another organization is as unknown as any");
        }
        assert_eq!(theirs.all("/api/v1/runs").len(), 0);
        assert_eq!(theirs.all("/api/v1/plugins").len(), 0);
        let org = ours.get("/api/v1/me").expect(200)["org"].clone();
        let entries = theirs.audit("");
        assert!(!entries.is_empty());
        assert!(entries.iter().all(|e| !org.to_string().contains(e["org_id"].as_str().unwrap())), "{entries:?}");
    }
}

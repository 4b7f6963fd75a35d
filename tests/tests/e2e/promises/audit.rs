//! I18–I20: who did it, as the trail tells.

use factotum_tests::{Server, on_both_backends};
use serde_json::{Value, json};

on_both_backends! {
    fn i18_names_stand_as_they_were_after_revocation_and_reuse(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        let hook = api.webhook("echo", &json!({"reply": "outcome"}));
        server.stranger().post(&hook, &json!({})).expect(200);
        let base = api.audit("actor_kind=base&action=run.succeed");
        assert!(!base.is_empty() && base.iter().all(|e| e["actor"]["name"] == "Service Account"), "{base:?}");

        let mut accounts = Vec::new();
        for _ in 0..2 {
            let (secret, made) = api.mint("import", &["workflows:run"]);
            api.with_key(&secret).run("echo", &json!({}));
            api.delete(&format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap())).expect(204);
            accounts.push(made["service_account"]["id"].as_str().unwrap().to_owned());
        }
        for account in &accounts {
            let own = api.audit(&format!("account={account}&action=run.succeed"));
            assert_eq!(own.len(), 1, "one of each: the id tells them apart");
            assert_eq!(own[0]["actor"]["name"], "import");
        }
    }

    fn i19_automated_and_api_activity_is_filtered_by_kind_not_by_name(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        let (secret, made) = api.mint("member", &["workflows:run"]);
        api.with_key(&secret).run("echo", &json!({}));
        let hook = api.webhook("echo", &json!({"reply": "outcome"}));
        server.stranger().post(&hook, &json!({})).expect(200);
        let service = api.audit("actor_kind=service");
        let kinds: Vec<&Value> = service.iter().map(|e| &e["actor"]["kind"]).collect();
        assert!(kinds.contains(&&json!("base")) && kinds.contains(&&json!("api_key")), "{kinds:?}");
        assert!(service.iter().any(|e| e["actor"]["id"] == made["service_account"]["id"]));
        let by_name = api.audit("actor_kind=member");
        assert!(by_name.iter().all(|e| e["actor"]["kind"] == "member"), "a key named `member` is none");
    }

    fn i20_the_system_acts_as_the_base_account(backend: Backend) {
        let server = Server::start(backend);
        let entries = server.api().audit("");
        let system: Vec<_> = entries.iter().filter(|e| e["initiator"]["kind"] == "system").collect();
        assert!(!system.is_empty(), "the bootstrap at least: {entries:?}");
        assert!(system.iter().all(|e| e["actor"]["kind"] == "base" && e["actor"]["name"] == "Service Account"));
    }
}

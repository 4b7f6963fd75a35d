//! The report on a key, for the day it leaks: what it did, from where, what it was refused, by API and by command; of a key that works, that was
//! rotated out and that was revoked. Beside it: the trail filtered by address and by words.

use factotum_tests::cli::Cli;
use factotum_tests::{Api, Server, on_both_backends};
use serde_json::{Value, json};

fn report(api: &Api, id: &str) -> Value {
    api.get(&format!("/api/v1/api-keys/{id}/report")).expect(200)
}

fn counted<'a>(report: &'a Value, list: &str, field: &str, value: &str) -> &'a Value {
    let all = report[list].as_array().unwrap();
    all.iter().find(|item| item[field] == value).unwrap_or_else(|| panic!("{list} has no {value}: {all:?}"))
}

on_both_backends! {
    fn a_keys_report_shows_all_it_did_while_it_works_and_after(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.deploy("echo", &[]);
        let (secret, made) = admin.mint("leaky", &["workflows:run:echo", "runs:read"]);
        let id = made["id"].as_str().unwrap();
        let leaky = admin.with_key(&secret);
        for n in 0..3 {
            leaky.run("echo", &json!({"n": n}));
        }
        leaky.get("/api/v1/audit").expect_problem(403, "denied");
        leaky.get(&format!("/api/v1/api-keys/{id}/report")).expect_problem(403, "denied");

        let working = report(admin, id);
        assert_eq!(working["complete"], true);
        assert_eq!(working["key"]["nickname"], "leaky");
        assert_eq!(working["key"]["grants"].as_array().unwrap().len(), 2);
        assert!(working["key"].get("secret").is_none());
        assert_eq!(counted(&working, "workflows", "workflow", "echo")["entries"], 3);
        assert_eq!(counted(&working, "actions", "action", "run.succeed")["entries"], 3, "what its runs did is in it");
        assert_eq!(counted(&working, "addresses", "address", "127.0.0.1")["entries"], 5, "three runs, two refusals");
        assert_eq!(working["runs"].as_array().unwrap().len(), 3);
        let denied = working["denied"].as_array().unwrap();
        assert_eq!(denied.iter().map(|entry| &entry["action"]).collect::<Vec<_>>(), ["api_key.report", "audit.read"]);
        assert_eq!(counted(&working, "targets", "kind", "api_key")["id"], id);
        assert!(working["first_at"].as_str().unwrap() <= working["last_at"].as_str().unwrap());
        let own = admin.audit(&format!("action=api_key.report&target={id}&outcome=ok"));
        assert_eq!(own.len(), 1, "who asked is on the record");

        // Rotated out, then revoked: the same, and what was done to it.
        let new = admin.post(&format!("/api/v1/api-keys/{id}/rotate"), &json!({"overlap_s": 600})).expect(201);
        admin.delete(&format!("/api/v1/api-keys/{id}")).expect(204);
        let after = report(admin, id);
        assert_eq!(after["entries"], working["entries"]);
        assert!(!after["key"]["revoked_at"].is_null());
        let history: Vec<_> = after["history"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        for action in ["api_key.create", "api_key.rotate", "api_key.revoke"] {
            assert!(history.contains(&action), "{action} is not in {history:?}");
        }
        let successor = report(admin, new["id"].as_str().unwrap());
        assert_eq!(successor["entries"], 0, "the new key has done nothing");

        let cli = Cli::of(&server);
        let page = cli.text(&["key", "report", id]);
        for shown in ["leaky", "127.0.0.1", "run.succeed", "audit.read", "api_key.revoke", "WORKFLOW STARTED"] {
            assert!(page.contains(shown), "{shown} is not on the page:\n{page}");
        }
        assert_eq!(cli.json(&["key", "report", id])["workflows"][0]["workflow"], "echo");

        let theirs = admin.with_key(&server.bootstrap("Other", "other@example.com").unwrap());
        let foreign = theirs.get(&format!("/api/v1/api-keys/{id}/report")).expect(404);
        let unknown = theirs.get("/api/v1/api-keys/key_00000000000000000000000000000000/report").expect(404);
        for field in ["type", "title", "detail", "code"] {
            assert_eq!(foreign[field], unknown[field]);
        }
    }

    fn the_trail_is_searched_by_address_and_by_words(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        let (_, made) = api.mint("Ünique bot", &["runs:read"]);
        let actions = |query: &str| {
            let all = api.audit(query);
            all.iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert!(!actions("ip=127.0.0.1").is_empty());
        assert!(actions("ip=203.0.113.99").is_empty());
        assert_eq!(actions("q=%C3%BCNI&action=api_key.*"), ["api_key.create"], "the beginning of a word, in either case");
        assert_eq!(actions("q=bot%20%C3%BCnique&action=api_key.*"), ["api_key.create"], "words in any order");
        assert!(actions("q=nique&action=api_key.*").is_empty(), "not the middle of a word");
        let hex = made["id"].as_str().unwrap().trim_start_matches("key_");
        assert_eq!(actions(&format!("q={hex}&action=api_key.*")), ["api_key.create"]);
        api.get("/api/v1/audit?q=%25").expect_problem(422, "invalid_field");
        api.get("/api/v1/audit?ip=localhost").expect_problem(422, "invalid_field");
    }
}

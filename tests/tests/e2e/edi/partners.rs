//! Trading partners by API and command line.

use factotum_tests::cli::Cli;
use factotum_tests::{Server, on_both_backends};
use serde_json::json;

use super::{inbox, partner};
use crate::ledger::text;

on_both_backends! {
    fn partners_are_made_shown_changed_and_deleted(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        let made = partner(api, &json!({"duplicates": "flag"}));
        assert_eq!((&made["ack"], &made["ta1"], &made["window_days"], &made["usage"]), (&json!("997"), &json!("asked"), &json!(90), &json!("any")));
        let at = format!("/api/v1/edi/partners/{}", text(&made["id"]));
        assert_eq!(api.get(&at).expect(200), made);
        assert_eq!(api.get("/api/v1/edi/partners/acme").expect(200), made);

        // One id belongs to one partner.
        let refused = |body| api.post("/api/v1/edi/partners", &body).expect_problem(422, "invalid_field")["field"].clone();
        assert_eq!(refused(json!({"name": "acme", "x12": ["ZZ:OTHER"]})), "name");
        assert_eq!(refused(json!({"name": "other", "x12": ["ZZ:ACME"], "ours": {"x12": "ZZ:ME"}})), "x12[0]");
        assert_eq!(refused(json!({"name": "other", "x12": ["ACME"]})), "x12[0]");
        assert_eq!(refused(json!({"name": "other"})), "x12");
        api.post("/api/v1/edi/partners", &json!({"name": "other", "x12": ["ZZ:O"], "shoe": 1})).expect_problem(422, "unknown_field");
        // But with another of ours, or as tests, it may.
        let tests = json!({"name": "acme-2", "x12": ["ZZ:ACME"], "ours": {"x12": "ZZ:MINE"}});
        api.post("/api/v1/edi/partners", &tests).expect(201);

        let changed = api.patch(&at, &json!({"ack": "999", "x12": ["ZZ:ACME", "01:123456789"]})).expect(200);
        assert_eq!((&changed["ack"], &changed["duplicates"]), (&json!("999"), &json!("flag")), "what is not given stays");
        assert_eq!(changed["x12"][1], "01:123456789");
        api.patch(&at, &json!({"ack": "998"})).expect_problem(422, "invalid_field");
        api.patch(&at, &json!({"shoe": 1})).expect_problem(422, "invalid_field");
        let change = &api.audit("action=partner.update")[0]["change"];
        assert_eq!((&change["before"]["ack"], &change["after"]["ack"]), (&json!("997"), &json!("999")), "{change}");

        // A trigger names a partner that is there, and keeps it.
        let config = json!({"workflow": "echo", "kind": "edi", "config": {"partner": "nobody"}});
        let problem = api.post("/api/v1/triggers", &config).expect_problem(422, "invalid_field");
        assert_eq!(problem["field"], "config.partner");
        let (trigger, _) = inbox(api, &json!({"partner": "acme"}));
        api.delete(&at).expect_problem(409, "conflict");
        api.patch(&at, &json!({"name": "acme-corp"})).expect_problem(409, "conflict");
        api.delete(&format!("/api/v1/triggers/{trigger}")).expect(204);
        api.delete(&at).expect(204);
        api.get(&at).expect(404);
        assert_eq!(partner(api, &json!({}))["name"], "acme", "name and ids are free again");

        // Who may read may not change.
        let reader = api.with_key(&api.mint("reader", &["partners:read"]).0);
        assert_eq!(reader.all("/api/v1/edi/partners").len(), 2);
        reader.post("/api/v1/edi/partners", &json!({"name": "x", "x12": ["ZZ:X"]})).expect_problem(403, "denied");
        reader.delete("/api/v1/edi/partners/acme").expect_problem(403, "denied");

        let cli = Cli::of(&server);
        let made = cli.json(&["edi", "partners", "create", "gamma", "--x12", "ZZ:GAMMA", "--ours-x12", "ZZ:ME", "--ack", "none"]);
        assert_eq!((&made["x12"][0], &made["ours"]["x12"]), (&json!("ZZ:GAMMA"), &json!("ZZ:ME")));
        assert_eq!(cli.json(&["edi", "partners", "update", "gamma", "--ours-edifact", "ME:14"])["ours"]["x12"], "ZZ:ME");
        assert!(cli.text(&["edi", "partners", "list"]).contains("gamma"));
        cli.text(&["edi", "partners", "delete", "gamma"]);
        cli.refused(4, &["edi", "partners", "show", "gamma"]);
    }
}

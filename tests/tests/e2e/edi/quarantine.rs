//! What belongs to nobody known is kept, and let out once it does.

use factotum_tests::cli::Cli;
use factotum_tests::on_both_backends;
use serde_json::json;

use super::{X12, counts, inbox, interchanges, runs, send, server};
use crate::ledger::text;

on_both_backends! {
    fn an_unknown_partner_is_kept_and_let_out(backend: Backend) {
        let server = server(backend, &json!({}));
        let api = server.api();
        let (trigger, path) = inbox(api, &json!({"partner": "*"}));
        let sent = X12 { sender: "BETA", ..X12::default() }.write();
        let answer = send(&server, &path, &sent).expect(202);
        assert_eq!(answer["interchanges"][0]["state"], "quarantined");
        let id = text(&answer["interchanges"][0]["id"]);
        // The same bytes are kept once.
        assert_eq!(send(&server, &path, &sent).expect(202)["interchanges"][0]["id"], id.as_str());
        let kept = interchanges(api, "state=quarantined");
        assert_eq!(kept.len(), 1);
        assert!(text(&kept[0]["reason"]).starts_with("unknown_partner: "), "{}", kept[0]);
        assert_eq!(api.audit("action=event.quarantine").len(), 1);
        assert!(runs(api, &trigger).is_empty());
        let one = format!("/api/v1/edi/interchanges/{id}");
        assert_eq!(api.get(&format!("{one}/raw")).text().trim(), sent.trim());
        api.get(&format!("{one}/acknowledgement")).expect(404);

        // It stays as long as it belongs to nobody.
        api.post(&format!("{one}/release"), &json!({})).expect_problem(409, "conflict");
        api.post("/api/v1/edi/partners", &json!({"name": "beta", "x12": ["ZZ:BETA"]})).expect(201);
        let viewer = api.with_key(&api.mint("reader", &["events:read", "partners:read"]).0);
        viewer.post(&format!("{one}/release"), &json!({})).expect_problem(403, "denied");
        let released = api.post(&format!("{one}/release"), &json!({})).expect(200);
        assert_eq!((&released["state"], &released["partner"]), (&json!("accepted"), &json!("beta")), "{released}");
        assert!(released["settled_at"].is_string());
        let started = runs(api, &trigger);
        assert_eq!(started.len(), 1);
        assert_eq!(api.wait_end(&text(&started[0]["id"]))["state"], "succeeded");
        assert!(api.get(&format!("{one}/acknowledgement")).text().contains("AK9*A*1*1*1"));
        assert_eq!(api.audit(&format!("action=event.release&target={id}"))[0]["actor"]["kind"], "api_key");
        // Its sender hears of it when it sends again.
        assert!(send(&server, &path, &sent).text().contains("AK9*A*1*1*1"));
        assert_eq!(runs(api, &trigger).len(), 1);
        api.post(&format!("{one}/release"), &json!({})).expect_problem(409, "conflict");

        // Thrown away: it starts nothing, and stays on record.
        let answer = send(&server, &path, "no EDI").expect_problem(422, "interchange_unreadable");
        assert_eq!(answer["offset"], 0);
        let id = text(&interchanges(api, "state=quarantined")[0]["id"]);
        assert_eq!(Cli::of(&server).json(&["edi", "interchanges", "discard", &id])["state"], "discarded");
        assert!(interchanges(api, "state=quarantined").is_empty());
        assert_eq!(api.get(&format!("/api/v1/edi/interchanges/{id}/raw")).text(), "no EDI");
        counts(api, &trigger, &json!({"accepted": 0, "rejected": 3, "duplicates": 1}));
    }

    fn who_has_a_url_of_one_partner_sends_for_no_other(backend: Backend) {
        let server = server(backend, &json!({}));
        let api = server.api();
        api.post("/api/v1/edi/partners", &json!({"name": "beta", "x12": ["ZZ:BETA"]})).expect(201);
        let (acme, path) = inbox(api, &json!({"partner": "acme"}));
        let (beta, _) = inbox(api, &json!({"partner": "beta"}));
        let answer = send(&server, &path, X12 { sender: "BETA", ..X12::default() }.write()).expect(202);
        assert_eq!(answer["interchanges"][0]["state"], "quarantined");
        assert!(text(&interchanges(api, "")[0]["reason"]).starts_with("other_partner: "));
        assert!(runs(api, &acme).is_empty() && runs(api, &beta).is_empty());
    }
}

//! What is taken of an interchange, and what its sender is answered.

use factotum_tests::cli::Cli;
use factotum_tests::on_both_backends;
use serde_json::json;

use super::{X12, counts, edifact, inbox, interchanges, runs, send, server};
use crate::ledger::text;

on_both_backends! {
    fn an_order_starts_a_run_and_is_acknowledged(backend: Backend) {
        let server = server(backend, &json!({}));
        let api = server.api();
        let (trigger, path) = inbox(api, &json!({"partner": "acme", "sets": ["850", "ORDERS"], "per": "set"}));
        let sent = X12 { sets: &[("850", "0001", 0), ("850", "0002", 0)], ..X12::default() }.write();
        let answer = send(&server, &path, &sent);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/edi-x12")), "{}", answer.text());
        let acknowledgement = answer.text();
        for part in ["ST*997*", "AK1*PO*1", "AK2*850*0001", "AK2*850*0002", "AK9*A*2*2*2"] {
            assert!(acknowledgement.contains(part), "no {part} in {acknowledgement}");
        }
        assert!(acknowledgement.starts_with("ISA*00*          *00*          *ZZ*ME             *ZZ*ACME           *"), "{acknowledgement}");

        // A run of each set, whose event is the set.
        let started = runs(api, &trigger);
        assert_eq!(started.len(), 2);
        let run = api.wait_end(&text(&started[1]["id"]));
        assert_eq!((&run["state"], &run["initiator"]["kind"]), (&json!("succeeded"), &json!("edi")), "{run}");
        assert_eq!(run["principal"]["kind"], "base");
        let got = &run["outcome"]["output"]["payload"];
        assert_eq!(got["kind"], "edi", "{run}");
        let edi = &got["edi"];
        assert_eq!((&edi["standard"], &edi["partner"], &edi["set"]), (&json!("x12"), &json!("acme"), &json!("850")));
        assert_eq!(edi["envelope"]["interchange"]["control"], "000000001");
        assert_eq!(edi["envelope"]["group"]["version"], "004010");
        assert!(edi["document"].to_string().contains("PO-1"), "{edi}");
        let raw = text(&edi["raw"]);
        assert!(raw.starts_with("ST*850*000") && raw.ends_with('~'), "{raw}");
        let event = api.get(&format!("/api/v1/events/{}", text(&run["event"]))).expect(200);
        assert_eq!(event["edi"], *edi, "as the workflow got it");

        // What is known of the interchange.
        let all = interchanges(api, "state=accepted&partner=acme");
        assert_eq!(all.len(), 1);
        let one = format!("/api/v1/edi/interchanges/{}", text(&all[0]["id"]));
        assert_eq!(api.get(&format!("{one}/raw")).text().trim(), sent.trim());
        assert_eq!(api.get(&format!("{one}/acknowledgement")).body, answer.body);
        let whole = api.get(&one).expect(200);
        assert_eq!((&whole["sets"], &whole["accepted"], &whole["control"]), (&json!(2), &json!(2), &json!("000000001")));
        assert_eq!(whole["report"]["runs"].as_array().map(Vec::len), Some(2), "{whole}");
        let entries = api.audit(&format!("action=event.accept&trigger={trigger}"));
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0]["initiator"]["external_ref"], "x12 ZZ:ACME 000000001");
        counts(api, &trigger, &json!({"accepted": 2, "rejected": 0, "duplicates": 0}));

        // EDIFACT by the same URL.
        let answer = send(&server, &path, edifact("R1", "ORDERS"));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/edifact")), "{}", answer.text());
        let acknowledgement = answer.text();
        assert!(acknowledgement.contains("UCI+R1") && acknowledgement.contains("CONTRL"), "{acknowledgement}");
        assert_eq!(runs(api, &trigger).len(), 3);

        // By the command line as well.
        let cli = Cli::of(&server);
        assert_eq!(cli.json(&["edi", "interchanges", "list"])["items"].as_array().map(Vec::len), Some(2));
        assert_eq!(cli.text(&["edi", "interchanges", "acknowledgement", &text(&all[0]["id"])]).trim(), String::from_utf8_lossy(&api.get(&format!("{one}/acknowledgement")).body).trim());
    }

    fn sets_are_taken_one_by_one_and_what_is_wrong_is_said(backend: Backend) {
        let server = server(backend, &json!({}));
        let api = server.api();
        let (trigger, path) = inbox(api, &json!({"partner": "*", "sets": ["850"]}));
        // The second set counts wrong, nobody takes the third.
        let sets = &[("850", "0001", 0), ("850", "0002", 1), ("860", "0003", 0)];
        let answer = send(&server, &path, X12 { sets, ..X12::default() }.write());
        assert_eq!(answer.status, 200, "{}", answer.text());
        let told = answer.text();
        assert!(told.contains("AK9*P*3*3*1") && told.contains("AK5*R*4") && told.contains("AK5*R*1"), "{told}");
        assert_eq!(runs(api, &trigger).len(), 1);
        let partial = &interchanges(api, "state=partial")[0];
        assert_eq!((&partial["sets"], &partial["accepted"]), (&json!(3), &json!(1)), "{partial}");
        let reject = &api.audit("action=event.reject")[0];
        assert!(text(&reject["reason"]).contains("AK502"), "{reject}");

        // All of it wrong: nothing starts.
        let answer = send(&server, &path, X12 { control: 2, sets: &[("850", "0001", -1)], ..X12::default() }.write());
        assert!(answer.status == 200 && answer.text().contains("AK9*R*1*1*0"), "{}", answer.text());
        assert_eq!((runs(api, &trigger).len(), interchanges(api, "state=rejected").len()), (1, 1));

        // The envelope wrong: TA1 with its code, and no 997.
        let wrong = X12 { control: 3, ..X12::default() }.write().replace("IEA*1*000000003", "IEA*1*000000004");
        let answer = send(&server, &path, &wrong);
        assert!(answer.text().contains("TA1*000000003*") && answer.text().contains("*R*001") && !answer.text().contains("ST*997"), "{}", answer.text());

        // Asked for a TA1: it goes before the 997.
        let answer = send(&server, &path, X12 { control: 4, ta1: true, ..X12::default() }.write());
        assert!(answer.text().contains("TA1*000000004*") && answer.text().contains("AK9*A*1*1*1"), "{}", answer.text());
        // An acknowledgement is kept, and not acknowledged.
        let theirs = answer.text().replace("000000004", "000000077").replace("ME             *ZZ*ACME           ", "ACME           *ZZ*ME             ");
        assert_eq!(send(&server, &path, theirs).expect(202)["interchanges"][0]["state"], "accepted");

        // No envelope at all: 422 with the place, and kept.
        let problem = send(&server, &path, "Dear Sirs,\n").expect_problem(422, "interchange_unreadable");
        assert_eq!(problem["offset"], 0);
        let behind = X12 { control: 5, ..X12::default() }.write() + "and more";
        let problem = send(&server, &path, &behind).expect_problem(422, "interchange_unreadable");
        assert_eq!(problem["offset"], behind.len() - "and more".len(), "{problem}");
        assert_eq!(interchanges(api, "state=quarantined").len(), 2);
        assert_eq!(runs(api, &trigger).len(), 2, "nothing of it was taken");
        send(&server, &path, "").expect_problem(422, "interchange_unreadable");
    }

    fn what_was_agreed_decides(backend: Backend) {
        let terms = json!({"ack": "none", "sets": ["850"], "versions": ["004010"], "usage": "production"});
        let server = server(backend, &terms);
        let api = server.api();
        let (by_set, path) = inbox(api, &json!({"partner": "acme", "max_body_bytes": 5_000}));
        let (whole, _) = inbox(api, &json!({"partner": "acme", "per": "interchange", "sets": ["850"]}));
        // No acknowledgement is due: 202. Both triggers get their documents.
        let sets = &[("850", "0001", 0), ("850", "0002", 0)];
        let taken = send(&server, &path, X12 { sets, ..X12::default() }.write()).expect(202);
        assert_eq!(taken["interchanges"][0]["state"], "accepted");
        assert_eq!((runs(api, &by_set).len(), runs(api, &whole).len()), (2, 1));
        let run = api.wait_end(&text(&runs(api, &whole)[0]["id"]));
        let edi = &run["outcome"]["output"]["payload"]["edi"];
        assert_eq!((&edi["set"], edi["document"]["sets"].as_array().map(Vec::len)), (&json!(null), Some(2)), "{edi}");
        assert!(text(&edi["raw"]).starts_with("ISA*"));

        // Refused, and no acknowledgement says so: the answer does.
        let problem = send(&server, &path, X12 { control: 2, sets: &[("860", "0001", 0)], ..X12::default() }.write())
            .expect_problem(422, "interchange_rejected");
        assert!(text(&problem["detail"]).contains("860"), "{problem}");
        let newer = X12 { control: 3, ..X12::default() }.write().replace("*X*004010~", "*X*005010~");
        send(&server, &path, newer).expect_problem(422, "interchange_rejected");
        // A test of a partner that sends none is nobody's.
        let kept = send(&server, &path, X12 { control: 4, test: true, ..X12::default() }.write()).expect(202);
        assert_eq!(kept["interchanges"][0]["state"], "quarantined");
        // Too large, paused, unknown.
        send(&server, &path, "x".repeat(5_001)).expect_problem(413, "too_large");
        api.patch(&format!("/api/v1/triggers/{whole}"), &json!({"paused": true})).expect(200);
        let answer = send(&server, &path, X12 { control: 5, ..X12::default() }.write());
        answer.expect_problem(503, "trigger_paused");
        assert!(answer.header("retry-after").is_some());
        assert_eq!((runs(api, &by_set).len(), runs(api, &whole).len()), (2, 1), "nothing of it was taken");
        send(&server, "/edi/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "x").expect_problem(404, "not_found");

        // Another URL: the old one is gone.
        let made = api.post(&format!("/api/v1/triggers/{by_set}/regenerate"), &json!({})).expect(200);
        assert!(!text(&made["url"]).ends_with(&path));
        send(&server, &path, "x").expect_problem(404, "not_found");
    }
}

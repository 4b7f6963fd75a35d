//! A test delivery to an e-mail trigger: it goes by the path of every mail, asks nobody to prove anything, and says that it is a test.

use factotum_tests::on_both_backends;
use serde_json::json;

use super::{mailbox, raw, server};

on_both_backends! {
    fn a_test_mail_starts_a_run_whoever_may_write(backend: Backend) {
        let server = server(backend, "");
        let api = server.api();
        let (trigger, address) =
            mailbox(api, &json!({"name": "orders", "require": ["dkim"], "allow_senders": ["example.com"]}));
        let at = format!("/api/v1/triggers/{trigger}/test");

        let tested = api.post(&at, &json!({})).expect(200);
        assert_eq!(tested["status"], 202);
        let run = api.wait_end(tested["run"].as_str().unwrap());
        assert_eq!(run["state"], "succeeded");
        assert_eq!(run["initiator"], json!({"kind": "email", "id": trigger}));
        assert_eq!(run["principal"]["kind"], "base");
        let sent = String::from_utf8(raw(api, &run)).unwrap();
        assert!(sent.starts_with("X-Factotum-Test: test-"), "{sent}");
        assert!(sent.contains(&format!("To: {address}\r\n")) && sent.contains("Subject: A test\r\n"), "{sent}");

        let body = json!({
            "from": "jane@example.org", "subject": "Größe", "text": "see the file",
            "attachments": [{"name": "a.pdf", "type": "application/pdf", "data_base64": "JVBERg=="}],
        });
        let again = json!({"body": body});
        let first = api.post(&at, &again).expect(200)["run"].clone();
        let second = api.post(&at, &again).expect(200)["run"].clone();
        assert_ne!(first, second, "no repetition of each other");
        let run = api.get(&format!("/api/v1/runs/{}", first.as_str().unwrap())).expect(200);
        let event = api.get(&format!("/api/v1/events/{}", run["event"].as_str().unwrap())).expect(200);
        let email = &event["email"];
        assert_eq!(email["subject"], "Größe", "{event}");
        assert_eq!(email["from"], "jane@example.org");
        assert_eq!(email["attachments"][0]["name"], "a.pdf");
        assert_eq!(email["attachments"][0]["size"], 4);

        let whole = "From: a@example.com\nSubject: raw\n\nhello\n";
        let run = api.post(&at, &json!({"body": {"raw": whole}})).expect(200)["run"].clone();
        let sent = raw(api, &api.wait_end(run.as_str().unwrap()));
        assert!(sent.ends_with(b"From: a@example.com\r\nSubject: raw\r\n\r\nhello\r\n"), "lines end as in a mail");

        let machine = "From: a@example.com\nAuto-Submitted: auto-replied\n\nhello\n";
        let kept = api.post(&at, &json!({"body": {"raw": machine}})).expect(200);
        assert_eq!((&kept["status"], &kept["run"]), (&json!(200), &json!(null)), "mail of machines starts nothing: {kept}");

        let tried = api.get("/api/v1/audit?action=trigger.test").expect(200);
        assert_eq!(tried["items"].as_array().unwrap().len(), 5, "each is on the record");
    }

    fn what_is_no_mail_is_refused_with_its_field(backend: Backend) {
        let server = server(backend, "");
        let api = server.api();
        let (trigger, _) = mailbox(api, &json!({"name": "orders", "max_message_bytes": 1024}));
        let at = format!("/api/v1/triggers/{trigger}/test");
        for (body, field) in [
            (json!({"subjet": "x"}), "body"),
            (json!({"from": "nobody"}), "body.from"),
            (json!({"attachments": [{"name": "a", "data_base64": "*"}]}), "body.attachments[0].data_base64"),
            (json!({"raw": "a: b", "text": "c"}), "body.raw"),
            (json!({"attachments": [{"name": "a", "type": "no type", "data_base64": ""}]}), "body"),
        ] {
            let refused = api.post(&at, &json!({"body": body})).expect_problem(422, "invalid_field");
            assert_eq!(refused["field"], field, "{refused}");
        }
        let large = api.post(&at, &json!({"body": "x".repeat(2_000)})).expect(409);
        assert!(large["detail"].as_str().unwrap().contains("1024 bytes"), "{large}");
        api.patch(&format!("/api/v1/triggers/{trigger}"), &json!({"paused": true})).expect(200);
        let paused = api.post(&at, &json!({})).expect(409);
        assert!(paused["detail"].as_str().unwrap().contains("paused"), "{paused}");
        assert_eq!(api.all(&format!("/api/v1/runs?trigger={trigger}")).len(), 0);
    }
}

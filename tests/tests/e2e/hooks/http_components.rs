//! Components that are written for `wasi:http` and know nothing of Factotum, behind a webhook: asked what the sender asked, answering the sender, and durable,
//! bounded and on the record like all others.

use factotum_tests::receiver::Receiver;
use factotum_tests::{Answer, Server, on_both_backends};
use serde_json::{Value, json};

use crate::ledger;

fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    server.stranger().send(method, path, headers, body).unwrap()
}

/// The path of a webhook of this workflow that answers with its outcome.
fn outcome(server: &Server, workflow: &str, more: &Value) -> String {
    let mut config = json!({"reply": "outcome"});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.api().webhook(workflow, &config)
}

on_both_backends! {
    fn a_component_that_others_serve_runs_unchanged(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        assert_eq!(api.upload("hello-http")["world"], "wasi:http");
        api.workflow("hello-http", "hello-http", &json!({}));
        let path = outcome(&server, "hello-http", &json!({}));
        for (method, below) in [("POST", ""), ("GET", "/any/path?a=1")] {
            let answer = ask(&server, method, &format!("{path}{below}"), &[], b"");
            assert_eq!((answer.status, answer.text().as_str()), (200, "{\"ok\":true}\n"));
        }
        // Nobody waits: the answer is the run's output. Nor does it need a webhook to be tried.
        let accepted = api.webhook("hello-http", &json!({}));
        let run = ask(&server, "POST", &accepted, &[], b"").expect(202)["run"].as_str().unwrap().to_owned();
        let run = api.wait_end(&run);
        let output = json!({"status": 200, "headers": {}, "body": "{\"ok\":true}\n"});
        assert_eq!((&run["outcome"]["output"], &run["initiator"]["kind"]), (&output, &json!("webhook")));
        assert_eq!(run["principal"]["kind"], "base");
        assert_eq!(api.run("hello-http", &json!({"a": 1}))["outcome"]["output"], output);
        assert_eq!(ledger::drained(api, "hello-http").len(), 4, "each delivery is a run");
    }

    fn a_handler_is_asked_what_the_sender_asked_and_answers_what_is_safe(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("http-probe", &[]);
        let path = outcome(&server, "http-probe", &json!({"max_body_bytes": 2_000_000, "dedup": {"header": "X-Delivery"}}));
        let body: Vec<u8> = (0..1_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let headers = [("authorization", "Bearer s3cret"), ("cookie", "session=s3cret"), ("x-delivery", "1"), ("x-own", "Grüße")];
        let first = ask(&server, "PUT", &format!("{path}/orders/7?a=1&b=%20"), &headers, &body);
        assert_eq!((first.status, first.body.len()), (200, body.len()), "{:?}", first.headers);
        assert!(first.body == body, "byte by byte");
        assert_eq!((first.header("x-method"), first.header("x-target")), (Some("PUT"), Some("/orders/7?a=1&b=%20")));
        assert_eq!(first.header("x-authority"), Some(format!("127.0.0.1:{}", server.port()).as_str()));
        assert_eq!(first.header("x-got-x-own"), Some("Grüße"));
        assert!(first.header("x-got-authorization").is_none() && first.header("x-got-cookie").is_none());
        assert_eq!(first.header("content-type"), Some("application/octet-stream"), "a browser does not guess");
        // Who sends it again gets the same answer, from what is stored.
        let again = ask(&server, "PUT", &format!("{path}/another"), &headers, b"another");
        assert_eq!((again.status, again.header("x-target")), (200, Some("/orders/7?a=1&b=%20")));
        assert!(again.body == body);

        let plain = outcome(&server, "http-probe", &json!({"methods": ["GET", "HEAD", "POST"]}));
        let told = ask(&server, "GET", &format!("{plain}/cookies"), &[], b"");
        assert_eq!((told.status, told.text().as_str()), (201, "<script>alert(1)</script>"));
        let all = |name: &str| told.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>();
        assert_eq!((all("content-type"), all("x-own")), (vec!["text/html"], vec!["1", "2"]));
        assert_eq!((all("content-security-policy"), all("x-content-type-options")), (vec!["sandbox"], vec!["nosniff"]));
        for name in ["set-cookie", "strict-transport-security", "x-accel-redirect"] {
            assert_eq!(all(name), [""; 0], "{name}");
        }
        let missing = ask(&server, "POST", &format!("{plain}/status/404"), &[], b"");
        assert_eq!((missing.status, missing.text().as_str()), (404, "as you asked"));
        let head = ask(&server, "HEAD", &format!("{plain}/any"), &[], b"");
        assert_eq!((head.status, head.header("x-method"), head.body.len()), (200, Some("HEAD"), 0));
    }

    fn a_handler_that_fails_is_a_failed_run_and_never_half_an_answer(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy_with("http-probe", &json!({"limits": {"output_bytes": 100_000}}));
        let path = outcome(&server, "http-probe", &json!({}));
        for (below, code, words) in [
            ("/trap", "trap", "its run says more"),
            ("/nothing", "failed", "without a response"),
            ("/error", "failed", "there is no such order"),
            ("/status/503", "failed", "503 Service Unavailable: as you asked"),
            ("/endless", "output_limit", "its run says more"),
        ] {
            let answer = ask(&server, "POST", &format!("{path}{below}"), &[], b"");
            assert!(!answer.text().contains("half"), "{below}");
            let problem = answer.expect_problem(502, code);
            assert!(problem["detail"].as_str().unwrap().contains(words), "{below}: {problem}");
        }
        // One that never answers has until its deadline; one that failed is tried again as its workflow has it.
        api.workflow("silent", "http-probe", &json!({"limits": {"wall_ms": 300}}));
        let silent = outcome(&server, "silent", &json!({}));
        ask(&server, "POST", &format!("{silent}/silent"), &[], b"").expect_problem(502, "deadline_exceeded");
        api.workflow("again", "http-probe", &json!({"retry": {"attempts": 3, "backoff_ms": 60_000}}));
        let again = api.webhook("again", &json!({}));
        let run = ask(&server, "POST", &format!("{again}/status/503"), &[], b"").expect(202);
        // `Retry-After: 0` of the handler's wins over the minute.
        let run = api.wait_end(run["run"].as_str().unwrap());
        assert_eq!((&run["state"], &run["attempt"]), (&json!("dead"), &json!(3)), "{run}");
    }

    fn a_handler_needs_the_grant_that_every_workflow_needs(backend: Backend) {
        let receiver = Receiver::start().unwrap();
        let server = Server::start_with(backend, &format!("[egress]\nallow = [\"127.0.0.1:{}\"]\n", receiver.port()));
        let api = server.api();
        api.deploy("http-probe", &[]);
        api.workflow("granted", "http-probe", &json!({"grants": ["http:request"]}));
        let call = |workflow: &str| {
            let path = outcome(&server, workflow, &json!({}));
            ask(&server, "POST", &format!("{path}/call"), &[], format!("{}/inner", receiver.base()).as_bytes()).text()
        };
        assert_eq!(call("http-probe"), "denied");
        let denied = api.audit("action=http.request&outcome=denied");
        assert_eq!((denied.len(), &denied[0]["workflow"]), (1, &json!("http-probe")));
        assert_eq!(receiver.received().len(), 0);
        assert_eq!(call("granted"), "200");
        assert_eq!(receiver.received()[0].path, "/inner");
    }
}

//! Bad input: a problem+json that names the fault, and nothing stored.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use factotum_tests::{Answer, Api, Server, guest, on_both_backends};
use serde_json::{Value, json};

/// It must be a problem of this kind, and its text must name each of `names`.
#[track_caller]
fn refused(answer: &Answer, status: u16, names: &[&str]) -> Value {
    let problem = answer.expect(status);
    assert!(answer.header("content-type").unwrap_or_default().starts_with("application/problem+json"));
    for field in ["type", "title", "detail", "code", "request_id"] {
        assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "no `{field}`: {problem}");
    }
    for name in names {
        assert!(problem.to_string().contains(name), "it does not name `{name}`: {problem}");
    }
    problem
}

fn upload(api: &Api, bytes: &[u8]) -> Answer {
    api.post_bytes("/api/v1/plugins?name=bad&version=1.0.0", "application/wasm", bytes)
}

on_both_backends! {
    fn what_is_no_plugin_is_refused(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        refused(&upload(api, b"this is not wasm"), 422, &["wasm"]);
        refused(&upload(api, b""), 422, &[]);
        refused(&upload(api, b"\0asm\x0d\x00\x01\x00\xff\xff"), 422, &[]);
        refused(&upload(api, &guest::wasm("library").unwrap()), 422, &["handle"]);
        refused(&upload(api, &guest::wasm("unknown-import").unwrap()), 422, &["import"]);
        let truncated = guest::wasm("echo").unwrap();
        refused(&upload(api, &truncated[..truncated.len() / 2]), 422, &[]);
        let wasm = guest::wasm("hello").unwrap();
        let named = |query: &str| api.post_bytes(&format!("/api/v1/plugins?{query}"), "application/wasm", &wasm);
        for query in ["name=Bad%20Name&version=1.0.0", "name=bad&version=one", "name=bad", "name=bad&version=1.0.0&x=1"] {
            let answer = named(query);
            assert!(matches!(answer.status, 400 | 422), "{query}: {}", answer.text());
        }
        assert_eq!(api.all("/api/v1/plugins"), Vec::<Value>::new(), "nothing is stored");
        // A version is immutable: the same bytes again are fine, others are not.
        api.upload("hello");
        api.upload("hello");
        let other = guest::wasm("echo").unwrap();
        let path = "/api/v1/plugins?name=hello&version=1.0.0";
        refused(&api.post_bytes(path, "application/wasm", &other), 409, &["1.0.0"]);
    }

    fn what_is_no_schedule_is_refused(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        for (config, name) in [
            (json!({"cron": "99 * * * *"}), "cron"),
            (json!({"cron": "whenever"}), "cron"),
            (json!({"cron": ""}), "cron"),
            (json!({"cron": "0 0 30 2 *"}), "cron"),
            (json!({"cron": "* * * * *", "timezone": "Mars/Olympus"}), "Mars/Olympus"),
            (json!({"cron": "* * * * *", "timezone": "../../etc/passwd"}), "timezone"),
            (json!({"cron": "* * * * *", "missed": {"policy": "sometimes"}}), "policy"),
            (json!({"cron": "* * * * *", "crown": 1}), "crown"),
            (json!({}), "cron"),
        ] {
            let body = json!({"workflow": "echo", "kind": "schedule", "config": config});
            refused(&api.post("/api/v1/triggers", &body), 422, &[name]);
        }
        for body in [
            json!({"workflow": "nobody", "kind": "webhook", "config": {}}),
            json!({"workflow": "echo", "kind": "pigeon", "config": {}}),
            json!({"workflow": "echo", "kind": "webhook", "config": {"reply": "maybe"}}),
            json!({"workflow": "echo", "kind": "webhook", "config": {"verify": {"preset": "hmac"}}}),
        ] {
            let answer = api.post("/api/v1/triggers", &body);
            assert!(matches!(answer.status, 404 | 422), "{body}: {}", answer.text());
        }
        assert_eq!(api.all("/api/v1/triggers"), Vec::<Value>::new(), "nothing is stored");
    }

    fn what_is_no_workflow_is_refused(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.upload("echo");
        for (spec, names) in [
            (json!({"plugin": "echo@1.0.0", "limts": {}}), vec!["limts"]),
            (json!({"plugin": "echo@1.0.0", "limits": {"wall_ms": 0}}), vec!["wall_ms"]),
            (json!({"plugin": "echo@1.0.0", "limits": {"cpu_ms": 99_999_999}}), vec!["cpu_ms"]),
            (json!({"plugin": "echo@1.0.0", "grants": ["kv:fly"]}), vec!["kv:fly"]),
            (json!({"plugin": "echo@1.0.0", "retry": {"attempts": 0}}), vec!["attempts"]),
            (json!({"plugin": "echo@1.0.0", "concurrency": 0}), vec!["concurrency"]),
            (json!({"plugin": "echo@9.9.9"}), vec!["9.9.9"]),
            (json!({"plugin": 7}), vec!["plugin"]),
            (json!({}), vec!["plugin"]),
        ] {
            refused(&api.put("/api/v1/workflows/echo", &spec), 422, &names);
        }
        refused(&api.put("/api/v1/workflows/Not%20A%20Name", &json!({"plugin": "echo@1.0.0"})), 422, &[]);
        assert_eq!(api.all("/api/v1/workflows"), Vec::<Value>::new(), "nothing is stored");
        api.get("/api/v1/workflows/echo").expect_problem(404, "not_found");
    }

    fn what_is_no_request_is_refused(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        let json = [("content-type", "application/json")];
        let send = |path: &str, headers: &[(&str, &str)], body: &[u8]| api.send("POST", path, headers, body).unwrap();
        let broken = send("/api/v1/api-keys", &json, b"{\"nickname\": \"a\",\n oops}");
        refused(&broken, 400, &["line 2"]);
        let unknown = send("/api/v1/api-keys", &json, br#"{"nickname": "a", "grants": ["runs:read"], "org_id": "x"}"#);
        refused(&unknown, 422, &["org_id"]);
        let text = [("content-type", "text/plain")];
        refused(&send("/api/v1/api-keys", &text, b"{}"), 415, &["application/json"]);
        refused(&send("/api/v1/workflows/echo/runs", &json, b"{\"a\":"), 400, &["line 1"]);
        refused(&api.get("/api/v1/nothing"), 404, &[]);
        refused(&api.send("PUT", "/api/v1/runs", &json, b"{}").unwrap(), 405, &[]);
        refused(&api.get("/api/v1/runs?limit=many"), 422, &["limit"]);
        refused(&api.get("/api/v1/runs?cursor=broken"), 422, &["cursor"]);
        refused(&api.get("/api/v1/runs/not-an-id"), 404, &[]);
        assert_eq!(api.all("/api/v1/runs"), Vec::<Value>::new(), "nothing ran");
        let nicknames: Vec<_> = api.all("/api/v1/api-keys").into_iter().map(|key| key["nickname"].clone()).collect();
        assert_eq!(nicknames, [json!("tests")], "no key was made");
    }

    fn a_body_of_a_gigabyte_is_refused_before_it_is_read(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        let hook = api.webhook("echo", &json!({}));
        let resident = resident_bytes(&server);
        let key = api.key().unwrap();
        for path in [hook.as_str(), "/api/v1/workflows/echo/runs", "/api/v1/plugins?name=big&version=1.0.0"] {
            let kind = if path.contains("plugins") { "application/wasm" } else { "application/json" };
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: {kind}\r\ncontent-length: 1073741824\r\n\r\n"
            );
            let answer = flood(server.port(), head.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 413"), "{path}: {answer}");
        }
        let grown = resident_bytes(&server).saturating_sub(resident);
        assert!(grown < 200 << 20, "grew by {grown} bytes");
        assert_eq!(api.all("/api/v1/runs"), Vec::<Value>::new(), "nothing ran");
    }

    fn a_refusal_before_the_body_leaves_the_connection_usable(backend: Backend) {
        let server = Server::start(backend);
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // Refused for its head; its body comes in a packet of its own, as many clients send it.
        for path in ["/api/v1/session/org", "/api/v1/api-keys", "/hooks/unknown", "/nowhere"] {
            let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(50));
            stream.write_all(b"{}").unwrap();
            let answer = one_answer(&mut stream);
            assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
            assert!(!answer.contains("connection: close"), "{path}: {answer}");
        }
        // A body that never comes: the answer says that the connection ends, and it does.
        let head = "POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let answer = one_answer(&mut stream);
        assert!(answer.contains("connection: close"), "{answer}");
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
}

/// One answer with `Content-Length`, head and body.
fn one_answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse::<usize>().unwrap());
        if body.len() == length {
            return text.into_owned();
        }
    }
}

/// Sends a head and then body bytes until the server answers or breaks off, at most 64 MiB.
fn flood(port: u16, head: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(head).unwrap();
    let mut reading = stream.try_clone().unwrap();
    let answer = std::thread::spawn(move || {
        let mut bytes = vec![0; 4096];
        let length = reading.read(&mut bytes).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    });
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..64 {
        if answer.is_finished() || stream.write_all(&chunk).is_err() {
            break;
        }
    }
    answer.join().unwrap()
}

/// How much memory the server holds (proc(5), `VmRSS`).
fn resident_bytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id().unwrap())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

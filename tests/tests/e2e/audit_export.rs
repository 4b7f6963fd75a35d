//! Exports: OCSF against the published schema, and a long trail in bounded memory, however slowly it is read.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use factotum_tests::events::{ask, chunk};
use factotum_tests::owner::Owner;
use factotum_tests::{Server, backend, on_both_backends, wait_until};
use serde_json::{Value, json};

/// How many entries a long trail has; three times as many in the long form.
const MANY: usize = 100_000;
/// How much the server may grow by an export of them, in KiB: in OCSF they are much larger.
const GROWTH_KIB: u64 = 80 << 10;

/// The Python of `cargo xtask ocsf`.
fn python() -> Command {
    let own = std::env::current_exe().unwrap();
    let found: Option<PathBuf> =
        own.ancestors().map(|folder| folder.join("ocsf/venv/bin/python")).find(|path| path.is_file());
    Command::new(found.expect("the OCSF schemas are not installed: run `cargo xtask ocsf`"))
}

/// Adds so many copies of an entry to the trail, behind the program's back: every column of it but what numbers it.
fn lengthen(server: &Server, count: usize) {
    let owner = Owner::of(server);
    let (columns, id, numbers) = match owner {
        Owner::Sqlite(_) => (
            "SELECT name FROM pragma_table_info('audit_entries')",
            "randomblob(16)",
            format!(
                "(WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count}) SELECT n FROM n)"
            ),
        ),
        Owner::Postgres(_) => (
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'audit_entries'",
            "gen_random_uuid()",
            format!("(SELECT generate_series(1, {count}))"),
        ),
    };
    let columns = owner.sql(columns).unwrap();
    let columns: Vec<_> = columns.lines().filter(|name| !["id", "seq", "xid"].contains(name)).collect();
    let columns = columns.join(", ");
    let sql = format!(
        "INSERT INTO audit_entries (id, {columns}) SELECT {id}, {columns} FROM {numbers} AS numbers, (SELECT * FROM audit_entries LIMIT 1) AS one"
    );
    owner.sql(&sql).unwrap();
}

/// `VmRSS` or `VmHWM` of the server, in KiB.
fn memory(server: &Server, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id().unwrap())).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn connections(server: &Server) -> u64 {
    let text = server.stranger().get("/metrics").text();
    let line = text.lines().find(|line| line.starts_with("factotum_http_connections ")).unwrap().to_owned();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

on_both_backends! {
    fn a_real_trail_is_valid_ocsf(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        for guest in ["echo", "crash"] {
            api.deploy(guest, &[]);
            api.run(guest, &json!({}));
        }
        let hook = api.webhook("echo", &json!({"reply": "outcome"}));
        server.stranger().post(&hook, &json!({})).expect(200);
        let (secret, made) = api.mint("=ci()", &["workflows:run"]);
        api.with_key(&secret).run("echo", &json!({}));
        api.with_key(&secret).get("/api/v1/audit").expect_problem(403, "denied");
        api.put("/api/v1/secrets/token", &json!({"value": "v"}));
        api.delete(&format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap())).expect(204);
        let ocsf = api.get("/api/v1/audit/export?format=ocsf");
        assert_eq!(ocsf.header("content-type"), Some("application/jsonl"));
        assert_eq!(ocsf.text().lines().count(), api.audit("").len(), "all of it, its own entry too");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("ocsf/validate.py");
        let mut child = python()
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&ocsf.body).unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let classes: Value = serde_json::from_slice(&done.stdout).unwrap();
        for class in ["3001", "3004", "6002", "6003"] {
            assert!(classes[class].as_u64().is_some_and(|n| n > 0), "{class} in {classes}");
        }
        api.get("/api/v1/audit/export?format=xml").expect_problem(422, "invalid_field");
    }

    fn a_long_trail_is_exported_in_bounded_memory_however_slowly_it_is_read(backend: Backend) {
        let many = if backend::soak() { 3 * MANY } else { MANY };
        let server = Server::start(backend);
        let api = server.api();
        lengthen(&server, many);
        api.get("/api/v1/audit/export?run=run_00000000000000000000000000000000");
        let before = memory(&server, "VmRSS:");
        // The high-water mark begins anew.
        std::fs::write(format!("/proc/{}/clear_refs", server.process_id().unwrap()), "5").unwrap();

        // One reader takes the head and then nothing.
        let idle = connections(&server);
        let (slow, slow_reader, head) = ask(api, "/api/v1/audit/export", None).unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        // Another takes everything meanwhile, and others are answered.
        let (stream, mut reader, head) = ask(api, "/api/v1/audit/export?format=ocsf", None).unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let (mut lines, mut bytes, mut slowest) = (0, 0, Duration::ZERO);
        for at in 0.. {
            let chunk = chunk(&mut reader).unwrap();
            if chunk.is_empty() {
                break;
            }
            lines += String::from_utf8_lossy(&chunk).matches('\n').count();
            bytes += chunk.len() as u64;
            if at % 100 == 0 {
                let asked = Instant::now();
                api.put("/api/v1/secrets/meanwhile", &json!({"value": "v"}));
                slowest = slowest.max(asked.elapsed());
            }
        }
        assert!(lines >= many, "{lines} of {many}");
        assert!(bytes / 1024 > GROWTH_KIB * 3 / 2, "{bytes} bytes would say nothing");
        let grown = memory(&server, "VmHWM:").saturating_sub(before);
        assert!(grown < GROWTH_KIB, "the server grew by {grown} KiB");
        assert!(slowest < Duration::from_secs(30), "an action waited for {slowest:?}");
        // Who goes away is forgotten.
        drop((slow, slow_reader, stream, reader));
        wait_until("the connections to end", || (connections(&server) <= idle).then_some(()));
    }
}

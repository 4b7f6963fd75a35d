//! Names and other texts that would like to be more: a line, a colour, a formula. What must hold: where a name becomes a name it is refused; where a text is
//! kept as it came, every output of it stays on its line and shows what is in it.

use factotum_tests::cli::Cli;
use factotum_tests::{Api, Events, Server, on_both_backends, wait_until};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::{Value, json};

/// What is tried: ends of lines, ANSI, C1, bidi controls, invisible letters, a forged line of a log.
const HOSTILE: [&str; 7] = [
    "a\r\n2027-01-01T00:00:00Z  WARN forged",
    "a\u{1b}[2J\u{1b}[31mred",
    "a\u{9b}2Jb",
    "a\u{202e}txt.exe\u{2066}",
    "a\u{200b}\u{feff}b",
    "a\u{2028}b\u{85}c",
    "a\tb\u{7f}",
];
/// What a spreadsheet would take for a formula; as names they are in order.
const FORMULAS: [&str; 7] = [
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "+1+1",
    "-1+1",
    "=HYPERLINK(\"https://x\")",
    "＝1+1",
    "say \"hi\", you",
];

fn odd(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Tries to leave hostile texts wherever the API takes any, by names that are refused and on the record, and by texts that are kept.
fn leave_everywhere(server: &Server) {
    let api = server.api();
    for text in HOSTILE {
        // Names with such characters are refused at the door.
        api.post("/api/v1/api-keys", &json!({"nickname": text, "grants": ["runs:read"]})).expect(422);
        api.post("/api/v1/roles", &json!({"name": text, "grants": ["runs:read"]})).expect(422);
        let escaped = percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string();
        for (method, path, body) in [
            ("PUT", format!("/api/v1/workflows/{escaped}"), json!({"plugin": "echo@1.0.0"})),
            ("PUT", format!("/api/v1/secrets/{escaped}"), json!({"value": "v"})),
            ("POST", format!("/api/v1/plugins?name={escaped}&version=1.0.0"), json!({})),
            ("DELETE", format!("/api/v1/workflows/{escaped}"), json!({})),
        ] {
            let kind = [("content-type", "application/json")];
            let answer = api.send(method, &path, &kind, body.to_string().as_bytes()).unwrap();
            assert!(matches!(answer.status, 404 | 415 | 422), "{method} {path}: {}", answer.text());
            assert!(!answer.text().contains(odd), "{}", answer.text());
        }
        api.get(&format!("/api/v1/audit?q={escaped}")).expect(200);
        api.get(&format!("/api/v1/audit?target={escaped}&action={escaped}")).expect(200);
        api.run("echo", &json!({"fail": text, "text": text}));
    }
    for text in FORMULAS {
        let (secret, _) = api.mint(text, &["runs:read"]);
        api.with_key(&secret).get("/api/v1/audit").expect_problem(403, "denied");
        // A tab is the one control character that a header may have.
        let agent = [("user-agent", format!("{text}\t\u{e9}"))];
        let agent: Vec<_> = agent.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let sent = api.with_key(&secret).send("GET", "/api/v1/audit", &agent, &[]);
        assert_eq!(sent.unwrap().status, 403);
    }
    let hook = api.webhook("echo", &json!({"dedup": {"header": "x-delivery"}}));
    for text in FORMULAS.iter().chain(&["tab\there", "caf\u{e9}\u{202e}x"]) {
        let headers = [("x-delivery", *text), ("user-agent", *text), ("content-type", "application/json")];
        let answer = server.stranger().send("POST", &hook, &headers, b"{}").unwrap();
        assert!(matches!(answer.status, 200 | 202 | 400 | 422), "{}", answer.text());
    }
}

/// A reader of RFC 4180, for what stays quoted throughout.
fn csv(text: &str) -> Vec<Vec<String>> {
    let mut records = vec![];
    let (mut record, mut cell, mut quoted) = (vec![], String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            '\r' if !quoted => {}
            c => cell.push(c),
        }
    }
    records
}

fn lines_of_json(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// How many entries an export of this form has; the trail grows by one with each.
fn exported(api: &Api, format: &str) -> String {
    let answer = api.get(&format!("/api/v1/audit/export?format={format}"));
    assert_eq!(answer.status, 200);
    answer.text()
}

on_both_backends! {
    fn exports_stay_on_their_lines_and_out_of_formulas(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        leave_everywhere(&server);
        let total = api.audit("").len();
        assert!(total > 80, "{total}");

        let jsonl = exported(api, "jsonl");
        assert!(!jsonl.contains(odd));
        let entries = lines_of_json(&jsonl);
        assert!(entries.len() >= total);
        let names: Vec<_> = entries.iter().filter_map(|e| e["actor"]["name"].as_str()).collect();
        for formula in FORMULAS {
            assert!(names.contains(&formula), "{formula} is a name like any other");
        }
        let tried: Vec<_> = entries.iter().filter_map(|e| e["targets"][0]["name"].as_str()).collect();
        for hostile in HOSTILE {
            assert!(tried.contains(&hostile), "what was tried is told as it was: {hostile:?}");
        }

        let ocsf = exported(api, "ocsf");
        assert!(!ocsf.contains(odd));
        assert!(lines_of_json(&ocsf).len() > entries.len());

        let text = exported(api, "csv");
        assert!(!text.replace("\r\n", "\n").contains(odd), "no control character but the ends of records");
        let records = csv(&text);
        assert!(records.len() > entries.len() + 2);
        assert!(records.iter().all(|record| record.len() == records[0].len()), "no cell became two");
        assert_eq!(text.lines().count(), records.len(), "no record became two lines");
        for cell in records.iter().flatten() {
            let first = cell.trim_start().chars().next().unwrap_or('a');
            assert!(!"=+-@\t\r＝＋－＠".contains(first), "{cell:?} could become a formula");
        }
        assert!(records.iter().flatten().any(|cell| cell == "'=cmd|' /C calc'!A0"));
    }

    fn terminals_and_logs_stay_as_they_are(backend: Backend) {
        let server = Server::start_with(backend, "log_format = \"text\"\n");
        let api = server.api();
        api.deploy("echo", &[]);
        let cli = Cli::of(&server);
        let tail = cli.begin(&["audit", "tail"]).unwrap();
        wait_until("the tail to begin", || (api.audit("action=audit.tail").len() == 1).then_some(()));
        let events = Events::follow(api, "/api/v1/audit/tail", None).unwrap();
        leave_everywhere(&server);
        api.put("/api/v1/secrets/last", &json!({"value": "v"}));
        wait_until("the tail's last line", || tail.stdout().contains(" last").then_some(()));
        assert!(!tail.stdout().contains(odd));
        assert!(tail.stdout().contains("\\u{1b}[2J"), "it is shown instead");
        wait_until("the last event", || {
            events.messages().iter().any(|e| e.data["targets"][0]["id"] == "last").then_some(())
        });
        let entries = api.audit("").len();
        let listed = cli.text(&["audit", "list", "--limit", "100000"]);
        assert!(!listed.contains(odd));
        // The head, and the entry of reading itself may be in it.
        assert!((entries + 1..entries + 4).contains(&listed.lines().count()), "{entries}: {}", listed.lines().count());
        for command in [
            &["key", "list"][..],
            &["member", "list"],
            &["run", "list"],
            &["workflow", "list"],
            &["plugin", "list"],
            &["trigger", "list"],
            &["secret", "list"],
            &["audit", "list", "--json"],
            &["run", "list", "--json"],
        ] {
            let shown = cli.text(command);
            assert!(!shown.contains(odd), "{command:?}: {shown:?}");
        }
        let run = &api.all("/api/v1/runs")[0]["id"];
        for command in [["run", "show"], ["run", "logs"]] {
            let shown = cli.text(&[&command[..], &[run.as_str().unwrap()]].concat());
            assert!(!shown.contains(odd), "{command:?}: {shown:?}");
        }
        for text in HOSTILE {
            let said = cli.run_with(&["key", "create", text, "--grant", "runs:read"], "");
            assert_ne!(said.code, 0);
            assert!(!said.stderr.contains(odd), "{:?}", said.stderr);
        }
        let log = server.log();
        assert!(!log.contains(odd), "the server's log has a control character");
        assert!(!log.lines().any(|line| line.starts_with("2027-01-01T00:00:00Z")), "a forged line");
    }
}

//! The `factotum` command against a real server: what each prints, how it ends, and what it never shows. SQLite, but where the
//! database matters: the commands speak only the API, which the other tests hold to both.

use factotum_tests::cli::Cli;
use factotum_tests::{Backend, Server, guest, on_both_backends};
use serde_json::{Value, json};

use crate::ledger::text;

const PASSWORD: &str = "correct horse battery staple\n";

fn names(list: &Value, field: &str) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| text(&item[field])).collect()
}

/// RFC 4180 §2: records of quoted or plain cells.
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut cells, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                cells.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut cells));
            }
            c => cell.push(c),
        }
    }
    assert!(!quoted && cells.is_empty() && cell.is_empty(), "the last record is cut off");
    records
}

#[test]
fn a_workflow_is_set_up_run_and_taken_down() {
    let server = Server::start(Backend::Sqlite);
    let cli = Cli::of(&server);
    let wasm = guest::path("echo").unwrap();
    let plugin = cli.json(&["plugin", "push", wasm.to_str().unwrap(), "--version", "1.0.0"]);
    assert_eq!((&plugin["name"], &plugin["version"]), (&json!("echo"), &json!("1.0.0")));
    assert_eq!(names(&cli.json(&["plugin", "list"]), "name"), ["echo"]);
    assert_eq!(cli.json(&["plugin", "show", "echo@1.0.0"])["digest"], plugin["digest"]);

    let put = cli.run_with(&["workflow", "put", "echo", "-", "--json"], r#"{"plugin": "echo@1.0.0"}"#);
    assert_eq!((put.code, put.stderr.as_str()), (0, ""));
    assert_eq!(names(&cli.json(&["workflow", "list"]), "name"), ["echo"]);
    assert_eq!(cli.json(&["workflow", "show", "echo"])["plugin"], "echo@1.0.0");
    let done = cli.json(&["workflow", "run", "echo", "--wait", "60", "--input", r#"{"n": 1}"#]);
    assert_eq!(done["run"]["state"], "succeeded", "{done}");
    assert_eq!(done["run"]["outcome"]["output"]["payload"], json!({"n": 1}));
    assert_eq!(cli.json(&["workflow", "pause", "echo"])["paused"], true);
    let held = text(&cli.json(&["workflow", "run", "echo"])["run"]["id"]);
    assert_eq!(cli.json(&["run", "show", &held])["state"], "queued");
    assert_eq!(cli.json(&["workflow", "resume", "echo"])["paused"], false);
    assert_eq!(server.api().wait_end(&held)["state"], "succeeded");

    let hook = cli.json(&["trigger", "create", "echo", "webhook", "--reply", "outcome"]);
    assert_eq!(hook["config"]["reply"], "outcome");
    let id = text(&hook["id"]);
    let due = cli.json(&[
        "trigger",
        "create",
        "echo",
        "schedule",
        "--cron",
        "0 4 * * *",
        "--timezone",
        "Asia/Tokyo",
    ]);
    assert!(text(&due["next_firings"][0]["local"]).ends_with("+09:00"), "{due}");
    assert_eq!(names(&cli.json(&["trigger", "list"]), "kind"), ["schedule", "webhook"]);
    assert_eq!(cli.json(&["trigger", "pause", &id])["paused"], true);
    assert_eq!(cli.json(&["trigger", "resume", &id])["paused"], false);
    assert_eq!(cli.json(&["trigger", "show", &id])["url"], hook["url"]);
    cli.text(&["trigger", "delete", &id]);
    cli.refused(4, &["trigger", "show", &id]);
    cli.text(&["workflow", "delete", "echo"]);
    cli.refused(4, &["workflow", "show", "echo"]);
}

#[test]
fn runs_are_listed_read_cancelled_and_replayed() {
    let server = Server::start(Backend::Sqlite);
    let (cli, api) = (Cli::of(&server), server.api());
    api.deploy_with("sleeper", &json!({"limits": {"wall_ms": 60_000}}));
    api.deploy("crash", &[]);
    let sleeps = text(&cli.json(&["workflow", "run", "sleeper", "--input", r#"{"ms": 50000}"#])["run"]["id"]);
    api.wait_state(&sleeps, &["running"]);
    cli.text(&["run", "cancel", &sleeps]);
    assert_eq!(api.wait_end(&sleeps)["state"], "cancelled");

    // A run that failed makes the command fail; with --json its stdout is still one document.
    let failed = cli.run_with(&["workflow", "run", "crash", "--wait", "60", "--json"], "");
    assert_eq!(failed.code, 1, "{failed:?}");
    let run = serde_json::from_str::<Value>(&failed.stdout).unwrap()["run"].clone();
    assert_eq!(run["state"], "failed");
    let id = text(&run["id"]);
    let said = serde_json::from_str::<Value>(&failed.stderr).unwrap();
    assert!(text(&said["detail"]).starts_with(&format!("run {id} failed: ")), "{failed:?}");
    assert!(cli.text(&["run", "logs", &id]).contains("crash was told to panic"));
    assert!(
        names(&cli.json(&["run", "logs", &id]), "message").contains(&"crash was told to panic".to_owned())
    );
    let again = cli.json(&["run", "replay", &id]);
    assert_eq!(again["replay_of"], id.as_str());
    api.wait_end(&text(&again["id"]));
    let list = cli.json(&["run", "list", "--workflow", "crash", "--state", "failed"]);
    assert_eq!(names(&list, "id"), [text(&again["id"]), id.clone()]);
    let table = cli.text(&["run", "list"]);
    assert!(table.starts_with("ID ") && table.lines().count() == 4, "{table}");

    // A dead letter is found as one, and dismissed once.
    api.deploy_with("flaky", &json!({"retry": {"attempts": 2, "backoff_ms": 1}}));
    let dead = text(&api.run("flaky", &json!({"until": 9}))["id"]);
    assert_eq!(names(&cli.json(&["run", "list", "--dead-letters"]), "id"), [dead.as_str()]);
    assert_eq!(cli.json(&["run", "dismiss", &dead])["id"], dead.as_str());
    assert!(names(&cli.json(&["run", "list", "--dead-letters"]), "id").is_empty());
    cli.refused(1, &["run", "dismiss", &dead]);
    cli.refused(4, &["run", "dismiss", "run_00000000000000000000000000000000"]);
}

#[test]
fn keys_and_secrets_are_shown_once_or_never() {
    let server = Server::start(Backend::Sqlite);
    let cli = Cli::of(&server);
    let made = cli.json(&["key", "create", "ci", "--grant", "runs:read", "--network", "127.0.0.0/8"]);
    let (id, secret) = (text(&made["id"]), text(&made["secret"]));
    let other = cli.clone().with("FACTOTUM_API_KEY", &secret);
    other.text(&["run", "list"]);
    for read in
        [&["key", "list"][..], &["audit", "list"], &["audit", "export"], &["member", "list", "--service"]]
    {
        assert!(!cli.text(read).contains(&secret), "{read:?} shows the secret");
    }
    // A workflow's grants as a bundle: what the key starts lacks nothing.
    server.api().deploy("echo", &["kv:read", "http:request:example.com"]);
    let bundle = cli.json(&["key", "create", "runner", "--for-workflow", "echo", "--grant", "kv:read"]);
    assert_eq!(bundle["grants"], json!(["http:request:example.com", "kv:read", "workflows:run:echo"]));
    let run = server.api().with_key(&text(&bundle["secret"])).run("echo", &json!({}));
    assert_eq!(run["missing_grants"], json!([]), "{run}");
    cli.refused(4, &["key", "create", "nobodys", "--for-workflow", "nothing"]);
    let fresh = cli.json(&["key", "rotate", &id]);
    assert_ne!(fresh["secret"], made["secret"]);
    assert_eq!(fresh["nickname"], "ci");
    other.refused(3, &["run", "list"]);
    cli.text(&["key", "revoke", &text(&fresh["id"])]);
    other.with("FACTOTUM_API_KEY", &text(&fresh["secret"])).refused(3, &["run", "list"]);

    let set = cli.run_with(&["secret", "set", "token"], "hunter2hunter2\n");
    assert_eq!(set.code, 0, "{set:?}");
    assert!(!(set.stdout + &set.stderr).contains("hunter2"), "the value is shown");
    assert_eq!(names(&cli.json(&["secret", "list"]), "name"), ["token"]);
    cli.text(&["secret", "delete", "token"]);
    assert_eq!(cli.json(&["secret", "list"])["items"], json!([]));
    cli.refused(4, &["secret", "delete", "token"]);
}

#[test]
fn each_refusal_has_its_exit_code() {
    let server = Server::start(Backend::Sqlite);
    let cli = Cli::of(&server);
    let (secret, _) = server.api().mint("narrow", &["runs:read"]);
    let narrow = cli.clone().with("FACTOTUM_API_KEY", &secret);
    let gone = cli.clone().with("FACTOTUM_URL", "http://127.0.0.1:1").refused(1, &["run", "list"]);
    assert!(gone.contains("127.0.0.1:1") && gone.contains("FACTOTUM_URL"), "{gone}");
    cli.clone().with("FACTOTUM_URL", "nonsense").refused(2, &["run", "list"]);
    cli.refused(2, &["workflow", "run", "echo", "--input", "{"]);
    let missing = cli.refused(2, &["plugin", "push", "/nowhere/at-all.wasm", "--version", "1.0.0"]);
    assert!(missing.contains("/nowhere/at-all.wasm"), "{missing}");
    for wrong in [&["run", "list", "--bogus"][..], &["run"], &["nonsense"], &["secret", "set"]] {
        let done = cli.run_with(wrong, "");
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{wrong:?}: {}", done.stderr);
        assert!(done.stderr.contains("Usage: "), "{wrong:?}: {}", done.stderr);
    }
    for denied in [&["workflow", "list"][..], &["audit", "list"], &["key", "list"]] {
        narrow.refused(3, denied);
    }
    cli.clone().with("FACTOTUM_API_KEY", "fct_unknown-and-long").refused(3, &["run", "list"]);
    let keyless = Cli::default().with("FACTOTUM_URL", &server.base()).refused(3, &["run", "list"]);
    assert!(keyless.contains("FACTOTUM_API_KEY"), "{keyless}");
    for id in
        [&["run", "show", "run_0"][..], &["workflow", "run", "nothing"], &["plugin", "show", "no@1.0.0"]]
    {
        cli.refused(4, id);
    }
    // A program reads the problem from stderr.
    let problem = narrow.run_with(&["key", "list", "--json"], "");
    assert_eq!((problem.code, problem.stdout.as_str()), (3, ""));
    assert_eq!(serde_json::from_str::<Value>(&problem.stderr).unwrap()["code"], "denied");
    // What goes wrong before anything is sent has the same form.
    let secretive = cli.clone().with("FACTOTUM_URL", "http://me:hunter2@127.0.0.1:1");
    for (cli, arguments, code) in [
        (&cli, &["run", "list", "--bogus", "--json"][..], "usage"),
        (&cli.clone().with("FACTOTUM_URL", "http://127.0.0.1:1"), &["run", "list", "--json"], "failed"),
        (&Cli::default().with("FACTOTUM_URL", &server.base()), &["run", "list", "--json"], "denied"),
        (&secretive, &["run", "list", "--json"], "usage"),
    ] {
        let done = cli.run_with(arguments, "");
        let problem: Value = serde_json::from_str(&done.stderr).unwrap_or_default();
        assert_eq!((done.stdout.as_str(), &problem["code"]), ("", &json!(code)), "{done:?}");
        assert_eq!(problem["type"], format!("urn:factotum:problem:{code}"), "{done:?}");
        assert!(!done.stderr.contains("hunter2"), "{done:?}");
    }
    let help = secretive.run_with(&["run", "list", "--help"], "");
    assert!(!(help.stdout + &help.stderr).contains("hunter2"), "the help shows no variable's value");
}

#[test]
fn nothing_from_elsewhere_reaches_the_terminal_as_a_command() {
    let server = Server::start(Backend::Sqlite);
    let (cli, api) = (Cli::of(&server), server.api());
    // A guest that fails with a text of its input's, and a name that is refused but stands in the audit trail.
    api.deploy("kvtest", &[]);
    let failed = cli.run_with(
        &["workflow", "run", "kvtest", "--wait", "60", "--input", r#"{"ops": [{"op": "\u001b[31mred"}]}"#],
        "",
    );
    assert_eq!(failed.code, 1, "{failed:?}");
    let refused = cli.refused(1, &["key", "create", "a\u{1b}[31mb", "--grant", "runs:read"]);
    let trail = cli.text(&["audit", "list"]);
    assert!(trail.contains("a\\u{1b}[31mb"), "{trail}");
    let runs = api.all("/api/v1/runs");
    let shown = cli.text(&["run", "show", &text(&runs[0]["id"])]);
    assert!(shown.contains("[31mred"), "{shown}");
    for text in [failed.stdout, failed.stderr, refused, trail, shown] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
}

#[test]
fn the_audit_trail_opens_in_a_spreadsheet_without_running_there() {
    let server = Server::start(Backend::Sqlite);
    let cli = Cli::of(&server);
    let (secret, _) = server.api().mint("=cmd|' /C \"calc\"'!A0", &["runs:read"]);
    cli.clone().with("FACTOTUM_API_KEY", &secret).refused(3, &["audit", "list"]);
    let lines = cli.text(&["audit", "export"]);
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|e| e["id"].is_string())));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trail.csv");
    cli.text(&["audit", "export", "--format", "csv", "--to", file.to_str().unwrap()]);
    let records = csv(&std::fs::read_to_string(file).unwrap());
    assert!(records.len() > 2, "{records:?}");
    assert!(records.iter().all(|record| record.len() == records[0].len()), "{records:?}");
    assert!(records.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])));
    assert!(records.iter().flatten().any(|cell| cell == "'=cmd|' /C \"calc\"'!A0"), "{records:?}");
    assert!(names(&cli.json(&["audit", "list", "--outcome", "denied"]), "action").len() == 1);
}

#[test]
fn the_configuration_is_shown_with_its_origins_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("factotum.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:7171\"\n").unwrap();
    let cli = Cli::default().within(folder.path());
    let set = cli.clone().with("FACTOTUM_DATABASE", "postgres://app:hunter2@db/f?password=hunter3");
    let shown = set.text(&["serve", "--print-config", "--public-url", "https://f.example.com"]);
    assert!(!shown.contains("hunter"), "{shown}");
    for (setting, origin) in [
        ("listen", "factotum.toml"),
        ("database", "FACTOTUM_DATABASE"),
        ("public_url", "--public-url"),
        ("data", "default"),
    ] {
        let line = shown.lines().find(|line| line.starts_with(&format!("{setting} = ")));
        assert!(line.is_some_and(|line| line.contains(origin)), "{setting}: {line:?}");
    }
    std::fs::write(&file, "[limits]\nwall_msec = 5\n").unwrap();
    let unknown = cli.refused(2, &["serve", "--print-config"]);
    assert!(unknown.contains("wall_msec") && unknown.contains("factotum.toml:2"), "{unknown}");
    assert!(cli.text(&["completions", "bash"]).contains("factotum"));
}

on_both_backends! {
    fn a_database_is_migrated_and_takes_two_organizations(backend: Backend) {
        let folder = tempfile::tempdir().unwrap();
        let database = backend.fresh_database().unwrap();
        let mut cli = Cli::default().within(folder.path()).with("FACTOTUM_MASTER_KEY", &"ab".repeat(32));
        if let Some(url) = &database {
            cli = cli.with("FACTOTUM_DATABASE", url);
        }
        for _ in 0..2 {
            assert_eq!(cli.json(&["admin", "migrate"]), json!({"migrated": true}));
        }
        let mut keys = Vec::new();
        for (org, email) in [("One", "one@example.com"), ("Two", "two@example.com")] {
            let args = ["admin", "bootstrap", "--org", org, "--email", email, "--password-stdin", "--api-key", "k"];
            let done = cli.run_with(&args, PASSWORD);
            assert_eq!(done.code, 0, "{done:?}");
            let key = done.stdout.strip_suffix('\n').unwrap().to_owned();
            assert!(key.starts_with("fct_") && !key.contains(char::is_whitespace), "the key, alone: {key:?}");
            keys.push(key);
        }
        let short = cli.run_with(&["admin", "bootstrap", "--org", "X", "--email", "x@example.com", "--password-stdin"], "short\n");
        assert_eq!((short.code, short.stdout.as_str()), (2, ""), "{short:?}");
        assert!(!short.stderr.contains("short\n"), "{short:?}");
        assert_ne!(keys[0], keys[1]);
    }
}

#[test]
fn organizations_of_two_bootstraps_have_members_of_their_own() {
    let server = Server::start(Backend::Sqlite);
    let theirs = server.bootstrap("Other", "other@example.com").unwrap();
    let ours = Cli::of(&server);
    assert_eq!(names(&ours.json(&["member", "list"]), "name"), ["admin@example.com"]);
    let theirs = ours.with("FACTOTUM_API_KEY", &theirs);
    assert_eq!(names(&theirs.json(&["member", "list"]), "name"), ["other@example.com"]);
}

#[test]
fn a_new_master_key_opens_what_the_old_one_closed() {
    let mut server = Server::start(Backend::Sqlite);
    let cli = Cli::of(&server);
    server.api().deploy("echo", &[]);
    let hook = cli.json(&["trigger", "create", "echo", "webhook"]);
    let file = server.data().join("master.key");
    let old = std::fs::read(&file).unwrap();
    let rotate =
        ["admin", "rotate-master-key", "--data", &server.data().display().to_string()].map(str::to_owned);
    let rotate = rotate.each_ref().map(String::as_str);
    cli.refused(1, &rotate);
    assert_eq!(std::fs::read(&file).unwrap(), old, "a server that runs keeps its key");
    assert!(server.stop().unwrap().success());
    assert_eq!(cli.json(&rotate), json!({"rotated": true}));
    assert_ne!(std::fs::read(&file).unwrap(), old);
    let elsewhere = cli.clone().with("FACTOTUM_MASTER_KEY", &"ab".repeat(32)).refused(2, &rotate);
    assert!(elsewhere.contains("FACTOTUM_MASTER_KEY_PREVIOUS"), "{elsewhere}");
    server.resume().unwrap();
    assert_eq!(cli.json(&["trigger", "show", &text(&hook["id"])])["url"], hook["url"]);
}

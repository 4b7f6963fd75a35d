//! Mail by the programs that people send it with: swaks, msmtp, Python's smtplib, and a Postfix that relays. `cargo xtask mail` installs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use factotum_tests::{Backend, Postfix, Server, wait_until};
use serde_json::Value;

use super::{orders, raw, runs, server};

/// A server with a certificate for `localhost`, which is kept in a folder.
struct World {
    server: Server,
    trigger: String,
    address: String,
    certificate: PathBuf,
    _folder: tempfile::TempDir,
}

impl World {
    fn start(domain: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = factotum_tests::smtp::certificate(folder.path()).unwrap();
        let toml = format!(
            "mail_domain = \"{domain}\"\n[smtp]\ntls_cert = {:?}\ntls_key = {:?}\n",
            certificate.display().to_string(),
            key.display().to_string()
        );
        let server = server(Backend::Sqlite, &toml);
        let (trigger, address) = orders(server.api());
        Self { server, trigger, address, certificate, _folder: folder }
    }

    /// The events of so many mails: what was read of each, and its bytes as text, by subject.
    fn events(&self, count: usize) -> Vec<(Value, String)> {
        let api = self.server.api();
        let runs = runs(api, &self.trigger, count);
        assert_eq!(runs.len(), count);
        let event = |run: &Value| {
            let event =
                api.get(&format!("/api/v1/events/{}", crate::ledger::text(&run["event"]))).expect(200);
            (event, String::from_utf8_lossy(&raw(api, run)).into_owned())
        };
        runs.iter().map(event).collect()
    }
}

/// Runs a program to its end, which has to be good.
fn run(command: &mut Command, stdin: &[u8]) {
    use std::io::Write as _;
    let name = command.get_program().to_string_lossy().into_owned();
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap_or_else(|e| panic!("{name}: {e}; install it by `cargo xtask mail`"));
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{name}: {}\n{said}", done.status);
}

fn python(world: &World, secure: bool, (sender, subject): (&str, &str), attachment: usize) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("mail/send.py");
    let certificate = if secure { world.certificate.display().to_string() } else { "-".to_owned() };
    let port = world.server.smtp_port().to_string();
    let size = attachment.to_string();
    run(
        Command::new("python3").arg(script).args([
            &port,
            &certificate,
            sender,
            &world.address,
            subject,
            &size,
        ]),
        b"",
    );
}

#[test]
fn swaks_and_msmtp_deliver_plain_and_by_starttls() {
    let world = World::start("localhost");
    let (port, to) = (world.server.smtp_port().to_string(), world.address.as_str());
    for tls in [&[][..], &["--tls"], &["--pipeline"]] {
        let subject = format!("Subject: swaks {}", tls.concat());
        let mut swaks = Command::new("swaks");
        swaks.args(["--server", "127.0.0.1", "--port", &port, "--from", "jane@example.com", "--to", to]);
        run(swaks.args(["--header", &subject, "--body", "two bolts"]).args(tls), b"");
    }
    for tls in [false, true] {
        let mail =
            format!("From: jane@example.com\nTo: {to}\nSubject: msmtp {tls}\n\n.a dot first\n.\nand alone\n");
        let mut msmtp = Command::new("msmtp");
        msmtp
            .args(["--file=/dev/null", "--host=localhost", "--from=jane@example.com"])
            .arg(format!("--port={port}"));
        if tls {
            msmtp
                .args(["--tls=on", "--tls-starttls=on"])
                .arg(format!("--tls-trust-file={}", world.certificate.display()));
        } else {
            msmtp.arg("--tls=off");
        }
        run(msmtp.arg("--").arg(to), mail.as_bytes());
    }
    let events = world.events(5);
    let has = |what: &str, protocol: &str| {
        let found = events.iter().find(|(_, text)| text.contains(what));
        let (event, text) = found.unwrap_or_else(|| panic!("no {what:?} in {events:?}"));
        assert!(event.to_string().contains(&format!("\"{protocol}\"")), "{what}: {event}");
        text.clone()
    };
    has("Subject: swaks \r\n", "ESMTP");
    has("Subject: swaks --tls\r\n", "ESMTPS");
    has("Subject: swaks --pipeline\r\n", "ESMTP");
    for (subject, protocol) in [("Subject: msmtp false", "ESMTP"), ("Subject: msmtp true", "ESMTPS")] {
        assert!(
            has(subject, protocol).ends_with("\r\n\r\n.a dot first\r\n.\r\nand alone\r\n"),
            "dots come as they were"
        );
    }
}

#[test]
fn smtplib_delivers_other_alphabets_and_large_attachments() {
    let world = World::start("localhost");
    python(&world, false, ("jane@example.com", "plain"), 0);
    python(&world, true, ("jürgen@bücher.example", "Grüße"), 0);
    python(&world, true, ("jane@example.com", "large"), 20 << 20);
    let events = world.events(3);
    let find = |what: &str| events.iter().find(|(_, text)| text.contains(what)).unwrap();
    assert!(find("Subject: plain").1.contains("\r\n.\r\nA line with a dot alone is above."));
    let (event, _) = find("jürgen@bücher.example");
    assert!(
        event.to_string().contains("UTF8SMTPS") && event.to_string().contains("jürgen@bücher.example"),
        "{event}"
    );
    let (event, text) = find("Subject: large");
    assert!(text.len() > 27 << 20, "base64 of 20 MB: {}", text.len());
    assert!(event.to_string().contains("large.bin"), "{event}");
}

#[test]
fn a_postfix_relays_and_keeps_what_is_not_taken_yet() {
    if !Postfix::can_run() {
        // Postfix itself refuses to start. CI is root.
        return;
    }
    let world = World::start("mail.example.com");
    let transport = format!("smtp:[127.0.0.1]:{}", world.server.smtp_port());
    let postfix = Postfix::start("mail.example.com", &transport).unwrap();
    let send = |subject: &str| {
        let mut swaks = Command::new("swaks");
        swaks.args([
            "--server",
            "127.0.0.1",
            "--port",
            &postfix.port().to_string(),
            "--from",
            "jane@example.com",
        ]);
        run(swaks.args(["--to", &world.address, "--header", &format!("Subject: {subject}")]), b"");
    };
    wait_until("Postfix to listen", || std::net::TcpStream::connect(("127.0.0.1", postfix.port())).ok());
    send("relayed");
    let (event, text) = world.events(1).remove(0);
    assert!(text.contains("Received: from") && text.contains("by relay.example.com (Postfix)"), "{text}");
    assert!(
        event.to_string().contains("ESMTPS") && event.to_string().contains("relay.example.com"),
        "{event}"
    );
    // Paused, it answers 450: Postfix keeps the mail, and tries again.
    let at = format!("/api/v1/triggers/{}", world.trigger);
    world.server.api().patch(&at, &serde_json::json!({"paused": true})).expect(200);
    send("later");
    wait_until("Postfix to be sent away", || postfix.log().contains("450 4.2.1").then_some(()));
    world.server.api().patch(&at, &serde_json::json!({"paused": false})).expect(200);
    let events = world.events(2);
    assert!(events.iter().any(|(_, text)| text.contains("Subject: later")));
    // An address that is none comes back to Postfix at once, not to us.
    let mut swaks = Command::new("swaks");
    swaks.args([
        "--server",
        "127.0.0.1",
        "--port",
        &postfix.port().to_string(),
        "--from",
        "jane@example.com",
    ]);
    run(swaks.args(["--to", "nobody@mail.example.com"]), b"");
    wait_until("Postfix to be told", || postfix.log().contains("550 5.1.1").then_some(()));
}

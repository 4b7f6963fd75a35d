//! Effects outside the database: a letter is announced on the record before it leaves. What must hold: how it ended stands there after, or it is shown
//! as unknown, in every form in which the trail is read.

use factotum_tests::cli::Cli;
use factotum_tests::{Server, Settings, on_both_backends, wait_until};
use serde_json::{Value, json};

fn invite(server: &Server, email: &str) -> anyhow::Result<factotum_tests::Answer> {
    let asked = json!({"email": email, "roles": ["Viewer"]}).to_string();
    let json = [("content-type", "application/json")];
    server.api().send("POST", "/api/v1/members/invitations", &json, asked.as_bytes())
}

on_both_backends! {
    fn an_intent_without_outcome_is_shown_as_unknown(backend: Backend) {
        // A relay that takes the connection and says nothing: the letter is under way until somebody gives up.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = format!("[mail]\nrelay = \"smtp://127.0.0.1:{}\"\n", silent.local_addr().unwrap().port());
        let settings = Settings::on(backend).unwrap().toml(&relay);
        let mut server = Server::launch(settings).unwrap();
        let intents = |server: &Server| server.api().audit("action=mail.intent");
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| invite(&server, "ann@example.com"));
            let seen = wait_until("the intent", || intents(&server).pop());
            assert_eq!(seen["outcome"], "unknown", "it is under way");
            let process = i32::try_from(server.process_id().unwrap()).unwrap();
            let process = rustix::process::Pid::from_raw(process).unwrap();
            rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
            assert!(asking.join().unwrap().is_err(), "nobody was told that it was sent");
        });
        server.kill();
        let folder = tempfile::tempdir().unwrap();
        let toml = format!("[mail]\nrelay = \"file:{}\"\n", folder.path().display());
        std::fs::write(server.data().join("factotum.toml"), toml).unwrap();
        server.resume().unwrap();
        // The invitation is there, as its entry is; the letter's end is not known. Another one's is.
        assert_eq!(server.api().all("/api/v1/members/invitations").len(), 1);
        assert_eq!(invite(&server, "bob@example.com").unwrap().expect(201)["mail_sent"], true);
        let shown = intents(&server);
        let outcomes: Vec<&Value> = shown.iter().map(|entry| &entry["outcome"]).collect();
        assert_eq!(outcomes, [&json!("ok"), &json!("unknown")], "newest first");
        // Also where intent and outcome come on pages of their own.
        let first = server.api().get("/api/v1/audit?action=mail.*&limit=1").expect(200);
        assert_eq!((&first["items"][0]["action"], &first["items"][0]["outcome"]), (&json!("mail.send"), &json!("ok")));
        let cursor = first["next"].as_str().unwrap();
        let second = server.api().get(&format!("/api/v1/audit?action=mail.*&limit=1&cursor={cursor}")).expect(200);
        assert_eq!((&second["items"][0]["action"], &second["items"][0]["outcome"]), (&json!("mail.intent"), &json!("ok")));
        let listed = Cli::of(&server).text(&["audit", "list", "--action", "mail.intent"]);
        // The reason says the word as well, in a sentence.
        let listed = listed.replace("it is unknown whether", "");
        assert_eq!(listed.lines().filter(|line| line.contains(" unknown ")).count(), 1, "{listed}");
        for form in ["jsonl", "csv"] {
            let export = server.api().get(&format!("/api/v1/audit/export?action=mail.intent&format={form}")).text();
            assert_eq!(export.lines().filter(|line| line.contains("\"unknown\"")).count(), 1, "{form}: {export}");
        }
    }
}

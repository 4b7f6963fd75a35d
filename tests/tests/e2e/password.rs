//! Changing one's password, setting a new one by a mailed link, and getting back in on the server's own machine.

use std::path::Path;

use factotum_tests::browser::PASSWORD;
use factotum_tests::{Browser, Server, on_both_backends, wait_until};
use serde_json::json;

const ADMIN: &str = "admin@example.com";
const NEW: &str = "seven green bottles on a wall";

/// The letters in a folder, put together as they were written.
fn letters(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|f| f.path());
    let letters = files.filter(|p| p.extension().is_some_and(|e| e == "eml"));
    // Soft line breaks and `=` of quoted-printable (RFC 2045 §6.7).
    letters.map(|p| std::fs::read_to_string(p).unwrap().replace("=\r\n", "").replace("=3D", "=")).collect()
}

/// What stands after `#token=` in the newest of so many letters.
fn token(folder: &Path, letters_so_far: usize, seen: &[String]) -> String {
    let found = wait_until("the letter", || {
        let letters = letters(folder);
        (letters.len() == letters_so_far).then_some(letters)
    });
    let tokens =
        found.iter().map(|l| l.split("#token=").nth(1).unwrap().chars().take(43).collect::<String>());
    tokens.into_iter().find(|t| !seen.contains(t)).unwrap()
}

on_both_backends! {
    fn a_change_of_password_ends_all_other_sessions_and_rotates_this_one(backend: Backend) {
        let server = Server::start(backend);
        let (here, elsewhere) = (Browser::of(&server, ADMIN), Browser::of(&server, ADMIN));
        let change = |current: &str, new: &str| here.put("/api/v1/me/password", &json!({"current": current, "new": new}));
        change("not the right one", NEW).expect_problem(403, "denied");
        for weak in ["short", "123456789012345", "admin@example.com", PASSWORD.to_uppercase().get(..14).unwrap()] {
            let problem = change(PASSWORD, weak).expect_problem(422, "invalid_field");
            assert_eq!(problem["field"], "new");
            assert!(!problem["detail"].as_str().unwrap().contains(weak));
        }
        elsewhere.get("/api/v1/me").expect(200);
        let old = here.token().unwrap();
        change(PASSWORD, NEW).expect(204);
        assert_ne!(here.token().unwrap(), old);
        here.get("/api/v1/me").expect(200);
        elsewhere.get("/api/v1/me").expect_problem(401, "unauthenticated");
        elsewhere.plant(&old);
        elsewhere.get("/api/v1/me").expect_problem(401, "unauthenticated");
        elsewhere.log_in(ADMIN, PASSWORD).expect_problem(401, "log_in_failed");
        elsewhere.log_in(ADMIN, NEW).expect(200);
        let entries = server.api().audit("action=password.change");
        let outcomes: Vec<_> = entries.iter().map(|e| e["outcome"].clone()).collect();
        assert_eq!(outcomes, ["ok", "denied"]);
        assert!(!format!("{entries:?}").contains(NEW));
    }

    fn a_mailed_link_sets_a_new_password_once(backend: Backend) {
        let folder = tempfile::tempdir().unwrap();
        let relay = format!("[mail]\nrelay = \"file:{}\"\n", folder.path().display());
        let server = Server::start_with(backend, &relay);
        let logged_in = Browser::of(&server, ADMIN);
        let browser = Browser::at(server.base());
        let ask = |email: &str| browser.post("/api/v1/password-reset", &json!({"email": email}));
        let complete = |token: &str, new: &str| {
            browser.post("/api/v1/password-reset/complete", &json!({"token": token, "new": new}))
        };
        for email in ["nobody@example.com", "", ADMIN] {
            let answer = ask(email);
            assert_eq!((answer.status, answer.body.as_slice()), (202, &b""[..]));
        }
        let first = token(folder.path(), 1, &[]);
        // A newer link ends the older.
        ask(ADMIN).expect(202);
        let second = token(folder.path(), 2, std::slice::from_ref(&first));
        complete(&first, NEW).expect_problem(422, "invalid_field");
        complete("nonsense", NEW).expect_problem(422, "invalid_field");
        complete(&second, "short").expect_problem(422, "invalid_field");
        logged_in.get("/api/v1/me").expect(200);
        complete(&second, NEW).expect(204);
        complete(&second, "another password altogether").expect_problem(422, "invalid_field");
        logged_in.get("/api/v1/me").expect_problem(401, "unauthenticated");
        browser.log_in(ADMIN, PASSWORD).expect_problem(401, "log_in_failed");
        browser.log_in(ADMIN, NEW).expect(200);
        let admin = server.api();
        assert_eq!(admin.audit("action=password.reset&outcome=ok").len(), 1);
        wait_until("both letters to be on the record", || (admin.audit("action=mail.send").len() == 2).then_some(()));
        let trail = format!("{:?}{}", admin.audit(""), server.log());
        assert!(!trail.contains(&first) && !trail.contains(&second), "a link's token is in no record");
        assert_eq!(letters(folder.path()).len(), 2, "nobody else was mailed");
    }

    fn whoever_has_the_machine_gets_back_in_on_the_record(backend: Backend) {
        let server = Server::start(backend);
        let logged_in = Browser::of(&server, ADMIN);
        let recover = |email: &str, reason: &str, password: &str, more: &[&str]| {
            let args = ["recover", "--email", email, "--reason", reason, "--password-stdin"];
            let done = server.admin(&[&args, more].concat(), &format!("{password}\n")).unwrap();
            (done.status.code(), String::from_utf8(done.stderr).unwrap())
        };
        for (email, reason, password, flag) in
            [(ADMIN, " ", NEW, "--reason"), (ADMIN, "why", "short", "--password-stdin"), ("admin", "why", NEW, "--email")]
        {
            let (code, words) = recover(email, reason, password, &[]);
            assert!(code == Some(2) && words.contains(flag), "{code:?} {words}");
        }
        assert_eq!(recover(ADMIN, "why", NEW, &["--org", "Nowhere"]).0, Some(2));
        assert!(server.api().audit("action=recovery.begin").is_empty());
        logged_in.get("/api/v1/me").expect(200);

        assert_eq!(recover(ADMIN, "Ann has lost her phone", NEW, &[]), (Some(0), String::new()));
        logged_in.get("/api/v1/me").expect_problem(401, "unauthenticated");
        Browser::at(server.base()).log_in(ADMIN, PASSWORD).expect_problem(401, "log_in_failed");
        Browser::at(server.base()).log_in(ADMIN, NEW).expect(200);
        // Who was no member is an Admin now.
        assert_eq!(recover("new@example.com", "nobody is left", NEW, &["--org", "Test"]).0, Some(0));
        let new = Browser::at(server.base());
        new.log_in("new@example.com", NEW).expect(200);
        assert_eq!(new.get("/api/v1/me").expect(200)["grants"], json!(["*:*"]));
        let entries = server.api().audit("");
        let recovery: Vec<_> =
            entries.iter().filter(|e| e["action"].as_str().is_some_and(|a| a.starts_with("recovery."))).collect();
        let actions: Vec<_> = recovery.iter().map(|e| e["action"].clone()).collect();
        assert_eq!(actions, ["recovery.finish", "recovery.begin", "recovery.finish", "recovery.begin"], "newest first");
        for entry in recovery {
            assert_eq!((&entry["actor"]["kind"], &entry["initiator"]["kind"]), (&json!("base"), &json!("system")));
            let reason = entry["reason"].as_str().unwrap();
            assert!(reason.contains("lost her phone") || reason.contains("nobody is left"), "{reason}");
        }
        assert!(!format!("{entries:?}").contains(NEW));
    }
}

//! The second factor: codes of an authenticator, and recovery codes.

use std::time::{SystemTime, UNIX_EPOCH};

use factotum_tests::browser::PASSWORD;
use factotum_tests::{Answer, Browser, Server, on_both_backends};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

const ADMIN: &str = "admin@example.com";
const STEP_S: u64 = 30;

/// The time step of now.
#[expect(clippy::disallowed_methods, reason = "an authenticator has a clock of its own")]
fn step() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / STEP_S
}

/// What an authenticator shows in a time step.
fn code(secret: &str, step: u64) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    Builder::new().with_secret(secret).build().unwrap().generate(step * STEP_S).to_string()
}

fn log_in(server: &Server, code: Option<&str>) -> Answer {
    let mut body = json!({"email": ADMIN, "password": PASSWORD});
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    Browser::at(server.base()).post("/api/v1/session", &body)
}

fn recovery_codes(answer: &Value) -> Vec<String> {
    let codes = answer["recovery_codes"].as_array().unwrap();
    codes.iter().map(|c| c.as_str().unwrap().to_owned()).collect()
}

on_both_backends! {
    fn a_second_factor_is_asked_for_and_each_code_counts_once(backend: Backend) {
        let server = Server::start(backend);
        let browser = Browser::of(&server, ADMIN);
        let totp = "/api/v1/me/totp";
        browser.post(totp, &json!({"password": "not the right one"})).expect_problem(403, "denied");
        let made = browser.post(totp, &json!({"password": PASSWORD}));
        assert_eq!(made.header("cache-control"), Some("no-store"));
        let made = made.expect(200);
        let secret = made["secret"].as_str().unwrap();
        let uri = made["otpauth_uri"].as_str().unwrap();
        assert!(uri.starts_with("otpauth://totp/Factotum:") && uri.contains(secret), "{uri}");
        log_in(&server, None).expect(200);
        // A step on, so that each code is of now or one step early, however slow the machine is.
        let now = step();
        let confirm = |code: &str| browser.post("/api/v1/me/totp/confirm", &json!({"code": code}));
        confirm("000").expect_problem(422, "invalid_field");
        let codes = recovery_codes(&confirm(&code(secret, now)).expect(200));
        assert_eq!(codes.len(), 10);
        browser.post(totp, &json!({"password": PASSWORD})).expect_problem(409, "conflict");

        let missing = log_in(&server, None).expect_problem(401, "second_factor_required");
        let used = log_in(&server, Some(&code(secret, now))).expect_problem(401, "second_factor_required");
        assert_eq!(missing["detail"], used["detail"]);
        log_in(&server, Some(&code(secret, now + 1))).expect(200);
        log_in(&server, Some(&code(secret, now + 1))).expect_problem(401, "second_factor_required");
        // A wrong password says nothing of it.
        let wrong = json!({"email": ADMIN, "password": "not the right one", "code": codes[0]});
        Browser::at(server.base()).post("/api/v1/session", &wrong).expect_problem(401, "log_in_failed");
        let denied = server.api().audit("outcome=denied&action=session.begin");
        let reasons = denied.iter().filter(|e| e["reason"].as_str().unwrap().starts_with("second_factor_required"));
        assert_eq!(reasons.count(), 3);
        let trail = format!("{:?}{}", server.api().audit(""), server.log());
        assert!(!trail.contains(secret) && !trail.contains(&codes[0]));
    }

    fn a_recovery_code_counts_once_and_new_ones_end_the_old(backend: Backend) {
        let server = Server::start(backend);
        let browser = Browser::of(&server, ADMIN);
        let made = browser.post("/api/v1/me/totp", &json!({"password": PASSWORD})).expect(200);
        let secret = made["secret"].as_str().unwrap();
        let confirmed = browser.post("/api/v1/me/totp/confirm", &json!({"code": code(secret, step())}));
        let old = recovery_codes(&confirmed.expect(200));
        log_in(&server, Some(&old[0].to_lowercase().replace('-', " "))).expect(200);
        log_in(&server, Some(&old[0])).expect_problem(401, "second_factor_required");
        let renew = |code: &str| {
            browser.post("/api/v1/me/totp/recovery-codes", &json!({"password": PASSWORD, "code": code}))
        };
        renew(&old[0]).expect_problem(401, "second_factor_required");
        let new = recovery_codes(&renew(&old[1]).expect(200));
        log_in(&server, Some(&old[2])).expect_problem(401, "second_factor_required");
        log_in(&server, Some(&new[0])).expect(200);
    }

    fn without_it_the_password_must_be_long_enough_to_stand_alone(backend: Backend) {
        let server = Server::start(backend);
        let browser = Browser::of(&server, ADMIN);
        let made = browser.post("/api/v1/me/totp", &json!({"password": PASSWORD})).expect(200);
        let confirmed = browser.post("/api/v1/me/totp/confirm", &json!({"code": code(made["secret"].as_str().unwrap(), step())}));
        let codes = recovery_codes(&confirmed.expect(200));
        let short = "q8#vPz2w";
        browser.put("/api/v1/me/password", &json!({"current": PASSWORD, "new": short})).expect(204);
        let remove = |password: &str, code: &str| {
            browser.send("DELETE", "/api/v1/me/totp", Some(&json!({"password": password, "code": code})))
        };
        remove(short, &codes[0]).expect_problem(422, "invalid_field");
        browser.put("/api/v1/me/password", &json!({"current": short, "new": PASSWORD})).expect(204);
        // The code was not used up by what was refused.
        remove(PASSWORD, &codes[0]).expect(204);
        log_in(&server, None).expect(200);
        remove(PASSWORD, &codes[1]).expect_problem(409, "conflict");
    }

    fn the_way_back_in_on_the_machine_removes_it(backend: Backend) {
        let server = Server::start(backend);
        let browser = Browser::of(&server, ADMIN);
        let made = browser.post("/api/v1/me/totp", &json!({"password": PASSWORD})).expect(200);
        let first = code(made["secret"].as_str().unwrap(), step());
        browser.post("/api/v1/me/totp/confirm", &json!({"code": first})).expect(200);
        log_in(&server, None).expect_problem(401, "second_factor_required");
        let args = ["recover", "--email", ADMIN, "--reason", "the phone is lost", "--password-stdin"];
        assert!(server.admin(&args, PASSWORD).unwrap().status.success());
        log_in(&server, None).expect(200);
        let finish = server.api().audit("action=recovery.finish");
        assert_eq!(finish[0]["change"]["before"]["second_factor"], true, "{finish:?}");
    }
}

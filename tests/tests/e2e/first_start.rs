//! The first start: no organization, no account, no default password, and one link that makes the first Admin.

use factotum_tests::{Browser, Server, Settings, on_both_backends};
use serde_json::{Value, json};

const PASSWORD: &str = "seven green bottles on a wall";
/// How many use the link at once.
const AT_ONCE: usize = 8;

/// What stands after `#token=` in the lines that the server wrote, oldest first.
fn links(server: &Server) -> Vec<String> {
    server.log().split("/setup#token=").skip(1).map(|rest| rest.chars().take(43).collect()).collect()
}

fn asked(token: &str, email: &str) -> Value {
    json!({"token": token, "org": "Acme", "name": "Ann Lee", "email": email, "password": PASSWORD})
}

on_both_backends! {
    fn the_first_start_prints_a_link_that_makes_one_admin(backend: Backend) {
        let mut server = Server::empty(Settings::on(backend).unwrap()).unwrap();
        let first = links(&server);
        assert_eq!(first.len(), 1, "{}", server.log());
        // A new start makes a new link and ends the old.
        server.stop().unwrap();
        server.resume().unwrap();
        let both = links(&server);
        assert_eq!(both.len(), 2);
        let browser = Browser::at(server.base());
        let set_up = |body: &Value| browser.post("/api/v1/setup", body);
        for wrong in [first[0].as_str(), "nonsense", "", &"A".repeat(43)] {
            assert_eq!(set_up(&asked(wrong, "ann@example.com")).expect_problem(422, "invalid_field")["field"], "token");
        }
        for (field, value) in
            [("org", " "), ("name", "Service Account"), ("name", "\u{202e}nnA"), ("email", "ann"), ("password", "short"), ("password", "ann@example.com")]
        {
            let mut body = asked(&both[1], "ann@example.com");
            body[field] = json!(value);
            let problem = set_up(&body).expect_problem(422, "invalid_field");
            assert_eq!(problem["field"], field, "{problem}");
        }
        let made = set_up(&asked(&both[1], "ann@example.com")).expect(200);
        assert_eq!((&made["account"]["name"], &made["org"]["name"]), (&json!("Ann Lee"), &json!("Acme")));
        assert_eq!(browser.get("/api/v1/me").expect(200)["grants"], json!(["*:*"]));
        assert_eq!(browser.get("/api/v1/me/sessions").expect(200)["items"][0]["method"], "setup");
        set_up(&asked(&both[1], "eve@example.com")).expect_problem(422, "invalid_field");
        let members = browser.get("/api/v1/members?service=true").expect(200);
        let kinds: Vec<_> = members["items"].as_array().unwrap().iter().map(|m| m["kind"].clone()).collect();
        assert!(kinds.len() == 2 && kinds.contains(&json!("base")) && kinds.contains(&json!("member")), "{kinds:?}");
        let trail = browser.get("/api/v1/audit").expect(200);
        for action in ["org.create", "member.create", "session.begin"] {
            assert!(trail["items"].as_array().unwrap().iter().any(|e| e["action"] == action), "no {action}");
        }
        let again = Browser::at(server.base());
        again.log_in("ann@example.com", PASSWORD).expect(200);
        // With an organization there is no link any more.
        server.stop().unwrap();
        server.resume().unwrap();
        assert_eq!(links(&server).len(), 2, "{}", server.log());
    }

    fn many_who_use_the_link_at_once_make_one_organization(backend: Backend) {
        let server = Server::empty(Settings::on(backend).unwrap()).unwrap();
        let token = links(&server).remove(0);
        let base = server.base();
        let answers: Vec<_> = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..AT_ONCE)
                .map(|n| {
                    let (base, token) = (base.clone(), token.as_str());
                    scope.spawn(move || {
                        let asked = asked(token, &format!("p{n}@example.com"));
                        Browser::at(base).post("/api/v1/setup", &asked).status
                    })
                })
                .collect();
            tries.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let made = answers.iter().filter(|status| **status == 200).count();
        assert_eq!(made, 1, "{answers:?}");
        assert!(answers.iter().all(|status| matches!(status, 200 | 422)), "{answers:?}");
        let winner = answers.iter().position(|status| *status == 200).unwrap();
        let browser = Browser::at(server.base());
        browser.log_in(&format!("p{winner}@example.com"), PASSWORD).expect(200);
        assert_eq!(browser.get("/api/v1/members").expect(200)["items"].as_array().unwrap().len(), 1);
        for loser in (0..AT_ONCE).filter(|n| *n != winner) {
            browser.log_in(&format!("p{loser}@example.com"), PASSWORD).expect_problem(401, "log_in_failed");
        }
    }
}

//! The settings that stand in the configuration.

use factotum_tests::{Backend, Browser, Server};

use crate::Chromium;
use crate::flows::{ADMIN, joined};

const TOML: &str = r#"
[mail]
relay = "smtp://me:hunter2@127.0.0.1:2525"
from = "Factotum <f@example.com>"
[oidc]
issuer = "https://id.example.com"
client_id = "factotum"
client_secret = "hunter3"
[retention]
audit_days = 400
[egress]
allow = ["db.internal:5432"]
"#;

#[test]
fn what_holds_is_shown_with_where_it_was_set_and_no_secret() {
    let server = Server::start_with(Backend::Sqlite, TOML);
    let api = server.api();
    let grants = ["runs:read"];
    api.post("/api/v1/roles", &serde_json::json!({"name": "Runner", "grants": grants})).expect(201);
    joined(&server, "runner@example.com", &["Runner"]);
    let browser = Chromium::of(&server, ADMIN);
    for (path, name, words) in [
        ("/settings/sso", "settings-sso", "people may log in at https://id.example.com"),
        ("/settings/mail", "settings-mail", "smtp://me:[redacted]@127.0.0.1:2525"),
        ("/settings/retention", "settings-retention", "once they are 400 days old"),
        ("/settings/egress", "settings-egress", "db.internal:5432"),
    ] {
        browser.go(path);
        browser.sees(words);
        browser.sees("factotum.toml:");
        let whole = browser.run("return document.documentElement.outerHTML", &[]).to_string();
        assert!(!whole.contains("hunter"), "{whole}");
        browser.is_fine(name);
    }
    let runner = Browser::of(&server, "runner@example.com");
    for path in ["/settings/sso", "/settings/mail", "/settings/retention", "/settings/egress"] {
        assert_eq!(runner.get(path).status, 403, "{path}");
        assert!(!runner.get("/").text().contains(path));
    }
    let denied = api.audit("action=settings.read&outcome=denied");
    assert!(!denied.is_empty(), "a refusal is on the record");
}

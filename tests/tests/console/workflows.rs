//! Making a workflow, running it, changing it, pausing and deleting it.

use factotum_tests::{Backend, Browser, Server};
use serde_json::json;

use crate::flows::{ADMIN, joined};
use crate::{Chromium, Look};

#[test]
fn a_workflow_is_made_run_changed_paused_and_deleted() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    let browser = Chromium::of(&server, ADMIN);
    browser.go("/workflows");
    browser.sees("It begins with a plugin");
    browser.is_fine("workflows-empty");
    api.upload("echo");
    api.upload("kvtest");

    browser.go("/workflows");
    browser.press("Make a workflow");
    browser.fill("[name=name]", "orders");
    browser.choose("[name=plugin]", "kvtest@1.0.0");
    // What it may ask for comes by itself, the narrow grants chosen.
    browser.sees("kv:write:orders");
    assert_eq!(browser.count("[name=grants]:checked"), 2);
    browser.fill("[name=config]", "{\"greeting\": }");
    browser.press("Make the workflow");
    browser.sees("line 1, column 14");
    assert_eq!(browser.value("[name=config]"), "{\"greeting\": }");
    assert_eq!(browser.attribute("[name=config]", "aria-invalid").as_deref(), Some("true"));
    browser.is_fine("workflow-refused");
    browser.fill("[name=config]", "{\"greeting\": \"<b>hello</b>\"}");
    browser.press("Make the workflow");
    browser.is_at("/workflows/orders");
    browser.sees("<b>hello</b>");
    let made = api.get("/api/v1/workflows/orders").expect(200);
    assert_eq!(made["grants"], json!(["kv:read:orders", "kv:write:orders"]));

    // A plugin that only answers, and a grant too many to do without.
    browser.press("Edit");
    browser.choose("[name=plugin]", "echo@1.0.0");
    browser.sees("imports nothing that asks for a grant");
    browser.fill("[name=others]", "http:request:api.example.com\nkv:eat");
    browser.press("Save");
    browser.sees("kv:eat");
    browser.fill("[name=others]", "http:request:api.example.com");
    browser.press("Save");
    browser.is_at("/workflows/orders");
    browser.sees("send HTTP requests to api.example.com");

    browser.press("Run");
    browser.is_fine("workflow-run");
    browser.fill("[name=payload]", "{\"n\": 1");
    browser.press("Run");
    browser.sees("line 1");
    browser.fill("[name=payload]", "{\"n\": 1}");
    browser.press("Run");
    browser.wait("the run", || browser.path().starts_with("/runs/run_").then_some(()));
    let run = browser.path().trim_start_matches("/runs/").to_owned();
    let run = api.wait_end(&run);
    assert_eq!((&run["state"], &run["initiator"]["kind"]), (&json!("succeeded"), &json!("member")));
    // What the page of the run itself says is tested with it.
    browser.complaints();

    browser.go("/workflows/orders");
    browser.sees("succeeded");
    browser.is_fine("workflow");
    browser.press("Pause");
    browser.sees("Paused since");
    assert_eq!(api.get("/api/v1/workflows/orders").expect(200)["paused"], true);
    browser.go("/workflows");
    browser.sees("paused");
    browser.is_fine("workflows");
    browser.press("orders");
    browser.press("Resume");
    browser.wait("the resumed workflow", || (browser.count(".notice.warn") == 0).then_some(()));

    browser.press("Delete");
    browser.fill("[name=confirm]", "order");
    browser.press("Delete orders");
    browser.sees("type orders to delete it");
    browser.fill("[name=confirm]", "orders");
    browser.press("Delete orders");
    browser.is_at("/workflows");
    api.get("/api/v1/workflows/orders").expect_problem(404, "not_found");
}

#[test]
fn nobody_overwrites_another_unseen_or_gives_what_they_lack() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    api.deploy("echo", &[]);
    api.post("/api/v1/roles", &json!({"name": "Maker", "grants": ["workflows:read", "workflows:create", "workflows:update", "plugins:read"]}))
        .expect(201);
    joined(&server, "maker@example.com", &["Maker"]);
    let browser = Chromium::with(&server, Look { size: (390, 844), ..Look::default() });
    browser.log_in("maker@example.com");
    browser.go("/workflows/echo/edit");
    api.workflow("echo", "echo", &json!({"config": {"by": "another"}}));
    browser.press("Save");
    browser.sees("somebody else changed the workflow meanwhile");
    browser.go("/new/workflow?plugin=echo@1.0.0");
    assert_eq!(browser.value("[name=name]"), "echo");
    browser.press("Make the workflow");
    browser.sees("there is a workflow of this name already");
    browser.fill("[name=name]", "other");
    browser.fill("[name=others]", "kv:read");
    browser.press("Make the workflow");
    browser.sees("grants that your account lacks: kv:read");
    browser.is_fine("workflow-form-phone");
    assert_eq!(api.get("/api/v1/workflows/echo").expect(200)["version"], 2);
    let denied = api.audit("outcome=denied&action=workflow.put");
    assert_eq!(denied.len(), 1, "{denied:?}");

    // Who may not run or delete is offered neither, and is refused.
    browser.go("/workflows/echo");
    browser.sees("Edit");
    assert_eq!(browser.count("a[href='/workflows/echo/run']") + browser.count("form[action$='/delete']"), 0);
    let maker = Browser::of(&server, "maker@example.com");
    assert_eq!(maker.get("/workflows/echo/run").status, 403);
    assert_eq!(maker.post_form("/workflows/echo/delete", "confirm=echo").status, 403);
}

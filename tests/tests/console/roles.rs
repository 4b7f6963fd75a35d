//! Settings → Roles.

use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, Server};
use serde_json::{Value, json};

use crate::Chromium;

fn role(server: &Server, name: &str) -> Option<Value> {
    server.api().all("/api/v1/roles").into_iter().find(|role| role["name"] == name)
}

#[test]
fn an_admin_makes_changes_and_deletes_a_role() {
    let server = Server::start(Backend::Sqlite);
    let browser = Chromium::of(&server, ADMIN);
    browser.go("/settings/roles");
    browser.is_fine("roles");
    browser.press("Viewer");
    browser.sees("cannot be changed or deleted");
    assert_eq!(browser.count("main form"), 0);

    browser.go("/settings/roles/new");
    browser.fill("#name", "Operator");
    browser.press("Make the role");
    browser.sees("the list of grants is empty");
    browser.is_fine("role-new");
    browser.click("[value='runs:read']");
    browser.click("[value='runs:cancel']");
    browser.fill("#others", "workflows:run:order-*, nonsense:verb");
    browser.press("Make the role");
    browser.sees("is not a grant that exists");
    assert_eq!(
        browser.run("return document.querySelector(\"[value='runs:cancel']\").checked", &[]),
        json!(true)
    );
    browser.fill("#others", "workflows:run:order-*");
    browser.press("Make the role");
    browser.sees("The role is made");
    let made = role(&server, "Operator").unwrap();
    assert_eq!(
        made["grants"],
        json!(["runs:cancel", "runs:read", "workflows:run:order-*"]),
        "sorted as they are"
    );

    browser.press("Operator");
    browser.is_fine("role");
    assert_eq!(browser.run("return document.querySelector('#others').value", &[]), "workflows:run:order-*");
    browser.fill("#name", "Viеwer");
    browser.press("Save");
    browser.sees("Viewer");
    browser.wait("a fault", || (browser.count("[role=alert]") > 0).then_some(()));
    browser.fill("#name", "Operators");
    browser.click("[value='runs:cancel']");
    browser.press("Save");
    browser.sees("The role is changed");
    assert_eq!(role(&server, "Operators").unwrap()["grants"], json!(["runs:read", "workflows:run:order-*"]));

    // While somebody has it, it stays.
    let asked = json!({"email": "ann@example.com", "roles": ["Operators"]});
    let invited = server.api().post("/api/v1/members/invitations", &asked).expect(201);
    browser.press("Operators");
    browser.press("Delete the role");
    browser.press("Delete Operators");
    browser.sees("an open invitation gives this role");
    let id = invited["id"].as_str().unwrap();
    server.api().delete(&format!("/api/v1/members/invitations/{id}")).expect(204);
    browser.press("Delete the role");
    browser.press("Delete Operators");
    browser.sees("The role is deleted");
    assert!(role(&server, "Operators").is_none());
}

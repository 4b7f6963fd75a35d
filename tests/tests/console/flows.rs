//! What the tests of workflows, plugins and triggers begin with.

use factotum_tests::browser::PASSWORD;
pub use factotum_tests::server::ADMIN;
use factotum_tests::{Browser, Server};
use serde_json::json;

/// Lets somebody join with these roles, who then logs in by [`PASSWORD`].
#[track_caller]
pub fn joined(server: &Server, email: &str, roles: &[&str]) {
    let asked = json!({"email": email, "roles": roles});
    let invited = server.api().post("/api/v1/members/invitations", &asked).expect(201);
    let url = invited["url"].as_str().unwrap();
    let token = url.split_once("#token=").unwrap().1;
    let asked = json!({"token": token, "name": email.split('@').next(), "password": PASSWORD});
    Browser::at(server.base()).post("/api/v1/invitations/accept", &asked).expect(201);
}

//! The golden matrix: every route × every kind of caller → the status. What must hold: a route that is added shows up here, so that it cannot
//! escape; nobody without the grant gets past 403, and each such refusal is on the record.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics with the reason")]

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use factotum_dispatch::Dispatcher;
use factotum_host::{Host, HostConfig};
use factotum_model::{Action, Grant, Grants, Redacted, RequestId, SystemClock};
use factotum_schedule::Scheduler;
use factotum_server::api::endpoint::{Endpoint, Needs};
use factotum_server::api::metrics::Metrics;
use factotum_server::api::session::COOKIE_NAME;
use factotum_server::api::{Serves, router, routes};
use factotum_server::config::{Config, Environment};
use factotum_server::console;
use factotum_server::mail::Mailer;
use factotum_server::operations::organization::{Bootstrap, bootstrap};
use factotum_server::operations::trigger::HookDoor;
use factotum_server::operations::{
    Attempts, Denials, Hashing, KeyCache, KeyUses, Origin, Refusals, Services, UnknownKeys, audit,
    invitation, session,
};
use factotum_server::serve::open;
use factotum_storage::sessions::Method;
use factotum_storage::{organizations, people};
use factotum_webhook::Webhooks;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// `(module (memory (export "memory") 1) (func (export "_start")))`
const DOES_NOTHING: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\x07\x13\x02\x06memory\x02\0\x06_start\0\0\x0a\x04\x01\x02\0\x0b";

struct Fixture {
    _folder: tempfile::TempDir,
    services: Arc<Services>,
    router: Router,
    full_key: String,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let flags = [("data", Some(folder.path().join("data").display().to_string()))];
    let config = Config::load(&flags, &Environment::new(), None).unwrap();
    let clock = Arc::new(SystemClock);
    let storage = open::for_a_command(&config, &Environment::new(), clock.clone()).await.unwrap();
    let asked = Bootstrap {
        org: "Acme".into(),
        email: "admin@example.com".into(),
        password: Redacted::new("correct horse battery staple".into()),
        api_key: Some("full".into()),
    };
    let made = bootstrap(&storage, &SystemClock, &asked).await.unwrap();
    let host =
        Host::new(HostConfig { max_instances: 4, ..HostConfig::new(folder.path().join("cache")) }).unwrap();
    let dispatcher = Dispatcher::start(storage.clone(), host.clone(), factotum_dispatch::Options::default())
        .await
        .unwrap();
    let services = Arc::new(Services {
        webhooks: Webhooks::over(storage.clone()),
        inbox: factotum_edi::Inbox::over(storage.clone()),
        mailboxes: Arc::new(factotum_email::Mailboxes::over(storage.clone(), "localhost", None)),
        scheduler: Scheduler::over(storage.clone()),
        storage,
        host,
        dispatcher,
        clock,
        limits: config.limits.clone(),
        settings: config.shown(),
        public_url: "http://localhost".into(),
        hooks: HookDoor { url: "http://localhost".into(), asks_for_certificates: false },
        denials: Denials::default(),
        key_cache: KeyCache::default(),
        unknown_keys: UnknownKeys::new(600),
        key_uses: KeyUses::default(),
        refusals: Refusals::default(),
        invitation_limits: invitation::Limits::default(),
        mailer: Arc::new(Mailer::through(&config.mail.relay, config.mail.from.clone())),
        attempts: Attempts::default(),
        background: TaskTracker::new(),
        hashing: Hashing::default(),
        metrics: Arc::new(Metrics::register()),
        oidc: None,
        streams: Vec::new(),
        tails: audit::tail::Tails::default(),
        stopping: CancellationToken::new(),
    });
    let router = router(Arc::clone(&services), config.proxy.clone(), false, Serves::All);
    let full_key = made.key.unwrap().text.expose().to_owned();
    Fixture { _folder: folder, services, router, full_key }
}

impl Fixture {
    async fn send(
        &self,
        method: &str,
        path: &str,
        key: Option<&str>,
        kind: &str,
        body: Vec<u8>,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path).header("content-type", kind);
        match key {
            Some(key) if key.starts_with("fct_") => {
                request = request.header("authorization", format!("Bearer {key}"));
            }
            Some(session) => {
                let cookie = format!("{COOKIE_NAME}={session}");
                request = request.header("cookie", cookie).header("sec-fetch-site", "same-origin");
            }
            None => {}
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status();
        if response.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream") {
            // It has no end of its own.
            return (status, Value::Null);
        }
        let body = axum::body::to_bytes(response.into_body(), 10 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// A fresh session of the member who has this role alone: what a route does to a session is not met by the next.
    async fn session(&self, role: &str) -> String {
        let (services, email) = (&self.services, format!("{role}@example.com").to_lowercase());
        let now = services.now();
        let mut tx = services.storage.write().await.unwrap();
        let org = organizations::list(&mut tx).await.unwrap().remove(0).id;
        let known = people::by_email(&mut tx, &email).await.unwrap();
        let person = if let Some(person) = known {
            person
        } else {
            let person = people::create(&mut tx, &email, role, now).await.unwrap().unwrap();
            people::add_member(&mut tx, org, person, role, role, now).await.unwrap();
            person
        };
        let membership = people::memberships(&mut tx, Some(person)).await.unwrap().remove(0);
        let origin =
            Origin { request_id: RequestId::random(), address: [127, 0, 0, 1].into(), user_agent: None };
        let member = (org, &membership.principal, person);
        let begun = session::begin(&mut tx, services, member, Method::Password, &origin).await.unwrap();
        tx.commit().await.unwrap();
        begun.token.expose().to_owned()
    }

    /// The newest refusal on the record.
    async fn newest_denial(&self) -> Value {
        let trail = self.full("GET", "/api/v1/audit?outcome=denied&limit=1", Value::Null).await;
        trail["items"][0]["id"].clone()
    }

    async fn full(&self, method: &str, path: &str, body: Value) -> Value {
        let key = Some(self.full_key.as_str());
        let (status, answer) =
            self.send(method, path, key, "application/json", body.to_string().into()).await;
        assert!(status.is_success(), "{method} {path}: {answer}");
        answer
    }

    async fn key(&self, nickname: &str, grants: &[&str]) -> String {
        let key =
            self.full("POST", "/api/v1/api-keys", json!({"nickname": nickname, "grants": grants})).await;
        key["secret"].as_str().unwrap().to_owned()
    }

    /// A request to the endpoint that is in order but for what it names, which is mostly not there.
    async fn ask(&self, endpoint: &Endpoint, key: Option<&str>) -> (StatusCode, Value) {
        let zeros = "0".repeat(32);
        let kind_of_id = match endpoint.path.split('/').nth(3) {
            Some("members" | "accounts") => "acc",
            Some("api-keys") => "key",
            Some("roles") => "rol",
            Some("triggers") => "trg",
            Some("runs") => "run",
            _ => "evt",
        };
        let name = if endpoint.path.contains("secrets") { "s" } else { "w" };
        let mut path = endpoint
            .path
            .replace("{id}", &format!("{kind_of_id}_{zeros}"))
            .replace("{name}", name)
            .replace("{plugin}", "p@1.0.0")
            .replace("{token}", "none")
            .replace("{*path}", "below");
        let (kind, body) = match endpoint.id {
            "uploadPlugin" => {
                path += "?name=q&version=1.0.0";
                ("application/wasm", DOES_NOTHING.to_vec())
            }
            "putWorkflow" => ("application/json", json!({"plugin": "p@1.0.0"}).to_string().into()),
            "pauseWorkflow" => ("application/json", json!({"paused": false}).to_string().into()),
            "createTrigger" => {
                ("application/json", json!({"workflow": "w", "kind": "webhook"}).to_string().into())
            }
            "backfillTrigger" => {
                let range = json!({"from": "2026-01-01", "until": "2026-01-02"});
                ("application/json", range.to_string().into())
            }
            "createPartner" => {
                let name = format!(
                    "made-by-{}",
                    key.map_or("nobody", |k| &k[4..12]).to_lowercase().replace('_', "-")
                );
                ("application/json", json!({"name": name, "x12": [format!("ZZ:{name}")]}).to_string().into())
            }
            "putSecret" => ("application/json", json!({"value": "v"}).to_string().into()),
            "createRole" => {
                let new = json!({"name": format!("made by {}", key.map_or("nobody", |k| &k[4..12])), "grants": ["roles:create"]});
                ("application/json", new.to_string().into())
            }
            "invite" => {
                let email = format!("{}@example.com", key.map_or("nobody", |k| &k[4..12]));
                ("application/json", json!({"email": email, "roles": ["Inviter"]}).to_string().into())
            }
            "createApiKey" => {
                let new = json!({"nickname": format!("made by {}", key.map_or("nobody", |k| &k[4..12])), "grants": ["api-keys:create"]});
                ("application/json", new.to_string().into())
            }
            "logIn" => (
                "application/json",
                json!({"email": "nobody@example.com", "password": "p"}).to_string().into(),
            ),
            "askPasswordReset" => {
                ("application/json", json!({"email": "nobody@example.com"}).to_string().into())
            }
            "completePasswordReset" => {
                ("application/json", json!({"token": "t", "new": "n"}).to_string().into())
            }
            "createNoticeRecipient" => {
                let address = format!("{}@example.com", key.map_or("nobody", |k| &k[4..12])).to_lowercase();
                ("application/json", json!({"kind": "mail", "address": address}).to_string().into())
            }
            "setUp" => {
                let asked = json!({"token": "t", "org": "o", "name": "n", "email": "e", "password": "p"});
                ("application/json", asked.to_string().into())
            }
            "switchOrganization" => ("application/json", json!({"org": "o"}).to_string().into()),
            "changePassword" => ("application/json", json!({"current": "c", "new": "n"}).to_string().into()),
            "confirmTotp" => ("application/json", json!({"code": "c"}).to_string().into()),
            "setUpTotp" | "renewRecoveryCodes" | "removeTotp" => {
                ("application/json", json!({"password": "p"}).to_string().into())
            }
            _ => ("application/json", b"{}".to_vec()),
        };
        self.send(endpoint.method.as_str(), &path, key, kind, body).await
    }
}

/// Whether a grant is for this action, for whatever names.
fn allows_some(grant: &Grant, action: Action) -> bool {
    match grant {
        Grant::All => true,
        Grant::One { action: own, .. } => *own == action,
    }
}

#[tokio::test]
async fn every_route_asks_for_its_grant() {
    let fixture = fixture().await;
    let full = fixture.full_key.clone();
    let pushed = fixture
        .send(
            "POST",
            "/api/v1/plugins?name=p&version=1.0.0",
            Some(&full),
            "application/wasm",
            DOES_NOTHING.to_vec(),
        )
        .await;
    assert_eq!(pushed.0, StatusCode::CREATED, "{}", pushed.1);
    fixture.full("PUT", "/api/v1/workflows/w", json!({"plugin": "p@1.0.0"})).await;
    fixture.full("PUT", "/api/v1/secrets/s", json!({"value": "first"})).await;
    fixture.full("POST", "/api/v1/roles", json!({"name": "Inviter", "grants": ["members:create"]})).await;
    let useless = fixture.key("useless", &["kv:read"]).await;

    let endpoints = routes::all().endpoints;
    let mut matrix = String::new();
    for (at, endpoint) in endpoints.iter().enumerate() {
        // What a stranger and a key without the grant get.
        let (nobody, _) = fixture.ask(endpoint, None).await;
        let (without, refusal) = fixture.ask(endpoint, Some(&useless)).await;
        let with = match endpoint.needs {
            Needs::Nothing | Needs::Account => None,
            Needs::Session => {
                assert_eq!(nobody, StatusCode::UNAUTHORIZED, "{} {}", endpoint.method, endpoint.path);
                let of_a_key = (without, refusal["code"].as_str());
                assert_eq!(of_a_key, (StatusCode::FORBIDDEN, Some("denied")), "{}: {refusal}", endpoint.id);
                None
            }
            Needs::Grant(action) | Needs::GrantOrPrincipal(action) => {
                assert_eq!(nobody, StatusCode::UNAUTHORIZED, "{} {}", endpoint.method, endpoint.path);
                assert_eq!(
                    without,
                    StatusCode::FORBIDDEN,
                    "{} {}: {refusal}",
                    endpoint.method,
                    endpoint.path
                );
                let request = refusal["request_id"].as_str().unwrap();
                let trail = fixture.full("GET", "/api/v1/audit?outcome=denied&limit=5", Value::Null).await;
                let items = trail["items"].as_array().unwrap();
                assert!(
                    items.iter().any(|e| e["request_id"] == request),
                    "{} is not on the record",
                    endpoint.id
                );
                let key = fixture.key(&format!("just {at}"), &[&action.to_string()]).await;
                Some((key, action))
            }
        };
        let exact = match with {
            None => "-".to_owned(),
            Some((key, action)) => {
                let (status, answer) = fixture.ask(endpoint, Some(&key)).await;
                assert_ne!(
                    status,
                    StatusCode::FORBIDDEN,
                    "{}: {action} is not enough: {answer}",
                    endpoint.id
                );
                assert_ne!(status, StatusCode::UNAUTHORIZED, "{}: {answer}", endpoint.id);
                format!("{} with {action}", status.as_u16())
            }
        };
        let mut roles = String::new();
        for role in ["Viewer", "Editor", "Admin"] {
            let (status, answer) = fixture.ask(endpoint, Some(&fixture.session(role).await)).await;
            if let Needs::Grant(action) = endpoint.needs {
                // Whatever else stands in the way, a role decides by its grants alone.
                let grants = match role {
                    "Viewer" => organizations::viewer(),
                    "Editor" => organizations::editor(),
                    _ => Grants::all(),
                };
                let refused = status == StatusCode::FORBIDDEN && answer["code"] == "denied";
                assert!(
                    refused != grants.iter().any(|g| allows_some(g, action)),
                    "{role} {}: {answer}",
                    endpoint.id
                );
            }
            roles.extend([", ", role, " ", status.as_str()]);
        }
        matrix.extend([
            endpoint.method.as_str(),
            " ",
            endpoint.path,
            ": nobody ",
            nobody.as_str(),
            ", kv:read ",
            without.as_str(),
            ", ",
            &exact,
            &roles,
            "\n",
        ]);
    }
    insta::assert_snapshot!(matrix);
    fixture.services.dispatcher.shut_down().await;
    fixture.services.storage.close().await;
}

#[tokio::test]
async fn every_page_is_for_people_who_have_its_grant() {
    let fixture = fixture().await;
    let full = fixture.full_key.clone();
    let zeros = "0".repeat(32);
    let (mut matrix, mut wrong) = (String::new(), Vec::new());
    for endpoint in console::all().endpoints {
        let path = endpoint.path.replace("{id}", &format!("acc_{zeros}")).replace("{name}", "w");
        let method = endpoint.method.as_str();
        let ask = async |who: Option<&str>| {
            fixture.send(method, &path, who, "application/x-www-form-urlencoded", b"a=b".to_vec()).await.0
        };
        let (nobody, key) = (ask(None).await, ask(Some(&full)).await);
        if endpoint.needs != Needs::Nothing {
            if nobody != StatusCode::SEE_OTHER {
                wrong.push(format!("{method} {path} without a session leads to the log-in, not to {nobody}"));
            }
            if key != StatusCode::FORBIDDEN {
                wrong.push(format!("{method} {path} with a key of all grants: {key}"));
            }
        }
        let mut roles = String::new();
        for role in ["Viewer", "Editor", "Admin"] {
            let before = fixture.newest_denial().await;
            let status = ask(Some(&fixture.session(role).await)).await;
            if let Needs::Grant(action) = endpoint.needs {
                let grants = match role {
                    "Viewer" => organizations::viewer(),
                    "Editor" => organizations::editor(),
                    _ => Grants::all(),
                };
                if grants.iter().any(|grant| allows_some(grant, action)) {
                    if status == StatusCode::FORBIDDEN {
                        wrong.push(format!("{role}: {method} {path} is refused"));
                    }
                } else {
                    // The form that would be shown again may be of something that is not there.
                    let refused = matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
                    if !refused {
                        wrong.push(format!("{role}: {method} {path} is not refused: {status}"));
                    } else if fixture.newest_denial().await == before {
                        wrong.push(format!("{role}: {method} {path} is not on the record"));
                    }
                }
            }
            if status.is_server_error() {
                wrong.push(format!("{role}: {method} {path} {status}"));
            }
            roles.extend([", ", role, " ", status.as_str()]);
        }
        matrix.extend([
            method,
            " ",
            endpoint.path,
            ": nobody ",
            nobody.as_str(),
            ", key ",
            key.as_str(),
            &roles,
            "\n",
        ]);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    insta::assert_snapshot!(matrix);
    fixture.services.dispatcher.shut_down().await;
    fixture.services.storage.close().await;
}

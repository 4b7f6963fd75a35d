//! The golden matrix of host calls: every function that `plugins/wit` lets a workflow import × authorities → allowed or denied. What must hold: a
//! function that is added without a decision here fails the test; nothing is denied without its record.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use factotum_host::EgressPolicy;
use factotum_model::ErrorCode;
use serde_json::{Value, json};
use wit_parser::WorldItem;

use crate::support::{Attempt, Fixture, TestPorts};

/// The authorities of the columns.
const AUTHORITIES: [(&str, &[&str]); 11] = [
    ("nothing", &[]),
    ("everything", &["*:*"]),
    ("kv:read", &["kv:read"]),
    ("kv:write:orders", &["kv:write:orders"]),
    ("kv:write:other", &["kv:write:other"]),
    ("http:request:127.0.0.1:*", &["http:request:127.0.0.1:*"]),
    ("workflows:run:other", &["workflows:run:other"]),
    ("workflows:run:report*", &["workflows:run:report*"]),
    ("mail:send:ann@example.com", &["mail:send:ann@example.com"]),
    ("mail:send:@example.com", &["mail:send:@example.com"]),
    ("mail:send:@example.org", &["mail:send:@example.org"]),
];

/// How a guest is made to call a function, and how its answer says that it was denied.
enum Decision {
    /// Asks for a grant: this guest does the call once.
    Asks(&'static str, Value),
    /// Asks for a grant, of a component that handles HTTP requests: asked for this URL.
    Handles(&'static str),
    /// Needs no grant: this guest calls it until its limit of calls ends it.
    Free(&'static str, Value),
    /// Needs no grant: this guest reads the mail that started it.
    Read,
}

/// The decision for each function.
fn decision(function: &str) -> Decision {
    let kv = |op: Value| Decision::Asks("kvtest", json!({"ops": [op]}));
    let free = |what: &str| Decision::Free("chatty", json!({"what": what}));
    match function {
        "kv.get" => kv(json!({"op": "get", "key": "k"})),
        "kv.set" => kv(json!({"op": "set", "key": "k", "value": 1})),
        "kv.swap" => kv(json!({"op": "swap", "key": "k", "expected": 0, "value": 1})),
        "kv.delete" => kv(json!({"op": "delete", "key": "k"})),
        "kv.list" => kv(json!({"op": "list", "prefix": ""})),
        "run.current" => free("run"),
        "log.write" => free("log"),
        "config.get" => free("config"),
        "config.all" => free("config_all"),
        "workflows.start" => {
            Decision::Asks("starter", json!({"ops": [{"op": "start", "workflow": "reports"}]}))
        }
        // Only for what the run has started itself, under the grant.
        "workflows.wait" => free("wait"),
        "mail.send" => Decision::Asks(
            "postman",
            json!({"ops": [{"to": ["ann@example.com"], "subject": "s", "text": "t"}]}),
        ),
        // Only what came in; without a mail there is none.
        "attachments.open" => free("attachment"),
        "attachments.raw" => free("raw"),
        "attachments.[method]reader.read" => Decision::Read,
        // Nobody listens there: what is allowed fails to connect.
        BY_A_HANDLER => Decision::Handles("http://127.0.0.1:9/"),
        "outgoing-handler.handle" => Decision::Asks("caller", json!({"url": "http://127.0.0.1:9/"})),
        other => {
            panic!("`{other}` is new: decide which grant it asks for, and say here how a guest calls it")
        }
    }
}

/// The same function, called by a component of the other world that has it.
const BY_A_HANDLER: &str = "outgoing-handler.handle of wasi:http";

/// The functions of the interfaces that the world imports, as `interface.function`, and the one of `wasi:http` that leads outside.
fn functions() -> Vec<String> {
    let mut resolve = wit_parser::Resolve::default();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../plugins/wit");
    let (package, _) = resolve.push_dir(&folder).expect("the contract can be read");
    let mut functions = vec!["outgoing-handler.handle".to_owned(), BY_A_HANDLER.to_owned()];
    for world in resolve.packages[package].worlds.values() {
        for item in resolve.worlds[*world].imports.values() {
            match item {
                WorldItem::Interface { id, .. } => {
                    let interface = &resolve.interfaces[*id];
                    let name = interface.name.as_deref().expect("a named interface");
                    functions.extend(interface.functions.keys().map(|f| format!("{name}.{f}")));
                }
                WorldItem::Function(function) => functions.push(function.name.clone()),
                WorldItem::Type { .. } => {}
            }
        }
    }
    functions.sort();
    functions.dedup();
    functions
}

#[tokio::test]
async fn every_host_call_has_its_decision() {
    let fixture =
        Fixture::with(|config| config.egress = EgressPolicy::parse(&["127.0.0.1"]).expect("readable"));
    let mut matrix = String::new();
    for function in functions() {
        let _ = write!(matrix, "{function}:");
        for (column, grants) in AUTHORITIES {
            let ports: Arc<TestPorts> = Arc::default();
            let mut attempt = Attempt { grants, ports: Arc::clone(&ports), ..Attempt::default() };
            let denied = match decision(&function) {
                Decision::Asks(guest, wish) => {
                    let report = fixture.run(guest, wish, attempt).await;
                    let answer = report.result.expect("a denial is an answer to these guests").into_value();
                    answer.to_string().contains("\"denied\"")
                }
                Decision::Handles(url) => {
                    attempt.input = crate::handler::delivery("POST", "/call", &[]);
                    attempt.raw = Some(url.into());
                    let report = fixture.run("http-probe", Value::Null, attempt).await;
                    let answer = report.result.expect("a denial is an answer to this guest").into_value();
                    assert!(
                        answer["body"].as_str().is_some_and(|b| b == "denied" || b.starts_with("failed"))
                    );
                    answer["body"] == "denied"
                }
                Decision::Read => {
                    attempt.input = crate::mail::a_mail();
                    attempt.raw = Some(crate::mail::MAIL.into());
                    let report = fixture.run("postman", Value::Null, attempt).await;
                    assert_eq!(
                        report.result.expect("it is read").into_value()["attachments"][0]["text"],
                        "hello"
                    );
                    false
                }
                Decision::Free(guest, wish) => {
                    attempt.limits.host_calls = 10;
                    let failure = fixture.run(guest, wish, attempt).await.result.expect_err("it never ends");
                    assert_eq!(failure.code, ErrorCode::HostCallLimit, "{function}: {failure:?}");
                    false
                }
            };
            let recorded = !ports.denials().is_empty();
            assert_eq!(denied, recorded, "{function} with {column}: a denial and its record go together");
            let _ = write!(matrix, " {column} {}", if denied { "denied" } else { "allowed" });
            matrix.push(if column == AUTHORITIES[AUTHORITIES.len() - 1].0 { '\n' } else { ',' });
        }
    }
    insta::assert_snapshot!(matrix);
}

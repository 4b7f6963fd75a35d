//! What one attempt costs, without storage and HTTP: a fresh instance, its run and its report. What must hold: it measures
//! what the dispatcher does, so the component is prepared and the slot reserved before the clock starts.
//!
//! `cargo xtask guests && cargo bench -p factotum-host --bench invoke [-- guest…]`; with `--json`, a line of JSON for each figure, as
//! `cargo xtask bench` reads it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench ends at the first fault and prints its figures"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use factotum_host::{
    ChildCall, ChildEnd, ChildError, Host, HostConfig, Interrupt, Invocation, KvEntry, MailCall, MailError,
    PortError, Ports, StopReason,
};
use factotum_model::run::RunContext;
use factotum_model::workflow::Limits;
use factotum_model::{
    AccountId, AccountKind, Action, Authority, Event, EventId, EventInput, Grants, Initiator, InitiatorKind,
    Principal, RunId, Timestamp,
};

/// Attempts per guest, after as many to warm up as [`WARM_UP`] says.
const ATTEMPTS: usize = 20_000;
const WARM_UP: usize = 500;

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let guests =
        if named.is_empty() { ["hello", "echo", "word-count"].map(str::to_owned).to_vec() } else { named };
    let folder = tempfile::tempdir().unwrap();
    let host = Host::new(HostConfig::new(folder.path().join("cache"))).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let json = std::env::args().any(|a| a == "--json");
    for guest in guests {
        let (whole, instantiation) = runtime.block_on(measure(&host, &guest));
        show(json, &format!("{guest}: instantiation"), instantiation);
        show(json, &format!("{guest}: attempt as a whole"), whole);
    }
    authorized(json);
}

fn show(json: bool, name: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1e3;
    let rate = took.len() as f64 / took.iter().sum::<Duration>().as_secs_f64();
    if json {
        let figures = serde_json::json!({"p50_us": at(0.5), "p99_us": at(0.99), "per_second": rate});
        println!("{}", serde_json::json!({"name": name, "figures": figures}));
    } else {
        println!("{name}: p50 {} µs, p99 {} µs; {rate:.0}/s one after the other", at(0.5), at(0.99));
    }
}

/// What each host call and request pays for the one decision: an authority of twenty grants, the one that matters the last.
fn authorized(json: bool) {
    let names: Vec<String> = (0..19).map(|n| format!("http:request:host-{n:02}.example.com")).collect();
    let texts: Vec<&str> = names.iter().map(String::as_str).chain(["kv:write:orders"]).collect();
    let authority = Authority::of(Grants::parse(&texts).unwrap());
    const CHECKS: u32 = 1_000;
    let took = (0..1_000).map(|_| {
        let began = Instant::now();
        for _ in 0..CHECKS {
            let asked = std::hint::black_box((&authority, Some("orders")));
            factotum_model::authorize(asked.0, Action::KV_WRITE, asked.1).unwrap();
        }
        began.elapsed() / CHECKS
    });
    show(json, "permission check, twenty grants", took.collect());
}

async fn measure(host: &Host, guest: &str) -> (Vec<Duration>, Vec<Duration>) {
    let path = format!("{}/../../target/guests/{guest}.wasm", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).expect("run `cargo xtask guests` first");
    let digest = host.inspect(bytes.clone()).await.unwrap().digest;
    let prepared = host.prepare(digest, async { Ok::<_, std::io::Error>(bytes) }).await.unwrap();
    let (mut took, mut instantiations) = (Vec::with_capacity(ATTEMPTS), Vec::with_capacity(ATTEMPTS));
    let invocation = invocation();
    for attempt in 0..WARM_UP + ATTEMPTS {
        let slot = host.reserve().await;
        let invocation = invocation.clone();
        let began = Instant::now();
        let report = host.invoke(&prepared, slot, invocation).await;
        let elapsed = began.elapsed();
        assert!(report.result.is_ok(), "{:?}", report.result);
        if attempt >= WARM_UP {
            took.push(elapsed);
            instantiations.push(report.instantiation);
        }
    }
    (took, instantiations)
}

fn invocation() -> Invocation {
    let at = Timestamp::from_micros(0);
    Invocation {
        run: RunContext {
            id: RunId::from_parts(at, [1; 10]),
            attempt: 1,
            workflow: "bench".to_owned(),
            principal: Principal {
                id: AccountId::from_parts(at, [2; 10]),
                kind: AccountKind::Base,
                name: "Service Account".to_owned(),
            },
            initiator: Initiator { kind: InitiatorKind::Api, id: None },
        },
        event: Arc::new(Event {
            id: EventId::from_parts(at, [3; 10]),
            received_at: at,
            input: EventInput::Call,
            payload: br#"{"order": 7, "text": "one two three"}"#.to_vec(),
        }),
        config: Arc::new(serde_json::json!({})),
        authority: Authority::of(Grants::none()),
        limits: Limits::default(),
        ports: Arc::new(Nothing),
        interrupt: Interrupt::default(),
        live: factotum_host::LiveLog::default(),
    }
}

/// Ports of a run without grants: nothing reaches them.
struct Nothing;

#[async_trait]
impl Ports for Nothing {
    async fn kv_get(&self, _: &str, _: &str) -> Result<Option<KvEntry>, PortError> {
        Err(PortError("no store".to_owned()))
    }

    async fn kv_set(&self, _: &str, _: &str, _: Vec<u8>, _: Option<u64>) -> Result<(), PortError> {
        Err(PortError("no store".to_owned()))
    }

    async fn kv_swap(
        &self,
        _: &str,
        _: &str,
        _: u64,
        _: Vec<u8>,
        _: Option<u64>,
    ) -> Result<Option<u64>, PortError> {
        Err(PortError("no store".to_owned()))
    }

    async fn kv_delete(&self, _: &str, _: &str) -> Result<bool, PortError> {
        Err(PortError("no store".to_owned()))
    }

    async fn kv_list(&self, _: &str, _: &str, _: Option<&str>, _: u32) -> Result<Vec<String>, PortError> {
        Err(PortError("no store".to_owned()))
    }

    async fn start_child(&self, _: ChildCall) -> Result<RunId, ChildError> {
        Err(ChildError::NotFound("no workflow".to_owned()))
    }

    async fn child_ended(&self, _: RunId) -> Result<Option<ChildEnd>, ChildError> {
        Err(ChildError::NotFound("no child".to_owned()))
    }

    async fn child_end(&self, _: RunId) -> Result<ChildEnd, ChildError> {
        Err(ChildError::NotFound("no child".to_owned()))
    }

    async fn send_mail(&self, _: MailCall) -> Result<String, MailError> {
        Err(MailError::Unavailable("no relay".to_owned()))
    }

    async fn http_begins(
        &self,
        _: &factotum_host::HttpCall,
    ) -> Result<Option<factotum_model::AuditId>, PortError> {
        Ok(None)
    }

    async fn http_ended(
        &self,
        _: &factotum_host::HttpCall,
        _: factotum_model::AuditId,
        _: Result<factotum_host::HttpAnswer, String>,
    ) {
    }

    async fn denied(&self, _: Action, _: Option<&str>, _: &str) {}

    fn alive(&self) -> Result<(), StopReason> {
        Ok(())
    }
}

//! What the tests share: a host with a cache of its own, guests by name, and ports that keep what they were asked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use factotum_host::{
    ChildCall, ChildEnd, ChildError, Host, HostConfig, Interrupt, Invocation, KvEntry, MailCall, MailError,
    PortError, Ports, Prepared, Report, StopReason,
};
use factotum_model::run::RunContext;
use factotum_model::workflow::Limits;
use factotum_model::{
    AccountId, AccountKind, Action, Authority, Event, EventId, EventInput, Grants, Initiator, InitiatorKind,
    Principal, RunId, Timestamp,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;

/// A host whose cache folder is removed with it.
pub struct Fixture {
    pub host: Host,
    pub dir: TempDir,
}

impl Fixture {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut HostConfig)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut config = HostConfig::new(dir.path().join("cache"));
        config.max_instances = 8;
        change(&mut config);
        Self { host: Host::new(config).expect("a host"), dir }
    }

    /// Uploads and prepares these bytes.
    pub async fn prepared(&self, bytes: Vec<u8>) -> Arc<Prepared> {
        let digest = self.host.inspect(bytes.clone()).await.expect("accepted").digest;
        self.host.prepare(digest, async { Ok::<_, std::io::Error>(bytes) }).await.expect("prepared")
    }

    /// Runs a guest of `target/guests` with a call.
    pub async fn run(&self, name: &str, payload: Value, attempt: Attempt) -> Report {
        let prepared = self.prepared(guest(name)).await;
        self.invoke(&prepared, payload, attempt).await
    }

    /// Runs a component written as text.
    pub async fn run_wat(&self, wat: &str, attempt: Attempt) -> Report {
        let prepared = self.prepared(wat::parse_str(wat).expect("valid text")).await;
        self.invoke(&prepared, Value::Null, attempt).await
    }

    pub async fn invoke(&self, prepared: &Prepared, payload: Value, attempt: Attempt) -> Report {
        let slot = self.host.reserve().await;
        self.host.invoke(prepared, slot, attempt.invocation(payload)).await
    }
}

/// What `cargo xtask guests` made.
pub fn guest(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../target/guests/{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; run `cargo xtask guests` first", path.display()))
}

/// The parts of an invocation that tests vary.
#[derive(Clone)]
pub struct Attempt {
    pub limits: Limits,
    pub grants: &'static [&'static str],
    pub ports: Arc<TestPorts>,
    pub interrupt: Interrupt,
    pub config: Value,
    pub input: EventInput,
    /// Instead of the call's payload.
    pub raw: Option<Vec<u8>>,
}

impl Default for Attempt {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            grants: &[],
            ports: Arc::default(),
            interrupt: Interrupt::default(),
            config: json!({}),
            input: EventInput::Call,
            raw: None,
        }
    }
}

impl Attempt {
    pub fn limited(change: impl FnOnce(&mut Limits)) -> Self {
        let mut attempt = Self::default();
        change(&mut attempt.limits);
        attempt
    }

    pub fn granted(grants: &'static [&'static str]) -> Self {
        Self { grants, ..Self::default() }
    }

    pub fn invocation(self, payload: Value) -> Invocation {
        let received_at = Timestamp::from_micros(0);
        Invocation {
            run: RunContext {
                id: RunId::from_parts(received_at, [1; 10]),
                attempt: 1,
                workflow: "orders".to_owned(),
                principal: Principal {
                    id: AccountId::from_parts(received_at, [2; 10]),
                    kind: AccountKind::Base,
                    name: "Service Account".to_owned(),
                },
                initiator: Initiator { kind: InitiatorKind::Api, id: Some("key_1".to_owned()) },
            },
            event: Arc::new(Event {
                id: EventId::from_parts(received_at, [3; 10]),
                received_at,
                input: self.input,
                payload: self.raw.unwrap_or_else(|| payload.to_string().into_bytes()),
            }),
            config: Arc::new(self.config),
            authority: Authority::of(Grants::parse(self.grants).expect("valid grants")),
            limits: self.limits,
            ports: self.ports,
            interrupt: self.interrupt,
            live: factotum_host::LiveLog::default(),
        }
    }
}

/// The nth child of a run, from 0.
pub fn child(n: usize) -> RunId {
    RunId::from_parts(Timestamp::from_micros(0), [u8::try_from(n).expect("few children") + 100; 10])
}

/// Stores in memory, a list of denials, and a count of how often the run was asked about.
#[derive(Default)]
pub struct TestPorts {
    pub stores: Mutex<BTreeMap<(String, String), KvEntry>>,
    pub denied: Mutex<Vec<String>>,
    pub stop: Mutex<Option<StopReason>>,
    /// The children that were started, in order; the nth has the id [`child`]`(n)`, from 0.
    pub children: Mutex<Vec<ChildCall>>,
    /// The mails that were sent, in order.
    pub mails: Mutex<Vec<MailCall>>,
    /// How children end, by their workflow; not at all if it is not here.
    pub ends: Mutex<BTreeMap<String, ChildEnd>>,
    ended: Notify,
    waits: Mutex<u64>,
    waiting: Notify,
    asked: Mutex<u64>,
    asking: Notify,
}

impl TestPorts {
    /// Waits until the run was looked at so often: the guest is running.
    pub async fn asked(&self, times: u64) {
        loop {
            let next = self.asking.notified();
            if *self.asked.lock().unwrap() >= times {
                return;
            }
            next.await;
        }
    }

    /// Waits until guests have begun so many waits for a child.
    pub async fn waited(&self, times: u64) {
        loop {
            let next = self.waiting.notified();
            if *self.waits.lock().unwrap() >= times {
                return;
            }
            next.await;
        }
    }

    /// Ends the children of a workflow, now and later.
    pub fn finish(&self, workflow: &str, end: ChildEnd) {
        self.ends.lock().unwrap().insert(workflow.to_owned(), end);
        self.ended.notify_waiters();
    }

    pub fn denials(&self) -> Vec<String> {
        self.denied.lock().unwrap().clone()
    }
}

#[async_trait]
impl Ports for TestPorts {
    async fn kv_get(&self, store: &str, key: &str) -> Result<Option<KvEntry>, PortError> {
        if key == "unavailable" {
            return Err(PortError("the store is away".to_owned()));
        }
        Ok(self.stores.lock().unwrap().get(&(store.to_owned(), key.to_owned())).cloned())
    }

    async fn kv_set(&self, store: &str, key: &str, value: Vec<u8>, _: Option<u64>) -> Result<(), PortError> {
        let mut stores = self.stores.lock().unwrap();
        let entry =
            stores.entry((store.to_owned(), key.to_owned())).or_insert(KvEntry { value: vec![], version: 0 });
        *entry = KvEntry { value, version: entry.version + 1 };
        Ok(())
    }

    async fn kv_swap(
        &self,
        store: &str,
        key: &str,
        expected: u64,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Result<Option<u64>, PortError> {
        let found = self.kv_get(store, key).await?.map_or(0, |entry| entry.version);
        if found != expected {
            return Ok(None);
        }
        self.kv_set(store, key, value, ttl_ms).await?;
        Ok(Some(expected + 1))
    }

    async fn kv_delete(&self, store: &str, key: &str) -> Result<bool, PortError> {
        Ok(self.stores.lock().unwrap().remove(&(store.to_owned(), key.to_owned())).is_some())
    }

    async fn kv_list(
        &self,
        store: &str,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, PortError> {
        let stores = self.stores.lock().unwrap();
        let keys = stores.keys().filter(|(s, k)| s == store && k.starts_with(prefix)).map(|(_, k)| k.clone());
        Ok(keys.filter(|k| after.is_none_or(|after| k.as_str() > after)).take(limit as usize).collect())
    }

    async fn start_child(&self, call: ChildCall) -> Result<RunId, ChildError> {
        let why = format!("as the test has it: {}", call.workflow);
        match call.workflow.as_str() {
            "nowhere" => return Err(ChildError::NotFound(why)),
            "too-deep" => return Err(ChildError::TooDeep(why)),
            "too-many" => return Err(ChildError::TooMany(why)),
            "other-call" => return Err(ChildError::Changed(why)),
            "lost-grant" => return Err(ChildError::Denied(why)),
            "away" => return Err(ChildError::Unavailable(why)),
            _ => {}
        }
        let mut children = self.children.lock().unwrap();
        children.push(call);
        Ok(child(children.len() - 1))
    }

    async fn send_mail(&self, call: MailCall) -> Result<String, MailError> {
        match call.mail.subject.as_str() {
            "refused" => return Err(MailError::Refused("as the test has it".to_owned())),
            "away" => return Err(MailError::Unavailable("as the test has it".to_owned())),
            _ => {}
        }
        let mut mails = self.mails.lock().unwrap();
        mails.push(call);
        Ok(format!("<{}@test>", mails.len()))
    }

    async fn child_ended(&self, run: RunId) -> Result<Option<ChildEnd>, ChildError> {
        let children = self.children.lock().unwrap();
        let found = (0..children.len()).find(|n| child(*n) == run);
        let Some(n) = found else { return Err(ChildError::NotFound(run.to_string())) };
        Ok(self.ends.lock().unwrap().get(&children[n].workflow).cloned())
    }

    async fn child_end(&self, run: RunId) -> Result<ChildEnd, ChildError> {
        *self.waits.lock().unwrap() += 1;
        self.waiting.notify_waiters();
        loop {
            let next = self.ended.notified();
            if let Some(end) = self.child_ended(run).await? {
                return Ok(end);
            }
            next.await;
        }
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

    async fn denied(&self, action: Action, name: Option<&str>, reason: &str) {
        // As a database would: not at once.
        tokio::task::yield_now().await;
        self.denied.lock().unwrap().push(format!("{action} {} {reason}", name.unwrap_or("-")));
    }

    fn alive(&self) -> Result<(), StopReason> {
        *self.asked.lock().unwrap() += 1;
        self.asking.notify_waiters();
        self.stop.lock().unwrap().map_or(Ok(()), Err)
    }
}

//! Deploying guests: the steps that every test begins with, as methods of [`Api`]. What must hold: they go through the API like
//! anybody, and panic with the server's answer when it says no.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::api::Api;
use crate::wait::wait_within;

/// How long a run may take to end.
const RUN_PATIENCE: Duration = Duration::from_secs(90);

/// The built guest's file: `target/guests/NAME.wasm`, made by `cargo xtask guests`.
pub fn path(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    own.ancestors()
        .map(|folder| folder.join("guests").join(format!("{name}.wasm")))
        .find(|path| path.is_file())
        .with_context(|| format!("the guest `{name}` is not built: run `cargo xtask guests`"))
}

/// The built guest's bytes.
pub fn wasm(name: &str) -> anyhow::Result<Vec<u8>> {
    let path = path(name)?;
    std::fs::read(&path).with_context(|| path.display().to_string())
}

impl Api {
    /// Uploads a guest as plugin `NAME@1.0.0` and makes the workflow `NAME` of it, with these grants.
    #[track_caller]
    pub fn deploy(&self, name: &str, grants: &[&str]) -> Value {
        self.deploy_with(name, &json!({"grants": grants}))
    }

    /// As [`deploy`](Self::deploy), with any fields of a workflow but `plugin`.
    #[track_caller]
    pub fn deploy_with(&self, name: &str, fields: &Value) -> Value {
        self.upload(name);
        self.workflow(name, name, fields)
    }

    /// Uploads a guest as plugin `NAME@1.0.0`.
    #[track_caller]
    pub fn upload(&self, name: &str) -> Value {
        let wasm = match wasm(name) {
            Ok(wasm) => wasm,
            Err(e) => panic!("{e:#}"),
        };
        let answer =
            self.post_bytes(&format!("/api/v1/plugins?name={name}&version=1.0.0"), "application/wasm", &wasm);
        assert!(matches!(answer.status, 200 | 201), "upload of {name}: {} {}", answer.status, answer.text());
        answer.json()
    }

    /// Makes or changes the workflow `name` of the plugin `PLUGIN@1.0.0`.
    #[track_caller]
    pub fn workflow(&self, name: &str, plugin: &str, fields: &Value) -> Value {
        let mut spec = json!({"plugin": format!("{plugin}@1.0.0")});
        if let (Some(spec), Some(fields)) = (spec.as_object_mut(), fields.as_object()) {
            spec.extend(fields.clone());
        }
        let answer = self.put(&format!("/api/v1/workflows/{name}"), &spec);
        assert!(matches!(answer.status, 200 | 201), "workflow {name}: {} {}", answer.status, answer.text());
        answer.json()
    }

    /// Makes a trigger.
    #[track_caller]
    pub fn trigger(&self, workflow: &str, kind: &str, config: &Value) -> Value {
        let body = json!({"workflow": workflow, "kind": kind, "config": config});
        self.post("/api/v1/triggers", &body).expect(201)
    }

    /// Makes a webhook trigger; the answer is the path of its URL under this server.
    #[track_caller]
    pub fn webhook(&self, workflow: &str, config: &Value) -> String {
        let trigger = self.trigger(workflow, "webhook", config);
        let url = trigger["url"].as_str().unwrap_or_default();
        match url.find("/hooks/") {
            Some(start) => url[start..].to_owned(),
            None => panic!("a webhook trigger has a URL: {trigger}"),
        }
    }

    /// Starts a run and waits for its end, or as long as the server lets a caller wait.
    #[track_caller]
    pub fn run(&self, workflow: &str, payload: &Value) -> Value {
        let run = self.begin(workflow, payload);
        self.wait_end(run["id"].as_str().unwrap_or_default())
    }

    /// Starts a run and does not wait.
    #[track_caller]
    pub fn begin(&self, workflow: &str, payload: &Value) -> Value {
        let answer = self.post(&format!("/api/v1/workflows/{workflow}/runs"), payload);
        assert!(matches!(answer.status, 200 | 202), "run of {workflow}: {} {}", answer.status, answer.text());
        answer.json()["run"].clone()
    }

    /// The run object.
    #[track_caller]
    pub fn run_object(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/runs/{id}")).expect(200)
    }

    /// Waits until the run has a state of these.
    #[track_caller]
    pub fn wait_state(&self, id: &str, states: &[&str]) -> Value {
        wait_within(RUN_PATIENCE, &format!("run {id} to be {states:?}"), || {
            let run = self.run_object(id);
            states.contains(&run["state"].as_str().unwrap_or_default()).then_some(run)
        })
    }

    /// Waits until the run has ended, whatever came of it.
    #[track_caller]
    pub fn wait_end(&self, id: &str) -> Value {
        self.wait_state(id, &["succeeded", "failed", "dead", "cancelled"])
    }

    /// A key with these grants: its secret and the whole answer.
    #[track_caller]
    pub fn mint(&self, nickname: &str, grants: &[&str]) -> (String, Value) {
        let made =
            self.post("/api/v1/api-keys", &json!({"nickname": nickname, "grants": grants})).expect(201);
        (made["secret"].as_str().unwrap_or_default().to_owned(), made)
    }

    /// The audit entries that match a query such as `outcome=denied`.
    #[track_caller]
    pub fn audit(&self, query: &str) -> Vec<Value> {
        self.all(&format!("/api/v1/audit?{query}"))
    }
}

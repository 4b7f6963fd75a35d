//! What was acknowledged against what was done: the check behind "nothing is lost, nothing is done twice". What must hold: it reads
//! runs, events and audit entries through the API only, as a user would.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use factotum_tests::load::Delivery;
use factotum_tests::{Api, wait_within};
use serde_json::Value;

/// How long the backlog of a load may take to drain in a debug build.
const DRAIN_PATIENCE: Duration = Duration::from_mins(5);

/// The run ids of the deliveries that were acknowledged, by delivery.
pub fn acknowledged(deliveries: &[Delivery]) -> BTreeMap<usize, String> {
    deliveries
        .iter()
        .filter(|d| d.acknowledged())
        .map(|d| {
            let body: Value = serde_json::from_str(&d.body).unwrap_or(Value::Null);
            let run =
                body["run"].as_str().unwrap_or_else(|| panic!("an acknowledgement names its run: {d:?}"));
            (d.number, run.to_owned())
        })
        .collect()
}

/// Waits until every run of the workflow has ended, and returns them by id.
pub fn drained(api: &Api, workflow: &str) -> BTreeMap<String, Value> {
    let runs = wait_within(DRAIN_PATIENCE, "every run to end", || {
        let open = ["queued", "running", "waiting"].iter().any(|state| {
            let path = format!("/api/v1/runs?workflow={workflow}&state={state}&limit=1");
            // A node that was killed does not answer: look again.
            api.send("GET", &path, &[], &[]).map_or(true, |a| {
                a.status != 200 || a.json()["items"].as_array().is_none_or(|i| !i.is_empty())
            })
        });
        if open {
            return None;
        }
        // A run that went from running back to queued between two of those looks was in neither: only a look at each run tells.
        let runs = api.all(&format!("/api/v1/runs?workflow={workflow}"));
        let ended = |run: &Value| {
            matches!(run["state"].as_str(), Some("succeeded" | "failed" | "dead" | "cancelled"))
        };
        runs.iter().all(ended).then_some(runs)
    });
    let count = runs.len();
    let by_id: BTreeMap<_, _> = runs.into_iter().map(|run| (text(&run["id"]), run)).collect();
    assert_eq!(by_id.len(), count, "a run is listed once");
    by_id
}

/// Checks that each acknowledged delivery has one succeeded run of its own, under the base account, with an event of its own.
pub fn check_runs(acknowledged: &BTreeMap<usize, String>, runs: &BTreeMap<String, Value>) {
    let distinct: BTreeSet<_> = acknowledged.values().collect();
    assert_eq!(
        distinct.len(),
        acknowledged.len(),
        "deliveries with keys of their own have runs of their own"
    );
    for (number, id) in acknowledged {
        let Some(run) = runs.get(id) else {
            panic!("delivery {number} was acknowledged and its run {id} is lost")
        };
        assert_eq!(run["state"], "succeeded", "{run}");
        assert_eq!(run["principal"]["kind"], "base", "{run}");
        assert_eq!(run["principal"]["name"], "Service Account", "{run}");
        assert_eq!(run["initiator"]["kind"], "webhook", "{run}");
    }
    let events: BTreeSet<_> = runs.values().map(|run| text(&run["event"])).collect();
    assert_eq!(events.len(), runs.len(), "each run has an event of its own");
}

/// Checks that each run was accepted once and finished once, as the audit trail has it.
pub fn check_audit(api: &Api, trigger: &str, runs: &BTreeMap<String, Value>) {
    let (mut accepts, mut ends) = (BTreeMap::<String, u32>::new(), BTreeMap::<String, u32>::new());
    let mut entries = api.audit(&format!("trigger={trigger}&action=event.accept"));
    let accepted = entries.len();
    entries.extend(api.audit("action=run.succeed"));
    for (at, entry) in entries.iter().enumerate() {
        assert_eq!(entry["actor"]["kind"], "base", "{entry}");
        assert_eq!(entry["actor"]["name"], "Service Account", "{entry}");
        assert_eq!(entry["outcome"], "ok", "{entry}");
        let book = if at < accepted { &mut accepts } else { &mut ends };
        *book.entry(text(&entry["run_id"])).or_default() += 1;
    }
    for id in runs.keys() {
        assert_eq!(accepts.get(id), Some(&1), "run {id} is accepted once in the audit trail");
        assert_eq!(ends.get(id), Some(&1), "run {id} is finished once in the audit trail");
    }
    assert_eq!(accepts.len(), runs.len(), "nothing is in the audit trail that is no run");
}

/// A JSON value's text, or the whole as text; an object's `id`.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(object) if object.contains_key("id") => text(&object["id"]),
        other => other.to_string(),
    }
}

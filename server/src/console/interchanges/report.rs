//! An interchange's report, for a page: its sets with their runs, and what is wrong.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::view::harmless;

/// How many sets are shown.
const MAX_SETS: usize = 200;
/// How many findings are shown.
const MAX_FINDINGS: usize = 200;

/// A set.
pub(super) struct SetView {
    pub(super) group: String,
    pub(super) id: String,
    pub(super) control: String,
    pub(super) version: String,
    pub(super) segments: u64,
    pub(super) offset: u64,
    pub(super) accepted: bool,
    pub(super) runs: Vec<String>,
}

/// What is wrong, and where.
pub(super) struct FindingView {
    pub(super) offset: u64,
    pub(super) place: String,
    pub(super) code: String,
    pub(super) message: String,
    /// Whether it is told for information alone.
    pub(super) note: bool,
}

fn text(value: &Value) -> String {
    harmless::shown(value.as_str().unwrap_or_default()).into_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn is_error(finding: &Value) -> bool {
    finding["severity"] == "error"
}

/// The sets, and how many more there are.
pub(super) fn sets(report: &Value) -> (Vec<SetView>, usize) {
    let mut runs: HashMap<(u64, u64), Vec<String>> = HashMap::new();
    for run in list(&report["runs"]) {
        for place in list(&run["sets"]) {
            let at = (place[0].as_u64().unwrap_or_default(), place[1].as_u64().unwrap_or_default());
            runs.entry(at).or_default().extend(run["run"].as_str().map(ToOwned::to_owned));
        }
    }
    let interchange = &report["interchange"];
    let envelope_is_sound = !list(&interchange["findings"]).any(is_error);
    let mut all = Vec::new();
    let mut count = 0;
    for (group_at, group) in (0..).zip(list(&interchange["groups"])) {
        let group_is_sound = envelope_is_sound && !list(&group["findings"]).any(is_error);
        for (set_at, set) in (0..).zip(list(&group["sets"])) {
            count += 1;
            if all.len() == MAX_SETS {
                continue;
            }
            all.push(SetView {
                group: format!("{} {}", text(&group["functional"]), text(&group["control"])),
                id: text(&set["id"]),
                control: text(&set["control"]),
                version: text(&set["version"]),
                segments: set["segments"].as_u64().unwrap_or_default(),
                offset: set["range"]["start"].as_u64().unwrap_or_default(),
                accepted: group_is_sound && !list(&set["findings"]).any(is_error),
                runs: runs.remove(&(group_at, set_at)).unwrap_or_default(),
            });
        }
    }
    let left = count - all.len();
    (all, left)
}

/// What is wrong, by its place, and how much more there is.
pub(super) fn findings(report: &Value) -> (Vec<FindingView>, usize) {
    let interchange = &report["interchange"];
    let groups = || list(&interchange["groups"]);
    let of_groups = groups().flat_map(|group| list(&group["findings"]));
    let of_sets = groups().flat_map(|group| list(&group["sets"]).flat_map(|set| list(&set["findings"])));
    let all = list(&interchange["findings"]).chain(of_groups).chain(of_sets);
    let mut all: Vec<FindingView> = all.map(finding).collect();
    all.sort_by_key(|finding| finding.offset);
    let left = all.len().saturating_sub(MAX_FINDINGS);
    all.truncate(MAX_FINDINGS);
    (all, left)
}

fn finding(value: &Value) -> FindingView {
    let mut place = text(&value["tag"]);
    let numbers = ["element", "repetition", "component"];
    for (name, number) in numbers.iter().filter_map(|name| Some((name, value[*name].as_u64()?))) {
        // Writing to a string does not fail.
        let _ = write!(place, ", {name} {number}");
    }
    FindingView {
        offset: value["offset"].as_u64().unwrap_or_default(),
        place,
        code: text(&value["code"]),
        message: text(&value["message"]),
        note: !is_error(value),
    }
}

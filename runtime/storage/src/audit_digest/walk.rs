//! One walk over sealed entries: what there is to count in them. What must hold: nothing here writes; a run is told by its own row, and by the one entry of
//! its end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use factotum_model::{OrgId, RunId, RunState, Timestamp, TriggerId, WorkflowId};
use uuid::Uuid;

use crate::audit_intents::SUFFIX;
use crate::connection::{Row, Tx};
use crate::error::StorageError;
use crate::workflow_failures;

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub run: RunId,
    pub workflow: WorkflowId,
    pub trigger: Option<TriggerId>,
    pub state: RunState,
    pub at: Timestamp,
    /// From its acceptance to its end.
    pub took: Duration,
}

impl End {
    /// What it says of its workflow.
    pub fn of_workflow(&self) -> workflow_failures::End {
        workflow_failures::End { run: self.run, workflow: self.workflow, state: self.state, at: self.at }
    }
}

/// What an intent is named by: noun and first target.
pub(super) type Intent = (String, String);

/// What came of a walk.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// In the order in which they were sealed.
    pub ends: Vec<End>,
    /// Intents that have no outcome among what was walked over.
    pub opened: BTreeMap<Intent, Timestamp>,
    /// Outcomes of intents that were there before.
    pub closed: BTreeSet<Intent>,
    /// The index after the last leaf.
    pub next: u64,
}

impl Walked {
    /// Whether there is nothing to write but the cursor.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.opened.is_empty() && self.closed.is_empty()
    }

    /// Takes note of an entry that is an intent, or could be the outcome of one.
    fn note(&mut self, action: &str, target: Option<String>, at: Timestamp) {
        let (Some((noun, verb)), Some(target)) = (action.split_once('.'), target) else { return };
        let intent = (noun.to_owned(), target);
        if verb == &SUFFIX[1..] {
            self.closed.remove(&intent);
            self.opened.insert(intent, at);
        } else if self.opened.remove(&intent).is_none() && WITH_INTENTS.contains(&noun) {
            self.closed.insert(intent);
        }
    }
}

/// The nouns that have intents: what else happens closes none.
const WITH_INTENTS: [&str; 3] = ["http", "mail", "notice"];

/// Walks over the leaves from an index on, at most `limit`.
pub(super) async fn walk(tx: &mut Tx, org: OrgId, from: u64, limit: u32) -> Result<Walked, StorageError> {
    let rows = tx
        .query(
            "SELECT l.leaf_index, e.at, e.action, e.outcome, e.target_id, e.trigger_id, r.id, r.workflow_id, r.state, r.created_at, r.finished_at FROM \
             (SELECT entry_id, leaf_index FROM audit_leaves WHERE org_id = $1 AND leaf_index >= $2 ORDER BY leaf_index LIMIT $3) AS l \
             LEFT JOIN audit_entries e ON e.org_id = $1 AND e.id = l.entry_id \
             LEFT JOIN runs r ON r.id = e.run_id AND e.action IN ('run.succeed', 'run.fail', 'run.dead', 'run.cancel') \
             ORDER BY l.leaf_index",
        )
        .bind(org.0)
        .bind(from as i64)
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    let mut walked = Walked { next: from, ..Walked::default() };
    for row in &rows {
        walked.next = row.get::<i64>(0)? as u64 + 1;
        // Retention may have removed the entry.
        let Some(action) = row.get::<Option<String>>(2)? else { continue };
        walked.note(&action, row.get(4)?, row.time(1)?);
        if let Some(end) = end(row, &action)? {
            walked.ends.push(end);
        }
    }
    Ok(walked)
}

fn end(row: &Row, action: &str) -> Result<Option<End>, StorageError> {
    let (Some(run), Some(workflow)) = (row.get::<Option<Uuid>>(6)?, row.get::<Option<Uuid>>(7)?) else {
        return Ok(None);
    };
    let outcome: String = row.get(3)?;
    // A cancellation that was refused, or that failed, ended nothing.
    if action == "run.cancel" && outcome != "ok" {
        return Ok(None);
    }
    let state: String = row.get(8)?;
    let state = RunState::from_word(&state).ok_or_else(|| StorageError::damaged("runs.state", state))?;
    let (created, Some(at)) = (row.time(9)?, row.maybe_time(10)?) else { return Ok(None) };
    let trigger = row.get::<Option<Uuid>>(5)?.map(TriggerId);
    Ok(Some(End {
        run: RunId(run),
        workflow: WorkflowId(workflow),
        trigger,
        state,
        at,
        took: at.since(created),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_is_open_until_its_outcome() {
        let at = Timestamp::from_micros(1);
        let mut walked = Walked::default();
        let note = |walked: &mut Walked, action: &str, target: &str| {
            walked.note(action, Some(target.to_owned()), at);
        };
        note(&mut walked, "http.intent", "a");
        note(&mut walked, "http.intent", "b");
        note(&mut walked, "http.request", "a");
        note(&mut walked, "http.request", "of another walk");
        note(&mut walked, "run.succeed", "b");
        assert_eq!(walked.opened.keys().collect::<Vec<_>>(), [&("http".to_owned(), "b".to_owned())]);
        assert_eq!(
            walked.closed.iter().collect::<Vec<_>>(),
            [&("http".to_owned(), "of another walk".to_owned())]
        );
    }
}

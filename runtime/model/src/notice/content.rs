//! What a notice says. What must hold: it is bounded; a workflow stands in it once, as it was last.

use serde::{Deserialize, Serialize};

use crate::{RunId, Timestamp, WorkflowId};

/// How many workflows a notice names of each kind; of the others it says how many they are.
pub const MAX_ITEMS: usize = 100;
/// How much of a run's message it repeats, in characters.
const MAX_MESSAGE_CHARS: usize = 300;

/// A workflow that is told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Which.
    pub workflow_id: WorkflowId,
    /// Its name.
    pub workflow: String,
    /// Since when it fails, or failed.
    pub since: Timestamp,
    /// How many of its runs failed since.
    pub failures: u64,
    /// The run that failed last; of one that works again, the run that succeeded.
    pub run: RunId,
    /// When that run ended.
    pub at: Timestamp,
    /// The run's error: its code and what it said.
    pub error: Option<(String, String)>,
}

/// What a notice says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Workflows that have begun to fail.
    pub failing: Vec<Item>,
    /// Workflows that go on failing.
    pub still_failing: Vec<Item>,
    /// Workflows that work again.
    pub recovered: Vec<Item>,
    /// How many workflows more there are than are named.
    pub more: u64,
    /// Whether somebody asked for it, to see whether it arrives.
    pub test: bool,
}

impl Content {
    /// How many workflows it tells of.
    pub fn count(&self) -> u64 {
        (self.failing.len() + self.still_failing.len() + self.recovered.len()) as u64 + self.more
    }

    /// The names of the workflows, each once.
    pub fn names(&self) -> Vec<&str> {
        let all = self.failing.iter().chain(&self.still_failing).chain(&self.recovered);
        all.map(|item| item.workflow.as_str()).collect()
    }

    /// Takes in what a later one says.
    pub fn merge(&mut self, later: Self) {
        let known: Vec<WorkflowId> = [&later.failing, &later.still_failing, &later.recovered]
            .into_iter()
            .flatten()
            .map(|item| item.workflow_id)
            .collect();
        // What was not told of is news, whatever it has become meanwhile.
        let news: Vec<WorkflowId> = self.failing.iter().map(|item| item.workflow_id).collect();
        for list in [&mut self.failing, &mut self.still_failing, &mut self.recovered] {
            list.retain(|item| !known.contains(&item.workflow_id));
        }
        let (still_new, still): (Vec<Item>, Vec<Item>) =
            later.still_failing.into_iter().partition(|item| news.contains(&item.workflow_id));
        self.failing.extend(later.failing);
        self.failing.extend(still_new);
        self.still_failing.extend(still);
        self.recovered.extend(later.recovered);
        self.more += later.more;
        self.bound();
    }

    /// Cuts off what is too much.
    pub fn bound(&mut self) {
        for list in [&mut self.failing, &mut self.still_failing, &mut self.recovered] {
            self.more += list.len().saturating_sub(MAX_ITEMS) as u64;
            list.truncate(MAX_ITEMS);
            for item in list {
                if let Some((_, message)) = &mut item.error
                    && let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE_CHARS)
                {
                    message.truncate(end);
                    message.push('…');
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(workflow_id: WorkflowId, name: &str) -> Item {
        Item {
            workflow_id,
            workflow: name.to_owned(),
            since: Timestamp::from_micros(1),
            failures: 1,
            run: RunId::random(),
            at: Timestamp::from_micros(2),
            error: Some(("failed".into(), "é".repeat(400))),
        }
    }

    #[test]
    fn a_workflow_stands_in_it_once_as_it_was_last() {
        let (a, b) = (WorkflowId::random(), WorkflowId::random());
        let mut first = Content { failing: vec![item(a, "a"), item(b, "b")], ..Content::default() };
        let later = Content {
            recovered: vec![item(a, "a")],
            still_failing: vec![item(b, "b")],
            more: 2,
            ..Content::default()
        };
        first.merge(later);
        assert_eq!(
            (first.failing.len(), first.failing[0].workflow.as_str()),
            (1, "b"),
            "it was never told of"
        );
        assert!(first.still_failing.is_empty() && first.recovered.len() == 1);
        assert_eq!(first.count(), 4);
    }

    #[test]
    fn it_is_bounded() {
        let many = (0..250).map(|n| item(WorkflowId::random(), &n.to_string())).collect();
        let mut content = Content { failing: many, ..Content::default() };
        content.bound();
        assert_eq!((content.failing.len(), content.more, content.count()), (MAX_ITEMS, 150, 250));
        let (_, message) = content.failing[0].error.clone().unwrap();
        assert_eq!(message.chars().count(), 301);
        content.bound();
        assert_eq!(content.failing[0].error.clone().unwrap().1, message, "once more changes nothing");
    }
}

//! What GitHub tells of an issue (webhook event `issues`), and the summary that is filed of it. What must hold: nothing but the fields named here is kept.

use serde::{Deserialize, Serialize};

/// The longest title that is kept, in characters.
const MAX_TITLE_CHARS: usize = 200;

/// A delivery's body, as far as it matters.
#[derive(Debug, Deserialize)]
pub struct Told {
    action: String,
    issue: Issue,
    repository: Repository,
}

#[derive(Debug, Deserialize)]
struct Issue {
    number: u64,
    title: String,
    state: String,
    html_url: String,
    /// RFC 3339 in UTC, so that texts compare as times do.
    updated_at: String,
    #[serde(default)]
    comments: u64,
    user: User,
    #[serde(default)]
    labels: Vec<Label>,
}

#[derive(Debug, Deserialize)]
struct User {
    login: String,
}

#[derive(Debug, Deserialize)]
struct Label {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Repository {
    full_name: String,
}

/// What is filed of an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Its title, shortened.
    pub title: String,
    /// `open` or `closed`.
    pub state: String,
    /// What happened last: `opened`, `labeled`, `closed` …
    pub last: String,
    /// Who opened it.
    pub opened_by: String,
    /// Its labels, in order.
    pub labels: Vec<String>,
    /// How many comments it has.
    pub comments: u64,
    /// Where it is.
    pub url: String,
    /// When it was last changed.
    pub updated_at: String,
}

impl Told {
    /// `issue/OWNER/NAME/NUMBER`
    pub fn key(&self) -> Result<String, String> {
        let name = &self.repository.full_name;
        let fine = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        match name.split_once('/') {
            Some((owner, own)) if fine(owner) && fine(own) => {
                Ok(format!("issue/{name}/{}", self.issue.number))
            }
            _ => Err(format!("`repository.full_name`: `{name}` is not OWNER/NAME")),
        }
    }

    /// What is filed.
    pub fn summary(self) -> Summary {
        let mut labels: Vec<String> = self.issue.labels.into_iter().map(|label| label.name).collect();
        labels.sort();
        Summary {
            title: self.issue.title.chars().take(MAX_TITLE_CHARS).collect(),
            state: self.issue.state,
            last: self.action,
            opened_by: self.issue.user.login,
            labels,
            comments: self.issue.comments,
            url: self.issue.html_url,
            updated_at: self.issue.updated_at,
        }
    }
}

impl Summary {
    /// Whether it says something newer: deliveries may come in another order than things happened.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.updated_at > other.updated_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(at: &str, name: &str) -> Told {
        let told = json!({
            "action": "labeled",
            "issue": {
                "number": 7, "title": "x".repeat(300), "state": "open", "html_url": "https://github.com/o/r/issues/7",
                "updated_at": at, "user": {"login": "ann", "id": 1}, "labels": [{"name": "ui"}, {"name": "bug"}], "body": "not kept",
            },
            "repository": {"full_name": name, "private": true}, "sender": {"login": "bob"},
        });
        serde_json::from_value(told).expect("what GitHub tells")
    }

    #[test]
    fn a_summary_keeps_what_is_named_and_no_more() {
        let told = told("2026-11-23T10:00:00Z", "o/r");
        assert_eq!(told.key().as_deref(), Ok("issue/o/r/7"));
        let summary = told.summary();
        assert_eq!(
            (summary.title.len(), summary.labels.as_slice()),
            (200, &["bug".to_owned(), "ui".to_owned()][..])
        );
        let text = serde_json::to_string(&summary).expect("it has a JSON form");
        assert!(!text.contains("not kept") && text.contains(r#""opened_by":"ann""#), "{text}");
    }

    #[test]
    fn the_newest_wins_whatever_comes_first() {
        let early = told("2026-11-23T10:00:00Z", "o/r").summary();
        let late = told("2026-11-23T10:00:01Z", "o/r").summary();
        assert!(late.is_newer_than(&early) && !early.is_newer_than(&late) && !early.is_newer_than(&early));
    }

    #[test]
    fn a_repository_that_is_none_is_named() {
        for name in ["", "o", "o/", "o/r/x", "../r", "o/r\n"] {
            let refused = told("2026-11-23T10:00:00Z", name).key();
            // Dots alone are a name at GitHub, and only a key here.
            assert_eq!(refused.is_ok(), name == "../r", "{name}");
        }
    }
}

//! What name servers did not answer lately. What must hold: the same question is not asked again for [`REMEMBERED`], however much mail asks it; the memory
//! is bounded.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// For how long a question is not asked again.
pub const REMEMBERED: Duration = Duration::from_secs(30);
/// How many questions are remembered.
const MAX_REMEMBERED: usize = 4_096;

/// What was not answered, and until when that counts.
#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<String, Instant>>);

impl Failures {
    pub fn is_recent(&self, question: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(question).is_some_and(|until| Instant::now() < *until)
    }

    pub fn add(&self, question: String) {
        let now = Instant::now();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_REMEMBERED {
            known.retain(|_, until| now < *until);
        }
        // A flood of names makes room for nothing: then each is asked for, within its time.
        if known.len() < MAX_REMEMBERED {
            known.insert(question, now + REMEMBERED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_remembered_for_a_while() {
        let failures = Failures::default();
        failures.add("spf example.com".to_owned());
        assert!(failures.is_recent("spf example.com") && !failures.is_recent("spf example.org"));
        tokio::time::advance(REMEMBERED).await;
        assert!(!failures.is_recent("spf example.com"));
        for n in 0..2 * MAX_REMEMBERED {
            failures.add(n.to_string());
        }
        assert_eq!(failures.0.lock().unwrap().len(), MAX_REMEMBERED);
    }
}

//! Waiting for a condition. What must hold: it returns as soon as the condition does, and never waits without end.

use std::time::{Duration, Instant};

/// How long [`wait_until`] waits: long enough for a debug build on two busy cores.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Waits until `condition` yields something, at most [`PATIENCE`]; `what` is told in the panic when it does not.
pub fn wait_until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_within(PATIENCE, what, condition)
}

/// As [`wait_until`], within a time of one's own.
pub fn wait_within<T>(limit: Duration, what: &str, condition: impl FnMut() -> Option<T>) -> T {
    match poll(limit, condition) {
        Some(value) => value,
        None => panic!("waited {limit:?} in vain for: {what}"),
    }
}

/// Looks at `condition` until it yields something or `limit` has passed.
pub fn poll<T>(limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if start.elapsed() > limit {
            return None;
        }
        std::thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_returns_with_the_condition_and_gives_up_at_the_limit() {
        let mut looks = 0;
        let seen = poll(Duration::from_secs(5), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(seen, Some(3));
        assert_eq!(poll(Duration::from_millis(30), || None::<()>), None);
    }
}

//! The schedules of the next minute, in memory: what is due when. What must hold: a schedule stands here at most once, and
//! what is being fired doesn't come in again beside itself.

use std::collections::{BTreeSet, HashMap};

use factotum_model::{Timestamp, TriggerId};
use factotum_storage::schedules::Due;

/// What is due, ordered by its time.
#[derive(Debug, Default)]
pub(crate) struct Wheel {
    order: BTreeSet<(Timestamp, TriggerId)>,
    held: HashMap<TriggerId, Due>,
}

impl Wheel {
    /// Puts a schedule in, in the place of what was known of it.
    pub(crate) fn put(&mut self, due: Due) {
        if let Some(before) = self.held.insert(due.trigger_id, due) {
            self.order.remove(&(before.next_at, due.trigger_id));
        }
        self.order.insert((due.next_at, due.trigger_id));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.order.clear();
        self.held.clear();
    }

    /// Takes out the first schedule that is due at `now`.
    pub(crate) fn take(&mut self, now: Timestamp) -> Option<Due> {
        let (_, trigger_id) = *self.order.first().filter(|(at, _)| *at <= now)?;
        self.order.pop_first();
        self.held.remove(&trigger_id)
    }

    /// When the first is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use factotum_model::OrgId;

    use super::*;

    #[test]
    fn each_schedule_once_in_order_of_time() {
        let at = Timestamp::from_micros;
        let (a, b) = (TriggerId::random(), TriggerId::random());
        let org_id = OrgId::random();
        let due = |trigger_id, micros| Due {
            trigger_id,
            org_id,
            next_at: at(micros),
            delay: Duration::ZERO,
            decided_at: at(0),
        };
        let mut wheel = Wheel::default();
        wheel.put(due(a, 30));
        wheel.put(due(b, 20));
        wheel.put(due(a, 10));
        assert_eq!(wheel.next(), Some(at(10)));
        assert_eq!(wheel.take(at(9)), None);
        assert_eq!(wheel.take(at(15)), Some(due(a, 10)));
        assert_eq!(wheel.take(at(15)), None);
        assert_eq!(wheel.take(at(40)), Some(due(b, 20)));
        assert_eq!((wheel.take(at(40)), wheel.next()), (None, None));
    }
}

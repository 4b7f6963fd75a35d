//! How a workflow does, from one end of a run to the next, and what there is to tell of it. What must hold: as long as runs succeed there is nothing to remember;
//! what was told and what is so are kept apart, so that nothing is told twice and a recovery is told of only after a failure was.

use std::time::Duration;

use super::NoticeSettings;
use crate::{RunId, Timestamp};

/// How a workflow does whose runs failed lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Whether it counts as failing.
    pub failing: bool,
    /// How many of its runs failed in a row.
    pub streak: u64,
    /// How many failed since `since`.
    pub failures: u64,
    /// When the first of them failed.
    pub since: Timestamp,
    /// Which that was.
    pub first_run: RunId,
    /// When one failed last.
    pub last_at: Timestamp,
    /// Which that was.
    pub last_run: RunId,
    /// When it began to succeed again, and which run did.
    pub recovered: Option<(Timestamp, RunId)>,
    /// Since when it is as it is: failing, or not.
    pub changed_at: Timestamp,
    /// Whether recipients were told last that it is failing.
    pub told: bool,
    /// When they were told so last.
    pub told_at: Option<Timestamp>,
    /// How many runs failed since then.
    pub untold: u64,
}

/// What there is to tell of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tell {
    /// It has begun to fail.
    Failing,
    /// It goes on failing.
    StillFailing,
    /// It works again.
    Recovered,
}

impl Health {
    /// Of a workflow whose run failed.
    pub const fn after_first_failure(at: Timestamp, run: RunId) -> Self {
        Self {
            failing: false,
            streak: 0,
            failures: 0,
            since: at,
            first_run: run,
            last_at: at,
            last_run: run,
            recovered: None,
            changed_at: at,
            told: false,
            told_at: None,
            untold: 0,
        }
    }

    /// A run failed for good. `threshold`: how many in a row make it failing.
    pub fn failed(&mut self, at: Timestamp, run: RunId, threshold: u32) {
        if self.streak == 0 && !self.told {
            (self.since, self.first_run, self.failures) = (at, run, 0);
        }
        self.streak += 1;
        self.failures += 1;
        self.untold += 1;
        (self.last_at, self.last_run) = (at, run);
        if !self.failing && self.streak >= u64::from(threshold) {
            (self.failing, self.recovered, self.changed_at) = (true, None, at);
        }
    }

    /// A run succeeded.
    pub fn succeeded(&mut self, at: Timestamp, run: RunId) {
        self.streak = 0;
        if self.failing {
            (self.failing, self.recovered, self.changed_at) = (false, Some((at, run)), at);
        }
    }

    /// What there is to tell, and since when it could be told.
    pub fn to_tell(&self, settings: &NoticeSettings) -> Option<(Tell, Timestamp)> {
        match (self.failing, self.told) {
            (true, false) => {
                let rested = self.told_at.map(|at| at.plus(seconds(settings.interval_s)));
                Some((Tell::Failing, rested.map_or(self.changed_at, |at| at.max(self.changed_at))))
            }
            (false, true) => Some((Tell::Recovered, self.changed_at)),
            (true, true) if self.untold > 0 && settings.reminder_h > 0 => {
                let wait = Duration::from_secs(u64::from(settings.reminder_h) * 3_600);
                Some((Tell::StillFailing, self.told_at.unwrap_or(self.changed_at).plus(wait)))
            }
            _ => None,
        }
    }

    /// It was told.
    pub fn was_told(&mut self, tell: Tell, now: Timestamp) {
        self.untold = 0;
        match tell {
            Tell::Failing | Tell::StillFailing => (self.told, self.told_at) = (true, Some(now)),
            Tell::Recovered => self.told = false,
        }
    }

    /// Whether there is nothing to remember any more.
    pub fn is_past(&self, settings: &NoticeSettings, now: Timestamp) -> bool {
        let rested = self.told_at.is_none_or(|at| now.since(at) >= seconds(settings.interval_s));
        !self.failing && !self.told && self.streak == 0 && rested
    }
}

fn seconds(n: u32) -> Duration {
    Duration::from_secs(u64::from(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    /// What is told of a workflow whose runs end so (`x` failed, `.` succeeded), one each second, by one who looks after each.
    fn told(ends: &str, settings: NoticeSettings) -> String {
        let mut health = None::<Health>;
        let mut said = String::new();
        for (second, end) in (0..).zip(ends.chars()) {
            let (now, run) = (at(second), RunId::random());
            match end {
                'x' => health.get_or_insert_with(|| Health::after_first_failure(now, run)).failed(
                    now,
                    run,
                    settings.after_failures,
                ),
                '.' => {
                    if let Some(health) = &mut health {
                        health.succeeded(now, run);
                    }
                }
                _ => {}
            }
            let due = health.and_then(|h| h.to_tell(&settings)).filter(|(_, from)| *from <= now);
            if let (Some((tell, _)), Some(health)) = (due, &mut health) {
                health.was_told(tell, now);
                said.push(match tell {
                    Tell::Failing => 'F',
                    Tell::StillFailing => 'S',
                    Tell::Recovered => 'R',
                });
            } else {
                said.push('-');
            }
            if health.is_some_and(|h| h.is_past(&settings, now)) {
                health = None;
            }
        }
        said
    }

    #[test]
    fn it_is_told_at_the_start_and_at_the_end_and_not_between() {
        let always = NoticeSettings { interval_s: 0, reminder_h: 0, ..NoticeSettings::default() };
        assert_eq!(told("..xxxx...xx.", always), "--F---R--F-R");
        let third = NoticeSettings { after_failures: 3, ..always };
        assert_eq!(told(".xx.xxx.xx.xxx.", third), "------FR-----FR");
    }

    #[test]
    fn one_that_fails_now_and_then_is_told_of_no_more_often_than_set() {
        let settings = NoticeSettings { interval_s: 10, reminder_h: 0, ..NoticeSettings::default() };
        //                              0123456789012345678901
        assert_eq!(told("x.x.x.x.x.x.x.x.x.x.x.x", settings), "FR--------FR--------FR-");
        // What is so when it may be told counts: nothing, if it recovered meanwhile.
        assert_eq!(told("x.xxxxx...       .", settings), "FR----------------");
        // And failing, if it goes on, without another failure.
        assert_eq!(told("x.x            .", settings), "FR--------F----R");
    }

    #[test]
    fn a_reminder_comes_only_if_more_runs_failed() {
        let settings = NoticeSettings { interval_s: 0, reminder_h: 1, ..NoticeSettings::default() };
        let mut health = Health::after_first_failure(at(0), RunId::random());
        health.failed(at(0), RunId::random(), 1);
        health.was_told(Tell::Failing, at(0));
        assert_eq!(health.to_tell(&settings), None, "it did not run since");
        health.failed(at(60), RunId::random(), 1);
        assert_eq!(health.to_tell(&settings), Some((Tell::StillFailing, at(3_600))));
        health.was_told(Tell::StillFailing, at(3_600));
        assert_eq!((health.to_tell(&settings), health.failures), (None, 2));
    }

    #[test]
    fn a_failure_between_does_not_make_a_recovery_untold() {
        let settings = NoticeSettings { after_failures: 2, reminder_h: 0, ..NoticeSettings::default() };
        let mut health = Health::after_first_failure(at(0), RunId::random());
        health.failed(at(0), RunId::random(), 2);
        health.failed(at(1), RunId::random(), 2);
        health.was_told(Tell::Failing, at(1));
        let run = RunId::random();
        health.succeeded(at(2), run);
        health.failed(at(3), RunId::random(), 2);
        assert_eq!(health.to_tell(&settings), Some((Tell::Recovered, at(2))));
        assert_eq!(health.recovered, Some((at(2), run)));
        health.failed(at(4), RunId::random(), 2);
        assert_eq!(health.to_tell(&settings), None, "it is as it was told");
    }
}

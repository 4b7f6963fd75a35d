//! A wall clock pattern in a time zone. What must hold: firings are strictly later one after the other; what becomes of a fixed time that the clock jumps
//! over, or shows twice, goes by the policy; intervals run through both. Zones and their changes come from jiff alone (docs/schedule-dialect.md).

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use factotum_model::trigger::{Dst, Fold, Gap};

use crate::cron::Expression;

/// A civil time that the clock jumped over by a day or more belongs to a date that the place never had, such as
/// 30 December 2011 in Apia: it has no firing, like 30 February.
pub(crate) const WHOLE_DAY_S: i32 = 86_400;

/// A cron expression as the clock of a zone shows it.
#[derive(Debug, Clone)]
pub(crate) struct Wall {
    pub(crate) expression: Expression,
    pub(crate) zone: TimeZone,
    pub(crate) dst: Dst,
}

impl Wall {
    /// The first firing later than `after`. Walks the wall clock through the zone's periods of constant offset. `true` beside the instant says that it
    /// stands for a time in a gap.
    pub(crate) fn search(&self, after: jiff::Timestamp) -> Option<(jiff::Timestamp, bool)> {
        let nature = self.expression.nature;
        let second_too = nature.interval || self.dst.overlap != Fold::First;
        let mut changes = self.zone.following(after);
        let mut offset = self.zone.to_offset(after);
        let from = whole_second(offset.to_datetime(after));
        let mut next = self.expression.next(from, false);
        loop {
            let change = changes.next();
            let end = change.as_ref().map(|c| offset.to_datetime(c.timestamp()));
            while let Some(due) = next.filter(|due| end.is_none_or(|end| *due < end)) {
                if nature.interval || self.counts(due, offset) {
                    return offset.to_timestamp(due).ok().map(|at| (at, false));
                }
                next = self.expression.next(due, false);
            }
            let (change, end) = change.zip(end)?;
            offset = change.offset();
            let start = offset.to_datetime(change.timestamp());
            // What was passed over the first time may be due the second time.
            let passed = start <= from || self.dst.overlap == Fold::Second;
            if start < end && passed && second_too {
                // The clock goes back over what was searched already.
                next = self.expression.next(start, true);
            } else if let Some(due) = next.filter(|due| end <= *due && *due < start) {
                // The clock jumps over what is due.
                let fires = self.dst.gap == Gap::After && !nature.every_hour;
                if offset_s(start, end) < WHOLE_DAY_S && fires {
                    return Some((change.timestamp(), due != start));
                }
                next = self.expression.next(start, true);
            }
            next?;
        }
    }

    /// Of a fixed time that comes twice, whether it fires at this offset.
    fn counts(&self, due: DateTime, offset: Offset) -> bool {
        match (twice(&self.zone, due), self.dst.overlap) {
            (None, _) | (_, Fold::Both) => true,
            (Some((_, second)), Fold::First) => offset != second,
            (Some((first, _)), Fold::Second) => offset != first,
        }
    }

    /// The first time between two that the clock jumps over, if it is left out.
    pub(crate) fn left_out(&self, end: DateTime, start: DateTime) -> Option<DateTime> {
        let missing = offset_s(start, end);
        if self.dst.gap == Gap::After || missing >= WHOLE_DAY_S {
            return None;
        }
        self.expression.next(end, true).filter(|due| *due < start)
    }
}

/// For a wall clock time that comes twice, the offsets of its comings.
pub(crate) fn twice(zone: &TimeZone, local: DateTime) -> Option<(Offset, Offset)> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Fold { before, after } => Some((before, after)),
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => None,
    }
}

/// Cron knows whole seconds: the second that has begun.
fn whole_second(time: DateTime) -> DateTime {
    time.with().subsec_nanosecond(0).build().unwrap_or(time)
}

/// By how much the clock jumps, in seconds.
pub(crate) fn offset_s(start: DateTime, end: DateTime) -> i32 {
    i32::try_from(start.duration_since(end).as_secs()).unwrap_or(i32::MAX)
}

//! The stages of the pipeline: one table, which layouts, threads and counters follow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::config::StageName;

/// A stage as the table has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StageSpec {
    pub(crate) stage: StageName,
    /// In layouts, thread names, logs and metrics.
    pub(crate) name: &'static str,
    /// The stage whose tasks it takes up; none: it makes them.
    pub(crate) after: Option<StageName>,
    /// Alone on a thread it parks when idle, whatever is configured: no other stage waits for it.
    pub(crate) parks: bool,
}

/// In the order of an update.
pub(crate) const STAGES: [StageSpec; 5] = [
    stage(StageName::Receiver, "receiver", None),
    stage(StageName::Journal, "journal", Some(StageName::Receiver)),
    stage(StageName::Engine, "engine", Some(StageName::Journal)),
    stage(StageName::Publisher, "publisher", Some(StageName::Engine)),
    StageSpec { parks: true, ..stage(StageName::Views, "views", Some(StageName::Engine)) },
];

const fn stage(stage: StageName, name: &'static str, after: Option<StageName>) -> StageSpec {
    StageSpec { stage, name, after, parks: false }
}

impl StageName {
    /// Its line of the table.
    pub(crate) const fn spec(self) -> &'static StageSpec {
        &STAGES[self as usize]
    }
}

/// What a stage has done since the start of the hub. Its thread alone writes; relaxed, for readers that only count.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct StageCounters {
    polls: AtomicU64,
    updates: AtomicU64,
    busy_ns: AtomicU64,
    /// Tasks that it is done with.
    tasks: AtomicU64,
}

impl StageCounters {
    /// Counts a poll that did `updates` units of work in a time; `tasks` is the stage's total.
    #[inline]
    pub(crate) fn count(&self, updates: usize, busy: Duration, tasks: u64) {
        let add = |counter: &AtomicU64, more: u64| {
            counter.store(counter.load(Ordering::Relaxed) + more, Ordering::Relaxed);
        };
        add(&self.polls, 1);
        if updates > 0 {
            add(&self.updates, updates as u64);
            add(&self.busy_ns, busy.as_nanos() as u64);
            self.tasks.store(tasks, Ordering::Relaxed);
        }
    }
}

/// A reading of a stage's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageReading {
    pub name: &'static str,
    /// Calls of the stage's loop, idle ones included.
    pub polls: u64,
    /// Units of work: messages read, tasks recorded, applied, published or folded.
    pub updates: u64,
    /// Time spent in polls that did any work.
    pub busy_ns: u64,
    /// Tasks that the stage before it has done and it has not. For publisher and views that includes tasks behind the gate.
    pub depth: u64,
}

/// The counters of all stages.
#[derive(Debug, Default)]
pub(crate) struct Counters([StageCounters; STAGES.len()]);

impl Counters {
    #[inline]
    pub(crate) fn of(&self, stage: StageName) -> &StageCounters {
        &self.0[stage as usize]
    }

    pub(crate) fn readings(&self) -> [StageReading; STAGES.len()] {
        STAGES.map(|spec| {
            let StageCounters { polls, updates, busy_ns, tasks } = self.of(spec.stage);
            let done = tasks.load(Ordering::Relaxed);
            let ahead = spec.after.map_or(done, |after| self.of(after).tasks.load(Ordering::Relaxed));
            StageReading {
                name: spec.name,
                polls: polls.load(Ordering::Relaxed),
                updates: updates.load(Ordering::Relaxed),
                busy_ns: busy_ns.load(Ordering::Relaxed),
                depth: ahead.saturating_sub(done),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Choice;

    #[test]
    fn the_table_has_a_line_for_each_stage_behind_that_of_the_stage_ahead() {
        for (at, spec) in STAGES.iter().enumerate() {
            assert_eq!((spec.stage as usize, spec.stage.name()), (at, spec.name));
            assert_eq!(StageName::of_name(spec.name), Some(spec.stage));
            assert!(spec.after.is_none_or(|after| (after as usize) < at), "{}", spec.name);
        }
        assert_eq!(StageName::ALL.len(), STAGES.len());
    }

    #[test]
    fn depth_is_what_the_stage_ahead_has_done_more() {
        let counters = Counters::default();
        counters.of(StageName::Receiver).count(12, Duration::from_nanos(7), 12);
        counters.of(StageName::Receiver).count(0, Duration::from_nanos(7), 12);
        counters.of(StageName::Journal).count(5, Duration::from_nanos(3), 5);
        let [receiver, journal, engine, ..] = counters.readings();
        assert_eq!((receiver.polls, receiver.updates, receiver.busy_ns, receiver.depth), (2, 12, 7, 0));
        assert_eq!((journal.depth, engine.depth), (7, 5));
    }
}

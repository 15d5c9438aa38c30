//! The rings between the stages, and what a stage is.
//!
//! ```text
//! receiver -> [in] -> journal -> engine -> publisher
//!                                   |  \-> views
//!                                   +-> [out] -> publisher, views
//! ```
//!
//! One slot of `in` is one task (an update, or something about a connection); the engine makes one slot of `out` for
//! each, so that publisher and views read the two rings in step. Rings are lock-free, of one producer, and bounded: a
//! slot is free again when publisher and views have both let go of it. Full: the receiver stops reading sockets.
//!
//! Stages are architecture, threads are deployment: whoever drives a stage calls `poll` and may drive several.

use disruptor::{
    BusySpin, EventGuard, EventPoller, MultiConsumerBarrier, SingleConsumerBarrier, SingleProducer,
    SingleProducerBarrier, build_single_producer,
};

/// The end of a ring that fills slots.
pub type Filler<S> = SingleProducer<S, MultiConsumerBarrier>;
/// A reader right behind the producer.
pub type First<S> = EventPoller<S, SingleProducerBarrier>;
/// A reader behind another reader.
pub type Behind<S> = EventPoller<S, SingleConsumerBarrier>;

/// The ring of tasks.
pub struct InRing<S> {
    pub receiver: Filler<S>,
    pub journal: First<S>,
    pub engine: Behind<S>,
    pub publisher: Behind<S>,
    pub views: Behind<S>,
}

/// The ring of outcomes, in step with the ring of tasks.
pub struct OutRing<O> {
    pub engine: Filler<O>,
    pub publisher: First<O>,
    pub views: First<O>,
}

/// One step of a stage: does at most `budget` tasks' worth of work and says how much it did. Never blocks.
pub trait Stage: Send {
    /// The word for it in threads, metrics and charts.
    fn name(&self) -> &'static str;

    fn poll(&mut self, budget: usize) -> usize;

    /// Tasks that it is done with since the start.
    fn tasks_done(&self) -> u64;

    /// Whether the hub is stopping and this stage has nothing left to do.
    fn is_finished(&self) -> bool;
}

impl<S: Send + Sync + 'static> InRing<S> {
    /// # Panics
    /// If `slots` is not a power of two.
    pub fn new(slots: usize, empty: impl FnMut() -> S) -> InRing<S> {
        let (journal, ring) = build_single_producer(slots, empty, BusySpin).new_event_poller();
        let (engine, ring) = ring.and_then().new_event_poller();
        let (publisher, ring) = ring.and_then().new_event_poller();
        let (views, ring) = ring.new_event_poller();
        InRing { receiver: ring.build(), journal, engine, publisher, views }
    }
}

impl<O: Send + Sync + 'static> OutRing<O> {
    /// # Panics
    /// If `slots` is not a power of two.
    pub fn new(slots: usize, empty: impl FnMut() -> O) -> OutRing<O> {
        let (publisher, ring) = build_single_producer(slots, empty, BusySpin).new_event_poller();
        let (views, ring) = ring.new_event_poller();
        OutRing { engine: ring.build(), publisher, views }
    }
}

/// A reader of a ring, wherever it stands in it.
pub trait Reader<S> {
    type Barrier;

    /// The tasks that may be read by now, `limit` at most. Dropping them hands all of them on.
    fn batch(&mut self, limit: u64) -> Option<EventGuard<'_, S, Self::Barrier>>;
}

impl<S> Reader<S> for First<S> {
    type Barrier = SingleProducerBarrier;

    #[inline]
    fn batch(&mut self, limit: u64) -> Option<EventGuard<'_, S, SingleProducerBarrier>> {
        self.take(limit).ok()
    }
}

impl<S> Reader<S> for Behind<S> {
    type Barrier = SingleConsumerBarrier;

    #[inline]
    fn batch(&mut self, limit: u64) -> Option<EventGuard<'_, S, SingleConsumerBarrier>> {
        self.take(limit).ok()
    }
}

/// Reads tasks until `step` leaves one undone or fails; the number of tasks done, which alone are handed on.
///
/// A dropped batch hands on all of its tasks, read or not. Where some were not done it is forgotten instead, which
/// leaves the reader's cursor where it was (a batch owns nothing but the borrow of its reader), and the tasks that were
/// done are taken again and dropped. A test here holds the ring to that.
///
/// # Errors
/// That of `step`; nothing of the batch is handed on then.
#[inline]
pub fn read_while<S, R: Reader<S>, E>(
    reader: &mut R,
    limit: u64,
    mut step: impl FnMut(&S) -> Result<bool, E>,
) -> Result<usize, E> {
    let Some(mut batch) = reader.batch(limit) else { return Ok(0) };
    let mut done = 0;
    let mut failed = None;
    let count = ExactSizeIterator::len(&&mut batch);
    for task in &mut batch {
        match step(task) {
            Ok(true) => done += 1,
            Ok(false) => break,
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    if done < count {
        std::mem::forget(batch);
        if let Some(error) = failed {
            return Err(error);
        }
        if done > 0 {
            drop(reader.batch(done as u64));
        }
    }
    Ok(done)
}

/// Reads tasks and their outcomes in step; the number of tasks.
///
/// # Panics
/// If a task has no outcome. The engine publishes one for each task before it hands the task on.
#[inline]
pub fn read_in_step<S, O>(
    (tasks, outcomes): (&mut Behind<S>, &mut First<O>),
    limit: u64,
    mut step: impl FnMut(&S, &O),
) -> usize {
    let Some(mut tasks) = tasks.batch(limit) else { return 0 };
    let count = ExactSizeIterator::len(&&mut tasks);
    let mut outcomes = outcomes.batch(count as u64).expect("invariant: the engine's outcome comes before its task");
    assert!(ExactSizeIterator::len(&&mut outcomes) == count, "invariant: one outcome for each task");
    for (task, outcome) in (&mut tasks).zip(&mut outcomes) {
        step(task, outcome);
    }
    count
}

#[cfg(test)]
mod tests {
    use disruptor::Producer as _;

    use super::*;

    fn ring_of(tasks: u64) -> InRing<u64> {
        let mut ring = InRing::new(8, || 0);
        (1..=tasks).for_each(|task| ring.receiver.publish(|slot| *slot = task));
        ring
    }

    fn read<R: Reader<u64>>(reader: &mut R, until: u64) -> Vec<u64> {
        let mut seen = Vec::new();
        let done = read_while(reader, u64::MAX, |task| {
            seen.push(*task);
            Ok::<bool, ()>(*task < until)
        });
        assert!(done.is_ok_and(|done| done <= seen.len()));
        seen
    }

    #[test]
    fn tasks_left_undone_are_read_again_and_not_handed_on() {
        let mut ring = ring_of(5);
        assert_eq!(read(&mut ring.journal, 3), [1, 2, 3]);
        assert_eq!(read(&mut ring.engine, u64::MAX), [1, 2], "the third was not done");
        assert_eq!(read(&mut ring.journal, 3), [3], "none is done: the cursor stays");
        assert_eq!(read(&mut ring.engine, u64::MAX), [0; 0]);
        assert_eq!(read(&mut ring.journal, u64::MAX), [3, 4, 5]);
        assert_eq!(read(&mut ring.engine, u64::MAX), [3, 4, 5]);
    }

    #[test]
    fn of_a_batch_that_fails_nothing_is_handed_on() {
        let mut ring = ring_of(3);
        let failed = read_while(&mut ring.journal, u64::MAX, |task| if *task == 2 { Err("full") } else { Ok(true) });
        assert_eq!(failed, Err("full"));
        assert_eq!(read(&mut ring.engine, u64::MAX), [0; 0]);
    }

    #[test]
    fn a_ring_goes_round_past_tasks_that_were_read_twice() {
        let mut ring = ring_of(8);
        assert!(ring.receiver.try_publish(|slot| *slot = 9).is_err(), "it is full");
        assert_eq!(read(&mut ring.journal, 5), [1, 2, 3, 4, 5]);
        for reader in [&mut ring.engine, &mut ring.publisher, &mut ring.views] {
            assert_eq!(read(reader, u64::MAX), [1, 2, 3, 4]);
        }
        (9..=12).for_each(|task| assert!(ring.receiver.try_publish(|slot| *slot = task).is_ok()));
        assert!(ring.receiver.try_publish(|slot| *slot = 13).is_err(), "four were handed on");
        assert_eq!(read(&mut ring.journal, u64::MAX), [5, 6, 7, 8, 9, 10, 11, 12]);
    }

    #[test]
    #[should_panic(expected = "one outcome for each task")]
    fn a_task_without_its_outcome_is_a_broken_invariant() {
        let mut ring = ring_of(2);
        read(&mut ring.journal, u64::MAX);
        read(&mut ring.engine, u64::MAX);
        let mut out = OutRing::new(8, || 0u64);
        out.engine.publish(|outcome| *outcome = 1);
        read_in_step((&mut ring.publisher, &mut out.publisher), u64::MAX, |_, _| {});
    }
}

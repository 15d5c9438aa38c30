//! The engine stage: applies what is in the journal, one outcome for each task.
//!
//! Hot path: one pinned thread. The engine itself is `ordo_core::engine`; here it only meets the rings.

use std::sync::Arc;

use crossbeam_channel::Sender;
use disruptor::Producer;
use ordo_core::engine::{Engine, Input};
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::record::{BATCH, Step, StepHeader};
use ordo_core::ring::{Behind, Filler, Stage};
use ordo_journal::Kind;

use crate::checkpoint::Checkpoint;
use crate::progress::Progress;
use crate::slot::{Part, Reply, Slot};

/// See the module.
pub(crate) struct EngineStage {
    ring: Behind<Slot>,
    outcomes: Filler<Outcome>,
    engine: Engine,
    checkpoints: Sender<Checkpoint>,
    progress: Arc<Progress>,
    taken: u64,
}

impl EngineStage {
    pub(crate) fn new(
        ring: Behind<Slot>,
        outcomes: Filler<Outcome>,
        engine: Engine,
        checkpoints: Sender<Checkpoint>,
        progress: Arc<Progress>,
    ) -> EngineStage {
        progress.set_due(engine.next_removal_ns(), engine.next_prune_ns());
        EngineStage { ring, outcomes, engine, checkpoints, progress, taken: 0 }
    }

    pub(crate) fn into_engine(self) -> Engine {
        self.engine
    }
}

impl Stage for EngineStage {
    fn name(&self) -> &'static str {
        "engine"
    }

    fn poll(&mut self, budget: usize) -> usize {
        let Ok(mut batch) = self.ring.take(budget as u64) else { return 0 };
        if self.progress.fault().is_some() {
            return 0;
        }
        let taken = ExactSizeIterator::len(&&mut batch);
        for slot in &mut batch {
            let before = self.engine.sequence();
            let engine = &mut self.engine;
            // Never full for longer than the publisher takes to let go of both rings: they have the same size.
            while self.outcomes.try_publish(|outcome| apply(engine, slot, outcome)).is_err() {
                if self.progress.fault().is_some() {
                    return 0;
                }
                std::hint::spin_loop();
            }
            if let Some(checkpoint) = Checkpoint::due(before, &self.engine) {
                // A journal stage that has four of them waiting can do without the fifth.
                let _ = self.checkpoints.try_send(checkpoint);
            }
        }
        if taken > 0 {
            self.progress.set_due(self.engine.next_removal_ns(), self.engine.next_prune_ns());
        }
        self.taken += taken as u64;
        taken
    }

    fn is_finished(&self) -> bool {
        self.progress.is_end(self.taken)
    }
}

#[inline]
fn apply(engine: &mut Engine, slot: &Slot, outcome: &mut Outcome) {
    if slot.recorded {
        engine.apply(step_of(slot), outcome);
    } else {
        outcome.clear();
    }
    // They end with a Resume, which holds it.
    if matches!(slot.reply, Reply::FeedOpened | Reply::FeedGap | Reply::FeedResumed) {
        outcome.configuration = outcome.keep(engine.configuration(slot.about));
    }
}

/// The step that the journal stage recorded. The receiver decoded an update in its slot.
#[inline]
fn step_of(slot: &Slot) -> Step<'_> {
    let stamp = slot.stamp();
    if slot.frame == Kind::Update && !matches!(slot.part, Part::Frame { .. }) {
        return Step::Update(Input { stamp, bytes: &slot.bytes, request: &slot.request });
    }
    read_step(slot, stamp)
}

/// A batch's opening, settings or a tick, as a replay reads them from the frame.
#[cold]
fn read_step(slot: &Slot, stamp: Stamp) -> Step<'_> {
    let is_batch = matches!(slot.part, Part::Frame { .. });
    let header = StepHeader {
        kind: slot.frame as u8,
        rules: stamp.rules.number(),
        flags: stamp.origin.flags() | if is_batch { BATCH } else { 0 },
        sequence: stamp.sequence,
        time_ns: stamp.time_ns,
        feed: stamp.feed.0,
        position: stamp.position,
    };
    let step = Step::of_decoded(&header, slot.body.of(&slot.bytes), &slot.request);
    step.expect("invariant: the hub encoded it").expect("invariant: only steps are recorded through slots")
}

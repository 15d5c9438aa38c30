//! The engine stage: applies what is in the journal, one outcome for each task.
//!
//! Hot path: one pinned thread. The engine itself is `ordo_core::engine`; here it only meets the rings.

use std::sync::Arc;

use crossbeam_channel::Sender;
use disruptor::Producer;
use ordo_core::engine::{Engine, Input};
use ordo_core::outcome::Outcome;
use ordo_core::record::{Batch, Settings};
use ordo_core::ring::{Behind, Filler, Stage};
use ordo_journal::Kind;
use prost::Message;

use crate::wiring::progress::Progress;
use crate::wiring::slot::{Part, Reply, Slot};
use ordo_history::checkpoint::Checkpoint;

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

#[cold]
fn set_settings(engine: &mut Engine, slot: &Slot, outcome: &mut Outcome) {
    let settings = Settings::decode(slot.body.of(&slot.bytes)).expect("invariant: the hub encoded them");
    engine.set_settings(slot.stamp(), &settings, outcome);
}

#[inline]
fn apply(engine: &mut Engine, slot: &Slot, outcome: &mut Outcome) {
    match (slot.frame, slot.part) {
        _ if !slot.recorded => outcome.clear(),
        (Kind::Settings, _) => set_settings(engine, slot, outcome),
        (Kind::Tick, _) => engine.tick(slot.stamp(), outcome),
        (_, Part::Frame { .. }) => open_batch(engine, slot, outcome),
        _ => {
            let input = Input { stamp: slot.stamp(), bytes: &slot.bytes, request: &slot.request };
            engine.apply(&input, outcome);
        }
    }
    // They end with a Resume, which holds it.
    if matches!(slot.reply, Reply::FeedOpened | Reply::FeedGap | Reply::FeedResumed) {
        outcome.configuration = outcome.keep(engine.configuration(slot.about));
    }
}

/// Checks the batch as a whole; its members follow, each as an update of its own, without effect if it was refused.
#[cold]
fn open_batch(engine: &mut Engine, slot: &Slot, outcome: &mut Outcome) {
    let batch = Batch::decode(slot.body.of(&slot.bytes)).expect("invariant: the edge encoded it");
    engine.open_batch(slot.stamp(), &batch, outcome);
}

//! The engine stage: applies what the journal recorded, and publishes one outcome for each task.
//!
//! Hot path: one pinned thread. The rules are in `ordo_core::engine`; here the engine meets the rings.

use std::convert::Infallible;
use std::sync::Arc;

use crossbeam_channel::Sender;
use disruptor::Producer;
use ordo_core::engine::{Engine, Input};
use ordo_core::outcome::Outcome;
use ordo_core::record::{Step, StepHeader};
use ordo_core::ring::{Behind, Filler, Stage, read_while};
use ordo_history::checkpoint::Checkpoint;

use crate::journal::entry_of;
use crate::wiring::config::StageName;
use crate::wiring::progress::Progress;
use crate::wiring::slot::Slot;
use crate::wiring::task::{Record, Reply};

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
        StageName::Engine.spec().name
    }

    fn poll(&mut self, budget: usize) -> usize {
        let EngineStage { ring, outcomes, engine, checkpoints, progress, .. } = self;
        let Ok(taken) = read_while(ring, budget as u64, |slot: &Slot| {
            let before = engine.sequence();
            // Both rings have the same size, so this is full only until publisher and views release slots of both.
            while outcomes.try_publish(|outcome| apply(engine, slot, outcome)).is_err() {
                if progress.fault().is_some() {
                    return Ok(false);
                }
                std::hint::spin_loop();
            }
            if let Some(checkpoint) = Checkpoint::due(before, engine) {
                // Dropped if the journal stage has not taken the last four: checkpoints are not required.
                let _ = checkpoints.try_send(checkpoint);
            }
            Ok::<bool, Infallible>(progress.fault().is_none())
        });
        if taken > 0 {
            self.progress.set_due(self.engine.next_removal_ns(), self.engine.next_prune_ns());
        }
        self.taken += taken as u64;
        taken
    }

    fn tasks_done(&self) -> u64 {
        self.taken
    }

    fn is_finished(&self) -> bool {
        self.progress.is_end(self.taken)
    }
}

#[inline]
fn apply(engine: &mut Engine, slot: &Slot, outcome: &mut Outcome) {
    match step_of(slot) {
        Some(step) => engine.apply(step, outcome),
        None => outcome.clear(),
    }
    if let Reply::Feed(reply) = &slot.task.reply
        && reply.event.resumes()
    {
        outcome.configuration = outcome.keep(engine.configuration(reply.feed));
    }
}

/// The step that the journal stage recorded, none where the task records nothing. The receiver decoded an update in its
/// slot.
#[inline]
fn step_of(slot: &Slot) -> Option<Step<'_>> {
    match &slot.task.record {
        Record::Nothing => None,
        Record::Update(_) | Record::BatchMember { .. } => {
            Some(Step::Update(Input { stamp: slot.stamp(), bytes: &slot.bytes, request: &slot.request }))
        }
        Record::Settings(_) | Record::BatchFrame { .. } => Some(read_step(slot)),
        Record::Tick => Some(Step::Tick(slot.stamp())),
    }
}

/// A batch's opening or settings, as a replay reads them from the frame.
#[cold]
fn read_step(slot: &Slot) -> Step<'_> {
    let entry = entry_of(&slot.task.record, &slot.bytes);
    let stamp = slot.stamp();
    let header = StepHeader {
        kind: entry.kind as u8,
        rules: entry.rules,
        flags: entry.flags,
        sequence: stamp.sequence,
        time_ns: stamp.time_ns,
        feed: entry.feed,
        position: entry.position,
    };
    let step = Step::of_decoded(&header, entry.body, &slot.request);
    step.expect("invariant: the hub encoded it").expect("invariant: only steps are recorded through slots")
}

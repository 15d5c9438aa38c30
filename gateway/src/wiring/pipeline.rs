//! The pipeline's wiring: rings, stages, and the threads that the layout puts them on.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, bounded, unbounded};
use ordo_core::engine::Engine;
use ordo_core::outcome::Outcome;
use ordo_core::ring::{InRing, OutRing, Stage};
use ordo_core::views::Views;
use ordo_journal::Journal;
use parking_lot::RwLock;

use crate::engine::EngineStage;
use crate::journal::Journaler;
use crate::publisher::Publisher;
use crate::receiver::Receiver;
use crate::subscription::feed_view::feed_view;
use crate::subscription::snapshots;
use crate::views::ViewsStage;
use crate::wiring::config::{Config, StageName};
use crate::wiring::intake::{Doors, intake};
use crate::wiring::progress::{Fault, Progress};
use crate::wiring::slot::Slot;
use crate::wiring::threads::{drive, place};
use ordo_history::service::History;

/// Checkpoints on their way from the engine to the journal.
const CHECKPOINTS_WAITING_MAX: usize = 4;

/// What was found in the folder.
pub(crate) struct Recovered {
    pub(crate) journal: Journal,
    /// Frames up to this sequence are archived; 0 if none are.
    pub(crate) archived: u64,
    pub(crate) last_time_ns: u64,
    pub(crate) engine: Engine,
}

/// A stage, whichever: a thread has a list of them.
enum AnyStage {
    Receiver(Box<Receiver>),
    Journal(Box<Journaler>),
    Engine(Box<EngineStage>),
    Publisher(Box<Publisher>),
    Views(Box<ViewsStage>),
}

impl AnyStage {
    fn get(&self) -> &dyn Stage {
        match self {
            AnyStage::Receiver(stage) => &**stage,
            AnyStage::Journal(stage) => &**stage,
            AnyStage::Engine(stage) => &**stage,
            AnyStage::Publisher(stage) => &**stage,
            AnyStage::Views(stage) => &**stage,
        }
    }
}

impl Stage for AnyStage {
    fn name(&self) -> &'static str {
        self.get().name()
    }

    // One look at which stage it is for a batch of updates: that costs nothing beside them.
    fn poll(&mut self, budget: usize) -> usize {
        match self {
            AnyStage::Receiver(stage) => stage.poll(budget),
            AnyStage::Journal(stage) => stage.poll(budget),
            AnyStage::Engine(stage) => stage.poll(budget),
            AnyStage::Publisher(stage) => stage.poll(budget),
            AnyStage::Views(stage) => stage.poll(budget),
        }
    }

    fn is_finished(&self) -> bool {
        self.get().is_finished()
    }
}

/// The running threads.
pub(crate) struct Pipeline {
    threads: Vec<JoinHandle<Vec<AnyStage>>>,
    snapshots: JoinHandle<()>,
}

/// What the threads leave behind: the record, and the state it came to.
pub(crate) struct Finished {
    pub(crate) journaler: Journaler,
    pub(crate) engine: Engine,
}

impl Pipeline {
    pub(crate) fn start(
        config: &Config,
        recovered: Recovered,
        progress: &Arc<Progress>,
        views: &Arc<RwLock<Views>>,
        history: Arc<History>,
    ) -> std::io::Result<(Doors, Pipeline)> {
        let encoder_views = views.clone();
        let (jobs, snapshot_jobs) = unbounded();
        let (doors, mut stages) = stages(config, recovered, progress, views, jobs)?;
        let mut threads = Vec::new();
        for thread in place(config) {
            let mine = thread.plan.stages.iter().filter_map(|name| stages[*name as usize].take()).collect();
            threads.push(drive(&thread, progress.clone(), mine)?);
        }
        let snapshots = thread::Builder::new()
            .name("snapshots".into())
            .spawn(move || snapshots::run(&snapshot_jobs, &encoder_views, &history))?;
        Ok((doors, Pipeline { threads, snapshots }))
    }

    /// Waits for all threads: they have been told to stop, or stop at a fault.
    pub(crate) fn join(self) -> Result<Finished, Fault> {
        let (mut journaler, mut engine) = (None, None);
        for thread in self.threads {
            for stage in join(thread)? {
                // The others end here, and their ends of the channels with them: so does the encoder of snapshots.
                match stage {
                    AnyStage::Journal(stage) => journaler = Some(*stage),
                    AnyStage::Engine(stage) => engine = Some(stage.into_engine()),
                    AnyStage::Receiver(_) | AnyStage::Publisher(_) | AnyStage::Views(_) => {}
                }
            }
        }
        join(self.snapshots)?;
        let missing = || Fault::Failed("a layout without a journal or an engine".into());
        Ok(Finished { journaler: journaler.ok_or_else(missing)?, engine: engine.ok_or_else(missing)? })
    }
}

fn join<T>(handle: JoinHandle<T>) -> Result<T, Fault> {
    handle.join().map_err(|_| Fault::Failed("a stage has panicked".into()))
}

/// All stages, by the number of their name.
type Stages = [Option<AnyStage>; 5];

/// Rings, channels, and the stages at their ends.
fn stages(
    config: &Config,
    recovered: Recovered,
    progress: &Arc<Progress>,
    views: &Arc<RwLock<Views>>,
    jobs: Sender<snapshots::Job>,
) -> std::io::Result<(Doors, Stages)> {
    let slots = config.ring_slots;
    let Recovered { journal, last_time_ns, engine, .. } = recovered;
    *views.write() = Views::of(&engine);
    progress.told_sequence.store_release(engine.sequence());
    progress.durable_sequence.store_release(journal.durable());
    let tasks = InRing::new(slots, Slot::with_room);
    let outcomes = OutRing::new(slots, Outcome::with_room);
    let (doors, intake) = intake();
    let (writers, new_writers) = unbounded();
    let (checkpoints, checkpoints_due) = bounded(CHECKPOINTS_WAITING_MAX);
    let (taken, snapshots_taken) = unbounded();
    let (feed_view_sender, feed_view_receiver) = feed_view();
    let receiver = Receiver::new(
        tasks.receiver,
        slots,
        progress.clone(),
        (intake, writers),
        &engine,
        config.settings(),
        config.message_bytes_max,
    )?;
    let durability = config.durability;
    let journaler =
        Journaler::new(tasks.journal, slots, journal, last_time_ns, durability, (progress.clone(), checkpoints_due));
    let publisher = Publisher::new(
        (tasks.publisher, outcomes.publisher),
        progress.clone(),
        new_writers,
        (snapshots_taken, jobs, feed_view_receiver),
        &engine,
        config.outbound_bytes_max,
    )?;
    let engine = EngineStage::new(tasks.engine, outcomes.engine, engine, checkpoints, progress.clone());
    let views =
        ViewsStage::new((tasks.views, outcomes.views), views.clone(), (taken, feed_view_sender), progress.clone());
    let mut stages = Stages::default();
    stages[StageName::Receiver as usize] = Some(AnyStage::Receiver(Box::new(receiver)));
    stages[StageName::Journal as usize] = Some(AnyStage::Journal(Box::new(journaler)));
    stages[StageName::Engine as usize] = Some(AnyStage::Engine(Box::new(engine)));
    stages[StageName::Publisher as usize] = Some(AnyStage::Publisher(Box::new(publisher)));
    stages[StageName::Views as usize] = Some(AnyStage::Views(Box::new(views)));
    Ok((doors, stages))
}

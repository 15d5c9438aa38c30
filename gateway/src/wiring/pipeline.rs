//! The pipeline: rings, stages, and the threads that the layout assigns them to.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, bounded, unbounded};
use ordo_core::engine::Engine;
use ordo_core::outcome::Outcome;
use ordo_core::ring::{InRing, OutRing, Stage};
use ordo_core::views::Views;
use ordo_history::service::History;
use ordo_journal::Journal;
use parking_lot::RwLock;

use crate::engine::EngineStage;
use crate::journal::JournalStage;
use crate::publisher::Publisher;
use crate::receiver::Receiver;
use crate::subscription::feed_view::feed_view;
use crate::subscription::snapshots;
use crate::views::ViewsStage;
use crate::wiring::config::{Config, StageName};
use crate::wiring::ingress::{IngressSender, ingress};
use crate::wiring::progress::{Fault, Progress};
use crate::wiring::slot::Slot;
use crate::wiring::stages::STAGES;
use crate::wiring::threads::{drive, place};

/// Checkpoints in the queue from the engine to the journal.
const CHECKPOINTS_WAITING_MAX: usize = 4;

/// Content of the data folder at start.
pub(crate) struct Recovered {
    pub(crate) journal: Journal,
    /// Frames up to this sequence are archived; 0 if none are.
    pub(crate) archived: u64,
    pub(crate) last_time_ns: u64,
    pub(crate) engine: Engine,
}

/// Any stage: a thread drives a list of them.
enum AnyStage {
    Receiver(Box<Receiver>),
    Journal(Box<JournalStage>),
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

    fn get_mut(&mut self) -> &mut dyn Stage {
        match self {
            AnyStage::Receiver(stage) => &mut **stage,
            AnyStage::Journal(stage) => &mut **stage,
            AnyStage::Engine(stage) => &mut **stage,
            AnyStage::Publisher(stage) => &mut **stage,
            AnyStage::Views(stage) => &mut **stage,
        }
    }
}

// One indirect call for a batch of updates: that costs nothing beside them.
impl Stage for AnyStage {
    fn name(&self) -> &'static str {
        self.get().name()
    }

    fn poll(&mut self, budget: usize) -> usize {
        self.get_mut().poll(budget)
    }

    fn tasks_done(&self) -> u64 {
        self.get().tasks_done()
    }

    fn is_finished(&self) -> bool {
        self.get().is_finished()
    }
}

/// The running threads.
pub(crate) struct Pipeline {
    threads: Vec<JoinHandle<Vec<(StageName, AnyStage)>>>,
    snapshots: JoinHandle<()>,
}

/// The journal and the engine after all threads have ended.
pub(crate) struct Finished {
    pub(crate) journal: JournalStage,
    pub(crate) engine: Engine,
}

impl Pipeline {
    pub(crate) fn start(
        config: &Config,
        recovered: Recovered,
        progress: &Arc<Progress>,
        views: &Arc<RwLock<Views>>,
        history: Arc<History>,
    ) -> std::io::Result<(IngressSender, Pipeline)> {
        let encoder_views = views.clone();
        let (jobs, snapshot_jobs) = unbounded();
        let (ingress, mut stages) = stages(config, recovered, progress, views, jobs)?;
        let mut threads = Vec::new();
        for thread in place(config) {
            let mine =
                thread.plan.stages.iter().filter_map(|name| Some((*name, stages[*name as usize].take()?))).collect();
            threads.push(drive(&thread, (progress.clone(), config.clock.clone()), mine)?);
        }
        let snapshots = thread::Builder::new()
            .name("snapshots".into())
            .spawn(move || snapshots::run(&snapshot_jobs, &encoder_views, &history))?;
        Ok((ingress, Pipeline { threads, snapshots }))
    }

    /// Waits for all threads, which end when the hub is stopping or has failed.
    pub(crate) fn join(self) -> Result<Finished, Fault> {
        let (mut journal, mut engine) = (None, None);
        for thread in self.threads {
            for (_, stage) in join(thread)? {
                // The other stages are dropped here with their ends of the channels, which ends the encoder of
                // snapshots too.
                match stage {
                    AnyStage::Journal(stage) => journal = Some(*stage),
                    AnyStage::Engine(stage) => engine = Some(stage.into_engine()),
                    AnyStage::Receiver(_) | AnyStage::Publisher(_) | AnyStage::Views(_) => {}
                }
            }
        }
        join(self.snapshots)?;
        let missing = || Fault::Failed("a layout without a journal or an engine".into());
        Ok(Finished { journal: journal.ok_or_else(missing)?, engine: engine.ok_or_else(missing)? })
    }
}

fn join<T>(handle: JoinHandle<T>) -> Result<T, Fault> {
    handle.join().map_err(|_| Fault::Failed("a stage has panicked".into()))
}

/// All stages, by the number of their name.
type Stages = [Option<AnyStage>; STAGES.len()];

/// Builds rings, channels, and the stages at their ends.
fn stages(
    config: &Config,
    recovered: Recovered,
    progress: &Arc<Progress>,
    views: &Arc<RwLock<Views>>,
    jobs: Sender<snapshots::Job>,
) -> std::io::Result<(IngressSender, Stages)> {
    let slots = config.ring_slots;
    let Recovered { journal, last_time_ns, engine, .. } = recovered;
    *views.write() = Views::of(&engine);
    progress.published_sequence.store_release(engine.sequence());
    progress.durable_sequence.store_release(journal.durable());
    let tasks = InRing::new(slots, Slot::with_room);
    let outcomes = OutRing::new(slots, Outcome::with_room);
    let (ingress_sender, ingress_receiver) = ingress();
    let (writers, new_writers) = unbounded();
    let (checkpoints, checkpoints_due) = bounded(CHECKPOINTS_WAITING_MAX);
    let (taken, snapshots_taken) = unbounded();
    let (feed_view_sender, feed_view_receiver) = feed_view();
    let receiver = Receiver::new(
        tasks.receiver,
        slots,
        progress.clone(),
        (ingress_receiver, writers),
        &engine,
        config.settings(),
        (config.message_bytes_max, config.clock.clone()),
    )?;
    let journal = JournalStage::new(
        tasks.journal,
        slots,
        journal,
        last_time_ns,
        (config.durability, config.clock.clone()),
        (progress.clone(), checkpoints_due),
    );
    let publisher = Publisher::new(
        (tasks.publisher, outcomes.publisher),
        progress.clone(),
        new_writers,
        (snapshots_taken, jobs, feed_view_receiver),
        &engine,
        (config.outbound_bytes_max, config.clock.clone()),
    )?;
    let engine = EngineStage::new(tasks.engine, outcomes.engine, engine, checkpoints, progress.clone());
    let views =
        ViewsStage::new((tasks.views, outcomes.views), views.clone(), (taken, feed_view_sender), progress.clone());
    let mut stages = Stages::default();
    stages[StageName::Receiver as usize] = Some(AnyStage::Receiver(Box::new(receiver)));
    stages[StageName::Journal as usize] = Some(AnyStage::Journal(Box::new(journal)));
    stages[StageName::Engine as usize] = Some(AnyStage::Engine(Box::new(engine)));
    stages[StageName::Publisher as usize] = Some(AnyStage::Publisher(Box::new(publisher)));
    stages[StageName::Views as usize] = Some(AnyStage::Views(Box::new(views)));
    Ok((ingress_sender, stages))
}

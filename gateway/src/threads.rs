//! Threads: which stages run on which, pinned where, and what they do when there is nothing to do.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ordo_core::ring::Stage;

use crate::config::Wait;
use crate::progress::Progress;

/// Tasks a stage may do before the next stage of its thread has its turn.
const BUDGET: usize = 256;
/// Empty rounds before a thread sleeps, where it may.
const ROUNDS_BEFORE_SLEEP: u32 = 200;
const PARK: Duration = Duration::from_micros(50);
/// While a group is on its way to the disk. A write's completion is a kernel worker's job, and a thread that only
/// yields can keep that worker from its core for seconds.
const ROUNDS_BEFORE_NAP: u32 = 20;
/// Some milliseconds of nothing: an idle hub leaves most of its cores to others.
const ROUNDS_IDLE: u32 = 10_000;
const NAP: Duration = Duration::from_micros(5);
/// Sleeps may end this much late: the default, 50 us, is longer than a nap.
const TIMER_SLACK_NS: NonZeroU64 = NonZeroU64::new(1_000).expect("not zero");

/// Runs stages one after another until all are finished, or the hub fails; gives them back.
pub(crate) fn drive<S: Drive + Send + 'static>(
    name: &str,
    core: Option<usize>,
    wait: Wait,
    progress: Arc<Progress>,
    mut stages: S,
) -> std::io::Result<JoinHandle<S>> {
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        if let Some(core) = core {
            pin(core);
        }
        if let Err(error) = rustix::thread::set_current_timer_slack(Some(TIMER_SLACK_NS)) {
            tracing::warn!(%error, "short sleeps will be long");
        }
        let mut empty_rounds = 0;
        while progress.fault().is_none() && !stages.is_finished() {
            if stages.poll(BUDGET) > 0 {
                empty_rounds = 0;
                continue;
            }
            empty_rounds += 1;
            match wait {
                Wait::Park if empty_rounds > ROUNDS_BEFORE_SLEEP => thread::sleep(PARK),
                Wait::Yield if empty_rounds > ROUNDS_BEFORE_NAP && progress.is_writing() => thread::sleep(NAP),
                Wait::Yield if empty_rounds > ROUNDS_IDLE => thread::sleep(NAP),
                Wait::Park | Wait::Yield => thread::yield_now(),
            }
        }
        stages
    })
}

/// The views wait for nobody and nobody for them: they never take a core from the pipeline.
pub(crate) const VIEWS_WAIT: Wait = Wait::Park;

/// The stages of one thread.
pub(crate) trait Drive {
    fn poll(&mut self, budget: usize) -> usize;
    fn is_finished(&self) -> bool;
}

/// One stage alone.
#[derive(Debug)]
pub(crate) struct Alone<A>(pub(crate) A);

impl<A: Stage> Drive for Alone<A> {
    fn poll(&mut self, budget: usize) -> usize {
        self.0.poll(budget)
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

/// Two stages, the one nearer to the source first.
#[derive(Debug)]
pub(crate) struct Pair<A, B>(pub(crate) A, pub(crate) B);

impl<A: Stage, B: Stage> Drive for Pair<A, B> {
    fn poll(&mut self, budget: usize) -> usize {
        self.0.poll(budget) + self.1.poll(budget)
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished() && self.1.is_finished()
    }
}

/// Two cores for the two pipeline threads, where there are two to be had.
pub(crate) fn pipeline_cores() -> [Option<usize>; 2] {
    match core_affinity::get_core_ids().as_deref() {
        Some([first, second, ..]) => [Some(first.id), Some(second.id)],
        _ => {
            tracing::warn!("fewer than two cores to be had: the pipeline runs unpinned");
            [None, None]
        }
    }
}

fn pin(core: usize) {
    if !core_affinity::set_for_current(core_affinity::CoreId { id: core }) {
        tracing::warn!(core, "cannot pin to this core: running unpinned");
    }
}

//! Threads: which stages run on which thread and core, and what idle threads do.
//!
//! A layout may ask for more than the machine has: a missing core, fewer cores than pinned threads, or a failure to pin
//! is a warning, and the thread runs unpinned. The main thread is never pinned: its children would inherit that.
//!
//! A panic in a stage ends the process in every build profile: unwinding would release a batch of the ring as
//! processed.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ordo_core::ring::Stage;
use ordo_history::clock::Clock;

use crate::wiring::config::{Config, Durability, StageName, ThreadPlan, Wait};
use crate::wiring::progress::Progress;

/// Tasks that a stage may do before the next stage of its thread has its turn.
const BUDGET: usize = 256;
/// Rounds without work before a thread sleeps, where it may.
const ROUNDS_BEFORE_SLEEP: u32 = 200;
const PARK: Duration = Duration::from_micros(50);
/// The same while a group is being written. Its completion is the work of a kernel thread, which yielding threads can
/// keep from a core for seconds.
const ROUNDS_BEFORE_NAP: u32 = 20;
/// The same when nothing is written: some milliseconds.
const ROUNDS_IDLE: u32 = 10_000;
const NAP: Duration = Duration::from_micros(5);
/// Naps grow with idle time, up to this factor: after idle minutes the first update waits for half a millisecond, and
/// the hub takes a few percent of a core.
const NAPS_MAX: u32 = 100;
/// Latest end of a sleep. The default, 50 us, is longer than a nap.
const TIMER_SLACK_NS: NonZeroU64 = NonZeroU64::new(1_000).expect("not zero");

/// A thread as it will run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) plan: ThreadPlan,
    pub(crate) core: Option<usize>,
    pub(crate) wait: Wait,
}

/// Fits the layout to the machine; logs a warning for each part that does not fit.
pub(crate) fn place(config: &Config) -> Vec<Placed> {
    let cores: Vec<usize> = core_affinity::get_core_ids().unwrap_or_default().iter().map(|core| core.id).collect();
    let (placed, warnings) = place_on(config, &cores);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    placed
}

fn place_on(config: &Config, cores: &[usize]) -> (Vec<Placed>, Vec<String>) {
    let mut warnings = Vec::new();
    let plans = config.layout.threads(cores);
    let mut placed: Vec<Placed> = plans
        .into_iter()
        .map(|plan| Placed { core: plan.core.filter(|_| config.pin), wait: plan.wait_or(config.wait), plan })
        .collect();
    let pinned: BTreeSet<usize> = placed.iter().filter_map(|thread| thread.core).collect();
    if pinned.len() > cores.len() {
        let (threads, cores) = (pinned.len(), cores.len());
        warnings.push(format!("{cores} cores for {threads} pinned threads: all run unpinned"));
        placed.iter_mut().for_each(|thread| thread.core = None);
    }
    for thread in &mut placed {
        if let Some(core) = thread.core.take_if(|core| !cores.contains(core)) {
            warnings.push(format!("no core {core} to be had: {} runs unpinned", thread.plan.name()));
        }
    }
    // A spinning core delays the completions of the disk, and every thread without a core of its own.
    let spare = usize::from(config.durability != Durability::Async);
    let spinning = placed.iter().filter(|thread| thread.wait == Wait::Busy).count();
    if spinning > 0 && spinning + spare > cores.len() {
        let (cores, durability) = (cores.len(), config.durability.name());
        warnings.push(format!(
            "wait=busy on {spinning} threads of {cores} cores leaves none for the disk (durability={durability}): they yield"
        ));
        placed.iter_mut().filter(|thread| thread.wait == Wait::Busy).for_each(|thread| thread.wait = Wait::Yield);
    }
    (placed, warnings)
}

/// Runs stages one after another until all are finished, or the hub fails; gives them back.
pub(crate) fn drive<S: Stage + 'static>(
    thread: &Placed,
    (progress, clock): (Arc<Progress>, Clock),
    mut stages: Vec<(StageName, S)>,
) -> std::io::Result<JoinHandle<Vec<(StageName, S)>>> {
    let (core, wait) = (thread.core, thread.wait);
    thread::Builder::new().name(thread.plan.name()).spawn(move || {
        let _guard = EndWithPanic;
        if let Some(core) = core {
            pin(core);
        }
        if let Err(error) = rustix::thread::set_current_timer_slack(Some(TIMER_SLACK_NS)) {
            tracing::warn!(%error, "timer slack cannot be set: short sleeps will be long");
        }
        let mut empty_rounds: u32 = 0;
        let mut now = clock.now();
        while progress.fault().is_none() && !stages.iter().all(|(_, stage)| stage.is_finished()) {
            let mut done = 0;
            for (name, stage) in &mut stages {
                let updates = stage.poll(BUDGET);
                // The end of a poll is the beginning of the next one: one clock read for each.
                let begun = std::mem::replace(&mut now, clock.now());
                progress.counters.of(*name).count(updates, now.saturating_duration_since(begun), stage.tasks_done());
                done += updates;
            }
            if done > 0 {
                empty_rounds = 0;
                continue;
            }
            empty_rounds = empty_rounds.saturating_add(1);
            idle(wait, empty_rounds, &progress, &clock);
            now = clock.now();
        }
        stages
    })
}

/// What a thread does after a round without work.
#[inline]
fn idle(wait: Wait, empty_rounds: u32, progress: &Progress, clock: &Clock) {
    match wait {
        Wait::Busy => std::hint::spin_loop(),
        Wait::Park if empty_rounds > ROUNDS_BEFORE_SLEEP => clock.sleep(idle_nap(empty_rounds).max(PARK)),
        Wait::Yield if empty_rounds > ROUNDS_BEFORE_NAP && progress.is_writing() => clock.sleep(NAP),
        Wait::Yield if empty_rounds > ROUNDS_IDLE => clock.sleep(idle_nap(empty_rounds)),
        Wait::Park | Wait::Yield => thread::yield_now(),
    }
}

fn idle_nap(empty_rounds: u32) -> Duration {
    NAP * (empty_rounds / ROUNDS_IDLE).clamp(1, NAPS_MAX)
}

/// Aborts the process when its thread unwinds.
struct EndWithPanic;

impl Drop for EndWithPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            std::process::abort();
        }
    }
}

fn pin(core: usize) {
    if !core_affinity::set_for_current(core_affinity::CoreId { id: core }) {
        tracing::warn!(core, "cannot pin to this core: running unpinned");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use super::*;

    /// Layout and warnings for a machine with these cores.
    fn on(cores: &[usize], set: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let mut config = Config::new("data");
        set.iter().for_each(|(key, value)| config.set(key, value).unwrap());
        let (placed, warnings) = place_on(&config, cores);
        let shown = |it: &Placed| ThreadPlan { core: it.core, wait: Some(it.wait), ..it.plan.clone() }.to_string();
        (placed.iter().map(shown).collect(), warnings)
    }

    #[test]
    fn two_cores_have_two_threads_and_floating_views_that_park() {
        let (threads, warnings) = on(&[0, 1], &[]);
        assert_eq!(threads, ["receiver+publisher@0:yield", "journal+engine@1:yield", "views:park"]);
        assert_eq!(warnings, [""; 0]);
    }

    #[test]
    fn one_core_has_one_thread_unpinned() {
        assert_eq!(on(&[3], &[]), (vec!["receiver+journal+engine+publisher+views:yield".into()], vec![]));
    }

    #[test]
    fn fewer_cores_than_pinned_threads_is_a_warning_and_nothing_pinned() {
        let (threads, warnings) = on(&[0, 1], &[("layout", "cores-4")]);
        assert_eq!(threads, ["receiver:yield", "journal:yield", "engine:yield", "publisher:yield", "views:park"]);
        assert!(warnings.len() == 1 && warnings[0].contains("2 cores for 4 pinned threads"), "{warnings:?}");
    }

    #[test]
    fn a_core_that_is_not_there_is_a_warning_and_its_thread_unpinned() {
        let (threads, warnings) = on(&[0, 1], &[("layout", "receiver+publisher@0,journal+engine@7")]);
        assert_eq!(threads, ["receiver+publisher@0:yield", "journal+engine:yield", "views:park"]);
        assert!(warnings.len() == 1 && warnings[0].contains("no core 7"), "{warnings:?}");
    }

    #[test]
    fn pin_false_counts_more_than_the_layout() {
        let (threads, warnings) = on(&[0, 1], &[("layout", "receiver+publisher@0,journal+engine@7"), ("pin", "false")]);
        assert_eq!(threads, ["receiver+publisher:yield", "journal+engine:yield", "views:park"]);
        assert_eq!(warnings, [""; 0]);
    }

    #[test]
    fn durable_threads_spin_only_where_a_core_is_left() {
        let busy = [("wait", "busy")];
        let (threads, warnings) = on(&[0, 1], &busy);
        assert_eq!(threads, ["receiver+publisher@0:yield", "journal+engine@1:yield", "views:park"]);
        assert!(warnings.len() == 1 && warnings[0].contains("they yield"), "{warnings:?}");
        let (threads, warnings) = on(&[0, 1], &[busy[0], ("durability", "async")]);
        assert_eq!(threads[..2], ["receiver+publisher@0:busy", "journal+engine@1:busy"]);
        assert_eq!(warnings, [""; 0]);
        let (threads, warnings) = on(&[0, 1, 2], &busy);
        assert_eq!(threads[..2], ["receiver+publisher@0:busy", "journal+engine@1:busy"]);
        assert_eq!(warnings, [""; 0]);
    }

    struct Panics;

    impl Stage for Panics {
        fn name(&self) -> &'static str {
            "panics"
        }

        fn poll(&mut self, _: usize) -> usize {
            panic!("a broken invariant")
        }

        fn tasks_done(&self) -> u64 {
            0
        }

        fn is_finished(&self) -> bool {
            false
        }
    }

    #[test]
    fn a_panic_in_a_stage_ends_the_process() {
        const IN_CHILD: &str = "ORDO_TEST_PANIC";
        const SIGABRT: i32 = 6;
        if std::env::var_os(IN_CHILD).is_some() {
            let plan = "receiver,journal,engine,publisher"
                .parse::<crate::wiring::config::Layout>()
                .unwrap()
                .threads(&[])
                .remove(0);
            let thread = Placed { plan, core: None, wait: Wait::Park };
            let running =
                drive(&thread, (Arc::default(), Clock::system()), vec![(StageName::Receiver, Panics)]).unwrap();
            let _ = running.join();
            std::process::exit(0);
        }
        let me = std::env::current_exe().unwrap();
        let this = ["--exact", "wiring::threads::tests::a_panic_in_a_stage_ends_the_process"];
        let ended = Command::new(me).args(this).env(IN_CHILD, "1").output().unwrap();
        assert_eq!(ended.status.signal(), Some(SIGABRT), "{ended:?}");
    }
}

//! `Layout`: which stages run on which threads and cores.
//!
//! Stages are architecture, threads are deployment. A layout describes the deployment; `threads.rs` fits it to the
//! machine at start.

use std::fmt;
use std::str::FromStr;

use super::{Choice, Wait};
use crate::wiring::stages::STAGES;

/// A stage of the pipeline, in an update's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StageName {
    Receiver,
    Journal,
    Engine,
    Publisher,
    Views,
}

impl Choice for StageName {
    const ALL: &'static [StageName] = &{
        let mut all = [StageName::Receiver; STAGES.len()];
        let mut at = 0;
        while at < all.len() {
            all[at] = STAGES[at].stage;
            at += 1;
        }
        all
    };

    fn name(self) -> &'static str {
        self.spec().name
    }
}

/// One thread of a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadPlan {
    /// In the order of the pipeline.
    pub stages: Vec<StageName>,
    /// Number of the core in the system. None: not pinned.
    pub core: Option<usize>,
    /// None: as the setting `wait` says.
    pub wait: Option<Wait>,
}

impl ThreadPlan {
    fn of(stages: &[StageName], core: Option<usize>) -> ThreadPlan {
        ThreadPlan { stages: stages.to_vec(), core, wait: None }
    }

    /// How the thread waits: as the layout names it, else as its stages want or as configured.
    pub(crate) fn wait_or(&self, configured: Wait) -> Wait {
        let parks = self.stages.iter().all(|stage| stage.spec().parks);
        self.wait.unwrap_or(if parks { Wait::Park } else { configured })
    }

    /// The names of its stages.
    pub(crate) fn name(&self) -> String {
        self.stages.iter().map(|stage| stage.name()).collect::<Vec<_>>().join("+")
    }
}

impl fmt::Display for ThreadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        if let Some(core) = self.core {
            write!(f, "@{core}")?;
        }
        self.wait.map_or(Ok(()), |wait| write!(f, ":{}", wait.name()))
    }
}

/// A predefined layout. It uses the first cores that the process may run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// All stages on one thread.
    Cores1,
    /// Sockets on one core, journal and engine on the other, about equally loaded. The views are not pinned.
    Cores2,
    /// One core for each stage; the views are not pinned.
    Cores4,
    /// One core for each stage, the views included. The first core is left to interrupts, the rest to the disk and to
    /// REST.
    Cores8,
}

impl Choice for Preset {
    const ALL: &'static [Preset] = &[Preset::Cores1, Preset::Cores2, Preset::Cores4, Preset::Cores8];

    fn name(self) -> &'static str {
        match self {
            Preset::Cores1 => "cores-1",
            Preset::Cores2 => "cores-2",
            Preset::Cores4 => "cores-4",
            Preset::Cores8 => "cores-8",
        }
    }
}

impl Preset {
    fn for_cores(cores: usize) -> Preset {
        match cores {
            0 | 1 => Preset::Cores1,
            2 | 3 => Preset::Cores2,
            4..=7 => Preset::Cores4,
            _ => Preset::Cores8,
        }
    }

    /// Its threads for a machine with these cores; missing cores get numbers that do not exist there.
    fn threads(self, cores: &[usize]) -> Vec<ThreadPlan> {
        use StageName::{Engine, Journal, Publisher, Receiver, Views};
        let beyond = cores.iter().max().map_or(0, |last| last + 1);
        let core = |nth: usize| Some(cores.get(nth).copied().unwrap_or(beyond + nth));
        let (stages, first, floating): (&[&[StageName]], usize, &[&[StageName]]) = match self {
            Preset::Cores1 => (&[], 0, &[&[Receiver, Journal, Engine, Publisher, Views]]),
            Preset::Cores2 => (&[&[Receiver, Publisher], &[Journal, Engine]], 0, &[&[Views]]),
            Preset::Cores4 => (&[&[Receiver], &[Journal], &[Engine], &[Publisher]], 0, &[&[Views]]),
            Preset::Cores8 => (&[&[Receiver], &[Journal], &[Engine], &[Publisher], &[Views]], 1, &[]),
        };
        let pinned = stages.iter().zip(first..).map(|(stages, nth)| ThreadPlan::of(stages, core(nth)));
        pinned.chain(floating.iter().map(|stages| ThreadPlan::of(stages, None))).collect()
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// The preset for the number of cores that the process may run on.
    Auto,
    Preset(Preset),
    /// Every stage once.
    Threads(Vec<ThreadPlan>),
}

impl Layout {
    pub(super) const RANGE: &'static str = "auto, cores-1, cores-2, cores-4, cores-8, or threads, each STAGE+STAGE[@CORE][:WAIT], with a comma \
         between them; the stages receiver, journal, engine, publisher once each, views at most once";

    /// Its threads for a machine with these cores.
    pub(crate) fn threads(&self, cores: &[usize]) -> Vec<ThreadPlan> {
        match self {
            Layout::Auto => Preset::for_cores(cores.len()).threads(cores),
            Layout::Preset(preset) => preset.threads(cores),
            Layout::Threads(threads) => threads.clone(),
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layout::Auto => f.write_str("auto"),
            Layout::Preset(preset) => f.write_str(preset.name()),
            Layout::Threads(threads) => {
                let threads: Vec<String> = threads.iter().map(ThreadPlan::to_string).collect();
                f.write_str(&threads.join(","))
            }
        }
    }
}

impl FromStr for Layout {
    type Err = String;

    fn from_str(text: &str) -> Result<Layout, String> {
        if text == "auto" {
            return Ok(Layout::Auto);
        }
        if let Some(preset) = Preset::of_name(text) {
            return Ok(Layout::Preset(preset));
        }
        let threads: Result<Vec<ThreadPlan>, String> = text.split(',').map(|thread| plan(thread.trim())).collect();
        let mut threads = threads?;
        complete(&mut threads)?;
        Ok(Layout::Threads(threads))
    }
}

/// `STAGE+STAGE[@CORE][:WAIT]`.
fn plan(text: &str) -> Result<ThreadPlan, String> {
    let (rest, wait) = text.split_once(':').map_or((text, None), |(rest, wait)| (rest, Some(wait)));
    let (stages, core) = rest.split_once('@').map_or((rest, None), |(stages, core)| (stages, Some(core)));
    let wait = wait.map(|it| Wait::of_name(it).ok_or(format!("'{it}' is no way to wait: park, yield or busy")));
    let core = core.map(|it| it.parse().map_err(|_| format!("'{it}' is no core's number")));
    let stage =
        |it: &str| StageName::of_name(it.trim()).ok_or(format!("'{it}' is no stage; expected {}", Layout::RANGE));
    let mut stages = stages.split('+').map(stage).collect::<Result<Vec<StageName>, String>>()?;
    stages.sort_unstable();
    Ok(ThreadPlan { stages, core: core.transpose()?, wait: wait.transpose()? })
}

/// Checks that every stage is there once; adds a thread for the views if they are missing.
fn complete(threads: &mut Vec<ThreadPlan>) -> Result<(), String> {
    let count = |stage: StageName| threads.iter().flat_map(|it| &it.stages).filter(|it| **it == stage).count();
    for stage in StageName::ALL {
        match count(*stage) {
            1 => {}
            0 if *stage == StageName::Views => {}
            0 => return Err(format!("the stage {} is on no thread", stage.name())),
            _ => return Err(format!("the stage {} is there more than once", stage.name())),
        }
    }
    let mut cores: Vec<usize> = threads.iter().filter_map(|thread| thread.core).collect();
    cores.sort_unstable();
    if let Some(twice) = cores.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("core {} has two threads: put their stages on one", twice[0]));
    }
    if count(StageName::Views) == 0 {
        threads.push(ThreadPlan::of(&[StageName::Views], None));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_printed_as_it_is_read() {
        let printed = [
            ("auto", "auto"),
            ("cores-2", "cores-2"),
            ("receiver+publisher@0,journal+engine@1", "receiver+publisher@0,journal+engine@1,views"),
            (
                "engine + journal@3:busy, views+receiver:park ,publisher",
                "journal+engine@3:busy,receiver+views:park,publisher",
            ),
        ];
        for (text, again) in printed {
            let layout: Layout = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(layout.to_string(), again);
            assert_eq!(again.parse(), Ok(layout));
        }
    }

    #[test]
    fn every_stage_is_on_exactly_one_thread() {
        let refused = [
            ("receiver,journal,engine", "publisher is on no thread"),
            ("receiver,journal,engine,publisher,journal", "journal is there more than once"),
            ("receiver+receiver,journal,engine,publisher", "receiver is there more than once"),
            ("receiver,journal,engine,publisher,views,views", "views is there more than once"),
            ("receiver,journal,engine,replicator", "'replicator' is no stage"),
            ("", "'' is no stage"),
            ("cores-3", "'cores-3' is no stage"),
            ("receiver@0,journal@0,engine,publisher", "core 0 has two threads"),
            ("receiver@x,journal,engine,publisher", "'x' is no core's number"),
            ("receiver:spin,journal,engine,publisher", "'spin' is no way to wait"),
        ];
        for (text, why) in refused {
            let Err(said) = text.parse::<Layout>() else { panic!("'{text}' was taken") };
            assert!(said.contains(why), "'{text}': {said}");
        }
    }

    #[test]
    fn presets_are_layouts_for_the_cores_that_are_there() {
        let shown = |layout: Layout, cores: &[usize]| Layout::Threads(layout.threads(cores)).to_string();
        assert_eq!(shown(Layout::Auto, &[5]), "receiver+journal+engine+publisher+views");
        assert_eq!(shown(Layout::Auto, &[0, 1]), "receiver+publisher@0,journal+engine@1,views");
        assert_eq!(shown(Layout::Auto, &[4, 6, 7]), "receiver+publisher@4,journal+engine@6,views");
        assert_eq!(shown(Layout::Auto, &[0, 1, 2, 3]), "receiver@0,journal@1,engine@2,publisher@3,views");
        let eight: Vec<usize> = (0..8).collect();
        assert_eq!(shown(Layout::Auto, &eight), "receiver@1,journal@2,engine@3,publisher@4,views@5");
        for preset in Preset::ALL {
            let text = shown(Layout::Preset(*preset), &eight);
            assert!(text.parse::<Layout>().is_ok(), "{text}");
        }
    }
}

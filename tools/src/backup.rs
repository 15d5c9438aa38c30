//! `ordo backup`: a consistent copy of a hub's folder, also while the hub runs.
//!
//! Snapshots first, then segments, so that no snapshot is ahead of what it stands for. The open segment is cut right
//! behind its last Mark, which proves that all before it is durable; where nobody writes any more and frames without a
//! Mark are left, as after a kill, they are kept as a start would keep them.
//!
//! Invariants: the source is only read, and nothing waits for this. What is at DEST under its own name is whole,
//! verified and on stable storage. Absent on purpose: the tail, which a copy must not go on from.

pub(crate) mod draft;
pub(crate) mod held;

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use ordo_journal::{SegmentInfo, Snapshots, segments};

use self::draft::{Draft, begin_and_snapshots};
use self::held::{Held, facts, of_read};
use crate::signals::StopAsked;
use crate::table::Output;
use crate::{Failure, check_folder};

/// Copies a hub's folder, also of a running hub
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo backup ./data --to /backups/2026-11-22

The copy holds all that was durable when it began, and is verified before it gets its name; an interrupted one keeps a
name that ends in .partial, and can be removed. What a hub with durability=async has not brought to the disk yet is not
in it. Prints the last number and time that it holds, and its size. Back again: ordo restore.
Exits 65 if the folder is damaged: run 'ordo journal verify'.")]
pub(crate) struct Backup {
    /// Folder of the journal
    dir: PathBuf,
    /// Folder for the copy: new or empty
    #[arg(long, value_name = "DEST")]
    to: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// A hub that runs has said by then, with a Mark, that what was there is durable; unless its disk stalls for longer.
const MARK_PATIENCE: Duration = Duration::from_millis(500);

impl Backup {
    pub(crate) fn run(self) -> Result<(), Failure> {
        check_folder(&self.dir)?;
        let mut draft = Draft::of(&self.dir, &self.to, StopAsked::install()?)?;
        let begun = Instant::now();
        let known = last_number(&self.segments()?).max(self.newest_snapshot()?);
        for name in begin_and_snapshots(&self.dir)? {
            // A hub thins its snapshots as it goes.
            draft.copy_if_there(&self.dir, &name)?;
        }
        let open = self.copy_sealed(&mut draft)?;
        thread::sleep(MARK_PATIENCE.saturating_sub(begun.elapsed()));
        draft.copy(&self.dir, &open)?;
        let found = Held::verify(draft.path())?;
        // What is wrong now was wrong there: the copy has just been made.
        let of_source = |why| {
            let dir = self.dir.display();
            Failure::with_code(65, format!("{dir} is damaged: {why}; run 'ordo journal verify {dir}'"))
        };
        let end = found.end(known).map_err(of_source)?;
        draft.zero_from(&open, end.offset)?;
        draft.keep_good_snapshots(end.number)?;
        let held = Held::verify(draft.path())?;
        held.check_is(end.number)?;
        held.check_can_start(&draft)?;
        held.leave_note(draft.path())?;
        let facts = facts(&held, draft.contents()?, begun.elapsed());
        draft.finish()?;
        facts.print(self.output.format())
    }

    /// What a snapshot holds is durable; a journal that ends before it has lost its end.
    fn newest_snapshot(&self) -> Result<u64, Failure> {
        let known = Snapshots::new(&self.dir, usize::MAX).known_durable();
        known.map_err(|error| Failure::new(format!("{}: {error}", self.dir.display())))
    }

    fn segments(&self) -> Result<Vec<SegmentInfo>, Failure> {
        let listed = segments(&self.dir).map_err(|error| of_read(&self.dir, error))?;
        if listed.is_empty() {
            return Err(Failure::new(format!("{}: no journal is in it", self.dir.display())));
        }
        Ok(listed)
    }

    /// Copies the segments that nobody writes to any more, those too that become so meanwhile; the name of the open one.
    fn copy_sealed(&self, draft: &mut Draft) -> Result<String, Failure> {
        let mut next = 0;
        loop {
            let listed = self.segments()?;
            draft.expect(listed.iter().filter(|segment| segment.index >= next).map(|segment| segment.bytes).sum());
            let before = next;
            for segment in listed.iter().filter(|segment| segment.is_sealed) {
                if segment.index >= next {
                    draft.copy(&self.dir, &segment.name)?;
                    next = segment.index + 1;
                }
            }
            let open = listed.into_iter().find(|segment| !segment.is_sealed);
            if let Some(open) = open.filter(|open| before == next && open.index >= next) {
                return Ok(open.name);
            }
        }
    }
}

/// The last number that the segments have.
fn last_number(segments: &[SegmentInfo]) -> u64 {
    segments.iter().filter_map(|segment| segment.last).map(|(number, _)| number).max().unwrap_or(0)
}

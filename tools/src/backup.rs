//! `ordo backup`: a consistent copy of a hub's folder, also while the hub runs.
//!
//! Snapshots are copied before segments, so that no snapshot is ahead of the segments. The open segment is cut after its
//! last Mark, which proves that every frame before it is durable; in the folder of a hub that was killed, frames after
//! the last Mark are kept, as a start keeps them.
//!
//! Invariants: the source is only read, and the hub never waits for a backup. A folder at DEST under its final name is
//! complete, verified and on stable storage. Absent on purpose: the tail, from which a copy must not continue.

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

/// Copies the folder of a hub, also while the hub runs
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo backup ./data --to /backups/2026-11-22

The copy holds every update that was durable when the backup began, and is verified before it gets its name; an
interrupted one keeps a name that ends in .partial and can be removed. Updates of a hub with durability=async that are not
on stable storage yet are not in it. Prints the last number and time of the copy, and its size. 'ordo restore' is the way
back. Exits 65 if the folder is damaged: run 'ordo journal verify'.")]
pub(crate) struct Backup {
    /// Folder of the journal
    dir: PathBuf,
    /// Folder for the copy: new or empty
    #[arg(long, value_name = "DEST")]
    to: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Within this time a running hub writes a Mark for the frames that were there, unless its disk stalls.
const MARK_PATIENCE: Duration = Duration::from_millis(500);

impl Backup {
    pub(crate) fn run(self) -> Result<(), Failure> {
        check_folder(&self.dir)?;
        let mut draft = Draft::of(&self.dir, &self.to, StopAsked::install()?)?;
        let begun = Instant::now();
        let known = last_number(&self.segments()?).max(self.newest_snapshot()?);
        for name in begin_and_snapshots(&self.dir)? {
            // A running hub thins its snapshots out.
            draft.copy_if_there(&self.dir, &name)?;
        }
        let open = self.copy_sealed(&mut draft)?;
        thread::sleep(MARK_PATIENCE.saturating_sub(begun.elapsed()));
        draft.copy(&self.dir, &open)?;
        let found = Held::verify(draft.path())?;
        // The copy has just been made: damage found in it was in the source.
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
        held.write_note(draft.path())?;
        let facts = facts(&held, draft.contents()?, begun.elapsed());
        draft.finish()?;
        facts.print(self.output.format())
    }

    /// The number of the newest snapshot: its updates were durable, and a journal that ends before it lost its end.
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

    /// Copies the sealed segments, also those sealed meanwhile; the name of the open one.
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

/// The last number in the segments.
fn last_number(segments: &[SegmentInfo]) -> u64 {
    segments.iter().filter_map(|segment| segment.last).map(|(number, _)| number).max().unwrap_or(0)
}

//! `ordo restore`: copies a backup into a folder that a hub can start on.
//!
//! The backup is verified before, the copy after; a folder under its final name is complete. A hub that starts there has
//! the state of the last update in the backup; adapters send later updates again, from where the hub resumes.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use crate::backup::draft::{Draft, begin_and_snapshots};
use crate::backup::held::{Held, facts};
use crate::signals::StopAsked;
use crate::table::Output;
use crate::{Failure, check_folder};

/// Copies a backup into a new folder for a hub
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo restore /backups/2026-11-22 --data ./data && ordo serve --data ./data

Verifies the backup, copies it, and verifies the copy. An interrupted copy keeps a name that ends in .partial and can be
removed. Exits 65 if the backup is damaged.")]
pub(crate) struct Restore {
    /// Folder that ordo backup made
    backup: PathBuf,
    /// Folder for the hub: new or empty
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    output: Output,
}

impl Restore {
    pub(crate) fn run(self) -> Result<(), Failure> {
        check_folder(&self.backup)?;
        let mut draft = Draft::of(&self.backup, &self.data, StopAsked::install()?)?;
        let begun = Instant::now();
        let backup = Held::verify(&self.backup)?;
        backup.check_is(backup.last_number())?;
        backup.check_note()?;
        draft.expect(backup.report.segment_bytes * backup.report.segments.len() as u64);
        for name in begin_and_snapshots(&self.backup)? {
            draft.copy_if_there(&self.backup, &name)?;
        }
        for segment in &backup.report.segments {
            draft.copy(&self.backup, &segment.name)?;
        }
        draft.keep_good_snapshots(backup.last_number())?;
        let held = Held::verify(draft.path())?;
        held.check_is(backup.last_number())?;
        if held.check() != backup.check() {
            return Err(Failure::with_code(65, "the copy differs from the backup; run this command again"));
        }
        held.check_can_start(&draft)?;
        let facts = facts(&held, draft.contents()?, begun.elapsed());
        draft.finish()?;
        facts.print(self.output.format())
    }
}

//! `ordo journal verify`: checks every record and the chain.

use std::path::{Path, PathBuf};

use clap::Args;
use ordo_journal::{Bad, Field, ReadError, Report, verify};

use super::time;
use crate::logging::note;
use crate::table::{Output, Table};
use crate::{Failure, check_folder};

/// Checks every record and the chain that links them
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo journal verify ./data

Exits 0 if all is good, else 1; then prints the first bad position with its file and offset, and the range that is good.
Only reads: safe on the folder of a running hub.")]
pub(super) struct Verify {
    /// Folder of the journal
    dir: PathBuf,
    #[command(flatten)]
    output: Output,
}

impl Verify {
    pub(super) fn run(self) -> Result<(), Failure> {
        check_folder(&self.dir)?;
        let report = verify(&self.dir).map_err(|error| match error {
            ReadError::Archived { archived } => {
                Failure::new(format!("segments were archived meanwhile, up to {archived}: run this command again"))
            }
            error => Failure::new(format!("{}: {error}", self.dir.display())),
        })?;
        segments(&report).print(self.output.format())?;
        for remark in &report.remarks {
            note!("{remark}");
        }
        note!("{}", still_good(&report));
        match &report.bad {
            Some(bad) => Err(Failure::new(verdict(&self.dir, bad, report.snapshot))),
            None if report.is_good() => Ok(()),
            None => Err(Failure::new("every record is good, but not all around them; see above")),
        }
    }
}

fn segments(report: &Report) -> Table {
    let mut table =
        Table::new(&["Segment", "Frames", "First", "UsedBytes", "Blake3"], &["Frames", "First", "UsedBytes"]);
    for segment in &report.segments {
        table.push(vec![
            segment.name.clone(),
            segment.frames.to_string(),
            segment.first_sequence.map_or_else(String::new, |sequence| sequence.to_string()),
            segment.used_bytes.to_string(),
            segment.blake3.iter().map(|byte| format!("{byte:02x}")).collect(),
        ]);
    }
    table
}

fn still_good(report: &Report) -> String {
    match (report.first, report.last) {
        (Some((first, from)), Some((last, to))) => format!(
            "good: {} frames, {first} to {last}, {} to {}; durable up to {}",
            report.frames,
            time(from),
            time(to),
            report.durable
        ),
        _ => "good: no frames".into(),
    }
}

fn verdict(dir: &Path, bad: &Bad, snapshot: u64) -> String {
    let what = match bad.unknown {
        Some((kind, version)) => format!("a record of kind {kind}, version {version}, which this build does not know"),
        None => bad.place.to_string(),
    };
    let advice = match (bad.unknown, bad.was_durable) {
        _ if bad.segment.as_ref().is_some_and(|why| why.starts_with("format version")) => {
            "use the build that wrote it, or a newer one".into()
        }
        (None, _) if bad.segment.is_some() => {
            "a hub does not start without it: restore it, or the whole folder, from a copy".into()
        }
        (Some(_), _) => "use the build that wrote it, or a newer one".into(),
        (None, true) if bad.place.field == Field::Missing => {
            format!("it was durable up to {snapshot}, according to a snapshot: restore the missing part from a copy")
        }
        (None, true) => "it was durable: restore the file from a copy".into(),
        (None, false) => "it was never acknowledged: a torn end, which the next start cuts off".to_string(),
    };
    let file = dir.join(&bad.file);
    let why = bad.segment.as_ref().map_or_else(String::new, |why| format!(", {why}"));
    format!("{what}, in {} at byte {}{why}; {advice}", file.display(), bad.place.offset)
}

//! The verified contents of a folder.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ordo_journal::{Field, HEADER_BYTES, Kind, ReadError, RealDisk, Report, verify_on};

use super::draft::{Contents, Draft, create, failed};
use crate::Failure;
use crate::input_file::{SETTINGS_BYTES_MAX, read_text};
use crate::journal::time;
use crate::logging::note;
use crate::replay::Progress;
use crate::table::Facts;

/// A verified folder.
pub(crate) struct Held {
    dir: PathBuf,
    pub(crate) report: Report,
    /// Bytes of good frames after the last Mark.
    behind_mark: u64,
}

/// The end of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// In the open segment, bytes.
    pub(crate) offset: u64,
    /// The last number before it.
    pub(crate) number: u64,
}

/// Records where a backup ends: the chain alone does not show that its last segments are missing.
const NOTE_NAME: &str = "backup.toml";
/// The mode of a hub's files.
const NOTE_MODE: u32 = 0o640;

impl Held {
    pub(crate) fn verify(dir: &Path) -> Result<Held, Failure> {
        let bar = Progress::new();
        let mut behind_mark = 0;
        let report = verify_on(Arc::new(RealDisk::new()), dir, &mut |frame| {
            behind_mark = match frame.kind {
                Kind::Mark => 0,
                _ => behind_mark + (HEADER_BYTES + frame.body.len()).next_multiple_of(8) as u64,
            };
            bar.tick();
        });
        let report = report.map_err(|error| of_read(dir, error))?;
        Ok(Held { dir: dir.into(), report, behind_mark })
    }

    pub(crate) fn last_number(&self) -> u64 {
        self.report.last.map_or(self.report.begins_after, |(number, _)| number)
    }

    /// Where to cut a copy whose source may have been written meanwhile; updates up to `known` were there before.
    pub(crate) fn end(&self, known: u64) -> Result<End, String> {
        let last = self.last_number();
        let open = self.report.segments.last().ok_or("no segment is there")?;
        match &self.report.bad {
            Some(bad) if last < known || bad.unknown.is_some() || bad.file != open.name => {
                return Err(format!("{}, in {} at byte {}", bad.place, bad.file, bad.place.offset));
            }
            // A segment gets its name when it has its size: it is not still being made.
            Some(bad) if bad.place.field == Field::Size => {
                return Err(format!("{}, in {}: the file is too short", bad.place, bad.file));
            }
            None if last < known => return Err(format!("it ends at {last}, and {known} was in it before")),
            _ => {}
        }
        if self.report.durable >= known {
            return Ok(End { offset: open.used_bytes - self.behind_mark, number: self.report.durable });
        }
        // No Mark has been written: no hub runs on this folder.
        Ok(End { offset: open.used_bytes, number: last })
    }

    /// Refuses a copy that is damaged, or does not end at `last_number`.
    pub(crate) fn check_is(&self, last_number: u64) -> Result<(), Failure> {
        let dir = self.dir.display();
        for remark in &self.report.remarks {
            note!("{remark}");
        }
        if let Some(bad) = &self.report.bad {
            return Err(Failure::with_code(65, format!("{dir}: {}, in {}; take another copy", bad.place, bad.file)));
        }
        if self.last_number() != last_number {
            let last = self.last_number();
            return Err(Failure::with_code(
                65,
                format!("{dir} ends at {last}, not at {last_number}; take another copy"),
            ));
        }
        Ok(())
    }

    /// Refuses a journal whose beginning was archived and that has no snapshot to start from.
    pub(crate) fn check_can_start(&self, draft: &Draft) -> Result<(), Failure> {
        let begins_after = self.report.begins_after;
        if begins_after == 0 || draft.has_snapshot_from(begins_after)? {
            return Ok(());
        }
        Err(Failure::with_code(
            65,
            format!("the journal begins after {begins_after}, and there is no good snapshot to start from"),
        ))
    }

    /// Writes the note that records where the backup ends.
    pub(crate) fn write_note(&self, dir: &Path) -> Result<(), Failure> {
        let path = dir.join(NOTE_NAME);
        let text = format!(
            "# Written by ordo backup, compared by ordo restore.\nlast_number = {}\ncheck = \"{}\"\n",
            self.last_number(),
            self.check()
        );
        let write = || -> std::io::Result<()> {
            let mut file = create(&path, NOTE_MODE)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(failed("write", &path))
    }

    /// Refuses a backup that does not end where its note records. A folder without a note was copied by other means.
    pub(crate) fn check_note(&self) -> Result<(), Failure> {
        let path = self.dir.join(NOTE_NAME);
        if !path.exists() {
            return Ok(());
        }
        let text = read_text(&path, SETTINGS_BYTES_MAX)?;
        let note: toml::Table =
            text.parse().map_err(|error| Failure::with_code(65, format!("{}: {error}", path.display())))?;
        let number = note.get("last_number").and_then(toml::Value::as_integer);
        let check = note.get("check").and_then(toml::Value::as_str);
        if number == i64::try_from(self.last_number()).ok() && check == Some(&*self.check()) {
            return Ok(());
        }
        let noted = number.map_or_else(|| "no number".into(), |number| number.to_string());
        let line = format!(
            "{} ends at {}, not at {noted} as its note records: part of it is missing",
            self.dir.display(),
            self.last_number()
        );
        Err(Failure::with_code(65, line))
    }

    /// A hash of every byte of the segments.
    pub(crate) fn check(&self) -> String {
        self.report.check.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The output for a finished copy.
pub(crate) fn facts(held: &Held, contents: Contents, took: Duration) -> Facts {
    let mut facts = Facts::default();
    facts.push("last_number", held.last_number());
    facts.push("last_time", held.report.last.map_or_else(String::new, |(_, at)| time(at)));
    facts.push("durable_number", held.report.durable);
    facts.push("segments", contents.segments);
    facts.push("snapshots", contents.snapshots);
    facts.push("bytes", contents.bytes);
    facts.push("check", held.check());
    facts.push("seconds", format!("{:.3}", took.as_secs_f64()));
    facts
}

/// A folder that cannot be read as a journal.
pub(crate) fn of_read(dir: &Path, error: ReadError) -> Failure {
    let code = if matches!(error, ReadError::Io { .. }) { 1 } else { 65 };
    Failure::with_code(code, format!("{}: {error}", dir.display()))
}

//! `ordo journal info`: what a folder holds, in short.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use ordo_history::replay::{Options, Replay};
use ordo_journal::{FORMAT_VERSION, FRAME_VERSION, Report, Snapshots, verify};

use super::time;
use crate::logging::note;
use crate::replay::of_replay;
use crate::table::{self, Format, Output, Table, quoted};
use crate::{Failure, check_folder};

/// Segments, positions and times, feeds, snapshots, versions and sizes
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo journal info ./data --json

Reads only: safe on the folder of a running hub. A damaged journal is described as far as it is good.")]
pub(super) struct Info {
    /// Folder of the journal
    dir: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// One fact: what it is about, its name, its value.
type Fact = (&'static str, String, String);

impl Info {
    pub(super) fn run(self) -> Result<(), Failure> {
        check_folder(&self.dir)?;
        let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", self.dir.display()));
        let report = verify(&self.dir).map_err(|error| failed(&error))?;
        let mut facts = journal(&report, &self.dir).map_err(|error| failed(&error))?;
        facts.extend(segments(&report));
        facts.extend(snapshots(&self.dir).map_err(|error| failed(&error))?);
        if report.bad.is_none() {
            facts.extend(feeds(&self.dir)?);
        } else {
            note!("damaged: run 'ordo journal verify {}'", self.dir.display());
        }
        print(&facts, self.output.format())
    }
}

fn journal(report: &Report, dir: &Path) -> std::io::Result<Vec<Fact>> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        // On a live folder one may go, or get another name, while we look.
        bytes += match entry?.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            metadata => metadata?.len(),
        };
    }
    let fact = |name: &str, value: String| ("journal", name.to_owned(), value);
    let end =
        |end: Option<(u64, u64)>| end.map_or_else(|| (String::new(), String::new()), |(n, t)| (n.to_string(), time(t)));
    let ((first, from), (last, to)) = (end(report.first), end(report.last));
    Ok(vec![
        fact("FormatVersion", FORMAT_VERSION.to_string()),
        fact("FrameVersion", FRAME_VERSION.to_string()),
        fact("Frames", report.frames.to_string()),
        fact("FirstNumber", first),
        fact("FirstTime", from),
        fact("LastNumber", last),
        fact("LastTime", to),
        fact("DurableNumber", report.durable.to_string()),
        fact("Epoch", report.epoch.to_string()),
        fact("FolderBytes", bytes.to_string()),
    ])
}

fn segments(report: &Report) -> impl Iterator<Item = Fact> {
    report.segments.iter().map(|segment| {
        let first = segment.first_sequence.map_or_else(|| "nothing".to_owned(), |first| format!("from {first}"));
        (
            "segment",
            segment.name.clone(),
            format!("{} frames, {first}, {} bytes used", segment.frames, segment.used_bytes),
        )
    })
}

fn snapshots(dir: &Path) -> std::io::Result<Vec<Fact>> {
    let snapshots = Snapshots::new(dir, usize::MAX);
    let mut facts = Vec::new();
    for sequence in snapshots.sequences()? {
        let (found, skipped) = snapshots.newest_good_until(sequence)?;
        let value = match found.filter(|snapshot| snapshot.info.sequence == sequence) {
            Some(snapshot) => format!("at {}, {} bytes", time(snapshot.info.time_ns), snapshot.info.body_bytes),
            // A hub takes one away when there are others enough.
            None if !snapshots.sequences()?.contains(&sequence) => continue,
            None => skipped
                .into_iter()
                .next()
                .map_or_else(|| "not good".to_owned(), |skipped| format!("not good: {}", skipped.why)),
        };
        facts.push(("snapshot", sequence.to_string(), value));
    }
    Ok(facts)
}

/// The last position of every sequence: that of `oms` is known to the engine alone.
fn feeds(dir: &Path) -> Result<Vec<Fact>, Failure> {
    let mut replay = Replay::open(dir, Options::default()).map_err(of_replay)?;
    replay.run().map_err(of_replay)?;
    let engine = replay.engine();
    let feeds = engine.names().feeds.iter().zip(engine.feeds());
    Ok(feeds.map(|(name, row)| ("sequence", name.to_string(), row.position.to_string())).collect())
}

fn print(facts: &[Fact], format: Format) -> Result<(), Failure> {
    if format == Format::JsonLines {
        return table::print(&object(facts));
    }
    let mut table = Table::new(&["About", "Name", "Value"], &[]);
    facts.iter().for_each(|(about, name, value)| table.push(vec![(*about).into(), name.clone(), value.clone()]));
    table.print(format)
}

/// One object, with an object for each thing that facts are about.
fn object(facts: &[Fact]) -> String {
    let mut abouts: Vec<&str> = facts.iter().map(|(about, ..)| *about).collect();
    abouts.dedup();
    let objects: Vec<String> = abouts
        .iter()
        .map(|about| {
            let members = facts.iter().filter(|fact| fact.0 == *about);
            let members: Vec<String> =
                members.map(|(_, name, value)| format!("{}:{}", quoted(name), quoted(value))).collect();
            format!("{}:{{{}}}", quoted(about), members.join(","))
        })
        .collect();
    format!("{{{}}}\n", objects.join(","))
}

//! Reads a whole journal and says what is in it and what is not as it should be. Changes nothing.
//!
//! Runs in tools, on a live folder too. Unlike recovery it takes nothing for granted: the zeros behind the last group of
//! a segment and both copies of every header are looked at as well, and what snapshots know of the journal's end. A
//! segment that is missing, or not what its name says, is a bad place like any other: what lies before it is good.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::begin::{Begin, Extent};
use crate::disk::{Disk, RealDisk};
use crate::error::{BadPlace, ReadError};
use crate::frame::{BLOCK_BYTES, Chain, Check, Field, Kind, Parsed};
use crate::scan::{Image, continues};
use crate::segment::{DATA_START, Identity, Segment, copies_good, open_segment, segment_index, segment_name};
use crate::snapshot::Snapshots;

/// What a journal holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub journal: [u8; 16],
    pub segment_bytes: u64,
    pub segments: Vec<SegmentReport>,
    /// Frames up to this one were archived; 0 if the journal is whole.
    pub begins_after: u64,
    /// Numbered frames, all of them good.
    pub frames: u64,
    pub first: Option<(u64, u64)>,
    /// Sequence and time of the last good frame.
    pub last: Option<(u64, u64)>,
    pub epoch: u32,
    /// The last position of each feed.
    pub feeds: BTreeMap<u32, i64>,
    /// Sequence up to which a Mark says that all is durable.
    pub durable: u64,
    /// The same, as the newest snapshot says it; 0 if there is none.
    pub snapshot: u64,
    /// The check of the last good frame: the same journal, the same check.
    pub check: Check,
    pub bad: Option<Bad>,
    /// Things that lose nothing: a damaged copy of a header, dirt in unused room.
    pub remarks: Vec<String>,
}

/// One segment's part in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentReport {
    pub name: String,
    pub frames: u64,
    pub first_sequence: Option<u64>,
    /// Bytes in use, its header among them.
    pub used_bytes: u64,
    /// BLAKE3 of the whole file: to compare with a copy.
    pub blake3: [u8; 32],
}

/// The first bad place; everything before it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    pub file: String,
    pub place: BadPlace,
    /// False: above all that is known to be durable, so a torn end, which the next start cuts.
    pub was_durable: bool,
    /// A type this build does not know, under a good checksum.
    pub unknown: Option<(u8, u8)>,
    /// What is wrong with the whole segment.
    pub segment: Option<String>,
}

/// Where to look: the segments that must be there, and the chain before the first of them.
struct Course {
    extent: Extent,
    /// What a reader would not begin for.
    refused: Option<ReadError>,
}

/// Verifies the journal of a folder.
///
/// # Errors
/// If it cannot be read, if there is none, or if segments are archived meanwhile ([`ReadError::Archived`]): once more then.
pub fn verify(dir: &Path) -> Result<Report, ReadError> {
    verify_on(Arc::new(RealDisk::new()), dir, &mut |_| {})
}

/// Verifies the journal in a folder of some disk; `visit` sees every good frame, Marks and Pads among them.
pub fn verify_on(
    disk: Arc<dyn Disk>,
    dir: &Path,
    visit: &mut dyn FnMut(&crate::Frame<'_>),
) -> Result<Report, ReadError> {
    // Before the segments: on a live folder both go on meanwhile, and no snapshot is of what is not durable.
    let snapshot = Snapshots::on(disk.clone(), dir, usize::MAX).known_durable();
    let snapshot = snapshot.map_err(|source| ReadError::Io { what: dir.display().to_string(), source })?;
    let mut report = Report { snapshot, ..Report::default() };
    let course = match Course::of(&*disk, dir) {
        Err(ReadError::Segment { name, why }) => return report.without_journal(&*disk, dir, name, why),
        course => course?,
    };
    let Course { extent: Extent { indices, before, identity }, refused } = course;
    (report.journal, report.segment_bytes) = (identity.journal, identity.segment_bytes);
    report.begins_after = before.sequence;
    let (mut chain, mut memory) = (before, Vec::new());
    for index in indices.clone() {
        let loaded = load(&*disk, dir, index, identity, std::mem::take(&mut memory), &mut report);
        let (mut image, key) = match loaded.map_err(|error| unless_archived(&*disk, dir, index, error)) {
            Err(ReadError::Segment { why, .. }) => {
                report.lacks_segment(&*disk, dir, index, why, &chain)?;
                continue;
            }
            loaded => loaded?,
        };
        let mut part = SegmentReport {
            name: segment_name(index),
            frames: 0,
            first_sequence: None,
            used_bytes: 0,
            blake3: *blake3::hash(&image.bytes[..image.file_bytes.min(image.bytes.len() as u64) as usize]).as_bytes(),
        };
        if report.bad.is_some() {
            // Beyond the first bad place only Marks count: they tell whether it was durable.
            let was_durable = image.has_mark_from(DATA_START, &key);
            report.bad.iter_mut().for_each(|bad| bad.was_durable |= was_durable);
            report.segments.push(part);
            continue;
        }
        let mut offset = DATA_START;
        // On a live folder the end moves, also while it is read: it is where it is when two looks agree.
        let (why, goes_on) = loop {
            let (end, why) = image.walk(offset, &mut chain, &key, &mut |_, frame| {
                report.see(&mut part, frame);
                visit(frame);
            });
            let goes_on = continues_in(&*disk, dir, index + 1, identity, &indices, &chain)?;
            let is_same = std::mem::replace(&mut offset, end) == end;
            if goes_on || is_same {
                break (why, goes_on);
            }
            let loaded = load(&*disk, dir, index, identity, image.bytes, &mut Report::default());
            image = loaded.map_err(|error| unless_archived(&*disk, dir, index, error))?.0;
        };
        part.used_bytes = offset;
        report.segments.push(part);
        report.end_of_segment(index, &image, &key, offset, why, goes_on, &chain);
        memory = image.bytes;
    }
    report.epoch = chain.epoch;
    report.check = chain.check;
    report.end_before_snapshot(indices.end - 1, &chain);
    match refused {
        // Somewhere else than on the way.
        Some(refused) if report.bad.is_none() => Err(refused),
        _ => Ok(report),
    }
}

impl Course {
    /// As a reader finds it. Where that is refused, all from the segment on that may not be missing, as far as there is
    /// one that says of which journal they are.
    fn of(disk: &dyn Disk, dir: &Path) -> Result<Course, ReadError> {
        let missing = || ReadError::Segment { name: segment_name(0), why: "missing".into() };
        let refused = match Extent::of(disk, dir) {
            Ok(extent) => return Ok(Course { extent: extent.ok_or_else(missing)?, refused: None }),
            Err(refused @ ReadError::Segment { .. }) => refused,
            Err(error) => return Err(error),
        };
        let names = list(disk, dir)?;
        let begin = Begin::read(disk, dir)?;
        let (first, before) = begin.map_or((0, Chain::START), |begin| (begin.index, begin.chain));
        let last = names.iter().filter_map(|name| segment_index(name)).max();
        let indices = first..last.map_or(first, |last| last + 1).max(first + 1);
        let is_its = |identity: &Identity| begin.is_none_or(|begin| begin.journal == identity.journal);
        for index in indices.clone() {
            match open_segment(disk, dir, index, None) {
                Ok(Some((_, identity))) if is_its(&identity) => {
                    let extent = Extent { indices, before, identity };
                    return Ok(Course { extent, refused: Some(refused) });
                }
                Ok(_) | Err(ReadError::Segment { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(refused)
    }
}

impl Report {
    /// Whether nothing at all is to be said against it.
    pub fn is_good(&self) -> bool {
        self.bad.is_none() && self.remarks.is_empty()
    }

    fn see(&mut self, part: &mut SegmentReport, frame: &crate::Frame<'_>) {
        if frame.kind == Kind::Mark {
            self.durable = frame.sequence;
        }
        if !frame.kind.takes_sequence() {
            return;
        }
        self.frames += 1;
        part.frames += 1;
        part.first_sequence.get_or_insert(frame.sequence);
        self.first.get_or_insert((frame.sequence, frame.time_ns));
        self.last = Some((frame.sequence, frame.time_ns));
        if frame.feed != 0 {
            self.feeds.insert(frame.feed, frame.position);
        }
    }

    /// A chain cannot tell that its end is missing; a snapshot of a later state can.
    fn end_before_snapshot(&mut self, last_index: u64, chain: &Chain) {
        if chain.sequence >= self.snapshot {
            return;
        }
        let offset = self.segments.last().map_or(DATA_START, |segment| segment.used_bytes);
        let place = BadPlace { sequence: chain.sequence + 1, segment: last_index, offset, field: Field::Missing };
        let missing = Bad { file: segment_name(last_index), place, was_durable: true, unknown: None, segment: None };
        self.bad.get_or_insert(missing).was_durable = true;
    }

    /// No segment says which journal it is: there was one if any file says so.
    fn without_journal(mut self, disk: &dyn Disk, dir: &Path, name: String, why: String) -> Result<Report, ReadError> {
        let is_there = self.snapshot > 0 || list(disk, dir)?.iter().any(|name| segment_index(name).is_some());
        let Some(index) = segment_index(&name).filter(|_| is_there) else {
            return Err(ReadError::Segment { name, why });
        };
        let chain = Begin::read(disk, dir)?.map_or(Chain::START, |begin| begin.chain);
        self.lacks_segment(disk, dir, index, why, &chain)?;
        Ok(self)
    }

    /// A start refuses a folder with such a segment in it, whatever was durable.
    fn lacks_segment(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        index: u64,
        why: String,
        chain: &Chain,
    ) -> Result<(), ReadError> {
        if self.bad.is_some() {
            return Ok(());
        }
        let file = segment_name(index);
        let field = if list(disk, dir)?.contains(&file) { Field::Header } else { Field::Missing };
        let place = BadPlace { sequence: chain.sequence + 1, segment: index, offset: 0, field };
        self.bad = Some(Bad { file, place, was_durable: true, unknown: None, segment: Some(why) });
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one place, and what was seen there")]
    fn end_of_segment(
        &mut self,
        index: u64,
        image: &Image,
        key: &Check,
        offset: u64,
        why: Parsed,
        goes_on: bool,
        chain: &Chain,
    ) {
        let is_dirty = image.is_dirty_from(offset);
        let name = segment_name(index);
        let dirt = image.dirt_from(offset);
        if goes_on {
            match dirt {
                Some(at) => {
                    self.remarks.push(format!("{name}: byte {at}, in the unused room from {offset} on, is not zero"))
                }
                None if is_dirty => {
                    self.remarks.push(format!("{name}: it ends at byte {}, too early", image.file_bytes))
                }
                None => {}
            }
            return;
        }
        let (field, unknown) = match why {
            Parsed::Unknown { kind, version } => (Field::Check, Some((kind, version))),
            Parsed::Bad(field) => (field, None),
            Parsed::Empty | Parsed::Good(..) if image.is_short() => (Field::Size, None),
            Parsed::Empty | Parsed::Good(..) => (Field::Unused, None),
        };
        // Where nothing is written and nothing follows, it is simply the end; the segments to come say if it is not.
        let at = if field == Field::Unused { dirt.unwrap_or(offset) } else { offset };
        let place = BadPlace { sequence: chain.sequence + 1, segment: index, offset: at, field };
        let was_durable = image.has_mark_from(offset, key);
        if is_dirty || unknown.is_some() {
            self.bad = Some(Bad { file: name, place, was_durable, unknown, segment: None });
        }
    }
}

/// Whether the next segment, if it is there, continues the chain.
fn continues_in(
    disk: &dyn Disk,
    dir: &Path,
    next: u64,
    of: Identity,
    all: &Range<u64>,
    chain: &Chain,
) -> Result<bool, ReadError> {
    if !all.contains(&next) {
        return Ok(false);
    }
    let segment = match open(disk, dir, next, of) {
        Err(ReadError::Segment { .. }) => return Ok(false),
        opened => opened?,
    };
    continues(&*segment.file, &segment.key, chain).map_err(io_error(next))
}

fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<String>, ReadError> {
    disk.list(dir).map_err(|source| ReadError::Io { what: dir.display().to_string(), source })
}

fn open(disk: &dyn Disk, dir: &Path, index: u64, of: Identity) -> Result<Segment, ReadError> {
    match open_segment(disk, dir, index, Some(of))? {
        Some((segment, _)) => Ok(segment),
        None => Err(ReadError::Segment { name: segment_name(index), why: "missing".into() }),
    }
}

fn load(
    disk: &dyn Disk,
    dir: &Path,
    index: u64,
    of: Identity,
    memory: Vec<u8>,
    report: &mut Report,
) -> Result<(Image, Check), ReadError> {
    let segment = open(disk, dir, index, of)?;
    let good = copies_good(&*segment.file).map_err(io_error(index))?;
    for (copy, is_good) in good.into_iter().enumerate() {
        if !is_good {
            let (name, offset) = (segment_name(index), copy as u64 * BLOCK_BYTES);
            report.remarks.push(format!("{name}: copy {} of its header, at byte {offset}, is damaged", copy + 1));
        }
    }
    let image = Image::read(&*segment.file, of.segment_bytes, memory).map_err(io_error(index))?;
    Ok((image, segment.key))
}

/// What is to be said of a segment that cannot be loaded: a running hub may have archived it since this began.
fn unless_archived(disk: &dyn Disk, dir: &Path, index: u64, error: ReadError) -> ReadError {
    match Begin::read(disk, dir) {
        Ok(Some(begin)) if begin.index > index && matches!(error, ReadError::Segment { .. }) => {
            ReadError::Archived { archived: begin.chain.sequence }
        }
        _ => error,
    }
}

fn io_error(index: u64) -> impl FnOnce(std::io::Error) -> ReadError {
    move |source| ReadError::Io { what: segment_name(index), source }
}

#[cfg(test)]
mod tests;

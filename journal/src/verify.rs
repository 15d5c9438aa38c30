//! Reads a whole journal and reports what it holds and where it is damaged. Changes nothing.
//!
//! Runs in tools, on a live folder too. Unlike recovery it takes nothing for granted: it also checks the zeros behind the
//! last group of a segment, the size of its file, both copies of every header, and what snapshots know of the journal's
//! end. A segment that is missing, or not what its name says, is a bad place like any other: what lies before it is good.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::begin::{Begin, Extent, list, open_folder};
use crate::disk::{Disk, Folder, RealDisk};
use crate::error::{BadPlace, ReadError};
use crate::frame::{BLOCK_BYTES, Chain, Check, Field, Kind, Parsed};
use crate::scan::{Image, continues};
use crate::segment::{DATA_START, Identity, Segment, copies_good, open_segment, segment_index, segment_name};
use crate::snapshot::Snapshots;

/// The contents of a journal.
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
    /// Sequence up to which a Mark proves all frames durable.
    pub durable: u64,
    /// The same, as the newest snapshot proves it; 0 if there is none.
    pub snapshot: u64,
    /// The check of the last good frame: the same journal, the same check.
    pub check: Check,
    pub bad: Option<Bad>,
    /// Damage by which nothing is lost: to one of the two copies of a header.
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
    /// BLAKE3 of the file, as far as the segment's size: to compare with a copy.
    pub blake3: [u8; 32],
}

/// The first bad place; everything before it is good. What follows is read on as long as the chain goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    pub file: String,
    pub place: BadPlace,
    /// False: above all that is known to be durable, so a torn end, which the next start cuts.
    pub was_durable: bool,
    /// A type this build does not know, under a good checksum.
    pub unknown: Option<(u8, u8)>,
    /// Why the whole segment cannot be used, where that is so.
    pub segment: Option<String>,
}

/// The segments that must be there, and the chain before the first of them.
struct Course {
    extent: Extent,
    /// Why a reader refuses the folder, if it does.
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
    // Before the segments: on a live folder both go on meanwhile, and a snapshot is of durable frames only.
    let snapshot = Snapshots::on(disk.clone(), dir, usize::MAX).known_durable();
    let snapshot = snapshot.map_err(|source| ReadError::Io { what: dir.display().to_string(), source })?;
    let mut report = Report { snapshot, ..Report::default() };
    let folder = open_folder(&*disk, dir)?;
    let folder = &*folder;
    let course = match Course::of(folder) {
        Err(ReadError::Segment { name, why }) => return report.without_journal(folder, name, why),
        course => course?,
    };
    let Course { extent, refused } = course;
    let Extent { indices, before, identity } = extent;
    (report.journal, report.segment_bytes, report.begins_after) =
        (identity.journal, identity.segment_bytes, before.sequence);
    let (chain, last_index) = (before, indices.end - 1);
    let mut verification = Verification { folder, identity, indices, chain, has_ended: false, report };
    let mut memory = Vec::new();
    for index in verification.indices.clone() {
        memory = verification.segment(index, memory, visit)?;
    }
    let Verification { chain, mut report, .. } = verification;
    report.epoch = chain.epoch;
    report.check = chain.check;
    report.end_before_snapshot(last_index, &chain);
    match refused {
        // Somewhere else than on the way.
        Some(refused) if report.bad.is_none() => Err(refused),
        _ => Ok(report),
    }
}

/// The segments of a journal, gone through one after the other.
struct Verification<'a> {
    folder: &'a dyn Folder,
    identity: Identity,
    indices: Range<u64>,
    /// Where the chain stands before the next segment.
    chain: Chain,
    /// The chain ended at a bad place: later segments do not continue it.
    has_ended: bool,
    report: Report,
}

impl Verification<'_> {
    /// Verifies a segment, in memory that a segment before it has done with; returns the memory.
    fn segment(
        &mut self,
        index: u64,
        memory: Vec<u8>,
        visit: &mut dyn FnMut(&crate::Frame<'_>),
    ) -> Result<Vec<u8>, ReadError> {
        let loaded = load(self.folder, index, self.identity, memory, &mut self.report);
        let (image, key) = match loaded.map_err(|error| unless_archived(self.folder, index, error)) {
            Err(ReadError::Segment { why, .. }) => {
                self.report.lacks_segment(self.folder, index, why, &self.chain)?;
                self.has_ended = true;
                return Ok(Vec::new());
            }
            loaded => loaded?,
        };
        let blake3 = *blake3::hash(&image.bytes[..image.file_bytes as usize]).as_bytes();
        let name = segment_name(index);
        let mut part = SegmentReport { name, frames: 0, first_sequence: None, used_bytes: 0, blake3 };
        if self.has_ended {
            // Beyond the end of the chain only Marks count: they tell whether what is missing was durable.
            let was_durable = image.has_mark_from(DATA_START, &key);
            self.report.bad.iter_mut().for_each(|bad| bad.was_durable |= was_durable);
            self.report.segments.push(part);
            return Ok(image.bytes);
        }
        let walked = self.walk(index, image, &key, &mut part, visit)?;
        part.used_bytes = walked.offset;
        self.report.segments.push(part);
        self.check_end(index, &walked, &key);
        Ok(walked.image.bytes)
    }

    /// Walks all frames of a segment. On a live folder the end moves, also while it is read: it is where two looks agree.
    fn walk(
        &mut self,
        index: u64,
        mut image: Image,
        key: &Check,
        part: &mut SegmentReport,
        visit: &mut dyn FnMut(&crate::Frame<'_>),
    ) -> Result<Walked, ReadError> {
        let mut offset = DATA_START;
        loop {
            let (end, why) = image.walk(offset, &mut self.chain, key, &mut |_, frame| {
                self.report.see(part, frame);
                visit(frame);
            });
            let goes_on = continues_in(self.folder, index + 1, self.identity, &self.indices, &self.chain)?;
            let is_same = std::mem::replace(&mut offset, end) == end;
            if goes_on || is_same {
                return Ok(Walked { image, offset, why, goes_on });
            }
            let loaded = load(self.folder, index, self.identity, image.bytes, &mut Report::default());
            image = loaded.map_err(|error| unless_archived(self.folder, index, error))?.0;
        }
    }

    fn check_end(&mut self, index: u64, walked: &Walked, key: &Check) {
        let end = Place { index, offset: walked.offset, sequence: self.chain.sequence + 1 };
        if walked.goes_on {
            self.report.end_of_sealed(end, &walked.image);
        } else {
            self.has_ended = self.report.end_of_chain(end, &walked.image, key, walked.why);
        }
        if walked.image.is_long {
            self.report.bad.get_or_insert(end.bad(self.identity.segment_bytes, Field::Size));
        }
    }
}

/// A segment whose frames were walked.
struct Walked {
    image: Image,
    /// Where the good frames end, and why.
    offset: u64,
    why: Parsed,
    /// The next segment continues the chain.
    goes_on: bool,
}

impl Course {
    /// As a reader finds it. Where that is refused, all from the segment on that may not be missing, as far as there is
    /// one whose header is good.
    fn of(folder: &dyn Folder) -> Result<Course, ReadError> {
        let missing = || ReadError::Segment { name: segment_name(0), why: "missing".into() };
        let refused = match Extent::of(folder) {
            Ok(extent) => return Ok(Course { extent: extent.ok_or_else(missing)?, refused: None }),
            Err(refused @ ReadError::Segment { .. }) => refused,
            Err(error) => return Err(error),
        };
        let names = list(folder)?;
        let begin = Begin::read(folder)?;
        let (first, before) = begin.map_or((0, Chain::START), |begin| (begin.index, begin.chain));
        let last = names.iter().filter_map(|name| segment_index(name)).max();
        let indices = first..last.map_or(first, |last| last + 1).max(first + 1);
        let is_its = |identity: &Identity| begin.is_none_or(|begin| begin.journal == identity.journal);
        for index in indices.clone() {
            match open_segment(folder, index, None) {
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
    /// Whether nothing is bad and there are no remarks.
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

    /// No segment has a good header: there was a journal if the folder has the name of a segment, or a snapshot.
    fn without_journal(mut self, folder: &dyn Folder, name: String, why: String) -> Result<Report, ReadError> {
        let is_there = self.snapshot > 0 || list(folder)?.iter().any(|name| segment_index(name).is_some());
        let Some(index) = segment_index(&name).filter(|_| is_there) else {
            return Err(ReadError::Segment { name, why });
        };
        let chain = Begin::read(folder)?.map_or(Chain::START, |begin| begin.chain);
        self.lacks_segment(folder, index, why, &chain)?;
        Ok(self)
    }

    /// A start refuses a folder with such a segment in it, whatever was durable.
    fn lacks_segment(&mut self, folder: &dyn Folder, index: u64, why: String, chain: &Chain) -> Result<(), ReadError> {
        if self.bad.is_some() {
            return Ok(());
        }
        let file = segment_name(index);
        let field = if list(folder)?.contains(&file) { Field::Header } else { Field::Missing };
        let place = BadPlace { sequence: chain.sequence + 1, segment: index, offset: 0, field };
        self.bad = Some(Bad { file, place, was_durable: true, unknown: None, segment: Some(why) });
        Ok(())
    }

    /// In a sealed segment nothing but zeros follows the last frame.
    fn end_of_sealed(&mut self, end: Place, image: &Image) {
        if let Some(at) = image.dirt_from(end.offset) {
            self.bad.get_or_insert(end.bad(at, Field::Unused));
        } else if image.is_short() {
            self.bad.get_or_insert(end.bad(image.file_bytes, Field::Size));
        }
    }

    /// Where the chain ends it simply ends, or something is bad: returns whether that is so.
    fn end_of_chain(&mut self, end: Place, image: &Image, key: &Check, why: Parsed) -> bool {
        let (field, unknown) = match why {
            Parsed::Unknown { kind, version } => (Field::Check, Some((kind, version))),
            Parsed::Bad(field) => (field, None),
            Parsed::Empty | Parsed::Good(..) if image.is_short() => (Field::Size, None),
            Parsed::Empty | Parsed::Good(..) => (Field::Unused, None),
        };
        let is_bad = image.is_dirty_from(end.offset) || unknown.is_some();
        if is_bad {
            let at =
                if field == Field::Unused { image.dirt_from(end.offset).unwrap_or(end.offset) } else { end.offset };
            let was_durable = image.has_mark_from(end.offset, key);
            self.bad.get_or_insert(Bad { was_durable, unknown, ..end.bad(at, field) });
        }
        is_bad
    }
}

/// Where the frames of a segment end.
#[derive(Clone, Copy)]
struct Place {
    index: u64,
    offset: u64,
    /// Of the next frame.
    sequence: u64,
}

impl Place {
    /// Damage behind it, to a segment that is known to have been durable there.
    fn bad(self, offset: u64, field: Field) -> Bad {
        let place = BadPlace { sequence: self.sequence, segment: self.index, offset, field };
        Bad { file: segment_name(self.index), place, was_durable: true, unknown: None, segment: None }
    }
}

/// Whether the next segment, if it is there, continues the chain.
fn continues_in(
    folder: &dyn Folder,
    next: u64,
    of: Identity,
    all: &Range<u64>,
    chain: &Chain,
) -> Result<bool, ReadError> {
    if !all.contains(&next) {
        return Ok(false);
    }
    let segment = match open(folder, next, of) {
        Err(ReadError::Segment { .. }) => return Ok(false),
        opened => opened?,
    };
    continues(&*segment.file, &segment.key, chain).map_err(io_error(next))
}

fn open(folder: &dyn Folder, index: u64, of: Identity) -> Result<Segment, ReadError> {
    match open_segment(folder, index, Some(of))? {
        Some((segment, _)) => Ok(segment),
        None => Err(ReadError::Segment { name: segment_name(index), why: "missing".into() }),
    }
}

fn load(
    folder: &dyn Folder,
    index: u64,
    of: Identity,
    memory: Vec<u8>,
    report: &mut Report,
) -> Result<(Image, Check), ReadError> {
    let segment = open(folder, index, of)?;
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

/// The error for a segment that cannot be loaded: a running hub may have archived it since this began.
fn unless_archived(folder: &dyn Folder, index: u64, error: ReadError) -> ReadError {
    match Begin::read(folder) {
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

//! Lists the segments of a journal's folder, reading a few blocks of each: nothing is verified here.
//!
//! Runs in tools and in retention, on a live folder too.

use std::path::Path;
use std::sync::Arc;

use crate::begin::{Extent, open_folder};
use crate::disk::{Access, Disk, Folder, RealDisk};
use crate::error::ReadError;
use crate::reader::Reader;
use crate::scan::first_mark;
use crate::segment::{open_segment, segment_name};

/// Of each segment no more than this is read, unless its first frame is larger.
const PIECE_BYTES: usize = 16 << 10;

/// A segment, as its Marks describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    pub index: u64,
    pub name: String,
    /// Size of its file.
    pub bytes: u64,
    /// Sequence and time of its first frame; none in one that has no frames yet.
    pub first: Option<(u64, u64)>,
    /// Sequence and time of its last frame.
    pub last: Option<(u64, u64)>,
    /// Whether the next one is in use: nothing is written to this one any more.
    pub is_sealed: bool,
}

/// The segments of a folder's journal, in order; the last may have no frames yet.
pub fn segments(dir: &Path) -> Result<Vec<SegmentInfo>, ReadError> {
    segments_on(Arc::new(RealDisk::new()), dir)
}

/// The segments of the journal in a folder of some disk.
pub fn segments_on(disk: Arc<dyn Disk>, dir: &Path) -> Result<Vec<SegmentInfo>, ReadError> {
    let folder = open_folder(&*disk, dir)?;
    loop {
        let Some(extent) = Extent::of(&*folder)? else { return Ok(Vec::new()) };
        let begins_at = extent.indices.start;
        let listed = list(&folder, extent);
        // The oldest may have been archived while we looked.
        let is_older = listed.is_err() && Extent::of(&*folder)?.is_some_and(|now| now.indices.start > begins_at);
        if !is_older {
            return listed;
        }
    }
}

fn list(folder: &Arc<dyn Folder>, extent: Extent) -> Result<Vec<SegmentInfo>, ReadError> {
    let io_error = |index| move |source| ReadError::Io { what: segment_name(index), source };
    // Where the chain stands before each segment; none where nothing is in it.
    let mut befores = vec![Some(extent.before)];
    for index in extent.indices.start + 1..extent.indices.end {
        let opened = open_segment(&**folder, index, Some(extent.identity))?;
        let mark = opened.map(|(segment, _)| first_mark(&*segment.file, &segment.key)).transpose();
        befores.push(mark.map_err(io_error(index))?.flatten());
    }
    let mut reader = Reader::open_in(Arc::clone(folder))?.in_pieces_of(PIECE_BYTES);
    let mut listed = Vec::new();
    for (index, n) in extent.indices.zip(0..) {
        let name = segment_name(index);
        let file = folder.open(&name, Access::Read).map_err(io_error(index))?;
        let bytes = file.len().map_err(io_error(index))?;
        let next = befores.get(n + 1).copied().flatten();
        let (first, last) = match befores[n] {
            None => (None, None),
            Some(before) => {
                let first = reader.first_in(index, before)?;
                let last = match next {
                    Some(next) => (next.sequence > before.sequence).then_some((next.sequence, next.time_ns)),
                    None => reader.last_in(index, before)?,
                };
                (first.filter(|_| last.is_some()), last)
            }
        };
        listed.push(SegmentInfo { index, name, bytes, first, last, is_sealed: next.is_some() });
    }
    Ok(listed)
}

#[cfg(test)]
mod tests;

//! Finds places in a journal without reading it: Marks prove themselves and say where the chain stands, so a search by
//! halves over them is an index of sequences and of times.
//!
//! Threads: readers' and tools'. On a live folder too: a Mark proves that all frames before it are there.
//!
//! Absent on purpose: an index on the disk, which could be wrong.

use std::io;

use crate::begin::Extent;
use crate::disk::{DiskFile, Folder, read_full};
use crate::error::ReadError;
use crate::frame::{BLOCK_BYTES, Chain, Check, lone_mark};
use crate::scan::first_mark;
use crate::segment::{DATA_START, open_segment, segment_name};

/// Bytes that are read at a time in search of a Mark.
const PIECE_BYTES: u64 = 64 << 10;

/// The last segment for which `is_before` holds of the chain before its first frame, or the first of all; and the chain
/// there. `is_before` holds up to some place and not after it.
pub(crate) fn segment_before(
    folder: &dyn Folder,
    extent: &Extent,
    is_before: &dyn Fn(&Chain) -> bool,
) -> Result<(u64, Chain), ReadError> {
    let (mut low, mut high) = (extent.indices.start, extent.indices.end - 1);
    let mut found = extent.before;
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let before = match open_segment(folder, middle, Some(extent.identity))? {
            Some((segment, _)) => first_mark(&*segment.file, &segment.key)
                .map_err(|source| ReadError::Io { what: segment_name(middle), source })?,
            None => None,
        };
        match before.filter(|before| is_before(before)) {
            Some(before) => (low, found) = (middle, before),
            None => high = middle - 1,
        }
    }
    Ok((low, found))
}

/// The last Mark of a segment that is found for which `is_before` holds of the chain before it: its offset and that chain.
/// Where one is overlooked, an earlier one is given: reading on from there leads to the same place.
pub(crate) fn mark_before(
    file: &dyn DiskFile,
    key: &Check,
    segment_bytes: u64,
    is_before: &dyn Fn(&Chain) -> bool,
) -> io::Result<Option<(u64, Chain)>> {
    let mut found = None;
    let (mut low, mut high) = (DATA_START / BLOCK_BYTES, segment_bytes / BLOCK_BYTES);
    while low < high {
        let middle = low + (high - low) / 2;
        match next_mark(file, key, middle * BLOCK_BYTES, high * BLOCK_BYTES)? {
            Some((offset, before)) if is_before(&before) => {
                found = Some((offset, before));
                low = offset / BLOCK_BYTES + 1;
            }
            _ => high = middle,
        }
    }
    Ok(found)
}

/// The first Mark from a block on; none where a long stretch of zeros comes first.
fn next_mark(file: &dyn DiskFile, key: &Check, from: u64, to: u64) -> io::Result<Option<(u64, Chain)>> {
    let mut piece = vec![0; PIECE_BYTES as usize];
    let mut at = from;
    while at < to {
        let len = (to - at).min(PIECE_BYTES) as usize;
        let got = read_full(file, &mut piece[..len], at)?;
        for start in (0..got).step_by(BLOCK_BYTES as usize) {
            let offset = at + start as u64;
            if let Some((before, _)) = lone_mark(&piece[start..got], key, offset) {
                return Ok(Some((offset, before)));
            }
        }
        if got < len || piece[..got].iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        at += len as u64;
    }
    Ok(None)
}

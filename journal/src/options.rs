//! What can be chosen about a journal, and what each choice costs.

use std::path::PathBuf;

use crate::error::OpenError;
use crate::frame::{BLOCK_BYTES, HEADER_BYTES, MARK_BYTES};
use crate::segment::{DATA_START, SEGMENT_BYTES_MAX};

/// When a frame counts as written for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SyncMode {
    /// On stable storage, group commit: whatever arrived while the last group was being written is the next group.
    #[default]
    Sync,
    /// On stable storage, every frame a write of its own: the latency of the disk for each, and its rate for all.
    SyncEach,
    /// In memory that survives `kill -9`; on stable storage 10 ms or 1 MiB later, whichever is first.
    Async,
}

/// How groups are written to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WritePathKind {
    /// io_uring where it is to be had, else a thread.
    #[default]
    Auto,
    /// io_uring or refuse to open.
    Uring,
    /// A thread that blocks: two context switches a group.
    Thread,
    /// The calling thread, in `poll_sync`: for tests and the simulator, deterministic.
    Inline,
}

/// The largest group of one frame, without the frame's body: a Mark, a header, a Pad that may need a block of its own.
const LARGEST_GROUP_BESIDE_BODY: u64 = (MARK_BYTES + HEADER_BYTES) as u64 + 2 * BLOCK_BYTES;

/// How to open a journal.
#[derive(Clone, Debug)]
pub struct Options {
    /// The journal's folder; made if it is not there.
    pub dir: PathBuf,
    /// Bytes of a segment, a multiple of 4 KiB; counts when the journal is made, after that its own value stands. Default
    /// 64 MiB. Larger: fewer files, but a fuller disk (one spare is always kept) and more to scan at once. Smaller: more
    /// changes of segment.
    pub segment_bytes: u64,
    /// Bytes of the tail, a power of two from 64 KiB to 1 GiB. Default 32 MiB. Larger: longer stalls of the disk pass
    /// unnoticed. Smaller: stays in the cache, but `Full` comes sooner, and bodies must fit into it.
    pub tail_bytes: u64,
    /// Folder of the tail's file. Default: `/dev/shm` where it takes the file, else the journal's folder. Elsewhere than on
    /// a memory file system the kernel writes it back now and then, for nothing.
    pub tail_dir: Option<PathBuf>,
    /// Largest body, bytes. Default 16 MiB. Must fit into a segment and into the tail. Larger: one frame can hold all
    /// others up for longer.
    pub body_bytes_max: usize,
    /// A group is sealed when it is this long. Default 1 MiB; never more than a quarter of the tail. Larger: fewer writes
    /// under load. Smaller: the first frame of a group waits less for the last.
    pub group_bytes_max: u64,
    /// Pace of `Async`: nanoseconds until a group is sealed at the latest. Default 10 ms. Longer: fewer writes, more to
    /// lose at a power loss.
    pub async_delay_ns: u64,
    /// Nanoseconds of rest after which a Mark says that the last group is durable. Default 10 ms. Longer: fewer
    /// writes, and a damaged last group looks like a torn one for longer.
    pub idle_mark_ns: u64,
    pub mode: SyncMode,
    pub write_path: WritePathKind,
    /// Sequence up to which something else, such as a snapshot, knows the journal to be durable; 0 if nothing does. A
    /// journal that ends before it is refused.
    pub known_durable: u64,
    /// Sequence of the state that the caller starts from, such as a snapshot's; 0 if it has none. Default 0: a journal from
    /// which segments were archived is refused. A journal that begins after it is refused too.
    pub start_from: u64,
    /// Starts checking at the segment that holds `known_durable`, not at the first. Default false. True: a start takes
    /// as long as what came after the snapshot, but damage further back is found by readers and `verify` only.
    pub scan_from_known: bool,
    /// Where the caller will archive to, if anywhere: a folder that cannot take this journal's segments is refused at the
    /// start. Default none. It need not be there yet.
    pub archive_dir: Option<PathBuf>,
}

impl Options {
    /// The defaults, for a folder.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            segment_bytes: 64 << 20,
            tail_bytes: 32 << 20,
            tail_dir: None,
            body_bytes_max: 16 << 20,
            group_bytes_max: 1 << 20,
            async_delay_ns: 10_000_000,
            idle_mark_ns: 10_000_000,
            mode: SyncMode::default(),
            write_path: WritePathKind::default(),
            known_durable: 0,
            start_from: 0,
            scan_from_known: false,
            archive_dir: None,
        }
    }

    /// Refuses what cannot work, once, at the start.
    pub(crate) fn validate(&self) -> Result<(), OpenError> {
        let refuse = |why: &str| Err(OpenError::Options(why.to_owned()));
        let largest = LARGEST_GROUP_BESIDE_BODY + self.body_bytes_max as u64;
        if !self.segment_bytes.is_multiple_of(BLOCK_BYTES) || self.segment_bytes > SEGMENT_BYTES_MAX {
            return refuse("segment_bytes: not a multiple of 4096, or above 1 TiB");
        }
        if !self.tail_bytes.is_power_of_two() || !(64 << 10..=1 << 30).contains(&self.tail_bytes) {
            return refuse("tail_bytes: not a power of two from 64 KiB to 1 GiB");
        }
        if largest > self.tail_bytes || largest + DATA_START > self.segment_bytes {
            return refuse("body_bytes_max: such a body does not fit into the tail, or not into a segment");
        }
        if self.group_bytes_max < BLOCK_BYTES {
            return refuse("group_bytes_max: below 4096");
        }
        Ok(())
    }
    /// Refuses a journal whose segments, of the size that it was made with, are too small for the largest body.
    pub(crate) fn check_segments(&self, segment_bytes: u64) -> Result<(), OpenError> {
        let beside = LARGEST_GROUP_BESIDE_BODY + DATA_START;
        if self.body_bytes_max as u64 + beside > segment_bytes {
            let body_bytes_max = segment_bytes.saturating_sub(beside);
            return Err(OpenError::SmallSegments { segment_bytes, body_bytes_max, wanted: self.body_bytes_max });
        }
        Ok(())
    }
}

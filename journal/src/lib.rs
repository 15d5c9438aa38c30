//! The durable record: a folder of segments, and a small tail in memory that outlives the process.
//!
//! It knows bytes and headers, not what an order is. One thread writes (`Journal`); anybody may read, on a live folder
//! too (`Reader`, `verify`). The byte layout is `FORMAT.md`.
//!
//! ```text
//! append ─► tail (shared memory) ─► group, 4 KiB blocks ─► segment (O_DIRECT | O_DSYNC)
//!    written                                                   durable
//! ```
//!
//! Invariants of absence: no clock, no random numbers but a journal's id and its salts, no socket, no async, no other
//! crate of the workspace; nothing here decides what a frame means.

mod archive;
mod begin;
mod disk;
mod error;
mod frame;
mod listing;
mod mmap;
mod options;
mod reader;
mod recovery;
mod scan;
mod seek;
mod segment;
mod sigbus;
mod snapshot;
mod spare;
mod tail;
#[cfg(test)]
mod testing;
mod uring;
mod verify;
mod watch;
mod write_path;
mod writer;

pub use archive::{Archived, Archiver, Fate};
pub use disk::{Access, Disk, DiskFile, DurabilityProof, Folder, Lock, RealDisk};
#[cfg(any(test, feature = "testing"))]
pub use disk::{Fault, MemDisk};
pub use error::{AppendError, ArchiveError, BadPlace, FolderLost, OpenError, Poisoned, ReadError, StorageTrouble};
pub use frame::{BLOCK_BYTES, Check, Entry, FRAME_VERSION, Field, Frame, HEADER_BYTES, Kind};
pub use listing::{SegmentInfo, segments, segments_on};
pub use mmap::ReadMap;
pub use options::{Options, SyncMode, WritePathKind};
pub use reader::Reader;
pub use recovery::{Cut, Opened, Recovered};
pub use segment::FORMAT_VERSION;
pub use sigbus::exit_on_bus_error;
pub use snapshot::{SNAPSHOT_VERSION, Skipped, Snapshot, SnapshotInfo, SnapshotWriter, Snapshots};
pub use verify::{Bad, Report, SegmentReport, verify, verify_on};
pub use writer::{Journal, Stats};

//! What can go wrong, an enum for each operation.

use std::io;
use std::path::PathBuf;

use crate::frame::Field;

/// The place where a journal is damaged. Its text is stable: operators and scripts look for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("CORRUPT seq={sequence} offset={offset} segment={segment} field={field}")]
pub struct BadPlace {
    /// The sequence that the frame there has or had: one more than that of the last good frame.
    pub sequence: u64,
    pub segment: u64,
    pub offset: u64,
    pub field: Field,
}

/// Why a journal was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the folder. Exit 75.
    #[error("another process has locked the journal {0}")]
    Locked(PathBuf),
    #[error("{what} {path}: {source}")]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    /// Something that was durable is damaged. Nothing was changed.
    #[error(transparent)]
    Corrupt(#[from] BadPlace),
    /// A good checksum over a kind or version that this build does not know: a newer build wrote it.
    #[error("UNKNOWN_TYPE seq={sequence} offset={offset} segment={segment} kind={kind} version={version}")]
    UnknownType { sequence: u64, segment: u64, offset: u64, kind: u8, version: u8 },
    /// A segment that is missing, or not what its name says.
    #[error("segment {name}: {why}")]
    Segment { name: String, why: String },
    /// What the caller starts from is older than the oldest frames that are left.
    #[error("frames up to {archived} were archived, and there is a state to start from at {start_from} only")]
    Archived { archived: u64, start_from: u64 },
    /// The journal ends before what a snapshot knows to be durable.
    #[error("the journal ends at {last_sequence}, but a snapshot knows it to be durable up to {known_durable}")]
    Behind { last_sequence: u64, known_durable: u64 },
    #[error("option {0}")]
    Options(String),
    /// The folder's segments are too small for `Options::body_bytes_max`; their size was chosen when the journal was made.
    #[error(
        "the segments of this journal have {segment_bytes} bytes, so a body has at most {body_bytes_max}: \
         body_bytes_max is {wanted}"
    )]
    SmallSegments { segment_bytes: u64, body_bytes_max: u64, wanted: usize },
    #[error("archive folder {path}: {source}")]
    Archive { path: PathBuf, source: ArchiveError },
}

/// Why a folder cannot take the segments that are archived.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("it is not a folder")]
    NotAFolder,
    #[error("it is the journal's own folder")]
    Own,
    /// Segments of two journals have the same names: neither archive could be read.
    #[error("{name} in it is of another journal: choose another folder")]
    AnotherJournal { name: String },
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl OpenError {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}

/// Why a frame was not appended. Nothing of it is in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The tail is full, or the next segment is being made: poll and append again.
    #[error("the tail is full: poll and append again")]
    Full,
    /// The segment in use is full and the next one cannot be made (`Journal::storage_trouble` gives the reason): refuse
    /// updates; it passes once the segment is there.
    #[error("the next segment cannot be made")]
    StorageFull,
    #[error("the body is larger than body_bytes_max")]
    TooLarge,
    /// Kinds `Mark` and `Pad` are the journal's own.
    #[error("frames of this kind are the journal's own")]
    NotYours,
    /// All sequences are used up.
    #[error("no sequence is left")]
    SequenceOverflow,
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
}

/// The journal is closed for good: nothing is tried again. Stop the process (exit 74) and open the journal anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Poisoned {
    #[error("a write of the journal failed ({0}): what is not durable is unknown until it is opened again")]
    Write(io::ErrorKind),
    #[error("the journal's folder is lost: {0}")]
    Folder(#[from] FolderLost),
}

/// How the folder that a journal writes to is no longer the one that others find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FolderLost {
    #[error("its path leads to it no longer; it was moved, removed or replaced")]
    Moved,
    #[error("another process has put a lock file of its own into it")]
    LockReplaced,
    #[error("segment {0} of it, which is being written, is missing")]
    SegmentMissing(u64),
    #[error("segment {0} of it, which is being written, was replaced, cut short or overwritten")]
    SegmentReplaced(u64),
}

/// Why the next segment cannot be made, while it cannot. Another try is made every 250 ms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageTrouble {
    /// The file system, or the quota on it, has no room.
    #[error("no room for the next segment")]
    Full,
    /// Anything else: no permission, no file descriptor, a read-only file system; its words.
    #[error("the next segment cannot be made: {0}")]
    Unavailable(String),
}

impl From<&io::Error> for StorageTrouble {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// Why a reader cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error(transparent)]
    Corrupt(#[from] BadPlace),
    #[error("UNKNOWN_TYPE seq={sequence} offset={offset} segment={segment} kind={kind} version={version}")]
    UnknownType { sequence: u64, segment: u64, offset: u64, kind: u8, version: u8 },
    #[error("segment {name}: {why}")]
    Segment { name: String, why: String },
    /// The frames asked for are no longer in this folder.
    #[error("frames up to {archived} were archived")]
    Archived { archived: u64 },
}

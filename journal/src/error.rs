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
    #[error("another process has the journal {0}")]
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
    /// The tail is full, or the next segment is being made: poll and come again.
    #[error("the tail is full: poll and come again")]
    Full,
    /// The disk has no room for the next segment: refuse what comes in; it passes when there is room.
    #[error("the disk has no room for another segment")]
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

/// A group could not be written: for ever, it is not tried again. Stop the process (exit 74) and open the journal anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a write of the journal failed ({kind}): what is not durable is unknown until it is opened again")]
pub struct Poisoned {
    pub kind: io::ErrorKind,
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
    /// What is looked for is no longer here.
    #[error("frames up to {archived} were archived")]
    Archived { archived: u64 },
}

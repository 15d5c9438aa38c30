//! The frame: one fixed 64-byte little-endian header and a body that this crate does not understand.
//!
//! Pipeline: thread "journal" lays frames down (`writer.rs`); recovery, readers and `verify` parse them. Hot path: no
//! allocation, no system call.
//!
//! Invariants: a frame's check covers the frame before it, the segment it lies in (journal, index, salt), its offset
//! there, its header and its body, so that a missing, moved, stale or altered frame is found. `Mark` and `Pad` take no
//! sequence: theirs is that of the last frame before them. Absent on purpose: what a body means.

use xxhash_rust::xxh3::xxh3_128;
use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Everything that is written to a segment is written in whole blocks of this size.
pub const BLOCK_BYTES: u64 = 4096;
/// Size of every frame's header.
pub const HEADER_BYTES: usize = size_of::<FrameHeader>();
/// A Mark: header and the check of the frame before, so that it proves itself where the chain is broken.
pub(crate) const MARK_BYTES: usize = HEADER_BYTES + size_of::<Check>();
/// Version of the frame's layout that this build writes and reads.
pub const FRAME_VERSION: u8 = 1;

/// Sequences fit into a signed 64-bit integer, as the wire's do.
pub(crate) const SEQUENCE_MAX: u64 = i64::MAX as u64;

/// The 128-bit checksum that chains each frame to the one before it.
pub type Check = [u8; 16];

/// What a frame is. The journal itself interprets `Mark` and `Pad` only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Opens each group: once it is in a segment, everything before it is on stable storage.
    Mark = 1,
    /// Fills a group to the end of its last block.
    Pad = 2,
    /// Class, id and name of a feed or an identity.
    Name = 3,
    /// Settings that the engine's results depend on.
    Settings = 4,
    /// An update as it was received.
    Update = 5,
    /// Time passes: drives every expiry.
    Tick = 6,
    /// Running hashes of the engine.
    Checkpoint = 7,
}

impl Kind {
    /// The kind of that number, if this build knows it.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Mark, Self::Pad, Self::Name, Self::Settings, Self::Update, Self::Tick, Self::Checkpoint]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }

    /// Whether frames of this kind are numbered: all but the journal's own.
    #[inline]
    pub fn takes_sequence(self) -> bool {
        !matches!(self, Self::Mark | Self::Pad)
    }
}

/// The bytes of a frame's header as they lie in a segment.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct FrameHeader {
    /// Header and body, without the zeros up to the next multiple of 8.
    pub(crate) length: U32,
    pub(crate) kind: u8,
    pub(crate) version: u8,
    pub(crate) rules: U16,
    pub(crate) flags: U32,
    pub(crate) epoch: U32,
    pub(crate) sequence: U64,
    pub(crate) time_ns: U64,
    pub(crate) feed: U32,
    pub(crate) identity: U32,
    pub(crate) position: I64,
    pub(crate) check: Check,
}

const CHECKED_BYTES: usize = 48;
const _: () = assert!(size_of::<FrameHeader>() == 64 && align_of::<FrameHeader>() == 1);
const _: () = assert!(std::mem::offset_of!(FrameHeader, check) == CHECKED_BYTES);
const _: () = assert!(MARK_BYTES.is_multiple_of(8));

/// A frame as the caller gives it; the journal adds sequence, epoch and check.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub kind: Kind,
    /// Version of the rules that the frame is to be applied with.
    pub rules: u16,
    pub flags: u32,
    /// Number of the feed it came from, 0 for none.
    pub feed: u32,
    /// Number of the sender, 0 for none.
    pub identity: u32,
    /// Position in its feed.
    pub position: i64,
    pub time_ns: u64,
    pub body: &'a [u8],
}

/// A frame as it is read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub kind: Kind,
    pub rules: u16,
    pub flags: u32,
    pub epoch: u32,
    pub sequence: u64,
    pub time_ns: u64,
    pub feed: u32,
    pub identity: u32,
    pub position: i64,
    pub body: &'a [u8],
    /// The frame's check: a digest of the journal up to and including it, for this placement of its frames.
    pub check: Check,
}

/// The field that best explains why a frame is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The length is impossible here, or zero where a frame must be.
    Length,
    /// The checksum does not match: some bit of header or body.
    Check,
    /// Only the sequence is not the one that must follow, or it is that of a frame from elsewhere.
    Sequence,
    /// Zeros that fill up to the next multiple of 8 are not zero.
    Padding,
    /// The epoch went back.
    Epoch,
    /// A good group does not continue the frame before it: something between is missing or replaced.
    Chain,
    /// Bytes after a segment's last group are not zero.
    Unused,
    /// The file ends before the segment does.
    Size,
    /// No frame is here, though a snapshot or a Mark further on proves that a durable one was.
    Missing,
    /// A segment's header is damaged, or that of another segment.
    Header,
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Length => "length",
            Self::Check => "check",
            Self::Sequence => "sequence",
            Self::Padding => "padding",
            Self::Epoch => "epoch",
            Self::Chain => "chain",
            Self::Unused => "unused",
            Self::Size => "size",
            Self::Missing => "missing",
            Self::Header => "header",
        })
    }
}

/// Where the chain stands: all that is needed to check or to write the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) check: Check,
    pub(crate) sequence: u64,
    pub(crate) epoch: u32,
    pub(crate) time_ns: u64,
}

impl Chain {
    /// Before a journal's first frame.
    pub(crate) const START: Self = Self { check: [0; 16], sequence: 0, epoch: 1, time_ns: 0 };
}

/// Outcome of looking for a frame at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// A good frame of this many bytes, without padding.
    Good(Kind, usize),
    /// Nothing was ever written here.
    Empty,
    Bad(Field),
    /// The checksum is good, but this build does not know the kind or the version.
    Unknown {
        kind: u8,
        version: u8,
    },
}

/// Bytes a frame with such a body takes in a segment.
#[inline]
pub(crate) fn frame_bytes(body_len: usize) -> u64 {
    (HEADER_BYTES + body_len).next_multiple_of(8) as u64
}

/// Where a group must end whose last frame ends at `end`: a block's end, with room for a Pad if one is needed.
#[inline]
pub(crate) fn padded_end(end: u64) -> u64 {
    let up = end.next_multiple_of(BLOCK_BYTES);
    if end == up || up - end >= HEADER_BYTES as u64 { up } else { up + BLOCK_BYTES }
}

/// The check of a frame at `offset` of the segment with that key, after the frame with check `before`.
#[inline]
pub(crate) fn frame_check(before: &Check, key: &Check, offset: u64, header: &FrameHeader, body: &[u8]) -> Check {
    let mut bound = [0u8; CHECKED_BYTES + 16 + 16 + 8 + 16];
    bound[..48].copy_from_slice(&header.as_bytes()[..CHECKED_BYTES]);
    bound[48..64].copy_from_slice(before);
    bound[64..80].copy_from_slice(key);
    bound[80..88].copy_from_slice(&offset.to_le_bytes());
    bound[88..].copy_from_slice(&xxh3_128(body).to_le_bytes());
    xxh3_128(&bound).to_le_bytes()
}

/// Lays a frame down at the start of `into` (`frame_bytes` of them) and moves the chain on.
#[inline]
pub(crate) fn encode(into: &mut [u8], chain: &mut Chain, key: &Check, offset: u64, entry: &Entry<'_>) {
    let length = HEADER_BYTES + entry.body.len();
    if entry.kind.takes_sequence() {
        chain.sequence += 1;
        chain.time_ns = entry.time_ns;
    }
    let mut header = FrameHeader {
        length: U32::new(u32::try_from(length).expect("invariant: bodies are bounded by the options")),
        kind: entry.kind as u8,
        version: FRAME_VERSION,
        rules: U16::new(entry.rules),
        flags: U32::new(entry.flags),
        epoch: U32::new(chain.epoch),
        sequence: U64::new(chain.sequence),
        time_ns: U64::new(entry.time_ns),
        feed: U32::new(entry.feed),
        identity: U32::new(entry.identity),
        position: I64::new(entry.position),
        check: [0; 16],
    };
    header.check = frame_check(&chain.check, key, offset, &header, entry.body);
    chain.check = header.check;
    into[..HEADER_BYTES].copy_from_slice(header.as_bytes());
    into[HEADER_BYTES..length].copy_from_slice(entry.body);
    into[length..].fill(0);
}

/// Looks for a frame at the start of `bytes`, which reach to the end of the segment; a good one moves the chain on.
pub(crate) fn parse(bytes: &[u8], chain: &mut Chain, key: &Check, offset: u64) -> Parsed {
    let Ok((header, rest)) = FrameHeader::ref_from_prefix(bytes) else { return Parsed::Empty };
    if header.as_bytes().iter().all(|byte| *byte == 0) {
        return Parsed::Empty;
    }
    let length = header.length.get() as usize;
    if length < HEADER_BYTES || length > bytes.len() {
        return Parsed::Bad(Field::Length);
    }
    let body = &rest[..length - HEADER_BYTES];
    if frame_check(&chain.check, key, offset, header, body) != header.check {
        return Parsed::Bad(name_the_field(header, chain, key, offset, body));
    }
    let padding = &bytes[length..length.next_multiple_of(8).min(bytes.len())];
    if padding.iter().any(|byte| *byte != 0) {
        return Parsed::Bad(Field::Padding);
    }
    let (Some(kind), FRAME_VERSION) = (Kind::from_number(header.kind), header.version) else {
        return Parsed::Unknown { kind: header.kind, version: header.version };
    };
    // From here on the checksum is good: any fault was written that way.
    if header.sequence.get() != chain.sequence + u64::from(kind.takes_sequence()) {
        return Parsed::Bad(Field::Sequence);
    }
    if header.epoch.get() < chain.epoch {
        return Parsed::Bad(Field::Epoch);
    }
    if kind == Kind::Mark && body != chain.check {
        return Parsed::Bad(Field::Chain);
    }
    if kind.takes_sequence() {
        chain.time_ns = header.time_ns.get();
    }
    chain.check = header.check;
    chain.sequence = header.sequence.get();
    chain.epoch = header.epoch.get();
    Parsed::Good(kind, length)
}

/// The frame at the start of `bytes`, which `parse` found good.
pub(crate) fn view(bytes: &[u8]) -> Frame<'_> {
    let (header, rest) = FrameHeader::ref_from_prefix(bytes).expect("invariant: parse saw a whole header here");
    Frame {
        kind: Kind::from_number(header.kind).expect("invariant: parse knew the kind"),
        rules: header.rules.get(),
        flags: header.flags.get(),
        epoch: header.epoch.get(),
        sequence: header.sequence.get(),
        time_ns: header.time_ns.get(),
        feed: header.feed.get(),
        identity: header.identity.get(),
        position: header.position.get(),
        body: &rest[..header.length.get() as usize - HEADER_BYTES],
        check: header.check,
    }
}

/// A Mark that proves itself: where the chain stood before it, and where it stands after.
///
/// It carries the check of the frame before, so it can be verified without having read that frame.
/// Nobody can plant one inside a body: the key holds the segment's random salt.
pub(crate) fn lone_mark(block: &[u8], key: &Check, offset: u64) -> Option<(Chain, Chain)> {
    let (header, rest) = FrameHeader::ref_from_prefix(block).ok()?;
    if header.kind != Kind::Mark as u8 || header.length.get() as usize != MARK_BYTES || rest.len() < 16 {
        return None;
    }
    if header.sequence.get() > SEQUENCE_MAX {
        return None;
    }
    let before = Check::try_from(&rest[..16]).ok()?;
    if frame_check(&before, key, offset, header, &before) != header.check {
        return None;
    }
    let at = Chain {
        check: before,
        sequence: header.sequence.get(),
        epoch: header.epoch.get(),
        time_ns: header.time_ns.get(),
    };
    Some((at, Chain { check: header.check, ..at }))
}

/// Which field explains a wrong checksum: the one whose expected value would make it right.
#[cold]
fn name_the_field(header: &FrameHeader, chain: &Chain, key: &Check, offset: u64, body: &[u8]) -> Field {
    if let Some((before, _)) = lone_mark([header.as_bytes(), body].concat().as_slice(), key, offset)
        && before.check != chain.check
    {
        return Field::Chain;
    }
    let takes = Kind::from_number(header.kind).is_none_or(Kind::takes_sequence);
    let expected = chain.sequence + u64::from(takes);
    if header.sequence.get() != expected {
        return Field::Sequence;
    }
    if header.epoch.get() != chain.epoch {
        let likely = FrameHeader { epoch: U32::new(chain.epoch), ..*header };
        if frame_check(&chain.check, key, offset, &likely, body) == header.check {
            return Field::Epoch;
        }
    }
    Field::Check
}

#[cfg(test)]
mod tests;

//! Opening a journal: segments are checked, a torn end is cut, frames that only the tail has are written to segments.
//!
//! Runs once, before anything is served, on whatever thread opens the journal; allocation is no matter here.
//!
//! Invariants: nothing that was ever called durable is cut; if it is damaged, opening refuses and changes nothing.
//! Every step can be interrupted and done again. All recovered frames are durable, and a Mark proves it, before
//! `open` returns.

use std::io;
use std::sync::Arc;

use crate::archive::Archiver;
use crate::disk::{Access, Disk, RealDisk};
use crate::error::{BadPlace, OpenError};
use crate::frame::{BLOCK_BYTES, Chain, Field, Kind, Parsed, lone_mark, padded_end, parse};
use crate::options::{Options, WritePathKind};
use crate::scan::{Image, LastKind, continues, first_mark};
use crate::segment::{DATA_START, Identity, Segment};
use crate::spare::Spares;
use crate::tail::{OldTail, Tail};
use crate::uring::Uring;
use crate::watch::FolderWatch;
use crate::write_path::{Inline, Threaded, WritePath};
use crate::writer::{Journal, MARK_CUT, MARK_OPEN, Start};

mod folder;

use folder::Recovery;

/// An open journal and what was found in it.
pub struct Opened {
    pub journal: Journal,
    pub recovered: Recovered,
}

/// The outcome of a recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    pub last_sequence: u64,
    pub last_time_ns: u64,
    /// The same as `last_sequence`: all that was recovered is durable now.
    pub durable: u64,
    pub epoch: u32,
    /// The torn end that was taken off.
    pub cut: Option<Cut>,
    /// Frames that only the tail had.
    pub from_tail: u64,
    /// Segment headers of which one copy was damaged, and written anew.
    pub headers_repaired: u64,
    /// Frames up to this one were archived; 0 if the journal is whole.
    pub begins_after: u64,
    pub created: bool,
}

/// A torn end: frames of a group that was never complete, and so never acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub segment: u64,
    pub offset: u64,
    pub field: Field,
}

impl Journal {
    /// Opens the journal of a folder, or makes it.
    pub fn open(options: Options) -> Result<Opened, OpenError> {
        Self::open_on(Arc::new(RealDisk::new()), options)
    }

    /// Opens the journal of a folder of some disk.
    pub fn open_on(disk: Arc<dyn Disk>, options: Options) -> Result<Opened, OpenError> {
        options.validate()?;
        let mut recovery = Recovery::start(disk, options)?;
        recovery.tidy()?;
        let (identity, created) = match recovery.inventory()? {
            Some(identity) => (identity, false),
            None => (recovery.found()?, true),
        };
        recovery.check_archive(identity)?;
        let mut end = recovery.scan(identity)?;
        let old_tails = OldTail::find(&recovery.tail_paths(identity.journal), identity.journal);
        let adopted = old_tails.iter().map(|tail| recovery.adopt(tail, identity, &end)).max_by_key(|a| a.frames);
        recovery.judge(&end, adopted.as_ref())?;
        let settled = recovery.settle(&mut end, adopted, identity)?;
        for tail in &old_tails {
            tail.remove().unwrap_or_else(|error| tracing::warn!(%error, "an old tail stays behind"));
        }
        recovery.resume(identity, end, &settled, created)
    }
}

/// Where the good frames end.
struct End {
    /// Index of the segment they end in, and its bytes.
    segment: u64,
    image: Image,
    offset: u64,
    why: Parsed,
    chain: Chain,
    last_kind: LastKind,
    /// A Mark beyond proves that the frames missing here were durable.
    was_durable: bool,
    /// Later segments in which something is written all the same.
    dirty_later: Vec<u64>,
}

/// Frames of an old tail that continue the segments.
#[derive(Default)]
struct Adopted {
    groups: Vec<AdoptedGroup>,
    frames: u64,
    /// Where they lead.
    segment: u64,
    offset: u64,
    last_kind: Option<LastKind>,
}

struct AdoptedGroup {
    segment: u64,
    offset: u64,
    bytes: Vec<u8>,
    chain: Chain,
}

/// What `settle` did.
struct Settled {
    cut: Option<Cut>,
    from_tail: u64,
}

impl Recovery {
    /// The segment to start with, and where the chain stands before it.
    fn scan_start(&self) -> Result<(u64, Chain), OpenError> {
        if self.options.scan_from_known {
            for index in (self.first + 1..self.end()).rev() {
                let file = self.open(index, Access::Read)?;
                let before = first_mark(&*file, self.key(index)).map_err(OpenError::io("read", self.path(index)))?;
                if let Some(before) = before.filter(|before| before.sequence <= self.options.known_durable) {
                    return Ok((index, before));
                }
            }
        }
        Ok((self.first, self.before))
    }

    /// Walks all frames of all segments to where the good ones end, and looks for Marks beyond.
    fn scan(&self, identity: Identity) -> Result<End, OpenError> {
        let (mut index, mut chain) = self.scan_start()?;
        let mut last_kind = LastKind::NONE;
        let mut memory = Vec::new();
        loop {
            let image = self.image(index, identity, memory)?;
            let key = self.key(index);
            let (offset, why) = image.walk(DATA_START, &mut chain, key, &mut |_, frame| last_kind.see(frame.kind));
            let next = index + 1;
            if next < self.end() && !matches!(why, Parsed::Unknown { .. }) {
                let file = self.open(next, Access::Read)?;
                let is_linked =
                    continues(&*file, self.key(next), &chain).map_err(OpenError::io("read", self.path(next)))?;
                // Where this segment simply ends, the fault is in the next one.
                let is_next_dirty =
                    || Ok::<_, OpenError>(self.image(next, identity, Vec::new())?.is_dirty_from(DATA_START));
                if is_linked || (!image.is_dirty_from(offset) && is_next_dirty()?) {
                    (index, memory) = (next, image.bytes);
                    continue;
                }
            }
            let mut was_durable = image.has_mark_from(offset, key);
            let mut dirty_later = Vec::new();
            for later in next..self.end() {
                let image = self.image(later, identity, Vec::new())?;
                was_durable |= image.has_mark_from(DATA_START, self.key(later));
                if image.is_dirty_from(DATA_START) {
                    dirty_later.push(later);
                }
            }
            return Ok(End { segment: index, image, offset, why, chain, last_kind, was_durable, dirty_later });
        }
    }

    /// Finds the frames in an old tail that continue the segments; they may go on into segments that are still empty.
    fn adopt(&self, tail: &OldTail, identity: Identity, end: &End) -> Adopted {
        let mut chain = end.chain;
        let mut last_kind = end.last_kind;
        let mut adopted = Adopted { segment: end.segment, offset: end.offset, ..Adopted::default() };
        loop {
            let key = self.key(adopted.segment);
            let at = adopted.segment * identity.segment_bytes + adopted.offset;
            let window = tail.window(at, identity.segment_bytes - adopted.offset);
            let start = adopted.offset;
            let mut done = 0;
            while let Parsed::Good(kind, length) = parse(&window[done..], &mut chain, key, start + done as u64) {
                let bytes = &window[done..done + length.next_multiple_of(8)];
                let goes_on = kind != Kind::Mark && adopted.groups.last().is_some_and(|g| g.segment == adopted.segment);
                if !goes_on {
                    let offset = start + done as u64;
                    adopted.groups.push(AdoptedGroup { segment: adopted.segment, offset, bytes: Vec::new(), chain });
                }
                let group = adopted.groups.last_mut().expect("invariant: there is one now");
                group.bytes.extend_from_slice(bytes);
                group.chain = chain;
                adopted.frames += u64::from(kind.takes_sequence());
                last_kind.see(kind);
                done += bytes.len();
            }
            adopted.offset = start + done as u64;
            adopted.last_kind = Some(last_kind);
            let next = adopted.segment + 1;
            if next == self.end() {
                return adopted;
            }
            let window = tail.window(next * identity.segment_bytes + DATA_START, BLOCK_BYTES);
            if lone_mark(&window, self.key(next), DATA_START).is_none_or(|(before, _)| before.check != chain.check) {
                return adopted;
            }
            adopted.segment = next;
            adopted.offset = DATA_START;
        }
    }

    /// Refuses to go on where missing frames were durable.
    fn judge(&self, end: &End, adopted: Option<&Adopted>) -> Result<(), OpenError> {
        let (sequence, segment, offset) = (end.chain.sequence + 1, end.segment, end.offset);
        let field = match end.why {
            Parsed::Unknown { kind, version } => {
                return Err(OpenError::UnknownType { sequence, segment, offset, kind, version });
            }
            Parsed::Bad(field) => field,
            Parsed::Empty | Parsed::Good(..) => Field::Length,
        };
        if end.was_durable {
            return Err(BadPlace { sequence, segment, offset, field }.into());
        }
        let last_sequence = end.chain.sequence + adopted.map_or(0, |adopted| adopted.frames);
        let known_durable = self.options.known_durable;
        if last_sequence >= known_durable {
            return Ok(());
        }
        if matches!(end.why, Parsed::Bad(_)) {
            return Err(BadPlace { sequence, segment, offset, field }.into());
        }
        Err(OpenError::Behind { last_sequence, known_durable })
    }

    /// Cuts a torn end, and writes the frames that only the tail had; both durably.
    fn settle(&self, end: &mut End, adopted: Option<Adopted>, identity: Identity) -> Result<Settled, OpenError> {
        let adopted = adopted.filter(|adopted| !adopted.groups.is_empty());
        let is_dirty = end.image.is_dirty_from(end.offset) || !end.dirty_later.is_empty();
        for later in &end.dirty_later {
            self.clear(*later, DATA_START, identity)?;
        }
        let cut_at = padded_end(end.offset);
        if is_dirty {
            self.clear(end.segment, cut_at.min(identity.segment_bytes), identity)?;
        }
        let Some(adopted) = adopted else {
            let field = match end.why {
                Parsed::Bad(field) => field,
                _ if end.image.is_short() => Field::Size,
                _ => Field::Unused,
            };
            let cut = is_dirty.then_some(Cut { segment: end.segment, offset: end.offset, field });
            if let Some(cut) = cut {
                tracing::warn!(sequence = end.chain.sequence, segment = cut.segment, offset = cut.offset, field = %cut.field,
                    "the journal's end was torn: cut");
            }
            self.write_group(end, end.segment, end.offset, &[], end.chain).map(|chain| end.chain = chain)?;
            end.offset = cut_at;
            end.chain.epoch += u32::from(cut.is_some());
            return Ok(Settled { cut, from_tail: 0 });
        };
        tracing::info!(frames = adopted.frames, "frames that only the tail had are brought into the segments");
        for group in &adopted.groups {
            end.chain = self.write_group(end, group.segment, group.offset, &group.bytes, group.chain)?;
        }
        end.segment = adopted.segment;
        end.offset = padded_end(adopted.offset);
        end.last_kind = adopted.last_kind.unwrap_or(end.last_kind);
        Ok(Settled { cut: None, from_tail: adopted.frames })
    }

    /// Makes the writer, and has it write the Mark that proves all recovered frames durable.
    fn resume(self, identity: Identity, end: End, settled: &Settled, created: bool) -> Result<Opened, OpenError> {
        let last_sequence = end.chain.sequence;
        let recovered = Recovered {
            last_sequence,
            last_time_ns: end.chain.time_ns,
            durable: last_sequence,
            epoch: end.chain.epoch,
            cut: settled.cut,
            from_tail: settled.from_tail,
            headers_repaired: self.headers_repaired,
            begins_after: self.before.sequence,
            created,
        };
        let path: Box<dyn WritePath> = self.write_path()?;
        let threaded = self.options.write_path != WritePathKind::Inline;
        let open = |index: u64| {
            let file = self.open(index, Access::Durable)?;
            Ok::<_, OpenError>(Segment { index, key: *self.key(index), file })
        };
        let no_thread = || OpenError::io("start a thread for", self.dir());
        let next = end.segment + 1;
        let ready = (next < self.end()).then(|| open(next)).transpose()?;
        let spares =
            Spares::start(Arc::clone(&self.held.folder), identity, next, ready, threaded).map_err(no_thread())?;
        let tail = Tail::create(&self.tail_paths(identity.journal), identity.journal, self.options.tail_bytes)
            .map_err(OpenError::io("make a tail for", self.dir()))?;
        let segment = open(end.segment)?;
        let watch = FolderWatch::start(self.held.clone(), identity, threaded).map_err(no_thread())?;
        let archiver = Archiver::new(Arc::clone(&self.disk), self.held.clone());
        let proof =
            self.held.folder.durability_proof().map_err(OpenError::io("look at the file system of", self.dir()))?;
        self.held.folder.reserve_descriptors();
        let (offset, chain) = (end.offset, end.chain);
        let start = Start { path, spares, tail, segment, offset, chain, identity, watch, archiver, proof };
        let mut journal = Journal::start(start, &self.options);
        if settled.cut.is_some() || settled.from_tail > 0 || !end.last_kind.is_mark() {
            journal.owe_mark();
            let flags = MARK_OPEN | if settled.cut.is_some() { MARK_CUT } else { 0 };
            if journal.mark(flags).is_ok() {
                journal.flush().map_err(|poisoned| OpenError::io("write", self.dir())(io::Error::other(poisoned)))?;
            }
        }
        Ok(Opened { journal, recovered })
    }

    fn write_path(&self) -> Result<Box<dyn WritePath>, OpenError> {
        let failed = |source| OpenError::io("start the writer of", self.dir())(source);
        let threaded = || Ok::<Box<dyn WritePath>, OpenError>(Box::new(Threaded::start().map_err(failed)?));
        match self.options.write_path {
            WritePathKind::Inline => Ok(Box::new(Inline::default())),
            WritePathKind::Thread => threaded(),
            WritePathKind::Uring => Ok(Box::new(Uring::start().map_err(failed)?)),
            WritePathKind::Auto => match Uring::start() {
                Ok(uring) => Ok(Box::new(uring)),
                Err(error) => {
                    tracing::info!(%error, "io_uring is not available: a thread writes");
                    threaded()
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;

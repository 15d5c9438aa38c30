//! The journal as it is written: frames into the tail, groups into segments, `written` and `durable` forward.
//!
//! Hot path: thread "journal". `append` copies a frame into memory; `poll_sync` starts and sees the end of writes. Once
//! warm neither allocates, and the only system call is the write path's own.
//!
//! Invariants: a group is submitted only when the one before is durable, so a Mark that is in a segment proves that
//! everything before it is. A block is written once. Sealed bytes do not change; bytes that are not durable are not
//! overwritten in the tail (`make_room`). After a failed write nothing is written any more.
//!
//! Absent on purpose: a clock (`poll_sync` is given the time), locks, and a retry of a failed write.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::archive::{Archived, Archiver, Fate};
use crate::disk::{DiskFile, DurabilityProof};
use crate::error::{AppendError, FolderLost, Poisoned, ReadError, StorageTrouble};
use crate::frame::{
    self, BLOCK_BYTES, Chain, Entry, HEADER_BYTES, Kind, MARK_BYTES, SEQUENCE_MAX, frame_bytes, padded_end,
};
use crate::options::{Options, SyncMode};
use crate::segment::{DATA_START, Identity, Segment};
use crate::spare::{NoSpare, Spares};
use crate::tail::Tail;
use crate::watch::FolderWatch;
use crate::write_path::{GroupWrite, WritePath};

/// Flags of a Mark: why it was written.
pub(crate) const MARK_IDLE: u32 = 1;
pub(crate) const MARK_CLOSE: u32 = 2;
pub(crate) const MARK_OPEN: u32 = 4;
/// The journal was cut right before this Mark.
pub(crate) const MARK_CUT: u32 = 8;

/// A journal that is open for writing. Owned by one thread.
pub struct Journal {
    // Dropped first: it waits for the write in flight, which needs the lock that is dropped with the rest.
    path: Box<dyn WritePath>,
    spares: Spares,
    tail: Tail,
    limits: Limits,
    /// The segment that is appended to, and where in it.
    segment: Segment,
    offset: u64,
    chain: Chain,
    /// Where the open group starts; none is open where there is nothing to seal.
    group: Option<u64>,
    sealed: VecDeque<Group>,
    in_flight: Option<Group>,
    durable: u64,
    poisoned: Option<Poisoned>,
    pace: Pace,
    stats: Stats,
    watch: FolderWatch,
    archiver: Archiver,
    proof: DurabilityProof,
}

/// The options that count while writing.
#[derive(Clone, Copy, Debug)]
struct Limits {
    segment_bytes: u64,
    tail_bytes: u64,
    body_bytes_max: usize,
    group_bytes_max: u64,
    async_delay_ns: u64,
    idle_mark_ns: u64,
    mode: SyncMode,
}

/// When the next group or Mark is due, in the caller's time.
#[derive(Debug, Default)]
struct Pace {
    now_ns: u64,
    /// When the open group was first seen.
    group_since_ns: Option<u64>,
    /// Since when nothing has happened after a group that no Mark speaks of.
    rest_since_ns: Option<u64>,
    /// An append found the tail full: whatever is open is sealed.
    is_pressed: bool,
}

/// A sealed group: whole blocks of one segment.
#[derive(Debug)]
struct Group {
    start: u64,
    end: u64,
    offset: u64,
    last_sequence: u64,
    is_mark_only: bool,
    file: Arc<dyn DiskFile>,
}

/// Counts since the journal was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Groups that are durable, Marks of an idle journal among them.
    pub groups: u64,
    /// Bytes of these groups.
    pub group_bytes: u64,
    /// Writes that came back short or interrupted and went on.
    pub continued: u64,
    /// Times the next segment was taken into use.
    pub segments: u64,
}

/// The parts that recovery hands to the writer.
pub(crate) struct Start {
    pub(crate) path: Box<dyn WritePath>,
    pub(crate) spares: Spares,
    pub(crate) tail: Tail,
    pub(crate) segment: Segment,
    pub(crate) offset: u64,
    pub(crate) chain: Chain,
    pub(crate) identity: Identity,
    pub(crate) watch: FolderWatch,
    pub(crate) archiver: Archiver,
    pub(crate) proof: DurabilityProof,
}

impl Journal {
    pub(crate) fn start(start: Start, options: &Options) -> Self {
        let limits = Limits {
            segment_bytes: start.identity.segment_bytes,
            tail_bytes: options.tail_bytes,
            body_bytes_max: options.body_bytes_max,
            group_bytes_max: options.group_bytes_max.min(options.tail_bytes / 4),
            async_delay_ns: options.async_delay_ns,
            idle_mark_ns: options.idle_mark_ns,
            mode: options.mode,
        };
        Self {
            path: start.path,
            spares: start.spares,
            tail: start.tail,
            limits,
            segment: start.segment,
            offset: start.offset,
            chain: start.chain,
            group: None,
            // One group a block, and one that is open: never grows.
            sealed: VecDeque::with_capacity((limits.tail_bytes / BLOCK_BYTES) as usize + 1),
            in_flight: None,
            durable: start.chain.sequence,
            poisoned: None,
            pace: Pace::default(),
            stats: Stats::default(),
            watch: start.watch,
            archiver: start.archiver,
            proof: start.proof,
        }
    }

    /// Appends a frame and returns its sequence. It survives `kill -9` from here on; `durable` shows when also a power
    /// loss. An error leaves the journal as it was.
    #[inline]
    pub fn append(&mut self, entry: &Entry<'_>) -> Result<u64, AppendError> {
        if let Some(poisoned) = self.poisoned {
            return Err(poisoned.into());
        }
        if entry.body.len() > self.limits.body_bytes_max {
            return Err(AppendError::TooLarge);
        }
        if !entry.kind.takes_sequence() {
            return Err(AppendError::NotYours);
        }
        if self.chain.sequence >= SEQUENCE_MAX {
            return Err(AppendError::SequenceOverflow);
        }
        self.make_room(frame_bytes(entry.body.len()))?;
        if self.group.is_none() {
            self.open_group(0);
        }
        self.lay_down(entry);
        let group_bytes = self.at() - self.group.unwrap_or(self.at());
        if self.limits.mode == SyncMode::SyncEach || group_bytes >= self.limits.group_bytes_max {
            self.seal(false);
        }
        Ok(self.chain.sequence)
    }

    /// Takes in the end of the write in flight and starts the next; returns whether it did anything. `now_ns` is monotonic
    /// time.
    ///
    /// # Errors
    /// If a write failed, or if the last look at the folder found it lost.
    pub fn poll_sync(&mut self, now_ns: u64) -> Result<bool, Poisoned> {
        if let Some(poisoned) = self.poisoned {
            return Err(poisoned);
        }
        if let Some(lost) = self.watch.lost() {
            return Err(self.lose(lost));
        }
        self.pace.now_ns = now_ns;
        self.spares.used(self.offset);
        let mut worked = self.spares.poll(now_ns);
        if let Some(outcome) = self.path.poll() {
            self.complete(outcome)?;
            worked = true;
        }
        if self.in_flight.is_none() {
            if self.sealed.is_empty() && self.group_is_due() {
                self.seal(false);
            }
            worked |= self.submit_next() || self.mark_if_idle();
        }
        Ok(worked)
    }

    /// Sequence of the last frame that was appended.
    #[inline]
    pub fn written(&self) -> u64 {
        self.chain.sequence
    }

    /// Sequence of the last frame that is on stable storage.
    #[inline]
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Whether a group is on its way to the disk.
    #[inline]
    pub fn is_writing(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether anything is still to be done for what was appended: a thread that would sleep polls instead.
    #[inline]
    pub fn is_busy(&self) -> bool {
        self.in_flight.is_some() || self.group.is_some() || !self.sealed.is_empty() || self.pace.rest_since_ns.is_some()
    }

    /// Whether the segment after the one in use could not be made: refuse new updates, and append those already accepted.
    ///
    /// The next segment is allocated in whole when the one before it is taken into use, and at the start; this is true
    /// from the first failure on, so nearly all of a segment is still free then (`bytes_left`). Another try is made every
    /// 250 ms, in a thread or in `poll_sync`; false again once the next segment is there, and never true while it is.
    /// `storage_trouble` gives the reason. One relaxed load.
    #[inline]
    pub fn is_short_of_storage(&self) -> bool {
        self.spares.has_failed()
    }

    /// Bytes that can be written even if the disk stays full: the rest of the segment in use, and the next segment
    /// if it is there. A frame takes 64 bytes and its body, up to the next multiple of 8; a group takes up to 8 KiB
    /// more; at a change of segment up to the largest frame is left unused. Two relaxed loads.
    #[inline]
    pub fn bytes_left(&self) -> u64 {
        let spare = if self.spares.is_ready() { self.limits.segment_bytes - DATA_START } else { 0 };
        self.limits.segment_bytes.saturating_sub(self.offset) + spare
    }

    /// Why the segment after the one in use cannot be made, for as long as `is_short_of_storage` holds.
    pub fn storage_trouble(&self) -> Option<StorageTrouble> {
        self.spares.trouble()
    }

    /// Whether the file system of the folder can be durable: false where it is memory, or refuses to write past the page
    /// cache. It changes nothing about how groups are written.
    pub fn durability_proof(&self) -> DurabilityProof {
        self.proof
    }

    /// Looks now whether the folder is still the one that its path leads to, with the last durable group in it.
    ///
    /// A thread of the journal looks once a second, and the next `poll_sync` reports what it finds; a journal without
    /// threads (`WritePathKind::Inline`) looks only here. It waits for the disk: not for the hot thread.
    ///
    /// # Errors
    /// `Poisoned::Folder`: the journal is closed for good, and what it wrote last may be gone with its folder.
    pub fn check_folder(&mut self) -> Result<(), Poisoned> {
        self.watch.look().map_err(|lost| self.lose(lost))
    }

    /// Why nothing is written any more, if that is so: the journal is to be opened anew.
    pub fn poisoned(&self) -> Option<Poisoned> {
        self.poisoned
    }

    /// The write path in use.
    pub fn write_path(&self) -> &'static str {
        self.path.name()
    }

    pub fn stats(&self) -> Stats {
        Stats { continued: self.path.continued(), ..self.stats }
    }

    /// What takes old segments away, for a thread of its own: it touches nothing that this one writes.
    pub fn archiver(&self) -> Archiver {
        self.archiver.clone()
    }

    /// Takes old segments away, here and now: see `Archiver::archive`. It waits for the disk: not for the hot thread.
    pub fn archive(&self, below_sequence: u64, fate: &Fate) -> Result<Archived, ReadError> {
        self.archiver().archive(below_sequence, fate)
    }

    /// Blocks until everything appended is durable.
    pub fn flush(&mut self) -> Result<(), Poisoned> {
        if let Some(poisoned) = self.poisoned {
            return Err(poisoned);
        }
        loop {
            if let Some(outcome) = self.path.wait() {
                self.complete(outcome)?;
            }
            if self.sealed.is_empty() && self.group.is_some() {
                self.seal(false);
            }
            if !self.submit_next() {
                return Ok(());
            }
        }
    }

    /// Makes everything durable, writes a last Mark to prove it, and removes the tail.
    ///
    /// # Errors
    /// If a write failed, or if the folder is lost, and the frames with it.
    pub fn close(mut self) -> Result<(), Poisoned> {
        self.flush()?;
        self.check_folder()?;
        if self.pace.rest_since_ns.is_some() {
            // No room for the Mark and none to be had: the last group stays without one, as after a crash.
            if self.mark(MARK_CLOSE).is_ok() {
                self.flush()?;
            }
        }
        if let Err(error) = self.tail.remove() {
            tracing::warn!(%error, "the tail's file stays behind; the next start takes it away");
        }
        Ok(())
    }

    /// Writes a Mark in a group of its own; fails if there is no segment to put it in.
    pub(crate) fn mark(&mut self, flags: u32) -> Result<(), AppendError> {
        debug_assert!(self.group.is_none());
        self.make_room(0)?;
        self.open_group(flags);
        self.seal(true);
        Ok(())
    }

    /// A Mark will be due for what recovery found.
    pub(crate) fn owe_mark(&mut self) {
        self.pace.rest_since_ns = Some(0);
    }

    /// Where the next frame goes, in the numbering of `tail.rs`.
    #[inline]
    fn at(&self) -> u64 {
        self.segment.index * self.limits.segment_bytes + self.offset
    }

    /// The oldest position whose bytes in the tail are still needed.
    #[inline]
    fn kept_from(&self) -> u64 {
        let oldest = self.in_flight.as_ref().or(self.sealed.front()).map(|group| group.start);
        oldest.or(self.group).unwrap_or_else(|| self.at())
    }

    /// Makes room for that many bytes, and the Mark before them if they open a group, in the segment and in
    /// the tail.
    #[inline]
    fn make_room(&mut self, bytes: u64) -> Result<(), AppendError> {
        let mark_bytes = |journal: &Self| if journal.group.is_none() { MARK_BYTES as u64 } else { 0 };
        if padded_end(self.offset + mark_bytes(self) + bytes) > self.limits.segment_bytes {
            self.change_segment()?;
        }
        let end = padded_end(self.at() + mark_bytes(self) + bytes);
        if end - self.kept_from() > self.limits.tail_bytes {
            self.pace.is_pressed = true;
            return Err(AppendError::Full);
        }
        Ok(())
    }

    #[cold]
    fn change_segment(&mut self) -> Result<(), AppendError> {
        if self.group.is_some() {
            self.seal(false);
        }
        match self.spares.take() {
            Ok(segment) => {
                assert!(segment.index == self.segment.index + 1, "invariant: segments follow one another");
                self.segment = segment;
                self.offset = DATA_START;
                self.stats.segments += 1;
                self.spares.used(0);
                Ok(())
            }
            Err(NoSpare::BeingMade) => Err(AppendError::Full),
            Err(NoSpare::Failed) => Err(AppendError::StorageFull),
        }
    }

    fn open_group(&mut self, flags: u32) {
        debug_assert!(self.offset.is_multiple_of(BLOCK_BYTES));
        self.group = Some(self.at());
        let before = self.chain.check;
        self.lay_down(&Entry { flags, body: &before, ..own(Kind::Mark, self.chain.time_ns) });
    }

    #[inline]
    fn lay_down(&mut self, entry: &Entry<'_>) {
        let bytes = frame_bytes(entry.body.len());
        let at = self.at();
        frame::encode(self.tail.slice_mut(at, bytes), &mut self.chain, &self.segment.key, self.offset, entry);
        self.offset += bytes;
    }

    /// Ends the open group: from here on its bytes stay as they are until they are durable.
    fn seal(&mut self, is_mark_only: bool) {
        let Some(start) = self.group else { return };
        let end = padded_end(self.offset);
        if end > self.offset {
            let zeros = [0; 2 * BLOCK_BYTES as usize];
            let body = &zeros[..(end - self.offset) as usize - HEADER_BYTES];
            self.lay_down(&Entry { body, ..own(Kind::Pad, self.chain.time_ns) });
        }
        self.group = None;
        self.pace.group_since_ns = None;
        self.pace.is_pressed = false;
        self.sealed.push_back(Group {
            start,
            end: self.at(),
            offset: start % self.limits.segment_bytes,
            last_sequence: self.chain.sequence,
            is_mark_only,
            file: Arc::clone(&self.segment.file),
        });
    }

    /// Whether the open group is to be sealed now, with no write in flight.
    fn group_is_due(&mut self) -> bool {
        if self.group.is_none() {
            return false;
        }
        let now_ns = self.pace.now_ns;
        let since_ns = *self.pace.group_since_ns.get_or_insert(now_ns);
        match self.limits.mode {
            SyncMode::Sync | SyncMode::SyncEach => true,
            SyncMode::Async => self.pace.is_pressed || now_ns.saturating_sub(since_ns) >= self.limits.async_delay_ns,
        }
    }

    fn submit_next(&mut self) -> bool {
        let Some(group) = self.sealed.pop_front() else { return false };
        self.path.submit(GroupWrite {
            file: Arc::clone(&group.file),
            offset: group.offset,
            span: self.tail.span(group.start, group.end),
        });
        self.in_flight = Some(group);
        true
    }

    fn complete(&mut self, outcome: io::Result<()>) -> Result<(), Poisoned> {
        let Some(group) = self.in_flight.take() else { return Ok(()) };
        if let Err(error) = outcome {
            return Err(self.poison(&error));
        }
        self.durable = group.last_sequence;
        self.watch.note_group(group.start);
        self.stats.groups += 1;
        self.stats.group_bytes += group.end - group.start;
        self.pace.rest_since_ns = (!group.is_mark_only).then_some(self.pace.now_ns);
        Ok(())
    }

    /// A write failed: how much of it is on the disk is unknown, and so is what a second try would mean.
    #[cold]
    fn poison(&mut self, error: &io::Error) -> Poisoned {
        tracing::error!(%error, durable = self.durable, "a write of the journal failed: it stops here");
        let poisoned = Poisoned::Write(error.kind());
        self.poisoned = Some(poisoned);
        poisoned
    }

    /// The folder is lost: frames written now would be where no start looks for them.
    #[cold]
    fn lose(&mut self, lost: FolderLost) -> Poisoned {
        *self.poisoned.get_or_insert(Poisoned::Folder(lost))
    }

    /// When no frame has come for `idle_mark_ns`, writes a Mark that proves the last group durable.
    fn mark_if_idle(&mut self) -> bool {
        let Some(since_ns) = self.pace.rest_since_ns else { return false };
        let is_due = self.group.is_none() && self.pace.now_ns.saturating_sub(since_ns) >= self.limits.idle_mark_ns;
        is_due && self.mark(MARK_IDLE).is_ok() && self.submit_next()
    }
}

/// A frame of the journal's own.
fn own(kind: Kind, time_ns: u64) -> Entry<'static> {
    Entry { kind, rules: 0, flags: 0, feed: 0, identity: 0, position: 0, time_ns, body: &[] }
}

#[cfg(test)]
mod tests;

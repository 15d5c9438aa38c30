//! `SavedStates`: the engine's state as snapshot files, from which a start and every query of the past begin.
//!
//! A snapshot's body is the position of every sequence, then the engine's image. The positions show whether a snapshot
//! is a possible start without loading its image; on loading they are checked against it.
//!
//! Invariant: a snapshot is never required. A damaged one, or one of another build, is skipped, logged once and
//! counted; the record alone gives the same state. Its file stays until the snapshotter of a running hub removes it.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ordo_core::engine::{Engine, IMAGE_VERSION, IMAGE_VERSION_OLDEST, ImageError};
use ordo_core::subscription::Positions;
use ordo_journal::{SnapshotInfo, Snapshots};
use parking_lot::Mutex;

/// Version of the body: the high half for the positions, the low half for the image.
const BODY_VERSION: u32 = 1 << 16 | IMAGE_VERSION as u32;
/// The oldest one that is read.
const BODY_VERSION_OLDEST: u32 = 1 << 16 | IMAGE_VERSION_OLDEST as u32;
/// Read first for the positions of a snapshot: enough for a thousand feeds. More is read where needed.
const PEEK_BYTES: usize = 32 << 10;
/// Snapshots that are kept whatever the limits: the newest, and one to fall back on.
const KEPT_MIN: usize = 2;

/// Limits of the snapshots that a folder keeps.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    pub count: usize,
    pub bytes: u64,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct SavedStates {
    snapshots: Snapshots,
    /// Result of the last look at each snapshot, by sequence: good headers are read once, and defects logged once.
    known: Arc<Mutex<BTreeMap<u64, Known>>>,
    passed_over: Arc<AtomicU64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Headed(SnapshotInfo),
    /// A read error: read again next time.
    Unread,
    Useless,
}

/// Why a snapshot cannot be a start.
#[derive(Debug)]
enum Unfit {
    /// Removed since it was listed.
    Gone,
    /// A read error, which may pass.
    Unread(String),
    Useless(String),
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Unfit {
        match error.kind() {
            io::ErrorKind::NotFound => Unfit::Gone,
            io::ErrorKind::InvalidData | io::ErrorKind::Unsupported => Unfit::Useless(error.to_string()),
            _ => Unfit::Unread(error.to_string()),
        }
    }
}

impl From<ImageError> for Unfit {
    fn from(error: ImageError) -> Unfit {
        Unfit::Useless(error.to_string())
    }
}

impl SavedStates {
    pub fn of(dir: &Path) -> SavedStates {
        // `thin` decides what is removed, not the snapshot store.
        let snapshots = Snapshots::new(dir, usize::MAX);
        SavedStates { snapshots, known: Arc::default(), passed_over: Arc::default() }
    }

    /// Snapshots with a good header, newest first. Their bodies have not been checked.
    pub fn infos(&self) -> io::Result<Vec<SnapshotInfo>> {
        Ok(self.snapshots.sequences()?.into_iter().filter_map(|sequence| self.info(sequence)).collect())
    }

    fn info(&self, sequence: u64) -> Option<SnapshotInfo> {
        let known = self.known.lock().get(&sequence).copied();
        match known {
            Some(Known::Headed(info)) => return Some(info),
            Some(Known::Useless) => return None,
            Some(Known::Unread) | None => {}
        }
        match self.snapshots.info(sequence).map_err(Unfit::from).and_then(of_this_build) {
            Ok(info) => {
                self.known.lock().insert(sequence, Known::Headed(info));
                Some(info)
            }
            Err(unfit) => {
                self.pass_over(sequence, unfit);
                None
            }
        }
    }

    /// The newest good state at or before a sequence.
    pub fn newest(&self, until: u64) -> io::Result<Option<Engine>> {
        self.newest_where(|_, info| info.sequence <= until)
    }

    /// The newest good state whose header the caller accepts.
    pub fn newest_where(
        &self,
        mut takes: impl FnMut(&SavedStates, &SnapshotInfo) -> bool,
    ) -> io::Result<Option<Engine>> {
        for info in self.infos()? {
            if !takes(self, &info) {
                continue;
            }
            match self.load(info.sequence) {
                Ok(engine) => return Ok(Some(engine)),
                Err(unfit) => self.pass_over(info.sequence, unfit),
            }
        }
        Ok(None)
    }

    /// The oldest good state at or after a sequence: the start of a full replay where the record before it is archived.
    pub fn oldest_from(&self, sequence: u64) -> io::Result<Option<Engine>> {
        for info in self.infos()?.iter().rev().filter(|info| info.sequence >= sequence) {
            let engine = self.newest_where(|_, other| other.sequence == info.sequence)?;
            if engine.is_some() {
                return Ok(engine);
            }
        }
        Ok(None)
    }

    /// Removes snapshots from before the archive floor: no replay can start there.
    pub fn drop_before(&self, sequence: u64) -> io::Result<()> {
        let infos = self.infos()?;
        infos.iter().filter(|info| info.sequence < sequence).try_for_each(|info| self.remove(info.sequence))
    }

    #[cold]
    fn pass_over(&self, sequence: u64, unfit: Unfit) {
        let mut known = self.known.lock();
        let (found, why) = match unfit {
            Unfit::Gone => {
                known.remove(&sequence);
                return;
            }
            Unfit::Unread(why) => (Known::Unread, why),
            Unfit::Useless(why) => (Known::Useless, why),
        };
        if known.insert(sequence, found) == Some(found) {
            return;
        }
        let count = self.passed_over.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::warn!(sequence, why, count, "an unusable snapshot is skipped");
    }

    fn load(&self, sequence: u64) -> Result<Engine, Unfit> {
        let (info, body) = self.snapshots.load(sequence)?;
        let info = of_this_build(info)?;
        let (positions, image) = split(&body).ok_or_else(|| Unfit::Useless("its positions are damaged".into()))?;
        let engine = Engine::from_image(image)?;
        let held = SnapshotInfo { body_version: info.body_version, body_bytes: info.body_bytes, ..info_of(&engine) };
        if held != info || positions_of(&engine) != positions {
            return Err(Unfit::Useless("header and positions differ from the image".into()));
        }
        Ok(engine)
    }

    /// The position of every sequence in a snapshot, from its body's head; none if that cannot be read.
    pub fn positions(&self, sequence: u64) -> Option<Positions> {
        let peeked = self.snapshots.peek(sequence, PEEK_BYTES).ok()?;
        let needed = 4 + u32::from_le_bytes(*peeked.first_chunk()?) as usize;
        let peeked = if needed > peeked.len() { self.snapshots.peek(sequence, needed).ok()? } else { peeked };
        split(&peeked).map(|(positions, _)| positions)
    }

    /// Writes a state, unless it is empty or already saved.
    pub fn save(&self, engine: &Engine) -> io::Result<()> {
        let info = info_of(engine);
        if info.sequence == 0 || self.infos()?.iter().any(|known| known.sequence == info.sequence) {
            return Ok(());
        }
        let mut writer = self.snapshots.write(info)?;
        writer.write_all(&encoded(&positions_of(engine)))?;
        writer.write_all(&engine.image())?;
        let info = writer.finish()?;
        self.known.lock().insert(info.sequence, Known::Headed(info));
        Ok(())
    }

    /// Removes up to `count_max` unusable snapshots, oldest first. For the owner of the folder only: another build may
    /// be able to read them.
    pub fn discard(&self, count_max: usize) -> io::Result<()> {
        let useless: Vec<u64> = {
            let known = self.known.lock();
            let useless = known.iter().filter(|(_, known)| **known == Known::Useless);
            useless.map(|(sequence, _)| *sequence).take(count_max).collect()
        };
        for sequence in useless {
            self.remove(sequence)?;
            tracing::info!(sequence, "an unusable snapshot was removed");
        }
        Ok(())
    }

    fn remove(&self, sequence: u64) -> io::Result<()> {
        match self.snapshots.remove(sequence) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.known.lock().remove(&sequence);
        Ok(())
    }

    /// Removes snapshots until both limits hold, each time the one whose removal leaves the smallest gap.
    pub fn thin(&self, keep: Retention) -> io::Result<()> {
        let mut infos = self.infos()?;
        while infos.len() > KEPT_MIN
            && (infos.len() > keep.count || infos.iter().map(|info| info.body_bytes).sum::<u64>() > keep.bytes)
        {
            let gap_without = |at: &usize| {
                let before = infos.get(at + 1).map_or(0, |info| info.sequence);
                infos[at - 1].sequence - before
            };
            let at = (KEPT_MIN..infos.len()).min_by_key(gap_without).expect("invariant: more than the least");
            self.remove(infos.remove(at).sequence)?;
        }
        Ok(())
    }
}

/// The header of a state's snapshot, without the size of its body.
fn info_of(engine: &Engine) -> SnapshotInfo {
    let header = engine.image_header();
    SnapshotInfo {
        body_version: BODY_VERSION,
        sequence: header.sequence,
        time_ns: header.time_ns,
        state_hash: header.state_hash.to_le_bytes(),
        body_bytes: 0,
    }
}

fn of_this_build(info: SnapshotInfo) -> Result<SnapshotInfo, Unfit> {
    match info.body_version {
        BODY_VERSION_OLDEST..=BODY_VERSION => Ok(info),
        other => Err(Unfit::Useless(format!(
            "body version {other} is not known (knows {BODY_VERSION_OLDEST} to {BODY_VERSION})"
        ))),
    }
}

fn positions_of(engine: &Engine) -> Positions {
    let named = engine.names().feeds.iter().cloned().zip(engine.feeds().iter().map(|feed| feed.position));
    named.filter(|(_, position)| *position != 0).collect()
}

/// Length of what follows; then for each sequence its position, the length of its name, and the name; little-endian.
fn encoded(positions: &Positions) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    for (name, position) in positions {
        bytes.extend_from_slice(&position.to_le_bytes());
        bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
        bytes.extend_from_slice(name.as_bytes());
    }
    let len = (bytes.len() - 4) as u32;
    bytes[..4].copy_from_slice(&len.to_le_bytes());
    bytes
}

/// The positions at the head of a body, and the image behind them.
fn split(body: &[u8]) -> Option<(Positions, &[u8])> {
    let (len, rest) = body.split_first_chunk()?;
    let (mut block, image) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    let mut positions = Positions::new();
    while !block.is_empty() {
        let (position, rest) = block.split_first_chunk()?;
        let (len, rest) = rest.split_first_chunk()?;
        let (name, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        positions.insert(std::str::from_utf8(name).ok()?.into(), i64::from_le_bytes(*position));
        block = rest;
    }
    Some((positions, image))
}

#[cfg(test)]
mod tests;

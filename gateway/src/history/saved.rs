//! `SavedStates`: the engine's state as snapshot files, from which a start and every look at the past go on.
//!
//! A snapshot's body is the position of every sequence, then the engine's image: the positions say which snapshot a
//! reader can start from without loading it. They are checked against the image before anything is told from it.
//!
//! Invariant: a snapshot is never needed. One that is damaged is passed over, said and counted; the record alone gives
//! the same state.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ordo_core::engine::{Engine, IMAGE_VERSION};
use ordo_journal::{SnapshotInfo, Snapshots};

use super::Positions;
use crate::config::Config;

/// Version of the body: of what stands before the image, and of the image.
const BODY_VERSION: u32 = 1 << 16 | IMAGE_VERSION as u32;
/// Enough for the positions of a thousand feeds; more are read when needed.
const PEEK_BYTES: usize = 32 << 10;
/// However few may be kept, the newest and one to fall back on are.
const KEPT_MIN: usize = 2;

/// How many snapshots a folder keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retention {
    pub(crate) count: usize,
    pub(crate) bytes: u64,
}

impl Retention {
    pub(crate) fn of(config: &Config) -> Retention {
        Retention { count: config.snapshots_max, bytes: config.snapshots_bytes_max }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct SavedStates {
    snapshots: Snapshots,
    passed_over: Arc<AtomicU64>,
}

impl SavedStates {
    pub(crate) fn of(dir: &Path) -> SavedStates {
        // What goes is decided by `thin`.
        SavedStates { snapshots: Snapshots::new(dir, usize::MAX), passed_over: Arc::default() }
    }

    /// What is there, newest first; not known to be whole.
    pub(crate) fn infos(&self) -> io::Result<Vec<SnapshotInfo>> {
        self.snapshots.infos()
    }

    /// The newest state at or before a sequence.
    pub(crate) fn newest(&self, until: u64) -> io::Result<Option<Engine>> {
        self.newest_where(|_, info| info.sequence <= until)
    }

    /// The newest state that is whole and that the caller takes, by what its snapshot says of itself.
    pub(crate) fn newest_where(
        &self,
        mut takes: impl FnMut(&SavedStates, &SnapshotInfo) -> bool,
    ) -> io::Result<Option<Engine>> {
        // Those whose header is damaged are missing here.
        let infos = self.infos()?;
        for damaged in self.snapshots.sequences()?.into_iter().filter(|at| infos.iter().all(|i| i.sequence != *at)) {
            self.pass_over(damaged, "its header is damaged");
        }
        for info in infos {
            if !takes(self, &info) {
                continue;
            }
            match self.load(info.sequence) {
                Ok(engine) => return Ok(Some(engine)),
                Err(why) => self.pass_over(info.sequence, &why),
            }
        }
        Ok(None)
    }

    #[cold]
    fn pass_over(&self, sequence: u64, why: &str) {
        let count = self.passed_over.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::warn!(sequence, why, count, "a snapshot is passed over");
    }

    fn load(&self, sequence: u64) -> Result<Engine, String> {
        let (info, body) = self.snapshots.load(sequence).map_err(|error| error.to_string())?;
        if info.body_version != BODY_VERSION {
            return Err(format!("body version {} is not known (knows {BODY_VERSION})", info.body_version));
        }
        let (positions, image) = split(&body).ok_or("its positions are damaged")?;
        let engine = Engine::from_image(image).map_err(|error| error.to_string())?;
        if engine.sequence() != sequence || positions_of(&engine) != positions {
            return Err("what it says of itself is not what it holds".into());
        }
        Ok(engine)
    }

    /// The position of every sequence in a snapshot, as it says itself. None if it cannot be read.
    pub(crate) fn positions(&self, sequence: u64) -> Option<Positions> {
        let peeked = self.snapshots.peek(sequence, PEEK_BYTES).ok()?;
        let needed = 4 + u32::from_le_bytes(*peeked.first_chunk()?) as usize;
        let peeked = if needed > peeked.len() { self.snapshots.peek(sequence, needed).ok()? } else { peeked };
        split(&peeked).map(|(positions, _)| positions)
    }

    /// Writes a state, unless it is that of an empty record or there already.
    pub(crate) fn save(&self, engine: &Engine) -> io::Result<()> {
        let header = engine.image_header();
        if header.sequence == 0 || self.infos()?.iter().any(|info| info.sequence == header.sequence) {
            return Ok(());
        }
        let info = SnapshotInfo {
            body_version: BODY_VERSION,
            sequence: header.sequence,
            time_ns: header.time_ns,
            state_hash: header.state_hash.to_le_bytes(),
            body_bytes: 0,
        };
        let mut writer = self.snapshots.write(info)?;
        writer.write_all(&encoded(&positions_of(engine)))?;
        writer.write_all(&engine.image())?;
        writer.finish().map(drop)
    }

    /// Takes away what is too many or too large, each time the one that leaves the smallest gap.
    pub(crate) fn thin(&self, keep: Retention) -> io::Result<()> {
        let mut infos = self.infos()?;
        while infos.len() > KEPT_MIN
            && (infos.len() > keep.count || infos.iter().map(|info| info.body_bytes).sum::<u64>() > keep.bytes)
        {
            let gap_without = |at: &usize| {
                let before = infos.get(at + 1).map_or(0, |info| info.sequence);
                infos[at - 1].sequence - before
            };
            let at = (KEPT_MIN..infos.len()).min_by_key(gap_without).expect("invariant: more than the least");
            self.snapshots.remove(infos.remove(at).sequence)?;
        }
        Ok(())
    }
}

fn positions_of(engine: &Engine) -> Positions {
    let named = engine.names().feeds.iter().cloned().zip(engine.feeds().iter().map(|feed| feed.position));
    named.filter(|(_, position)| *position != 0).collect()
}

/// Length of what follows, then each position, the length of its sequence's name, and the name; little-endian.
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

/// Positions, and what follows them.
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
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_and_what_follows_is_left() {
        let positions = Positions::from([("f".into(), 7), ("oms".into(), i64::MAX)]);
        let mut body = encoded(&positions);
        assert!((0..body.len()).all(|len| split(&body[..len]).is_none()));
        body.extend_from_slice(b"image");
        assert_eq!(split(&body), Some((positions, &b"image"[..])));
    }
}

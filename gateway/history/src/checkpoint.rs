//! Checkpoints: hashes of state and events at a sequence, recorded so that a replay by a build with other rules is
//! caught at the first difference.

use ordo_core::engine::Engine;
use thiserror::Error;

/// Sequences between two checkpoints.
const SEQUENCES_BETWEEN: u64 = 65_536;

/// State of the engine after the update with this sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    pub sequence: u64,
    state_hash: u128,
    events_hash: u128,
    refused: u64,
}

/// A replay came to another result than the record holds: this build has other rules than the one that recorded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("CORRUPT replay differs from the record at seq={sequence}: {what}")]
pub struct Divergence {
    pub sequence: u64,
    what: &'static str,
}

impl Checkpoint {
    /// The checkpoint that is due once the engine has advanced from sequence `before`.
    #[inline]
    pub fn due(before: u64, engine: &Engine) -> Option<Checkpoint> {
        let passed = engine.sequence() / SEQUENCES_BETWEEN != before / SEQUENCES_BETWEEN;
        passed.then(|| Checkpoint::of(engine))
    }

    fn of(engine: &Engine) -> Checkpoint {
        Checkpoint {
            sequence: engine.sequence(),
            state_hash: engine.state_hash(),
            events_hash: engine.events_hash(),
            refused: engine.oddities().refused,
        }
    }

    /// Sequence, state hash, events hash, number of refusals; little-endian.
    pub fn encode(&self) -> [u8; 48] {
        let mut bytes = [0; 48];
        bytes[..8].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[8..24].copy_from_slice(&self.state_hash.to_le_bytes());
        bytes[24..40].copy_from_slice(&self.events_hash.to_le_bytes());
        bytes[40..].copy_from_slice(&self.refused.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<Checkpoint> {
        let bytes: &[u8; 48] = bytes.try_into().ok()?;
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let hash = |at: usize| u128::from_le_bytes(bytes[at..at + 16].try_into().expect("sixteen bytes"));
        Some(Checkpoint { sequence: number(0), state_hash: hash(8), events_hash: hash(24), refused: number(40) })
    }

    /// Compares with the checkpoint of a replay at the same sequence.
    ///
    /// # Errors
    /// The first of refusals, state and events that differs.
    pub fn compare(&self, replayed: &Checkpoint) -> Result<(), Divergence> {
        let what = if self.refused != replayed.refused {
            "other updates were refused"
        } else if self.state_hash != replayed.state_hash {
            "the state is another"
        } else if self.events_hash != replayed.events_hash {
            "the events are others"
        } else {
            return Ok(());
        };
        Err(Divergence { sequence: self.sequence, what })
    }
}

//! `begin`: a replay from the first state that a folder has.
//!
//! That is the empty state, or, where the oldest segments are archived, the oldest snapshot behind them.

use std::path::Path;

use ordo_journal::ReadError;
use thiserror::Error;

use crate::replay::{Options, Replay, ReplayError};
use crate::saved_states::SavedStates;

/// See the module.
pub struct Begun {
    /// Has applied nothing yet.
    pub replay: Replay,
    /// Updates up to this sequence are no longer in the folder; 0 if all are there.
    pub archived: u64,
}

/// Why a folder's record cannot be replayed from its beginning.
#[derive(Debug, Error)]
pub enum BeginError {
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("frames up to sequence {archived} are archived, and there is no good snapshot behind them")]
    NoState { archived: u64 },
}

/// A replay of the whole record of a folder.
///
/// # Errors
/// [`BeginError`].
pub fn begin(dir: &Path) -> Result<Begun, BeginError> {
    match Replay::open(dir, Options { snapshots: false, ..Options::default() }) {
        Ok(replay) => Ok(Begun { replay, archived: 0 }),
        Err(ReplayError::Read(ReadError::Archived { archived })) => {
            let oldest = SavedStates::of(dir).oldest_from(archived).map_err(ReplayError::from)?;
            let engine = oldest.ok_or(BeginError::NoState { archived })?;
            Ok(Begun { replay: Replay::from(dir, engine, u64::MAX)?, archived })
        }
        Err(error) => Err(error.into()),
    }
}

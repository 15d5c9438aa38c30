//! `begin`: where the record begins that a folder still has.
//!
//! That is its first update, or, where the oldest segments were archived, the oldest state behind them.

use std::path::Path;

use ordo_journal::ReadError;
use thiserror::Error;

use crate::replay::{Options, Replay, ReplayError};
use crate::saved_states::SavedStates;

/// See the module.
pub struct Begun {
    /// It has applied nothing yet.
    pub replay: Replay,
    /// Updates up to this one are no longer in the folder; 0 where all are.
    pub archived: u64,
}

/// Why a folder's record has no beginning.
#[derive(Debug, Error)]
pub enum BeginError {
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("frames up to {archived} were archived, and no good snapshot behind them is there")]
    NoState { archived: u64 },
}

/// A replay of all that a folder still has.
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

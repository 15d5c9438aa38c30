//! `begin`: where the record begins that a folder still has.
//!
//! That is its first update, or, where the oldest segments were archived, the oldest state behind them.

use std::path::Path;

use ordo_core::engine::Engine;
use ordo_journal::ReadError;
use thiserror::Error;

use crate::history::SavedStates;
use crate::replay::{Options, Replay, ReplayError};

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
            let oldest = oldest_behind(&SavedStates::of(dir), archived).map_err(ReplayError::from)?;
            let engine = oldest.ok_or(BeginError::NoState { archived })?;
            Ok(Begun { replay: Replay::from(dir, engine, u64::MAX)?, archived })
        }
        Err(error) => Err(error.into()),
    }
}

/// The oldest state from which what is left of the record can be gone through.
fn oldest_behind(saved: &SavedStates, archived: u64) -> std::io::Result<Option<Engine>> {
    let newest_first = saved.infos()?;
    for info in newest_first.iter().rev().filter(|info| info.sequence >= archived) {
        let engine = saved.newest_where(|_, other| other.sequence == info.sequence)?;
        if engine.is_some() {
            return Ok(engine);
        }
    }
    Ok(None)
}

//! The recording round after round, for runs longer than it: each round's orders have other ids.

use std::path::PathBuf;

use ordo_core::proto::ExternalAction;

use super::{Flow, FlowError, Removal};

/// Distance between the ids of two rounds: more than any recorded id, and a multiple of the number of accounts, so that
/// an order keeps its account.
const IDS_EACH: u64 = 10_000_000_000_000_000;

/// See the module. Orders that are open at the end of a round are cancelled: the book stays as deep as recorded. Ends
/// after an error only.
#[derive(Debug)]
pub struct Rounds {
    /// None: the extract in the program.
    recording: Option<PathBuf>,
    removal: Removal,
    round: u64,
    flow: Flow,
}

impl Rounds {
    /// # Errors
    /// As [`Flow::open`].
    pub fn of(recording: Option<PathBuf>, removal: Removal) -> Result<Rounds, FlowError> {
        let flow = open(recording.as_ref(), removal)?;
        Ok(Rounds { recording, removal, round: 0, flow })
    }

    fn begin_next(&mut self) -> Result<(), FlowError> {
        self.round += 1;
        self.flow = open(self.recording.as_ref(), self.removal)?;
        self.flow.id_offset = self.round * IDS_EACH;
        Ok(())
    }
}

impl Iterator for Rounds {
    type Item = Result<ExternalAction, FlowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(action) = self.flow.next() {
                return Some(action);
            }
            if self.flow.is_broken {
                return None;
            }
            if self.flow.cancel_open() == 0
                && let Err(error) = self.begin_next()
            {
                self.flow.is_broken = true;
                return Some(Err(error));
            }
        }
    }
}

fn open(recording: Option<&PathBuf>, removal: Removal) -> Result<Flow, FlowError> {
    match recording {
        Some(orders) => Flow::open(orders, removal),
        None => Ok(Flow::shipped(removal)),
    }
}

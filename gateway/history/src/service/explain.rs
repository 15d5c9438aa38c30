//! Why a record is what it is: the whole record folded once, for one who asks.

use std::ops::ControlFlow;

use ordo_core::json::Style;

use super::walk::UPDATES_PER_LOOK;
use super::{History, HistoryError};
use crate::investigation::{Fields, Step, Subject, explain};

impl History {
    /// Every update that moved a record, up to an instant, and what it came to. Blocks: for workers.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn explain(
        &self,
        subject: &Subject,
        style: Style,
        (at_ns, told): (u64, u64),
        is_asked: impl Fn() -> bool,
        tell: impl FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Fields, HistoryError> {
        // What moved it first may lie before any snapshot that there is, or where it is archived, was in the oldest.
        let engine = match self.kept.archived() {
            0 => None,
            archived => self.saved.oldest_from(archived)?,
        };
        let mut replay = self.replay_from(engine, told)?;
        let (mut unwanted, mut updates) = (false, 0u64);
        let fields = explain(
            &mut replay,
            subject,
            style,
            |_, next| {
                unwanted = updates.is_multiple_of(UPDATES_PER_LOOK) && !is_asked();
                updates += 1;
                next.time_ns <= at_ns && !unwanted
            },
            tell,
        )?;
        if unwanted { Err(HistoryError::Unwanted) } else { Ok(fields) }
    }
}

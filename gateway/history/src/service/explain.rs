//! Explanations: the record folded from its beginning, for one figure.

use std::ops::ControlFlow;

use ordo_core::json::Style;

use super::update_cursor::UPDATES_PER_LOOK;
use super::{History, HistoryError};
use crate::investigation::{Fields, Step, Subject, explain};

impl History {
    /// Reports every update that moved a record up to an instant; returns the record's fields then. Blocks: for
    /// workers.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn explain(
        &self,
        subject: &Subject,
        style: Style,
        (at_ns, published): (u64, u64),
        is_asked: impl Fn() -> bool,
        report: impl FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Fields, HistoryError> {
        // The first update that moved the record may be older than any snapshot; where it is archived, its effect is in
        // the oldest state behind the floor.
        let engine = match self.archive_floor.archived() {
            0 => None,
            archived => self.saved.oldest_from(archived)?,
        };
        let mut replay = self.replay_from(engine, published)?;
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
            report,
        )?;
        if unwanted { Err(HistoryError::Unwanted) } else { Ok(fields) }
    }
}

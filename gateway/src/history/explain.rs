//! Why a record is what it is: the whole record folded once, for one who asks.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::walk::UPDATES_PER_LOOK;
use super::{History, HistoryError};
use crate::investigation::{Explanation, Subject, explain};

impl History {
    /// Every update that moved a record, up to an instant.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub(crate) async fn explain(self: &Arc<Self>, subject: Subject, at_ns: u64) -> Result<Explanation, HistoryError> {
        let permit = self.admit().await?;
        let told = self.told().await?;
        let (answer, answered) = oneshot::channel();
        let history = self.clone();
        self.on_worker(move || {
            let found = history.explained(&subject, (at_ns, told), || !answer.is_closed() && history.is_running());
            drop(permit);
            let _ = answer.send(found);
        })?;
        answered.await.unwrap_or(Err(HistoryError::Stopping))
    }

    fn explained(
        &self,
        subject: &Subject,
        (at_ns, told): (u64, u64),
        is_asked: impl Fn() -> bool,
    ) -> Result<Explanation, HistoryError> {
        // What moved it first may lie before any snapshot.
        let mut replay = self.replay_from(None, told)?;
        let mut unwanted = false;
        let explanation = explain(
            &mut replay,
            subject,
            |engine, next| {
                unwanted = engine.sequence().is_multiple_of(UPDATES_PER_LOOK) && !is_asked();
                next.time_ns <= at_ns && !unwanted
            },
            |_| {},
        )?;
        if unwanted { Err(HistoryError::Unwanted) } else { Ok(explanation) }
    }
}

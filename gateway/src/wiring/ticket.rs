//! `Ticket`: the answer that a REST write waits for.
//!
//! Shared by the waiting handler (tokio) and the slot that carries the write. The publisher answers it once the write
//! may be published. A pipeline that stopped or failed answers no more; `wait` detects that.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ordo_history::clock::Clock;
use tokio::sync::Notify;

use crate::wiring::progress::Progress;

/// Result of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriteResult {
    /// Applied and as durable as configured. Holds the order's state after it, if the ticket asked for it and the order
    /// changed.
    Applied(Option<Vec<u8>>),
    /// Valid and without effect: nothing was to be changed, or the same id was applied before.
    Nothing { is_repeated: bool },
    /// Refused, with all error codes.
    Refused(Vec<String>),
    /// Not admitted because the hub is stopping, or the result is unknown.
    Unavailable,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    result: OnceLock<WriteResult>,
    answered: Notify,
    wants_order: bool,
}

/// Interval at which a waiting handler checks whether the pipeline still runs. Answers wake it at once.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A write that is not answered within this time, as behind a stalled disk, has an unknown result.
const PATIENCE: Duration = Duration::from_secs(30);

impl Ticket {
    pub(crate) fn new() -> Arc<Ticket> {
        Arc::default()
    }

    /// A ticket whose answer holds the order's state.
    pub(crate) fn for_order() -> Arc<Ticket> {
        Arc::new(Ticket { wants_order: true, ..Ticket::default() })
    }

    pub(crate) fn wants_order(&self) -> bool {
        self.wants_order
    }

    /// Sets the answer, unless it is set.
    pub(crate) fn answer(&self, result: WriteResult) {
        if self.result.set(result).is_ok() {
            self.answered.notify_one();
        }
    }

    pub(crate) async fn wait(&self, progress: &Progress, clock: &Clock) -> WriteResult {
        let since = clock.now();
        loop {
            // Checked before the answer: a pipeline that is over has given all answers.
            let is_over = progress.fault().is_some() || progress.is_over();
            if let Some(result) = self.result.get() {
                return result.clone();
            }
            if is_over || clock.since(since) >= PATIENCE {
                return WriteResult::Unavailable;
            }
            let _ = tokio::time::timeout(LOOK_EVERY, self.answered.notified()).await;
        }
    }
}

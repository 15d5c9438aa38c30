//! `Ticket`: the answer that a REST write waits for.
//!
//! Shared by the handler that waits (tokio) and the slot that carries the write through the pipeline: the publisher
//! answers it once the write may be told. A pipeline that stops or fails answers nothing any more, and the one who
//! waits sees that for himself.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ordo_history::clock::Clock;
use tokio::sync::Notify;

use crate::wiring::progress::Progress;

/// How a write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriteResult {
    /// Applied and as durable as configured. Holds the order's state after it, where the write was about one order and
    /// changed it.
    Applied(Option<Vec<u8>>),
    /// In order, and it changed nothing: there was nothing to change, or the same was applied before under its id.
    Nothing { is_repeated: bool },
    /// Refused by the rules, with all codes.
    Refused(Vec<String>),
    /// The hub stops: the write was not taken, or what became of it is unknown.
    Unavailable,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    result: OnceLock<WriteResult>,
    answered: Notify,
    wants_order: bool,
}

/// Between looks at whether the pipeline still runs. No write waits for it: an answer wakes at once.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A disk that has stalled for so long keeps nobody waiting: what becomes of the write is unknown then.
const PATIENCE: Duration = Duration::from_secs(30);

impl Ticket {
    pub(crate) fn new() -> Arc<Ticket> {
        Arc::default()
    }

    /// The answer shall hold the order.
    pub(crate) fn for_order() -> Arc<Ticket> {
        Arc::new(Ticket { wants_order: true, ..Ticket::default() })
    }

    pub(crate) fn wants_order(&self) -> bool {
        self.wants_order
    }

    /// The first answer counts.
    pub(crate) fn answer(&self, result: WriteResult) {
        if self.result.set(result).is_ok() {
            self.answered.notify_one();
        }
    }

    pub(crate) async fn wait(&self, progress: &Progress, clock: &Clock) -> WriteResult {
        let since = clock.now();
        loop {
            // Looked at before the answer: a pipeline that is over has answered all that it ever will.
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

//! Statuses of client requests: what their RequestStatusDetails say, or where there are none, the hub's own five.

use super::Phase;
use super::life::PHASES;
use crate::engine::state::State;
use crate::proto::RequestStatusDetails;

/// The statuses that a new hub defines, with their flags.
pub fn default_statuses() -> [RequestStatusDetails; 5] {
    PHASES.map(|phase| RequestStatusDetails {
        code: phase.code().to_owned(),
        name: phase.code().to_owned(),
        is_normal: phase != Phase::Rejected,
        is_manual: false,
        is_transition: matches!(phase, Phase::Pending | Phase::Submitted),
        is_completed: phase.is_end(),
        can_amend: phase == Phase::Queued,
        can_cancel: phase == Phase::Queued,
    })
}

impl State {
    /// The end that a status means; none if more may happen under it. A status that is not defined has the flags of the
    /// hub's own of that name, and another one ends nothing.
    pub(super) fn end_of_status(&self, code: &str) -> Option<Phase> {
        let own = PHASES.into_iter().find(|phase| phase.code() == code);
        let (is_completed, is_normal) = match (self.metadata.request_status(code), own) {
            (Some(details), _) => (details.is_completed, details.is_normal),
            (None, Some(phase)) => (phase.is_end(), phase != Phase::Rejected),
            (None, None) => (false, true),
        };
        let end = if own == Some(Phase::Rejected) || !is_normal { Phase::Rejected } else { Phase::Completed };
        is_completed.then_some(end)
    }
}

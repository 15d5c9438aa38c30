//! When a request next needs a record of the hub.

use crate::engine::Engine;
use crate::names::FeedNo;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestDueKind {
    /// Requests of a feed that is online are Pending: [`super::backlog_body`], once for each.
    Dispatch(FeedNo),
    /// A request waited too long: [`super::timeout_body`], once for each.
    Timeout,
}

/// See [`Engine::next_request_due`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestDue {
    /// When, in nanoseconds since 1970; 0: now.
    pub at_ns: u64,
    pub kind: RequestDueKind,
    /// How many records are due then, as far as is known: at least one.
    pub count: u32,
}

impl Engine {
    /// When a request next needs a record of the hub, and which. Costs a look at each feed while a request is Pending, and
    /// nothing while none is.
    pub fn next_request_due(&self) -> Option<RequestDue> {
        let requests = &self.state.requests;
        if requests.oldest_pending().is_some() {
            for feed in (1..self.state.feeds.len() as u32).map(FeedNo) {
                let count = requests.pending_len(feed);
                if count > 0 && self.state.is_online(feed) {
                    return Some(RequestDue { at_ns: 0, kind: RequestDueKind::Dispatch(feed), count });
                }
            }
        }
        let (at_ns, _) = self.next_timeout()?;
        Some(RequestDue { at_ns, kind: RequestDueKind::Timeout, count: 1 })
    }

    /// The request whose time is up first, and when.
    pub(super) fn next_timeout(&self) -> Option<(u64, u32)> {
        let state = &self.state;
        let pending = state.requests.oldest_pending().map(|number| {
            let since_ns = state.requests.rows.get(number).since_ns;
            (since_ns.saturating_add(state.settings.request_timeout_ns()), number)
        });
        pending.into_iter().chain(state.requests.first_expiring()).min()
    }
}

//! When a request next needs a record of the hub.

use crate::engine::{Due, DueKind, Engine};
use crate::names::FeedNo;

impl Engine {
    /// When a request next needs a record of the hub. Costs a look at each feed while a request is Pending, and nothing
    /// while none is.
    pub fn next_request_due(&self) -> Option<Due> {
        let requests = &self.state.requests;
        if requests.oldest_pending().is_some() {
            for feed in (1..self.state.feeds.len() as u32).map(FeedNo) {
                let waiting = requests.pending_len(feed);
                if waiting > 0 && self.state.is_online(feed) {
                    return Some(Due { at_ns: 0, kind: DueKind::Dispatch { feed, requests: waiting } });
                }
            }
        }
        let (at_ns, _) = self.next_timeout()?;
        Some(Due { at_ns, kind: DueKind::RequestTimeout })
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

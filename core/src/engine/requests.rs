//! Client requests: entered, checked, queued, routed to a feed, and followed to their end.
//!
//! Hot path: engine thread. A New, Amend or Cancel, its dispatch and its answers allocate nothing once warm; decisions on
//! queued requests, moves of cash and what an adapter reports of its own are cold.
//!
//! A client's request is one recorded update, its dispatch to the feed another: what was delivered is in the record before
//! the adapter can have it. `life` is the table of what can happen to a request; `core/REQUESTS.md` prints it.
//!
//! Absent on purpose: who may do what (the edge knows identities), waiting clients (the publisher), and time-outs of
//! adapters that have a request (only they know what became of it).

mod bytes;
mod chain;
mod check;
mod content;
mod decide;
mod dispatch;
mod due;
mod ended;
mod halt;
pub mod life;
mod link;
mod problems;
mod progress;
mod report;
mod route;
mod row;
mod status;
mod submit;
mod table;
mod validate;

pub use dispatch::{backlog_body, dispatch_body, timeout_body};
pub use life::Phase;
pub use status::default_statuses;
pub use validate::Validation;

pub(in crate::engine) use bytes::request_of;
pub(in crate::engine) use chain::Link;
pub(in crate::engine) use ended::EndedRequest;
pub(in crate::engine) use problems::Problems;
pub(in crate::engine) use progress::change_request;
pub(in crate::engine) use row::RequestRow;
pub(in crate::engine) use table::Requests;

use bytes::{Facts, keep_update, request_span, text_of};
use life::{Happening, Next};

use super::state::State;
use super::{Engine, Input};
use crate::outcome::{Outcome, RequestEvent, RequestUpdateEvent, RoutedRequest};
use crate::refusal::Code;
use crate::wire::{ClientRequest, ReverseWriter, Span, field};

/// The number of a request that ended with its first update.
const NO_NUMBER: u32 = u32::MAX;

impl Engine {
    /// A ClientRequest: submitted by a client, or reported by an adapter. Whether it changed anything.
    pub(super) fn request(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<bool, Code> {
        if !input.request.request.is_given() {
            return Err(Code::Details);
        }
        if input.stamp.origin.is_client { self.submit(input, out) } else { self.report(input, out) }
    }

    /// A ClientRequestUpdate: the hub's own, or an adapter's. Whether it changed anything.
    pub(super) fn request_update(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<bool, Code> {
        if !input.request.update.is_given() {
            return Err(Code::Details);
        }
        if input.stamp.origin.is_dispatch { Ok(self.dispatch(input, out)) } else { self.progress(input, out) }
    }

    /// The ClientRequestState of an active request, by [`crate::names::request_key`].
    pub fn active_request(&self, key: u128) -> Option<&[u8]> {
        let number = self.state.requests.get(key)?;
        Some(self.state.bytes.get(self.state.requests.rows.get(number).state))
    }

    /// When a request ended, while that is remembered: nanoseconds since 1970.
    pub fn ended_request_ns(&self, key: u128) -> Option<u64> {
        self.state.requests.ended.get(key).map(|entry| entry.at_ns)
    }

    /// Puts a state that stands in the outcome in place of a request's, and makes its event.
    fn put_state(&mut self, number: u32, row: RequestRow, state: Span, out: &mut Outcome) {
        let was_for = self.state.requests.rows.get(number).outstanding();
        let is_end = row.phase.is_end();
        if is_end {
            self.state.end_request(number, row.phase);
        } else {
            let handle = self.state.bytes.replace(row.state, out.bytes_of(state));
            self.state.set_request(number, RequestRow { state: handle, ..row });
        }
        out.requests.push(row.event(number, is_end, state));
        let feed = row.outstanding().filter(|_| row.phase == Phase::Pending);
        if let Some(feed) = feed.filter(|feed| was_for != Some(*feed)) {
            let request = request_span(&out.bytes, state);
            out.request_mut().routed =
                Some(RoutedRequest { feed, account: row.account, instrument: row.instrument, request });
        }
    }

    /// The phase that follows; none where the happening changes nothing.
    fn follow(&self, number: u32, happening: Happening) -> Option<Phase> {
        match life::next(self.state.requests.rows.get(number).phase, happening) {
            Next::To(phase) => Some(phase),
            Next::Ignored | Next::Refused(_) => None,
        }
    }
}

/// The event of a request's progress, its ClientRequestUpdate in the outcome's bytes.
fn tell_update(before: &RequestRow, update: Span, out: &mut Outcome) {
    let feed = before.outstanding();
    let RequestRow { account, instrument, .. } = *before;
    out.request_mut().update = Some(RequestUpdateEvent { feed, account, instrument, update });
}

/// Keeps the ClientRequestUpdate of what the hub did to a request, or of what follows from an order action.
fn keep_hub_update(row: &RequestRow, state: &State, facts: &Facts<'_>, w: &mut ReverseWriter, out: &mut Outcome) {
    let account = &state.names.account(row.account).encoded;
    let request = request_of(state.bytes.get(row.state));
    let id = text_of(request, field::client_request::REQUEST_ID);
    let update = keep_update(id, account, facts, w, out);
    tell_update(row, update, out);
}

impl RequestRow {
    pub(in crate::engine) fn event(&self, number: u32, removed: bool, state: Span) -> RequestEvent {
        RequestEvent {
            number,
            key: self.key,
            account: self.account,
            instrument: self.instrument,
            feed: if removed { None } else { self.outstanding() },
            removed,
            completed: self.phase.is_end(),
            state,
        }
    }
}

/// Whether bytes are a ClientRequestState that the engine can go on with.
pub(in crate::engine) fn is_state(bytes: &[u8]) -> bool {
    let request = request_of(bytes);
    let is_request = ClientRequest::decode(request, Span::whole(request)).is_ok();
    is_request && <crate::proto::ClientRequestState as prost::Message>::decode(bytes).is_ok()
}

//! What an adapter reports of a request: ClientRequestUpdate.
//!
//! Hot path: engine thread, but for updates that change the request itself (its queue, its authorities).

use prost::Message;

use super::bytes::{Errors, Facts, keep_changed, text_of};
use super::check::account_hash;
use super::life::Happening;
use super::{Phase, RequestRow, request_of, tell_update};
use crate::engine::state::State;
use crate::engine::{Engine, Input, executed_at};
use crate::names::{FeedNo, request_key};
use crate::outcome::Outcome;
use crate::proto;
use crate::refusal::Code;
use crate::wire::{ClientRequestUpdate, Span, field};

impl Engine {
    pub(super) fn progress(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<bool, Code> {
        let bytes = input.bytes;
        let update = ClientRequestUpdate::decode(bytes, input.request.update).map_err(|_| Code::Data)?;
        let keys = [(update.account.account_id, Code::Account), (update.request_id, Code::RequestId)];
        keys.into_iter().filter(|(key, _)| key.is_empty()).for_each(|(_, missing)| out.refuse(missing));
        out.checked()?;
        let key = request_key(account_hash(&update.account, bytes), update.request_id.of(bytes));
        let Some(number) = self.state.requests.get(key) else {
            // A second answer, or one that came after the end: the first end counts.
            let has_ended = self.state.requests.ended.get(key).is_some();
            return if has_ended { Ok(false) } else { Err(Code::RequestId) };
        };
        let happening = self.happening(&update, bytes);
        if happening == Happening::Release {
            return Ok(self.release_reported(number, input, out));
        }
        let Some(phase) = self.follow(number, happening) else { return Ok(false) };
        self.put_progress(number, phase, &update, input, out);
        Ok(true)
    }

    /// What an update means.
    fn happening(&self, update: &ClientRequestUpdate, bytes: &[u8]) -> Happening {
        let status = update.status.text(bytes);
        match self.state.end_of_status(status) {
            Some(Phase::Rejected) => Happening::Reject,
            Some(_) => Happening::Complete,
            None if update.is_completed && update.errors.count > 0 => Happening::Reject,
            None if update.is_completed => Happening::Complete,
            None if update.target.span.is_given() && update.target.queue_id.is_empty() => Happening::Release,
            None if update.target.span.is_given() => Happening::Enqueue,
            None => Happening::Progress,
        }
    }

    fn put_progress(
        &mut self,
        number: u32,
        phase: Phase,
        update: &ClientRequestUpdate,
        input: &Input<'_>,
        out: &mut Outcome,
    ) {
        let bytes = input.bytes;
        let old = *self.state.requests.rows.get(number);
        let given = |span: Span| span.is_given().then(|| span.of(bytes));
        let becomes_other = (phase != old.phase).then(|| phase.code().as_bytes());
        let facts = Facts {
            external_id: given(update.external_id),
            order_id: given(update.order_id).or_else(|| self.state.order_of_request(&old)),
            status: given(update.status).or(becomes_other),
            errors: Some(Errors::Received(bytes, update.errors, field::client_request_update::ERRORS)),
            text: given(update.text),
            route: given(update.route),
            is_completed: phase.is_end(),
        };
        let stored = self.state.bytes.get(old.state);
        let mut state = keep_changed(stored, &facts, executed_at(&input.stamp), &mut self.scratch, out);
        let mut row = RequestRow { phase, ..old };
        if update.target.span.is_given() || update.authorities.count > 0 {
            state = keep_with_update(state, update, bytes, out);
        }
        if phase == Phase::Queued && update.target.span.is_given() {
            row = RequestRow { feed: FeedNo::OMS, rpc: 0, ..row };
            row.expire_ns = update.target.expire_after.and_then(|at| at.unix_nanos().ok()).unwrap_or(0);
        }
        let received = out.keep(update.span.of(bytes));
        tell_update(&old, received, out);
        self.put_state(number, row, state, out);
    }
}

impl State {
    /// The id of the order that appeared with a request, unless its state has one already.
    pub(super) fn order_of_request(&self, row: &RequestRow) -> Option<&[u8]> {
        if row.order == 0 || !text_of(self.bytes.get(row.state), field::client_request_state::ORDER_ID).is_empty() {
            return None;
        }
        let number = self.order_numbers.get(row.order)?;
        Some(text_of(self.bytes.get(self.orders.get(number).state), field::order_state::ORDER_ID))
    }
}

/// The state with the queue and the authorities of an update in its request. Cold.
#[cold]
fn keep_with_update(state: Span, update: &ClientRequestUpdate, bytes: &[u8], out: &mut Outcome) -> Span {
    let update = proto::ClientRequestUpdate::decode(update.span.of(bytes));
    let update = update.expect("invariant: the decoder accepted it");
    change_request(state, out, |request| {
        if let Some(target) = update.target {
            request.queue = Some(target);
        }
        request.authorities.extend(update.authorities);
    })
}

/// Keeps a state of the outcome with its request changed. Cold.
pub(in crate::engine) fn change_request(
    state: Span,
    out: &mut Outcome,
    change: impl FnOnce(&mut proto::ClientRequest),
) -> Span {
    use field::client_request_state as f;
    let stored = out.bytes_of(state);
    let mut request = proto::ClientRequest::decode(request_of(stored)).expect("invariant: the decoder accepted it");
    change(&mut request);
    let mut w = crate::wire::ReverseWriter::default();
    w.delimited(f::REQUEST, &request.encode_to_vec());
    let mut changed = Vec::new();
    crate::wire::replace_fields(stored, &[f::REQUEST], &w, &mut changed);
    out.keep(&changed)
}

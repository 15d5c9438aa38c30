//! A request of a client: recognised, checked, and then routed, queued or refused.

use super::bytes::{Asked, Errors, Facts, keep_response, keep_state, request_span, text_of};
use super::check::{Check, Checked, account_hash};
use super::content::content_hash;
use super::problems::Problems;
use super::{EndedRequest, Link, NO_NUMBER, Phase, RequestRow};
use crate::engine::byte_store::Handle;
use crate::engine::ids::refuse_long;
use crate::engine::{Engine, Input, executed_at};
use crate::names::{AccountNo, FeedNo, InstrumentNo, NameKind, request_key};
use crate::outcome::{Decision, Outcome, RequestAnswer, RoutedRequest};
use crate::proto::ClientRequestType;
use crate::refusal::Code;
use crate::wire::{ClientRequest, Span, field};

/// The ids in a request, with the code of one that is too long.
pub(super) fn ids(request: &ClientRequest) -> [(Span, Code); 10] {
    [
        (request.request_id, Code::RequestId),
        (request.account.owner_id, Code::Owner),
        (request.account.account_id, Code::Account),
        (request.new.exchange, Code::Exchange),
        (request.new.code, Code::Symbol),
        (request.amend.order_id, Code::Order),
        (request.cancel.order_id, Code::Order),
        (request.r#move.order_id, Code::Order),
        (request.cash_transfer.currency, Code::Currency),
        (request.queue.queue_id, Code::Queue),
    ]
}

/// A request as it comes in.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) request: &'a ClientRequest,
    pub(super) bytes: &'a [u8],
    pub(super) key: u128,
    pub(super) content: u64,
    pub(super) account: AccountNo,
}

impl<'a> Entry<'a> {
    pub(super) fn asked(&self) -> Asked<'a> {
        Asked {
            r#type: self.request.r#type,
            request_id: self.request.request_id.of(self.bytes),
            account: self.request.account.span.of(self.bytes),
        }
    }

    /// The request's row before it has a state.
    pub(super) fn row(&self, phase: Phase, input: &Input<'_>) -> RequestRow {
        RequestRow {
            key: self.key,
            order: 0,
            content: self.content,
            account: self.account,
            instrument: None,
            feed: FeedNo::OMS,
            phase,
            is_reported: false,
            since_sequence: input.stamp.sequence,
            since_ns: input.stamp.time_ns,
            rpc: 0,
            expire_ns: 0,
            state: Handle::NONE,
            hash: 0,
            in_feed: Link::FREE,
            in_pending: Link::FREE,
        }
    }

    /// ExpireAfter of its queue; 0: none, or an instant that no clock reaches.
    pub(super) fn expire_ns(&self) -> u64 {
        self.request.queue.expire_after.and_then(|at| at.unix_nanos().ok()).unwrap_or(0)
    }
}

impl Engine {
    pub(super) fn submit(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<bool, Code> {
        let (bytes, span) = (input.bytes, input.request.request);
        let request = ClientRequest::decode(bytes, span).map_err(|_| Code::Data)?;
        if request.is_validate {
            // Never recorded: the state answers it.
            return Err(Code::Operation);
        }
        if request.request_id.is_empty() {
            return Err(Code::RequestId);
        }
        // Without a key that can be addressed nothing is kept of it.
        refuse_long(input, &ids(&request), out);
        out.checked()?;
        let key = request_key(account_hash(&request.account, bytes), request.request_id.of(bytes));
        let account = &request.account;
        let (owner, id) = (account.owner_id.of(bytes), account.account_id.of(bytes));
        let account = AccountNo(self.state.number(NameKind::Account, owner, id, out));
        let entry = Entry { request: &request, bytes, key, content: content_hash(span.of(bytes)), account };
        if self.answer_repetition(&entry, input, out) {
            return Ok(false);
        }
        let mut problems = std::mem::take(&mut self.problems);
        problems.clear();
        self.enter(&entry, input, &mut problems, out);
        self.problems = problems;
        Ok(true)
    }

    /// Answers a request whose id its account has used before; whether it has.
    fn answer_repetition(&mut self, entry: &Entry<'_>, input: &Input<'_>, out: &mut Outcome) -> bool {
        let active = self.state.requests.get(entry.key);
        let ended = self.state.ended_request(entry.key, input.stamp.time_ns);
        if let Some(number) = active {
            let is_same = self.state.requests.rows.get(number).content == entry.content;
            if is_same { self.answer_present(entry, number, out) } else { self.answer_duplicate(entry, out) }
        } else if let Some(ended) = ended {
            let is_same = ended.content == entry.content;
            if is_same { self.answer_ended(entry, &ended, out) } else { self.answer_duplicate(entry, out) }
        }
        active.is_some() || ended.is_some()
    }

    /// One in flight: its present state at once.
    fn answer_present(&mut self, entry: &Entry<'_>, number: u32, out: &mut Outcome) {
        use field::client_request_state as f;
        let state = self.state.bytes.get(self.state.requests.rows.get(number).state);
        let (order_id, status) = (text_of(state, f::ORDER_ID), text_of(state, f::STATUS));
        let response = keep_response(entry.asked(), order_id, status, Errors::None, &mut self.scratch, out);
        tell_answer(entry, Decision::Answered, response, out);
    }

    fn answer_ended(&mut self, entry: &Entry<'_>, ended: &EndedRequest, out: &mut Outcome) {
        let status = ended.phase.code().as_bytes();
        let response = keep_response(entry.asked(), b"", status, Errors::None, &mut self.scratch, out);
        tell_answer(entry, Decision::Ended { at_ns: ended.at_ns }, response, out);
    }

    fn answer_duplicate(&mut self, entry: &Entry<'_>, out: &mut Outcome) {
        let status = Phase::Rejected.code().as_bytes();
        let errors = Errors::One(Code::RequestDuplicate);
        let response = keep_response(entry.asked(), b"", status, errors, &mut self.scratch, out);
        tell_answer(entry, Decision::Duplicate, response, out);
    }

    /// A request that is new.
    fn enter(&mut self, entry: &Entry<'_>, input: &Input<'_>, problems: &mut Problems, out: &mut Outcome) {
        if entry.request.r#type == ClientRequestType::Update as i32 {
            return self.decide(entry, input, problems, out);
        }
        let (state, request, bytes) = (&self.state, entry.request, entry.bytes);
        let checked = Check { state, request, bytes, problems }.run();
        let instrument = self.instrument_of(&checked, bytes, out);
        if !problems.is_empty() {
            let row = RequestRow { instrument, ..entry.row(Phase::Rejected, input) };
            return self.end_at_once(entry, row, Errors::Found(problems), input, out);
        }
        let Checked { destination, order, .. } = checked;
        let destination = destination.expect("invariant: a request without problems has a destination");
        let is_queued = !request.queue.queue_id.is_empty();
        // A rename of the currency finds the request by its number.
        self.state.currency(request.cash_transfer.currency.of(bytes), out);
        let row = if is_queued {
            RequestRow { instrument, expire_ns: entry.expire_ns(), ..entry.row(Phase::Queued, input) }
        } else {
            let feed = destination.number(&mut self.state, out);
            RequestRow { instrument, feed, ..entry.row(Phase::Pending, input) }
        };
        self.begin_request(entry, row, order, input, out);
    }

    pub(super) fn instrument_of(&mut self, checked: &Checked, bytes: &[u8], out: &mut Outcome) -> Option<InstrumentNo> {
        let (exchange, code) = match checked.symbol {
            Some(symbol) => symbol,
            None => return checked.known_instrument(&self.state),
        };
        let number = self.state.number(NameKind::Instrument, exchange.of(bytes), code.of(bytes), out);
        Some(InstrumentNo(number))
    }

    /// Adds an accepted request to those that are active.
    fn begin_request(
        &mut self,
        entry: &Entry<'_>,
        row: RequestRow,
        order: Option<u32>,
        input: &Input<'_>,
        out: &mut Outcome,
    ) {
        let status = row.phase.code().as_bytes();
        let order_id = order.map(|number| {
            let state = self.state.bytes.get(self.state.orders.get(number).state);
            text_of(state, field::order_state::ORDER_ID)
        });
        let facts = Facts { status: Some(status), order_id, ..Facts::default() };
        let request = entry.request.span.of(entry.bytes);
        let state = keep_state(request, &facts, executed_at(&input.stamp), &mut self.scratch, out);
        let order_id = order_id.unwrap_or_default();
        let response = keep_response(entry.asked(), order_id, status, Errors::None, &mut self.scratch, out);
        let number = self.state.insert_request(row, out.bytes_of(state));
        out.requests.push(row.event(number, false, state));
        let decision = match row.outstanding() {
            Some(feed) => {
                let request = request_span(&out.bytes, state);
                out.request_mut().routed =
                    Some(RoutedRequest { feed, account: row.account, instrument: row.instrument, request });
                Decision::Routed(feed)
            }
            None => Decision::Answered,
        };
        tell_answer(entry, decision, response, out);
    }

    /// A request that ends with its first update: refused, or a decision that was carried out.
    pub(super) fn end_at_once(
        &mut self,
        entry: &Entry<'_>,
        row: RequestRow,
        errors: Errors<'_>,
        input: &Input<'_>,
        out: &mut Outcome,
    ) {
        let status = row.phase.code().as_bytes();
        let facts = Facts { status: Some(status), errors: Some(errors), is_completed: true, ..Facts::default() };
        let request = entry.request.span.of(entry.bytes);
        let state = keep_state(request, &facts, executed_at(&input.stamp), &mut self.scratch, out);
        let response = keep_response(entry.asked(), b"", status, errors, &mut self.scratch, out);
        self.state.note_ended(EndedRequest::new(entry.key, entry.content, input.stamp.time_ns, row.phase));
        out.requests.push(row.event(NO_NUMBER, true, state));
        tell_answer(entry, Decision::Answered, response, out);
    }
}

pub(super) fn tell_answer(entry: &Entry<'_>, decision: Decision, response: Span, out: &mut Outcome) {
    out.request_mut().answer = Some(RequestAnswer { key: entry.key, account: entry.account, decision, response });
}

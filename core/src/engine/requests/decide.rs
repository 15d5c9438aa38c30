//! Decisions on queued requests: authorise, move, refuse, replace. Cold.

use prost::Message;

use super::bytes::{Errors, Facts, authority, keep_changed, request_of};
use super::check::{Check, account_hash};
use super::life::{self, Happening, Next};
use super::problems::Problems;
use super::progress::change_request;
use super::submit::Entry;
use super::{Phase, RequestRow};
use crate::engine::{Engine, Input, executed_at};
use crate::names::request_key;
use crate::outcome::Outcome;
use crate::proto::{self, ClientQueueUpdateType, ClientRequestType};
use crate::refusal::Code;
use crate::wire::{ClientRequest, ClientRequestUpdate, Span, field};

/// The role of whoever released a request.
const AUTHORISER: &str = "Authoriser";

impl Engine {
    /// Carries out a decision. The decision itself is a request that ends with this update.
    #[cold]
    pub(super) fn decide(&mut self, entry: &Entry<'_>, input: &Input<'_>, problems: &mut Problems, out: &mut Outcome) {
        problems.require(!entry.request.account.account_id.is_empty(), Code::Account);
        let decision = &entry.request.update;
        if !decision.span.is_given() || !decision.update.span.is_given() {
            problems.push(Code::Details);
        } else if let Some(number) = self.target(entry, problems) {
            self.carry_out(number, entry, input, problems, out);
        }
        let phase = if problems.is_empty() { Phase::Completed } else { Phase::Rejected };
        self.end_at_once(entry, entry.row(phase, input), Errors::Found(problems), input, out);
    }

    /// The request that a decision names; its account is the decision's own where the decision names none.
    fn target(&self, entry: &Entry<'_>, problems: &mut Problems) -> Option<u32> {
        let (update, bytes) = (&entry.request.update.update, entry.bytes);
        let named = &update.account;
        let account = if named.account_id.is_empty() { &entry.request.account } else { named };
        let key = request_key(account_hash(account, bytes), update.request_id.of(bytes));
        let number = self.state.requests.get(key).filter(|_| !update.request_id.is_empty());
        if number.is_none() {
            let has_ended = self.state.requests.ended.get(key).is_some();
            problems.push(if has_ended { Code::Status } else { Code::RequestId });
        }
        number
    }

    fn carry_out(
        &mut self,
        number: u32,
        entry: &Entry<'_>,
        input: &Input<'_>,
        problems: &mut Problems,
        out: &mut Outcome,
    ) {
        let Some(happening) = self.decision(entry, problems) else { return };
        let phase = match life::next(self.state.requests.rows.get(number).phase, happening) {
            Next::To(phase) => phase,
            Next::Refused(code) => return problems.push(code),
            Next::Ignored => return,
        };
        match happening {
            Happening::Authorise => {
                let client = authority(entry.request.span.of(entry.bytes), b"Client");
                let update = Some((&entry.request.update.update, entry.bytes));
                self.release(number, client, update, input, problems, out);
            }
            Happening::Replace => self.replace_content(number, entry, input, problems, out),
            _ => self.put_decision(number, phase, entry, input, out),
        }
    }

    /// What a decision means.
    fn decision(&self, entry: &Entry<'_>, problems: &mut Problems) -> Option<Happening> {
        let (decision, update) = (&entry.request.update, &entry.request.update.update);
        match ClientQueueUpdateType::try_from(decision.r#type) {
            Ok(ClientQueueUpdateType::Replace) => return Some(Happening::Replace),
            Ok(ClientQueueUpdateType::Update) => {}
            _ => {
                problems.push(Code::OperationUnknown);
                return None;
            }
        }
        let status = update.status.text(entry.bytes);
        let end = self.state.end_of_status(status);
        if update.is_completed || end.is_some() {
            // Only its adapter can complete a request.
            problems.require(end.is_none_or(|end| end == Phase::Rejected), Code::Status);
            return problems.is_empty().then_some(Happening::Refuse);
        }
        let target = &update.target;
        let is_authorised = target.span.is_given() && target.queue_id.is_empty();
        Some(if is_authorised { Happening::Authorise } else { Happening::MoveQueue })
    }

    /// A refusal, another queue, or a comment.
    fn put_decision(&mut self, number: u32, phase: Phase, entry: &Entry<'_>, input: &Input<'_>, out: &mut Outcome) {
        let (update, bytes) = (&entry.request.update.update, entry.bytes);
        let old = *self.state.requests.rows.get(number);
        let facts = facts_of(update, bytes, phase);
        let stored = self.state.bytes.get(old.state);
        let mut state = keep_changed(stored, &facts, executed_at(&input.stamp), &mut self.scratch, out);
        let mut row = RequestRow { phase, ..old };
        if phase == Phase::Queued && update.target.span.is_given() {
            let target = proto::ClientQueue::decode(update.target.span.of(bytes));
            state = change_request(state, out, |request| request.queue = target.ok());
            row.expire_ns = update.target.expire_after.and_then(|at| at.unix_nanos().ok()).unwrap_or(0);
        }
        self.put_state(number, row, state, out);
    }

    /// Checks a queued request again and routes it; one that is refused now ends, and the problems are the decision's
    /// too.
    fn release(
        &mut self,
        number: u32,
        authoriser: Option<&[u8]>,
        update: Option<(&ClientRequestUpdate, &[u8])>,
        input: &Input<'_>,
        problems: &mut Problems,
        out: &mut Outcome,
    ) {
        let old = *self.state.requests.rows.get(number);
        let stored = self.state.bytes.get(old.state).to_vec();
        let request_bytes = request_of(&stored);
        let request = ClientRequest::decode(request_bytes, Span::whole(request_bytes));
        let request = request.expect("invariant: a stored ClientRequest was decoded before");
        let checked = Check { state: &self.state, request: &request, bytes: request_bytes, problems }.run();
        let phase = if problems.is_empty() { Phase::Pending } else { Phase::Rejected };
        let mut facts = update.map_or_else(Facts::default, |(update, bytes)| facts_of(update, bytes, phase));
        facts.status = Some(phase.code().as_bytes());
        facts.errors = Some(Errors::Found(problems));
        let mut state = keep_changed(&stored, &facts, executed_at(&input.stamp), &mut self.scratch, out);
        let mut row = RequestRow { phase, expire_ns: 0, ..old };
        if let Some(destination) = checked.destination.filter(|_| phase == Phase::Pending) {
            row.feed = destination.number(&mut self.state, out);
            (row.since_sequence, row.since_ns) = (input.stamp.sequence, input.stamp.time_ns);
            let authoriser = authoriser.and_then(|bytes| proto::ClientAuthority::decode(bytes).ok());
            state = change_request(state, out, |request| {
                request.queue = None;
                request.authorities.extend(authoriser.map(|authority| (AUTHORISER.to_owned(), authority)));
            });
        }
        self.put_state(number, row, state, out);
    }

    /// An adapter's release of a request from its queue. Whether it was in one.
    #[cold]
    pub(super) fn release_reported(&mut self, number: u32, input: &Input<'_>, out: &mut Outcome) -> bool {
        if self.follow(number, Happening::Release).is_none() {
            return false;
        }
        let mut problems = std::mem::take(&mut self.problems);
        problems.clear();
        let update = ClientRequestUpdate::decode(input.bytes, input.request.update).ok();
        let update = update.as_ref().map(|update| (update, input.bytes));
        self.release(number, None, update, input, &mut problems, out);
        self.problems = problems;
        true
    }

    /// Puts the decision's own content in place of a queued request's. Id, account, queue and authorities stay.
    fn replace_content(
        &mut self,
        number: u32,
        entry: &Entry<'_>,
        input: &Input<'_>,
        problems: &mut Problems,
        out: &mut Outcome,
    ) {
        let old = *self.state.requests.rows.get(number);
        let stored = self.state.bytes.get(old.state);
        let given = proto::ClientRequest::decode(entry.request.span.of(entry.bytes));
        let given = given.expect("invariant: the decoder accepted it");
        let mut request = proto::ClientRequest::decode(request_of(stored)).expect("invariant: the decoder accepted it");
        take_content(&mut request, given);
        let bytes = request.encode_to_vec();
        let decoded = ClientRequest::decode(&bytes, Span::whole(&bytes));
        let decoded = decoded.expect("invariant: what prost encodes is decoded");
        let checked = Check { state: &self.state, request: &decoded, bytes: &bytes, problems }.run();
        if !problems.is_empty() {
            return;
        }
        let facts = facts_of(&entry.request.update.update, entry.bytes, Phase::Queued);
        let state = keep_changed(stored, &facts, executed_at(&input.stamp), &mut self.scratch, out);
        let state = change_request(state, out, |kept| *kept = request);
        let instrument = self.instrument_of(&checked, &bytes, out);
        self.put_state(number, RequestRow { instrument, ..old }, state, out);
    }
}

/// What a decision says of its target beside the queue.
fn facts_of<'a>(update: &ClientRequestUpdate, bytes: &'a [u8], phase: Phase) -> Facts<'a> {
    let given = |span: Span| span.is_given().then(|| span.of(bytes));
    let ended = phase.is_end().then(|| phase.code().as_bytes());
    Facts {
        external_id: given(update.external_id),
        order_id: given(update.order_id),
        status: given(update.status).filter(|_| phase.is_end()).or(ended),
        errors: Some(Errors::Received(bytes, update.errors, field::client_request_update::ERRORS)),
        text: given(update.text),
        route: None,
        is_completed: phase.is_end(),
    }
}

/// The content of the request's type; without it the request has none, which its check finds.
fn take_content(request: &mut proto::ClientRequest, given: proto::ClientRequest) {
    match ClientRequestType::try_from(request.r#type) {
        Ok(ClientRequestType::New) => request.new = given.new,
        Ok(ClientRequestType::Amend) => request.amend = given.amend,
        Ok(ClientRequestType::Cancel) => request.cancel = given.cancel,
        Ok(ClientRequestType::Move) => request.r#move = given.r#move,
        _ => request.cash_transfer = given.cash_transfer,
    }
}

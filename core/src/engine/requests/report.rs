//! A request that an adapter reports: it reached the adapter elsewhere. The adapter is believed. Cold.

use prost::Message;

use super::bytes::{Facts, keep_state};
use super::check::account_hash;
use super::content::content_hash;
use super::life::Happening;
use super::progress::change_request;
use super::submit::{Entry, ids};
use super::{NO_NUMBER, Phase, RequestRow};
use crate::engine::ids::refuse_long;
use crate::engine::{Engine, Input, executed_at};
use crate::names::{AccountNo, InstrumentNo, NameKind, order_key, request_key};
use crate::outcome::Outcome;
use crate::proto::{self, ClientRequestType};
use crate::refusal::Code;
use crate::wire::ClientRequest;

/// The property of a reported request that gives its status: the message has no field of its own for it.
const STATUS: &str = "Status";

impl Engine {
    #[cold]
    pub(super) fn report(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<bool, Code> {
        let (bytes, span) = (input.bytes, input.request.request);
        let request = ClientRequest::decode(bytes, span).map_err(|_| Code::Data)?;
        let keys = [(request.account.account_id, Code::Account), (request.request_id, Code::RequestId)];
        keys.into_iter().filter(|(key, _)| key.is_empty()).for_each(|(_, missing)| out.refuse(missing));
        refuse_long(input, &ids(&request), out);
        match ClientRequestType::try_from(request.r#type) {
            Ok(ClientRequestType::Unknown) | Err(_) => out.refuse(Code::OperationUnknown),
            // Decisions are those of clients.
            Ok(ClientRequestType::Update) => out.refuse(Code::Operation),
            Ok(_) => {}
        }
        out.checked()?;
        let hash = account_hash(&request.account, bytes);
        let key = request_key(hash, request.request_id.of(bytes));
        if let Some(number) = self.state.requests.get(key) {
            return Ok(self.report_again(number, &request, input, out));
        }
        if self.state.ended_request(key, input.stamp.time_ns).is_some() {
            return Ok(false);
        }
        let (owner, id) = (request.account.owner_id.of(bytes), request.account.account_id.of(bytes));
        let account = AccountNo(self.state.number(NameKind::Account, owner, id, out));
        let entry = Entry { request: &request, bytes, key, content: content_hash(span.of(bytes)), account };
        self.report_first(&entry, hash, input, out);
        Ok(true)
    }

    fn report_first(&mut self, entry: &Entry<'_>, account_hash: u128, input: &Input<'_>, out: &mut Outcome) {
        let (request, bytes) = (entry.request, entry.bytes);
        let stated = stated_status(request, bytes);
        let is_queued = !request.queue.queue_id.is_empty();
        let begins = if is_queued { Phase::Queued } else { Phase::Submitted };
        let phase = stated.as_deref().and_then(|status| self.state.end_of_status(status)).unwrap_or(begins);
        let status = stated.as_deref().unwrap_or(phase.code());
        let instrument = self.reported_instrument(request, bytes, account_hash, out);
        let row = RequestRow {
            instrument,
            feed: input.stamp.feed,
            is_reported: true,
            expire_ns: entry.expire_ns(),
            ..entry.row(phase, input)
        };
        let route = self.state.names.feed(input.stamp.feed).as_bytes();
        let facts = Facts {
            status: Some(status.as_bytes()),
            route: (!is_queued).then_some(route),
            is_completed: phase.is_end(),
            ..Facts::default()
        };
        let content = request.span.of(bytes);
        let state = keep_state(content, &facts, executed_at(&input.stamp), &mut self.scratch, out);
        let number = if phase.is_end() {
            let ended = super::EndedRequest::new(entry.key, entry.content, input.stamp.time_ns, phase);
            self.state.note_ended(ended);
            NO_NUMBER
        } else {
            self.state.insert_request(row, out.bytes_of(state))
        };
        out.requests.push(row.event(number, phase.is_end(), state));
    }

    /// The request as the adapter has it now. What the hub knows of its progress stays.
    fn report_again(&mut self, number: u32, request: &ClientRequest, input: &Input<'_>, out: &mut Outcome) -> bool {
        let Some(phase) = self.follow(number, Happening::Report) else { return false };
        let stated = stated_status(request, input.bytes);
        let end = stated.as_deref().and_then(|status| self.state.end_of_status(status));
        let old = *self.state.requests.rows.get(number);
        let phase = end.unwrap_or(phase);
        let becomes_other = (phase != old.phase).then(|| phase.code());
        let facts = Facts {
            status: stated.as_deref().or(becomes_other).map(str::as_bytes),
            order_id: self.state.order_of_request(&old),
            is_completed: phase.is_end(),
            ..Facts::default()
        };
        let stored = self.state.bytes.get(old.state);
        let now = executed_at(&input.stamp);
        let state = super::bytes::keep_changed(stored, &facts, now, &mut self.scratch, out);
        let given = proto::ClientRequest::decode(request.span.of(input.bytes));
        let given = given.expect("invariant: the decoder accepted it");
        let state = change_request(state, out, |kept| *kept = given);
        self.put_state(number, RequestRow { phase, ..old }, state, out);
        true
    }

    /// What a reported request trades, where it says so or names a known order.
    fn reported_instrument(
        &mut self,
        request: &ClientRequest,
        bytes: &[u8],
        account_hash: u128,
        out: &mut Outcome,
    ) -> Option<InstrumentNo> {
        let new = &request.new;
        if !new.exchange.is_empty() && !new.code.is_empty() {
            let number = self.state.number(NameKind::Instrument, new.exchange.of(bytes), new.code.of(bytes), out);
            return Some(InstrumentNo(number));
        }
        let ids = [request.amend.order_id, request.cancel.order_id, request.r#move.order_id];
        let id = ids.into_iter().find(|id| !id.is_empty())?;
        let number = self.state.order_numbers.get(order_key(account_hash, id.of(bytes)))?;
        Some(self.state.orders.get(number).instrument)
    }
}

/// The status that a reported request gives itself.
fn stated_status(request: &ClientRequest, bytes: &[u8]) -> Option<String> {
    let mut request = proto::ClientRequest::decode(request.span.of(bytes)).ok()?;
    request.properties.remove(STATUS).filter(|status| !status.is_empty())
}

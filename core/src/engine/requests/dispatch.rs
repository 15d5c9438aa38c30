//! What the hub itself records of requests: deliveries and time-outs.
//!
//! Hot path: engine thread. A record that finds nothing to do is silent, so that the receiver may make more of them than
//! there is work: the engine alone decides what is delivered, and to whom.

use prost::Message;

use super::bytes::{Errors, Facts, keep_changed, request_span};
use super::check::account_hash;
use super::life::Happening;
use super::{Phase, RequestRow, keep_hub_update};
use crate::engine::{Engine, Input, executed_at};
use crate::names::{FeedNo, request_key};
use crate::outcome::{Delivery, Outcome};
use crate::proto;
use crate::refusal::Code;
use crate::wire::ClientRequestUpdate;

/// The body of the update behind a client's request, to be recorded as [`crate::record::Origin::DISPATCH`]: delivers the
/// request, if it is Pending and its feed online.
pub fn dispatch_body(owner: &str, account: &str, request_id: &str) -> Vec<u8> {
    let account = proto::Account { owner_id: owner.to_owned(), account_id: account.to_owned() };
    body(proto::ClientRequestUpdate {
        request_id: request_id.to_owned(),
        account: Some(account),
        status: Some(Phase::Submitted.code().to_owned()),
        ..proto::ClientRequestUpdate::default()
    })
}

/// The body of an update that delivers the oldest Pending request of a feed.
pub fn backlog_body(feed: &str) -> Vec<u8> {
    body(proto::ClientRequestUpdate {
        status: Some(Phase::Submitted.code().to_owned()),
        route: Some(feed.to_owned()),
        ..proto::ClientRequestUpdate::default()
    })
}

/// The body of an update that ends the request that is overdue longest.
pub fn timeout_body() -> Vec<u8> {
    body(proto::ClientRequestUpdate {
        status: Some(Phase::Rejected.code().to_owned()),
        errors: vec![Code::Timeout.code().to_owned()],
        is_completed: true,
        ..proto::ClientRequestUpdate::default()
    })
}

fn body(update: proto::ClientRequestUpdate) -> Vec<u8> {
    proto::FeedRequest {
        r#type: proto::FeedRequestType::Update as i32,
        update: Some(Box::new(update)),
        ..proto::FeedRequest::default()
    }
    .encode_to_vec()
}

impl Engine {
    /// Whether it changed anything.
    pub(super) fn dispatch(&mut self, input: &Input<'_>, out: &mut Outcome) -> bool {
        let Ok(update) = ClientRequestUpdate::decode(input.bytes, input.request.update) else { return false };
        let is_delivery = update.status.of(input.bytes) == Phase::Submitted.code().as_bytes();
        let request = if is_delivery { self.deliverable(&update, input) } else { self.overdue(input.stamp.time_ns) };
        let Some(number) = request else { return false };
        if is_delivery { self.deliver(number, input, out) } else { self.time_out(number, input, out) }
    }

    /// The request that is named, or the oldest Pending one of the feed that is.
    fn deliverable(&self, update: &ClientRequestUpdate, input: &Input<'_>) -> Option<u32> {
        let (bytes, requests) = (input.bytes, &self.state.requests);
        if update.request_id.is_empty() {
            return requests.first_pending(self.state.feed_number(update.route.text(bytes))?);
        }
        requests.get(request_key(account_hash(&update.account, bytes), update.request_id.of(bytes)))
    }

    fn deliver(&mut self, number: u32, input: &Input<'_>, out: &mut Outcome) -> bool {
        let old = *self.state.requests.rows.get(number);
        let Some(phase) = self.follow(number, Happening::Deliver).filter(|_| self.state.is_online(old.feed)) else {
            return false;
        };
        let rpc = i64::try_from(input.stamp.sequence).expect("invariant: sequences stay below 2^63");
        let (status, route) = (phase.code().as_bytes(), self.state.names.feed(old.feed).as_bytes());
        let facts = Facts { status: Some(status), route: Some(route), ..Facts::default() };
        keep_hub_update(&old, &self.state, &facts, &mut self.scratch, out);
        let bytes = self.state.bytes.get(old.state);
        let state = keep_changed(bytes, &facts, executed_at(&input.stamp), &mut self.scratch, out);
        let row = RequestRow { phase, rpc, ..old };
        self.put_state(number, row, state, out);
        let request = request_span(&out.bytes, state);
        let RequestRow { feed, key, account, .. } = row;
        out.deliveries.push(Delivery { feed, rpc, key, account, is_repeated: false, request });
        true
    }

    /// Repeats what was delivered to a feed and has not ended, in the order of delivery: another connection supplies it.
    pub(in crate::engine) fn redeliver(&self, feed: FeedNo, out: &mut Outcome) {
        for number in self.state.requests.submitted(feed) {
            let row = self.state.requests.rows.get(number);
            let request = out.keep(super::request_of(self.state.bytes.get(row.state)));
            let RequestRow { rpc, key, account, .. } = *row;
            out.deliveries.push(Delivery { feed, rpc, key, account, is_repeated: true, request });
        }
    }

    /// The request whose time was up first, if that was not after `now_ns`.
    fn overdue(&self, now_ns: u64) -> Option<u32> {
        let (due_ns, number) = self.next_timeout()?;
        (due_ns <= now_ns).then_some(number)
    }

    fn time_out(&mut self, number: u32, input: &Input<'_>, out: &mut Outcome) -> bool {
        let Some(phase) = self.follow(number, Happening::TimeOut) else { return false };
        let old = *self.state.requests.rows.get(number);
        let status = Some(phase.code().as_bytes());
        let facts = Facts { status, errors: Some(Errors::One(Code::Timeout)), is_completed: true, ..Facts::default() };
        keep_hub_update(&old, &self.state, &facts, &mut self.scratch, out);
        let bytes = self.state.bytes.get(old.state);
        let state = keep_changed(bytes, &facts, executed_at(&input.stamp), &mut self.scratch, out);
        self.put_state(number, RequestRow { phase, ..old }, state, out);
        true
    }
}

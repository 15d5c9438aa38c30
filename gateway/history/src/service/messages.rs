//! Messages about an update of the past: its audit record, events, trade or transaction.
//!
//! Events go through the encoder of live events, so that they are the same bytes.

use ordo_core::encode;
use ordo_core::names::{AccountNo, InstrumentNo, Names};
use ordo_core::proto::{
    EventMessage, EventMessageType, ExternalActionType, FeedRequestType, SnapshotPosition, SubscriptionDetails,
    SubscriptionTarget, SubscriptionType, TimestampWithTimeZone, UpdateEventType,
};
use ordo_core::subscription::{
    About, Caller, EventEncoder, Filter, RecordWriter, SNAPSHOT_MESSAGE_BYTES, Subject, ViewRecords, message_head,
};
use ordo_core::views::Views;
use ordo_core::wire::{ReverseWriter, Span, field};
use prost::Message;

use super::Subset;
use crate::replay::Applied;

/// Encodes one message about an update, or none.
pub trait UpdateEncoder: Send + 'static {
    fn encode(&mut self, applied: &Applied<'_>) -> Option<&[u8]>;
}

/// AuditRecords: recorded updates as received, refused ones included.
#[derive(Debug)]
pub struct AuditMessages {
    caller: Caller,
    writer: ReverseWriter,
}

impl AuditMessages {
    pub fn new(caller: Caller) -> AuditMessages {
        AuditMessages { caller, writer: ReverseWriter::default() }
    }

    /// An update that has no effect on an account is shown by what its operation is about.
    fn may_see(&self, applied: &Applied<'_>) -> bool {
        let Applied { input, outcome, names, .. } = applied;
        let of_action = outcome.action.map(|it| (it.account, Some(it.instrument)));
        match of_action.or(outcome.transaction.map(|it| (it.account, it.instrument))) {
            Some((account, instrument)) => self.caller.may_see(About::Account(names, account, instrument)),
            None if self.caller.sees_all() => true,
            None => {
                let subject = Subject::of_transform(input.request.operation.of(input.bytes));
                self.caller.may_see(About::Subject(&subject))
            }
        }
    }
}

impl UpdateEncoder for AuditMessages {
    fn encode(&mut self, applied: &Applied<'_>) -> Option<&[u8]> {
        use field::{audit_record as record, update_event as event};
        if !self.may_see(applied) {
            return None;
        }
        let (request, stamp) = (applied.input.request, &applied.outcome.stamp);
        let (kind, number, content) = match FeedRequestType::try_from(request.r#type) {
            Ok(FeedRequestType::Action) => (UpdateEventType::Action, event::ACTION, request.action.span),
            Ok(FeedRequestType::Operation) => (UpdateEventType::Operation, event::OPERATION, request.operation),
            Ok(FeedRequestType::Request) => (UpdateEventType::ClientRequest, event::CLIENT_REQUEST, request.request),
            Ok(FeedRequestType::Update) => {
                (UpdateEventType::ClientRequestUpdate, event::CLIENT_REQUEST_UPDATE, request.update)
            }
            Ok(FeedRequestType::Status) => (UpdateEventType::Status, event::STATUS, request.status),
            // A type outside of this schema: it was refused, and its record holds only its position.
            _ => (UpdateEventType::Unknown, 0, Span::default()),
        };
        let w = &mut self.writer;
        w.clear();
        if content.is_given() {
            w.delimited(number, content.of(applied.input.bytes));
        }
        w.int(event::TYPE, kind as i64);
        w.close(record::UPDATE, 0);
        w.time(record::TIMESTAMP, TimestampWithTimeZone::from_unix_nanos(stamp.time_ns));
        w.int(record::ID, stamp.position);
        w.text(record::SEQUENCE, applied.names.feed(stamp.feed).as_bytes());
        Some(w.bytes())
    }
}

/// An EventMessage for each update with events in the requested views.
#[derive(Debug)]
pub struct EventMessages {
    encoder: EventEncoder,
    views: Vec<SubscriptionType>,
    targets: Vec<SubscriptionTarget>,
    filter: Filter,
    /// The fields before the position: Type, and Subscription where there is one.
    head: Vec<u8>,
    message: Vec<u8>,
}

/// Order of the views' events in a message.
const ORDER: [SubscriptionType; 8] = [
    SubscriptionType::Metadata,
    SubscriptionType::Updates,
    SubscriptionType::Status,
    SubscriptionType::Orders,
    SubscriptionType::Requests,
    SubscriptionType::Holdings,
    SubscriptionType::Balances,
    SubscriptionType::Transactions,
];

impl EventMessages {
    /// For these views, or for all that have events if none is named. Where targets list owners or accounts, events that
    /// belong to none of them are left out.
    ///
    /// # Errors
    /// The error code for invalid targets.
    pub fn new(
        views: &[SubscriptionType],
        targets: Vec<SubscriptionTarget>,
        caller: Caller,
    ) -> Result<EventMessages, &'static str> {
        let filter = filter_of(&targets, caller)?.owned_only();
        let is_asked_for = |view: &SubscriptionType| views.is_empty() || views.contains(view);
        let views = ORDER.into_iter().filter(is_asked_for).collect();
        let head = EventMessage { r#type: EventMessageType::Update as i32, ..EventMessage::default() }.encode_to_vec();
        Ok(EventMessages { encoder: EventEncoder::default(), views, targets, filter, head, message: Vec::new() })
    }

    /// For a subscription, as it would have received them live.
    pub fn of_subscription(details: &SubscriptionDetails, filter: Filter) -> EventMessages {
        EventMessages {
            encoder: EventEncoder::default(),
            views: vec![details.r#type()],
            targets: details.targets.clone(),
            filter,
            head: message_head(EventMessageType::Update, details),
            message: Vec::new(),
        }
    }

    /// Passes the messages of a snapshot of the requested views to `put`.
    pub fn snapshot(&mut self, held: &Subset, mut put: impl FnMut(&[u8]) -> bool) {
        let positions: Vec<(String, i64)> = held.positions.iter().map(|(name, at)| (name.to_string(), *at)).collect();
        for view in self.views.clone() {
            let details = SubscriptionDetails { r#type: view as i32, targets: self.targets.clone() };
            let start = EventMessage {
                r#type: EventMessageType::SnapshotStart as i32,
                subscription: Some(details.clone()),
                snapshot: Some(SnapshotPosition { positions: positions.iter().cloned().collect() }),
                ..EventMessage::default()
            };
            let wants_more = put(&start.encode_to_vec())
                && self.records(&held.views, &details, &mut put)
                && put(&message_head(EventMessageType::SnapshotFinish, &details));
            if !wants_more {
                return;
            }
        }
    }

    fn records(&mut self, views: &Views, details: &SubscriptionDetails, mut put: impl FnMut(&[u8]) -> bool) -> bool {
        let head = message_head(EventMessageType::Update, details);
        let mut records = RecordWriter::new(ViewRecords::of(details.r#type(), views));
        let mut writer = ReverseWriter::default();
        while !records.is_complete() {
            writer.clear();
            records.write_some(&mut writer, views.names(), &mut self.filter, SNAPSHOT_MESSAGE_BYTES);
            if !writer.is_empty() && !put(&[&head, writer.bytes()].concat()) {
                return false;
            }
        }
        true
    }
}

impl UpdateEncoder for EventMessages {
    fn encode(&mut self, applied: &Applied<'_>) -> Option<&[u8]> {
        self.message.clear();
        for view in &self.views {
            if !self.encoder.encode(*view, applied.names, &applied.input, applied.outcome) {
                continue;
            }
            let Some([position, events]) = self.encoder.parts(applied.names, &mut self.filter) else { continue };
            if self.message.is_empty() {
                self.message.extend_from_slice(&self.head);
                self.message.extend_from_slice(position);
            }
            self.message.extend_from_slice(events);
        }
        (!self.message.is_empty()).then_some(&self.message)
    }
}

/// The ExternalActions of trades.
#[derive(Debug)]
pub struct TradeMessages {
    filter: Filter,
    writer: ReverseWriter,
}

impl TradeMessages {
    /// # Errors
    /// The error code for invalid targets.
    pub fn new(targets: &[SubscriptionTarget], caller: Caller) -> Result<TradeMessages, &'static str> {
        Ok(TradeMessages { filter: filter_of(targets, caller)?, writer: ReverseWriter::default() })
    }
}

impl UpdateEncoder for TradeMessages {
    fn encode(&mut self, applied: &Applied<'_>) -> Option<&[u8]> {
        let event = applied.outcome.action?;
        let is_trade = applied.input.request.action.r#type == ExternalActionType::Trade as i32;
        if !is_trade || !passes(&mut self.filter, applied.names, event.account, Some(event.instrument)) {
            return None;
        }
        self.writer.clear();
        encode::external_action(&mut self.writer, &applied.input, applied.outcome, &event);
        Some(self.writer.bytes())
    }
}

/// The ClientTransactions of updates.
#[derive(Debug)]
pub struct TransactionMessages {
    filter: Filter,
    writer: ReverseWriter,
}

impl TransactionMessages {
    /// # Errors
    /// The error code for invalid targets.
    pub fn new(targets: &[SubscriptionTarget], caller: Caller) -> Result<TransactionMessages, &'static str> {
        Ok(TransactionMessages { filter: filter_of(targets, caller)?, writer: ReverseWriter::default() })
    }
}

impl UpdateEncoder for TransactionMessages {
    fn encode(&mut self, applied: &Applied<'_>) -> Option<&[u8]> {
        let event = applied.outcome.transaction?;
        if !passes(&mut self.filter, applied.names, event.account, event.instrument) {
            return None;
        }
        self.writer.clear();
        encode::transaction(&mut self.writer, applied.names, &applied.input, applied.outcome, &event);
        Some(self.writer.bytes())
    }
}

fn filter_of(targets: &[SubscriptionTarget], caller: Caller) -> Result<Filter, &'static str> {
    let r#type = SubscriptionType::Unknown as i32;
    Filter::of(&SubscriptionDetails { r#type, targets: targets.to_vec() }, caller)
}

fn passes(filter: &mut Filter, names: &Names, account: AccountNo, instrument: Option<InstrumentNo>) -> bool {
    filter.passes_all() || filter.passes(names, account, instrument)
}

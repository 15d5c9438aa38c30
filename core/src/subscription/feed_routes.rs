//! Which open orders go to which feed, and what an update changes about that: the records of the Feed view.
//!
//! An order goes elsewhere when its exchange or destination changes, and also when an exchange is defined anew, which no
//! event of that order reports. So the changes are found where the orders are, in the views.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metadata::{Metadata, Route};
use crate::names::{AccountNo, InstrumentNo, Names};
use crate::outcome::{MetadataKind, Outcome};
use crate::views::{Record, Views};
use crate::wire::OrderState;

/// An open order that came to a feed, stays there with another state, or left it.
#[derive(Debug)]
pub struct RouteChange {
    pub account: AccountNo,
    pub from: Option<FeedRoute>,
    pub to: Option<FeedRoute>,
    /// The order as it is now; as it was last, where it is gone.
    pub state: Arc<[u8]>,
}

/// Where an open order is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRoute {
    pub feed: Box<str>,
    pub instrument: Option<InstrumentNo>,
}

/// The routes that an update may change, as they were before it.
#[derive(Debug)]
pub struct RoutesBefore {
    orders: BTreeMap<u32, Option<Record>>,
    /// None where no exchange is defined anew.
    metadata: Option<Metadata>,
}

impl RoutesBefore {
    /// Of an update that is about to be folded; none if it can change no route.
    #[inline]
    pub fn of(views: &Views, outcome: &Outcome) -> Option<RoutesBefore> {
        let defines = outcome.metadata.iter().any(|event| event.kind == MetadataKind::Exchange);
        if outcome.is_silent() || (outcome.orders.is_empty() && !defines) {
            return None;
        }
        let numbers = outcome.orders.iter().map(|event| event.number);
        let orders = numbers.map(|number| (number, views.orders().get(number).cloned())).collect();
        Some(RoutesBefore { orders, metadata: defines.then(|| views.metadata().clone()) })
    }

    /// What the update changed, once it is folded.
    pub fn changes(mut self, views: &Views, outcome: &Outcome) -> Vec<RouteChange> {
        let (names, now) = (views.names(), views.metadata());
        let then = self.metadata.as_ref().unwrap_or(now);
        let mut changes = Vec::new();
        for event in &outcome.orders {
            let record = Record {
                account: event.account,
                instrument: Some(event.instrument),
                completed: event.completed,
                bytes: outcome.bytes_of(event.state).into(),
            };
            let left = (!event.removed).then(|| record.clone());
            // A number may be of one order first and of the next one then.
            let known = self.orders.insert(event.number, left.clone()).flatten();
            let from = known.and_then(|known| place(then, names, &known));
            let to = left.and_then(|left| place(now, names, &left));
            if from.is_some() || to.is_some() {
                changes.push(RouteChange { account: record.account, from, to, state: record.bytes });
            }
        }
        if self.metadata.is_some() {
            rerouted(&mut changes, &self.orders, (then, now), views, outcome);
        }
        changes
    }
}

/// Orders without an event of their own that go elsewhere because their exchange was defined anew.
fn rerouted(
    changes: &mut Vec<RouteChange>,
    reported: &BTreeMap<u32, Option<Record>>,
    (then, now): (&Metadata, &Metadata),
    views: &Views,
    outcome: &Outcome,
) {
    let defined = outcome.metadata.iter().filter(|event| event.kind == MetadataKind::Exchange);
    let exchanges: Vec<&str> = defined.map(|event| event.first.text(&outcome.bytes)).collect();
    let destinations = |metadata: &Metadata, exchange: &str| {
        metadata.exchange(exchange).map(|details| details.destinations.clone()).unwrap_or_default()
    };
    if exchanges.iter().all(|exchange| destinations(then, exchange) == destinations(now, exchange)) {
        return;
    }
    let names = views.names();
    for number in (0..views.orders().numbers()).filter(|number| !reported.contains_key(number)) {
        let Some(record) = views.orders().get(number) else { continue };
        let Some(instrument) = record.instrument else { continue };
        if !exchanges.contains(&&*names.instrument(instrument).exchange) {
            continue;
        }
        let (from, to) = (place(then, names, record), place(now, names, record));
        if from != to {
            changes.push(RouteChange { account: record.account, from, to, state: record.bytes.clone() });
        }
    }
}

/// Where an order is; nowhere once it is completed.
fn place(metadata: &Metadata, names: &Names, record: &Record) -> Option<FeedRoute> {
    let feed = || route(metadata, names, record).into();
    (!record.completed).then(|| FeedRoute { feed: feed(), instrument: record.instrument })
}

/// The feed that an order goes to. One that names no destination where there are several goes to the exchange's own.
pub fn route<'a>(metadata: &'a Metadata, names: &'a Names, order: &Record) -> &'a str {
    let exchange = order.instrument.map_or("", |no| &*names.instrument(no).exchange);
    let decoded = OrderState::decode(&order.bytes).unwrap_or_default();
    match metadata.route(exchange, decoded.ex_destination.text(&order.bytes)) {
        Route::To(feed) => feed,
        Route::Ambiguous => exchange,
    }
}

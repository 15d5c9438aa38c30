//! Routes of open orders to feeds, and their changes: the records of the Feed view.
//!
//! An order's route changes with its exchange or destination, and also when an exchange is defined anew, which no event
//! of the order shows. Changes are therefore found in the views, which hold the orders.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metadata::{Metadata, Route};
use crate::names::{AccountNo, InstrumentNo, Names};
use crate::outcome::{MetadataKind, Outcome};
use crate::views::{Record, Views};
use crate::wire::OrderState;

/// A change of an open order's route, or of its state on the same route.
#[derive(Debug)]
pub struct RouteChange {
    pub account: AccountNo,
    pub from: Option<FeedRoute>,
    pub to: Option<FeedRoute>,
    /// The order's state; its last one, if it was removed.
    pub state: Arc<[u8]>,
}

/// Where an open order is routed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRoute {
    pub feed: Box<str>,
    pub instrument: Option<InstrumentNo>,
}

/// Routes that an update may change, as they are before it.
#[derive(Debug)]
pub struct RoutesBefore {
    orders: BTreeMap<u32, Option<Record>>,
    /// None if the update defines no exchange.
    metadata: Option<Metadata>,
}

impl RoutesBefore {
    /// Before an update is folded; none if it can change no route.
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

    /// After the update is folded: what it changed.
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
            // A number may be freed and given to another order in one update.
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

/// Adds the orders without an event whose route changed because their exchange was defined anew.
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

/// The route of an order; none once it is completed.
fn place(metadata: &Metadata, names: &Names, record: &Record) -> Option<FeedRoute> {
    let feed = || route(metadata, names, record).into();
    (!record.completed).then(|| FeedRoute { feed: feed(), instrument: record.instrument })
}

/// The feed of an order. An order without a destination, on an exchange with several, goes to the exchange's own feed.
pub fn route<'a>(metadata: &'a Metadata, names: &'a Names, order: &Record) -> &'a str {
    let exchange = order.instrument.map_or("", |no| &*names.instrument(no).exchange);
    let decoded = OrderState::decode(&order.bytes).unwrap_or_default();
    match metadata.route(exchange, decoded.ex_destination.text(&order.bytes)) {
        Route::To(feed) => feed,
        Route::Ambiguous => exchange,
    }
}

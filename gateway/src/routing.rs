//! Which open orders go to which feed, and what changes that: the Feed view.
//!
//! Thread of the views. An order goes elsewhere when its exchange or destination changes, and also when an exchange is
//! defined anew, which no event of that order tells. So the changes are found where the orders are, and the publisher
//! gets them behind the update's other events. Nobody watches a feed: nothing is looked for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};
use ordo_core::metadata::{Metadata, Route};
use ordo_core::names::{AccountNo, InstrumentNo, Names};
use ordo_core::outcome::{MetadataKind, Outcome, Stamp};
use ordo_core::views::{Record, Views};
use ordo_core::wire::OrderState;

/// What one update changed about who has which open order.
#[derive(Debug)]
pub(crate) struct Routed {
    pub(crate) task: u64,
    pub(crate) stamp: Stamp,
    pub(crate) changes: Vec<Change>,
}

/// An open order that came to a feed, stays there with another state, or left it.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) account: AccountNo,
    pub(crate) from: Option<Place>,
    pub(crate) to: Option<Place>,
    /// The order as it is now; as it was last, where it is gone.
    pub(crate) state: Arc<[u8]>,
}

/// Where an open order is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) feed: Box<str>,
    pub(crate) instrument: Option<InstrumentNo>,
}

/// How many watch any feed. Subscriptions are counted by the views as they come by, and by the publisher as they end:
/// the two are at different points of the same stream, and only the difference says whether any is left.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Counts a subscription as ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Watch(Arc<Watchers>);

impl Watchers {
    /// For the publisher, once for each subscription to a feed that it comes to, refused or not.
    pub(crate) fn watch(self: &Arc<Watchers>) -> Watch {
        Watch(self.clone())
    }

    /// For the views, once for each subscription to a feed.
    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn is_any(&self) -> bool {
        self.begun.load(Ordering::Relaxed) != self.ended.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Routing {
    pub(crate) watchers: Arc<Watchers>,
    to: Sender<Routed>,
}

/// What an update may change, as it was before.
#[derive(Debug)]
pub(crate) struct Before {
    orders: BTreeMap<u32, Option<Record>>,
    /// None where no exchange is defined anew.
    metadata: Option<Metadata>,
}

/// The publisher's end.
#[derive(Debug)]
pub(crate) struct RoutingNews {
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) from: Receiver<Routed>,
}

/// Both ends. The views are never further ahead of the publisher than the ring is long: that bounds what is between.
pub(crate) fn routing() -> (Routing, RoutingNews) {
    let watchers = Arc::new(Watchers::default());
    let (to, from) = unbounded();
    (Routing { watchers: watchers.clone(), to }, RoutingNews { watchers, from })
}

impl Routing {
    /// What an update that is about to be folded may change; None if that is nothing to anybody.
    #[inline]
    pub(crate) fn before(&self, views: &Views, outcome: &Outcome) -> Option<Before> {
        let defines = outcome.metadata.iter().any(|event| event.kind == MetadataKind::Exchange);
        if !self.watchers.is_any() || outcome.is_silent() || (outcome.orders.is_empty() && !defines) {
            return None;
        }
        let numbers = outcome.orders.iter().map(|event| event.number);
        let orders = numbers.map(|number| (number, views.orders().get(number).cloned())).collect();
        Some(Before { orders, metadata: defines.then(|| views.metadata().clone()) })
    }

    /// Tells the publisher what an update changed, once it is folded.
    #[cold]
    pub(crate) fn tell(&self, task: u64, mut before: Before, views: &Views, outcome: &Outcome) {
        let (names, now) = (views.names(), views.metadata());
        let then = before.metadata.as_ref().unwrap_or(now);
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
            let known = before.orders.insert(event.number, left.clone()).flatten();
            let from = known.and_then(|known| place(then, names, &known));
            let to = left.and_then(|left| place(now, names, &left));
            if from.is_some() || to.is_some() {
                changes.push(Change { account: record.account, from, to, state: record.bytes });
            }
        }
        if before.metadata.is_some() {
            rerouted(&mut changes, &before.orders, (then, now), views, outcome);
        }
        if !changes.is_empty() {
            // The publisher ends after this stage has nothing left to take.
            let _ = self.to.send(Routed { task, stamp: outcome.stamp, changes });
        }
    }
}

/// Orders without an event of their own that go elsewhere because their exchange was defined anew.
fn rerouted(
    changes: &mut Vec<Change>,
    told: &BTreeMap<u32, Option<Record>>,
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
    for number in (0..views.orders().numbers()).filter(|number| !told.contains_key(number)) {
        let Some(record) = views.orders().get(number) else { continue };
        let Some(instrument) = record.instrument else { continue };
        if !exchanges.contains(&&*names.instrument(instrument).exchange) {
            continue;
        }
        let (from, to) = (place(then, names, record), place(now, names, record));
        if from != to {
            changes.push(Change { account: record.account, from, to, state: record.bytes.clone() });
        }
    }
}

/// Where an order is; nowhere once it is completed.
fn place(metadata: &Metadata, names: &Names, record: &Record) -> Option<Place> {
    let feed = || route(metadata, names, record).into();
    (!record.completed).then(|| Place { feed: feed(), instrument: record.instrument })
}

/// The feed that an order goes to. One that names no destination where there are several goes to the exchange's own.
pub(crate) fn route<'a>(metadata: &'a Metadata, names: &'a Names, order: &Record) -> &'a str {
    let exchange = order.instrument.map_or("", |no| &*names.instrument(no).exchange);
    let decoded = OrderState::decode(&order.bytes).unwrap_or_default();
    match metadata.route(exchange, decoded.ex_destination.text(&order.bytes)) {
        Route::To(feed) => feed,
        Route::Ambiguous => exchange,
    }
}

//! `EventEncoder`: the events of one update in one view, encoded once and filtered for each subscriber.

use super::filter::Filter;
use super::subject::Subject;
use crate::encode;
use crate::engine::Input;
use crate::names::{AccountNo, FeedNo, InstrumentNo, Names};
use crate::outcome::Outcome;
use crate::proto::{SubscriptionType, UpdateAction, UpdateEventType};
use crate::wire::ReverseWriter;

/// Views that have events of updates.
pub const VIEWS_WITH_EVENTS: [SubscriptionType; 7] = [
    SubscriptionType::Updates,
    SubscriptionType::Status,
    SubscriptionType::Orders,
    SubscriptionType::Holdings,
    SubscriptionType::Balances,
    SubscriptionType::Transactions,
    SubscriptionType::Metadata,
];

/// An encoded event: its subject for filters, and its length.
#[derive(Debug, Clone, Copy)]
struct Part {
    about: About,
    len: usize,
    /// For an order that changed its exchange: the Remove for subscribers that may see only the previous one.
    farewell: Option<Farewell>,
}

/// The order on its previous exchange, and its Remove in the encoder's `farewells`.
#[derive(Debug, Clone, Copy)]
struct Farewell {
    about: About,
    /// The buffer is written back to front: the Remove begins this many bytes before its end.
    end: usize,
    len: usize,
}

/// Subject of an event.
#[derive(Debug, Clone, Copy)]
enum About {
    Record(AccountNo, Option<InstrumentNo>),
    Feed(FeedNo),
    /// By index among the encoder's subjects.
    Subject(usize),
}

/// See the module.
#[derive(Debug, Default)]
pub struct EventEncoder {
    events: ReverseWriter,
    /// In the order of writing, which is the last event first.
    parts: Vec<Part>,
    subjects: Vec<Subject>,
    /// Removes that replace events for some subscribers.
    farewells: ReverseWriter,
    position: ReverseWriter,
    /// Time of the update whose position is encoded. The sequence is not enough: members of a batch share it.
    positioned_ns: u64,
    /// Events for one subscriber, where it does not get all.
    chosen: Vec<u8>,
}

impl EventEncoder {
    /// Encodes the events of an update in a view; false if there are none.
    pub fn encode(&mut self, view: SubscriptionType, names: &Names, input: &Input<'_>, outcome: &Outcome) -> bool {
        self.events.clear();
        self.parts.clear();
        self.subjects.clear();
        self.farewells.clear();
        match view {
            SubscriptionType::Balances => {
                for event in outcome.balances.iter().rev() {
                    let about = About::Record(event.account, None);
                    self.write(about, |w| encode::balance_event(w, names, outcome, event));
                }
            }
            SubscriptionType::Holdings => {
                for event in outcome.holdings.iter().rev() {
                    let about = About::Record(event.account, Some(event.instrument));
                    self.write(about, |w| encode::holding_event(w, names, event));
                }
            }
            SubscriptionType::Orders => {
                for event in outcome.orders.iter().rev() {
                    let about = About::Record(event.account, Some(event.instrument));
                    self.write(about, |w| encode::order_event(w, outcome, event));
                    if let Some(former) = &event.former {
                        let about = About::Record(event.account, Some(former.instrument));
                        self.take_leave(about, |w| encode::order_left_event(w, outcome, former));
                    }
                }
            }
            SubscriptionType::Transactions => {
                if let Some(event) = outcome.transaction {
                    let about = About::Record(event.account, event.instrument);
                    self.write(about, |w| encode::transaction_event(w, names, input, outcome));
                }
            }
            SubscriptionType::Updates => {
                if let Some(event) = outcome.action {
                    let about = About::Record(event.account, Some(event.instrument));
                    self.write(about, |w| encode::action_event(w, input, outcome));
                }
                if let Some(operation) = outcome.operation {
                    self.subjects.push(Subject::of_transform(outcome.bytes_of(operation)));
                    self.write(About::Subject(self.subjects.len() - 1), |w| encode::operation_event(w, outcome));
                }
            }
            SubscriptionType::Status => {
                if let Some((feed, details)) = outcome.status {
                    self.write(About::Feed(feed), |w| {
                        let details = outcome.bytes_of(details);
                        encode::update_event(w, UpdateEventType::Status, UpdateAction::Update, |w| w.put(details));
                    });
                }
            }
            SubscriptionType::Metadata => {
                for event in outcome.metadata.iter().rev().filter(|event| event.kind.is_in_view()) {
                    let (first, second) = (event.first.text(&outcome.bytes), event.second.text(&outcome.bytes));
                    self.subjects.push(Subject::of_definition(event.kind, first, second));
                    self.write(About::Subject(self.subjects.len() - 1), |w| encode::metadata_event(w, outcome, event));
                }
            }
            _ => {}
        }
        if self.parts.is_empty() {
            return false;
        }
        if self.positioned_ns != outcome.stamp.time_ns {
            self.positioned_ns = outcome.stamp.time_ns;
            self.position.clear();
            let sequence = names.feed(outcome.stamp.feed);
            encode::position(&mut self.position, sequence, outcome.stamp.position, outcome.stamp.time_ns);
        }
        true
    }

    #[inline]
    fn write(&mut self, about: About, encode: impl FnOnce(&mut ReverseWriter)) {
        let before = self.events.len();
        encode(&mut self.events);
        self.parts.push(Part { about, len: self.events.len() - before, farewell: None });
    }

    /// Writes the Remove that replaces the event just written, for some subscribers.
    #[cold]
    fn take_leave(&mut self, about: About, encode: impl FnOnce(&mut ReverseWriter)) {
        let before = self.farewells.len();
        encode(&mut self.farewells);
        let end = self.farewells.len();
        if let Some(part) = self.parts.last_mut() {
            part.farewell = Some(Farewell { about, end, len: end - before });
        }
    }

    /// Position and events of the message for one subscriber; none if it gets no event.
    #[inline]
    pub fn parts(&mut self, names: &Names, filter: &mut Filter) -> Option<[&[u8]; 2]> {
        if filter.passes_all() {
            return Some([self.position.bytes(), self.events.bytes()]);
        }
        self.chosen.clear();
        let subjects = &self.subjects;
        let mut passes = |about| match about {
            About::Record(account, instrument) => filter.passes(names, account, instrument),
            About::Feed(feed) => filter.passes_feed(names.feed(feed)),
            About::Subject(at) => filter.passes_subject(&subjects[at]),
        };
        let mut at = 0;
        for part in self.parts.iter().rev() {
            let event = &self.events.bytes()[at..at + part.len];
            at += part.len;
            if passes(part.about) {
                self.chosen.extend_from_slice(event);
            } else if let Some(Farewell { end, len, .. }) = part.farewell.filter(|it| passes(it.about)) {
                let farewells = self.farewells.bytes();
                let start = farewells.len() - end;
                self.chosen.extend_from_slice(&farewells[start..start + len]);
            }
        }
        if self.chosen.is_empty() { None } else { Some([self.position.bytes(), &self.chosen]) }
    }
}

//! One update's events of one view, encoded once and cut to what each subscriber may have.

use ordo_core::encode;
use ordo_core::engine::Input;
use ordo_core::names::{AccountNo, InstrumentNo, Names};
use ordo_core::outcome::Outcome;
use ordo_core::proto::{SubscriptionType, UpdateAction, UpdateEventType};
use ordo_core::wire::ReverseWriter;

use crate::filter::Filter;

/// The views that an update can have events for.
pub(super) const VIEWS_WITH_EVENTS: [SubscriptionType; 6] = [
    SubscriptionType::Updates,
    SubscriptionType::Status,
    SubscriptionType::Orders,
    SubscriptionType::Holdings,
    SubscriptionType::Balances,
    SubscriptionType::Transactions,
];

/// An event among those encoded: whose it is, and how long.
#[derive(Debug, Clone, Copy)]
struct Part {
    account: Option<AccountNo>,
    instrument: Option<InstrumentNo>,
    len: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct EventEncoder {
    events: ReverseWriter,
    /// Last event first, as they are written.
    parts: Vec<Part>,
    position: ReverseWriter,
    /// The time of the update whose position is encoded: updates of a batch share a sequence.
    positioned_ns: u64,
    /// Events that one subscriber may have, where that is not all.
    chosen: Vec<u8>,
}

impl EventEncoder {
    /// Encodes a view's events of an update; whether there are any.
    pub(crate) fn encode(
        &mut self,
        view: SubscriptionType,
        names: &Names,
        input: &Input<'_>,
        outcome: &Outcome,
    ) -> bool {
        self.events.clear();
        self.parts.clear();
        match view {
            SubscriptionType::Balances => {
                for event in outcome.balances.iter().rev() {
                    self.write(Some(event.account), None, |w| encode::balance_event(w, names, outcome, event));
                }
            }
            SubscriptionType::Holdings => {
                for event in outcome.holdings.iter().rev() {
                    let instrument = Some(event.instrument);
                    self.write(Some(event.account), instrument, |w| encode::holding_event(w, names, event));
                }
            }
            SubscriptionType::Orders => {
                for event in outcome.orders.iter().rev() {
                    let instrument = Some(event.instrument);
                    self.write(Some(event.account), instrument, |w| encode::order_event(w, outcome, event));
                }
            }
            SubscriptionType::Transactions => {
                if let Some(event) = outcome.transaction {
                    let encode = |w: &mut ReverseWriter| encode::transaction_event(w, names, input, outcome);
                    self.write(Some(event.account), event.instrument, encode);
                }
            }
            SubscriptionType::Updates => {
                if let Some(event) = outcome.action {
                    let encode = |w: &mut ReverseWriter| encode::action_event(w, input, outcome);
                    self.write(Some(event.account), Some(event.instrument), encode);
                }
            }
            SubscriptionType::Status => {
                if let Some((_, details)) = outcome.status {
                    self.write(None, None, |w| {
                        let details = outcome.bytes_of(details);
                        encode::update_event(w, UpdateEventType::Status, UpdateAction::Update, |w| w.put(details));
                    });
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
    fn write(
        &mut self,
        account: Option<AccountNo>,
        instrument: Option<InstrumentNo>,
        encode: impl FnOnce(&mut ReverseWriter),
    ) {
        let before = self.events.len();
        encode(&mut self.events);
        self.parts.push(Part { account, instrument, len: self.events.len() - before });
    }

    /// Position and events of the message for one subscriber; none if it may have no event of it.
    #[inline]
    pub(crate) fn parts(&mut self, names: &Names, filter: &mut Filter) -> Option<[&[u8]; 2]> {
        if filter.passes_all() {
            return Some([self.position.bytes(), self.events.bytes()]);
        }
        self.chosen.clear();
        let mut at = 0;
        for part in self.parts.iter().rev() {
            let event = &self.events.bytes()[at..at + part.len];
            at += part.len;
            if part.account.is_none_or(|account| filter.passes(names, account, part.instrument)) {
                self.chosen.extend_from_slice(event);
            }
        }
        if self.chosen.is_empty() { None } else { Some([self.position.bytes(), &self.chosen]) }
    }
}

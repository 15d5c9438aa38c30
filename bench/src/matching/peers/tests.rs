use ordo_core::venue::{Book, NewOrder};

use super::super::Ordo;
use super::super::flow::{Flow, SCENARIOS};
use super::*;

/// The matching core where every amend loses its priority, as with the peers.
struct LosingPriority(Ordo);

impl Engine for LosingPriority {
    fn apply<S: Sink>(&mut self, message: &Message, sink: &mut S) {
        if message.verb != Verb::Amend {
            return self.0.apply(message, sink);
        }
        let Message { id, price, quantity, side, .. } = *message;
        let book: &mut Book = &mut self.0.0;
        if book.order(id).is_some() {
            book.cancel(id, sink);
            book.submit(&NewOrder::limit(id, 0, side, price, quantity), sink);
        }
    }
}

/// Incoming, resting, price and quantity of all fills.
fn fills<E: Engine>(flow: &Flow, mut engine: E) -> Vec<(u64, u64, i64, u64)> {
    let mut events = Vec::new();
    flow.opening.iter().chain(&flow.messages).for_each(|message| engine.apply(message, &mut events));
    let fill = |event: &Event| match *event {
        Event::Fill { resting, incoming, price, quantity, .. } => Some((incoming, resting, price, quantity)),
        _ => None,
    };
    events.iter().filter_map(fill).collect()
}

/// A comparison of speed means something between engines that do the same.
#[test]
fn the_peers_make_the_fills_that_the_matching_core_makes() {
    let flow = Flow::make(SCENARIOS[0], 20_000, 7);
    let ours = fills(&flow, LosingPriority(Ordo::new()));
    assert!(ours.len() > 1_000);
    assert!(ours == fills(&flow, Lobster::new()), "lobster");
    assert!(ours == fills(&flow, OrderBookRs::new()), "orderbook-rs");
}

//! Orders as the events alone make them: what a reader of the reports believes to be open.

use std::collections::BTreeMap;

use ordo_core::venue::{Book, Event, Side};

use crate::commands::Command;

#[derive(Default)]
pub(crate) struct Ledger {
    left: BTreeMap<u64, u64>,
}

impl Ledger {
    /// Every event must fit to those before it: no quantity comes from nowhere or is lost.
    pub(crate) fn fold(&mut self, command: &Command, events: &[Event]) {
        for event in events {
            match *event {
                Event::Accepted { id } => {
                    let (Command::New(order) | Command::Restore(order)) = command else { panic!("{command:?}") };
                    assert_eq!((order.id, None), (id, self.left.insert(id, order.quantity)));
                }
                Event::Fill { resting, incoming, quantity, resting_left, incoming_left, .. } => {
                    assert!(quantity > 0);
                    self.trade(resting, quantity, resting_left);
                    self.trade(incoming, quantity, incoming_left);
                }
                Event::Cancelled { id, left, .. } => assert_eq!(self.left.remove(&id), Some(left)),
                Event::Amended { id, left, .. } | Event::StopAmended { id, left, .. } => {
                    assert!(self.left.insert(id, left).is_some());
                }
                Event::Priced { id, left, .. } => assert_eq!(self.left.get(&id), Some(&left)),
                Event::Triggered { id } | Event::Reassigned { id, .. } => assert!(self.left.contains_key(&id)),
                Event::Rejected { .. } | Event::Uncrossed { .. } | Event::PhaseChanged { .. } => {}
            }
        }
    }

    fn trade(&mut self, id: u64, quantity: u64, left: u64) {
        let open = self.left.get_mut(&id).expect("the order that trades is open");
        *open -= quantity;
        assert_eq!(*open, left);
        if left == 0 {
            self.left.remove(&id);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.left.len()
    }

    /// Of all open orders' ids the one at this place.
    pub(crate) fn id(&self, at: usize) -> u64 {
        *self.left.keys().nth(at).expect("so many are open")
    }

    pub(crate) fn assert_same_as(&self, book: &Book) {
        let on_book = [Side::Buy, Side::Sell].into_iter().flat_map(|it| book.orders(it).chain(book.waiting_stops(it)));
        assert_eq!(self.left, on_book.map(|order| (order.id, order.left)).collect());
        assert_eq!(self.left.len(), book.len());
    }
}

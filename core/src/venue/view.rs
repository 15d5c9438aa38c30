//! What can be read of the book.

use super::arena::Order;
use super::book::STOPS;
use super::{Book, Phase, Side};

/// One price of a side with its open quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    pub price: i64,
    pub quantity: u64,
}

/// A live order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderView {
    pub id: u64,
    pub account: u32,
    pub side: Side,
    /// Of a waiting stop its trigger.
    pub price: i64,
    pub left: u64,
    /// Whether it is a stop that waits.
    pub waiting: bool,
}

impl Book {
    /// The best price of a side. O(1).
    #[inline]
    pub fn best(&self, side: Side) -> Option<Depth> {
        let ladder = &self.ladders[side as usize];
        let level = ladder.levels.get(ladder.best_level as usize)?;
        Some(Depth { price: ladder.price(ladder.best), quantity: level.total })
    }

    /// The open quantity at a price; by index where the price was used lately, ten steps otherwise.
    #[inline]
    pub fn depth_at(&self, side: Side, price: i64) -> u64 {
        let ladder = &self.ladders[side as usize];
        ladder.total_at(ladder.key(price))
    }

    /// The prices of a side, best first.
    pub fn depth(&self, side: Side) -> impl Iterator<Item = Depth> {
        let ladder = &self.ladders[side as usize];
        let at = |level| Depth { price: ladder.price_of(level), quantity: ladder.levels[level as usize].total };
        ladder.occupied().map(at)
    }

    /// The sum of all open quantities of a side, waiting stops not counted. O(1).
    pub fn open_quantity(&self, side: Side) -> u64 {
        self.ladders[side as usize].open
    }

    /// The orders of a side in priority.
    pub fn orders(&self, side: Side) -> impl Iterator<Item = OrderView> {
        self.orders_of(side as usize)
    }

    /// The waiting stops of a side, the first to be reached first.
    pub fn waiting_stops(&self, side: Side) -> impl Iterator<Item = OrderView> {
        self.orders_of(STOPS + side as usize)
    }

    fn orders_of(&self, ladder: usize) -> impl Iterator<Item = OrderView> {
        let levels = &self.ladders[ladder];
        levels.occupied().flat_map(move |level| self.queue(levels.levels[level as usize].head)).map(|it| self.view(it))
    }

    /// A live order by its id.
    pub fn order(&self, id: u64) -> Option<OrderView> {
        self.live.find(id).map(|slot| self.view(&self.live.orders[slot]))
    }

    fn view(&self, order: &Order) -> OrderView {
        let ladder = order.place.ladder();
        OrderView {
            id: order.id,
            account: order.account,
            side: super::book::side_of(ladder),
            price: self.ladders[ladder].price_of(order.place.level()),
            left: order.left,
            waiting: ladder >= STOPS,
        }
    }

    /// Live orders, waiting stops included.
    pub fn len(&self) -> usize {
        self.live.orders.live() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The price of the last trade.
    pub fn last(&self) -> Option<i64> {
        self.last
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    pub fn is_halted(&self) -> bool {
        self.halted
    }
}

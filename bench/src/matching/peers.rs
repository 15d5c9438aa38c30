//! Matching crates of the registry, each by its own interface, giving the same reports.
//!
//! What a crate cannot do is made of what it can: `lobster` has neither amends nor immediate orders (cancel and new;
//! new and cancel).

use std::sync::{Arc, Mutex};

use lobster::{OrderBook, OrderEvent, OrderType};
use orderbook_rs::{Id, TimeInForce, TradeResult};
use ordo_core::venue::{Cancel, Event, Reject, Side, Sink};
use pricelevel::{OrderUpdate, Price, Quantity};

use super::Engine;
use super::flow::{Message, Verb};

/// `lobster` 0.7: B-trees of prices, vectors of orders.
pub(super) struct Lobster(OrderBook);

impl Lobster {
    pub(super) fn new() -> Lobster {
        Lobster(OrderBook::new(1 << 16, 10, false))
    }

    fn limit<S: Sink>(&mut self, message: &Message, sink: &mut S) -> bool {
        let &Message { id, price, quantity, side, .. } = message;
        let of_side = if side == Side::Buy { lobster::Side::Bid } else { lobster::Side::Ask };
        let order = OrderType::Limit { id: id.into(), side: of_side, qty: quantity, price: price as u64 };
        let (fills, is_open) = match self.0.execute(order) {
            OrderEvent::Filled { fills, .. } => (fills, false),
            OrderEvent::PartiallyFilled { fills, .. } => (fills, true),
            _ => (Vec::new(), true),
        };
        for fill in fills {
            sink.report(Event::Fill {
                resting: fill.order_2 as u64,
                incoming: id,
                price: fill.price as i64,
                quantity: fill.qty,
                resting_left: 0,
                incoming_left: 0,
                side,
            });
        }
        is_open
    }

    fn cancel(&mut self, id: u64) -> bool {
        matches!(self.0.execute(OrderType::Cancel { id: id.into() }), OrderEvent::Canceled { .. })
    }
}

impl Engine for Lobster {
    fn apply<S: Sink>(&mut self, message: &Message, sink: &mut S) {
        let &Message { id, price, quantity, verb, .. } = message;
        match verb {
            Verb::New => {
                sink.report(Event::Accepted { id });
                self.limit(message, sink);
            }
            Verb::ImmediateOrCancel => {
                sink.report(Event::Accepted { id });
                if self.limit(message, sink) {
                    self.cancel(id);
                    sink.report(Event::Cancelled { id, left: 0, reason: Cancel::Immediate });
                }
            }
            Verb::Amend if self.cancel(id) => {
                sink.report(Event::Amended { id, price, left: quantity });
                self.limit(message, sink);
            }
            Verb::Cancel if self.cancel(id) => {
                sink.report(Event::Cancelled { id, left: 0, reason: Cancel::Requested });
            }
            Verb::Amend | Verb::Cancel => sink.report(Event::Rejected { id, reason: Reject::UnknownId }),
        }
    }
}

/// `orderbook-rs` 0.15: skip lists and concurrent queues. Its fills come to a listener.
pub(super) struct OrderBookRs {
    book: orderbook_rs::OrderBook<()>,
    fills: Arc<Mutex<Vec<Event>>>,
}

impl OrderBookRs {
    pub(super) fn new() -> OrderBookRs {
        let fills = Arc::new(Mutex::new(Vec::with_capacity(1_024)));
        let heard = Arc::clone(&fills);
        let listener = move |result: &TradeResult| {
            let mut fills = heard.lock().expect("nobody panics");
            fills.extend(result.match_result.trades().as_vec().iter().map(fill));
        };
        OrderBookRs { book: orderbook_rs::OrderBook::with_trade_listener("X", Arc::new(listener)), fills }
    }

    fn report_fills<S: Sink>(&self, sink: &mut S) {
        let mut fills = self.fills.lock().expect("nobody panics");
        fills.drain(..).for_each(|event| sink.report(event));
    }
}

impl Engine for OrderBookRs {
    fn apply<S: Sink>(&mut self, message: &Message, sink: &mut S) {
        let &Message { id, price, quantity, verb, side } = message;
        let order_id = Id::Sequential(id);
        let of_side = if side == Side::Buy { orderbook_rs::Side::Buy } else { orderbook_rs::Side::Sell };
        let add = |life| self.book.add_limit_order(order_id, price as u128, quantity, of_side, life, None);
        match verb {
            Verb::New => {
                sink.report(Event::Accepted { id });
                let _ = add(TimeInForce::Gtc);
            }
            Verb::ImmediateOrCancel => {
                sink.report(Event::Accepted { id });
                if add(TimeInForce::Ioc).is_err() {
                    sink.report(Event::Cancelled { id, left: 0, reason: Cancel::Immediate });
                }
            }
            Verb::Amend => {
                let (new_price, new_quantity) = (Price::new(price as u128), Quantity::new(quantity));
                let update = OrderUpdate::UpdatePriceAndQuantity { order_id, new_price, new_quantity };
                sink.report(match self.book.update_order(update) {
                    Ok(Some(_)) => Event::Amended { id, price, left: quantity },
                    _ => Event::Rejected { id, reason: Reject::UnknownId },
                });
            }
            Verb::Cancel => sink.report(match self.book.cancel_order(order_id) {
                Ok(Some(_)) => Event::Cancelled { id, left: 0, reason: Cancel::Requested },
                _ => Event::Rejected { id, reason: Reject::UnknownId },
            }),
        }
        self.report_fills(sink);
    }
}

fn fill(trade: &pricelevel::Trade) -> Event {
    let number = |id: Id| match id {
        Id::Sequential(number) => number,
        _ => 0,
    };
    Event::Fill {
        resting: number(trade.maker_order_id()),
        incoming: number(trade.taker_order_id()),
        price: trade.price().as_u128() as i64,
        quantity: trade.quantity().as_u64(),
        resting_left: 0,
        incoming_left: 0,
        side: if trade.taker_side() == orderbook_rs::Side::Buy { Side::Buy } else { Side::Sell },
    }
}

#[cfg(test)]
mod tests;

//! The recorded order flow through the matching core.
//!
//! The feed shows what the exchange's own engine did, in an order that is not quite that of its engine: an order is
//! shown before the delete that made room for it. So only orders that a recorded trade names as taker come in as orders
//! that may trade; others are put on the book as they are. Deletes cancel what is still there; changes set the remaining
//! quantity. What then trades is the engine's doing alone, and nearly all of it is what was traded in fact.

use std::collections::BTreeSet;
use std::io::Read;

use ordo_core::venue::{Book, Event, NewOrder, Rules, Side};

/// Rows that are the book at the start.
const OPENING_ROWS: usize = 6_512;
/// Ticks a dollar, and lots a bitcoin.
const TICKS: u32 = 2;
const LOTS: u32 = 8;

/// Both orders, ticks, lots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fill {
    pub(crate) buyer: u64,
    pub(crate) seller: u64,
    pub(crate) price: i64,
    pub(crate) quantity: u64,
}

/// The trades of a recording.
pub(crate) fn recorded_trades(file: impl Read) -> Vec<(Fill, u64)> {
    let mut rows = csv::Reader::from_reader(file);
    let fill = |row: csv::StringRecord| {
        let number = |at: usize| row[at].parse().expect("an id");
        let (buyer, seller) = (number(2), number(3));
        let taker = if &row[4] == "b" { buyer } else { seller };
        (Fill { buyer, seller, price: scaled(&row[5], TICKS) as i64, quantity: scaled(&row[6], LOTS) }, taker)
    };
    rows.records().map(|row| fill(row.expect("a row of the recording"))).collect()
}

/// What the matching core makes of the first `rows` order events.
pub(crate) fn matched(file: impl Read, takers: &BTreeSet<u64>, rows: usize) -> Vec<Fill> {
    let mut book = Book::new(Rules::default());
    let mut fills = Vec::new();
    let mut events = Vec::new();
    let mut reader = csv::Reader::from_reader(file);
    for (at, row) in reader.records().take(rows).enumerate() {
        let row = row.expect("a row of the recording");
        events.clear();
        let opening = at < OPENING_ROWS;
        apply(&mut book, &row, |id| !opening && takers.contains(&id), &mut events);
        fills.extend(events.iter().filter_map(fill));
    }
    fills
}

fn apply(book: &mut Book, row: &csv::StringRecord, may_trade: impl Fn(u64) -> bool, events: &mut Vec<Event>) {
    let id: u64 = row[1].parse().expect("an id");
    let side = if &row[3] == "b" { Side::Buy } else { Side::Sell };
    let (price, quantity) = (scaled(&row[4], TICKS) as i64, scaled(&row[5], LOTS));
    let order = NewOrder::limit(id, 0, side, price, quantity);
    match &row[2] {
        "c" if may_trade(id) => book.submit(&order, events),
        "c" => book.restore(&order, events),
        "d" => book.cancel(id, events),
        _ => set_remaining(book, id, quantity, events),
    }
}

fn set_remaining(book: &mut Book, id: u64, quantity: u64, events: &mut Vec<Event>) {
    match book.order(id) {
        Some(_) if quantity == 0 => book.cancel(id, events),
        Some(open) if open.left != quantity => book.amend(id, open.price, quantity, events),
        _ => {}
    }
}

fn fill(event: &Event) -> Option<Fill> {
    let Event::Fill { resting, incoming, price, quantity, side, .. } = *event else { return None };
    let (buyer, seller) = if side == Side::Buy { (incoming, resting) } else { (resting, incoming) };
    Some(Fill { buyer, seller, price, quantity })
}

/// A decimal, maybe with an exponent, as a whole number of its unit.
fn scaled(text: &str, decimals: u32) -> u64 {
    let dec: ordo_core::dec::Dec = text.parse().expect("a decimal");
    let (mantissa, scale) = (dec.mantissa(), u32::from(dec.scale()));
    assert!(scale <= decimals, "{text} has more than {decimals} decimals");
    u64::try_from(mantissa * 10i128.pow(decimals - scale)).expect("it fits")
}

#[cfg(test)]
mod tests;

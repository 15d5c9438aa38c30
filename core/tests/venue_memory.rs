//! A book that is warm allocates nothing, whatever it is asked for.

mod allocations;

use allocations::allocations_during;
use ordo_core::venue::{Book, Event, Kind, Life, NewOrder, Phase, Rules, SelfTrade, Side, Sink};

#[derive(Default)]
struct Count {
    reports: u64,
    fills: u64,
}

impl Sink for Count {
    fn report(&mut self, event: Event) {
        self.reports += 1;
        self.fills += u64::from(matches!(event, Event::Fill { .. }));
    }
}

const ORDERS: u64 = 2_000;

/// A day of everything: an auction, trading with all kinds of orders, amends, expiry, the end of the day.
fn a_day(book: &mut Book, day: u64, count: &mut Count) {
    book.set_phase(Phase::Auction, count);
    for at in 0..ORDERS {
        let side = if at % 2 == 0 { Side::Buy } else { Side::Sell };
        let price = (at * 37 % 400) as i64;
        book.submit(
            &NewOrder { life: Life::Day, ..NewOrder::limit(at, at as u32 % 5, side, price, at % 9 + 1) },
            count,
        );
    }
    book.set_phase(Phase::Continuous, count);
    for at in 0..ORDERS {
        let side = if at % 3 == 0 { Side::Buy } else { Side::Sell };
        let price = (at * 41 % 100_000) as i64;
        let kind = match at % 5 {
            0 => Kind::Market,
            1 => Kind::Stop { trigger: price },
            2 => Kind::StopLimit { trigger: price, price },
            _ => Kind::Limit { price },
        };
        let life = if at % 2 == 0 { Life::GoodTill(day * 10_000 + 1 + at) } else { Life::Day };
        let order = NewOrder { id: ORDERS + at, account: at as u32 % 5, side, kind, life, quantity: 3 };
        book.submit(&order, count);
        book.amend(at, price % 400, 2, count);
        book.amend_stop(ORDERS + at, price + 1, None, 4, count);
        book.cancel(at * 7 % ORDERS, count);
        book.expire(day * 10_000 + at / 2, count);
    }
    book.cancel_all(Some(3), None, count);
    book.end_day(count);
    book.expire((day + 1) * 10_000, count);
    assert!(book.is_empty());
}

#[test]
fn a_warm_book_does_not_allocate() {
    let mut book = Book::new(Rules { self_trade: SelfTrade::CancelResting, ..Rules::default() });
    book.reserve(2 * ORDERS as usize);
    let mut count = Count::default();
    let cold = allocations_during(|| a_day(&mut book, 1, &mut count));
    let warm = allocations_during(|| (2..6).for_each(|day| a_day(&mut book, day, &mut count)));
    println!("{} reports, {} fills; {cold} allocations on the first day", count.reports, count.fills);
    assert!(cold > 0, "the counter counts");
    assert!(count.fills > 1_000);
    assert_eq!(warm, 0);
}

//! Engine and naive model over random streams: the same records after every few updates, and the invariants of the
//! rules.

mod naive;

use naive::figure::Figure;
use naive::for_seeds;
use naive::hub::Hub;
use naive::model::{Model, reservation};
use naive::records::Records;
use naive::stream::Stream;

const UPDATES: usize = 2_000;

/// What the events told, what the views hold and what the model says are one and the same.
fn check(hub: &Hub, model: &Model) {
    let records = hub.records();
    records.assert_same(&Records::of_model(model));
    let mut told = hub.told.clone();
    told.orders = told.orders.into_values().map(naive::records::order).collect();
    records.assert_same(&told);
    check_reservations(&records);
    check_transactions(hub, &records);
}

/// What open orders hold back, from the orders as shown, is what the positions show.
fn check_reservations(records: &Records) {
    let mut cash: Figure = records.balances.values().map(|record| record.unfilled_buys.clone()).sum();
    let mut stock: Figure = records.holdings.values().map(|record| record.unfilled_sells.clone()).sum();
    for order in records.orders.values() {
        let (held_cash, held_stock) = reservation(order);
        cash += &held_cash;
        stock += &held_stock;
    }
    assert!(cash.is_zero() && stock.is_zero(), "held back and not shown: {cash:?} {stock:?}");
}

/// Balance + UnbookedTransactions is the sum of all transaction cash, Quantity that of all transaction stock.
fn check_transactions(hub: &Hub, records: &Records) {
    for (key, sum) in &hub.booked {
        let shown = records.balances.get(key).map(|record| &record.balance + &record.unbooked).unwrap_or_default();
        assert_eq!(&shown, sum, "{key:?}");
    }
    for (key, sum) in &hub.moved {
        let shown = records.holdings.get(key).map(|record| record.quantity.clone()).unwrap_or_default();
        assert_eq!(&shown, sum, "{key:?}");
    }
}

#[test]
fn every_record_is_what_the_naive_model_says() {
    for_seeds(0..12, |seed| {
        let (mut hub, mut model, mut stream) = (Hub::new(), Model::default(), Stream::new(seed));
        for at in 1..=UPDATES {
            let action = stream.next();
            let accepted = model.apply(&action, hub.next_time());
            assert_eq!(hub.apply_and_listen(&action), accepted, "update {at}: {:?} {action:?}", hub.outcome.rejects);
            if std::env::var_os("EACH").is_some() || at % 64 == 0 || at == UPDATES {
                if std::env::var_os("EACH").is_some() { eprintln!("{at} {action:?}"); }
                check(&hub, &model);
            }
        }
        let counts = hub.engine.counts();
        assert!(counts.orders > 100 && counts.trades > 300, "{counts:?}");
    });
}

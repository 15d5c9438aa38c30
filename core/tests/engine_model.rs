//! Engine and naive model over random streams: the same records after every few updates, and the invariants of the
//! rules.

mod naive;

use naive::figure::Figure;
use naive::for_seeds;
use naive::hub::Hub;
use naive::model::{Model, reservation};
use naive::records::Records;
use naive::stream::Stream;

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

/// Runs `updates` of a seed through both, and looks after every 64 and at the end.
fn run_both(seed: u64, updates: usize) {
    let (mut hub, mut model, mut stream) = (Hub::new(), Model::default(), Stream::new(seed));
    for at in 1..=updates {
        let action = stream.next();
        let accepted = model.apply(&action, hub.next_time());
        assert_eq!(hub.apply_and_listen(&action), accepted, "update {at}: {:?} {action:?}", hub.outcome.refusals);
        if at % 64 == 0 || at == updates {
            check(&hub, &model);
        }
    }
    let counts = hub.engine.counts();
    assert!(counts.orders > updates / 20 && counts.trades > updates / 7, "{counts:?}");
}

#[test]
fn every_record_is_what_the_naive_model_says() {
    for_seeds(0..12, |seed| run_both(seed, 2_000));
}

#[test]
fn every_record_is_what_the_naive_model_says_after_ten_thousand_updates() {
    for_seeds(42..43, |seed| run_both(seed, 10_000));
}

#[test]
fn a_restart_in_the_middle_is_not_seen() {
    for_seeds(50..54, |seed| {
        let (mut hub, mut model, mut stream) = (Hub::new(), Model::default(), Stream::new(seed));
        for at in 1..=1_200 {
            let action = stream.next();
            let accepted = model.apply(&action, hub.next_time());
            assert_eq!(hub.apply_and_listen(&action), accepted, "update {at}: {action:?}");
            if at % 100 == 0 {
                hub.restart();
                check(&hub, &model);
            }
        }
    });
}

/// Cash and Quantity always; the average price where the trade added to its side, and so divided nothing.
#[test]
fn a_trade_and_its_cancel_are_as_if_it_never_was() {
    for_seeds(60..64, |seed| {
        let (mut hub, mut stream) = (Hub::new(), Stream::new(seed));
        let mut compared = 0;
        for _ in 0..250 {
            hub.run(&mut stream, 4);
            let (order, trade) = stream.order_and_trade();
            assert!(hub.apply(&order));
            let before = hub.records();
            if !hub.apply(&trade) {
                continue;
            }
            let mut cancel = trade.clone();
            cancel.trade.as_mut().expect("it has one").r#type = 12;
            assert!(hub.apply(&cancel), "{:?}", hub.outcome.refusals);
            let mut after = hub.records();
            assert_eq!(after.balances, before.balances);
            for (key, holding) in &mut after.holdings {
                let was = &before.holdings[key];
                let added = trade.order.as_ref().is_some_and(|order| {
                    let buys = matches!(order.side, 1 | 5);
                    was.quantity.sign() == if buys { 1 } else { -1 } && was.currency == order.currency
                });
                if added {
                    assert_eq!(holding.average, was.average, "{key:?}");
                    compared += usize::from(was.average.is_some());
                }
                assert_eq!((&holding.quantity, &holding.unfilled_sells), (&was.quantity, &was.unfilled_sells));
            }
            assert_eq!(after.holdings.len(), before.holdings.len());
            assert_eq!(after.orders.len(), before.orders.len());
        }
        assert!(compared > 50, "{compared}");
    });
}

/// Figures up to the largest there are. What the engine refuses changes nothing; what it accepts is exact.
#[test]
fn figures_at_their_bounds_are_exact_or_refused() {
    for_seeds(70..74, |seed| {
        let (mut hub, mut model, mut stream) = (Hub::new(), Model::default(), Stream::new(seed));
        let (mut refused, mut lost) = (0, Vec::new());
        for _ in 0..500 {
            let mut action = stream.next();
            stream.enlarge(&mut action);
            // The stream does not hear of refusals: where a move was refused, it has lost track of the order.
            let id = action.order.as_ref().map(|order| order.order_id.clone()).unwrap_or_default();
            if lost.contains(&id) {
                continue;
            }
            let (now, before) = (hub.next_time(), hub.records());
            if hub.apply(&action) {
                assert!(model.apply(&action, now), "{action:?}");
                let (mut found, mut expected) = (hub.records(), Records::of_model(&model));
                // An average that cannot be shown is not.
                found.holdings.values_mut().for_each(|holding| holding.average = None);
                expected.holdings.values_mut().for_each(|holding| holding.average = None);
                found.assert_same(&expected);
            } else {
                refused += 1;
                hub.records().assert_same(&before);
                let moves = action.update.as_ref().is_some_and(|update| update.previous_account.is_some());
                lost.extend(moves.then_some(id));
            }
        }
        assert!((40..460).contains(&refused), "{refused}");
    });
}

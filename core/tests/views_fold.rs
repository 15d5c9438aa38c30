//! Views folded from outcomes are the views of the engine, record by record, whenever one looks.

mod naive;

use naive::hub::Hub;
use naive::stream::Stream;
use ordo_core::engine::Engine;
use ordo_core::views::{Record, Table, Views};
use ordo_testkit::seeds::for_seeds;

fn assert_same(one: &Views, other: &Views) {
    assert_tables(one.balances(), other.balances());
    assert_tables(one.holdings(), other.holdings());
    assert_tables(one.orders(), other.orders());
    assert_eq!(one.positions(), other.positions());
    assert_eq!(one.time_ns(), other.time_ns());
    assert!(one.feeds().eq(other.feeds()));
    assert_eq!(format!("{:?}", one.names()), format!("{:?}", other.names()));
}

/// By number: whoever goes on with either meets the same numbers.
fn assert_tables(one: &Table<Record>, other: &Table<Record>) {
    assert_eq!(one.len(), other.len());
    for number in 0..one.numbers().max(other.numbers()) {
        let fields = |record: &Record| (record.account, record.instrument, record.completed, record.bytes.clone());
        assert_eq!(one.get(number).map(fields), other.get(number).map(fields), "number {number}");
    }
}

/// Every record is found where it is looked for, and nowhere else.
fn assert_indexed(views: &Views) {
    let mut found = (0, 0, 0);
    for owner in ["O", "P", ""] {
        for account in views.accounts_of(owner) {
            let name = views.names().account(account);
            assert_eq!((&*name.owner, views.account(owner, &name.account)), (owner, Some(account)));
            found.0 += views.balances_of(account).inspect(|record| assert_eq!(record.account, account)).count();
            found.1 += views.holdings_of(account).inspect(|record| assert_eq!(record.account, account)).count();
            for record in views.orders_of(account) {
                assert_eq!(record.account, account);
                let order = naive::records::order_of(record);
                assert_eq!(views.order(account, &order.order_id).map(|found| &found.bytes), Some(&record.bytes));
                found.2 += 1;
            }
        }
    }
    assert_eq!(found, (views.balances().len(), views.holdings().len(), views.orders().len()));
    assert_eq!(views.balances().iter().count(), views.balances().len());
}

#[test]
fn views_folded_from_outcomes_are_those_of_the_engine() {
    for_seeds(300..308, |seed| {
        let (mut hub, mut stream) = (Hub::new(), Stream::new(seed));
        hub.open_feeds();
        // The last of that was a silent update: its time is none that views tell.
        assert_same(&hub.views, &Views::of(&hub.engine));
        for at in 0..900 {
            hub.apply(&stream.next());
            if at % 50 == 0 {
                assert_same(&hub.views, &Views::of(&hub.engine));
                assert_indexed(&hub.views);
            }
        }
        let loaded = Engine::from_image(&hub.engine.image()).expect("just made");
        assert_same(&hub.views, &Views::of(&loaded));
    });
}

#[test]
fn a_snapshot_of_a_table_stays_as_it_was_taken() {
    let (mut hub, mut stream) = (Hub::new(), Stream::new(1));
    hub.run(&mut stream, 200);
    let snapshot = hub.views.orders().clone();
    let before: Vec<Vec<u8>> = snapshot.iter().map(|record| record.bytes.to_vec()).collect();
    hub.run(&mut stream, 200);
    assert!(snapshot.iter().map(|record| record.bytes.to_vec()).eq(before));
    assert_ne!(snapshot.len(), hub.views.orders().len());
}

#[test]
fn what_was_never_named_is_not_there() {
    let mut hub = Hub::new();
    hub.apply(&naive::stream::deposit("A", "5"));
    let views = &hub.views;
    assert!(views.account("O", "nobody").is_none() && views.account("nobody", "A").is_none());
    let account = views.account("O", "A").expect("named");
    assert!(views.order(account, "#1").is_none() && views.orders_of(account).next().is_none());
    assert!(views.feed("oms").is_none() && views.feed("nobody").is_none() && views.orders().is_empty());
}

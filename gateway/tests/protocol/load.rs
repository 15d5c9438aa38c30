//! Subscribing while updates pour in: what the snapshot holds and what follows it are together all there is, once.

use std::collections::BTreeSet;
use std::thread;

use ordo_core::proto::{AssetPosition, CashPosition, OrderState, SubscriptionType};
use ordo_gateway::client::{Adapter, Form, Heard, Step, messages};

use crate::support::*;

const UPDATES: i64 = 12_000;

#[test]
fn snapshot_and_events_are_what_rest_answers_none_twice_none_missing() {
    const SEED: u64 = 20_260_601;
    println!("seed {SEED}");
    let rig = Rig::start();
    let addr = rig.addr();
    let mut adapter = Adapter::open(addr, "f").expect("the feed is open");
    let mut early = rig.subscriber(Form::Binary);
    let early_view = early.subscribe(SubscriptionType::Transactions, Vec::new()).expect("it is accepted");
    let feeder = thread::spawn(move || {
        let mut random = Random::of(SEED);
        for n in 1..=UPDATES {
            adapter.submit(n, any_update(&mut random, n)).expect("it is submitted");
        }
        adapter.wait_bookmark(UPDATES, PATIENCE).expect("all is durable");
        adapter
    });
    // Every transaction there ever is, by position.
    let reader = thread::spawn(move || {
        let mut positions = BTreeSet::new();
        let mut take = |heard: Heard| {
            if let Heard::View { step: Step::Update { position, .. }, .. } = heard {
                positions.insert(position);
            }
        };
        while early.view(early_view).position("f") < UPDATES {
            take(next(&mut early));
        }
        (positions, early)
    });
    let joiners: Vec<_> = (0..12u64)
        .map(|joiner| {
            thread::spawn(move || {
                let form = if joiner % 3 == 0 { Form::Json } else { Form::Binary };
                let mut subscriber = ordo_gateway::client::Subscriber::open(addr, form).expect("a connection");
                let targets = match joiner % 4 {
                    0 => vec![messages::target("Owner", &["XA"])],
                    1 => vec![messages::target("Account", &["XA/3", "XB/0"])],
                    _ => Vec::new(),
                };
                let mut subscribe = |view| subscriber.subscribe(view, targets.clone()).expect("it is accepted");
                let views = [
                    subscribe(SubscriptionType::Balances),
                    subscribe(SubscriptionType::Holdings),
                    subscribe(SubscriptionType::Orders),
                    subscribe(SubscriptionType::Transactions),
                ];
                let started = views.map(|view| subscriber.view(view).position("f"));
                (subscriber, views, started, joiner)
            })
        })
        .collect();
    let joined: Vec<_> = joiners.into_iter().map(|joiner| joiner.join().expect("it joins")).collect();
    // Further ones one after another, until the feeder is done: they come in the middle whatever the machine does.
    let mut late = Vec::new();
    while !feeder.is_finished() && late.len() < 40 {
        let mut subscriber = rig.subscriber(Form::Binary);
        let orders = subscriber.subscribe(SubscriptionType::Orders, Vec::new()).expect("it is accepted");
        let transactions = subscriber.subscribe(SubscriptionType::Transactions, Vec::new()).expect("it is accepted");
        let started = [orders, transactions].map(|view| subscriber.view(view).position("f"));
        late.push((subscriber, orders, transactions, started));
    }
    let _adapter = feeder.join().expect("all is submitted");
    let balances: Vec<CashPosition> = listed(addr, "");
    let holdings: Vec<AssetPosition> = listed(addr, "");
    let orders: Vec<OrderState> = listed(addr, "");
    assert!(balances.len() > 10 && orders.len() > 100, "{} balances, {} orders", balances.len(), orders.len());
    let (all, _) = reader.join().expect("it reads to the end");
    let mut mid_stream = 0;
    for (mut subscriber, [cash, stock, book, moves], started, joiner) in joined {
        subscriber.synchronise().expect("it is answered");
        let passes = |key: &[String]| match joiner % 4 {
            0 => key[0] == "XA",
            1 => key[..2] == ["XA", "3"] || key[..2] == ["XB", "0"],
            _ => true,
        };
        let what = format!("joiner {joiner} from {started:?}");
        let chosen: Vec<_> = balances.iter().filter(|it| passes(&it.key())).cloned().collect();
        assert_same(&folded::<CashPosition>(subscriber.view(cash)), &chosen, &what);
        let chosen: Vec<_> = holdings.iter().filter(|it| passes(&it.key())).cloned().collect();
        assert_same(&folded::<AssetPosition>(subscriber.view(stock)), &chosen, &what);
        let chosen: Vec<_> = orders.iter().filter(|it| passes(&it.key())).cloned().collect();
        assert_same(&folded::<OrderState>(subscriber.view(book)), &chosen, &what);
        if joiner % 4 > 1 {
            let expected = all.range(started[3] + 1..).count() as u64;
            assert_eq!(subscriber.view(moves).updates(), expected, "{what}: transactions after the snapshot");
        }
        mid_stream += started.iter().filter(|position| (1..UPDATES).contains(*position)).count();
    }
    for (mut subscriber, book, moves, started) in late {
        subscriber.synchronise().expect("it is answered");
        assert_same(&folded::<OrderState>(subscriber.view(book)), &orders, &format!("from {started:?}"));
        let expected = all.range(started[1] + 1..).count() as u64;
        assert_eq!(subscriber.view(moves).updates(), expected, "from {started:?}: transactions after the snapshot");
        mid_stream += started.iter().filter(|position| (1..UPDATES).contains(*position)).count();
    }
    assert!(mid_stream > 0, "nobody came in the middle");
}

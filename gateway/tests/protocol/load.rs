//! Subscribing while updates pour in: what the snapshot holds and what follows it are together all there is, once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::thread;

use ordo_client::{Adapter, Form, Heard, Subscriber, ViewId, messages};
use ordo_core::proto::{AssetPosition, CashPosition, OrderState, SubscriptionTarget, SubscriptionType, UpdatePosition};

use ordo_testkit::hub::*;

const FEEDS: [&str; 3] = ["f0", "f1", "f2"];
const UPDATES: i64 = 4_000;
/// A transaction, so that whoever sees those alone knows when all is told.
const LAST: i64 = UPDATES + 1;

/// Where a view's snapshot stood, feed by feed.
type Started = [i64; 3];

/// A subscriber that joined at some moment.
struct Joined {
    subscriber: Subscriber,
    balances: ViewId,
    holdings: ViewId,
    orders: ViewId,
    transactions: ViewId,
    /// Of the transactions.
    started: Started,
    /// Which records it asked for.
    passes: fn(&[String]) -> bool,
    targets: Vec<SubscriptionTarget>,
}

impl Joined {
    fn join(addr: SocketAddr, number: usize) -> Joined {
        let form = if number.is_multiple_of(3) { Form::Json } else { Form::Binary };
        let (targets, passes): (_, fn(&[String]) -> bool) = match number % 4 {
            0 => (vec![messages::target("Owner", &["XA"])], |key| key[0] == "XA"),
            1 => (vec![messages::target("Account", &["XA/3", "XB/0"])], |key| {
                key[..2] == ["XA", "3"] || key[..2] == ["XB", "0"]
            }),
            _ => (Vec::new(), |_| true),
        };
        let mut subscriber = Subscriber::open(addr, form).expect("a connection");
        let mut subscribe = |view| subscriber.subscribe(view, targets.clone()).expect("it is accepted");
        let balances = subscribe(SubscriptionType::Balances);
        let holdings = subscribe(SubscriptionType::Holdings);
        let orders = subscribe(SubscriptionType::Orders);
        let transactions = subscribe(SubscriptionType::Transactions);
        // Folding may have gone on behind the snapshot: the events say so.
        let started = FEEDS.map(|feed| subscriber.view(transactions).position(feed));
        assert_eq!(subscriber.view(transactions).updates(), 0, "the snapshot's own positions");
        Joined { subscriber, balances, holdings, orders, transactions, started, passes, targets }
    }

    fn compare(mut self, rest: &Rest, all: &All) {
        self.subscriber.synchronise().expect("it is answered");
        let what = format!("{:?} from {:?}", self.targets, self.started);
        let chosen: Vec<_> = rest.balances.iter().filter(|it| (self.passes)(&it.key())).cloned().collect();
        assert_same(&folded::<CashPosition>(self.subscriber.view(self.balances)), &chosen, &what);
        let chosen: Vec<_> = rest.holdings.iter().filter(|it| (self.passes)(&it.key())).cloned().collect();
        assert_same(&folded::<AssetPosition>(self.subscriber.view(self.holdings)), &chosen, &what);
        let chosen: Vec<_> = rest.orders.iter().filter(|it| (self.passes)(&it.key())).cloned().collect();
        assert_same(&folded::<OrderState>(self.subscriber.view(self.orders)), &chosen, &what);
        if self.targets.is_empty() {
            let after = |(feed, started): (&&str, i64)| all[*feed].range(started + 1..).count() as u64;
            let expected: u64 = FEEDS.iter().zip(self.started).map(after).sum();
            assert_eq!(self.subscriber.view(self.transactions).updates(), expected, "{what}: transactions");
        }
    }

    fn came_in_the_middle(&self) -> bool {
        self.started.iter().any(|position| (1..UPDATES).contains(position))
    }
}

struct Rest {
    balances: Vec<CashPosition>,
    holdings: Vec<AssetPosition>,
    orders: Vec<OrderState>,
}

/// Positions of every transaction there ever is, by feed.
type All = BTreeMap<String, BTreeSet<i64>>;

/// Hears everything from the beginning: each position once, in order, at times that increase over all feeds.
fn hear_all(mut subscriber: Subscriber, view: ViewId) -> All {
    let mut all: All = FEEDS.iter().map(|feed| (feed.to_string(), BTreeSet::new())).collect();
    let mut last_time = (0, 0);
    while FEEDS.iter().any(|feed| subscriber.view(view).position(feed) < LAST) {
        let Heard::View { frame, .. } = next(&mut subscriber) else { continue };
        let message = frame.message().expect("a message");
        let Some(UpdatePosition { sequence, position, executed_at }) = message.position else { continue };
        let Some(positions) = all.get_mut(&sequence).filter(|_| !message.updates.is_empty()) else { continue };
        assert!(positions.last().is_none_or(|last| *last < position), "{sequence} {position}");
        positions.insert(position);
        let time = executed_at.map(|at| (at.seconds, at.nanoseconds)).expect("it says when");
        assert!(time > last_time, "{sequence} {position}: time stands still");
        last_time = time;
    }
    all
}

fn check(seed: u64, ring_slots: usize) {
    println!("seed {seed}, {ring_slots} slots");
    let rig = Rig::start_with(|config| {
        config.ring_slots = ring_slots;
        // Those that joined do not read until the end.
        config.outbound_bytes_max = 64 << 20;
    });
    let addr = rig.addr();
    let mut adapters = FEEDS.map(|feed| Adapter::open(addr, feed).expect("the feed is open"));
    let mut early = rig.subscriber(Form::Binary);
    let view = early.subscribe(SubscriptionType::Transactions, Vec::new()).expect("it is accepted");
    let reader = thread::spawn(move || hear_all(early, view));
    let feeder = thread::spawn(move || {
        let mut random = Random::of(seed);
        for n in 1..=UPDATES {
            for adapter in &mut adapters {
                adapter.submit(n, any_update(&mut random, n)).expect("it is submitted");
            }
        }
        for adapter in &mut adapters {
            adapter.submit(LAST, deposit(&account("XA", "0"), "1")).expect("it is submitted");
            adapter.wait_bookmark(LAST, PATIENCE).expect("all is durable");
        }
        adapters
    });
    let joiners: Vec<_> = (0..8).map(|number| thread::spawn(move || Joined::join(addr, number))).collect();
    let mut joined: Vec<Joined> = joiners.into_iter().map(|joiner| joiner.join().expect("it joins")).collect();
    // Further ones one after another until the feeder is done: some come in the middle whatever the machine does.
    while !feeder.is_finished() && joined.len() < 30 {
        joined.push(Joined::join(addr, joined.len()));
    }
    let _adapters = feeder.join().expect("all is submitted");
    let rest = Rest { balances: listed(addr, ""), holdings: listed(addr, ""), orders: listed(addr, "") };
    assert!(rest.balances.len() > 10 && rest.orders.len() > 100);
    let all = reader.join().expect("it hears everything");
    assert!(joined.iter().any(Joined::came_in_the_middle), "nobody came in the middle");
    joined.into_iter().for_each(|joined| joined.compare(&rest, &all));
}

#[test]
fn snapshot_and_events_are_what_rest_answers_none_twice_none_missing() {
    check(20_260_601, 1024);
}

#[test]
fn a_small_ring_is_full_most_of_the_time_and_loses_nothing() {
    check(20_260_602, 64);
}

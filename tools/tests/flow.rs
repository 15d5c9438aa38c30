//! Recorded order flow through a hub: what it comes to live, from the record, and after a restart.
//!
//! The extract that the program carries is played every day. The whole recording is in `ORDO_FLOW_DIR`, if anywhere:
//! its test is a test of its own, so that nobody takes the one for the other.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use ordo_bench::flow::{Flow, Removal};
use ordo_client::{Adapter, Form, Heard, Subscriber, rest};
use ordo_core::dec::Dec;
use ordo_core::proto::{AssetPosition, BigNumber, CashPosition, ClientTransactionType, SubscriptionType};
use ordo_gateway::hub::{Config, Hub, Wait};
use ordo_history::replay::{Options, Replay};
use ordo_testkit::PATIENCE;
use prost::Message;
use tempfile::TempDir;

/// What a subscriber has folded of the flow.
#[derive(Debug, Default, PartialEq)]
struct Told {
    transactions: u64,
    cash: Dec,
    stock: Dec,
}

fn digits(number: Option<BigNumber>) -> Dec {
    number.map_or(Dec::ZERO, BigNumber::dec)
}

fn sum(figures: impl Iterator<Item = Dec>) -> Dec {
    figures.fold(Dec::ZERO, |sum, figure| sum.plus(figure).expect("it fits"))
}

/// Folds the views until the feed is at a position; checks each transaction, and that all of them add up. Says when it
/// is subscribed: transactions from before that come to nobody.
fn watch(addr: SocketAddr, last: i64, subscribed: &Sender<()>) -> (Told, Vec<CashPosition>, Vec<AssetPosition>, usize) {
    let mut subscriber = Subscriber::open(addr, Form::Binary).expect("a connection");
    let mut subscribe = |view| subscriber.subscribe(view, Vec::new()).expect("it is accepted");
    let balances = subscribe(SubscriptionType::Balances);
    let holdings = subscribe(SubscriptionType::Holdings);
    let orders = subscribe(SubscriptionType::Orders);
    let transactions = subscribe(SubscriptionType::Transactions);
    subscribed.send(()).expect("somebody waits for it");
    let mut heard = Told::default();
    // A Bookmark of the Transactions view comes at the latest a second after the last update.
    while subscriber.view(transactions).position("flow") < last {
        let Some(Heard::View { view, frame, .. }) = subscriber.next(PATIENCE).expect("a good message") else {
            continue;
        };
        if view != transactions {
            continue;
        }
        for event in frame.message().expect("a message").updates {
            let transaction = event.transaction.expect("a transaction");
            assert_eq!(transaction.r#type(), ClientTransactionType::Trade);
            heard.transactions += 1;
            let cash = digits(transaction.cash_transfer.expect("the cash leg").value);
            let stock = digits(transaction.asset_transfer.expect("the stock leg").value);
            heard.cash = heard.cash.plus(cash).expect("it fits");
            heard.stock = heard.stock.plus(stock).expect("it fits");
        }
    }
    subscriber.synchronise().expect("it is answered");
    let cash = subscriber.view(balances).records().expect("balances");
    let stock = subscriber.view(holdings).records().expect("holdings");
    (heard, cash, stock, subscriber.view(orders).len())
}

fn key<M: Message>(record: &M) -> Vec<u8> {
    record.encode_to_vec()
}

#[test]
fn the_shipped_extract_adds_up_live_replayed_and_after_a_restart() {
    adds_up(|| Flow::shipped(Removal::AtOnce), 2 * 66);
}

/// Every order of it is gone in the end, and with it what was reserved.
#[test]
#[ignore = "needs ORDO_FLOW_DIR: run by .ci/run and perf/long_tests.sh where it is set"]
fn the_whole_recording_adds_up_live_replayed_and_after_a_restart() {
    let folder = std::env::var_os("ORDO_FLOW_DIR").expect("ORDO_FLOW_DIR names the folder of the recording");
    let orders = Path::new(&folder).join("btcusd-orders.csv.gz");
    let last = adds_up(|| Flow::open(&orders, Removal::AtOnce).expect("it opens"), 568);
    assert_eq!(last.open_orders, 0, "every order is gone");
    for balance in &last.balances {
        assert!(digits(balance.unfilled_buys).is_zero(), "reserved still: {balance:?}");
        assert!(digits(balance.balance).is_zero() && digits(balance.margin).is_zero(), "{balance:?}");
    }
    for holding in &last.holdings {
        assert!(digits(holding.unfilled_sells).is_zero(), "reserved still: {holding:?}");
    }
}

/// What the views held after the last update.
struct Last {
    balances: Vec<CashPosition>,
    holdings: Vec<AssetPosition>,
    open_orders: usize,
}

/// Plays a flow of so many transactions; the views that it comes to.
fn adds_up(open: impl Fn() -> Flow, expected: u64) -> Last {
    let folder = TempDir::new().expect("a temporary folder");
    let mut config = Config::new(folder.path().join("data"));
    (config.dev, config.wait, config.pin) = (true, Wait::Park, false);
    config.tail_dir = Some(folder.path().into());
    config.segment_bytes = 8 << 20;
    // The adapter writes as fast as it can, and the watcher may have to wait long for a core.
    config.outbound_bytes_max = 1 << 30;
    let hub = Hub::start(config.clone()).expect("the hub starts");
    let addr = hub.addr();

    let last = open().map(Result::unwrap).count() as i64;
    let (subscribed, is_subscribed) = channel();
    let watcher = thread::spawn(move || watch(addr, last, &subscribed));
    is_subscribed.recv_timeout(PATIENCE).expect("it subscribes");
    let mut adapter = Adapter::open(addr, "flow").expect("the feed is open");
    let mut flow = open();
    for (position, action) in (1..).zip(flow.by_ref()) {
        adapter.submit(position, action.expect("a row makes an update")).expect("it is submitted");
    }
    adapter.wait_bookmark(last, PATIENCE).expect("all is durable");
    assert_eq!(adapter.take_responses(), [], "nothing is refused");
    println!("{last} updates: {:?}", flow.counts());

    let (heard, balances, holdings, open_orders) = watcher.join().expect("it reads to the end");
    assert_eq!(heard, Told { transactions: expected, cash: Dec::ZERO, stock: Dec::ZERO });
    assert!(sum(balances.iter().map(|it| digits(it.unbooked_transactions))).is_zero(), "cash sums to zero");
    assert!(sum(holdings.iter().map(|it| digits(it.quantity))).is_zero(), "stock sums to zero");
    let shown = Shown::of(addr);
    shown.assert_holds(&balances, &holdings);

    adapter.close(PATIENCE).expect("it closes");
    let live = hub.stop().expect("it stops well");
    for snapshots in [false, true] {
        let options = Options { snapshots, ..Options::default() };
        let mut replay = Replay::open(&config.data, options).expect("the folder holds a journal");
        replay.run().expect("the record can be replayed");
        assert_eq!(replay.engine().state_hash(), live.state_hash, "snapshots: {snapshots}");
        assert_eq!(replay.engine().events_hash(), live.events_hash, "snapshots: {snapshots}");
        assert_eq!(replay.engine().sequence(), live.sequence, "snapshots: {snapshots}");
    }
    let printed = Command::new(env!("CARGO_BIN_EXE_ordo")).arg("replay").arg(&config.data).output().expect("it runs");
    let text = String::from_utf8_lossy(&printed.stdout);
    assert!(printed.status.success() && text.contains(&format!("{:032x}", live.state_hash)), "{printed:?}");

    let hub = Hub::start(config).expect("the hub starts again");
    assert_eq!(Shown::of(hub.addr()), shown);
    assert_eq!(Adapter::open(hub.addr(), "flow").expect("the feed is open").resumed(), last);
    drop(hub);
    Last { balances, holdings, open_orders }
}

/// What REST answers.
#[derive(Debug, PartialEq)]
struct Shown {
    balances: Vec<CashPosition>,
    holdings: Vec<AssetPosition>,
    orders: Vec<u8>,
}

impl Shown {
    fn of(addr: SocketAddr) -> Shown {
        use ordo_core::json::message::{ASSET_POSITION, CASH_POSITION};
        let get = |target: &str| rest::get(addr, target).expect("an answer");
        let mut balances = get("/balance").records(CASH_POSITION).expect("balances");
        balances.sort_by_cached_key(key::<CashPosition>);
        let mut holdings = get("/holding").records(ASSET_POSITION).expect("holdings");
        holdings.sort_by_cached_key(key::<AssetPosition>);
        Shown { balances, holdings, orders: get("/order").body }
    }

    fn assert_holds(&self, balances: &[CashPosition], holdings: &[AssetPosition]) {
        let mut balances = balances.to_vec();
        balances.sort_by_cached_key(key::<CashPosition>);
        let mut holdings = holdings.to_vec();
        holdings.sort_by_cached_key(key::<AssetPosition>);
        assert_eq!((&self.balances, &self.holdings), (&balances, &holdings), "REST answers what was folded");
    }
}

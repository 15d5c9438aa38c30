//! `ordo serve` killed with -9, again and again, at moments of a seed's choosing, under load and over one folder.
//!
//! What a Bookmark said is durable is there after every kill; after resending from where the hub resumes, its state is
//! that of a hub that nobody killed. Times are the adapter's, so that nothing in the records depends on the clock.

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use ordo_client::{Adapter, Form, Subscriber, messages, rest};
use ordo_core::json::message;
use ordo_core::proto::SubscriptionType;
use ordo_core::proto::{Account, AssetPosition, AssetTransfer, CashPosition, CashTransfer, ExternalAction};
use ordo_core::proto::{ExternalActionType, OrderState, OrderTrade, OrderTradeType, OrderType, Side};
use ordo_core::proto::{TimestampWithTimeZone, TransactionDetails};
use ordo_history::replay::{Options, Replay};
use ordo_testkit::Random;
use support::{PATIENCE, Served, stderr};
use tempfile::TempDir;

/// On small segments, so that some are filled.
fn serve(folder: &Path, durability: &str) -> Served {
    let durability = format!("durability={durability}");
    let small = ["segment_bytes=1048576", "message_bytes_max=262144", "tail_bytes=1048576"];
    Served::start(folder, &[&[&*durability][..], &small].concat())
}

/// The n-th update: the same whoever asks, so that it can be made again where it has to be resent.
fn update(n: i64) -> ExternalAction {
    let mut random = Random::of(n as u64);
    let account = Account { owner_id: "XS".into(), account_id: random.below(9).to_string() };
    let figure = |digits: String| Some(digits.parse::<ordo_core::dec::Dec>().expect("a figure").into());
    let at = TimestampWithTimeZone { seconds: 1_790_000_000 + n as u64, ..TimestampWithTimeZone::default() };
    let details = || TransactionDetails {
        transaction_id: n.to_string(),
        account: Some(account.clone()),
        timestamp: Some(at),
        ..TransactionDetails::default()
    };
    let kind = random.below(8);
    let mut action = ExternalAction::default();
    match kind {
        0 => {
            action.r#type = ExternalActionType::CashTransfer as i32;
            action.transaction = Some(details().into());
            let value = figure(format!("{}.{:02}", random.below(1000), random.below(100)));
            action.cash_transfer =
                Some(CashTransfer { currency: "AUD".into(), value, ..CashTransfer::default() }.into());
            return action;
        }
        1 => {
            action.r#type = ExternalActionType::AssetTransfer as i32;
            action.transaction = Some(details().into());
            let value = figure(random.below(1000).to_string());
            let transfer =
                AssetTransfer { exchange: "XASX".into(), code: "BHP".into(), value, ..AssetTransfer::default() };
            action.asset_transfer = Some(transfer.into());
            return action;
        }
        _ => {}
    }
    let mut order = OrderState {
        order_id: random.below(200).to_string(),
        account: Some(account),
        code: "BHP".into(),
        exchange: "XASX".into(),
        currency: "AUD".into(),
        side: if random.below(2) == 0 { Side::Buy } else { Side::Sell } as i32,
        order_type: OrderType::Limit as i32,
        price: figure(format!("{}.5", 1 + random.below(50))),
        quantity: figure((100 + random.below(900)).to_string()),
        created: Some(at),
        timestamp: Some(at),
        ..OrderState::default()
    };
    action.r#type = ExternalActionType::Update as i32;
    match kind {
        2 => {
            order.is_completed = true;
            order.remove_after = Some(TimestampWithTimeZone::default());
        }
        // Refused, and still it takes its position.
        3 => order.order_id.clear(),
        4 | 5 => {
            action.r#type = ExternalActionType::Trade as i32;
            let trade = OrderTrade {
                trade_id: format!("T{n}"),
                r#type: OrderTradeType::Trade as i32,
                price: figure("7.25".into()),
                quantity: figure((1 + random.below(9)).to_string()),
                ..OrderTrade::default()
            };
            action.trade = Some(trade.into());
        }
        _ => {}
    }
    action.order = Some(order.into());
    action
}

/// Balances, holdings and orders as REST answers them, by key.
#[derive(Debug, PartialEq)]
struct Shown {
    balances: Vec<CashPosition>,
    holdings: Vec<AssetPosition>,
    orders: Vec<OrderState>,
}

fn key(account: &Option<Account>, rest: &[&str]) -> String {
    let account = account.clone().unwrap_or_default();
    format!("{}/{}/{}", account.owner_id, account.account_id, rest.join("/"))
}

impl Shown {
    fn of(addr: SocketAddr) -> Shown {
        let get = |target: &str| rest::get(addr, target).expect("an answer");
        let mut balances: Vec<CashPosition> = get("/balance").records(message::CASH_POSITION).expect("balances");
        balances.sort_by_cached_key(|it| key(&it.account, &[&it.currency]));
        let mut holdings: Vec<AssetPosition> = get("/holding").records(message::ASSET_POSITION).expect("holdings");
        holdings.sort_by_cached_key(|it| key(&it.account, &[&it.exchange, &it.code]));
        let mut orders: Vec<OrderState> = get("/order").records(message::ORDER_STATE).expect("orders");
        orders.sort_by_cached_key(|it| key(&it.account, &[&it.order_id]));
        Shown { balances, holdings, orders }
    }

    #[track_caller]
    fn assert_same(&self, other: &Shown, what: &str) {
        assert_eq!(self.balances, other.balances, "{what}: balances");
        assert_eq!(self.holdings, other.holdings, "{what}: holdings");
        let ids = |orders: &[OrderState]| orders.iter().map(|it| key(&it.account, &[&it.order_id])).collect::<Vec<_>>();
        assert_eq!(ids(&self.orders), ids(&other.orders), "{what}: which orders there are");
        for (left, right) in self.orders.iter().zip(&other.orders) {
            assert_eq!(left, right, "{what}: an order");
        }
    }
}

/// Plays updates up to `last` into a hub that is killed `kills` times on the way; what it shows in the end.
fn play(folder: &Path, durability: &str, seed: u64, kills: u32, last: i64) -> (Shown, i64) {
    println!("{durability}: seed {seed}, {kills} kills");
    let mut random = Random::of(seed);
    let mut served = serve(folder, durability);
    let mut adapter = Adapter::open(served.addr, "f").expect("the feed is open");
    let mut furthest_behind = 0;
    let mut watcher = Watcher::of(served.addr);
    for round in 0..kills {
        // So far that something is always under way, and now and then nothing.
        let from = adapter.last_submitted();
        let until = (from + 1 + random.below(700) as i64).min(last);
        for n in from + 1..=until {
            adapter.submit(n, update(n)).expect("it is submitted");
        }
        match random.below(4) {
            0 => adapter.flush().expect("it leaves"),
            1 => adapter.poll().expect("the hub still runs"),
            2 => {
                let some = from + random.below((until - from) as u64 + 1) as i64;
                adapter.flush().expect("it leaves");
                adapter.wait_bookmark(some, PATIENCE).expect("a Bookmark comes");
            }
            _ => {}
        }
        served.kill();
        // What the hub had still said is in the socket: a Bookmark counts if it was sent.
        while adapter.poll().is_ok() {}
        let (bookmark, submitted) = (adapter.bookmark(), adapter.last_submitted());
        let told = watcher.last_told();
        served = serve(folder, durability);
        adapter.reconnect_to(served.addr).unwrap_or_else(|error| panic!("seed {seed}, round {round}: {error}"));
        let resumed = adapter.resumed();
        assert!(
            (bookmark..=submitted).contains(&resumed),
            "seed {seed}, round {round}: resumes at {resumed}; {bookmark} was durable, {submitted} the last submitted"
        );
        assert!(told <= resumed, "seed {seed}, round {round}: {told} was told to a subscriber, and is not there");
        watcher = Watcher::of(served.addr);
        furthest_behind = furthest_behind.max(submitted - resumed);
    }
    for n in adapter.last_submitted() + 1..=last {
        adapter.submit(n, update(n)).expect("it is submitted");
    }
    // Asked for: what the hub resumed at is told by no Bookmark of its own.
    adapter.send(messages::bookmark("f"), "").expect("it is sent");
    adapter.wait_bookmark(last, PATIENCE).expect("all is durable");
    let shown = Shown::of(served.addr);
    served.kill();
    (shown, furthest_behind)
}

/// Somebody else who is told of what happens.
struct Watcher(Subscriber, ordo_client::ViewId);

impl Watcher {
    fn of(addr: SocketAddr) -> Watcher {
        let mut subscriber = Subscriber::open(addr, Form::Binary).expect("a connection");
        let view = subscriber.subscribe(SubscriptionType::Orders, Vec::new()).expect("it is accepted");
        Watcher(subscriber, view)
    }

    /// The last position told before the connection ended.
    fn last_told(mut self) -> i64 {
        while let Ok(Some(_)) = self.0.next(PATIENCE) {}
        self.0.view(self.1).position("f")
    }
}

fn undisturbed(last: i64) -> Shown {
    let folder = TempDir::new().expect("a temporary folder");
    play(folder.path(), "sync", 0, 0, last).0
}

fn replayed(folder: &Path, snapshots: bool) -> Replay {
    let options = Options { snapshots, orders_expected: 1024 };
    let mut replay = Replay::open(&folder.join("data"), options).expect("the folder holds a journal");
    replay.run().expect("the record can be replayed");
    replay
}

#[test]
fn fifty_kills_in_sync_lose_nothing_that_was_told_and_resending_brings_the_rest() {
    const LAST: i64 = 20_000;
    let folder = TempDir::new().expect("a temporary folder");
    let (shown, behind) = play(folder.path(), "sync", 50, 50, LAST);
    println!("at the furthest {behind} updates had to be sent again");
    assert!(behind > 0, "no kill hit anything under way");
    shown.assert_same(&undisturbed(LAST), "after fifty kills");
    let replay = replayed(folder.path(), true);
    assert_eq!(replay.engine().state_hash(), replayed(folder.path(), false).engine().state_hash());
    assert!(shown.balances.len() == 9 && shown.orders.len() > 500, "{} orders", shown.orders.len());
}

#[test]
fn a_kill_in_async_loses_nothing_that_the_hub_had_taken() {
    const LAST: i64 = 6_000;
    let folder = TempDir::new().expect("a temporary folder");
    let (shown, _) = play(folder.path(), "async", 8, 8, LAST);
    shown.assert_same(&undisturbed(LAST), "after eight kills");
}

/// `perf/kills.sh` runs it: minutes of kills, as many and from the seed that the environment says.
#[test]
#[ignore = "minutes of kills; perf/kills.sh runs it"]
fn many_kills_in_both_modes_lose_nothing_that_was_told() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let (kills, seed) = (number("ORDO_KILLS", 200), number("ORDO_SEED", 1));
    let last = i64::try_from(kills).expect("not so many") * 350;
    for durability in ["sync", "async"] {
        let folder = TempDir::new().expect("a temporary folder");
        let (shown, behind) = play(folder.path(), durability, seed, kills as u32, last);
        println!("{durability}: {kills} kills survived; at the furthest {behind} updates had to be sent again");
        shown.assert_same(&undisturbed(last), &format!("{durability}, seed {seed}"));
    }
}

#[test]
fn a_second_hub_on_the_folder_exits_with_75() {
    let folder = TempDir::new().expect("a temporary folder");
    let served = serve(folder.path(), "sync");
    let second = Command::new(env!("CARGO_BIN_EXE_ordo"))
        .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path().join("data"))
        .args(["--set", &format!("tail_dir={}", folder.path().display())])
        .output()
        .expect("the program runs");
    assert_eq!(second.status.code(), Some(75), "{second:?}");
    assert!(second.stdout.is_empty(), "it never said that it listens");
    assert!(stderr(&second).contains("another hub"), "{second:?}");
    assert_eq!(rest::get(served.addr, "/diagnostics/ping").expect("an answer").text(), "OK");
}

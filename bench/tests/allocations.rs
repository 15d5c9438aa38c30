//! Nothing is allocated by receiver, journal, engine and publisher for the hot kinds of update, once they are warm.
//!
//! Each stage has a thread of its own here, so that an allocation is told with the stage it is of. The views allocate,
//! on purpose: they keep the latest record of each key as bytes of their own, which REST and snapshots share. Theirs show
//! that the counter counts.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use ordo_bench::load::{self, FEED, VIEWS};
use ordo_bench::raw::{RawConnection, put_frame};
use ordo_core::dec::Dec;
use ordo_core::proto::{
    Account, AssetTransfer, CashTransfer, ExternalAction, ExternalActionType, FeedPosition, FeedRequest,
    FeedRequestType, Lifetime, OrderState, OrderTrade, OrderTradeType, OrderType, OrderUpdate, OrderUpdateReason,
    OrderUpdateType, RequestMessage, RequestMessageType, Side, TimestampWithTimeZone, TransactionDetails,
};
use ordo_gateway::hub::{Config, Durability, Hub, Wait};
use ordo_history::replay::{Options, Replay};
use prost::Message;

static COUNTING: AtomicBool = AtomicBool::new(false);
/// The stages that are counted, by the names of their threads.
const STAGES: [&str; 5] = ["receiver", "journal", "engine", "publisher", "views"];
static COUNTED: [AtomicU64; STAGES.len()] = [const { AtomicU64::new(0) }; STAGES.len()];

thread_local! {
    /// Which stage this thread is; none until it is known, `STAGES.len()` if it is none of them.
    static STAGE: Cell<Option<usize>> = const { Cell::new(None) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about the layout is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from `alloc` above, with this layout.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count() {
    if !COUNTING.load(Ordering::Relaxed) {
        return;
    }
    let stage = STAGE.try_with(|known| {
        known.get().unwrap_or_else(|| {
            // Opening the file may allocate: it is then counted for nobody.
            known.set(Some(STAGES.len()));
            let mut name = [0; 16];
            let read = File::open("/proc/thread-self/comm").and_then(|mut comm| comm.read(&mut name)).unwrap_or(0);
            let name = name[..read].trim_ascii_end();
            let stage = STAGES.iter().position(|stage| stage.as_bytes() == name).unwrap_or(STAGES.len());
            known.set(Some(stage));
            stage
        })
    });
    if let Some(counted) = stage.ok().and_then(|stage| COUNTED.get(stage)) {
        counted.fetch_add(1, Ordering::Relaxed);
    }
}

fn figure(mantissa: i128, scale: u32) -> Option<ordo_core::proto::BigNumber> {
    Some(Dec::new(mantissa, scale).expect("small figures").into())
}

fn account() -> Account {
    Account { account_id: "0001".into(), owner_id: "BENCH".into() }
}

fn transaction(position: u64) -> Option<Box<TransactionDetails>> {
    let transaction_id = format!("X{position:012}");
    Some(Box::new(TransactionDetails { transaction_id, account: Some(account()), ..TransactionDetails::default() }))
}

/// The order of a round, so much of it executed.
fn order(round: u64, quantity: i128, executed: i128) -> OrderState {
    let at = |nanoseconds| TimestampWithTimeZone { seconds: 1_777_689_380, nanoseconds, tz_offset: 0 };
    OrderState {
        order_id: format!("R{round:015}"),
        account: Some(account()),
        code: "BTC".into(),
        exchange: "XBTS".into(),
        currency: "USD".into(),
        side: if round.is_multiple_of(2) { Side::Buy } else { Side::Sell } as i32,
        order_type: OrderType::Limit as i32,
        price: figure(783_000, 1),
        quantity: figure(quantity, 5),
        lifetime: Lifetime::Day as i32,
        created: Some(at(0)),
        timestamp: Some(at(round as u32 % 1_000_000_000)),
        executed_value: figure(783_000 * executed, 6),
        executed_quantity: figure(executed, 5),
        ..OrderState::default()
    }
}

fn update(reason: OrderUpdateReason, order: OrderState) -> ExternalAction {
    let (kind, reason) = (OrderUpdateType::Update as i32, reason as i32);
    ExternalAction {
        r#type: ExternalActionType::Update as i32,
        order: Some(Box::new(order)),
        update: Some(Box::new(OrderUpdate { r#type: kind, reason, ..OrderUpdate::default() })),
        ..ExternalAction::default()
    }
}

fn trade(round: u64, kind: OrderTradeType, quantity: i128, order: OrderState) -> ExternalAction {
    ExternalAction {
        r#type: ExternalActionType::Trade as i32,
        order: Some(Box::new(order)),
        trade: Some(Box::new(OrderTrade {
            trade_id: format!("T{round:012}"),
            r#type: kind as i32,
            price: figure(783_000, 1),
            quantity: figure(quantity, 5),
            ..OrderTrade::default()
        })),
        ..ExternalAction::default()
    }
}

/// Every hot kind of update once in each round: what becomes of an order from New to Cancel, and two transfers.
fn hot_update(position: u64) -> RequestMessage {
    let round = position / BURST;
    let action = match position % BURST {
        0 => update(OrderUpdateReason::New, order(round, 10_000, 0)),
        1 => trade(round, OrderTradeType::Trade, 500, order(round, 10_000, 500)),
        2 => trade(round, OrderTradeType::Correction, 700, order(round, 10_000, 700)),
        3 => update(OrderUpdateReason::Replace, order(round, 12_000, 700)),
        4 => trade(round, OrderTradeType::Cancel, 0, order(round, 12_000, 0)),
        5 => ExternalAction {
            r#type: ExternalActionType::CashTransfer as i32,
            transaction: transaction(position),
            cash_transfer: Some(Box::new(CashTransfer {
                currency: "USD".into(),
                value: figure(i128::from(position % 7) - 3, 0),
                ..CashTransfer::default()
            })),
            ..ExternalAction::default()
        },
        6 => ExternalAction {
            r#type: ExternalActionType::AssetTransfer as i32,
            transaction: transaction(position),
            asset_transfer: Some(Box::new(AssetTransfer {
                exchange: "XBTS".into(),
                code: "BTC".into(),
                value: figure(i128::from(position % 5) - 2, 0),
                ..AssetTransfer::default()
            })),
            ..ExternalAction::default()
        },
        _ => {
            let removed = Some(TimestampWithTimeZone::default());
            let cancelled = OrderState { is_completed: true, remove_after: removed, ..order(round, 12_000, 0) };
            update(OrderUpdateReason::Cancel, cancelled)
        }
    };
    in_feed(position, action)
}

fn in_feed(position: u64, action: ExternalAction) -> RequestMessage {
    let feed = FeedRequest {
        r#type: FeedRequestType::Action as i32,
        position: Some(FeedPosition { sequence: FEED.into(), position: position as i64 }),
        action: Some(action),
        ..FeedRequest::default()
    };
    RequestMessage {
        r#type: RequestMessageType::FeedRequest as i32,
        feed: Some(Box::new(feed)),
        ..RequestMessage::default()
    }
}

fn send(connection: &RawConnection, message: &RequestMessage) {
    let mut frame = Vec::new();
    put_frame(&mut frame, &message.encode_to_vec());
    connection.writer().unwrap().write_all(&frame).unwrap();
}

/// A burst that the codec reads whole: where a frame straddles two reads, its buffer may have to grow once more, at a
/// moment that only the network knows.
const BURST: u64 = 8;

/// At most, of a round of Bookmarks to four views; the updates that are counted are thousands.
const ALLOCATIONS_OF_BOOKMARKS: u64 = 32;

/// Sends updates in bursts, and waits after each until the hub says it has recorded the last.
fn drive(feed: &mut RawConnection, positions: std::ops::Range<u64>) {
    let mut bytes = Vec::new();
    for position in positions {
        put_frame(&mut bytes, &hot_update(position).encode_to_vec());
        if position % BURST == BURST - 1 {
            feed.writer().unwrap().write_all(&bytes).unwrap();
            bytes.clear();
            feed.read_messages(|_| {}).unwrap();
        }
    }
}

#[test]
fn the_stages_allocate_nothing_for_hot_updates_once_warm() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path());
    config.dev = true;
    config.durability = Durability::Sync;
    config.wait = Wait::Park;
    config.pin = false;
    config.layout = "receiver,journal,engine,publisher,views".parse().unwrap();
    config.ring_slots = 256;
    config.segment_bytes = 64 << 20;
    config.tail_dir = Some(folder.path().to_owned());
    let hub = Hub::start(config).unwrap();
    let mut subscriber = RawConnection::open(hub.addr()).unwrap();
    VIEWS.iter().for_each(|view| send(&subscriber, &load::subscribe(*view)));
    // Read as fast as it comes: a queue that grows because nobody reads it is not what is measured.
    let reading = std::thread::spawn(move || while subscriber.read_messages(|_| {}).is_ok() {});
    let mut feed = RawConnection::open(hub.addr()).unwrap();
    send(&feed, &load::open());
    feed.read_messages(|_| {}).unwrap();

    drive(&mut feed, BURST..1_601 * BURST);
    COUNTING.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    drive(&mut feed, 1_601 * BURST..2_401 * BURST);
    COUNTING.store(false, Ordering::Relaxed);

    let counted = COUNTED.each_ref().map(|counted| counted.load(Ordering::Relaxed));
    let (views, pipeline) = counted.split_last().unwrap();
    // Once a second subscribers are told how far each sequence is, whatever came: a few small messages.
    let rounds = begun.elapsed().as_secs() + 1;
    for (stage, counted) in STAGES.iter().zip(pipeline) {
        let of_bookmarks = if *stage == "publisher" { rounds * ALLOCATIONS_OF_BOOKMARKS } else { 0 };
        assert!(*counted <= of_bookmarks, "{counted} allocations of the {stage}, {of_bookmarks} of them of Bookmarks");
    }
    assert!(*views > 0, "the counter counts");
    hub.stop().unwrap();
    reading.join().unwrap();
    let mut replay = Replay::open(folder.path(), Options::default()).unwrap();
    replay.run().unwrap();
    let engine = replay.engine();
    assert_eq!((engine.oddities().refused, engine.counts().trades), (0, 2_400), "all did what they are for");
}

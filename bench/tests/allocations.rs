//! Nothing is allocated on the pipeline's two threads for updates, trades and cash transfers, once they are warm.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ordo_bench::load::{self, FEED, VIEWS};
use ordo_bench::raw::{RawConnection, put_frame};
use ordo_core::dec::Dec;
use ordo_core::proto::{
    Account, CashTransfer, ExternalAction, ExternalActionType, FeedPosition, FeedRequest, FeedRequestType,
    RequestMessage, RequestMessageType, TransactionDetails,
};
use ordo_gateway::hub::{Config, Durability, Hub, Wait};
use prost::Message;

static COUNTING: AtomicBool = AtomicBool::new(false);
static COUNTED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether this thread is one of the pipeline's; none until it is known.
    static IS_PIPELINE: Cell<Option<bool>> = const { Cell::new(None) };
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
    let is_pipeline = IS_PIPELINE.try_with(|known| {
        known.get().unwrap_or_else(|| {
            // Opening the file may allocate: it is then counted for nobody.
            known.set(Some(false));
            let mut name = [0; 16];
            let read = File::open("/proc/thread-self/comm").and_then(|mut comm| comm.read(&mut name)).unwrap_or(0);
            let is_pipeline = matches!(&name[..read], b"edge\n" | b"record\n");
            known.set(Some(is_pipeline));
            is_pipeline
        })
    });
    if is_pipeline == Ok(true) {
        COUNTED.fetch_add(1, Ordering::Relaxed);
    }
}

/// A transfer to an account of the load, at a position.
fn cash_transfer(position: u64) -> RequestMessage {
    let action = ExternalAction {
        r#type: ExternalActionType::CashTransfer as i32,
        transaction: Some(Box::new(TransactionDetails {
            transaction_id: format!("C{position:012}"),
            account: Some(Account { account_id: "0001".into(), owner_id: "BENCH".into() }),
            ..TransactionDetails::default()
        })),
        cash_transfer: Some(Box::new(CashTransfer {
            currency: "USD".into(),
            value: Some(Dec::whole(position as i64 % 7 - 3).into()),
            ..CashTransfer::default()
        })),
        ..ExternalAction::default()
    };
    in_feed(position, action)
}

/// The order part of a trade of the load, as an update of its own.
fn update(position: u64) -> RequestMessage {
    let mut action = load::trade(position).feed.and_then(|feed| feed.action).unwrap_or_default();
    action.r#type = ExternalActionType::Update as i32;
    action.trade = None;
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

/// Sends updates in bursts, and waits after each until the hub says it has recorded the last.
fn drive(feed: &mut RawConnection, positions: std::ops::Range<u64>) {
    let mut bytes = Vec::new();
    for position in positions {
        let message = match position % 3 {
            0 => cash_transfer(position),
            1 => update(position),
            _ => load::trade(position),
        };
        put_frame(&mut bytes, &message.encode_to_vec());
        if position.is_multiple_of(BURST) {
            feed.writer().unwrap().write_all(&bytes).unwrap();
            bytes.clear();
            feed.read_messages(|_| {}).unwrap();
        }
    }
}

#[test]
fn the_pipeline_threads_allocate_nothing_once_warm() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path());
    config.dev = true;
    config.durability = Durability::Sync;
    config.wait = Wait::Park;
    config.pin = false;
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

    drive(&mut feed, 1..12_801);
    COUNTING.store(true, Ordering::Relaxed);
    drive(&mut feed, 12_801..19_201);
    COUNTING.store(false, Ordering::Relaxed);

    assert_eq!(COUNTED.load(Ordering::Relaxed), 0, "allocations on the pipeline's threads");
    hub.stop().unwrap();
    reading.join().unwrap();
}

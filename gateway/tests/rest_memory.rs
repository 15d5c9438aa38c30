//! Bodies that take many times their bytes once they are decoded: for every entry the worst that its schema allows.
//!
//! The allocator counts for the whole process: the tests take turns, and one entry comes after another. A large body is
//! in a mapping of its own, which is not counted: it takes what it has.

#![allow(clippy::disallowed_methods)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ordo_client::rest::request;
use ordo_testkit::hub::*;

/// Counts what is allocated, and the most there ever was.
struct Counting;

/// Held by the test whose turn it is.
static TURN: Mutex<()> = Mutex::new(());
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code)]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller's.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const JSON: (&str, &str) = ("Content-Type", "application/json");
const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");
const BODY_BYTES: usize = 16 << 20;
/// The test's own copies of a body: the body, and the request around it.
const COPIES: usize = 2 * BODY_BYTES + (1 << 20);
/// Beside four times the body: a batch of as many records as may be, in the engine.
const BATCH_BYTES: usize = 96 << 20;

fn my_turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn repeated(open: &str, element: &str, close: &str) -> Vec<u8> {
    let mut text = open.as_bytes().to_vec();
    while text.len() + element.len() + 1 < BODY_BYTES - close.len() {
        text.extend_from_slice(element.as_bytes());
        text.push(b',');
    }
    text.pop();
    text.extend_from_slice(close.as_bytes());
    text
}

/// Members of an object, each with a name of its own.
fn named(open: &str, value: &str, close: &str) -> Vec<u8> {
    let mut text = open.as_bytes().to_vec();
    for n in 0.. {
        let member = format!(r#""{n:x}":{value},"#);
        if text.len() + member.len() > BODY_BYTES - close.len() {
            break;
        }
        text.extend_from_slice(member.as_bytes());
    }
    text.pop();
    text.extend_from_slice(close.as_bytes());
    text
}

fn worst_bodies() -> Vec<(&'static str, &'static str, (&'static str, &'static str), Vec<u8>)> {
    let zeroes = || vec![0; BODY_BYTES];
    // A field of two bytes, over and over: an empty destination, an empty text.
    let fields = |tag: u8| [tag, 0].repeat(BODY_BYTES / 2);
    let mut bodies = Vec::new();
    for target in ["/balance/settle", "/balance/bulk", "/holding/bulk"] {
        bodies.push(("POST", target, PROTOBUF, zeroes()));
        bodies.push(("POST", target, JSON, repeated("[", "{}", "]")));
        bodies.push(("POST", target, JSON, named(r#"[{"Transaction":{"Properties":{"#, r#""""#, "}}}]")));
    }
    bodies.push(("POST", "/account/byids", JSON, repeated("[", r#""""#, "]")));
    bodies.push(("POST", "/account/byids", JSON, repeated("[", r#""a/b""#, "]")));
    for target in ["/balance", "/holding"] {
        bodies.push(("POST", target, JSON, named(r#"{"Transaction":{"Properties":{"#, r#""""#, "}}}")));
        bodies.push(("POST", target, JSON, repeated(r#"{"Transaction":{"IDs":["#, "{}", "]}}")));
        bodies.push(("POST", target, PROTOBUF, fields(0x0a)));
    }
    bodies.push(("POST", "/exchange", JSON, repeated(r#"{"Exchange":"X","Destinations":["#, "{}", "]}")));
    bodies.push(("POST", "/identity", JSON, repeated(r#"{"Identity":"u","Source":"s","Owners":["#, r#""""#, "]}")));
    bodies.push(("POST", "/identity/source", JSON, named(r#"{"Code":"s","Parameters":{"#, r#""""#, "}}")));
    for target in ["/owner", "/account", "/exchange", "/status/request", "/identity", "/identity/source"] {
        for tag in [0x12, 0x1a, 0x22, 0x2a, 0x32, 0x3a] {
            bodies.push(("POST", target, PROTOBUF, fields(tag)));
        }
    }
    bodies.push(("PATCH", "/order/for/XS/A/1", JSON, named(r#"{"Properties":{"#, r#""""#, "}}")));
    bodies.push(("PATCH", "/owner/byid/XS?newOwner=XT", JSON, repeated(r#"{"Comments":""#, "x", r#""}"#)));
    bodies
}

#[test]
fn no_body_takes_many_times_its_bytes() {
    let _turn = my_turn();
    let rig = Rig::start_with(|config| {
        config.message_bytes_max = 1 << 20;
        config.tail_bytes = 8 << 20;
        config.segment_bytes = 8 << 20;
    });
    for (method, target, kind, body) in worst_bodies() {
        let before = LIVE.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        // Refused before all of it was sent, or answered.
        let status = request(rig.addr(), method, target, &[kind], Some(&body)).map_or(0, |answer| answer.status);
        let taken = PEAK.load(Ordering::Relaxed) - before;
        assert!([0, 400, 404, 413, 422].contains(&status), "{method} {target} {kind:?}: {status}");
        let most = COPIES + 4 * body.len() + BATCH_BYTES;
        assert!(taken <= most, "{method} {target} {}: {taken} bytes", String::from_utf8_lossy(&body[..20]));
    }
    assert_eq!(rig.get("/diagnostics/ping").text(), "OK");
}

/// Small bodies of as many records as may be: what a batch takes in the engine does not grow with its bytes.
#[test]
fn more_records_than_a_batch_may_have_are_413() {
    let _turn = my_turn();
    let rig = Rig::start_with(|config| config.batch_records_max = 3);
    let post = |target: &str, kind, body: &[u8]| {
        request(rig.addr(), "POST", target, &[kind], Some(body)).expect("an answer").status
    };
    for target in ["/balance/settle", "/balance/bulk", "/holding/bulk"] {
        assert_eq!(post(target, JSON, b"[{},{},{}]"), 422, "{target}");
        assert_eq!(post(target, JSON, b"[{},{},{},{}]"), 413, "{target}");
        assert_eq!(post(target, PROTOBUF, &[0; 3]), 422, "{target}");
        assert_eq!(post(target, PROTOBUF, &[0; 4]), 413, "{target}");
    }
    assert_eq!(post("/account/byids", JSON, br#"["a/b","a/b","a/b"]"#), 200);
    assert_eq!(post("/account/byids", JSON, br#"["a/b","a/b","a/b","a/b"]"#), 413);
}

#[test]
fn bodies_share_a_budget_and_what_finds_no_room_may_come_again() {
    let _turn = my_turn();
    // An eighth for requests: one body of the largest size takes half of that.
    let rig = Rig::start_with(|config| config.memory_bytes_max = 1 << 30);
    let head =
        |bytes: usize| format!("POST /balance/bulk HTTP/1.1\r\nHost: localhost\r\nContent-Length: {bytes}\r\n\r\n");
    let connect = |patience: Duration| {
        let stream = TcpStream::connect(rig.addr()).expect("a connection");
        stream.set_read_timeout(Some(patience)).expect("a timeout");
        stream
    };
    let mut held = connect(PATIENCE);
    let body = repeated("[", " ", "]");
    held.write_all(head(body.len()).as_bytes()).expect("it is sent");
    held.write_all(&body[..body.len() - 1]).expect("it is sent");
    let deadline = Instant::now() + PATIENCE;
    let refused = loop {
        assert!(Instant::now() < deadline, "all find room");
        let mut other = connect(Duration::from_millis(100));
        other.write_all(head(BODY_BYTES).as_bytes()).expect("it is sent");
        let mut answer = [0; 512];
        // Nothing comes to one that has room: its body is waited for.
        if let Ok(read) = other.read(&mut answer) {
            break String::from_utf8_lossy(&answer[..read]).to_ascii_lowercase();
        }
    };
    assert!(refused.starts_with("http/1.1 503") && refused.contains("retry-after: 1"), "{refused}");
    let small = request(rig.addr(), "POST", "/balance/bulk", &[JSON], Some(b"[]")).expect("an answer");
    assert_eq!(small.status, 204, "a small one fits beside it");
    held.write_all(&body[body.len() - 1..]).expect("it is sent");
    let mut answer = [0; 12];
    held.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 413", "more records than a batch may have");
    let whole = request(rig.addr(), "POST", "/balance/settle", &[PROTOBUF], Some(&vec![0; BODY_BYTES]));
    assert_eq!(whole.map_or(413, |answer| answer.status), 413, "there is room again");
}

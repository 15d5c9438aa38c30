//! Readers of the past that read slowly or not at all: what it costs the others, and what becomes of their answers.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use ordo_client::rest;
use ordo_client::{Adapter, Form};
use ordo_core::json::message::{AUDIT_RECORD, EVENT_MESSAGE};
use ordo_core::proto::EventMessage;
use ordo_core::proto::model::AuditRecord;
use socket2::{Domain, Socket, Type};

use crate::heard::*;
use ordo_testkit::hub::*;

/// Of a client: what it does not read soon waits at the hub.
const RECEIVE_BYTES: usize = 64 << 10;
/// Of each update that is only there to be much.
const LARGE_BYTES: usize = 60_000;
const ALL: &str = "/audit/fromdate";

/// A request is sent; nothing is read.
pub(crate) fn ask(addr: SocketAddr, target: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(RECEIVE_BYTES).expect("it is bounded");
    socket.connect(&addr.into()).expect("it connects");
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("it is bounded");
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it is sent");
    stream
}

/// Many megabytes of record.
fn fill(rig: &Rig, updates: i64) {
    let mut adapter = Adapter::open(rig.addr(), "large").expect("the feed is open");
    let of = account("XS", "large");
    for n in 1..=updates {
        let id = format!("{n} {}", "x".repeat(LARGE_BYTES));
        adapter.submit(n, cash(details(&of, &id), cash_transfer("1"))).expect("it is submitted");
    }
    adapter.wait_bookmark(updates, PATIENCE).expect("all is durable");
    adapter.close(PATIENCE).expect("all is written");
}

/// What the one place among those who look at the past is answered with, once it is the answer hoped for.
fn wait_for_status(rig: &Rig, status: u16) {
    let deadline = Instant::now() + PATIENCE;
    while rig.get("/audit/fromdate?count=1").status != status {
        assert!(Instant::now() < deadline, "never {status}");
    }
}

/// The whole answer, little of it for so long.
pub(crate) fn drain_slowly(stream: &mut TcpStream, slow: Duration) -> Vec<u8> {
    let begun = Instant::now();
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    while begun.elapsed() < slow {
        let read = stream.read(&mut piece).expect("it comes");
        answer.extend_from_slice(&piece[..read]);
        std::thread::sleep(Duration::from_millis(20));
    }
    let (rest, was_reset) = drain(stream);
    assert!(!was_reset);
    answer.extend(rest);
    answer
}

/// All that still comes; whether the connection was reset.
fn drain(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut read = Vec::new();
    match stream.read_to_end(&mut read) {
        Ok(_) => (read, false),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => (read, true),
        Err(error) => panic!("{error}"),
    }
}

fn is_whole(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"]\r\n0\r\n\r\n")
}

#[test]
fn a_reader_that_takes_nothing_loses_its_place_and_its_answer_breaks_off() {
    let rig = Rig::start_with(|config| {
        config.history_requests_max = 1;
        // Who is let in waits a second for the place: it is held for longer than that, however late he comes.
        config.reader_patience = Duration::from_secs(3);
    });
    fill(&rig, 150);
    let mut unread = ask(rig.addr(), ALL);
    wait_for_status(&rig, 429);
    wait_for_status(&rig, 200);
    let (read, was_reset) = drain(&mut unread);
    assert!(was_reset || !is_whole(&read), "{} bytes pass for a whole answer", read.len());
    assert!(read.len() < 150 * LARGE_BYTES);
    let mut again = ask(rig.addr(), ALL);
    assert!(is_whole(&drain(&mut again).0), "who reads has all of it");
}

#[test]
fn a_slow_reader_that_takes_something_now_and_then_has_the_whole_answer() {
    const PIECE_BYTES: usize = 64 << 10;
    const PATIENCE_OF_HUB: Duration = Duration::from_millis(1500);
    let rig = Rig::start_with(|config| config.reader_patience = PATIENCE_OF_HUB);
    fill(&rig, 75);
    let begun = Instant::now();
    let mut slow = ask(rig.addr(), ALL);
    let (mut answer, mut piece) = (Vec::new(), vec![0; PIECE_BYTES]);
    loop {
        std::thread::sleep(Duration::from_millis(30));
        match slow.read(&mut piece).expect("it goes on") {
            0 => break,
            read => answer.extend_from_slice(&piece[..read]),
        }
    }
    assert!(begun.elapsed() > PATIENCE_OF_HUB, "it took longer than a reader may do nothing");
    assert!(is_whole(&answer), "{} bytes", answer.len());
}

#[test]
fn what_comes_while_a_request_waits_is_told_only_beyond_the_positions_that_it_names() {
    // On a machine that is too slow for a request's patience it is refused, and nothing is shown.
    let (audit, events) = (0..10).find_map(|_| asked_while_more_comes()).expect("a machine that is not that slow");
    let audit: Vec<AuditRecord> = audit.records(AUDIT_RECORD).expect("records");
    let places: Vec<(&str, i64)> = audit.iter().map(|record| (&*record.sequence, record.id)).collect();
    assert_eq!(places, [("f", 100), ("new", 6)]);
    let events: Vec<EventMessage> = events.records(EVENT_MESSAGE).expect("events");
    let positions = &events[0].snapshot.as_ref().expect("a snapshot comes first").positions;
    assert_eq!((positions.get("f"), positions.get("new")), (Some(&99), Some(&5)));
    let mut state = State::default();
    let of_a = account("XS", "A");
    let balance = |state: &State| {
        let mut balances = state.balances.values().filter(|it| it.account.as_ref() == Some(&of_a));
        figure(balances.next().expect("a balance").balance).to_string()
    };
    let (held, later): (Vec<_>, Vec<_>) = events.iter().partition(|message| message.position.is_none());
    held.into_iter().for_each(|message| state.take(message));
    assert_eq!(balance(&state), "4", "12, 13, 99 and the first of the new one");
    later.into_iter().for_each(|message| state.take(message));
    assert_eq!(balance(&state), "6", "nothing between them is missing");
}

/// Audit and events from positions that are not there yet, asked while the one place is taken; it is given back when
/// more has been published. None if a request was refused because it had waited too long.
fn asked_while_more_comes() -> Option<(rest::Answer, rest::Answer)> {
    let rig = Rig::start_with(|config| config.history_requests_max = 1);
    fill(&rig, 150);
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let of = account("XS", "A");
    line.act(12, deposit(&of, "1"));
    let unread = ask(rig.addr(), ALL);
    wait_for_status(&rig, 429);
    let addr = rig.addr();
    let get = |target: &'static str| move || rest::get(addr, target).expect("an answer");
    let (audit, events) = std::thread::scope(|scope| {
        let beyond = "from[f]=99&from[new]=5&from[oms]=999&from[large]=999";
        let audit = format!("/audit/fromposition?{beyond}");
        let events = format!("/event/fromposition?for=Balances&owner=XS&account=XS/A&snapshot=true&{beyond}");
        let [audit, events] = [audit, events].map(|target| scope.spawn(get(target.leak())));
        std::thread::sleep(Duration::from_millis(100));
        for position in [13, 99, 100] {
            line.act(position, deposit(&of, "1"));
        }
        let (mut new, _) = FeedLine::open(&rig, "new", Form::Binary);
        for position in [5, 6] {
            new.act(position, deposit(&of, "1"));
        }
        drop(unread);
        (audit.join().expect("ended"), events.join().expect("ended"))
    });
    (audit.status != 429 && events.status != 429).then_some((audit, events))
}

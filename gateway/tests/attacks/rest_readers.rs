//! Readers that take nothing of an answer, however it is made: it ends, and what it held is let go of.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ordo_client::Adapter;
use ordo_testkit::hub::*;
use socket2::{Domain, Socket, Type};

const RECEIVE_BYTES: usize = 16 << 10;
const ORDERS: i64 = 100;
/// Of each order: together more than the system holds between the two ends.
const ORDER_BYTES: usize = 120_000;

fn filled() -> Rig {
    let rig = Rig::start_with(|config| config.reader_patience = Duration::from_millis(500));
    let mut adapter = Adapter::open(rig.addr(), "large").expect("the feed is open");
    let of = account("XS", "A");
    for n in 1..=ORDERS {
        let mut order = limit_order(&of, &n.to_string(), ordo_core::proto::Side::Buy, "1", "1");
        order.properties.insert("large".into(), "x".repeat(ORDER_BYTES));
        adapter.submit(n, update(order, ordo_core::proto::OrderUpdateReason::New)).expect("it is submitted");
    }
    adapter.wait_bookmark(ORDERS, PATIENCE).expect("all is durable");
    rig
}

/// A connection that takes little at a time.
fn narrow(rig: &Rig) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(RECEIVE_BYTES).expect("it is bounded");
    socket.connect(&rig.addr().into()).expect("it connects");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

#[test]
fn an_answer_that_nobody_takes_ends_and_one_that_is_taken_is_whole() {
    let rig = filled();
    let whole = rig.get("/order");
    assert!(whole.status == 200 && whole.body.len() > ORDERS as usize * ORDER_BYTES);
    for target in ["/order", "/order/for/XS/A", "/diagnostics/channel/Orders", "/order?asAt=2999-01-01"] {
        let mut unread = narrow(&rig);
        write!(unread, "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it is sent");
        // Longer than the hub's patience, and its look at it.
        std::thread::sleep(Duration::from_millis(1500));
        let mut taken = Vec::new();
        let ended = unread.read_to_end(&mut taken);
        assert!(ended.is_err() || taken.len() < whole.body.len(), "{target}: {} bytes came", taken.len());
    }
}

#[test]
fn a_stream_of_http_2_that_nobody_takes_is_reset_and_the_others_go_on() {
    let rig = filled();
    let base = format!("http://{}", rig.addr());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(rig.addr()).await.expect("a connection");
        // Room for small answers beside the one that is not taken.
        let mut builder = h2::client::Builder::new();
        builder.initial_connection_window_size(16 << 20);
        let (mut send, connection) = builder.handshake::<_, bytes::Bytes>(stream).await.expect("a handshake");
        tokio::spawn(connection);
        let get = |target: &str| hyper::Request::get(format!("{base}{target}")).body(()).expect("a request");
        let (unread, _) = send.send_request(get("/order"), true).expect("it is sent");
        let mut unread = unread.await.expect("it begins").into_body();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let mut ready = send.ready().await.expect("the connection is still there");
        let (other, _) = ready.send_request(get("/diagnostics/ping"), true).expect("it is sent");
        assert_eq!(other.await.expect("an answer").status(), 200);
        let mut taken = 0;
        let ended = loop {
            match unread.data().await {
                Some(Ok(piece)) => {
                    taken += piece.len();
                    let _ = unread.flow_control().release_capacity(piece.len());
                }
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        assert!(ended.is_some_and(|error| error.is_reset()), "{taken} bytes pass for a whole answer");
    });
}

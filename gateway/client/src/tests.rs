//! The client against a scripted hub: what goes wrong on a connection, at the place where it goes wrong.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use ordo_core::proto::{EventMessage, EventMessageType, FeedEvent, FeedEventType, FeedPosition, RequestDetails};
use ordo_core::proto::{ExternalAction, FeedRequestType, RequestMessage};
use prost::Message as _;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

/// A hub that plays one script for each connection, in turn.
fn hub(scripts: Vec<fn(Script)>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound");
    let thread = std::thread::spawn(move || {
        for script in scripts {
            let (stream, _) = listener.accept().expect("the client connects");
            script(Script(tungstenite::accept(stream).expect("the client upgrades")));
        }
    });
    (addr, thread)
}

struct Script(WebSocket<TcpStream>);

impl Script {
    fn request(&mut self) -> RequestMessage {
        loop {
            if let Message::Binary(bytes) = self.0.read().expect("the client sends") {
                return RequestMessage::decode(&*bytes).expect("it is a request");
            }
        }
    }

    /// The positions of the next updates.
    fn updates<const N: usize>(&mut self) -> [i64; N] {
        std::array::from_fn(|_| {
            let feed = self.request().feed.expect("it is a feed's");
            assert_eq!(feed.r#type, FeedRequestType::Action as i32);
            feed.position.expect("it has a position").position
        })
    }

    fn send(&mut self, message: &EventMessage) {
        self.0.send(Message::Binary(message.encode_to_vec().into())).expect("the client listens");
    }

    fn respond(&mut self, request: &RequestMessage, errors: &[&str]) {
        let errors = errors.iter().map(|&error| error.into()).collect();
        let request_id = request.request_id.clone();
        let request = RequestDetails { r#type: request.r#type, request_id, reference: None, errors };
        let r#type = EventMessageType::Response as i32;
        self.send(&EventMessage { r#type, request: Some(request), ..EventMessage::default() });
    }

    fn tell(&mut self, kind: FeedEventType, position: i64) {
        let position = Some(FeedPosition { sequence: "f".into(), position });
        let event = FeedEvent { r#type: kind as i32, position, ..FeedEvent::default() };
        let r#type = EventMessageType::Feed as i32;
        self.send(&EventMessage { r#type, feed: Some(event.into()), ..EventMessage::default() });
    }

    fn resume(&mut self, position: i64) {
        let open = self.request();
        self.respond(&open, &[]);
        self.tell(FeedEventType::Open, 0);
        self.tell(FeedEventType::Resume, position);
    }
}

fn submit(adapter: &mut Adapter, positions: impl IntoIterator<Item = i64>) {
    for position in positions {
        adapter.submit(position, ExternalAction::default()).expect("it is taken");
    }
    adapter.flush().expect("it is sent");
}

#[test]
fn after_a_drop_exactly_what_was_not_recorded_is_sent_again() {
    let (addr, hub) = hub(vec![
        |mut script| {
            script.resume(0);
            assert_eq!(script.updates(), [1, 2, 5, 6]);
            script.tell(FeedEventType::Bookmark, 2);
        },
        |mut script| {
            script.resume(5);
            assert_eq!(script.updates(), [6, 7]);
            script.tell(FeedEventType::Bookmark, 7);
            let _ = script.0.read();
        },
    ]);
    let mut adapter = Adapter::open(addr, "f").expect("it opens");
    submit(&mut adapter, [1, 2, 5, 6]);
    assert_eq!(adapter.wait_bookmark(2, PATIENCE).expect("it is told"), 2);
    let error = adapter.wait_bookmark(6, PATIENCE).expect_err("the hub has gone");
    assert!(error.closed().is_some(), "{error}");
    assert!(adapter.submit(7, ExternalAction::default()).is_err(), "there is no connection");
    adapter.reconnect().expect("the hub is back");
    assert_eq!(adapter.resumed(), 5);
    assert_eq!(adapter.wait_bookmark(7, PATIENCE).expect("it is told"), 7);
    assert_eq!(adapter.unconfirmed(), 0);
    drop(adapter);
    hub.join().expect("the script holds");
}

#[test]
fn a_hub_that_forgot_what_was_durable_is_refused() {
    let (addr, hub) = hub(vec![
        |mut script| {
            script.resume(0);
            let [_] = script.updates();
            script.tell(FeedEventType::Bookmark, 3);
        },
        |mut script| script.resume(2),
    ]);
    let mut adapter = Adapter::open(addr, "f").expect("it opens");
    submit(&mut adapter, [3]);
    adapter.wait_bookmark(3, PATIENCE).expect("it is told");
    let error = adapter.reconnect().expect_err("3 was durable");
    assert!(matches!(error, ClientError::Lost { resumed: 2, bookmark: 3, .. }), "{error}");
    hub.join().expect("the script holds");
}

#[test]
fn while_suspended_updates_wait_and_go_out_with_the_resume() {
    let (addr, hub) = hub(vec![|mut script| {
        let open = script.request();
        script.respond(&open, &[]);
        script.tell(FeedEventType::Suspend, 0);
        let go = script.request();
        assert_eq!(go.request_id, "go");
        script.tell(FeedEventType::Resume, 1);
        assert_eq!(script.updates(), [2, 3]);
        script.tell(FeedEventType::Bookmark, 3);
        let _ = script.0.read();
    }]);
    let mut adapter = Adapter::open(addr, "f").expect("it is parked");
    assert!(!adapter.is_active());
    submit(&mut adapter, [1, 2, 3]);
    adapter.send(messages::bookmark("f"), "go").expect("it is sent");
    adapter.wait_bookmark(3, PATIENCE).expect("it is told");
    drop(adapter);
    hub.join().expect("the script holds");
}

#[test]
fn a_full_buffer_waits_for_a_bookmark() {
    let (addr, hub) = hub(vec![|mut script| {
        script.resume(0);
        let [_, _] = script.updates();
        script.tell(FeedEventType::Bookmark, 1);
        let [_] = script.updates();
        let _ = script.0.read();
    }]);
    let options = AdapterOptions { unconfirmed_bytes_max: 40, ..AdapterOptions::default() };
    let mut adapter = Adapter::open_with(addr, "f", options).expect("it opens");
    submit(&mut adapter, [1, 2]);
    assert_eq!(adapter.bookmark(), 0, "both fit");
    submit(&mut adapter, [3]);
    assert_eq!((adapter.bookmark(), adapter.unconfirmed()), (1, 2));
    drop(adapter);
    hub.join().expect("the script holds");
}

#[test]
fn an_open_that_is_refused_says_why() {
    let (addr, hub) = hub(vec![|mut script| {
        let open = script.request();
        script.respond(&open, &["Feed"]);
    }]);
    let error = Adapter::open(addr, "f").expect_err("it is not allowed");
    assert_eq!(error.to_string(), "refused: Feed");
    hub.join().expect("the script holds");
}

#[test]
fn the_close_code_is_told_after_all_that_came_before_it() {
    let (addr, hub) = hub(vec![|mut script| {
        script.tell(FeedEventType::Bookmark, 1);
        let code = 4408.into();
        script.0.close(Some(CloseFrame { code, reason: "slow".into() })).expect("the client listens");
        while script.0.read().is_ok() {}
    }]);
    let mut connection = Connection::open(addr, Form::Binary).expect("it opens");
    let first = connection.receive(PATIENCE).expect("it is there").expect("in time");
    assert_eq!(first.message().expect("it is one").r#type, EventMessageType::Feed as i32);
    for _ in 0..2 {
        let error = connection.receive(PATIENCE).expect_err("it is closed");
        assert_eq!(error.closed(), Some(&Closed { code: Some(4408), reason: "slow".into() }));
    }
    hub.join().expect("the script holds");
}

#[test]
fn other_messages_are_kept_while_an_answer_is_waited_for() {
    let (addr, hub) = hub(vec![|mut script| {
        let request = script.request();
        script.tell(FeedEventType::Bookmark, 1);
        script.respond(&request, &[]);
        script.tell(FeedEventType::Bookmark, 2);
        let _ = script.0.read();
    }]);
    let mut connection = Connection::open(addr, Form::Binary).expect("it opens");
    let answer = connection.ask(&messages::synchronise("s"), PATIENCE).expect("it is answered");
    assert_eq!(answer.request.expect("it is a response").request_id, "s");
    for position in [1, 2] {
        let event = connection.receive_message(PATIENCE).expect("it was kept").feed.expect("it is a feed's");
        assert_eq!(event.position.expect("given").position, position);
    }
    drop(connection);
    hub.join().expect("the script holds");
}

#[test]
fn json_goes_both_ways() {
    let (addr, hub) = hub(vec![|mut script| {
        let text = script.0.read().expect("the client sends").into_text().expect("it is text");
        assert!(text.contains("RequestMessageType_Synchronise"), "{text}");
        let answer = r#"{"Type":"EventMessageType_Response","Request":{"RequestID":"s","Errors":["Data"]}}"#;
        script.0.send(Message::Text(answer.into())).expect("the client listens");
        let _ = script.0.read();
    }]);
    let mut connection = Connection::open(addr, Form::Json).expect("it opens");
    connection.send(&messages::synchronise("s")).expect("it is sent");
    let frame = connection.receive(PATIENCE).expect("it is there").expect("in time");
    assert!(frame.text().is_some());
    assert_eq!(frame.message().expect("it is one").request.expect("a response").errors, ["Data"]);
    drop(connection);
    hub.join().expect("the script holds");
}

#[test]
fn nothing_within_the_timeout_is_none() {
    let (addr, hub) = hub(vec![|mut script| {
        let _ = script.0.read();
    }]);
    let mut connection = Connection::open(addr, Form::Binary).expect("it opens");
    assert!(connection.receive(Duration::from_millis(20)).expect("it is open").is_none());
    drop(connection);
    hub.join().expect("the script holds");
}

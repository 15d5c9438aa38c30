//! A feed connection step by step: what the client's `Adapter` does by itself, said and heard message by message.

use ordo_client::{ClientError, Connection, Form, messages};
use ordo_core::proto::Operation;
use ordo_core::proto::{EventMessage, EventMessageType, ExternalAction, FeedEvent, FeedEventType, FeedRequest};

use super::{PATIENCE, Rig};

/// A connection that supplies one feed, or tries to.
pub struct FeedLine {
    pub connection: Connection,
    pub feed: String,
    next_request: u64,
}

/// What came, in a word: `Response r1`, `Response r1 Feed`, `Open`, `Resume 7`, `Bookmark 7`.
pub fn word_of(message: &EventMessage) -> String {
    match message.r#type() {
        EventMessageType::Feed => {
            let event = message.feed.as_ref().expect("a Feed message holds a FeedEvent");
            let position = event.position.as_ref().map_or(0, |place| place.position);
            match event.r#type() {
                kind @ (FeedEventType::Resume | FeedEventType::Bookmark) => format!("{} {position}", short(kind)),
                kind => short(kind),
            }
        }
        EventMessageType::Response => {
            let details = message.request.as_ref().expect("a Response holds a RequestDetails");
            let words = ["Response", &details.request_id].into_iter().chain(details.errors.iter().map(String::as_str));
            words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
        }
        kind => kind.as_str_name().trim_start_matches("EventMessageType_").to_owned(),
    }
}

fn short(kind: FeedEventType) -> String {
    kind.as_str_name().trim_start_matches("FeedEventType_").to_owned()
}

impl FeedLine {
    /// Connected, nothing sent.
    pub fn connect(rig: &Rig, feed: &str, form: Form) -> FeedLine {
        FeedLine { connection: rig.connect(form), feed: feed.into(), next_request: 0 }
    }

    /// Connected and resumed at the position returned.
    pub fn open(rig: &Rig, feed: &str, form: Form) -> (FeedLine, i64) {
        let mut line = FeedLine::connect(rig, feed, form);
        line.send(messages::open(feed), "");
        assert_eq!(line.hear(), "Open");
        let resume = line.hear_message();
        let event = resume.feed.as_ref().expect("a FeedEvent follows Open");
        assert_eq!(event.r#type(), FeedEventType::Resume, "after Open comes Resume");
        let position = event.position.as_ref().map_or(0, |place| place.position);
        (line, position)
    }

    pub fn send(&mut self, request: FeedRequest, request_id: &str) {
        self.connection.send(&messages::feed_message(request, request_id)).expect("it is sent");
    }

    /// The next message that is no unasked Bookmark.
    pub fn hear_message(&mut self) -> EventMessage {
        loop {
            let message = self.connection.receive_message(PATIENCE).expect("a message comes");
            if !is_bookmark(&message) {
                return message;
            }
        }
    }

    pub fn hear(&mut self) -> String {
        word_of(&self.hear_message())
    }

    /// The next so many, Bookmarks left out.
    pub fn hear_all(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.hear()).collect()
    }

    pub fn hear_event(&mut self) -> FeedEvent {
        *self.hear_message().feed.expect("a FeedEvent")
    }

    /// Waits for the Bookmark that reaches a position; whatever else comes is lost.
    pub fn hear_bookmark(&mut self, position: i64) {
        loop {
            let message = self.connection.receive_message(PATIENCE).expect("a Bookmark comes");
            let reached = message.feed.as_ref().and_then(|event| event.position.as_ref()).map_or(0, |at| at.position);
            if is_bookmark(&message) && reached >= position {
                return;
            }
        }
    }

    /// Submits at a position (0: none) and waits for the Response: its errors.
    pub fn ask(&mut self, request: FeedRequest) -> Vec<String> {
        self.next_request += 1;
        let request = messages::feed_message(request, &format!("q{}", self.next_request));
        let answer = self.connection.ask(&request, PATIENCE).expect("it is answered");
        answer.request.expect("a Response holds a RequestDetails").errors
    }

    /// Submits an action at a position (0: none), to be accepted.
    pub fn act(&mut self, position: i64, action: ExternalAction) {
        let request = messages::action(&self.feed.clone(), position, action);
        let errors = self.ask(request);
        assert!(errors.is_empty(), "refused: {errors:?}");
    }

    pub fn try_act(&mut self, position: i64, action: ExternalAction) -> Vec<String> {
        let request = messages::action(&self.feed.clone(), position, action);
        self.ask(request)
    }

    /// Submits an operation, to be accepted.
    pub fn operate(&mut self, operation: Operation) {
        let request = messages::operation(&self.feed.clone(), 0, operation);
        let errors = self.ask(request);
        assert!(errors.is_empty(), "refused: {errors:?}");
    }

    /// Nothing is on its way to this connection but the answer to a Synchronise, Bookmarks left out.
    pub fn hears_nothing_else(&mut self) {
        self.connection.send(&messages::synchronise("quiet")).expect("it is sent");
        assert_eq!(self.hear(), "Response quiet");
    }
}

/// Opens a feed whose last connection was cut just now: parked until the hub has noticed.
pub fn reopened(rig: &Rig, feed: &str) -> (FeedLine, i64) {
    let mut line = FeedLine::connect(rig, feed, Form::Binary);
    line.send(messages::open(feed), "");
    let mut word = line.hear();
    if word == "Suspend" {
        word = line.hear();
    }
    assert_eq!(word, "Open");
    let position = line.hear_event().position.expect("Resume says where").position;
    (line, position)
}

pub fn is_bookmark(message: &EventMessage) -> bool {
    message.feed.as_ref().is_some_and(|event| event.r#type() == FeedEventType::Bookmark)
}

/// The code that a connection ends with; what comes before is thrown away.
pub fn close_code(connection: &mut Connection) -> Option<u16> {
    loop {
        match connection.receive(PATIENCE) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the connection is still open after {PATIENCE:?}"),
            Err(ClientError::Closed(closed)) => return closed.code,
            Err(error) => panic!("{error}"),
        }
    }
}

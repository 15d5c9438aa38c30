//! From a client's message to a slot, however malformed the message is.
//!
//! Hot path: a binary feed update is decoded once, in its slot. JSON is transcoded to binary here; legal messages of a
//! shape that only prost reads are encoded again by prost.

use ordo_core::json;
use ordo_core::proto::{RequestMessageType, SubscriptionDetails, SubscriptionType};
use ordo_core::wire::{DecodeError, RequestMessage};
use prost::Message;

use super::Receiver;
use super::admission::{FollowUp, admit};
use crate::wiring::task::{ConnNo, Reply};

impl Receiver {
    /// Transcodes JSON; text that is not valid JSON for the schema is answered with the place of the error.
    pub(super) fn on_text(&mut self, conn: ConnNo, text: &str) {
        let mut binary = std::mem::take(&mut self.transcoded);
        binary.clear();
        match json::to_binary(json::message::REQUEST_MESSAGE, text.as_bytes(), json::Read::default(), &mut binary) {
            Ok(()) => self.on_binary(conn, &binary, true),
            Err(error) => {
                let code = error.code();
                self.fill(|slot| {
                    let answer = slot.begin_message(conn, &RequestMessage::default(), &[], true);
                    slot.refuse(answer, code);
                });
            }
        }
        self.transcoded = binary;
    }

    pub(super) fn on_binary(&mut self, conn: ConnNo, bytes: &[u8], text: bool) {
        if bytes.len() > self.message_bytes_max {
            // Its text was within the limit, but the journal's limit is on the binary form.
            return self.fail(conn, text, &RequestMessage::default(), &[], "Data");
        }
        let envelope = match RequestMessage::decode(bytes) {
            Ok(envelope) => envelope,
            Err(DecodeError::Unusual) => return self.on_unusual(conn, bytes, text),
            Err(error) => return self.fail(conn, text, &RequestMessage::default(), bytes, &error.to_string()),
        };
        match RequestMessageType::try_from(envelope.r#type) {
            Ok(RequestMessageType::FeedRequest) => self.on_feed_request(conn, &envelope, bytes, text),
            Ok(kind @ (RequestMessageType::Subscribe | RequestMessageType::Unsubscribe)) => {
                self.on_subscription(conn, kind, &envelope, bytes, text);
            }
            Ok(RequestMessageType::Synchronise) => self.fill(|slot| {
                slot.begin_message(conn, &envelope, bytes, text);
            }),
            Ok(RequestMessageType::ClientRequest) => self.fail(conn, text, &envelope, bytes, "Operation"),
            Ok(RequestMessageType::Unknown) | Err(_) => self.fail(conn, text, &envelope, bytes, "Operation.Unknown"),
        }
    }

    /// Decodes an unusual but legal message with prost and encodes it in the usual shape.
    #[cold]
    fn on_unusual(&mut self, conn: ConnNo, bytes: &[u8], text: bool) {
        let code = match ordo_core::proto::RequestMessage::decode(bytes) {
            Ok(message) => {
                let usual = message.encode_to_vec();
                if decodes(&usual) {
                    return self.on_binary(conn, &usual, text);
                }
                "Data"
            }
            Err(error) if ordo_core::proto::is_out_of_range(&error) => "NumberOutOfRange",
            Err(_) => "Data",
        };
        self.fail(conn, text, &RequestMessage::default(), bytes, code);
    }

    /// Answers a message with an error and records nothing.
    #[cold]
    fn fail(&mut self, conn: ConnNo, text: bool, envelope: &RequestMessage, bytes: &[u8], code: &str) {
        self.fill(|slot| {
            let answer = slot.begin_message(conn, envelope, bytes, text);
            slot.refuse(answer, code);
        });
    }

    fn on_subscription(
        &mut self,
        conn: ConnNo,
        kind: RequestMessageType,
        envelope: &RequestMessage,
        bytes: &[u8],
        text: bool,
    ) {
        let Ok(details) = SubscriptionDetails::decode(envelope.subscription.of(bytes)) else {
            return self.fail(conn, text, envelope, bytes, "Data");
        };
        match SubscriptionType::try_from(details.r#type) {
            Ok(SubscriptionType::Unknown) | Err(_) => {
                return self.fail(conn, text, envelope, bytes, "Data.Deserialise Subscription.Type");
            }
            Ok(_) => {}
        }
        let subscribe = kind == RequestMessageType::Subscribe;
        self.fill(|slot| {
            let answer = slot.begin_message(conn, envelope, bytes, text);
            let details = Box::new(details);
            slot.task.reply =
                if subscribe { Reply::Subscribe { details, answer } } else { Reply::Unsubscribe { details, answer } };
        });
    }

    /// Decodes a feed request in its slot and admits it there.
    fn on_feed_request(&mut self, conn: ConnNo, envelope: &RequestMessage, bytes: &[u8], text: bool) {
        use disruptor::Producer;
        let Some(session) = self.sessions.get(conn) else { return };
        let feeds = &mut self.feeds;
        let mut unusual = false;
        let mut follow_up = FollowUp::Nothing;
        let filled = self.ring.try_publish(|slot| {
            let answer = slot.begin_message(conn, envelope, bytes, text);
            match slot.request.receive_into(&slot.bytes, envelope.feed) {
                Ok(()) => follow_up = admit(slot, answer, session, feeds),
                Err(DecodeError::Unusual) => {
                    // The slot is taken and cannot be given back: it becomes a task that does nothing.
                    slot.begin(conn, Reply::Nothing);
                    unusual = true;
                }
                Err(error) => slot.refuse(answer, error.to_string()),
            }
        });
        assert!(filled.is_ok(), "invariant: room was checked");
        self.filled += 1;
        if unusual {
            self.on_unusual(conn, bytes, text);
        }
        match follow_up {
            FollowUp::Nothing => {}
            FollowUp::Left(feed) => self.hand_over(feed, conn),
        }
    }
}

/// Whether the flat decoder reads a message. What prost encoded it must read; otherwise the message is refused.
fn decodes(bytes: &[u8]) -> bool {
    RequestMessage::decode(bytes).is_ok_and(|envelope| {
        let feed = envelope.feed;
        !feed.is_given() || ordo_core::wire::FeedRequest::default().receive_into(bytes, feed).is_ok()
    })
}

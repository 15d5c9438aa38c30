//! What a client's message becomes: a slot, whatever is wrong with it.
//!
//! Hot path: a feed's binary update is decoded in its slot, once. JSON becomes binary here, and what only prost can read
//! goes through it and comes back in the usual shape.

use ordo_core::json;
use ordo_core::proto::{RequestMessageType, SubscriptionDetails, SubscriptionType};
use ordo_core::wire::{DecodeError, RequestMessage};
use prost::Message;

use super::Receiver;
use super::admission::{FollowUp, admit};
use crate::slot::{ConnNo, Reply};

impl Receiver {
    /// JSON becomes binary; what cannot is answered with where it went wrong.
    pub(super) fn on_text(&mut self, conn: ConnNo, text: &str) {
        let mut binary = std::mem::take(&mut self.transcoded);
        binary.clear();
        match json::to_binary(json::message::REQUEST_MESSAGE, text.as_bytes(), json::Read::default(), &mut binary) {
            Ok(()) => self.on_binary(conn, &binary, true),
            Err(error) => {
                let code = error.code();
                self.fill(|slot| {
                    slot.begin(Reply::Failure, conn);
                    slot.text = true;
                    slot.errors.push(code);
                });
            }
        }
        self.transcoded = binary;
    }

    pub(super) fn on_binary(&mut self, conn: ConnNo, bytes: &[u8], text: bool) {
        if bytes.len() > self.message_bytes_max {
            // Its text was within the limit; the journal has room for so much and no more.
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
                slot.begin(Reply::Response, conn);
                slot.describe(&envelope, bytes, text);
            }),
            Ok(RequestMessageType::ClientRequest) => self.fail(conn, text, &envelope, bytes, "Operation"),
            Ok(RequestMessageType::Unknown) | Err(_) => self.fail(conn, text, &envelope, bytes, "Operation.Unknown"),
        }
    }

    /// A legal message of a shape that no encoder makes goes through prost once, and comes back in the usual one.
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
            slot.begin(Reply::Failure, conn);
            slot.describe(envelope, bytes, text);
            slot.errors.push(code.to_owned());
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
            slot.begin(if subscribe { Reply::Subscribed } else { Reply::Unsubscribed }, conn);
            slot.describe(envelope, bytes, text);
            slot.subscription = Some(Box::new(details));
        });
    }

    /// A feed request is decoded in its slot, and admitted there.
    fn on_feed_request(&mut self, conn: ConnNo, envelope: &RequestMessage, bytes: &[u8], text: bool) {
        use disruptor::Producer;
        let Some(session) = self.sessions.get(conn) else { return };
        let feeds = &mut self.feeds;
        let mut unusual = false;
        let mut follow_up = FollowUp::Nothing;
        let filled = self.ring.try_publish(|slot| {
            slot.begin(Reply::Response, conn);
            slot.describe(envelope, bytes, text);
            match slot.request.receive_into(&slot.bytes, envelope.feed) {
                Ok(()) => follow_up = admit(slot, session, feeds),
                Err(DecodeError::Unusual) => {
                    // The slot is taken: it goes by as a task without anything to do.
                    slot.begin(Reply::Nothing, conn);
                    unusual = true;
                }
                Err(error) => slot.refuse(&error.to_string()),
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

/// Whether the flat decoder takes a message: what prost wrote it must, and if not, it is refused and not tried again.
fn decodes(bytes: &[u8]) -> bool {
    RequestMessage::decode(bytes).is_ok_and(|envelope| {
        let feed = envelope.feed;
        !feed.is_given() || ordo_core::wire::FeedRequest::default().receive_into(bytes, feed).is_ok()
    })
}

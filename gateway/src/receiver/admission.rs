//! What a feed request becomes: recorded, a duplicate, refused, or something about its feed. Decided in its slot.
//!
//! Hot path for updates; opening, closing and configuring a feed may allocate.

use ordo_core::names::FeedNo;
use ordo_core::proto::{
    ConnectionStatus, FeedDetails, FeedRequest as FeedRequestMessage, FeedRequestType, RequestMessageType,
};
use ordo_core::wire::{RequestMessage, Span};
use ordo_journal::Kind;
use prost::Message;

use super::feeds::{Admission, Feeds, Opening, STORAGE_FULL};
use super::session::Session;
use crate::wiring::slot::{Reply, Slot};

/// What a feed request asks of the receiver beyond its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FollowUp {
    Nothing,
    /// The connection closed a feed it had opened.
    Left(FeedNo),
}

/// Decides what a decoded feed request becomes, and makes its slot that.
pub(super) fn admit(slot: &mut Slot, session: &mut Session, feeds: &mut Feeds) -> FollowUp {
    let conn = session.conn;
    let kind = FeedRequestType::try_from(slot.request.r#type).unwrap_or(FeedRequestType::Unknown);
    if kind == FeedRequestType::Open {
        // It would be recorded: the adapter asks again.
        if feeds.is_storage_full {
            slot.refuse(STORAGE_FULL)
        } else {
            open(slot, session, feeds)
        }
        return FollowUp::Nothing;
    }
    let supplied = supplied_feed(slot, session, feeds);
    let Some(feed) = supplied.filter(|feed| feeds.get(*feed).supplier == Some(conn)) else {
        // A parked connection may still withdraw.
        if let (FeedRequestType::Close, Some(feed)) = (kind, supplied) {
            session.feeds.retain(|open| *open != feed);
            slot.reply = Reply::FeedClosed;
            slot.about = feed;
            return FollowUp::Left(feed);
        }
        slot.refuse("Feed");
        return FollowUp::Nothing;
    };
    slot.about = feed;
    match kind {
        FeedRequestType::Bookmark => {
            slot.reply = Reply::FeedBookmark;
            slot.position = feeds.get(feed).last;
        }
        FeedRequestType::Close | FeedRequestType::Status | FeedRequestType::Configure if feeds.is_storage_full => {
            slot.refuse(STORAGE_FULL);
        }
        FeedRequestType::Close => {
            session.feeds.retain(|open| *open != feed);
            slot.reply = Reply::FeedClosed;
            slot.record_in_oms(&status_body(feeds, feed, ConnectionStatus::Closed));
            return FollowUp::Left(feed);
        }
        FeedRequestType::Status if !slot.request.status.is_given() => slot.refuse("Details"),
        FeedRequestType::Configure if !slot.request.configuration.is_given() => slot.refuse("Details"),
        FeedRequestType::Status => {
            let given = FeedDetails::decode(slot.request.status.of(&slot.bytes)).unwrap_or_default();
            let details = FeedDetails { feed_id: feeds.get(feed).name.to_string(), ..given };
            feeds.note_status(feed, &details);
            slot.record_in_oms(&details_body(details));
        }
        FeedRequestType::Configure => {
            feeds.configure(feed, slot.request.configuration.of(&slot.bytes));
            slot.record_in_oms(&configuration_body(slot, &feeds.get(feed).name));
        }
        FeedRequestType::RequestResponse | FeedRequestType::QueryResponse => slot.refuse("Operation"),
        _ => admit_update(slot, feed, feeds),
    }
    FollowUp::Nothing
}

/// A recorded update, if its position is a new one.
#[inline]
fn admit_update(slot: &mut Slot, feed: FeedNo, feeds: &mut Feeds) {
    match feeds.admit(feed, slot.request.position.position) {
        Admission::Record(position) => {
            slot.recorded = true;
            slot.feed = feed;
            slot.position = position;
            slot.body = slot.request.span;
        }
        Admission::Duplicate => {}
        Admission::Gap => {
            slot.reply = Reply::FeedGap;
            slot.position = feeds.get(feed).last;
            slot.errors.push("Feed.Sequence".to_owned());
        }
        Admission::Refused(code) => slot.refuse(code),
    }
}

fn open(slot: &mut Slot, session: &mut Session, feeds: &mut Feeds) {
    let name = slot.request.position.sequence.text(&slot.bytes);
    let (feed, reply) = match feeds.open(name, session.conn) {
        None => return slot.refuse("Feed"),
        Some(Opening::Parked(feed)) => (feed, Reply::FeedParked),
        Some(Opening::Supplies(feed)) => (feed, Reply::FeedOpened),
    };
    if !session.feeds.contains(&feed) {
        session.feeds.push(feed);
    }
    slot.reply = reply;
    slot.about = feed;
    if reply == Reply::FeedOpened {
        slot.record_in_oms(&status_body(feeds, feed, ConnectionStatus::Online));
    }
    slot.position = feeds.get(feed).last;
}

/// The feed a request is about: the one it names, if this connection opened it; its only one, if it names none.
#[inline]
fn supplied_feed(slot: &Slot, session: &Session, feeds: &Feeds) -> Option<FeedNo> {
    let name = slot.request.position.sequence.text(&slot.bytes);
    match (&session.feeds[..], name) {
        ([only], "") => Some(*only),
        (open, name) => open.iter().copied().find(|feed| *feeds.get(*feed).name == *name),
    }
}

/// A feed's status as the hub itself records it.
pub(super) fn status_body(feeds: &mut Feeds, feed: FeedNo, status: ConnectionStatus) -> Vec<u8> {
    let feed_id = feeds.get(feed).name.to_string();
    let details = FeedDetails { feed_id, status: status as i32, ..FeedDetails::default() };
    feeds.note_status(feed, &details);
    details_body(details)
}

fn details_body(details: FeedDetails) -> Vec<u8> {
    let kind = FeedRequestType::Status as i32;
    FeedRequestMessage { r#type: kind, status: Some(details), ..FeedRequestMessage::default() }.encode_to_vec()
}

/// A configuration as the hub records it: with the feed it is of, which the adapter need not have named.
fn configuration_body(slot: &Slot, name: &str) -> Vec<u8> {
    let mut request = FeedRequestMessage::decode(slot.request.span.of(&slot.bytes)).unwrap_or_default();
    request.position = Some(ordo_core::proto::FeedPosition { sequence: name.to_owned(), position: 0 });
    request.encode_to_vec()
}

impl Slot {
    /// The message, and what a Response to it names.
    #[inline]
    pub(super) fn describe(&mut self, envelope: &RequestMessage, bytes: &[u8], text: bool) {
        self.bytes.extend_from_slice(bytes);
        self.text = text;
        self.kind = RequestMessageType::try_from(envelope.r#type).unwrap_or(RequestMessageType::Unknown);
        self.request_id = envelope.request_id;
    }

    #[cold]
    pub(super) fn refuse(&mut self, code: &str) {
        self.reply = Reply::Failure;
        self.recorded = false;
        self.errors.push(code.to_owned());
    }

    /// Records a word of the hub's own that is no update: it takes no position, and is told to nobody.
    #[cold]
    pub(super) fn record_word(&mut self, frame: Kind, body: &[u8]) {
        (self.recorded, self.frame) = (true, frame);
        self.body = Span { start: self.bytes.len() as u32, len: body.len() as u32 };
        self.bytes.extend_from_slice(body);
    }

    /// Records a body of the hub's own in place of the message's; the message stays, for its RequestID.
    #[cold]
    pub(super) fn record_in_oms(&mut self, body: &[u8]) {
        self.recorded = true;
        self.feed = FeedNo::OMS;
        self.body = Span { start: self.bytes.len() as u32, len: body.len() as u32 };
        self.bytes.extend_from_slice(body);
        let decoded = self.request.decode_into(&self.bytes, self.body);
        debug_assert!(decoded.is_ok(), "invariant: what the hub encodes it can decode");
    }
}

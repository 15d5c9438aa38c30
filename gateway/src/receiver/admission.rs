//! Admission of a feed request, decided in its slot: recorded, a duplicate, refused, or a reply about its feed.
//!
//! Hot path for updates. Opening, closing and configuring a feed may allocate.

use ordo_core::names::FeedNo;
use ordo_core::proto::{ConnectionStatus, FeedDetails, FeedRequest as FeedRequestMessage, FeedRequestType};
use ordo_core::record::Origin;
use prost::Message;

use super::feeds::{Admission, Feeds, Opening, STORAGE_FULL};
use super::session::Session;
use crate::wiring::slot::Slot;
use crate::wiring::task::{Answer, FeedReply, FeedReplyEvent, Record, Reply, UpdateRecord, Writer};

/// What the receiver has to do after the slot is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FollowUp {
    Nothing,
    /// The connection closed a feed that it had opened.
    Left(FeedNo),
}

/// Decides on a decoded feed request. The slot already holds the message, and a Response as its reply.
pub(super) fn admit(slot: &mut Slot, answer: Answer, session: &mut Session, feeds: &mut Feeds) -> FollowUp {
    let kind = FeedRequestType::try_from(slot.request.r#type).unwrap_or(FeedRequestType::Unknown);
    if kind == FeedRequestType::Open {
        // An Open is recorded: while the disk is full, the adapter has to ask again.
        if feeds.is_storage_full {
            slot.refuse(answer, STORAGE_FULL)
        } else {
            open(slot, answer, session, feeds)
        }
        return FollowUp::Nothing;
    }
    let opened = opened_feed(slot, session, feeds);
    let Some(feed) = opened.filter(|feed| feeds.get(*feed).supplier == Some(session.conn)) else {
        // A parked connection may withdraw.
        if let (FeedRequestType::Close, Some(feed)) = (kind, opened) {
            session.feeds.retain(|open| *open != feed);
            slot.reply_to_feed(FeedReplyEvent::Closed, feed, 0, answer);
            return FollowUp::Left(feed);
        }
        slot.refuse(answer, "Feed");
        return FollowUp::Nothing;
    };
    match kind {
        FeedRequestType::Bookmark => {
            slot.reply_to_feed(FeedReplyEvent::Bookmark, feed, feeds.get(feed).last, answer);
        }
        FeedRequestType::Close | FeedRequestType::Status | FeedRequestType::Configure if feeds.is_storage_full => {
            slot.refuse(answer, STORAGE_FULL);
        }
        FeedRequestType::Close => {
            session.feeds.retain(|open| *open != feed);
            slot.reply_to_feed(FeedReplyEvent::Closed, feed, 0, answer);
            slot.record_in_oms(&status_body(feeds, feed, ConnectionStatus::Closed), writer(session));
            return FollowUp::Left(feed);
        }
        FeedRequestType::Status if !slot.request.status.is_given() => slot.refuse(answer, "Details"),
        FeedRequestType::Configure if !slot.request.configuration.is_given() => slot.refuse(answer, "Details"),
        FeedRequestType::Status => {
            let given = FeedDetails::decode(slot.request.status.of(&slot.bytes)).unwrap_or_default();
            let details = FeedDetails { feed_id: feeds.get(feed).name.to_string(), ..given };
            feeds.note_status(feed, &details);
            slot.record_in_oms(&details_body(details), writer(session));
        }
        FeedRequestType::Configure => {
            feeds.configure(feed, slot.request.configuration.of(&slot.bytes));
            slot.record_in_oms(&configuration_body(slot, &feeds.get(feed).name), writer(session));
        }
        FeedRequestType::RequestResponse | FeedRequestType::QueryResponse => slot.refuse(answer, "Operation"),
        _ => admit_update(slot, answer, feed, feeds, writer(session)),
    }
    FollowUp::Nothing
}

/// Records an update if its position is new.
#[inline]
fn admit_update(slot: &mut Slot, answer: Answer, feed: FeedNo, feeds: &mut Feeds, writer: Writer) {
    match feeds.admit(feed, slot.request.position.position) {
        Admission::Record(position) => {
            let body = slot.request.span;
            slot.task.record = Record::Update(UpdateRecord { feed, position, body, writer });
        }
        Admission::Duplicate => {}
        Admission::Gap => slot.reply_to_feed(FeedReplyEvent::Gap, feed, feeds.get(feed).last, answer),
        Admission::Refused(code) => slot.refuse(answer, code),
    }
}

/// The writer of an adapter's update.
#[inline]
fn writer(session: &Session) -> Writer {
    Writer { origin: Origin::default(), caller: session.caller }
}

fn open(slot: &mut Slot, answer: Answer, session: &mut Session, feeds: &mut Feeds) {
    let name = slot.request.position.sequence.text(&slot.bytes);
    let (feed, event) = match feeds.open(name, session.conn) {
        None => return slot.refuse(answer, "Feed"),
        Some(Opening::Parked(feed)) => (feed, FeedReplyEvent::Parked),
        Some(Opening::Supplies(feed)) => (feed, FeedReplyEvent::Opened),
    };
    if !session.feeds.contains(&feed) {
        session.feeds.push(feed);
    }
    if event == FeedReplyEvent::Opened {
        slot.record_in_oms(&status_body(feeds, feed, ConnectionStatus::Online), writer(session));
    }
    slot.reply_to_feed(event, feed, feeds.get(feed).last, answer);
}

/// The feed that a request names, if this connection opened it; without a name, the only feed that it opened.
#[inline]
fn opened_feed(slot: &Slot, session: &Session, feeds: &Feeds) -> Option<FeedNo> {
    let name = slot.request.position.sequence.text(&slot.bytes);
    match (&session.feeds[..], name) {
        ([only], "") => Some(*only),
        (open, name) => open.iter().copied().find(|feed| *feeds.get(*feed).name == *name),
    }
}

/// A status of a feed, as an update of the hub's own.
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

/// A configuration as it is recorded: with its feed, which the adapter may leave out.
fn configuration_body(slot: &Slot, name: &str) -> Vec<u8> {
    let mut request = FeedRequestMessage::decode(slot.request.span.of(&slot.bytes)).unwrap_or_default();
    request.position = Some(ordo_core::proto::FeedPosition { sequence: name.to_owned(), position: 0 });
    request.encode_to_vec()
}

impl Slot {
    #[inline]
    fn reply_to_feed(&mut self, event: FeedReplyEvent, feed: FeedNo, position: i64, answer: Answer) {
        self.task.reply = Reply::Feed(FeedReply { event, feed, position, answer: Some(answer) });
    }
}

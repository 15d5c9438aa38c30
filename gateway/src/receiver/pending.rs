//! Slots that the hub makes of its own accord, pending until the ring has room for them.
//!
//! Hot thread: the receiver's. Pending slots enter the ring in order and before any further message: a batch stays
//! together, and what an adapter is sent about its feed stands where it became so.

use ordo_core::engine::{Engine, FeedRow};
use ordo_core::names::FeedNo;
use ordo_core::proto::ConnectionStatus;
use ordo_core::record::Settings;
use ordo_core::record::removal_body;
use prost::Message;

use super::Receiver;
use super::admission::status_body;
use super::writes::BatchSlot;
use crate::wiring::task::{ConnNo, FeedReply, FeedReplyEvent, Record, Reply, Writer};

/// A slot that no message of a client fills.
#[derive(Debug)]
pub(super) enum Pending {
    /// A feed's status, recorded; whoever supplies the feed from then on gets Open and Resume.
    Status { feed: FeedNo, status: ConnectionStatus, supplier: Option<ConnNo> },
    /// A control frame of the codec.
    Frame { conn: ConnNo, bytes: Vec<u8> },
    /// A ping or the end of a connection.
    Reply { conn: ConnNo, reply: Reply },
    /// Resume to a supplier that was sent Suspend.
    Resume { conn: ConnNo, feed: FeedNo },
    /// Settings that are in force from here on.
    Settings(Settings),
    /// Removal of the orders that were due at an instant.
    Removal { due_ns: u64 },
    /// A part of a batch: nothing of another sender comes between.
    Batch(BatchSlot),
    /// A Tick, for records whose retention was over at an instant.
    Tick { due_ns: u64 },
}

impl Receiver {
    /// Fills slots with what waits for them, in order; the number of slots.
    pub(super) fn drain_pending(&mut self) -> usize {
        let mut drained = 0;
        while self.has_room()
            && let Some(pending) = self.pending.pop_front()
        {
            match pending {
                Pending::Reply { conn, reply } => self.fill(|slot| slot.begin(conn, reply)),
                Pending::Frame { conn, bytes } => self.fill(|slot| {
                    slot.begin(conn, Reply::Frame);
                    slot.bytes.extend_from_slice(&bytes);
                }),
                status @ Pending::Status { .. } if self.feeds.is_storage_full => self.unrecorded.push_back(status),
                Pending::Status { feed, status, supplier } => self.record_status(feed, status, supplier),
                Pending::Resume { conn, feed } => self.resume(conn, feed),
                Pending::Settings(settings) => self.fill(|slot| {
                    slot.begin(ConnNo::default(), Reply::Nothing);
                    slot.task.record = Record::Settings(slot.add_body(&settings.encode_to_vec()));
                }),
                Pending::Removal { due_ns } => self.record_removal(due_ns),
                Pending::Batch(part) => self.fill(|slot| slot.begin_batch_part(part)),
                Pending::Tick { due_ns } => self.record_tick(due_ns),
            }
            drained += 1;
        }
        drained
    }

    fn resume(&mut self, conn: ConnNo, feed: FeedNo) {
        let reply = self.feed_reply(FeedReplyEvent::Resumed, feed);
        self.fill(|slot| slot.begin(conn, reply));
        // Its pong says that the Resume was received.
        self.pending.push_back(Pending::Reply { conn, reply: Reply::Ping });
    }

    fn record_status(&mut self, feed: FeedNo, status: ConnectionStatus, supplier: Option<ConnNo>) {
        let body = status_body(&mut self.feeds, feed, status);
        let (conn, reply) = match supplier {
            Some(conn) => (conn, self.feed_reply(FeedReplyEvent::Opened, feed)),
            None => (ConnNo::default(), Reply::Nothing),
        };
        self.fill(|slot| {
            slot.begin(conn, reply);
            slot.record_in_oms(&body, Writer::default());
        });
    }

    fn feed_reply(&self, event: FeedReplyEvent, feed: FeedNo) -> Reply {
        Reply::Feed(FeedReply { event, feed, position: self.feeds.get(feed).last, answer: None })
    }

    fn record_removal(&mut self, due_ns: u64) {
        let body = removal_body(self.clock.wall_ns());
        self.fill(|slot| {
            slot.begin(ConnNo::default(), Reply::Nothing);
            slot.record_in_oms(&body, Writer::default());
        });
        self.removals.ask(due_ns, self.clock.now(), self.filled);
    }

    fn record_tick(&mut self, due_ns: u64) {
        self.fill(|slot| {
            slot.begin(ConnNo::default(), Reply::Nothing);
            slot.task.record = Record::Tick;
        });
        self.prunings.ask(due_ns, self.clock.now(), self.filled);
    }
}

/// Feeds that a crash left Online in the record: nobody supplies them any more.
pub(super) fn left_online(engine: &Engine) -> impl Iterator<Item = Pending> {
    let is_online = |row: &FeedRow| row.details.as_ref().is_some_and(|it| it.status() == ConnectionStatus::Online);
    let feeds = (0..).map(FeedNo).zip(engine.feeds()).filter(move |(_, row)| is_online(row));
    feeds.map(|(feed, _)| Pending::Status { feed, status: ConnectionStatus::Disconnected, supplier: None })
}

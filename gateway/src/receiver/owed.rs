//! What the hub itself has to say: slots that no message of a client fills, owed until the ring has room for them.
//!
//! Hot thread: the receiver's. All that is owed enters the ring in order, and before any further message: a batch stays
//! together, and what a connection is told of its feed stands where that became so.

use std::time::Instant;

use ordo_core::engine::{Engine, FeedRow};
use ordo_core::names::FeedNo;
use ordo_core::proto::ConnectionStatus;
use ordo_core::record::Settings;
use ordo_core::removal::removal_body;
use ordo_journal::Kind;
use prost::Message;

use super::Receiver;
use super::admission::status_body;
use super::writes::BatchSlot;
use crate::wiring::slot::{ConnNo, Reply};

/// A slot that no message of a client fills.
#[derive(Debug)]
pub(super) enum Owed {
    /// A feed's status, recorded; what the connection is told with it.
    Status {
        feed: FeedNo,
        status: ConnectionStatus,
        conn: ConnNo,
        reply: Reply,
    },
    Frame {
        conn: ConnNo,
        bytes: Vec<u8>,
    },
    Plain {
        conn: ConnNo,
        reply: Reply,
    },
    /// A supplier that was told to wait goes on.
    Resume {
        conn: ConnNo,
        feed: FeedNo,
    },
    /// Settings that are in force from here on.
    Settings(Settings),
    /// Of orders that were due at an instant.
    Removal {
        due_ns: u64,
    },
    /// A part of a batch: nothing of another sender comes between.
    Batch(BatchSlot),
    /// Something is to be forgotten since an instant.
    Tick {
        due_ns: u64,
    },
}

impl Receiver {
    /// Fills slots with what the hub itself has to say, in order.
    pub(super) fn pay(&mut self) -> usize {
        let mut paid = 0;
        while self.has_room()
            && let Some(owed) = self.owed.pop_front()
        {
            match owed {
                Owed::Plain { conn, reply } => self.fill(|slot| slot.begin(reply, conn)),
                Owed::Frame { conn, bytes } => self.fill(|slot| {
                    slot.begin(Reply::Frame, conn);
                    slot.bytes.extend_from_slice(&bytes);
                }),
                status @ Owed::Status { .. } if self.feeds.is_storage_full => self.unrecorded.push_back(status),
                Owed::Status { feed, status, conn, reply } => self.record_status(feed, status, conn, reply),
                Owed::Resume { conn, feed } => self.resume(conn, feed),
                Owed::Settings(settings) => self.fill(|slot| {
                    slot.begin(Reply::Nothing, ConnNo::default());
                    slot.record_word(Kind::Settings, &settings.encode_to_vec());
                }),
                Owed::Removal { due_ns } => self.record_removal(due_ns),
                Owed::Batch(part) => self.fill(|slot| slot.begin_batch_part(part)),
                Owed::Tick { due_ns } => {
                    self.fill(|slot| {
                        slot.begin(Reply::Nothing, ConnNo::default());
                        slot.record_word(Kind::Tick, &[]);
                    });
                    self.prunings.ask(due_ns, Instant::now(), self.filled);
                }
            }
            paid += 1;
        }
        paid
    }

    fn resume(&mut self, conn: ConnNo, feed: FeedNo) {
        let position = self.feeds.get(feed).last;
        self.fill(|slot| {
            slot.begin(Reply::FeedResumed, conn);
            slot.about = feed;
            slot.position = position;
        });
        // Its answer says that the Resume has been heard.
        self.owed.push_back(Owed::Plain { conn, reply: Reply::Ping });
    }

    fn record_status(&mut self, feed: FeedNo, status: ConnectionStatus, conn: ConnNo, reply: Reply) {
        let body = status_body(&mut self.feeds, feed, status);
        let position = self.feeds.get(feed).last;
        self.fill(|slot| {
            slot.begin(reply, conn);
            slot.record_in_oms(&body);
            slot.about = feed;
            slot.position = position;
        });
    }

    fn record_removal(&mut self, due_ns: u64) {
        let body = removal_body(self.clock.now_ns());
        self.fill(|slot| {
            slot.begin(Reply::Nothing, ConnNo::default());
            slot.record_in_oms(&body);
        });
        self.removals.ask(due_ns, Instant::now(), self.filled);
    }
}

/// Feeds that a crash left Online in the record: nobody supplies them any more.
pub(super) fn left_online(engine: &Engine) -> impl Iterator<Item = Owed> {
    let is_online = |row: &FeedRow| row.details.as_ref().is_some_and(|it| it.status() == ConnectionStatus::Online);
    let feeds = (0..).map(FeedNo).zip(engine.feeds()).filter(move |(_, row)| is_online(row));
    let (status, conn, reply) = (ConnectionStatus::Disconnected, ConnNo::default(), Reply::Nothing);
    feeds.map(move |(feed, _)| Owed::Status { feed, status, conn, reply })
}

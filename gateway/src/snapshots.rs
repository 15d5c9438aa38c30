//! Snapshots of views for new subscribers, encoded on a thread of their own.
//!
//! A job is a view's chunks at one position (cheap to take, see `Table`). The thread goes round its jobs, each time one
//! chunk further where the subscriber has room: one that does not read holds up nobody.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use ordo_core::encode;
use ordo_core::names::Names;
use ordo_core::proto::{
    EventMessage, EventMessageType, SnapshotPosition, SubscriptionDetails, SubscriptionType, UpdateEventType,
};
use ordo_core::views::{Record, Table, Views};
use ordo_core::wire::ReverseWriter;
use parking_lot::RwLock;
use prost::Message;

use crate::filter::Filter;
use crate::publisher::frames::{Form, put_message};
use crate::publisher::subscription::message_head;

/// A message of a snapshot holds about this many bytes of records.
const MESSAGE_BYTES: usize = 64 * 1024;
/// Chunks ready for a subscriber before its job waits.
const CHUNKS_AHEAD: usize = 4;
/// Between rounds in which no subscriber had room.
const PAUSE: Duration = Duration::from_millis(1);

/// Frames of a snapshot, ready to be written.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) frames: Vec<u8>,
    pub(crate) is_last: bool,
}

/// What a view held at one task.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) task: u64,
    pub(crate) records: Records,
    pub(crate) positions: Vec<(Box<str>, i64)>,
}

#[derive(Debug)]
pub(crate) enum Records {
    /// Of this event type; as Actions of type Replace where that is the type.
    Of(UpdateEventType, Table<Record>),
    /// FeedDetails.
    Feeds(Vec<Arc<[u8]>>),
    Nothing,
}

impl Records {
    /// What a view holds now.
    pub(crate) fn of(view: SubscriptionType, views: &Views) -> Records {
        match view {
            SubscriptionType::Balances => Records::Of(UpdateEventType::Balance, views.balances().clone()),
            SubscriptionType::Holdings => Records::Of(UpdateEventType::Holding, views.holdings().clone()),
            SubscriptionType::Orders => Records::Of(UpdateEventType::Order, views.orders().clone()),
            SubscriptionType::Updates => Records::Of(UpdateEventType::Action, views.orders().clone()),
            SubscriptionType::Status => Records::Feeds(views.feeds().cloned().collect()),
            _ => Records::Nothing,
        }
    }
}

/// Records on their way into messages: what is written of them, and what is to come.
#[derive(Debug)]
pub(crate) struct RecordsAtRest {
    records: Records,
    next_record: u32,
    is_complete: bool,
}

impl RecordsAtRest {
    pub(crate) fn new(records: Records) -> RecordsAtRest {
        RecordsAtRest { records, next_record: 0, is_complete: false }
    }

    /// Whether all have been written.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Writes the next records that pass, as many as a message holds; the writer is empty.
    pub(crate) fn write_some(&mut self, w: &mut ReverseWriter, names: &Names, filter: &mut Filter) {
        match &self.records {
            Records::Nothing => self.is_complete = true,
            Records::Feeds(feeds) => {
                for details in feeds.iter().rev() {
                    encode::record_event(w, UpdateEventType::Status, details);
                }
                self.is_complete = true;
            }
            Records::Of(kind, table) => {
                while w.len() < MESSAGE_BYTES && !self.is_complete {
                    self.is_complete = self.next_record >= table.numbers();
                    let Some(record) = table.get(self.next_record) else {
                        self.next_record += 1;
                        continue;
                    };
                    self.next_record += 1;
                    if !filter.passes(names, record.account, record.instrument) {
                        continue;
                    }
                    match kind {
                        UpdateEventType::Action => encode::replace_action_event(w, &record.bytes),
                        kind => encode::record_event(w, *kind, &record.bytes),
                    }
                }
            }
        }
    }
}

/// A snapshot to be encoded for one subscription.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) taken: Taken,
    pub(crate) details: SubscriptionDetails,
    pub(crate) filter: Filter,
    pub(crate) form: Form,
    pub(crate) to: Sender<Chunk>,
}

/// Both ends of a subscription's chunks.
pub(crate) fn chunks() -> (Sender<Chunk>, Receiver<Chunk>) {
    bounded(CHUNKS_AHEAD)
}

/// Runs until the publisher lets go of its end.
pub(crate) fn run(jobs: &Receiver<Job>, views: &RwLock<Views>) {
    let mut running: Vec<Encoding> = Vec::new();
    loop {
        let next = if running.is_empty() { jobs.recv().ok() } else { jobs.try_recv().ok() };
        match next {
            Some(job) => running.push(Encoding::start(job)),
            None if running.is_empty() => return,
            None => {}
        }
        let mut has_moved = false;
        running.retain_mut(|encoding| match encoding.advance(views) {
            Advance::Moved => {
                has_moved = true;
                true
            }
            Advance::Waits => true,
            Advance::Ended => false,
        });
        if !has_moved && !running.is_empty() {
            std::thread::sleep(PAUSE);
        }
    }
}

/// A job under way.
struct Encoding {
    details: SubscriptionDetails,
    filter: Filter,
    form: Form,
    to: Sender<Chunk>,
    records: RecordsAtRest,
    ready: Option<Chunk>,
    writer: ReverseWriter,
}

enum Advance {
    Moved,
    Waits,
    Ended,
}

impl Encoding {
    fn start(job: Job) -> Encoding {
        let Job { taken, details, filter, form, to } = job;
        let positions = taken.positions.iter().map(|(name, position)| (name.to_string(), *position)).collect();
        let start = EventMessage {
            r#type: EventMessageType::SnapshotStart as i32,
            subscription: Some(details.clone()),
            snapshot: Some(SnapshotPosition { positions }),
            ..EventMessage::default()
        };
        let mut frames = Vec::new();
        put_message(&mut frames, form, &[&start.encode_to_vec()]);
        let ready = Some(Chunk { frames, is_last: false });
        let records = RecordsAtRest::new(taken.records);
        Encoding { details, filter, form, to, records, ready, writer: ReverseWriter::default() }
    }

    fn advance(&mut self, views: &RwLock<Views>) -> Advance {
        let chunk = match self.ready.take() {
            Some(chunk) => chunk,
            None => self.next_chunk(views),
        };
        let is_last = chunk.is_last;
        match self.to.try_send(chunk) {
            Ok(()) if is_last => Advance::Ended,
            Ok(()) => Advance::Moved,
            Err(TrySendError::Full(chunk)) => {
                self.ready = Some(chunk);
                Advance::Waits
            }
            Err(TrySendError::Disconnected(_)) => Advance::Ended,
        }
    }

    fn next_chunk(&mut self, views: &RwLock<Views>) -> Chunk {
        self.writer.clear();
        // Names only grow: those of now say the same of the accounts of then.
        let views = views.read();
        self.records.write_some(&mut self.writer, views.names(), &mut self.filter);
        drop(views);
        self.framed()
    }

    /// The records encoded so far as an Update message, and the SnapshotFinish behind the last one.
    fn framed(&self) -> Chunk {
        let mut frames = Vec::with_capacity(self.writer.len() + 256);
        if !self.writer.is_empty() {
            let head = message_head(EventMessageType::Update, &self.details);
            put_message(&mut frames, self.form, &[&head, self.writer.bytes()]);
        }
        if self.records.is_complete() {
            let finish = message_head(EventMessageType::SnapshotFinish, &self.details);
            put_message(&mut frames, self.form, &[&finish]);
        }
        Chunk { frames, is_last: self.records.is_complete() }
    }
}

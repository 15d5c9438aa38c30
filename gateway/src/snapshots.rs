//! Snapshots of views for new subscribers, encoded on a thread of their own.
//!
//! A job is a view's chunks at one position (cheap to take, see `Table`). The thread goes round its jobs, each time one
//! chunk further where the subscriber has room: one that does not read holds up nobody.

mod chunks;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use chunks::{Broken, Chunk, ChunkReceiver, ChunkSender, chunks};
use crossbeam_channel::{Receiver, TrySendError};
use ordo_core::encode;
use ordo_core::metadata::{Metadata, MetadataRecord};
use ordo_core::names::Names;
use ordo_core::outcome::MetadataKind;
use ordo_core::proto::{
    EventMessage, EventMessageType, FeedDetails, SnapshotPosition, SubscriptionDetails, SubscriptionType,
    UpdateEventType,
};
use ordo_core::views::{Record, Table, Views};
use ordo_core::wire::ReverseWriter;
use parking_lot::RwLock;
use prost::Message;

use crate::filter::Filter;
use crate::history::History;
use crate::metadata;
use crate::publisher::frames::{Form, put_message};
use crate::publisher::subscription::message_head;
use crate::routing;

/// A message of a snapshot holds about this many bytes of records.
pub(crate) const MESSAGE_BYTES: usize = 64 * 1024;
/// As text, records take about this many times the bytes.
const TEXT_TO_BINARY: usize = 4;
/// Records looked at before the next job's turn, and before the views' lock is let go of.
const RECORDS_PER_TURN: usize = 8 * 1024;
/// Between rounds in which no subscriber had room.
const PAUSE: Duration = Duration::from_millis(1);

/// What a view held at one task.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) task: u64,
    /// Of the newest update in the record by then.
    pub(crate) sequence: u64,
    pub(crate) records: Records,
    pub(crate) positions: Vec<(Box<str>, i64)>,
}

#[derive(Debug)]
pub(crate) enum Records {
    /// Of this event type; as Actions of type Replace where that is the type.
    Of(UpdateEventType, Table<Record>),
    /// Orders, of which those that are open and go to a feed count; and what decides where they go.
    Routed(Table<Record>, Box<Metadata>),
    /// FeedDetails.
    Feeds(Vec<Arc<[u8]>>),
    Definitions(Vec<MetadataRecord>),
    Nothing,
}

/// Definitions as a snapshot shows them: what others name comes before them.
const DEFINITIONS: [MetadataKind; 4] =
    [MetadataKind::Exchange, MetadataKind::RequestStatus, MetadataKind::Owner, MetadataKind::Account];

impl Records {
    /// What a view holds now.
    pub(crate) fn of(view: SubscriptionType, views: &Views) -> Records {
        match view {
            SubscriptionType::Balances => Records::Of(UpdateEventType::Balance, views.balances().clone()),
            SubscriptionType::Holdings => Records::Of(UpdateEventType::Holding, views.holdings().clone()),
            SubscriptionType::Orders => Records::Of(UpdateEventType::Order, views.orders().clone()),
            SubscriptionType::Updates => Records::Of(UpdateEventType::Action, views.orders().clone()),
            SubscriptionType::Feed => Records::Routed(views.orders().clone(), Box::new(views.metadata().clone())),
            SubscriptionType::Status => Records::Feeds(views.feeds().cloned().collect()),
            SubscriptionType::Metadata => {
                let kinds = DEFINITIONS.into_iter();
                Records::Definitions(kinds.flat_map(|kind| views.metadata().all(kind)).cloned().collect())
            }
            _ => Records::Nothing,
        }
    }

    /// One more than the largest number that may have a record.
    fn numbers(&self) -> u32 {
        match self {
            Records::Of(_, table) | Records::Routed(table, _) => table.numbers(),
            Records::Feeds(feeds) => feeds.len() as u32,
            Records::Definitions(definitions) => definitions.len() as u32,
            Records::Nothing => 0,
        }
    }

    /// Writes the record of a number as an event, if there is one and it passes.
    fn put(&self, number: u32, w: &mut ReverseWriter, names: &Names, filter: &mut Filter) {
        match self {
            Records::Of(kind, table) => {
                let Some(record) = table.get(number) else { return };
                if filter.passes(names, record.account, record.instrument) {
                    match kind {
                        UpdateEventType::Action => encode::replace_action_event(w, &record.bytes),
                        kind => encode::record_event(w, *kind, &record.bytes),
                    }
                }
            }
            Records::Routed(table, metadata) => {
                let Some(record) = table.get(number).filter(|record| !record.completed) else { return };
                if filter.passes(names, record.account, record.instrument)
                    && filter.passes_feed(routing::route(metadata, names, record))
                {
                    encode::record_event(w, UpdateEventType::Order, &record.bytes);
                }
            }
            Records::Feeds(feeds) => {
                if let Some(details) = feeds.get(number as usize)
                    && filter.passes_feed(&feed_id(details))
                {
                    encode::record_event(w, UpdateEventType::Status, details);
                }
            }
            Records::Definitions(definitions) => {
                let Some(MetadataRecord { details, bytes }) = definitions.get(number as usize) else { return };
                let (first, second) = details.key();
                if filter.passes_named(&metadata::subject(details.kind(), first, second)) {
                    encode::definition_event(w, details.kind(), bytes);
                }
            }
            Records::Nothing => {}
        }
    }
}

/// Records on their way into messages.
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

    /// Writes the next records that pass, about `bytes` of them; none are written of many that do not pass.
    pub(crate) fn write_some(&mut self, w: &mut ReverseWriter, names: &Names, filter: &mut Filter, bytes: usize) {
        for _ in 0..RECORDS_PER_TURN {
            if w.len() >= bytes || self.is_complete {
                break;
            }
            self.records.put(self.next_record, w, names, filter);
            self.next_record += 1;
            self.is_complete = self.next_record >= self.records.numbers();
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
    pub(crate) to: ChunkSender,
}

/// Runs until the publisher lets go of its end. Who resumes gets what it missed, from history.
pub(crate) fn run(jobs: &Receiver<Job>, views: &Arc<RwLock<Views>>, history: &Arc<History>) {
    let mut running: Vec<Encoding> = Vec::new();
    loop {
        let next = if running.is_empty() { jobs.recv().ok() } else { jobs.try_recv().ok() };
        match next {
            Some(job) => {
                let (views, running_hub) = (views.clone(), history.clone());
                let fall_back = move |job| Encoding::start(job).run(&views, || running_hub.is_running());
                running.extend(history.resume(job, fall_back).map(Encoding::start));
            }
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

/// The feed that FeedDetails are of.
fn feed_id(details: &[u8]) -> String {
    FeedDetails::decode(details).unwrap_or_default().feed_id
}

/// A job under way.
struct Encoding {
    details: SubscriptionDetails,
    filter: Filter,
    form: Form,
    to: ChunkSender,
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

    /// All of it, on a thread that has nothing else to do.
    fn run(mut self, views: &RwLock<Views>, is_wanted: impl Fn() -> bool) {
        while is_wanted() {
            match self.advance(views) {
                Advance::Moved => {}
                Advance::Waits => std::thread::sleep(PAUSE),
                Advance::Ended => return,
            }
        }
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
        let bytes = match self.form {
            Form::Binary => MESSAGE_BYTES,
            Form::Json { .. } => MESSAGE_BYTES / TEXT_TO_BINARY,
        };
        self.records.write_some(&mut self.writer, views.names(), &mut self.filter, bytes);
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

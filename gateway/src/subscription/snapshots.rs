//! Snapshots of views for new subscribers, encoded on a thread of their own.
//!
//! A job is a view's content at one position (cheap to take, see `Table`). The thread goes round its jobs and encodes
//! one chunk of each whose subscriber has room: a subscriber that does not read delays nobody.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, TrySendError};
use ordo_core::proto::{EventMessage, EventMessageType, SnapshotPosition, SubscriptionDetails};
use ordo_core::subscription::{Filter, RecordWriter, SNAPSHOT_MESSAGE_BYTES, ViewRecords, message_head};
use ordo_core::views::Views;
use ordo_core::wire::ReverseWriter;
use ordo_history::History;
use parking_lot::RwLock;
use prost::Message;

use super::chunks::{Chunk, ChunkSender};
use super::frames::{Form, put_message};
use super::resume::resume;

/// JSON takes about this many times the bytes of the binary form.
const TEXT_TO_BINARY: usize = 4;
/// Pause after a round in which no subscriber had room.
const PAUSE: Duration = Duration::from_millis(1);

/// Content of a view at one task.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) task: u64,
    /// Sequence of the newest recorded update by then.
    pub(crate) sequence: u64,
    pub(crate) records: ViewRecords,
    pub(crate) positions: Vec<(Box<str>, i64)>,
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

/// Runs until the publisher has dropped its end. Subscriptions that resume are served from history.
pub(crate) fn run(jobs: &Receiver<Job>, views: &Arc<RwLock<Views>>, history: &Arc<History>) {
    let mut running: Vec<Encoding> = Vec::new();
    loop {
        let next = if running.is_empty() { jobs.recv().ok() } else { jobs.try_recv().ok() };
        match next {
            Some(job) => {
                let (views, running_hub) = (views.clone(), history.clone());
                let fall_back = move |job| Encoding::start(job).run(&views, &running_hub);
                running.extend(resume(history, job, fall_back).map(Encoding::start));
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
            history.clock().sleep(PAUSE);
        }
    }
}

/// A job in progress.
struct Encoding {
    details: SubscriptionDetails,
    filter: Filter,
    form: Form,
    to: ChunkSender,
    records: RecordWriter,
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
        let records = RecordWriter::new(taken.records);
        Encoding { details, filter, form, to, records, ready, writer: ReverseWriter::default() }
    }

    /// Encodes the whole snapshot, on a worker thread.
    fn run(mut self, views: &RwLock<Views>, history: &History) {
        while history.is_running() {
            match self.advance(views) {
                Advance::Moved => {}
                Advance::Waits => history.clock().sleep(PAUSE),
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
        // Names only grow: present names are valid for records of the past.
        let views = views.read();
        let bytes = match self.form {
            Form::Binary => SNAPSHOT_MESSAGE_BYTES,
            Form::Json { .. } => SNAPSHOT_MESSAGE_BYTES / TEXT_TO_BINARY,
        };
        self.records.write_some(&mut self.writer, views.names(), &mut self.filter, bytes);
        drop(views);
        self.framed()
    }

    /// Frames of the records encoded so far, with SnapshotFinish behind the last ones.
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

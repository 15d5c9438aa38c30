//! `Slot`: one task on its way through the pipeline, and the buffers that it needs.
//!
//! The receiver fills it, every later stage reads it. The journal stage passes sequence and time on in atomics of the
//! slot, stored before the ring's cursor is released. Everything that concerns a connection goes through slots,
//! recorded or not: the ring's order is the order in which a connection is answered.

use std::sync::atomic::{AtomicU64, Ordering};

use ordo_core::names::FeedNo;
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::proto::RequestMessageType;
use ordo_core::record::{Origin, Rules};
use ordo_core::wire::{FeedRequest, RequestMessage, Span};

use super::task::{Answer, ConnNo, Record, Reply, Task, UpdateRecord, Writer};

/// See the module.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) task: Task,
    /// The message, in binary, and behind it what the hub records in its place.
    pub(crate) bytes: Vec<u8>,
    /// The update that is recorded, decoded; of a message that records none, whatever was decoded last.
    pub(crate) request: FeedRequest,
    sequence: AtomicU64,
    time_ns: AtomicU64,
}

/// Capacity that a slot keeps for messages; what a rare larger one took is freed with the next.
const BYTES_KEPT: usize = 1024;

// Every stage walks through all slots of the ring, so this times the ring's slots is what competes for the cache.
const _: () = assert!(size_of::<Slot>() + size_of::<Outcome>() <= 1536);

impl Slot {
    pub(crate) fn with_room() -> Slot {
        Slot {
            task: Task::EMPTY,
            bytes: Vec::with_capacity(BYTES_KEPT),
            request: FeedRequest::default(),
            sequence: AtomicU64::new(0),
            time_ns: AtomicU64::new(0),
        }
    }

    /// Empties the slot for a task that records nothing yet.
    #[inline]
    pub(crate) fn begin(&mut self, conn: ConnNo, reply: Reply) {
        self.task = Task { conn, record: Record::Nothing, reply };
        self.bytes.clear();
        if self.bytes.capacity() > BYTES_KEPT {
            self.bytes.shrink_to(BYTES_KEPT);
        }
        *self.sequence.get_mut() = 0;
        *self.time_ns.get_mut() = 0;
    }

    /// Takes in a client's message, to be answered with a Response unless more is decided.
    #[inline]
    pub(crate) fn begin_message(
        &mut self,
        conn: ConnNo,
        envelope: &RequestMessage,
        bytes: &[u8],
        text: bool,
    ) -> Answer {
        let kind = RequestMessageType::try_from(envelope.r#type).unwrap_or(RequestMessageType::Unknown);
        let answer = Answer { kind, request_id: envelope.request_id, text };
        self.begin(conn, Reply::Response(answer));
        self.bytes.extend_from_slice(bytes);
        answer
    }

    #[cold]
    pub(crate) fn refuse(&mut self, answer: Answer, code: impl Into<String>) {
        self.task.record = Record::Nothing;
        self.task.reply = Reply::Failure { answer, code: code.into() };
    }

    /// Appends a body that the hub made, behind the message whose RequestID the answer needs.
    #[cold]
    pub(crate) fn add_body(&mut self, body: &[u8]) -> Span {
        let span = Span { start: self.bytes.len() as u32, len: body.len() as u32 };
        self.bytes.extend_from_slice(body);
        span
    }

    /// Appends an update that the hub made, and decodes it.
    #[cold]
    pub(crate) fn add_update(&mut self, body: &[u8]) -> Span {
        let span = self.add_body(body);
        let decoded = self.request.decode_into(&self.bytes, span);
        debug_assert!(decoded.is_ok(), "invariant: what the hub encodes it can decode");
        span
    }

    /// Records an update in `oms`.
    #[cold]
    pub(crate) fn record_in_oms(&mut self, body: &[u8], writer: Writer) {
        let body = self.add_update(body);
        self.task.record = Record::Update(UpdateRecord { feed: FeedNo::OMS, position: 0, body, writer });
    }

    /// The journal stage recorded the task here. Relaxed: the ring's cursor, released after, publishes it.
    #[inline]
    pub(crate) fn set_recorded(&self, sequence: u64, time_ns: u64) {
        self.sequence.store(sequence, Ordering::Relaxed);
        self.time_ns.store(time_ns, Ordering::Relaxed);
    }

    /// For stages behind the journal.
    #[inline]
    pub(crate) fn stamp(&self) -> Stamp {
        let (feed, position, origin) = match &self.task.record {
            Record::Update(update) => (update.feed, update.position, update.writer.origin),
            Record::BatchFrame { writer, .. } | Record::BatchMember { writer, .. } => (FeedNo::OMS, 0, writer.origin),
            Record::Nothing | Record::Settings(_) | Record::Tick => (FeedNo::OMS, 0, Origin::default()),
        };
        Stamp {
            sequence: self.sequence.load(Ordering::Relaxed),
            time_ns: self.time_ns.load(Ordering::Relaxed),
            feed,
            position,
            origin,
            rules: Rules::CURRENT,
        }
    }
}

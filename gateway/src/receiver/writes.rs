//! REST writes on their way into the ring.
//!
//! A batch takes a slot for its frame and one for each member. Slots for which there is no room stay pending, and
//! nothing else enters the ring before them.

use std::sync::Arc;

use super::pending::Pending;
use super::{Receiver, TURN};
use crate::wiring::ingress::{Body, Write};
use crate::wiring::slot::Slot;
use crate::wiring::task::{ConnNo, Record, Reply, Writer};
use crate::wiring::ticket::{Ticket, WriteResult};

/// A slot of a batch that is yet to be filled.
#[derive(Debug)]
pub(super) struct BatchSlot {
    part: Part,
    body: Vec<u8>,
    writer: Writer,
    /// The frame's, which is answered if the batch is refused, and the last member's.
    ticket: Option<Arc<Ticket>>,
}

/// Which part of a batch a slot holds.
#[derive(Debug, Clone, Copy)]
enum Part {
    Frame {
        members: u32,
    },
    /// The n-th, from 1.
    Member(u32),
}

impl Receiver {
    /// Takes writes from REST while there is room; returns their number.
    pub(super) fn take_writes(&mut self) -> usize {
        let mut taken = 0;
        while taken < TURN
            && self.pending.is_empty()
            && self.has_room()
            && let Ok(write) = self.ingress.writes.try_recv()
        {
            if self.feeds.is_storage_full {
                write.ticket.answer(WriteResult::Refused(vec![self.progress.storage_code().to_owned()]));
            } else {
                self.take_write(write);
            }
            taken += 1;
        }
        taken
    }

    /// Answers all waiting writes of a hub that is stopping.
    pub(super) fn refuse_writes(&mut self) {
        while let Ok(write) = self.ingress.writes.try_recv() {
            write.ticket.answer(WriteResult::Unavailable);
        }
    }

    fn take_write(&mut self, write: Write) {
        let Write { body, writer, ticket } = write;
        let (frame, members) = match body {
            Body::Update(body) => {
                return self.fill(|slot| {
                    slot.begin(ConnNo::default(), Reply::Ticket(ticket));
                    slot.record_in_oms(&body, writer);
                });
            }
            Body::Batch { frame, members } => (frame, members),
        };
        let count = members.len() as u32;
        let slot = |part, body, has_ticket: bool| {
            Pending::Batch(BatchSlot { part, body, writer, ticket: has_ticket.then(|| ticket.clone()) })
        };
        self.pending.push_back(slot(Part::Frame { members: count }, frame, true));
        let members = (1..).zip(members).map(|(nth, body)| slot(Part::Member(nth), body, nth == count));
        self.pending.extend(members);
        self.drain_pending();
    }
}

impl Slot {
    pub(super) fn begin_batch_part(&mut self, part: BatchSlot) {
        let BatchSlot { part, body, writer, ticket } = part;
        self.begin(ConnNo::default(), ticket.map_or(Reply::Nothing, Reply::Ticket));
        self.task.record = match part {
            Part::Frame { members } => Record::BatchFrame { body: self.add_body(&body), members, writer },
            Part::Member(nth) => {
                self.add_update(&body);
                Record::BatchMember { nth, writer }
            }
        };
    }
}

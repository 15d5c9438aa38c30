//! Writes of REST on their way into the ring.
//!
//! A batch takes a slot for its frame and one for each member; what finds no room is owed, and nothing else enters the
//! ring before it.

use std::sync::Arc;

use ordo_core::record::Origin;
use ordo_core::wire::{FeedRequest, Span};

use super::feeds::STORAGE_FULL;
use super::owed::Owed;
use super::{Receiver, TURN};
use crate::wiring::intake::{Body, Write};
use crate::wiring::slot::{ConnNo, Part, Reply, Slot};
use crate::wiring::ticket::{Ticket, Told};

/// A slot of a batch that is yet to be filled.
#[derive(Debug)]
pub(super) struct BatchSlot {
    part: Part,
    body: Vec<u8>,
    origin: Origin,
    identity: u32,
    /// The frame's, which says whether the batch is refused, and the last member's.
    ticket: Option<Arc<Ticket>>,
}

impl Receiver {
    /// Takes in what REST has handed over, as far as there is room; the number of writes.
    pub(super) fn take_writes(&mut self) -> usize {
        let mut taken = 0;
        while taken < TURN
            && self.owed.is_empty()
            && self.has_room()
            && let Ok(write) = self.intake.writes.try_recv()
        {
            if self.feeds.is_storage_full {
                write.ticket.answer(Told::Refused(vec![STORAGE_FULL.to_owned()]));
            } else {
                self.take_write(write);
            }
            taken += 1;
        }
        taken
    }

    /// A hub that stops takes none.
    pub(super) fn refuse_writes(&mut self) {
        while let Ok(write) = self.intake.writes.try_recv() {
            write.ticket.answer(Told::Unavailable);
        }
    }

    fn take_write(&mut self, write: Write) {
        let Write { body, origin, identity, ticket } = write;
        let (frame, members) = match body {
            Body::Update(body) => {
                return self.fill(|slot| {
                    slot.begin(Reply::Rest, ConnNo::default());
                    slot.record_in_oms(&body);
                    (slot.origin, slot.identity, slot.ticket) = (origin, identity, Some(ticket));
                });
            }
            Body::Batch { frame, members } => (frame, members),
        };
        let count = members.len() as u32;
        let part = |part, body, is_told| {
            let ticket = if is_told { Some(ticket.clone()) } else { None };
            Owed::Batch(BatchSlot { part, body, origin, identity, ticket })
        };
        self.owed.push_back(part(Part::Frame { members: count }, frame, true));
        let members = (1..).zip(members).map(|(nth, body)| part(Part::Member(nth), body, nth == count));
        self.owed.extend(members);
        self.pay();
    }
}

impl Slot {
    pub(super) fn begin_batch_part(&mut self, part: BatchSlot) {
        self.begin(if part.ticket.is_some() { Reply::Rest } else { Reply::Nothing }, ConnNo::default());
        if matches!(part.part, Part::Frame { .. }) {
            self.recorded = true;
            self.bytes.extend_from_slice(&part.body);
            self.body = Span::whole(&self.bytes);
            self.request = FeedRequest::default();
        } else {
            self.record_in_oms(&part.body);
        }
        (self.part, self.origin, self.identity, self.ticket) = (part.part, part.origin, part.identity, part.ticket);
    }
}

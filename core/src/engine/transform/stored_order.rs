//! What a transform reads from an order's stored state, and that state rewritten.

use super::super::Engine;
use super::super::byte_store::Handle;
use crate::outcome::Outcome;
use crate::proto::TimestampWithTimeZone;
use crate::wire::{Span, TopField, TopFields, field, replace_fields};

/// Fields of an OrderState that are in no row. Found without decoding it.
#[derive(Default)]
pub(super) struct StoredOrder<'a> {
    pub(super) order_id: &'a [u8],
    pub(super) group: &'a [u8],
    pub(super) status: &'a [u8],
    timestamp: Option<TopField<'a>>,
    remove_after: Option<TopField<'a>>,
    errors: usize,
    last_error: &'a [u8],
}

impl<'a> StoredOrder<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> StoredOrder<'a> {
        use field::order_state as f;
        let mut order = StoredOrder::default();
        for field in TopFields::of(bytes) {
            match field.number {
                f::ORDER_ID => order.order_id = field.content,
                f::GROUP => order.group = field.content,
                f::STATUS => order.status = field.content,
                f::TIMESTAMP => order.timestamp = Some(field),
                f::REMOVE_AFTER => order.remove_after = Some(field),
                f::ERRORS => {
                    order.errors += 1;
                    order.last_error = field.content;
                }
                _ => {}
            }
        }
        order
    }

    pub(super) fn timestamp(&self) -> Option<TimestampWithTimeZone> {
        self.timestamp?.time()
    }

    pub(super) fn remove_after(&self) -> Option<TimestampWithTimeZone> {
        self.remove_after?.time()
    }

    /// Whether its errors are this one alone.
    pub(super) fn has_only_error(&self, error: &[u8]) -> bool {
        self.errors == 1 && self.last_error == error
    }
}

impl Engine {
    /// Keeps in the outcome the bytes at `handle` with the fields `replaced` as the scratch writer has them.
    pub(super) fn keep_rewritten(&self, handle: Handle, replaced: &[u32], out: &mut Outcome) -> Span {
        let start = out.keep(b"").start;
        replace_fields(self.state.bytes.get(handle), replaced, &self.scratch, &mut out.bytes);
        Span { start, len: out.bytes.len() as u32 - start }
    }
}

//! The head of messages to a subscription.

use prost::Message;

use crate::proto::{EventMessageType, SubscriptionDetails};
use crate::wire::{ReverseWriter, field};

/// `EventMessage.Type` and `.Subscription`, encoded.
pub fn message_head(kind: EventMessageType, details: &SubscriptionDetails) -> Vec<u8> {
    use field::event_message as f;
    let mut w = ReverseWriter::default();
    w.delimited(f::SUBSCRIPTION, &details.encode_to_vec());
    w.int(f::TYPE, kind as i64);
    w.bytes().to_vec()
}

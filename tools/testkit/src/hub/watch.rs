//! What a subscriber hears, message by message.

use ordo_client::{Heard, Subscriber, ViewId, messages};
use ordo_core::proto::{EventMessage, EventMessageType, SubscriptionType, UpdateEvent};

use super::{PATIENCE, word_of};

/// Every message up to the answer of a Synchronise, which is left out. Folded on the way.
pub fn heard_until_synchronised(subscriber: &mut Subscriber) -> Vec<EventMessage> {
    subscriber.connection().send(&messages::synchronise("sync")).expect("it is sent");
    let mut heard = Vec::new();
    loop {
        let message = match next(subscriber) {
            Heard::Other(frame) | Heard::View { frame, .. } => frame.message().expect("a message"),
        };
        if word_of(&message) == "Response sync" {
            return heard;
        }
        heard.push(message);
    }
}

pub fn next(subscriber: &mut Subscriber) -> Heard {
    subscriber.next(PATIENCE).expect("a good message").expect("a message comes in time")
}

/// The next live events of a view; Bookmarks and other views pass.
pub fn next_events(subscriber: &mut Subscriber, of: ViewId) -> Vec<UpdateEvent> {
    loop {
        if let Heard::View { view, frame, .. } = next(subscriber)
            && view == of
        {
            let message = frame.message().expect("a message");
            if message.r#type() == EventMessageType::Update {
                return message.updates;
            }
        }
    }
}

/// The events of Update messages, live ones or a snapshot's.
pub fn events_of(messages: &[EventMessage]) -> Vec<UpdateEvent> {
    let updates = messages.iter().filter(|message| message.r#type() == EventMessageType::Update);
    updates.flat_map(|message| message.updates.clone()).collect()
}

/// Every view that has a state or events of its own.
pub const VIEWS: [SubscriptionType; 6] = [
    SubscriptionType::Balances,
    SubscriptionType::Holdings,
    SubscriptionType::Orders,
    SubscriptionType::Transactions,
    SubscriptionType::Updates,
    SubscriptionType::Status,
];

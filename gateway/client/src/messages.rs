//! The requests of the protocol, made of what varies in them.

use ordo_core::proto::{ExternalAction, FeedConfiguration, FeedDetails, FeedPosition, FeedRequest, FeedRequestType};
use ordo_core::proto::{Operation, RequestMessage, RequestMessageType};
use ordo_core::proto::{SubscriptionDetails, SubscriptionTarget, SubscriptionType};

/// A feed's message of a type, at a position (0: none) of its feed; the type's own field is the caller's to set.
#[must_use]
pub fn feed_request(feed: &str, position: i64, kind: FeedRequestType) -> FeedRequest {
    let position = Some(FeedPosition { sequence: feed.into(), position });
    FeedRequest { r#type: kind as i32, position, ..FeedRequest::default() }
}

/// A feed's message as a request. An empty `request_id`: answered only if it is refused.
#[must_use]
pub fn feed_message(request: FeedRequest, request_id: &str) -> RequestMessage {
    RequestMessage {
        r#type: RequestMessageType::FeedRequest as i32,
        request_id: request_id.into(),
        feed: Some(request.into()),
        ..RequestMessage::default()
    }
}

/// Offers to supply a feed.
#[must_use]
pub fn open(feed: &str) -> FeedRequest {
    feed_request(feed, 0, FeedRequestType::Open)
}

/// Ends the supply.
#[must_use]
pub fn close(feed: &str) -> FeedRequest {
    feed_request(feed, 0, FeedRequestType::Close)
}

/// Asks how far the feed is durable.
#[must_use]
pub fn bookmark(feed: &str) -> FeedRequest {
    feed_request(feed, 0, FeedRequestType::Bookmark)
}

/// An action as it happened.
#[must_use]
pub fn action(feed: &str, position: i64, action: ExternalAction) -> FeedRequest {
    FeedRequest { action: Some(action), ..feed_request(feed, position, FeedRequestType::Action) }
}

/// A definition or a transform.
#[must_use]
pub fn operation(feed: &str, position: i64, operation: Operation) -> FeedRequest {
    FeedRequest { operation: Some(operation.into()), ..feed_request(feed, position, FeedRequestType::Operation) }
}

/// The health of a feed.
#[must_use]
pub fn status(feed: &str, position: i64, status: FeedDetails) -> FeedRequest {
    FeedRequest { status: Some(status), ..feed_request(feed, position, FeedRequestType::Status) }
}

/// A configuration to leave with the hub.
#[must_use]
pub fn configure(feed: &str, position: i64, configuration: FeedConfiguration) -> FeedRequest {
    FeedRequest {
        configuration: Some(configuration.into()),
        ..feed_request(feed, position, FeedRequestType::Configure)
    }
}

/// Opens a view.
#[must_use]
pub fn subscribe(view: SubscriptionType, targets: Vec<SubscriptionTarget>, request_id: &str) -> RequestMessage {
    RequestMessage {
        r#type: RequestMessageType::Subscribe as i32,
        request_id: request_id.into(),
        subscription: Some(SubscriptionDetails { r#type: view as i32, targets }),
        ..RequestMessage::default()
    }
}

/// A filter of a subscription: `target("Account", &["XS/A"])`.
#[must_use]
pub fn target(name: &str, values: &[&str]) -> SubscriptionTarget {
    SubscriptionTarget { name: name.into(), values: values.iter().map(|&value| value.into()).collect() }
}

/// Asks to be answered when all that was sent before is applied and its events are sent.
#[must_use]
pub fn synchronise(request_id: &str) -> RequestMessage {
    let r#type = RequestMessageType::Synchronise as i32;
    RequestMessage { r#type, request_id: request_id.into(), ..RequestMessage::default() }
}

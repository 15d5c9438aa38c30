//! Subscriptions without their transport: which records a subscriber may have, and the bytes of what it gets.
//!
//! Live events, events of the past and snapshots are filtered and encoded here and nowhere else, so that they are the
//! same bytes whoever asks for them and whenever. Frames of a WebSocket, threads and channels belong to the gateway.

mod caller;
mod event_encoder;
mod feed_routes;
mod filter;
mod message_head;
mod positions;
mod subject;
mod view_records;

pub use self::caller::{About, Caller};
pub use self::event_encoder::{EventEncoder, VIEWS_WITH_EVENTS};
pub use self::feed_routes::{FeedRoute, RouteChange, RoutesBefore, route};
pub use self::filter::{Filter, is_same};
pub use self::message_head::message_head;
pub use self::positions::{BadPosition, Positions, SequencePosition, resume_after};
pub use self::subject::Subject;
pub use self::view_records::{RecordWriter, SNAPSHOT_MESSAGE_BYTES, ViewRecords};

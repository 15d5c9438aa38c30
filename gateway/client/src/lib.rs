//! The client's side of the protocol, for adapters, subscribers, the demo, benches and tests.
//!
//! Blocking and single-threaded: a connection belongs to one thread, and every call says what it waits for and for how
//! long at most. While a call waits to send, it reads; so neither side can block the other.
//!
//! | Type | For |
//! |---|---|
//! | [`Connection`] | frames out, messages in, close codes: the protocol as it is, malformed frames too |
//! | [`Adapter`] | supplies a feed: resumes, submits ahead of the answers, resends what was not durable |
//! | [`Subscriber`] | subscribes, folds each view by key ([`FoldedView`]) and checks that nothing comes twice |
//! | [`messages`] | the requests of adapters and subscribers, made of what varies in them |
//! | [`rest`] | GET and POST, one request a connection |
//!
//! Every buffer has a bound ([`limits`]) and an answer to "what when full". Nothing here reconnects behind the caller's
//! back: [`Adapter::reconnect`] is a call.
//!
//! Absent on purpose: async, TLS, threads of its own, the hub's types. It must not share code with what it tests
//! beyond the messages.

mod adapter;
mod connection;
mod error;
mod fields;
mod folded_view;
mod frame;
pub mod messages;
pub mod rest;
mod subscriber;
mod unconfirmed;
mod upgrade;
mod wire;

#[cfg(test)]
mod tests;

pub use adapter::{Adapter, AdapterOptions, Response};
pub use connection::{Connection, Form, Options};
pub use error::{ClientError, Closed};
pub use folded_view::{FoldedView, Key, Step};
pub use frame::Frame;
pub use subscriber::{Heard, Subscriber, ViewId};

/// Bounds of the client's buffers.
pub mod limits {
    /// Bytes that wait to be sent; a call that would add more waits until half of them are gone.
    pub const OUT_BYTES_MAX: usize = 1 << 20;
    /// Messages read while a call waited for something else; beyond, reading stops until they are taken.
    pub const INBOX_FRAMES_MAX: usize = 65_536;
    /// Responses that an adapter keeps for its caller; beyond, the oldest go and are counted.
    pub const RESPONSES_MAX: usize = 65_536;
    /// Bytes of the largest message that is accepted.
    pub const MESSAGE_BYTES_MAX: usize = 16 << 20;
    /// Bytes of the largest REST answer that is read.
    pub const ANSWER_BYTES_MAX: usize = 1 << 30;

    const _: () = assert!(OUT_BYTES_MAX < MESSAGE_BYTES_MAX, "one message may be larger than the queue");
}

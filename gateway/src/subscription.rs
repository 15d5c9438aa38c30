//! Subscriptions on their way to a socket: frames, snapshots in chunks, resuming, and the Feed view.
//!
//! What decides who gets which bytes is `ordo_core::subscription`; here those bytes meet WebSocket frames, threads and
//! channels. The publisher uses this module, and the views hand it what they found; it knows neither.

pub(crate) mod chunks;
pub(crate) mod feed_view;
pub(crate) mod frames;
mod resume;
pub(crate) mod snapshots;

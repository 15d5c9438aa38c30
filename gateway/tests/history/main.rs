//! The past, asked of a hub: what it answers is what was said live.

#![allow(clippy::disallowed_methods)]

mod archive;
mod as_at;
mod batches;
mod events;
mod heard;
mod reads;
mod resume;
mod snapshots;
mod unread;

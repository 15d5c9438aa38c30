//! The hub: the pipeline, and its edge.
//!
//! ```text
//! sockets -> receiver -> [in] -> journal -> engine -> [out] -> publisher -> sockets
//!                                               \-> views <- rest, snapshots
//! ```
//!
//! | Module | Is |
//! |---|---|
//! | `receiver`, `journal`, `engine`, `publisher`, `views` | the stages, in an update's order |
//! | `wiring` | rings, slots, threads, counters, settings; [`hub`] and [`config`] are its public part |
//! | `subscription` | frames, snapshots and resuming, for publisher and views |
//! | `rest` | HTTP |
//!
//! Queries of the past are the package `ordo-history`; the client of the protocol is `ordo-client`.
//!
//! Invariant: only this crate knows sockets and HTTP, and only its edge (`rest`, `subscription::frames`,
//! `receiver`) knows JSON.

mod engine;
mod journal;
mod publisher;
mod receiver;
mod rest;
mod subscription;
mod views;
mod wiring;

pub use wiring::progress::Fault;
pub use wiring::stages::StageReading;
pub use wiring::{config, hub};

//! The hub: the pipeline's wiring, and its edge.
//!
//! ```text
//! sockets -> receiver -> [in] -> journaler -> engine_stage -> [out] -> publisher -> sockets
//!                                                  \-> views_stage <- rest, snapshots
//! ```
//!
//! Invariant: only this crate knows sockets, HTTP and clocks, and only its edge (`rest`, `publisher::frames`,
//! `receiver`) knows JSON.

mod checkpoint;
pub mod client;
mod clock;
pub mod config;
mod engine_stage;
mod filter;
mod history;
pub mod hub;
mod intake;
pub mod investigation;
mod journaler;
mod metadata;
mod pipeline;
mod progress;
mod publisher;
mod receiver;
pub mod replay;
mod rest;
mod routing;
mod slot;
mod snapshots;
mod threads;
mod ticket;
mod views_stage;

pub use progress::Fault;

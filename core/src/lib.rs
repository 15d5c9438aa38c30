//! The deterministic part of the hub: messages and their forms, exact decimals, the engine, the views, the rings.
//!
//! Invariants of absence: no file, socket, clock, random number, thread, async or float. What comes out depends on
//! what goes in and on nothing else, so that a replay of the record is the record's state.

#![deny(clippy::float_arithmetic)]

pub mod dec;
pub mod encode;
pub mod engine;
pub mod json;
pub mod metadata;
pub mod names;
pub mod outcome;
pub mod proto;
pub mod record;
pub mod refusal;
pub mod ring;
pub mod subscription;
pub mod timestamp;
pub mod venue;
pub mod views;
pub mod wire;

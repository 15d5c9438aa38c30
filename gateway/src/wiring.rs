//! Wiring: what holds the stages together. The hub's life, its rings, threads, counters and settings.

pub mod config;
pub(crate) mod gate;
pub mod hub;
pub(crate) mod ingress;
pub(crate) mod pipeline;
pub(crate) mod progress;
pub(crate) mod slot;
pub(crate) mod stages;
pub(crate) mod task;
pub(crate) mod threads;
pub(crate) mod ticket;

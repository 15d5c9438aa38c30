//! A second, naive model of what an update does: plain maps, big integers, everything computed from scratch. Written
//! from the rules, not from the engine, and its judge.

// Each test binary uses its part.
#![allow(dead_code)]

pub(crate) mod figure;
pub(crate) mod hub;
pub(crate) mod model;
pub(crate) mod operation_stream;
pub(crate) mod operations;
pub(crate) mod position;
pub(crate) mod records;
pub(crate) mod requests;
pub(crate) mod stream;

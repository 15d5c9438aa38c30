//! Writes over REST, through real sockets: what was answered is applied, durable and read; what was refused, or changes
//! nothing, leaves no trace.

#![allow(clippy::disallowed_methods)]

mod batches;
mod bodies;
mod definitions;
mod http2;
mod orders;
mod real_clients;
mod renames;
mod sending;
mod stopping;
mod transfers;

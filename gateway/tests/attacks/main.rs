//! Attacks on the hub's edge, seen from outside: what was borne stays borne.

#![allow(clippy::disallowed_methods)]

mod rest_connections;
mod rest_names;
mod rest_readers;

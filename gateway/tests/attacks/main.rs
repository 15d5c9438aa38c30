//! Attacks on the hub's edge, seen from outside: what was borne stays borne.

mod rest_connections;
mod rest_names;
mod rest_readers;

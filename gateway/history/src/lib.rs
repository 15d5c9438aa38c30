//! The record folded: replays, states of the past, updates between two points, and investigations.
//!
//! ```text
//! archive_floor, saved_states, checkpoint <- replay <- investigation <- service
//! ```
//!
//! | Module | Is for |
//! |---|---|
//! | [`replay`] | the state rebuilt from the record by the engine that made it |
//! | [`investigation`] | why a figure is what it is, what changed, what-if runs |
//! | [`service`] | queries of the past at a running hub, bounded and on workers of their own |
//! | [`clock`] | the only door to time |
//! | [`saved_states`] | snapshots of the engine, from which replays start |
//!
//! Invariants of absence: no socket, no HTTP, no WebSocket frame, no configuration of the hub. The service knows of a
//! running hub only what [`service::RecordProgress`] says.

mod archive_floor;
pub mod checkpoint;
pub mod clock;
pub mod investigation;
pub mod replay;
pub mod saved_states;
pub mod service;

pub use self::service::{History, HistoryError};

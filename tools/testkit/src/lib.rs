//! What the tests of several crates share: one source of random numbers and one of seeds, updates and definitions, a hub
//! of a test's own, and messages that no encoder makes.
//!
//! A dev-dependency and nothing else. Each part is a feature, so that the tests of a crate compile no more than they
//! use; without any, it depends on nothing.

#[cfg(feature = "actions")]
pub mod actions;
#[cfg(feature = "actions")]
pub mod definitions;
#[cfg(feature = "hub")]
pub mod hub;
mod random;
pub mod seeds;
#[cfg(feature = "actions")]
pub mod updates;
#[cfg(feature = "wire")]
pub mod wire;

use std::time::Duration;

pub use random::{Bound, Random};

/// How long anything may take before a test fails. Nothing is as slow by itself: it may be as long as it likes.
pub const PATIENCE: Duration = Duration::from_secs(60);

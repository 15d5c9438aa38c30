//! What the tests of several crates share: one source of random numbers and one of seeds, updates and definitions, and
//! messages that no encoder makes.
//!
//! A dev-dependency and nothing else. Each part is a feature, so that the tests of a crate compile no more than they
//! use; without any, it depends on nothing.

#[cfg(feature = "actions")]
pub mod actions;
#[cfg(feature = "actions")]
pub mod definitions;
mod random;
pub mod seeds;
#[cfg(feature = "actions")]
pub mod updates;
#[cfg(feature = "wire")]
pub mod wire;

pub use random::{Bound, Random};

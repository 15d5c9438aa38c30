//! Bytes of messages as no encoder makes them, and whether two readers find the same in them.

mod broken;
pub mod same;
mod shape;

pub use broken::broken;
pub use shape::{Flaw, Shape};

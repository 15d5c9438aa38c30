//! A hub of a test's own in a folder of its own, and the two sides of it: feeds and subscribers, message by message.
//!
//! No test sleeps to let something happen: it waits for a Response, a Bookmark or a Synchronise, and [`PATIENCE`] only
//! bounds how long a failing test takes.

mod faulty_disk;
mod feed;
mod raw;
mod rig;
mod same;
mod watch;

pub use crate::actions::*;
pub use crate::definitions::*;
pub use crate::updates::any_update;
pub use crate::{PATIENCE, Random};
pub use faulty_disk::*;
pub use feed::*;
pub use raw::*;
pub use rig::*;
pub use same::*;
pub use watch::*;

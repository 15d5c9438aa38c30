//! What the tests of the hub's edge share: a hub of their own in a folder of their own, and the two sides of it.
//!
//! No test sleeps to let something happen: it waits for a Response, a Bookmark or a Synchronise, and [`PATIENCE`] only
//! bounds how long a failing test takes.

// Each test binary uses a part of this.
#![allow(dead_code, unused_imports)]

mod faulty_disk;
mod feed;
mod raw;
mod rig;
mod same;
mod watch;

pub(crate) use faulty_disk::*;
pub(crate) use feed::*;
pub(crate) use ordo_testkit::Random;
pub(crate) use ordo_testkit::actions::*;
pub(crate) use ordo_testkit::definitions::*;
pub(crate) use ordo_testkit::updates::any_update;
pub(crate) use raw::*;
pub(crate) use rig::*;
pub(crate) use same::*;
pub(crate) use watch::*;

use std::time::Duration;

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

//! A second, naive reading of the wire format: slices, big integers and a tree, nothing shared with the codecs nor
//! with prost but the schema. Written from the rules of proto3 and of the figures, and the judge of both.

// Each test binary uses its part.
#![allow(dead_code)]

pub(crate) mod figure;
pub(crate) mod generator;
pub(crate) mod reader;
pub(crate) mod spelling;

use std::collections::BTreeMap;

use ordo_core::proto::DESCRIPTOR_SET;
use prost_reflect::{DescriptorPool, MessageDescriptor};

use figure::Figure;

/// What a message says: its fields by number. A default that is the same as absence is absent.
pub(crate) type Tree = BTreeMap<u32, Value>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Of any whole type, enums and booleans included.
    Number(i128),
    Text(String),
    Bytes(Vec<u8>),
    Figure(Figure),
    Instant(Instant),
    Message(Tree),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Instant {
    pub(crate) seconds: u64,
    pub(crate) nanoseconds: u32,
    pub(crate) minutes_east: i32,
}

impl Instant {
    /// Whether a client may send it: up to the year 2261, in any offset, the local time not before 0000.
    pub(crate) fn is_one(self) -> bool {
        self.nanoseconds < 1_000_000_000 && self.seconds <= 9_214_646_399
    }

    /// As it is shown: an odd offset is seconds, or none.
    pub(crate) fn canonical(self) -> Instant {
        let is_offset = |minutes: i32| minutes.unsigned_abs() <= 18 * 60;
        let minutes_east = match self.minutes_east {
            minutes if is_offset(minutes) => minutes,
            seconds if seconds % 60 == 0 && is_offset(seconds / 60) => seconds / 60,
            _ => 0,
        };
        Instant { minutes_east, ..self }
    }
}

pub(crate) fn pool() -> DescriptorPool {
    DescriptorPool::decode(DESCRIPTOR_SET).expect("the build wrote it")
}

pub(crate) fn descriptor(pool: &DescriptorPool, name: &str) -> MessageDescriptor {
    pool.all_messages().find(|message| message.name() == name && !message.is_map_entry()).expect("in the schema")
}

/// `ORDO_SEED` and `ORDO_CASES` from the environment, else these; both are printed, so that a failure can be had again.
#[expect(clippy::disallowed_methods, reason = "a test takes its seed from whoever runs it")]
pub(crate) fn seed_and_cases(seed: u64, cases: u64) -> (u64, u64) {
    let given = |name: &str, default: u64| match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    };
    let (seed, cases) = (given("ORDO_SEED", seed), given("ORDO_CASES", cases));
    println!("ORDO_SEED={seed} ORDO_CASES={cases}");
    (seed, cases)
}

/// Names the case that fails: `ORDO_SEED=<it> ORDO_CASES=1` runs it alone.
pub(crate) struct Running(pub(crate) u64);

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed; again by ORDO_SEED={} ORDO_CASES=1", self.0);
        }
    }
}

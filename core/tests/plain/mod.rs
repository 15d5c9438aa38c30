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

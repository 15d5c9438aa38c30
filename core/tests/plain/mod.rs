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
    /// Whether the local time can be written: up to the year 9999, offsets up to 18 hours.
    pub(crate) fn is_one(self) -> bool {
        let local = i128::from(self.seconds) + 60 * i128::from(self.minutes_east);
        self.nanoseconds < 1_000_000_000 && self.minutes_east.unsigned_abs() <= 18 * 60 && local < 253_402_300_800
    }
}

pub(crate) fn pool() -> DescriptorPool {
    DescriptorPool::decode(DESCRIPTOR_SET).expect("the build wrote it")
}

pub(crate) fn descriptor(pool: &DescriptorPool, name: &str) -> MessageDescriptor {
    pool.all_messages().find(|message| message.name() == name && !message.is_map_entry()).expect("in the schema")
}

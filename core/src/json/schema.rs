//! The descriptor tables: which fields a message has, in declared order, and the names and numbers they go by.
//!
//! Written by the build script from `proto/*.proto`, so that the transcoder cannot disagree with the prost types.
//! Repeated numbers, map keys other than strings and messages that contain themselves are refused there: the schema
//! has none, and neither reader nor writer provides for them.

include!(concat!(env!("OUT_DIR"), "/json_tables.rs"));

/// A message of the schema; the constants are in [`message`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(u8);

impl MessageId {
    /// The name without its package: `OrderState`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.table().name
    }

    pub(super) fn table(self) -> &'static Message {
        &MESSAGES[usize::from(self.0)]
    }
}

impl std::fmt::Debug for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

pub(super) struct Message {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// As declared, which is the order of the JSON members.
    pub(super) fields: &'static [Field],
    by_number: &'static [u8],
    by_name: &'static [(&'static str, u8)],
}

/// How a message stands in JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Object,
    /// `BigNumber`: a JSON number.
    Decimal,
    /// The same of any size.
    Carried,
    /// `TimestampWithTimeZone`: an ISO-8601 string.
    Timestamp,
}

pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) number: u32,
    /// Of one element, or of a map's values.
    pub(super) kind: Kind,
    pub(super) presence: Presence,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    String,
    Bytes,
    Enum(&'static Enum),
    Message(MessageId),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// A default value is the same as none.
    Plain,
    /// `optional`: a default value that is set is kept.
    Optional,
    /// Written as zero where it is absent.
    Always,
    Repeated,
    Map,
}

pub(super) struct Enum {
    /// Number, full name, short name.
    values: &'static [(i32, &'static str, &'static str)],
}

impl Message {
    pub(super) fn place_of_number(&self, number: u32) -> Option<usize> {
        let place = *self.by_number.get(number as usize)?;
        usize::from(place).checked_sub(1)
    }

    /// Declared, or either lowerCamelCase form.
    pub(super) fn place_of_name(&self, name: &str) -> Option<usize> {
        let at = self.by_name.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
        Some(usize::from(self.by_name[at].1))
    }
}

impl Kind {
    pub(super) fn is_delimited(self) -> bool {
        matches!(self, Kind::String | Kind::Bytes | Kind::Message(_))
    }
}

impl Enum {
    /// Full or short name in any case: the build refuses short names that differ by case only.
    pub(super) fn number(&self, name: &str) -> Option<i32> {
        let is_it = |known: &str| known.eq_ignore_ascii_case(name);
        self.values.iter().find(|(_, full, short)| is_it(full) || is_it(short)).map(|value| value.0)
    }

    pub(super) fn name(&self, number: i32, is_compact: bool) -> Option<&'static str> {
        let (_, full, short) = self.values.iter().find(|value| value.0 == number)?;
        Some(if is_compact { short } else { full })
    }
}

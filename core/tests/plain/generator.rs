//! Random trees of any message of the schema, bounds and odd values more often than not.

use num_bigint::BigUint;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::figure::Figure;
use super::{Instant, Tree, Value, reader};
use crate::rng::Rng;

const TEXTS: [&str; 13] = [
    "",
    "a",
    "AUD",
    "O/A",
    "é",
    "😀\u{fffd}",
    "\"\\/",
    "\u{0}\u{1f}\u{7f}",
    "\u{2028}\u{feff}",
    " ",
    "null",
    "a.b",
    LONG,
];
const LONG: &str = "more than one hundred and twenty-seven bytes, so that lengths take two bytes: \
    é.........................................................................";

/// As the reader gives it: defaults that are the same as absence left out.
pub(crate) fn message(descriptor: &MessageDescriptor, rng: &mut Rng) -> Tree {
    let mut tree = fields(descriptor, rng, 0);
    reader::normalise(descriptor, &mut tree);
    tree
}

fn fields(descriptor: &MessageDescriptor, rng: &mut Rng, depth: usize) -> Tree {
    let mut tree = Tree::new();
    for field in descriptor.fields() {
        if rng.one_in(2 + depth) {
            tree.insert(field.number(), field_value(&field, rng, depth));
        }
    }
    tree
}

fn field_value(field: &FieldDescriptor, rng: &mut Rng, depth: usize) -> Value {
    let count = rng.below(4);
    match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            let kind = entry.map_entry_value_field().kind();
            Value::Map((0..count).map(|_| (rng.one_of(&TEXTS).to_owned(), value(&kind, rng, depth))).collect())
        }
        kind if field.is_list() => Value::List((0..count).map(|_| value(&kind, rng, depth)).collect()),
        kind => value(&kind, rng, depth),
    }
}

fn value(kind: &Kind, rng: &mut Rng, depth: usize) -> Value {
    let whole = |rng: &mut Rng, least: i128, most: i128| {
        let any = least + i128::from(rng.next()) % (most - least);
        Value::Number(rng.one_of(&[0, 1, 7, 127, least, most, most - 1, any]))
    };
    match kind {
        Kind::Bool => whole(rng, 0, 1).clamped(),
        Kind::Int32 | Kind::Sint32 => whole(rng, i32::MIN.into(), i32::MAX.into()),
        Kind::Uint32 => whole(rng, 0, u32::MAX.into()),
        Kind::Int64 => whole(rng, i64::MIN.into(), i64::MAX.into()),
        Kind::Uint64 => whole(rng, 0, u64::MAX.into()),
        Kind::Enum(names) => {
            let mut numbers: Vec<i32> = names.values().map(|value| value.number()).collect();
            numbers.extend([9_999, -1, i32::MIN, i32::MAX]);
            Value::Number(rng.one_of(&numbers).into())
        }
        Kind::String => Value::Text(rng.one_of(&TEXTS).to_owned()),
        Kind::Bytes => Value::Bytes((0..rng.below(6)).map(|_| rng.next() as u8).collect()),
        Kind::Message(inner) => match inner.name() {
            "BigNumber" => Value::Figure(figure(rng)),
            "TimestampWithTimeZone" => Value::Instant(instant(rng)),
            _ => Value::Message(fields(inner, rng, depth + 1)),
        },
        other => unreachable!("the schema has no {other:?}"),
    }
}

impl Value {
    /// A truth value: 0 or 1.
    fn clamped(self) -> Value {
        match self {
            Value::Number(number) => Value::Number(number.clamp(0, 1)),
            other => other,
        }
    }
}

fn figure(rng: &mut Rng) -> Figure {
    let most = (BigUint::from(1u8) << 127u32) - 1u8;
    let any = (BigUint::from(rng.next()) * BigUint::from(rng.next())) >> (1 + rng.below(127));
    let small = BigUint::from(rng.below(2_000));
    let exact_in_no_double = BigUint::from(9_007_199_254_740_993u64);
    let magnitude = rng.one_of(&[BigUint::default(), small.clone(), small * 1_000u32, exact_in_no_double, most, any]);
    Figure { scale: rng.one_of(&[0, 0, 1, 2, 2, 8, 38]), is_negative: rng.one_in(3), magnitude, is_carried: false }
}

fn instant(rng: &mut Rng) -> Instant {
    let minutes_east = rng.one_of(&[0, 0, 600, -210, 345, 1, -1, 1_080, -1_080]);
    let last = 9_214_646_399;
    // Leap days, ends of years and centuries, the first and the last second there is.
    let any = rng.next() % last;
    let seconds = rng.one_of(&[0, 59, 68_169_599, 951_782_400, 951_868_799, 4_107_542_399, 1_795_323_845, last, any]);
    Instant { seconds, nanoseconds: rng.one_of(&[0, 0, 1, 1_000, 1_000_000, 120_000_000, 999_999_999]), minutes_east }
}

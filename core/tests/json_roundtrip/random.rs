//! Random messages of any shape, drawn from a tape of numbers, so that proptest can shrink the tape.

use ordo_core::proto::{BigNumber, from_wire};
use prost::Message;
use prost_reflect::prost::bytes::Bytes;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

/// A used-up tape gives zeros, which mean "absent" and "default": a shorter tape is a smaller message.
pub(crate) struct Tape<'a> {
    rest: std::slice::Iter<'a, u16>,
}

impl<'a> Tape<'a> {
    pub(crate) fn new(tape: &'a [u16]) -> Tape<'a> {
        Tape { rest: tape.iter() }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.rest.next().copied().unwrap_or(0)) % bound
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

const STRINGS: [&str; 12] =
    ["", "a", "AUD", "BHP", "é", "😀\u{fffd}", "\"\\/", "\u{0}\u{1f}\u{7f}", "\u{2028}\u{feff}", " ", "null", LONG];
const LONG: &str = "more than one hundred and twenty-seven bytes, so that lengths take two bytes: \
    ..........................................................................";

pub(crate) fn message(descriptor: &MessageDescriptor, tape: &mut Tape<'_>) -> DynamicMessage {
    match descriptor.name() {
        "BigNumber" => return decimal(descriptor, tape),
        "TimestampWithTimeZone" => return timestamp(descriptor, tape),
        _ => {}
    }
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        if tape.below(3) != 0 {
            message.set_field(&field, field_value(&field, tape));
        }
    }
    message
}

fn field_value(field: &FieldDescriptor, tape: &mut Tape<'_>) -> Value {
    let count = tape.below(4);
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else { unreachable!("a map is a list of entries") };
        let value_kind = entry.map_entry_value_field().kind();
        let entries = (0..count).map(|_| (MapKey::String(tape.one_of(&STRINGS).to_owned()), value(&value_kind, tape)));
        return Value::Map(entries.collect());
    }
    if field.is_list() {
        return Value::List((0..count).map(|_| value(&field.kind(), tape)).collect());
    }
    value(&field.kind(), tape)
}

fn value(kind: &Kind, tape: &mut Tape<'_>) -> Value {
    match kind {
        Kind::Bool => Value::Bool(tape.below(2) == 1),
        Kind::Int32 | Kind::Sint32 => Value::I32(tape.one_of(&[0, 1, -1, 127, i32::MAX, i32::MIN])),
        Kind::Uint32 => Value::U32(tape.one_of(&[0, 1, 128, u32::MAX])),
        Kind::Int64 => Value::I64(tape.one_of(&[0, 1, -1, 9_007_199_254_740_993, i64::MAX, i64::MIN])),
        Kind::Uint64 => Value::U64(tape.one_of(&[0, 1, 9_007_199_254_740_993, u64::MAX])),
        Kind::String => Value::String(tape.one_of(&STRINGS).to_owned()),
        Kind::Bytes => Value::Bytes(Bytes::from((0..tape.below(5)).map(|_| tape.below(256) as u8).collect::<Vec<_>>())),
        Kind::Message(descriptor) => Value::Message(message(descriptor, tape)),
        Kind::Enum(names) => {
            let mut numbers: Vec<i32> = names.values().map(|value| value.number()).collect();
            numbers.extend([9_999, -1, i32::MIN]);
            Value::EnumNumber(tape.one_of(&numbers))
        }
        other => unreachable!("the schema has no {other:?}"),
    }
}

/// Any spelling that can be held: minus zero, high bytes of zero, a scale whose value is zero.
fn decimal(descriptor: &MessageDescriptor, tape: &mut Tape<'_>) -> DynamicMessage {
    let scale = tape.one_of(&[0u32, 1, 2, 8, 38, 39, 1000]);
    let is_negative = tape.below(2) == 1;
    let mut magnitude: Vec<u8> = (0..tape.below(17)).map(|_| tape.below(256) as u8).collect();
    magnitude.resize(magnitude.len() + tape.below(20), 0);
    if from_wire(scale, is_negative, &magnitude).is_err() {
        return BigNumber::default().transcode(descriptor);
    }
    let mut message = DynamicMessage::new(descriptor.clone());
    message.set_field_by_name("Scale", Value::U32(scale));
    message.set_field_by_name("IsNegative", Value::Bool(is_negative));
    message.set_field_by_name("Value", Value::Bytes(magnitude.into()));
    message
}

trait Transcode {
    fn transcode(&self, descriptor: &MessageDescriptor) -> DynamicMessage;
}

impl Transcode for BigNumber {
    fn transcode(&self, descriptor: &MessageDescriptor) -> DynamicMessage {
        DynamicMessage::decode(descriptor.clone(), &self.encode_to_vec()[..]).expect("written by prost")
    }
}

fn timestamp(descriptor: &MessageDescriptor, tape: &mut Tape<'_>) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    message.set_field_by_name("Seconds", Value::U64(tape.one_of(&[0, 1, 951_868_799, 1_795_323_845, 9_214_646_399])));
    message.set_field_by_name("Nanoseconds", Value::U32(tape.one_of(&[0, 1, 1_000, 500_000_000, 999_999_999])));
    message.set_field_by_name("TzOffset", Value::I32(tape.one_of(&[0, 600, -210, 1080, -1080, 1])));
    message
}

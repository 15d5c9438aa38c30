//! From bytes to a tree, the slow and obvious way. What cannot be a message ends the reading; figures and instants
//! that cannot be held are noted, and the reading goes on: a message may have more than one thing wrong with it.

use num_bigint::BigUint;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::figure::Figure;
use super::{Instant, Tree, Value};

/// Messages and groups within one another; prost's limit.
const DEPTH_MAX: usize = 100;

/// What is wrong with the values of a message that is one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Faults {
    pub(crate) is_out_of_range: bool,
    pub(crate) has_bad_time: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Malformed;

/// What the bytes say, and what is wrong with it.
pub(crate) struct Reading {
    pub(crate) result: Result<Tree, Malformed>,
    pub(crate) faults: Faults,
}

pub(crate) fn read(descriptor: &MessageDescriptor, bytes: &[u8]) -> Reading {
    let (mut tree, mut faults) = (Tree::new(), Faults::default());
    let result = merge(descriptor, bytes, &mut tree, &mut faults, 0);
    if result.is_ok() && !faults.is_out_of_range {
        normalise(descriptor, &mut tree);
    }
    Reading { result: result.map(|()| tree), faults }
}

fn merge(
    descriptor: &MessageDescriptor,
    mut bytes: &[u8],
    tree: &mut Tree,
    faults: &mut Faults,
    depth: usize,
) -> Result<(), Malformed> {
    if depth > DEPTH_MAX {
        return Err(Malformed);
    }
    while !bytes.is_empty() {
        let (number, wire) = tag(&mut bytes)?;
        let Some(field) = descriptor.get_field(number) else {
            skip(&mut bytes, number, wire, depth)?;
            continue;
        };
        if wire != wire_type(&field) {
            return Err(Malformed);
        }
        if field.is_map() {
            let (key, value) = entry(&field, delimited(&mut bytes)?, faults, depth + 1)?;
            let Value::Map(map) = tree.entry(number).or_insert_with(|| Value::Map(Default::default())) else {
                unreachable!("a map is nothing else")
            };
            map.insert(key, value);
        } else if field.is_list() {
            let value = value(&field.kind(), None, &mut bytes, faults, depth)?;
            let Value::List(list) = tree.entry(number).or_insert_with(|| Value::List(Vec::new())) else {
                unreachable!("a list is nothing else")
            };
            list.push(value);
        } else {
            let before = tree.remove(&number);
            tree.insert(number, value(&field.kind(), before, &mut bytes, faults, depth)?);
        }
    }
    Ok(())
}

fn entry(
    field: &FieldDescriptor,
    mut bytes: &[u8],
    faults: &mut Faults,
    depth: usize,
) -> Result<(String, Value), Malformed> {
    let Kind::Message(descriptor) = field.kind() else { unreachable!("a map is a list of entries") };
    let kind = descriptor.map_entry_value_field().kind();
    let (mut key, mut given) = (String::new(), None);
    if is_carried(field) {
        given = Some(Value::Figure(Figure { is_carried: true, ..Figure::default() }));
    }
    while !bytes.is_empty() {
        let (number, wire) = tag(&mut bytes)?;
        match descriptor.get_field(number) {
            Some(known) if wire != wire_type(&known) => return Err(Malformed),
            Some(_) if number == 1 => key = text(delimited(&mut bytes)?)?,
            Some(_) => given = Some(value(&kind, given, &mut bytes, faults, depth)?),
            None => skip(&mut bytes, number, wire, depth)?,
        }
    }
    Ok((key, given.unwrap_or_else(|| default_of(&kind))))
}

/// Numbers that no rule computes with. The hub computes those of positions itself.
fn is_carried(map: &FieldDescriptor) -> bool {
    let of_position = ["CashPosition", "AssetPosition"].contains(&map.parent_message().name());
    map.name() == "Values"
        && !of_position
        && matches!(map.kind(), Kind::Message(entry) if matches!(
            entry.map_entry_value_field().kind(), Kind::Message(inner) if inner.name() == "BigNumber"))
}

/// One more occurrence of a field: sub-messages are merged, of the others the last one counts.
fn value(
    kind: &Kind,
    before: Option<Value>,
    bytes: &mut &[u8],
    faults: &mut Faults,
    depth: usize,
) -> Result<Value, Malformed> {
    Ok(match kind {
        Kind::String => Value::Text(text(delimited(bytes)?)?),
        Kind::Bytes => Value::Bytes(delimited(bytes)?.to_vec()),
        Kind::Message(inner) => {
            let content = delimited(bytes)?;
            let mut value = before.unwrap_or_else(|| default_of(kind));
            match &mut value {
                Value::Figure(figure) => merge_figure(content, figure, faults, depth + 1)?,
                Value::Instant(instant) => {
                    merge_instant(content, instant, depth + 1)?;
                    faults.has_bad_time |= !instant.is_one();
                }
                Value::Message(tree) => merge(inner, content, tree, faults, depth + 1)?,
                other => unreachable!("{other:?} is no message"),
            }
            value
        }
        number => Value::Number(narrowed(number, varint(bytes)?)),
    })
}

/// Held or not after each of its fields, as they come: a figure is never thought over.
fn merge_figure(mut bytes: &[u8], figure: &mut Figure, faults: &mut Faults, depth: usize) -> Result<(), Malformed> {
    while !bytes.is_empty() {
        match tag(&mut bytes)? {
            (1, 0) => figure.scale = varint(&mut bytes)? as u32,
            (2, 0) => figure.is_negative = varint(&mut bytes)? != 0,
            (3, 2) => figure.magnitude = BigUint::from_bytes_le(delimited(&mut bytes)?),
            (1..=3, _) => return Err(Malformed),
            (number, wire) => skip(&mut bytes, number, wire, depth)?,
        }
        faults.is_out_of_range |= !figure.is_held();
    }
    Ok(())
}

fn merge_instant(mut bytes: &[u8], instant: &mut Instant, depth: usize) -> Result<(), Malformed> {
    while !bytes.is_empty() {
        match tag(&mut bytes)? {
            (1, 0) => instant.seconds = varint(&mut bytes)?,
            (2, 0) => instant.nanoseconds = varint(&mut bytes)? as u32,
            (3, 0) => instant.minutes_east = narrowed(&Kind::Sint32, varint(&mut bytes)?) as i32,
            (1..=3, _) => return Err(Malformed),
            (number, wire) => skip(&mut bytes, number, wire, depth)?,
        }
    }
    Ok(())
}

pub(crate) fn default_of(kind: &Kind) -> Value {
    match kind {
        Kind::String => Value::Text(String::new()),
        Kind::Bytes => Value::Bytes(Vec::new()),
        Kind::Message(inner) if inner.name() == "BigNumber" => Value::Figure(Figure::default()),
        Kind::Message(inner) if inner.name() == "TimestampWithTimeZone" => Value::Instant(Instant::default()),
        Kind::Message(_) => Value::Message(Tree::new()),
        _ => Value::Number(0),
    }
}

fn narrowed(kind: &Kind, varint: u64) -> i128 {
    match kind {
        Kind::Bool => i128::from(varint != 0),
        Kind::Int32 | Kind::Enum(_) => i128::from(varint as u32 as i32),
        Kind::Uint32 => i128::from(varint as u32),
        Kind::Int64 => i128::from(varint as i64),
        Kind::Uint64 => i128::from(varint),
        Kind::Sint32 => {
            let zigzag = i128::from(varint as u32);
            if zigzag % 2 == 0 { zigzag / 2 } else { -(zigzag + 1) / 2 }
        }
        other => unreachable!("the schema has no {other:?}"),
    }
}

/// Drops what is the same as absent, and brings figures into the form in which they are shown.
pub(crate) fn normalise(descriptor: &MessageDescriptor, tree: &mut Tree) {
    for field in descriptor.fields() {
        let number = field.number();
        let is_default = !field.is_list()
            && !field.is_map()
            && !field.supports_presence()
            && tree.get(&number) == Some(&default_of(&field.kind()));
        let is_empty = matches!(tree.get(&number), Some(Value::List(list)) if list.is_empty())
            || matches!(tree.get(&number), Some(Value::Map(map)) if map.is_empty());
        if is_default || is_empty {
            tree.remove(&number);
        }
        let kind = match field.kind() {
            Kind::Message(entry) if field.is_map() => entry.map_entry_value_field().kind(),
            kind => kind,
        };
        match tree.get_mut(&number) {
            Some(Value::List(list)) => list.iter_mut().for_each(|value| normalise_value(&kind, value)),
            Some(Value::Map(map)) => map.values_mut().for_each(|value| normalise_value(&kind, value)),
            Some(value) => normalise_value(&kind, value),
            None => {}
        }
    }
}

fn normalise_value(kind: &Kind, value: &mut Value) {
    match (value, kind) {
        (Value::Figure(figure), _) => *figure = figure.canonical(),
        (Value::Instant(instant), _) => *instant = instant.canonical(),
        (Value::Message(tree), Kind::Message(inner)) => normalise(inner, tree),
        _ => {}
    }
}

fn wire_type(field: &FieldDescriptor) -> u8 {
    match field.kind() {
        Kind::String | Kind::Bytes | Kind::Message(_) => 2,
        _ => 0,
    }
}

fn tag(bytes: &mut &[u8]) -> Result<(u32, u8), Malformed> {
    let tag = u32::try_from(varint(bytes)?).map_err(|_| Malformed)?;
    match (tag >> 3, (tag & 7) as u8) {
        (0, _) | (_, 6 | 7) => Err(Malformed),
        parts => Ok(parts),
    }
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0u128;
    for place in 0..10 {
        let byte = take(bytes, 1)?[0];
        value += u128::from(byte % 128) << (7 * place);
        if byte < 128 {
            return u64::try_from(value).map_err(|_| Malformed);
        }
    }
    Err(Malformed)
}

fn delimited<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let size = varint(bytes)?;
    take(bytes, usize::try_from(size).map_err(|_| Malformed)?)
}

fn take<'a>(bytes: &mut &'a [u8], size: usize) -> Result<&'a [u8], Malformed> {
    if size > bytes.len() {
        return Err(Malformed);
    }
    let (taken, rest) = bytes.split_at(size);
    *bytes = rest;
    Ok(taken)
}

fn text(bytes: &[u8]) -> Result<String, Malformed> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Malformed)
}

fn skip(bytes: &mut &[u8], number: u32, wire: u8, depth: usize) -> Result<(), Malformed> {
    if depth >= DEPTH_MAX {
        return Err(Malformed);
    }
    match wire {
        0 => varint(bytes).map(drop),
        1 => take(bytes, 8).map(drop),
        2 => delimited(bytes).map(drop),
        5 => take(bytes, 4).map(drop),
        3 => loop {
            let (inner, wire) = tag(bytes)?;
            if wire == 4 {
                return if inner == number { Ok(()) } else { Err(Malformed) };
            }
            skip(bytes, inner, wire, depth + 1)?;
        },
        _ => Err(Malformed),
    }
}

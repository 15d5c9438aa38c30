//! Every message of the schema in every spelling that a client may use: JSON is read as a naive speller meant it, and
//! what is written is its one canonical form. A single fault anywhere is told by its exact path.
//!
//! `ORDO_SEED` and `ORDO_CASES` choose other messages.

mod plain;

use ordo_core::json::{self, JsonError, MessageId, Read, Style, message};
use ordo_testkit::wire::broken;
use ordo_testkit::{Random, seeds};
use plain::reader::read;
use plain::{Tree, Value, generator, spelling};
use prost_reflect::{Kind, MessageDescriptor};

fn to_binary(id: MessageId, text: &str, is_lenient: bool) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::new();
    json::to_binary(id, text.as_bytes(), Read { is_lenient }, &mut out).map(|()| out)
}

fn to_json(id: MessageId, bytes: &[u8], is_compact: bool) -> String {
    let mut out = Vec::new();
    json::from_binary(id, bytes, Style { is_compact }, &mut out).expect("it was read");
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// Seeds go round all messages: `case` gets each with its descriptor, a random tree of it, and more of the randomness.
/// Answers how many there were.
fn for_cases(cases: u64, mut case: impl FnMut(MessageId, &MessageDescriptor, Tree, &mut Random)) -> u64 {
    let pool = plain::pool();
    let kinds: Vec<(MessageId, MessageDescriptor)> = message::ALL
        .iter()
        .filter(|id| !matches!(id.name(), "BigNumber" | "TimestampWithTimeZone"))
        .map(|&id| (id, plain::descriptor(&pool, id.name())))
        .collect();
    seeds::for_cases(1, cases, |seed| {
        let (id, descriptor) = &kinds[seed as usize % kinds.len()];
        let mut rng = Random::of(seed);
        let tree = generator::message(descriptor, &mut rng);
        case(*id, descriptor, tree, &mut rng);
    })
}

#[test]
fn any_spelling_of_a_message_is_read_as_what_it_says() {
    for_cases(20_000, |id, descriptor, tree, rng| {
        let text = spelling::any(descriptor, &tree, rng);
        let bytes = to_binary(id, &text, false).unwrap_or_else(|error| panic!("{} {text}", error.code()));
        let reading = read(descriptor, &bytes);
        assert_eq!(reading.result.as_ref(), Ok(&tree), "{text}");
        assert!(!reading.faults.has_bad_time && !reading.faults.is_out_of_range, "{text}");
        // Whichever spelling: the same bytes.
        let other = spelling::any(descriptor, &tree, rng);
        assert_eq!(to_binary(id, &other, true).as_ref(), Ok(&bytes), "{text}\n{other}");
    });
}

#[test]
fn a_message_is_written_in_its_one_form() {
    for_cases(20_000, |id, descriptor, tree, rng| {
        let bytes = to_binary(id, &spelling::any(descriptor, &tree, rng), false).expect("it is a message");
        for is_compact in [false, true] {
            let text = to_json(id, &bytes, is_compact);
            assert_eq!(text, spelling::canonical(descriptor, &tree, is_compact));
            // And there again, with those figures that are always shown.
            let again = to_binary(id, &text, false).expect("what is written is read");
            assert_eq!(to_json(id, &again, is_compact), text);
        }
    });
}

#[test]
fn one_fault_is_told_by_its_path_and_only_an_unknown_name_can_be_forgiven() {
    let (mut struck, mut forgiven) = (0, 0);
    let cases = for_cases(30_000, |id, descriptor, tree, rng| {
        let (text, fault) = spelling::faulty(descriptor, &tree, rng);
        let Some(fault) = fault else { return };
        struck += 1;
        let strict = to_binary(id, &text, false).map_err(|error| error.code());
        assert_eq!(strict, Err(fault.code.clone()), "{text}");
        let lenient = to_binary(id, &text, true).map_err(|error| error.code());
        if fault.is_unknown_name {
            forgiven += 1;
            assert_eq!(read(descriptor, &lenient.expect("an unknown name is skipped")).result, Ok(tree), "{text}");
        } else {
            assert_eq!(lenient, Err(fault.code), "{text}");
        }
    });
    println!("{struck} struck, {forgiven} forgiven");
    assert!(cases < 1_000 || (struck > 0 && forgiven > 0));
}

/// Somebody broke the text: whatever is still read is a message, the same for a lenient reader, and is written again in
/// the one form that its bytes have.
#[test]
fn a_broken_text_is_refused_or_is_a_message() {
    let (mut read_still, mut refused) = (0u64, 0u64);
    let cases = for_cases(30_000, |id, descriptor, tree, rng| {
        let text = spelling::any(descriptor, &tree, rng);
        let broken = broken(rng, text.as_bytes());
        let read_by = |is_lenient| {
            let mut out = Vec::new();
            json::to_binary(id, &broken, Read { is_lenient }, &mut out).map(|()| out)
        };
        let (strict, lenient) = (read_by(false), read_by(true));
        let Ok(bytes) = strict else {
            refused += 1;
            return;
        };
        read_still += 1;
        assert_eq!(lenient.as_ref(), Ok(&bytes));
        let reading = read(descriptor, &bytes);
        assert!(!reading.faults.has_bad_time && !reading.faults.is_out_of_range);
        let tree = reading.result.expect("what is read is a message");
        assert_eq!(to_json(id, &bytes, true), spelling::canonical(descriptor, &tree, true));
    });
    println!("{read_still} read still, {refused} refused");
    assert!(cases < 1_000 || (read_still > 0 && refused > 0));
}

/// Names of an enum: each is read back as its own number, in full and short, in any case; numbers that have no name
/// are carried as they are, a name that has no number is refused.
#[test]
fn every_enum_of_the_schema_is_read_by_name_and_number_and_unknown_numbers_are_kept() {
    let pool = plain::pool();
    let mut fields = 0;
    for &id in message::ALL {
        let descriptor = plain::descriptor(&pool, id.name());
        for field in descriptor.fields() {
            let Kind::Enum(names) = field.kind() else { continue };
            fields += 1;
            let (name, number) = (field.name(), field.number());
            let read_as = |text: String| {
                let bytes = to_binary(id, &format!("{{\"{name}\":{text}}}"), false).map_err(|error| error.code())?;
                let tree = read(&descriptor, &bytes).result.expect("it was just written");
                Ok::<_, String>(tree.get(&number).cloned().unwrap_or(Value::Number(0)))
            };
            for value in names.values() {
                let is = Ok(Value::Number(value.number().into()));
                let (full, short) = (value.name(), value.name().split_once('_').expect("PREFIX_NAME").1);
                for spelled in [full, short, &short.to_lowercase(), &short.to_uppercase()] {
                    assert_eq!(read_as(format!("\"{spelled}\"")), is, "{id:?}.{name} {spelled}");
                }
                assert_eq!(read_as(value.number().to_string()), is);
            }
            for unknown in [9_999, -1, i32::MIN, i32::MAX] {
                assert_eq!(read_as(unknown.to_string()), Ok(Value::Number(unknown.into())), "{id:?}.{name} {unknown}");
                let bytes = to_binary(id, &format!("{{\"{name}\":{unknown}}}"), false).expect("it was just read");
                for is_compact in [false, true] {
                    let text = to_json(id, &bytes, is_compact);
                    assert!(text.contains(&format!("\"{name}\":{unknown}")), "{text}");
                }
            }
            assert_eq!(read_as("\"NO_SUCH\"".into()), Err(format!("Data.Deserialise {name}")));
            assert_eq!(read_as("2147483648".into()), Err("NumberOutOfRange".to_owned()));
        }
    }
    assert!(fields > 30, "{fields} fields are enums");
}

//! Names, numbers and types of the schema against `schema.golden`: a number once given is never given again.
//!
//! New lines are added by `ORDO_BLESS=1 cargo test -p ordo-core --test proto_schema`. A line that is gone or changed
//! breaks clients and journals: no blessing helps, the golden file would have to be edited by hand.

use std::collections::BTreeSet;

use ordo_core::proto::DESCRIPTOR_SET;
use prost_reflect::{Cardinality, DescriptorPool, FieldDescriptor, Kind};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schema.golden");

/// One line per message, field, enum and value: `Package.Message 12 Name: type`.
fn schema() -> BTreeSet<String> {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET).expect("the build wrote it");
    let mut lines = BTreeSet::new();
    for message in pool.all_messages().filter(|message| !message.is_map_entry()) {
        lines.insert(format!("message {}", message.full_name()));
        for field in message.fields() {
            let (owner, number) = (message.full_name(), field.number());
            lines.insert(format!("message {owner} {number:03} {}: {}", field.name(), type_of(&field)));
        }
    }
    for names in pool.all_enums() {
        lines.insert(format!("enum {}", names.full_name()));
        for value in names.values() {
            lines.insert(format!("enum {} {:03} {}", names.full_name(), value.number(), value.name()));
        }
    }
    lines
}

fn type_of(field: &FieldDescriptor) -> String {
    if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
        return format!("map<string, {}>", kind(&entry.map_entry_value_field().kind()));
    }
    match (field.cardinality(), field.field_descriptor_proto().proto3_optional()) {
        (Cardinality::Repeated, _) => format!("repeated {}", kind(&field.kind())),
        (_, true) => format!("optional {}", kind(&field.kind())),
        _ => kind(&field.kind()),
    }
}

fn kind(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) => message.name().to_owned(),
        Kind::Enum(names) => names.name().to_owned(),
        scalar => format!("{scalar:?}"),
    }
}

#[test]
fn no_name_number_or_type_ever_changes() {
    let now = schema();
    let text = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    let golden: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    let gone: Vec<&String> = golden.difference(&now).collect();
    assert!(gone.is_empty(), "gone or changed, which breaks clients and journals: {gone:#?}");
    if std::env::var_os("ORDO_BLESS").is_some() {
        let lines: String = now.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(GOLDEN, lines).expect("the golden file is writable");
        return;
    }
    let new: Vec<&String> = now.difference(&golden).collect();
    assert!(new.is_empty(), "not in schema.golden yet (bless them if they are meant to be): {new:#?}");
}

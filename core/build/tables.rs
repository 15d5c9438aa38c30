//! From the descriptors to Rust: the prost types (`prost_types.rs`) and the static tables that drive the JSON
//! transcoder (`schema.rs`).
//!
//! The tables are refused here, at build time, where the transcoder would have to cope with a shape that the schema
//! does not have: repeated numbers (packed or not), map keys other than strings, messages that contain themselves.

mod prost_types;
mod schema;

use std::collections::BTreeMap;
use std::path::Path;

use ::prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorSet};

/// The prost types of every package.
pub(crate) fn write_prost(descriptors: &FileDescriptorSet, out: &Path) {
    prost_types::write(descriptors, out);
}

/// `descriptors.bin`: the descriptor set itself, comments included.
pub(crate) fn write_descriptors(descriptors: &FileDescriptorSet, out: &Path) {
    let encoded = protox::prost::Message::encode_to_vec(descriptors);
    std::fs::write(out.join("descriptors.bin"), encoded).expect("OUT_DIR is writable");
}

/// `json_tables.rs`: one static record per message and per enum.
pub(crate) fn write_tables(descriptors: &FileDescriptorSet, out: &Path) {
    let text = schema::text(&Index::new(descriptors));
    std::fs::write(out.join("json_tables.rs"), text).expect("OUT_DIR is writable");
}

/// Every message and enum by full name (`.Paritech.OMS2.Protocol.Account`), map entries left out.
struct Index<'a> {
    messages: BTreeMap<String, &'a DescriptorProto>,
    enums: BTreeMap<String, &'a EnumDescriptorProto>,
}

impl<'a> Index<'a> {
    fn new(descriptors: &'a FileDescriptorSet) -> Index<'a> {
        let (mut messages, mut enums) = (BTreeMap::new(), BTreeMap::new());
        for file in &descriptors.file {
            let full = |name: &str| format!(".{}.{name}", file.package());
            messages.extend(file.message_type.iter().map(|message| (full(message.name()), message)));
            enums.extend(file.enum_type.iter().map(|e| (full(e.name()), e)));
        }
        Index { messages, enums }
    }

    fn message(&self, type_name: &str) -> &'a DescriptorProto {
        self.messages.get(type_name).unwrap_or_else(|| panic!("{type_name} is no message of the top level"))
    }
}

/// The entry message of a map field; none where the field is no map.
fn map_entry<'a>(message: &'a DescriptorProto, type_name: &str) -> Option<&'a DescriptorProto> {
    let name = type_name.rsplit('.').next().unwrap_or_default();
    let nested = message.nested_type.iter().find(|nested| nested.name() == name)?;
    nested.options.as_ref().is_some_and(::prost_types::MessageOptions::map_entry).then_some(nested)
}

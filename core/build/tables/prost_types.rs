//! The prost types: maps ordered, large fields boxed, `BigNumber` replaced by our own.

use std::collections::BTreeMap;
use std::path::Path;

use ::prost_types::field_descriptor_proto::{Label, Type};
use ::prost_types::{DescriptorProto, FileDescriptorSet};

use super::Index;

const BIG_NUMBER: &str = ".Paritech.OMS2.Protocol.BigNumber";
const CARRIED_NUMBER: &str = ".Paritech.OMS2.Protocol.CarriedNumber";

/// Message fields of more than this many bytes lie behind a box: most shapes set one of many.
const INLINE_BYTES_MAX: usize = 64;

pub(super) fn write(descriptors: &FileDescriptorSet, out: &Path) {
    let index = Index::new(descriptors);
    let mut config = prost_build::Config::new();
    config.out_dir(out).btree_map(["."]).extern_path(BIG_NUMBER, "crate::proto::BigNumber");
    config.extern_path(CARRIED_NUMBER, "crate::proto::CarriedNumber");
    let mut sizes = BTreeMap::new();
    for (name, message) in &index.messages {
        for field in message.field.iter().filter(|f| f.r#type() == Type::Message && f.label() != Label::Repeated) {
            if size_bytes(&index, field.type_name(), &mut sizes) > INLINE_BYTES_MAX {
                config.boxed(format!("{name}.{}", field.name()));
            }
        }
    }
    config.compile_fds(descriptors.clone()).expect("prost types are generated");
    shorten_variants(descriptors, out);
}

/// About the size of the generated struct, boxes counted as boxes.
fn size_bytes(index: &Index<'_>, type_name: &str, known: &mut BTreeMap<String, usize>) -> usize {
    if let Some(&size) = known.get(type_name) {
        return size;
    }
    let size = index.message(type_name).field.iter().map(|field| match (field.label(), field.r#type()) {
        (Label::Repeated, _) | (_, Type::String | Type::Bytes) => 24,
        (_, Type::Message) => match size_bytes(index, field.type_name(), known) {
            large if large > INLINE_BYTES_MAX => 8,
            small => small,
        },
        (_, Type::Int64 | Type::Uint64) => 8,
        _ => 4,
    });
    let size = size.sum();
    known.insert(type_name.to_owned(), size);
    size
}

/// prost strips `SIDE_` from `Side`, but not `ORDERTYPE_` from `OrderType`: `OrderType::OrdertypeLimit` becomes
/// `OrderType::Limit` here. The names as text (`as_str_name`) stay as declared.
fn shorten_variants(descriptors: &FileDescriptorSet, out: &Path) {
    let messages: Vec<&str> =
        descriptors.file.iter().flat_map(|f| &f.message_type).map(DescriptorProto::name).collect();
    let packages: std::collections::BTreeSet<&str> = descriptors.file.iter().map(|file| file.package()).collect();
    let enums = descriptors.file.iter().flat_map(|file| &file.enum_type);
    let prefixes: Vec<String> = enums
        .filter_map(|e| {
            let declared = e.value.first()?.name().split('_').next()?;
            let camel = format!("{}{}", &declared[..1], declared[1..].to_lowercase());
            let is_upper = declared.bytes().all(|b| b.is_ascii_uppercase());
            // `SNAPSHOT_REPLACE`: its prefix also begins the name of messages, so it stays.
            (is_upper && camel != e.name() && !messages.iter().any(|m| m.starts_with(&camel))).then_some(camel)
        })
        .collect();
    for package in packages {
        let path = out.join(format!("{}.rs", module_file(package)));
        let mut text = std::fs::read_to_string(&path).expect("prost wrote one file per package");
        for prefix in &prefixes {
            text = text.replace(prefix.as_str(), "");
        }
        std::fs::write(&path, text).expect("OUT_DIR is writable");
    }
}

/// prost's file name of a package: each part in snake case.
fn module_file(package: &str) -> String {
    package.to_lowercase()
}

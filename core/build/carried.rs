//! Numbers that no rule computes with: the `Values` maps, by their own type.
//!
//! On the wire a carried number is a `BigNumber`; to the generated code it is one more message of the same fields, so that
//! the compiler keeps a figure and a number that may not be one apart. Positions are left out: the hub computes
//! their `Values` itself.

use prost_types::{DescriptorProto, FileDescriptorSet};

const FIGURE: &str = ".Paritech.OMS2.Protocol.BigNumber";
/// Of the descriptors that code is generated from; the published schema does not have it.
pub(crate) const CARRIED: &str = "CarriedNumber";
const COMPUTED: [&str; 2] = ["CashPosition", "AssetPosition"];

/// The schema with the entries of `Values` as carried numbers.
pub(crate) fn with_carried_numbers(mut descriptors: FileDescriptorSet) -> FileDescriptorSet {
    for file in &mut descriptors.file {
        let mut carried = None;
        for message in &mut file.message_type {
            if message.name() == "BigNumber" {
                carried = Some(DescriptorProto { name: Some(CARRIED.to_owned()), ..message.clone() });
            }
            if !COMPUTED.contains(&message.name()) {
                carry_values(message);
            }
        }
        file.message_type.extend(carried);
    }
    descriptors
}

fn carry_values(message: &mut DescriptorProto) {
    let entries = message.nested_type.iter_mut().filter(|nested| nested.name() == "ValuesEntry");
    for value in entries.flat_map(|entry| entry.field.iter_mut().filter(|field| field.type_name() == FIGURE)) {
        value.type_name = Some(FIGURE.replace("BigNumber", CARRIED));
    }
}

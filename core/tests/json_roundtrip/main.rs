//! Every message of the schema, at random: binary to JSON to binary says the same.
//!
//! The messages are made and compared by prost-reflect from the same descriptors, so that neither the tables nor the
//! prost types are their own judges.

mod random;

use ordo_core::json::{self, MessageId, Read, Style, message};
use ordo_core::proto::{self, DESCRIPTOR_SET, from_wire};
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage, Value};

fn pool() -> DescriptorPool {
    DescriptorPool::decode(DESCRIPTOR_SET).expect("the build wrote it")
}

fn descriptor(pool: &DescriptorPool, id: MessageId) -> MessageDescriptor {
    pool.all_messages().find(|m| m.name() == id.name() && !m.is_map_entry()).expect("one message per table")
}

fn to_json(id: MessageId, bytes: &[u8], is_compact: bool) -> Vec<u8> {
    let mut out = Vec::new();
    json::from_binary(id, bytes, Style { is_compact }, &mut out).expect("a message of the schema is written");
    out
}

fn to_binary(id: MessageId, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    json::to_binary(id, text, Read::default(), &mut out)
        .unwrap_or_else(|error| panic!("{} {}", error.code(), String::from_utf8_lossy(text)));
    out
}

fn decode(descriptor: &MessageDescriptor, bytes: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(descriptor.clone(), bytes).expect("written by the transcoder or by prost-reflect")
}

/// What the JSON form cannot tell apart, made equal: spellings of one figure, and figures that are always written.
fn normalised(message: &mut DynamicMessage) {
    let descriptor = message.descriptor();
    if descriptor.name() == "BigNumber" {
        let field = |name: &str| message.get_field_by_name(name).expect("declared").into_owned();
        let (scale, sign, value) = (field("Scale"), field("IsNegative"), field("Value"));
        let dec = from_wire(scale.as_u32().unwrap(), sign.as_bool().unwrap(), value.as_bytes().unwrap()).unwrap();
        *message = decode(&descriptor, &proto::BigNumber::from(dec).encode_to_vec());
        return;
    }
    let always: &[&str] = match descriptor.name() {
        "CashPosition" => &["Balance", "UnbookedTransactions", "UnfilledBuys", "Margin"],
        "AssetPosition" => &["Quantity", "UnfilledSells"],
        _ => &[],
    };
    for name in always {
        let field = descriptor.get_field_by_name(name).expect("declared");
        // Reading it mutably makes it present.
        message.get_field_mut(&field);
    }
    for field in descriptor.fields().filter(|field| field.kind().as_message().is_some()) {
        if message.has_field(&field) {
            normalise_value(message.get_field_mut(&field));
        }
    }
}

fn normalise_value(value: &mut Value) {
    match value {
        Value::Message(message) => normalised(message),
        Value::List(items) => items.iter_mut().for_each(normalise_value),
        Value::Map(entries) => entries.values_mut().for_each(normalise_value),
        _ => {}
    }
}

/// Top-level fields in another order (a field's own values keep theirs), between unknown ones.
fn shuffled(bytes: &[u8], descriptor: &MessageDescriptor) -> Vec<u8> {
    let message = decode(descriptor, bytes);
    let mut out = Vec::new();
    for (field, value) in message.fields().collect::<Vec<_>>().into_iter().rev() {
        let mut alone = DynamicMessage::new(descriptor.clone());
        alone.set_field(&field, value.clone());
        out.extend_from_slice(b"\xfa\x3f\x01x\xf8\x3f\x07");
        alone.encode(&mut out).expect("a Vec takes all bytes");
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(11),
        ..ProptestConfig::default()
    })]

    #[test]
    fn binary_to_json_to_binary_says_the_same(tape in proptest::collection::vec(any::<u16>(), 0..400)) {
        let pool = pool();
        for &id in message::ALL {
            let descriptor = descriptor(&pool, id);
            let bytes = random::message(&descriptor, &mut random::Tape::new(&tape)).encode_to_vec();
            // Decoded anew: a field set to its default is not the same as none to prost-reflect.
            let mut expected = decode(&descriptor, &bytes);
            normalised(&mut expected);

            let text = to_json(id, &bytes, false);
            let canonical = to_binary(id, &text);
            prop_assert_eq!(decode(&descriptor, &canonical), expected, "{}", String::from_utf8_lossy(&text));
            // Both directions are functions of the content.
            prop_assert_eq!(to_json(id, &canonical, false), text.clone());
            prop_assert_eq!(to_json(id, &shuffled(&bytes, &descriptor), false), text);
            prop_assert_eq!(to_binary(id, &to_json(id, &bytes, true)), canonical);
        }
    }

    #[test]
    fn the_bytes_are_those_that_prost_writes(tape in proptest::collection::vec(any::<u16>(), 0..400)) {
        let pool = pool();
        check_prost::<proto::RequestMessage>(&pool, message::REQUEST_MESSAGE, &tape);
        check_prost::<proto::EventMessage>(&pool, message::EVENT_MESSAGE, &tape);
        check_prost::<proto::ExternalAction>(&pool, message::EXTERNAL_ACTION, &tape);
        check_prost::<proto::Operation>(&pool, message::OPERATION, &tape);
        check_prost::<proto::OrderState>(&pool, message::ORDER_STATE, &tape);
        check_prost::<proto::model::AuditRecord>(&pool, message::AUDIT_RECORD, &tape);
        check_prost::<proto::model::CashSettlementRecord>(&pool, message::CASH_SETTLEMENT_RECORD, &tape);
    }
}

fn check_prost<M: Message + Default>(pool: &DescriptorPool, id: MessageId, tape: &[u16]) {
    let original = random::message(&descriptor(pool, id), &mut random::Tape::new(tape));
    let canonical = to_binary(id, &to_json(id, &original.encode_to_vec(), false));
    let typed = M::decode(&canonical[..]).expect("prost reads what the transcoder writes");
    assert_eq!(typed.encode_to_vec(), canonical, "{id:?}");
}

#[test]
fn every_message_of_the_descriptors_has_a_table() {
    let mut declared: Vec<String> =
        pool().all_messages().filter(|m| !m.is_map_entry()).map(|m| m.name().to_owned()).collect();
    let mut known: Vec<String> = message::ALL.iter().map(|id| id.name().to_owned()).collect();
    declared.sort();
    known.sort();
    assert_eq!(known, declared);
}

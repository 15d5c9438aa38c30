//! What the codecs allocate stays within a multiple of what was sent, whatever it claims: bytes held at the same time
//! while reading, against the size of the message.
#![allow(unsafe_code)]

mod plain;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ordo_core::json::{self, MessageId, message};
use ordo_core::proto;
use ordo_core::wire::{FeedRequest, RequestMessage};
use ordo_testkit::wire::{Flaw, Shape, broken};
use ordo_testkit::{Random, seeds};
use prost::Message;

/// Counts what this thread holds, and the most that it held.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    let _ = HELD.try_with(|held| {
        held.set(held.get() + change);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: hands everything on to the system's allocator; counting touches const-initialised thread locals only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes held at a time while `run` runs, beyond those held before.
fn most_held<T>(run: impl FnOnce() -> T) -> usize {
    let before = HELD.get();
    MOST.set(before);
    let result = run();
    let most = MOST.get() - before;
    drop(result);
    most.unsigned_abs()
}

/// Bytes that are held whatever is sent: errors, first allocations of growing vectors.
const BASE_BYTES: usize = 4_096;

/// An empty element of two bytes becomes a struct of a hundred, in a vector that doubles: prost's types, for whoever
/// sends ten thousand of them. What is hot stays far below.
const PROST_MULTIPLE: usize = 120;

/// A text is taken apart into members: name, place, and where it was written.
const JSON_READ_MULTIPLE: usize = 32;

/// A field of two bytes becomes a place and a slice on the stack of those found, in a vector that doubles, and is then
/// sorted; a figure of four bytes becomes forty digits.
const JSON_WRITE_MULTIPLE: usize = 80;

#[derive(Debug, Default)]
struct Worst {
    flat: f64,
    prost: f64,
    read: f64,
    written: f64,
}

fn note(worst: &mut f64, held: usize, sent: usize, multiple: usize, what: &dyn Fn() -> String) {
    assert!(held <= BASE_BYTES + multiple * sent, "{held} bytes held for {sent} sent: {}", what());
    if sent >= 2_000 {
        *worst = worst.max(held as f64 / sent as f64);
    }
}

fn check_binary(bytes: &[u8], worst: &mut Worst) {
    let shown = || format!("{:x?}", &bytes[..bytes.len().min(64)]);
    let held = most_held(|| {
        let mut feed = FeedRequest::default();
        RequestMessage::decode(bytes).and_then(|envelope| feed.decode_into(bytes, envelope.feed))
    });
    // The keys of one map, to be sorted; all else is spans.
    note(&mut worst.flat, held, bytes.len(), 24, &shown);
    let held = most_held(|| proto::RequestMessage::decode(bytes));
    note(&mut worst.prost, held, bytes.len(), PROST_MULTIPLE, &shown);
    let held = most_held(|| written(message::REQUEST_MESSAGE, bytes));
    note(&mut worst.written, held, bytes.len(), JSON_WRITE_MULTIPLE, &shown);
}

fn check_text(text: &str, worst: &mut Worst) {
    for is_lenient in [false, true] {
        let held = most_held(|| {
            let mut out = Vec::new();
            json::to_binary(message::REQUEST_MESSAGE, text.as_bytes(), json::Read { is_lenient }, &mut out)
                .map(|()| out)
        });
        note(&mut worst.read, held, text.len(), JSON_READ_MULTIPLE, &|| text[..text.len().min(64)].to_owned());
    }
}

fn written(id: MessageId, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    json::from_binary(id, bytes, json::Style::default(), &mut out).ok().map(|()| out)
}

fn nested(tag: &[u8], content: &[u8]) -> Vec<u8> {
    let mut out = tag.to_vec();
    prost::encoding::encode_varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

/// An order of a feed's action in its envelope.
fn with_order(order: &[u8]) -> Vec<u8> {
    nested(&[0xea, 0x01], &nested(&[0xaa, 0x01], &nested(&[0x52], order)))
}

#[test]
fn a_message_of_very_many_parts_is_held_in_a_multiple_of_its_size() {
    let mut worst = Worst::default();
    let count = 20_000;
    let distinct = |tag: [u8; 2]| -> Vec<u8> {
        let entry = |n: usize| nested(&tag, &nested(&[0x0a], format!("{n:x}").as_bytes()));
        (0..count).flat_map(entry).collect()
    };
    for order in [
        b"\x82\x02\x00".repeat(count),                 // IDs
        b"\x82\x03\x00".repeat(count),                 // Errors
        b"\xf2\x01\x00".repeat(count),                 // Values, one key
        b"\x82\x02\x04\xfa\x01\x01\x00".repeat(count), // IDs, each with an unknown field
        b"\x0a\x00".repeat(count),                     // OrderID
        b"\x12\x00".repeat(count),                     // Account, in parts
        b"\xb2\x01\x02\x08\x26".repeat(count),         // Price: zero, of 38 digits
        b"\xf8\x3f\x01".repeat(count),                 // unknown
        b"\xfb\x3f\xfc\x3f".repeat(count),             // groups
        b"\xfb\x3f".repeat(count),                     // open groups
        distinct([0xea, 0x01]),
        distinct([0xf2, 0x01]),
        distinct([0xfa, 0x01]),
    ] {
        check_binary(&with_order(&order), &mut worst);
    }
    // Subscription: targets, with values each.
    check_binary(&nested(&[0x52], &b"\x52\x00".repeat(count)), &mut worst);
    check_binary(&nested(&[0x52], &b"\x52\x02\x12\x00".repeat(count)), &mut worst);
    println!("multiples: {worst:?}");
}

/// Every message that any field holds many of, alone and empty: how large its struct is decides.
#[test]
fn every_repeated_field_of_the_schema_is_written_within_a_multiple() {
    let mut worst = Worst::default();
    let pool = plain::pool();
    for &id in message::ALL {
        for field in plain::descriptor(&pool, id.name()).fields().filter(|field| field.is_list() || field.is_map()) {
            let mut tag = Vec::new();
            prost::encoding::encode_varint(u64::from(field.number()) << 3 | 2, &mut tag);
            let bytes = nested(&tag, b"").repeat(10_000);
            let held = most_held(|| written(id, &bytes));
            note(&mut worst.written, held, bytes.len(), JSON_WRITE_MULTIPLE, &|| format!("{id:?} {}", field.name()));
        }
    }
    println!("multiples: {worst:?}");
}

#[test]
fn a_text_of_very_many_parts_is_held_in_a_multiple_of_its_size() {
    let mut worst = Worst::default();
    let count = 20_000;
    let list = |item: &dyn Fn(usize) -> String| (0..count).rev().map(item).collect::<Vec<_>>().join(",");
    for order in [
        format!(r#"{{"Errors":[{}]}}"#, list(&|_| "\"\"".into())),
        format!(r#"{{"IDs":[{}]}}"#, list(&|_| "{}".into())),
        format!(r#"{{"Properties":{{{}}}}}"#, list(&|n| format!(r#""{n:x}":"""#))),
        format!(r#"{{"Values":{{{}}}}}"#, list(&|n| format!(r#""{n:x}":0"#))),
        format!("{{{}}}", list(&|n| format!(r#""{n:x}":0"#))),
        format!(r#"{{"X":{}{}}}"#, "[".repeat(count), "]".repeat(count)),
        format!(r#"{{"X":[{}]}}"#, list(&|_| "0".into())),
        format!(r#"{{"Price":{}}}"#, "9".repeat(count)),
        format!(r#"{{"OrderID":"{}"}}"#, r"\u0000".repeat(count)),
        format!(r#"{{"{}":1}}"#, "x".repeat(count)),
    ] {
        check_text(&format!(r#"{{"Feed":{{"Action":{{"Order":{order}}}}}}}"#), &mut worst);
    }
    check_text(&"[".repeat(count), &mut worst);
    check_text(&r#"{"a":"#.repeat(count), &mut worst);
    println!("multiples: {worst:?}");
}

#[test]
fn a_length_that_is_not_there_is_not_allocated() {
    for claim in [&b"\xff\xff\xff\x7f"[..], b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"] {
        for path in [&[][..], &[0xea, 0x01], &[0x52], &[0xea, 0x01, 0x05, 0xaa, 0x01]] {
            let bytes = [path, claim, b"xyz"].concat();
            check_binary(&bytes, &mut Worst::default());
        }
        let bytes = with_order(&[b"\xb2\x01", claim].concat());
        check_binary(&bytes, &mut Worst::default());
        let bytes = with_order(&[b"\xb2\x01\x05\x1a", &claim[..4]].concat());
        check_binary(&bytes, &mut Worst::default());
    }
}

#[test]
fn random_messages_are_held_in_a_multiple_of_their_size() {
    let (pool, mut worst) = (plain::pool(), Worst::default());
    let descriptor = plain::descriptor(&pool, "RequestMessage");
    seeds::for_cases(1, 6_000, |seed| {
        let mut rng = Random::of(seed);
        let flaw = [Flaw::None, Flaw::Field][seed as usize % 2];
        let bytes = Shape { rng: &mut rng, flaw, twice: 20, groups: 40 }.message(&descriptor, 0);
        let broken = broken(&mut rng, &bytes);
        for bytes in [&bytes, &broken] {
            check_binary(bytes, &mut worst);
            if let Some(text) = written(message::REQUEST_MESSAGE, bytes) {
                check_text(std::str::from_utf8(&text).expect("JSON is UTF-8"), &mut worst);
            }
        }
    });
    println!("multiples: {worst:?}");
}

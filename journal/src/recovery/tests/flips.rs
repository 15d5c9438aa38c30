//! Every single bit of frames of every kind, turned over: below the durable it is refused and named, above it is cut.

use super::*;
use crate::Kind;
use crate::testing::{Place, every_kind, for_each_bit};

/// All bits of a frame; of a Pad's zeros every `stride`th.
fn bits_of(place: &Place, stride: u64) -> impl Iterator<Item = u64> {
    let is_pad = place.kind == Kind::Pad;
    let body_from = (place.offset + 64) * 8;
    (place.offset * 8..place.end * 8).filter(move |bit| !is_pad || *bit < body_from || bit % stride == 0)
}

fn place_of(places: &[Place], bit: u64) -> Place {
    *places.iter().find(|place| (place.offset..place.end).contains(&(bit / 8))).expect("a frame is there")
}

fn refused_below_the_durable(stride: u64) {
    let (rig, places) = every_kind(22, true);
    // The last group is the Mark of the close: nothing speaks of it.
    let last_mark = places.iter().rposition(|place| place.kind == Kind::Mark).expect("there is one");
    let kinds: std::collections::BTreeSet<u8> = places[..last_mark].iter().map(|place| place.kind as u8).collect();
    assert_eq!(kinds.len(), 7, "frames of every kind");
    let bits: Vec<u64> = places[..last_mark].iter().flat_map(|place| bits_of(place, stride)).collect();
    println!("{} bits", bits.len());
    for_each_bit(&rig, &bits, |rig, bit| {
        rig.disk.flip(&rig.segment(0), bit);
        rig.disk.fail(&[]);
        let refused = rig.open().err().unwrap_or_else(|| panic!("bit {bit} is not seen"));
        let place = place_of(&places, bit);
        let OpenError::Corrupt(found) = refused else { panic!("bit {bit}: {refused}") };
        assert_eq!((found.segment, found.offset, found.sequence), (0, place.offset, place.after + 1), "bit {bit}");
        rig.disk.flip(&rig.segment(0), bit);
    });
}

fn cut_above_the_durable(stride: u64) {
    // With and without a last Mark: what it would speak of, and the Mark itself, are above.
    for is_marked in [false, true] {
        let (rig, places) = every_kind(23, is_marked);
        let last_mark = places.iter().rposition(|place| place.kind == Kind::Mark).expect("there is one");
        let whole = rig.bytes(0);
        let bits: Vec<u64> = places[last_mark..].iter().flat_map(|place| bits_of(place, stride)).collect();
        println!("{} bits", bits.len());
        for_each_bit(&rig, &bits, |rig, bit| {
            rig.disk.flip(&rig.segment(0), bit);
            let recovered = rig.open().map(|opened| opened.recovered);
            let recovered = recovered.unwrap_or_else(|error| panic!("bit {bit}: {error}"));
            let place = place_of(&places, bit);
            assert_eq!((recovered.last_sequence, recovered.epoch), (place.after, 2), "bit {bit}");
            assert_eq!(recovered.cut.map(|cut| (cut.segment, cut.offset)), Some((0, place.offset)), "bit {bit}");
            rig.lose_tail();
            rig.set_bytes(0, whole.clone());
            rig.disk.set(&rig.segment(1), None);
        });
    }
}

#[test]
fn bits_below_the_durable_are_refused_and_named() {
    refused_below_the_durable(509);
}

#[test]
fn bits_above_the_durable_are_cut_without_a_panic() {
    cut_above_the_durable(509);
}

#[test]
#[ignore = "every bit of the Pads too: run by perf/journal_proof.sh"]
fn every_bit_below_the_durable_is_refused_and_named() {
    refused_below_the_durable(1);
}

#[test]
#[ignore = "every bit of the Pads too: run by perf/journal_proof.sh"]
fn every_bit_above_the_durable_is_cut_without_a_panic() {
    cut_above_the_durable(1);
}

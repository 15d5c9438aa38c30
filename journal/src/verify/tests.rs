use crate::segment::DATA_START;
use crate::testing::{Rig, append};

#[test]
fn every_flipped_bit_anywhere_is_found_padding_and_unused_room_too() {
    let rig = Rig::new(60);
    let mut journal = rig.journal();
    append(&mut journal, 1..=9);
    journal.close().unwrap();
    let whole = rig.bytes(0);
    assert!(rig.verify().is_good());
    for at in 0..whole.len() {
        // Every byte once, with another bit each time; of what was written every fifth byte with all its bits.
        let bits = if at % 5 == 0 && (at as u64) < DATA_START + 4_096 { 0..8 } else { at % 8..at % 8 + 1 };
        for bit in bits {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            rig.set_bytes(0, bytes);
            assert!(!rig.verify().is_good(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn the_report_names_the_first_bad_place_and_says_what_is_still_good() {
    let rig = Rig::new(61);
    let mut journal = rig.journal();
    append(&mut journal, 1..=900);
    journal.close().unwrap();
    let good = rig.verify();
    let first = good.segments[1].first_sequence.unwrap();
    let mut bytes = rig.bytes(1);
    bytes[DATA_START as usize + 80 + 64] ^= 1;
    rig.set_bytes(1, bytes);
    let report = rig.verify();
    let bad = report.bad.unwrap();
    assert_eq!((bad.file.as_str(), bad.place.sequence, bad.was_durable), ("seg-0000000000000001.ordo", first, true));
    assert_eq!((report.frames, report.last), (first - 1, Some((first - 1, (first - 1) * 10))));
    assert_eq!(report.segments.len(), good.segments.len());
    assert_eq!(report.segments[0].blake3, good.segments[0].blake3);
    assert_ne!(report.segments[1].blake3, good.segments[1].blake3);
}

#[test]
fn a_damaged_last_group_is_a_torn_end_and_not_corruption() {
    let rig = Rig::new(62);
    let mut journal = rig.journal();
    append(&mut journal, 1..=9);
    journal.flush().unwrap();
    drop(journal);
    let mut bytes = rig.bytes(0);
    bytes[DATA_START as usize + 200] ^= 1;
    rig.set_bytes(0, bytes);
    let bad = rig.verify().bad.unwrap();
    assert!(!bad.was_durable);
}

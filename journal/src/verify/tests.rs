use crate::frame::BLOCK_BYTES;
use crate::segment::DATA_START;
use crate::testing::{Rig, append};

#[test]
fn every_flipped_bit_anywhere_is_found_padding_and_unused_room_too() {
    let mut rig = Rig::new(60);
    rig.options.body_bytes_max = 1 << 10;
    rig.options.segment_bytes = 20 << 10;
    let mut journal = rig.journal();
    append(&mut journal, 1..=9);
    journal.close().unwrap();
    let whole = rig.bytes(0);
    assert!(rig.verify().is_good());
    for at in 0..whole.len() {
        // All bits of the frames; of the headers' and the last blocks' zeros one bit a byte, another one each time.
        let is_frame = (DATA_START..DATA_START + 1_400).contains(&(at as u64)) || at % BLOCK_BYTES as usize <= 80;
        for bit in if is_frame { 0..8 } else { at % 8..at % 8 + 1 } {
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

use crate::frame::BLOCK_BYTES;
use crate::segment::{DATA_START, segment_name};
use crate::testing::{Place, Rig, append, every_kind, for_each_bit};
use crate::{Field, Kind};

/// Checks that one flipped bit of the journal's segment is found, and named with its file and its place.
fn assert_named(rig: &Rig, places: &[Place], bit: u64) {
    rig.disk.flip(&rig.segment(0), bit);
    let report = rig.verify();
    rig.disk.flip(&rig.segment(0), bit);
    let (at, name) = (bit / 8, segment_name(0));
    if at < DATA_START {
        let copy = at / BLOCK_BYTES * BLOCK_BYTES;
        assert_eq!(report.bad, None, "bit {bit}");
        assert_eq!(report.remarks.len(), 1, "bit {bit}");
        let is_named = report.remarks[0].starts_with(&name) && report.remarks[0].contains(&format!("at byte {copy},"));
        assert!(is_named, "bit {bit}: {}", report.remarks[0]);
        return;
    }
    let bad = report.bad.unwrap_or_else(|| panic!("bit {bit} is not seen"));
    assert_eq!((bad.file, bad.place.segment), (name, 0), "bit {bit}");
    let place = places.iter().find(|place| (place.offset..place.end).contains(&at));
    let last = places[places.len() - 1];
    // Right behind the last frame it looks like the start of another.
    let (offset, after) = match place {
        Some(place) => (place.offset, place.after),
        None if at < last.end + 64 => (last.end, last.after),
        None => (at, last.after),
    };
    assert_eq!((bad.place.offset, bad.place.sequence), (offset, after + 1), "bit {bit}");
    assert_eq!(at >= last.end + 64, bad.place.field == Field::Unused, "bit {bit}");
}

#[test]
fn flipped_bits_anywhere_are_found_and_named_padding_and_unused_room_too() {
    let (rig, places) = every_kind(60, true);
    assert!(rig.verify().is_good());
    // All bits of headers and frames; of zeros one bit of every seventh byte, another one each time.
    let is_whole = |at: u64| {
        let place = places.iter().find(|place| (place.offset..place.end).contains(&at));
        let is_in_frame = place.is_some_and(|place| place.kind != Kind::Pad || at < place.offset + 64);
        is_in_frame || (at < DATA_START && at % BLOCK_BYTES < 80)
    };
    let bits: Vec<u64> = (0..(64 << 10) * 8).filter(|bit| is_whole(bit / 8) || bit % 59 == 0).collect();
    for_each_bit(&rig, &bits, |rig, bit| assert_named(rig, &places, bit));
}

#[test]
#[ignore = "524,288 verifications: run by perf/journal_proof.sh"]
fn every_flipped_bit_of_a_segment_is_found_and_named() {
    let (rig, places) = every_kind(60, true);
    let bits: Vec<u64> = (0..(64 << 10) * 8).collect();
    for_each_bit(&rig, &bits, |rig, bit| assert_named(rig, &places, bit));
}

#[test]
fn flipped_bits_of_a_segment_that_is_not_in_use_yet_are_found() {
    let rig = Rig::new(63);
    append(&mut rig.journal(), 1..=3);
    let path = rig.segment(1);
    for bit in (DATA_START * 8..(64 << 10) * 8).step_by(4_099) {
        rig.disk.flip(&path, bit);
        let bad = rig.verify().bad.unwrap();
        let offset = if bit / 8 < DATA_START + 64 { DATA_START } else { bit / 8 };
        assert_eq!((bad.file, bad.place.segment, bad.place.offset), (segment_name(1), 1, offset));
        rig.disk.flip(&path, bit);
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

#[test]
fn a_segment_that_is_missing_or_not_what_its_name_says_is_a_bad_place_behind_what_is_good() {
    let rig = Rig::new(64);
    let mut journal = rig.journal();
    append(&mut journal, 1..=900);
    journal.close().unwrap();
    let good = rig.verify();
    assert!(good.segments.len() > 3, "{:?}", good.segments);
    let whole: Vec<Vec<u8>> = (0..3).map(|index| rig.bytes(index)).collect();
    let damaged = || {
        let mut bytes = whole[1].clone();
        bytes[8] ^= 1;
        bytes[BLOCK_BYTES as usize + 8] ^= 1;
        bytes
    };
    let cases: [(u64, Option<Vec<u8>>, Field, &str); 6] = [
        (1, None, Field::Missing, "missing"),
        (0, None, Field::Missing, "missing"),
        (1, Some(Vec::new()), Field::Header, "the file is empty"),
        (0, Some(Vec::new()), Field::Header, "the file is empty"),
        (1, Some(whole[2].clone()), Field::Header, "its header says it is seg-0000000000000002.ordo"),
        (1, Some(damaged()), Field::Header, "both copies of the header are damaged"),
    ];
    for (index, bytes, field, why) in cases {
        rig.disk.set(&rig.segment(index), bytes);
        let report = rig.verify();
        rig.set_bytes(index, whole[index as usize].clone());
        let first = good.segments[index as usize].first_sequence.unwrap();
        let bad = report.bad.unwrap_or_else(|| panic!("{why} is not seen"));
        assert_eq!((&*bad.file, bad.segment.as_deref()), (&*segment_name(index), Some(why)));
        assert_eq!((bad.place.sequence, bad.place.offset, bad.place.field), (first, 0, field), "{why}");
        assert!(bad.was_durable, "a start refuses it");
        assert_eq!((report.frames, report.last.map_or(0, |(last, _)| last)), (first - 1, first - 1), "{why}");
    }
    assert_eq!(rig.verify(), good);
}

#[test]
fn swapped_segments_are_named_at_the_first_of_them() {
    let rig = Rig::new(65);
    let mut journal = rig.journal();
    append(&mut journal, 1..=900);
    journal.close().unwrap();
    let (one, two) = (rig.bytes(0), rig.bytes(1));
    rig.set_bytes(0, two);
    rig.set_bytes(1, one);
    let bad = rig.verify().bad.unwrap();
    assert_eq!((&*bad.file, bad.place.sequence, bad.place.field), (&*segment_name(0), 1, Field::Header));
}

#[test]
fn where_no_segment_is_readable_the_first_that_must_be_there_is_named() {
    let rig = Rig::new(66);
    append(&mut rig.journal(), 1..=3);
    for bytes in [Some(Vec::new()), Some(vec![1; 64 << 10])] {
        rig.disk.set(&rig.segment(0), bytes);
        rig.disk.set(&rig.segment(1), None);
        let report = rig.verify();
        let bad = report.bad.unwrap();
        assert_eq!((&*bad.file, bad.place.sequence, bad.place.field), (&*segment_name(0), 1, Field::Header));
        assert_eq!((report.frames, report.segments.len()), (0, 0));
    }
}

#[test]
fn bytes_beyond_the_size_of_a_segment_are_damage() {
    let rig = Rig::new(67);
    let mut journal = rig.journal();
    append(&mut journal, 1..=900);
    journal.close().unwrap();
    let segments = rig.verify().segments.len() as u64;
    assert!(segments > 3);
    for index in 0..segments {
        for appended in [vec![0; 1], vec![0xA5; 5_000]] {
            let whole = rig.bytes(index);
            rig.set_bytes(index, [&whole[..], &appended].concat());
            let report = rig.verify();
            rig.set_bytes(index, whole);
            let bad = report.bad.unwrap_or_else(|| panic!("{} bytes behind segment {index}", appended.len()));
            assert_eq!((bad.file, bad.place.offset, bad.place.field), (segment_name(index), 64 << 10, Field::Size));
            assert_eq!((report.frames, bad.was_durable), (900, true));
        }
    }
    assert!(rig.verify().is_good());
}

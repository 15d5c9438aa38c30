//! Damage to what is on the disk: above the known durable it is cut, below it is refused and named.

use super::*;
use crate::frame::{FrameHeader, frame_check, padded_end};
use zerocopy::{FromBytes, IntoBytes};

/// A small marked journal: everything but the last Mark is known to be durable. Also the end of what it holds.
fn marked(seed: u64, n: u64) -> (Rig, u64) {
    let rig = unmarked(seed, n);
    rig.journal().close().unwrap();
    let places = places(&rig);
    let (offset, bytes) = places[places.len() - 1];
    (Rig::on(rig.disk.copy()), padded_end(offset + bytes))
}

fn reopen_with(rig: &Rig, bytes: &[u8]) -> Result<Opened, OpenError> {
    rig.set_bytes(0, bytes.to_vec());
    rig.lose_tail();
    rig.open()
}

#[test]
fn a_journal_cut_at_every_byte_of_its_last_four_frames_is_cut_there_and_goes_on() {
    let rig = unmarked(20, 12);
    let whole = rig.bytes(0);
    let places = places(&rig);
    let end = places[11].0 + places[11].1;
    for at in places[8].0..=end {
        // What is cut off reads as zeros: a frame whose last bytes are zeros is whole without them.
        let is_whole = |end: u64| end <= at || whole[at as usize..end as usize].iter().all(|byte| *byte == 0);
        let good = places.iter().filter(|(offset, bytes)| is_whole(offset + bytes)).count() as u64;
        for is_short in [true, false] {
            let mut bytes = whole[..at as usize].to_vec();
            if !is_short {
                bytes.resize(whole.len(), 0);
            }
            let opened = reopen_with(&rig, &bytes).unwrap_or_else(|error| panic!("cut at {at}: {error}"));
            let last = opened.recovered.last_sequence;
            assert_eq!(last, good, "cut at {at}");
            if at % 5 != 0 {
                continue;
            }
            let mut journal = opened.journal;
            append(&mut journal, last + 1..=13);
            journal.close().unwrap();
            assert_eq!(rig.frames(), expected(13));
            assert!(rig.verify().is_good());
        }
    }
}

#[test]
fn flips_at_a_thousand_places_below_the_durable_are_refused_and_named() {
    let seed = 21;
    println!("seed {seed}");
    let mut random = Random::of(seed);
    let rig = Rig::new(seed);
    let mut journal = rig.journal();
    append(&mut journal, 1..=1_200);
    journal.close().unwrap();
    let segments = 4;
    let images: Vec<_> = (0..segments).map(|index| rig.bytes(index)).collect();
    let report = rig.verify();
    for _ in 0..1_000 {
        let index = random.below(segments - 1);
        let used = report.segments[index as usize].used_bytes;
        let at = DATA_START + random.below(used - DATA_START);
        let mut bytes = images[index as usize].clone();
        bytes[at as usize] ^= 1 << random.below(8);
        rig.set_bytes(index, bytes.clone());
        let error = rig.open().err().unwrap_or_else(|| panic!("a flip at {at} of segment {index} is not seen"));
        let OpenError::Corrupt(place) = &error else { panic!("{error}") };
        assert_eq!(place.segment, index);
        assert!(place.offset <= at && at < place.offset + (9 << 10), "{place} for a flip at {at}");
        assert!(error.to_string().starts_with("CORRUPT seq="), "{error}");
        assert!(rig.bytes(index) == bytes, "a refused journal is left as it is");
        let bad = rig.verify().bad.unwrap();
        assert_eq!((bad.place, bad.was_durable), (place.clone(), true));
        rig.set_bytes(index, images[index as usize].clone());
    }
}

#[test]
fn lengths_that_cannot_be_are_found_without_reading_past_the_end() {
    let (rig, _) = marked(24, 7);
    let whole = rig.bytes(0);
    let (offset, _) = places(&rig)[3];
    for length in [0, 1, 8, 63, 65, 0x7FFF_FFFF, u32::MAX, u32::MAX - 7, 1 << 31, (64 << 10) - offset as u32 + 1] {
        let mut bytes = whole.clone();
        bytes[offset as usize..][..4].copy_from_slice(&length.to_le_bytes());
        let Err(OpenError::Corrupt(place)) = reopen_with(&rig, &bytes) else { panic!("length {length}") };
        assert_eq!((place.sequence, place.offset), (4, offset));
    }
}

/// Changes a frame and makes its checksum right again.
fn rewrite(rig: &Rig, n: usize, change: impl Fn(&mut FrameHeader)) -> Vec<u8> {
    let mut bytes = rig.bytes(0);
    let key = read_header(&*rig.folder().open(&segment_name(0), Access::Read).unwrap()).ok().unwrap().key;
    let (target, _) = places(rig)[n];
    let image = Image { bytes: bytes.clone(), file_bytes: 64 << 10, is_long: false };
    let mut before = [0; 16];
    let mut last = [0; 16];
    image.walk(DATA_START, &mut Chain::START.clone(), &key, &mut |offset, frame| {
        if offset == target {
            before = last;
        }
        last = frame.check;
    });
    let mut header = FrameHeader::read_from_bytes(&bytes[target as usize..][..64]).unwrap();
    change(&mut header);
    let body = bytes[target as usize + 64..][..header.length.get() as usize - 64].to_vec();
    header.check = frame_check(&before, &key, target, &header, &body);
    bytes[target as usize..][..64].copy_from_slice(header.as_bytes());
    bytes
}

#[test]
fn an_unknown_type_under_a_good_checksum_is_an_error_of_its_own() {
    let (rig, _) = marked(25, 7);
    for (kind, version) in [(99, 1), (5, 2), (0, 1)] {
        let bytes = rewrite(&rig, 3, |header| (header.kind, header.version) = (kind, version));
        let whole = rig.bytes(0);
        let error = reopen_with(&rig, &bytes).err().unwrap();
        assert!(error.to_string().starts_with("UNKNOWN_TYPE seq=4 "), "{error}");
        let bad = rig.verify().bad.unwrap();
        assert_eq!(bad.unknown, Some((kind, version)));
        let mut reader = rig.reader();
        while matches!(reader.next(), Ok(Some(_))) {}
        assert!(matches!(reader.next(), Err(crate::ReadError::UnknownType { .. })));
        rig.set_bytes(0, whole);
    }
    // Also above the durable: cutting it would lose what a newer build acknowledged.
    let rig = unmarked(26, 7);
    let bytes = rewrite(&rig, 6, |header| header.kind = 99);
    assert!(matches!(reopen_with(&rig, &bytes), Err(OpenError::UnknownType { .. })));
}

#[test]
fn a_wrong_sequence_or_epoch_under_a_good_checksum_is_named() {
    let (rig, _) = marked(27, 7);
    let whole = rig.bytes(0);
    for (field, change) in [
        (Field::Sequence, (|header: &mut FrameHeader| header.sequence.set(9)) as fn(&mut FrameHeader)),
        (Field::Epoch, |header| header.epoch.set(0)),
    ] {
        rig.set_bytes(0, whole.clone());
        let bytes = rewrite(&rig, 3, change);
        let Err(OpenError::Corrupt(place)) = reopen_with(&rig, &bytes) else { panic!("{field}") };
        assert_eq!((place.field, place.sequence), (field, 4));
    }
}

#[test]
fn any_two_frames_that_change_places_are_found() {
    let rig = Rig::new(28);
    let mut journal = rig.journal();
    for n in 0..6u8 {
        journal.append(&update(&[n; 40])).unwrap();
        journal.flush().unwrap();
    }
    journal.close().unwrap();
    let rig = Rig::on(rig.disk.copy());
    let whole = rig.bytes(0);
    let places = places(&rig);
    for (i, (a, bytes)) in places.iter().enumerate() {
        for (b, _) in &places[i + 1..] {
            let mut swapped = whole.clone();
            for k in 0..*bytes {
                swapped.swap((a + k) as usize, (b + k) as usize);
            }
            let Err(OpenError::Corrupt(place)) = reopen_with(&rig, &swapped) else { panic!("{a} {b}") };
            assert_eq!((place.offset, place.field), (*a, Field::Sequence));
        }
    }
}

#[test]
fn whole_groups_that_change_places_or_repeat_are_found() {
    let rig = unmarked(29, 9);
    rig.journal().close().unwrap();
    let rig = Rig::on(rig.disk.copy());
    let whole = rig.bytes(0);
    for (from, to) in [(2, 3), (3, 2), (2, 4), (4, 2)] {
        let mut bytes = whole.clone();
        bytes.copy_within(from * 4096..(from + 1) * 4096, to * 4096);
        assert!(matches!(reopen_with(&rig, &bytes), Err(OpenError::Corrupt(_))), "{from} to {to}");
    }
}

#[test]
fn stale_bytes_of_another_segment_are_no_frames() {
    // The same offsets, the same sequences, another salt.
    let (one, two) = (unmarked(30, 12), unmarked(31, 8));
    let mut bytes = two.bytes(0);
    let end = places(&two)[7].0 + places(&two)[7].1;
    let stale_from = padded_end(end) as usize;
    bytes[stale_from..].copy_from_slice(&one.bytes(0)[stale_from..]);
    let opened = reopen_with(&two, &bytes).unwrap();
    assert_eq!(opened.recovered.last_sequence, 8);
    assert_eq!(opened.recovered.cut.map(|cut| cut.offset), Some(stale_from as u64));
    drop(opened);
    assert_eq!(two.frames(), expected(8));
    assert!(two.verify().is_good());
}

#[test]
fn a_missing_doubled_renamed_or_empty_segment_is_named() {
    let rig = Rig::new(32);
    let mut journal = rig.journal();
    append(&mut journal, 1..=1_200);
    journal.close().unwrap();
    let refused = |change: &dyn Fn(&MemDisk)| {
        let disk = rig.disk.copy();
        change(&disk);
        match Rig::on(disk).open() {
            Err(OpenError::Segment { name, .. }) => name,
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("opened"),
        }
    };
    let path = |index| rig.segment(index);
    assert_eq!(refused(&|disk| disk.set(&path(0), None)), segment_name(0));
    assert_eq!(refused(&|disk| disk.set(&path(2), None)), segment_name(2));
    assert_eq!(refused(&|disk| disk.set(&path(2), Some(Vec::new()))), segment_name(2));
    assert_eq!(refused(&|disk| disk.set(&path(2), disk.bytes(&path(1)))), segment_name(2));
    let last = rig.folder().list().unwrap().len() as u64 - 1;
    assert_eq!(refused(&|disk| disk.set(&path(last + 1), disk.bytes(&path(1)))), segment_name(last + 1));
    let other = unmarked(33, 3);
    assert_eq!(refused(&|disk| disk.set(&path(1), Some(other.bytes(1)))), segment_name(1));
}

#[test]
fn one_damaged_copy_of_a_header_is_repaired_and_two_are_refused() {
    let (rig, _) = marked(34, 7);
    let whole = rig.bytes(0);
    for bit in (0..80 * 8).chain([4_000 * 8]) {
        for copy in [0, BLOCK_BYTES] {
            let mut bytes = whole.clone();
            bytes[(copy + bit / 8) as usize] ^= 1 << (bit % 8);
            let recovered = reopen_with(&rig, &bytes).unwrap().recovered;
            assert_eq!((recovered.headers_repaired, recovered.last_sequence), (1, 7));
            assert!(rig.bytes(0) == whole);
        }
        let mut bytes = whole.clone();
        bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        bytes[BLOCK_BYTES as usize + 9] ^= 1;
        assert!(matches!(reopen_with(&rig, &bytes), Err(OpenError::Segment { .. })));
    }
}

#[test]
fn bytes_behind_the_last_frame_of_a_sealed_segment_are_damage_and_no_start_fails_for_them() {
    let rig = Rig::new(35);
    let mut journal = rig.journal();
    for n in 0..40 {
        journal.append(&update(&[n; 8_000])).unwrap();
        journal.flush().unwrap();
        journal.poll_sync(0).unwrap();
    }
    journal.close().unwrap();
    let used = rig.verify().segments[1].used_bytes as usize;
    let mut bytes = rig.bytes(1);
    assert!(used + 100 < bytes.len(), "{used}");
    bytes[used + 100] ^= 1;
    rig.set_bytes(1, bytes);
    let report = rig.verify();
    let bad = report.bad.unwrap();
    assert_eq!((bad.file, bad.place.offset, bad.place.field), (segment_name(1), used as u64 + 100, Field::Unused));
    // The frames after it are checked all the same.
    assert_eq!((report.frames, report.last.map(|(last, _)| last), bad.was_durable), (40, Some(40), true));
    assert_eq!(rig.recovered().last_sequence, 40);
}

#[test]
fn blocks_that_change_places_between_segments_are_found() {
    let rig = Rig::new(37);
    let mut journal = rig.journal();
    for n in 1..=60 {
        append(&mut journal, n..=n);
        journal.flush().unwrap();
    }
    journal.close().unwrap();
    assert!(rig.verify().segments.len() > 3);
    let (zero, one) = (rig.bytes(0), rig.bytes(1));
    for block in 2..14 {
        let range = block * 4096..(block + 1) * 4096;
        let (mut first, mut second) = (zero.clone(), one.clone());
        first[range.clone()].copy_from_slice(&one[range.clone()]);
        second[range.clone()].copy_from_slice(&zero[range]);
        // Both, and one alone: a write that went to the wrong file.
        for (a, b, segment) in [(&first, &second, 0), (&first, &one, 0), (&zero, &second, 1)] {
            rig.set_bytes(0, a.clone());
            rig.set_bytes(1, b.clone());
            let Err(OpenError::Corrupt(place)) = rig.open() else { panic!("block {block}") };
            assert_eq!((place.segment, place.offset), (segment, block as u64 * 4096), "block {block}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_named_with_its_range() {
    let (rig, _) = marked(38, 7);
    let path = rig.segment(0);
    for bytes in [0..1, 9_000..9_001, 8_192..20_480, 65_535..65_536] {
        rig.disk.set_unreadable(&path, Some(bytes.clone()));
        let error = rig.open().err().unwrap();
        let OpenError::Io { path: named, source, .. } = &error else { panic!("{error}") };
        assert!(named.ends_with(segment_name(0)), "{error}");
        // In a header there is nothing to be said but the file.
        if bytes.start >= DATA_START as usize {
            let (from, to) = (bytes.start / 4096 * 4096, bytes.end.next_multiple_of(4096));
            assert!(source.to_string().starts_with(&format!("bytes {from} to {to} cannot be read")), "{error}");
        }
        let verified = crate::verify_on(std::sync::Arc::new(rig.disk.clone()), Path::new(DIR), &mut |_| {});
        assert!(matches!(verified, Err(crate::ReadError::Io { .. })));
    }
    rig.disk.set_unreadable(&path, None);
    assert_eq!(rig.recovered().last_sequence, 7);
}

#[test]
fn a_read_error_stops_the_start_and_names_the_file() {
    let (rig, _) = marked(36, 7);
    for nth in 1..=4 {
        rig.disk.fail(&[crate::Fault::Read { nth, kind: std::io::ErrorKind::Other }]);
        let Err(OpenError::Io { path, .. }) = rig.open() else { panic!("read {nth}") };
        assert!(path.to_string_lossy().contains("seg-"), "{path:?}");
    }
}

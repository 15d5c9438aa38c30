use std::path::Path;

use super::*;
use crate::segment::{read_header, segment_name};
use crate::testing::{DIR, Random, Rig, append, body, expected, update};
use crate::{MemDisk, SyncMode};

mod damage;
mod flips;
mod power;

/// A journal of `n` frames in groups of a few, without a last Mark: as a power loss leaves it.
fn unmarked(seed: u64, n: u64) -> Rig {
    let rig = Rig::new(seed);
    let mut journal = rig.journal();
    let mut at = 0;
    while at < n {
        let to = (at + 1 + at % 4).min(n);
        append(&mut journal, at + 1..=to);
        journal.flush().unwrap();
        at = to;
    }
    drop(journal);
    Rig::on(rig.disk.copy())
}

/// Where each numbered frame of the first segment lies: offset and bytes.
fn places(rig: &Rig) -> Vec<(u64, u64)> {
    let mut places = Vec::new();
    let image = Image { bytes: rig.bytes(0), file_bytes: 64 << 10, is_long: false };
    let header = read_header(&*rig.folder().open(&segment_name(0), Access::Read).unwrap()).ok().unwrap();
    image.walk(DATA_START, &mut Chain::START.clone(), &header.key, &mut |offset, frame| {
        if frame.kind.takes_sequence() {
            places.push((offset, crate::frame::frame_bytes(frame.body.len())));
        }
    });
    places
}

#[test]
fn an_empty_journal_opens_again() {
    let rig = Rig::new(1);
    assert!(rig.recovered().created);
    let recovered = rig.recovered();
    assert_eq!((recovered.created, recovered.last_sequence, recovered.cut, recovered.epoch), (false, 0, None, 1));
}

#[test]
fn opening_and_closing_without_a_frame_writes_nothing() {
    let rig = unmarked(2, 10);
    rig.journal().close().unwrap();
    let before = rig.bytes(0);
    for _ in 0..3 {
        rig.journal().close().unwrap();
    }
    assert!(before == rig.bytes(0));
}

#[test]
fn a_second_open_is_locked() {
    let rig = Rig::new(3);
    let journal = rig.journal();
    assert!(matches!(rig.open(), Err(OpenError::Locked(_))));
    drop(journal);
    assert!(rig.open().is_ok());
}

#[test]
fn a_dropped_journal_comes_back_whole_from_its_tail() {
    // kill -9: no close, no sync, the tail stays.
    for mode in [SyncMode::Async, SyncMode::Sync, SyncMode::SyncEach] {
        for n in [1, 2, 30, 150] {
            let rig = Rig::new(n).mode(mode);
            let mut journal = rig.journal();
            append(&mut journal, 1..=n);
            let durable = journal.durable();
            drop(journal);
            let recovered = rig.recovered();
            assert_eq!(recovered.last_sequence, n, "{mode:?}");
            // A write may have come down without having been polled.
            assert!(recovered.from_tail == n - durable || mode == SyncMode::SyncEach);
            assert_eq!((recovered.cut, recovered.epoch), (None, 1));
            assert_eq!(rig.frames(), expected(n));
            assert!(rig.verify().is_good());
        }
    }
}

#[test]
fn kills_at_random_moments_lose_nothing_that_was_appended() {
    let seed = 77;
    println!("seed {seed}");
    let mut random = Random::of(seed);
    let rig = Rig::new(seed).mode(SyncMode::Async);
    let (mut n, mut now_ns) = (0, 0);
    for _ in 0..120 {
        let opened = rig.open().unwrap();
        assert_eq!((opened.recovered.last_sequence, opened.recovered.cut), (n, None));
        let mut journal = opened.journal;
        for _ in 0..random.below(8) {
            let more = random.below(60);
            append(&mut journal, n + 1..=n + more);
            n += more;
            now_ns += random.below(20_000_000);
            journal.poll_sync(now_ns).unwrap();
        }
        if random.below(5) == 0 {
            journal.close().unwrap();
        }
    }
    assert_eq!(rig.recovered().last_sequence, n);
    assert!(rig.frames() == expected(n));
    assert!(rig.verify().is_good());
}

#[test]
fn a_group_torn_on_the_disk_is_made_whole_from_the_tail() {
    let rig = Rig::new(5);
    let mut journal = rig.journal();
    append(&mut journal, 1..=4);
    journal.flush().unwrap();
    append(&mut journal, 5..=80);
    journal.flush().unwrap();
    drop(journal);
    let whole = rig.bytes(0);
    let places = places(&rig);
    // Lose each block of the last group in turn; the tail still has it.
    for block in (places[4].0 / BLOCK_BYTES)..(places[79].0 / BLOCK_BYTES) {
        let mut torn = whole.clone();
        torn[(block * BLOCK_BYTES) as usize..][..BLOCK_BYTES as usize].fill(0);
        let tail = std::fs::read_dir(rig.options.tail_dir.as_ref().unwrap()).unwrap().next().unwrap().unwrap().path();
        let kept = std::fs::read(&tail).unwrap();
        rig.set_bytes(0, torn);
        assert_eq!(rig.recovered().last_sequence, 80);
        assert_eq!(rig.frames(), expected(80));
        std::fs::write(&tail, kept).unwrap();
    }
}

#[test]
fn a_journal_that_ends_before_a_snapshot_is_refused() {
    let mut rig = unmarked(6, 10);
    rig.options.known_durable = 11;
    let refused = rig.open().err().unwrap();
    assert!(matches!(refused, OpenError::Behind { last_sequence: 10, known_durable: 11 }), "{refused}");
    rig.options.known_durable = 10;
    assert_eq!(rig.recovered().last_sequence, 10);
    let mut empty = Rig::new(7);
    empty.options.known_durable = 1;
    assert!(matches!(empty.open(), Err(OpenError::Behind { .. })));
}

#[test]
fn a_start_from_a_snapshot_reads_only_what_came_after_it() {
    let mut rig = Rig::new(12);
    let mut journal = rig.journal();
    append(&mut journal, 1..=1_500);
    journal.close().unwrap();
    let (first, third) = (rig.verify().segments[1].first_sequence.unwrap(), rig.bytes(0));
    let mut bytes = third.clone();
    bytes[9_000] ^= 1;
    rig.set_bytes(0, bytes);
    assert!(matches!(rig.open(), Err(OpenError::Corrupt(_))));
    rig.options.scan_from_known = true;
    for known_durable in [first - 1, first, 900, 1_499, 1_500] {
        rig.options.known_durable = known_durable;
        let recovered = rig.recovered();
        assert_eq!((recovered.last_sequence, recovered.cut, recovered.epoch), (1_500, None, 1), "{known_durable}");
    }
    rig.options.known_durable = first - 2;
    assert!(matches!(rig.open(), Err(OpenError::Corrupt(_))));
    rig.options.known_durable = 1_501;
    assert!(matches!(rig.open(), Err(OpenError::Behind { .. })));
    rig.set_bytes(0, third);
    rig.options.known_durable = 1_500;
    let mut journal = rig.journal();
    append(&mut journal, 1_501..=1_600);
    journal.close().unwrap();
    assert_eq!(rig.frames(), expected(1_600));
}

/// What a build of version 1 wrote, every later build writes too, or it is another version.
#[test]
fn the_bytes_of_a_journal_are_those_of_version_1() {
    let rig = unmarked(1, 12);
    rig.journal().close().unwrap();
    let hash = blake3::hash(&rig.bytes(0)).to_hex();
    assert_eq!(hash.as_str(), "a441917a52d34680a35648ad82ef733181defba3a0c57d9cb19e674718dbc866");
}

/// The used part of the first segment of a journal that version 1 wrote: twelve frames. Kept for ever.
const VERSION_1: &[u8] = include_bytes!("../../tests/fixtures/journal-v1.bin");

fn of_version_1() -> Rig {
    let rig = Rig::new(99);
    let mut bytes = VERSION_1.to_vec();
    bytes.resize(64 << 10, 0);
    rig.set_bytes(0, bytes);
    rig
}

#[test]
fn a_journal_of_version_1_is_read_and_goes_on() {
    let rig = of_version_1();
    let recovered = rig.recovered();
    assert_eq!((recovered.last_sequence, recovered.last_time_ns, recovered.cut), (12, 120, None));
    assert_eq!(rig.frames(), expected(12));
    append(&mut rig.journal(), 13..=400);
    assert_eq!((rig.recovered().last_sequence, rig.frames()), (400, expected(400)));
    // And a damaged one is refused.
    let rig = of_version_1();
    rig.disk.flip(&rig.segment(0), (DATA_START + 200) * 8);
    assert!(matches!(rig.open(), Err(OpenError::Corrupt(_))));
}

#[test]
fn a_format_of_the_future_is_refused_and_says_its_version() {
    let rig = of_version_1();
    let mut bytes = rig.bytes(0);
    for copy in [0, BLOCK_BYTES as usize] {
        bytes[copy + 8] = 2;
        let check = xxhash_rust::xxh3::xxh3_128(&bytes[copy..copy + 64]).to_le_bytes();
        bytes[copy + 64..copy + 80].copy_from_slice(&check);
    }
    rig.set_bytes(0, bytes.clone());
    let refused = rig.open().err().unwrap().to_string();
    assert!(refused.contains("format version 2, this build reads 1"), "{refused}");
    assert!(rig.bytes(0) == bytes, "and is left as it is");
}

#[test]
fn the_time_of_the_last_frame_comes_back_whatever_is_lost() {
    let mut rig = Rig::new(13).mode(SyncMode::Async);
    let mut journal = rig.journal();
    append(&mut journal, 1..=300);
    journal.flush().unwrap();
    append(&mut journal, 301..=310);
    drop(journal);
    let without_tail = Rig::on(rig.disk.copy());
    assert_eq!(rig.recovered().last_time_ns, 3_100, "from the tail");
    assert_eq!(without_tail.recovered().last_time_ns, 3_000, "from the last group");
    rig.options.scan_from_known = true;
    rig.options.known_durable = 310;
    assert_eq!(rig.recovered().last_time_ns, 3_100, "from a start at the last segment");
}

#[test]
fn another_journals_tail_is_passed_over() {
    let (one, mut two) = (Rig::new(8).mode(SyncMode::Async), Rig::new(9).mode(SyncMode::Async));
    two.options.tail_dir.clone_from(&one.options.tail_dir);
    for rig in [&one, &two] {
        append(&mut rig.journal(), 1..=5);
    }
    assert_eq!((one.recovered().from_tail, two.recovered().from_tail), (5, 5));
}

#[test]
fn the_segment_size_is_the_journals_own() {
    let mut rig = unmarked(10, 10);
    rig.options.segment_bytes = 1 << 20;
    let mut journal = rig.journal();
    append(&mut journal, 11..=1_000);
    journal.close().unwrap();
    assert_eq!(rig.bytes(2).len(), 64 << 10);
    assert_eq!(rig.frames(), expected(1_000));
}

#[test]
fn options_that_cannot_work_are_refused() {
    let bad = |change: fn(&mut Options)| {
        let mut options = Options::new(DIR);
        change(&mut options);
        matches!(options.validate(), Err(OpenError::Options(_)))
    };
    assert!(!bad(|_| {}));
    assert!(bad(|o| o.segment_bytes = 64_000));
    assert!(bad(|o| o.tail_bytes = 3 << 20));
    assert!(bad(|o| o.body_bytes_max = 32 << 20));
    assert!(bad(|o| o.group_bytes_max = 0));
}

#[test]
fn a_cut_starts_an_epoch_and_its_frames_are_numbered_on() {
    let rig = unmarked(11, 10);
    let (offset, _) = places(&rig)[9];
    let mut bytes = rig.bytes(0);
    bytes[offset as usize + 70] ^= 1;
    rig.set_bytes(0, bytes);
    let opened = rig.open().unwrap();
    assert_eq!(opened.recovered.cut, Some(Cut { segment: 0, offset, field: Field::Check }));
    assert_eq!((opened.recovered.last_sequence, opened.recovered.epoch), (9, 2));
    let mut journal = opened.journal;
    assert_eq!(journal.append(&update(&body(10))), Ok(10));
    journal.close().unwrap();
    assert_eq!(rig.frames(), expected(10));
    assert_eq!(rig.verify().epoch, 2);
    assert_eq!(rig.recovered().epoch, 2);
    let _: MemDisk = rig.disk.copy();
}

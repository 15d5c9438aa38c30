use crate::error::ReadError;
use crate::frame::BLOCK_BYTES;
use crate::segment::DATA_START;
use crate::testing::{Random, Rig, append, body, expected, update};
use crate::{AppendError, Entry, Field, SyncMode};

#[test]
fn a_reader_follows_a_live_journal_over_segment_changes() {
    let seed = 50;
    println!("seed {seed}");
    let mut random = Random::of(seed);
    let rig = Rig::new(seed);
    let mut journal = rig.journal();
    let mut reader = rig.reader();
    let (mut n, mut read) = (0, 0);
    while n < 3_000 {
        let more = 1 + random.below(40);
        append(&mut journal, n + 1..=n + more);
        n += more;
        journal.poll_sync(n).unwrap();
        if random.below(3) == 0 {
            journal.flush().unwrap();
        }
        if random.below(2) == 0 {
            while let Some(frame) = reader.next().unwrap() {
                read += 1;
                assert_eq!((frame.sequence, frame.body), (read, &body(read)[..]));
            }
            assert!(read >= journal.durable(), "all that is durable is seen");
        }
    }
    journal.close().unwrap();
    while reader.next().unwrap().is_some() {
        read += 1;
    }
    assert_eq!((read, reader.sequence()), (n, n));
}

#[test]
fn what_only_the_tail_has_is_not_seen() {
    let rig = Rig::new(51).mode(SyncMode::Async);
    let mut journal = rig.journal();
    append(&mut journal, 1..=20);
    assert!(rig.reader().next().unwrap().is_none());
    journal.flush().unwrap();
    assert_eq!(rig.frames(), expected(20));
}

#[test]
fn a_group_that_is_coming_down_is_the_end_for_now() {
    let rig = Rig::new(52);
    let mut journal = rig.journal();
    append(&mut journal, 1..=2);
    journal.flush().unwrap();
    append(&mut journal, 3..=90);
    journal.flush().unwrap();
    let whole = rig.bytes(0);
    let used = rig.verify().segments[0].used_bytes;
    let mut reader = rig.reader();
    // The later blocks are there before the first, then half of them.
    let mut half = whole.clone();
    half[(DATA_START + BLOCK_BYTES) as usize..][..BLOCK_BYTES as usize].fill(0);
    half[(used - BLOCK_BYTES) as usize..].fill(0);
    rig.set_bytes(0, half);
    let mut reader_of_half = rig.reader();
    for expected in [Some(1), Some(2), None, None] {
        assert_eq!(reader_of_half.next().unwrap().map(|frame| frame.sequence), expected);
    }
    rig.set_bytes(0, whole);
    for sequence in 1..=90 {
        assert_eq!(reader.next().unwrap().map(|frame| frame.sequence), Some(sequence));
    }
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn seek_finds_every_frame_and_what_follows() {
    let rig = Rig::new(53);
    let mut journal = rig.journal();
    append(&mut journal, 1..=1_500);
    journal.close().unwrap();
    let mut reader = rig.reader();
    for sequence in (1..=1_500).step_by(61).chain([1_500, 1, 700, 0]) {
        reader.seek(sequence).unwrap();
        for expected in sequence.max(1)..=(sequence.max(1) + 2).min(1_500) {
            let frame = reader.next().unwrap().unwrap();
            assert_eq!((frame.sequence, frame.body), (expected, &body(expected)[..]));
        }
    }
    reader.seek(1_501).unwrap();
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn seek_time_finds_the_first_frame_of_that_time_or_later() {
    let seed = 57;
    println!("seed {seed}");
    let mut random = Random::of(seed);
    let rig = Rig::new(seed);
    let mut journal = rig.journal();
    // Times stand still now and then, and leap.
    let (mut times, mut time_ns) = (Vec::new(), 1_000);
    for n in 1..=1_500 {
        time_ns += [0, 0, 1, 7, 5_000][random.below(5) as usize];
        times.push(time_ns);
        while journal.append(&Entry { time_ns, ..update(&body(n)) }) == Err(AppendError::Full) {
            journal.poll_sync(0).unwrap();
        }
        if random.below(9) == 0 {
            journal.flush().unwrap();
        }
    }
    journal.flush().unwrap();
    let mut reader = rig.reader();
    for _ in 0..600 {
        let wanted = match random.below(3) {
            0 => times[random.below(1_500) as usize],
            1 => times[random.below(1_500) as usize] + 1,
            _ => random.below(time_ns + 2_000),
        };
        let expected = times.iter().position(|time_ns| *time_ns >= wanted).map(|at| at as u64 + 1);
        reader.seek_time(wanted).unwrap();
        let found = reader.next().unwrap().map(|frame| (frame.sequence, frame.time_ns));
        assert_eq!(found.map(|(sequence, _)| sequence), expected, "time {wanted}");
        // And on from there, none left out.
        if let Some(expected) = expected.filter(|expected| *expected < 1_500) {
            assert_eq!(reader.next().unwrap().map(|frame| frame.sequence), Some(expected + 1));
        }
    }
    for (wanted, first) in [(0, Some(1)), (u64::MAX, None)] {
        reader.seek_time(wanted).unwrap();
        assert_eq!(reader.next().unwrap().map(|frame| frame.sequence), first);
    }
}

#[test]
fn a_seek_reads_a_few_blocks_and_not_the_segment() {
    let mut rig = Rig::new(58);
    rig.options.segment_bytes = 16 << 20;
    rig.options.tail_bytes = 1 << 20;
    let mut journal = rig.journal();
    for n in 1..=2_000 {
        append(&mut journal, n..=n);
        journal.flush().unwrap();
    }
    let mut reader = rig.reader();
    for sequence in [1, 2, 999, 1_000, 1_999, 2_000] {
        rig.disk.fail(&[]);
        reader.seek(sequence).unwrap();
        assert_eq!(reader.next().unwrap().map(|frame| frame.sequence), Some(sequence));
        assert!(rig.disk.read_bytes() < 2 << 20, "{}", rig.disk.read_bytes());
    }
}

#[test]
fn damage_below_the_durable_is_an_error_also_to_a_reader() {
    let rig = Rig::new(54);
    let mut journal = rig.journal();
    append(&mut journal, 1..=1_000);
    journal.close().unwrap();
    for index in 0..3 {
        let whole = rig.bytes(index);
        for at in [DATA_START + 4, DATA_START + 300, DATA_START + 9_000] {
            let mut bytes = whole.clone();
            bytes[at as usize] ^= 1;
            rig.set_bytes(index, bytes);
            let mut reader = rig.reader();
            let error = loop {
                match reader.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("segment {index} at {at} is taken for the end"),
                    Err(error) => break error,
                }
            };
            assert!(matches!(error, ReadError::Corrupt(_)), "{error}");
        }
        rig.set_bytes(index, whole);
    }
}

#[test]
fn frames_larger_than_what_is_read_at_a_time_are_read() {
    let mut rig = Rig::new(55);
    rig.options.body_bytes_max = 900 << 10;
    rig.options.tail_bytes = 2 << 20;
    rig.options.segment_bytes = 4 << 20;
    let mut journal = rig.journal();
    let bodies: Vec<Vec<u8>> = (0..9).map(|n| vec![n as u8 + 1; 100_000 * n + 7]).collect();
    for body in &bodies {
        while journal.append(&update(body)).is_err() {
            journal.poll_sync(0).unwrap();
        }
    }
    journal.close().unwrap();
    let read: Vec<_> = rig.frames().into_iter().map(|(_, body)| body).collect();
    assert!(read == bodies);
}

#[test]
fn a_missing_journal_is_an_error() {
    let rig = Rig::new(56);
    let disk = std::sync::Arc::new(rig.disk.clone());
    let error = super::Reader::open_on(disk, std::path::Path::new("/none")).err().unwrap();
    assert!(matches!(error, ReadError::Segment { .. }), "{error}");
    assert_eq!(Field::Chain.to_string(), "chain");
}

use std::io;

use super::*;
use crate::testing::{Random, Rig, append, body, expected, update};
use crate::{Fault, FolderLost, Kind, OpenError, StorageTrouble, WritePathKind};

#[test]
fn what_is_appended_is_read_back_over_many_segments() {
    let rig = Rig::new(1);
    let mut journal = rig.journal();
    append(&mut journal, 1..=2_000);
    journal.close().unwrap();
    assert_eq!(rig.frames(), expected(2_000));
    let report = rig.verify();
    assert!(report.is_good(), "{report:?}");
    assert!(report.segments.len() > 4);
    assert_eq!((report.frames, report.durable), (2_000, 2_000));
    assert_eq!((report.first, report.last), (Some((1, 10)), Some((2_000, 20_000))));
    assert_eq!(report.feeds.into_iter().collect::<Vec<_>>(), [(3, 2_000)]);
}

#[test]
fn every_field_of_a_frame_comes_back() {
    let rig = Rig::new(2);
    let mut journal = rig.journal();
    let kinds = [Kind::Name, Kind::Settings, Kind::Update, Kind::Tick, Kind::Checkpoint];
    for (n, kind) in (0u32..).zip(kinds) {
        let body = vec![n as u8; n as usize];
        let entry = Entry {
            kind,
            rules: n as u16 + 7,
            flags: u32::MAX - n,
            feed: n,
            identity: n * 2,
            position: -i64::from(n),
            time_ns: u64::from(n) << 40,
            body: &body,
        };
        journal.append(&entry).unwrap();
    }
    journal.close().unwrap();
    let mut reader = rig.reader();
    for (n, kind) in (0u32..).zip(kinds) {
        let frame = reader.next().unwrap().unwrap();
        assert_eq!((frame.kind, frame.rules, frame.flags), (kind, n as u16 + 7, u32::MAX - n));
        assert_eq!((frame.feed, frame.identity, frame.position), (n, n * 2, -i64::from(n)));
        assert_eq!((frame.time_ns, frame.sequence, frame.epoch), (u64::from(n) << 40, u64::from(n) + 1, 1));
        assert_eq!(frame.body, vec![n as u8; n as usize]);
    }
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn bodies_of_every_length_up_to_the_largest_fit() {
    let rig = Rig::new(3);
    let mut journal = rig.journal();
    let mut random = Random::of(3);
    let mut bodies = Vec::new();
    for len in (0..200).chain((3_800..4_300).step_by(3)).chain([8_191, 8_192, 0, 1, 8_192]) {
        let body: Vec<u8> = (0..len).map(|_| random.below(256) as u8).collect();
        while journal.append(&update(&body)) == Err(AppendError::Full) {
            journal.poll_sync(0).unwrap();
        }
        if random.below(4) == 0 {
            journal.flush().unwrap();
        }
        bodies.push(body);
    }
    assert_eq!(journal.append(&update(&[0; 8_193])), Err(AppendError::TooLarge));
    journal.close().unwrap();
    let read: Vec<_> = rig.frames().into_iter().map(|(_, body)| body).collect();
    assert_eq!(read, bodies);
    assert!(rig.verify().is_good());
    assert_eq!(rig.recovered().last_sequence, bodies.len() as u64);
}

#[test]
fn sync_groups_what_came_while_the_last_group_was_written() {
    let rig = Rig::new(4);
    let mut journal = rig.journal();
    append(&mut journal, 1..=3);
    assert_eq!((journal.written(), journal.durable()), (3, 0));
    assert!(journal.poll_sync(0).unwrap());
    append(&mut journal, 4..=9);
    assert!(journal.poll_sync(0).unwrap());
    assert_eq!(journal.durable(), 3);
    assert!(journal.poll_sync(0).unwrap());
    assert_eq!((journal.durable(), journal.stats().groups), (9, 2));
}

#[test]
fn sync_each_writes_every_frame_alone() {
    let rig = Rig::new(5).mode(SyncMode::SyncEach);
    let mut journal = rig.journal();
    append(&mut journal, 1..=8);
    journal.flush().unwrap();
    assert_eq!((journal.durable(), journal.stats().groups), (8, 8));
}

#[test]
fn async_waits_for_its_delay_or_for_a_full_group() {
    let rig = Rig::new(6).mode(SyncMode::Async);
    let mut journal = rig.journal();
    append(&mut journal, 1..=3);
    assert!(!journal.poll_sync(1_000).unwrap());
    assert!(!journal.poll_sync(1_000 + 9_999_999).unwrap());
    assert!(journal.poll_sync(1_000 + 10_000_000).unwrap());
    journal.poll_sync(1_000 + 10_000_000).unwrap();
    assert_eq!(journal.durable(), 3);
    // A quarter of the tail is a full group whatever the time.
    append(&mut journal, 4..=120);
    assert!(journal.poll_sync(1_000 + 10_000_001).unwrap());
    journal.poll_sync(1_000 + 10_000_001).unwrap();
    assert!(journal.durable() > 3 && journal.durable() < 120);
}

#[test]
fn a_mark_follows_when_the_journal_rests_and_only_one() {
    let rig = Rig::new(7);
    let mut journal = rig.journal();
    append(&mut journal, 1..=3);
    journal.poll_sync(5).unwrap();
    journal.poll_sync(5).unwrap();
    assert!(journal.is_busy());
    assert!(!journal.poll_sync(5 + 9_999_999).unwrap());
    assert!(journal.poll_sync(5 + 10_000_000).unwrap());
    journal.poll_sync(5 + 10_000_000).unwrap();
    assert!(!journal.is_busy());
    assert!(!journal.poll_sync(1 << 40).unwrap());
    assert_eq!(rig.verify().durable, 3);
}

#[test]
fn a_failed_write_poisons_for_ever_at_whichever_group_it_comes() {
    for write_path in [WritePathKind::Inline, WritePathKind::Thread] {
        for nth in 1..=50 {
            let mut rig = Rig::new(nth);
            rig.options.write_path = write_path;
            let mut journal = rig.journal();
            rig.disk.fail(&[Fault::DurableWrite { nth, kind: io::ErrorKind::Other }]);
            for n in 1..nth {
                append(&mut journal, n..=n);
                journal.flush().unwrap();
            }
            append(&mut journal, nth..=nth);
            assert_eq!(journal.flush(), Err(Poisoned::Write(io::ErrorKind::Other)));
            assert_eq!(journal.durable(), nth - 1);
            assert!(matches!(journal.append(&update(b"x")), Err(AppendError::Poisoned(_))));
            // The next write would succeed; none is tried.
            let writes = rig.disk.bytes(&rig.segment(0));
            assert!(journal.poll_sync(1 << 50).is_err() && journal.flush().is_err());
            assert!(journal.close().is_err());
            assert!(rig.disk.bytes(&rig.segment(0)) == writes);
            // Without the tail, what was durable is there; the tail has what the disk refused.
            let without = Rig::on(rig.disk.copy());
            assert_eq!((without.recovered().last_sequence, without.frames()), (nth - 1, expected(nth - 1)));
            let recovered = rig.recovered();
            assert_eq!((recovered.last_sequence, recovered.cut), (nth, None), "{nth}");
            assert_eq!(rig.frames(), expected(nth));
        }
    }
}

#[test]
fn short_and_interrupted_writes_go_on() {
    for write_path in [WritePathKind::Inline, WritePathKind::Thread] {
        for nth in 1..=50 {
            let mut rig = Rig::new(nth);
            rig.options.write_path = write_path;
            let mut journal = rig.journal();
            // In the middle of a block: a write past the page cache cannot go on there.
            rig.disk.fail(&[
                Fault::Short { nth, bytes: 100 },
                Fault::DurableWrite { nth: nth + 1, kind: io::ErrorKind::Interrupted },
                Fault::DurableWrite { nth: nth + 2, kind: io::ErrorKind::WouldBlock },
            ]);
            for n in 1..=60 {
                append(&mut journal, n..=n);
                journal.flush().unwrap();
            }
            assert_eq!(journal.stats().continued, 3);
            journal.close().unwrap();
            assert_eq!(rig.frames(), expected(60));
        }
    }
}

#[test]
fn a_disk_that_takes_a_piece_of_a_block_again_and_again_poisons() {
    for write_path in [WritePathKind::Inline, WritePathKind::Thread] {
        let mut rig = Rig::new(17);
        rig.options.write_path = write_path;
        let mut journal = rig.journal();
        let faults: Vec<_> = (1..=200).map(|nth| Fault::Short { nth, bytes: 100 }).collect();
        rig.disk.fail(&faults);
        append(&mut journal, 1..=1);
        assert_eq!(journal.flush(), Err(Poisoned::Write(io::ErrorKind::WriteZero)), "{write_path:?}");
    }
}

#[test]
fn a_lost_folder_poisons_for_ever_and_nothing_is_written_any_more() {
    for lost in [FolderLost::Moved, FolderLost::LockReplaced] {
        let rig = Rig::new(18);
        let mut journal = rig.journal();
        append(&mut journal, 1..=3);
        journal.flush().unwrap();
        assert_eq!(journal.check_folder(), Ok(()));
        append(&mut journal, 4..=6);
        rig.disk.lose_folder(Some(lost));
        assert_eq!(journal.check_folder(), Err(Poisoned::Folder(lost)));
        rig.disk.lose_folder(None);
        let before = rig.disk.changes();
        assert_eq!(journal.poll_sync(1 << 50), Err(Poisoned::Folder(lost)));
        assert_eq!(journal.flush(), Err(Poisoned::Folder(lost)));
        assert_eq!(journal.append(&update(b"x")), Err(AppendError::Poisoned(Poisoned::Folder(lost))));
        assert!(journal.close().is_err());
        assert_eq!(rig.disk.changes(), before);
    }
}

#[test]
fn a_close_after_the_folder_was_lost_does_not_look_like_success() {
    let rig = Rig::new(19);
    let mut journal = rig.journal();
    append(&mut journal, 1..=3);
    rig.disk.lose_folder(Some(FolderLost::Moved));
    assert_eq!(journal.close(), Err(Poisoned::Folder(FolderLost::Moved)));
}

#[test]
fn a_segment_in_use_that_is_replaced_removed_or_cut_is_found_by_a_look() {
    let looked_at = |change: &dyn Fn(&Rig)| {
        let rig = Rig::new(20);
        let mut journal = rig.journal();
        append(&mut journal, 1..=3);
        journal.flush().unwrap();
        change(&rig);
        journal.check_folder()
    };
    let path = |rig: &Rig| rig.segment(0);
    assert_eq!(looked_at(&|_| ()), Ok(()));
    let missing = Err(Poisoned::Folder(FolderLost::SegmentMissing(0)));
    let replaced = Err(Poisoned::Folder(FolderLost::SegmentReplaced(0)));
    assert_eq!(looked_at(&|rig| rig.disk.set(&path(rig), None)), missing);
    assert_eq!(looked_at(&|rig| rig.disk.set(&path(rig), Some(rig.bytes(0)[..32 << 10].to_vec()))), replaced);
    assert_eq!(looked_at(&|rig| rig.disk.set(&path(rig), Some(Rig::new(21).journal_bytes()))), replaced);
    // A copy from before the last group.
    let emptied = |rig: &Rig| {
        let mut bytes = rig.bytes(0);
        bytes[DATA_START as usize..].fill(0);
        rig.set_bytes(0, bytes);
    };
    assert_eq!(looked_at(&emptied), replaced);
}

#[test]
fn why_the_next_segment_cannot_be_made_is_reported_until_it_is_there() {
    let (enospc, edquot, eacces, emfile, erofs) = (28, 122, 13, 24, 30);
    let rig = Rig::new(22);
    let mut journal = rig.journal();
    let mut now_ns = 0;
    assert_eq!(journal.storage_trouble(), None);
    let mut last = 0;
    for errno in [enospc, eacces, edquot, emfile, erofs] {
        rig.disk.refuse_files(Some(errno));
        let (n, refused) = append_until_refused(&mut journal, last, now_ns);
        assert_eq!(refused, AppendError::StorageFull);
        journal.flush().unwrap();
        let expected = match errno {
            28 | 122 => StorageTrouble::Full,
            _ => StorageTrouble::Unavailable(io::Error::from_raw_os_error(errno).to_string()),
        };
        assert_eq!(journal.storage_trouble(), Some(expected), "errno {errno}");
        rig.disk.refuse_files(None);
        now_ns += 1_000_000_000;
        journal.poll_sync(now_ns).unwrap();
        assert_eq!(journal.storage_trouble(), None);
        last = n;
    }
    journal.close().unwrap();
}

#[test]
fn segments_too_small_for_the_largest_body_are_refused_by_the_name_of_the_option() {
    let mut rig = Rig::new(23);
    rig.journal().close().unwrap();
    rig.options.segment_bytes = 1 << 20;
    rig.options.tail_bytes = 1 << 20;
    rig.options.body_bytes_max = 100 << 10;
    let refused = rig.open().err().unwrap();
    let OpenError::SmallSegments { segment_bytes, body_bytes_max, wanted } = refused else { panic!("{refused}") };
    assert_eq!((segment_bytes, wanted), (64 << 10, 100 << 10));
    assert!(refused.to_string().contains("body_bytes_max is 102400"), "{refused}");
    // What it allows fits, and not a byte more.
    rig.options.body_bytes_max = body_bytes_max as usize;
    let mut journal = rig.journal();
    journal.append(&update(&vec![7; body_bytes_max as usize])).unwrap();
    journal.close().unwrap();
    rig.options.body_bytes_max += 1;
    assert!(rig.open().is_err());
}

#[test]
fn a_failed_sync_of_the_next_segment_makes_it_anew_from_the_start() {
    let rig = Rig::new(15);
    // The first segment's sync is the founding's; the second is that of the spare.
    rig.disk.fail(&[Fault::Sync { nth: 3, kind: io::ErrorKind::Other }]);
    let mut journal = rig.journal();
    assert!(journal.is_short_of_storage());
    assert!(rig.disk.bytes(&rig.segment(1)).is_none(), "it never got its name");
    let before = rig.disk.changes();
    journal.poll_sync(250_000_000).unwrap();
    assert!(!journal.is_short_of_storage());
    assert!(rig.disk.changes() - before > 3, "written once more, not only synced");
    append(&mut journal, 1..=900);
    journal.close().unwrap();
    assert_eq!(rig.frames(), expected(900));
}

/// Appends until the journal refuses; says how many frames there are then.
fn append_until_refused(journal: &mut Journal, mut n: u64, now_ns: u64) -> (u64, AppendError) {
    loop {
        match journal.append(&update(&body(n + 1))) {
            Ok(_) => n += 1,
            Err(AppendError::Full) => drop(journal.poll_sync(now_ns).unwrap()),
            Err(error) => return (n, error),
        }
    }
}

#[test]
fn a_full_disk_refuses_and_passes_when_there_is_room() {
    let rig = Rig::new(8);
    let mut journal = rig.journal();
    journal.poll_sync(0).unwrap();
    rig.disk.set_capacity(Some(128 << 10));
    let (n, refused) = append_until_refused(&mut journal, 0, 1);
    assert_eq!(refused, AppendError::StorageFull);
    assert!(journal.is_short_of_storage());
    journal.flush().unwrap();
    assert_eq!((journal.durable(), journal.poisoned()), (n, None));
    assert_eq!(journal.append(&update(&[0; 8_000])), Err(AppendError::StorageFull));
    rig.disk.set_capacity(None);
    journal.poll_sync(1_000_000_000).unwrap();
    assert!(!journal.is_short_of_storage());
    append(&mut journal, n + 1..=n + 500);
    journal.close().unwrap();
    assert_eq!(rig.frames(), expected(n + 500));
}

#[test]
fn a_full_disk_shows_while_the_segment_in_use_is_new() {
    let rig = Rig::new(12);
    let mut journal = rig.journal();
    rig.disk.set_capacity(Some(128 << 10));
    let mut n = 0;
    while !journal.is_short_of_storage() {
        assert!(journal.bytes_left() > 40 << 10, "there is a spare, or a segment just begun");
        n += 1;
        append(&mut journal, n..=n);
        journal.poll_sync(n).unwrap();
    }
    // Nearly a whole segment is left, and what was promised fits: frames, and their one group at a time.
    let left = journal.bytes_left();
    assert!(left > (64 - 8 - 16) << 10, "{left}");
    let largest = frame_bytes(body(7).len().max(220));
    let sure = (left - 2 * (8 << 10)) / largest;
    append(&mut journal, n + 1..=n + sure);
    assert!(journal.bytes_left() < left);
    journal.flush().unwrap();
    assert_eq!(append_until_refused(&mut journal, n + sure, 1).1, AppendError::StorageFull);
}

#[test]
fn room_is_asked_for_every_250_ms_and_not_more_often() {
    let rig = Rig::new(13);
    let mut journal = rig.journal();
    rig.disk.set_capacity(Some(128 << 10));
    let (n, _) = append_until_refused(&mut journal, 0, 0);
    journal.flush().unwrap();
    journal.poll_sync(20_000_000).unwrap();
    journal.flush().unwrap();
    journal.poll_sync(20_000_000).unwrap();
    for (now_ns, asks) in [(249_999_999, false), (250_000_000, true), (499_999_999, false), (500_000_000, true)] {
        rig.disk.fail(&[]);
        journal.poll_sync(now_ns).unwrap();
        assert_eq!(rig.disk.changes() > 0, asks, "at {now_ns}");
        assert!(journal.is_short_of_storage());
    }
    // Nothing of the failed tries is left behind.
    let names = rig.folder().list().unwrap();
    assert_eq!(names.len(), 2, "{names:?}");
    rig.disk.set_capacity(Some(192 << 10));
    journal.poll_sync(750_000_000).unwrap();
    assert!(!journal.is_short_of_storage());
    append(&mut journal, n + 1..=n + 100);
    journal.close().unwrap();
    assert_eq!(rig.frames(), expected(n + 100));
}

#[test]
fn a_thread_finds_room_again_without_being_polled() {
    let mut rig = Rig::new(14);
    rig.options.write_path = WritePathKind::Thread;
    let mut journal = rig.journal();
    rig.disk.set_capacity(Some(128 << 10));
    let (n, refused) = append_until_refused(&mut journal, 0, 0);
    assert_eq!(refused, AppendError::StorageFull);
    rig.disk.set_capacity(None);
    let mut looks = 0;
    while journal.is_short_of_storage() {
        std::thread::sleep(std::time::Duration::from_millis(10));
        looks += 1;
        assert!(looks < 1_000, "ten seconds without another try");
    }
    append(&mut journal, n + 1..=n + 100);
    journal.close().unwrap();
    assert_eq!(rig.frames(), expected(n + 100));
}

#[test]
fn sequences_end_before_they_wrap() {
    let rig = Rig::new(9);
    let mut journal = rig.journal();
    journal.chain.sequence = SEQUENCE_MAX - 1;
    assert_eq!(journal.append(&update(b"last")), Ok(SEQUENCE_MAX));
    for _ in 0..3 {
        assert_eq!(journal.append(&update(b"none")), Err(AppendError::SequenceOverflow));
        journal.flush().unwrap();
    }
    assert_eq!((journal.written(), journal.durable()), (SEQUENCE_MAX, SEQUENCE_MAX));
    journal.close().unwrap();
}

#[test]
fn positions_and_times_may_be_the_largest_and_the_smallest() {
    let rig = Rig::new(16);
    let mut journal = rig.journal();
    let extremes = [(i64::MIN, 0), (-1, 0), (i64::MAX, u64::MAX - 1), (0, u64::MAX)];
    for (position, time_ns) in extremes {
        journal.append(&Entry { position, time_ns, ..update(b"x") }).unwrap();
    }
    journal.close().unwrap();
    assert_eq!((rig.recovered().last_sequence, rig.recovered().last_time_ns), (4, u64::MAX));
    let mut reader = rig.reader();
    for (position, time_ns) in extremes {
        let frame = reader.next().unwrap().unwrap();
        assert_eq!((frame.position, frame.time_ns), (position, time_ns));
    }
    reader.seek_time(u64::MAX).unwrap();
    assert_eq!(reader.next().unwrap().map(|frame| frame.sequence), Some(4));
}

#[test]
fn the_journals_own_kinds_are_refused() {
    let mut journal = Rig::new(10).journal();
    for kind in [Kind::Mark, Kind::Pad] {
        assert_eq!(journal.append(&Entry { kind, ..update(b"") }), Err(AppendError::NotYours));
    }
}

#[test]
fn a_journal_may_move_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Journal>();
}

use super::*;
use crate::testing::{DIR, Rig, append, body, expected};
use crate::{Fault, MemDisk, OpenError, Reader, SegmentInfo, segments_on, verify_on};

const ELSEWHERE: &str = "/archive";

/// A closed journal of some segments.
fn journal_of(seed: u64, frames: u64) -> Rig {
    let rig = Rig::new(seed);
    let mut journal = rig.journal();
    append(&mut journal, 1..=frames);
    journal.close().unwrap();
    rig
}

fn listed(rig: &Rig) -> Vec<SegmentInfo> {
    segments_on(Arc::new(rig.disk.clone()), Path::new(DIR)).unwrap()
}

fn names(disk: &MemDisk, dir: &str) -> Vec<String> {
    disk.open_folder(Path::new(dir))
        .unwrap()
        .list()
        .unwrap()
        .into_iter()
        .filter(|name| name.starts_with("seg-"))
        .collect()
}

/// Archives below a sequence, and starts from it.
fn archived(rig: &mut Rig, below: u64, fate: &Fate) -> Archived {
    let journal = rig.journal();
    let archived = journal.archive(below, fate).unwrap();
    journal.close().unwrap();
    rig.options.start_from = archived.begins_after;
    archived
}

#[test]
fn segments_with_a_frame_that_is_needed_stay_whatever_the_sequence() {
    let whole = journal_of(70, 1_500);
    let before = listed(&whole);
    for below in [0, 1, 2, 299, 300, 700, 1_499, 1_500, 1_501, u64::MAX] {
        let mut rig = Rig::on(whole.disk.copy());
        let archived = archived(&mut rig, below, &Fate::Remove);
        let gone = before.iter().filter(|s| s.is_sealed && s.last.is_some_and(|(last, _)| last < below)).count();
        assert_eq!(archived.segments, gone as u64, "below {below}");
        assert_eq!(archived.bytes, gone as u64 * (64 << 10));
        assert_eq!(archived.begins_after, gone.checked_sub(1).map_or(0, |n| before[n].last.unwrap().0));
        // What was needed is there, in order, and verifies.
        let frames = rig.frames();
        assert_eq!(frames, expected(1_500)[archived.begins_after as usize..], "below {below}");
        assert!(frames.first().is_some_and(|(first, _)| *first <= below.max(1)));
        let report = rig.verify();
        assert!(report.is_good(), "{report:?}");
        assert_eq!((report.begins_after, report.last), (archived.begins_after, Some((1_500, 15_000))));
    }
}

#[test]
fn an_archived_journal_goes_on_and_is_archived_again() {
    let mut rig = journal_of(71, 900);
    let mut last = 900;
    let mut begins_after = 0;
    for _ in 0..6 {
        let archived = archived(&mut rig, last - 100, &Fate::Remove);
        assert!(archived.begins_after > begins_after);
        begins_after = archived.begins_after;
        let opened = rig.open().unwrap();
        assert_eq!((opened.recovered.last_sequence, opened.recovered.begins_after), (last, begins_after));
        let mut journal = opened.journal;
        append(&mut journal, last + 1..=last + 400);
        last += 400;
        if last.is_multiple_of(3) {
            journal.close().unwrap();
        } else {
            drop(journal);
        }
    }
    assert_eq!(rig.recovered().last_sequence, last);
    assert_eq!(rig.frames(), expected(last)[begins_after as usize..]);
    assert!(rig.verify().is_good());
}

#[test]
fn a_start_needs_a_state_at_or_after_where_the_journal_begins() {
    let mut rig = journal_of(72, 1_000);
    let begins_after = archived(&mut rig, 600, &Fate::Remove).begins_after;
    for start_from in [0, 1, begins_after - 1] {
        rig.options.start_from = start_from;
        let refused = rig.open().err().unwrap();
        assert!(matches!(refused, OpenError::Archived { archived, .. } if archived == begins_after), "{refused}");
    }
    for start_from in [begins_after, begins_after + 1, 1_000] {
        rig.options.start_from = start_from;
        assert_eq!(rig.recovered().begins_after, begins_after);
        for known_durable in [begins_after, 1_000] {
            rig.options.scan_from_known = true;
            rig.options.known_durable = known_durable;
            assert_eq!(rig.recovered().last_sequence, 1_000);
        }
    }
    let mut reader = rig.reader();
    assert_eq!(reader.begins_after().unwrap(), begins_after);
    for sequence in [0, 1, begins_after] {
        let refused = reader.seek(sequence).unwrap_err();
        assert!(matches!(refused, ReadError::Archived { archived } if archived == begins_after), "{refused}");
    }
    reader.seek(begins_after + 1).unwrap();
    assert_eq!(reader.next().unwrap().map(|frame| frame.sequence), Some(begins_after + 1));
    assert!(matches!(reader.seek_time(begins_after * 10), Err(ReadError::Archived { .. })));
    reader.seek_time(begins_after * 10 + 1).unwrap();
    assert_eq!(reader.next().unwrap().map(|frame| frame.sequence), Some(begins_after + 1));
}

#[test]
fn a_segment_that_was_not_archived_may_not_be_missing() {
    let mut rig = journal_of(73, 1_000);
    archived(&mut rig, 400, &Fate::Remove);
    rig.options.start_from = 1_000;
    let first = listed(&rig)[0].index;
    assert!(first > 0);
    rig.disk.set(&rig.segment(first), None);
    let refused = rig.open().err().unwrap();
    assert!(matches!(&refused, OpenError::Segment { name, .. } if *name == segment_name(first)), "{refused}");
    let report = verify_on(Arc::new(rig.disk.clone()), Path::new(DIR), &mut |_| {}).unwrap();
    let bad = report.bad.unwrap();
    assert_eq!((bad.file, bad.place.sequence), (segment_name(first), report.begins_after + 1));
}

#[test]
fn segments_that_are_archived_while_they_are_verified_are_not_taken_for_lost() {
    let rig = journal_of(77, 1_000);
    let mut twin = Rig::on(rig.disk.copy());
    archived(&mut twin, 800, &Fate::Remove);
    let gone: Vec<_> =
        names(&rig.disk, DIR).into_iter().filter(|name| !names(&twin.disk, DIR).contains(name)).collect();
    assert!(gone.len() > 1, "{gone:?}");
    let begin = Path::new(DIR).join("begin.ordo");
    let mut archive = Some(|| {
        rig.disk.set(&begin, twin.disk.bytes(&begin));
        gone.iter().for_each(|name| rig.disk.set(&Path::new(DIR).join(name), None));
    });
    let verified = verify_on(Arc::new(rig.disk.clone()), Path::new(DIR), &mut |_| {
        if let Some(archive) = archive.take() {
            archive();
        }
    });
    assert!(matches!(verified, Err(ReadError::Archived { .. })), "{verified:?}");
    assert!(rig.verify().is_good(), "once more");
}

#[test]
fn one_copy_of_where_it_begins_is_enough_and_none_is_refused() {
    let mut rig = journal_of(74, 1_000);
    archived(&mut rig, 600, &Fate::Remove);
    let path = Path::new(DIR).join("begin.ordo");
    let whole = rig.disk.bytes(&path).unwrap();
    for at in (0..96).chain([4_000]) {
        for copy in [0, 4_096] {
            let mut bytes = whole.clone();
            bytes[at + copy] ^= 1;
            rig.disk.set(&path, Some(bytes.clone()));
            assert_eq!(rig.recovered().last_sequence, 1_000);
            bytes[4_096 - copy] ^= 1;
            rig.disk.set(&path, Some(bytes));
            assert!(matches!(rig.open(), Err(OpenError::Segment { .. })), "byte {at}");
        }
    }
    rig.disk.set(&path, None);
    assert!(matches!(rig.open(), Err(OpenError::Segment { .. })));
    // Another journal's.
    let mut other = journal_of(75, 1_000);
    archived(&mut other, 600, &Fate::Remove);
    rig.disk.set(&path, other.disk.bytes(&path));
    assert!(matches!(rig.open(), Err(OpenError::Segment { .. })));
}

#[test]
fn what_was_moved_is_a_journal_of_its_own_and_nothing_there_is_overwritten() {
    let mut rig = journal_of(76, 1_500);
    let to = Fate::MoveTo(ELSEWHERE.into());
    let first = archived(&mut rig, 400, &to);
    let second = archived(&mut rig, 1_100, &to);
    assert!(first.segments > 0 && second.segments > 0);
    let mut reader = Reader::open_on(Arc::new(rig.disk.clone()), Path::new(ELSEWHERE)).unwrap();
    for n in 1..=second.begins_after {
        assert_eq!(reader.next().unwrap().map(|frame| (frame.sequence, frame.body.to_vec())), Some((n, body(n))));
    }
    assert!(reader.next().unwrap().is_none());
    let report = verify_on(Arc::new(rig.disk.clone()), Path::new(ELSEWHERE), &mut |_| {}).unwrap();
    assert!(report.is_good(), "{report:?}");
    assert_eq!(rig.frames(), expected(1_500)[second.begins_after as usize..]);
    // Another journal's segments of the same names.
    let other = journal_of(77, 1_500);
    for index in 0..3 {
        other
            .disk
            .set(&Path::new(ELSEWHERE).join(segment_name(index)), Some(rig.bytes(second.segments + first.segments)));
    }
    let journal = other.journal();
    let refused = journal.archive(1_100, &to).unwrap_err();
    assert!(
        matches!(&refused, ReadError::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists),
        "{refused}"
    );
    drop(journal);
    assert_eq!(other.frames(), expected(1_500));
}

#[test]
fn power_lost_at_every_operation_leaves_a_journal_that_opens_and_is_archived_to_the_end() {
    for fate in [Fate::Remove, Fate::MoveTo(ELSEWHERE.into())] {
        let whole = journal_of(78, 1_300);
        let archive = |disk: &MemDisk| {
            let mut rig = Rig::on(disk.clone());
            rig.options.start_from = 1_000;
            rig.open().map(|opened| opened.journal.archive(1_000, &fate).expect("archives"))
        };
        let trial = Rig::on(whole.disk.copy());
        let journal = trial.journal();
        trial.disk.fail(&[]);
        let all = journal.archive(1_000, &fate).unwrap();
        let changes = trial.disk.changes();
        assert!(all.segments >= 2 && changes > 6);
        drop(journal);
        for nth in 1..=changes {
            for keep in [true, false] {
                let rig = Rig::on(whole.disk.copy());
                let journal = rig.journal();
                rig.disk.fail(&[Fault::PowerLoss { nth }]);
                assert!(journal.archive(1_000, &fate).is_err(), "operation {nth}");
                drop(journal);
                let after = rig.disk.after_power_loss(keep, |_, _| keep);
                archive(&after).unwrap_or_else(|error| panic!("operation {nth}, {keep}: {error}"));
                let mut done = Rig::on(after.copy());
                done.options.start_from = all.begins_after;
                assert_eq!(done.recovered().begins_after, all.begins_after, "operation {nth}");
                assert_eq!(done.frames(), expected(1_300)[all.begins_after as usize..]);
                assert!(done.verify().is_good());
                if matches!(fate, Fate::MoveTo(_)) {
                    assert_eq!(names(&after, ELSEWHERE).len() as u64, all.segments, "operation {nth}");
                }
            }
        }
    }
}

#[test]
fn it_goes_on_beside_a_writer_and_a_reader() {
    let mut rig = Rig::new(79);
    let mut journal = rig.journal();
    let archiver = journal.archiver();
    let mut reader = rig.reader();
    let (mut n, mut read) = (0, 0);
    for round in 1..=40 {
        append(&mut journal, n + 1..=n + 100);
        n += 100;
        journal.flush().unwrap();
        if round % 3 == 0 {
            while let Some(frame) = reader.next().unwrap() {
                read += 1;
                assert_eq!((frame.sequence, frame.body), (read, &body(read)[..]));
            }
            archiver.archive(read, &Fate::Remove).unwrap();
        }
    }
    // The folder is locked while something may be taken from it.
    drop(journal);
    assert!(matches!(rig.open(), Err(OpenError::Locked(_))));
    drop(archiver);
    rig.options.start_from = n;
    assert_eq!(rig.recovered().last_sequence, n);
    assert!(names(&rig.disk, DIR).len() < 6);
}

#[test]
fn a_reader_whose_segments_were_taken_from_under_it_is_told() {
    let rig = Rig::new(80);
    let mut journal = rig.journal();
    append(&mut journal, 1..=1_500);
    journal.flush().unwrap();
    let mut reader = rig.reader();
    reader.next().unwrap().unwrap();
    journal.archive(1_200, &Fate::Remove).unwrap();
    let error = loop {
        match reader.next() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("what was archived is taken for the end"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ReadError::Segment { .. }), "{error}");
}

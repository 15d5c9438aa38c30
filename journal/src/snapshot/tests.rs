use super::*;
use crate::testing::{DIR, Rig};
use crate::{Fault, MemDisk};

fn snapshots(disk: &MemDisk, retain: usize) -> Snapshots {
    Snapshots::on(Arc::new(disk.clone()), Path::new(DIR), retain)
}

fn write(snapshots: &Snapshots, sequence: u64, body: &[u8]) -> io::Result<SnapshotInfo> {
    let info = SnapshotInfo { body_version: 3, sequence, time_ns: 9, state_hash: [5; 16], body_bytes: 0 };
    let mut writer = snapshots.write(info)?;
    writer.write_all(body)?;
    writer.finish()
}

fn body(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
}

/// Sequence and body of the newest good one, and how many were skipped.
fn newest(snapshots: &Snapshots) -> (Option<(u64, Vec<u8>)>, usize) {
    let (found, skipped) = snapshots.newest_good_until(u64::MAX).unwrap();
    let read = found.map(|mut snapshot| {
        let mut body = Vec::new();
        snapshot.read_to_end(&mut body).unwrap();
        (snapshot.info.sequence, body)
    });
    (read, skipped.len())
}

#[test]
fn bodies_of_any_length_come_back() {
    let disk = MemDisk::new(1);
    let snapshots = snapshots(&disk, 2);
    for (sequence, len) in (1..).zip([0, 1, 4_095, 4_096, 4_097, 256 << 10, (256 << 10) + 1, 1_000_000]) {
        let info = write(&snapshots, sequence, &body(len)).unwrap();
        assert_eq!((info.body_bytes, info.body_version, info.state_hash), (len as u64, 3, [5; 16]));
        assert_eq!(newest(&snapshots), (Some((sequence, body(len))), 0));
        assert_eq!(snapshots.info(sequence).unwrap(), info);
        assert_eq!(snapshots.load(sequence).unwrap(), (info, body(len)));
        assert_eq!(snapshots.peek(sequence, 5_000).unwrap(), body(len.min(5_000)));
    }
    assert_eq!(snapshots.sequences().unwrap(), [8, 7]);
    assert_eq!(snapshots.newest_good_until(7).unwrap().0.unwrap().info.sequence, 7);
    assert!(snapshots.newest_good_until(6).unwrap().0.is_none());
}

#[test]
fn every_damaged_byte_makes_it_be_skipped_for_the_one_before() {
    let disk = MemDisk::new(2);
    let snapshots = snapshots(&disk, 3);
    write(&snapshots, 10, &body(100)).unwrap();
    write(&snapshots, 20, &body(300)).unwrap();
    let path = Path::new(DIR).join(snapshot_name(20));
    let whole = disk.bytes(&path).unwrap();
    for at in (0..200).chain(4_096..4_396) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        disk.set(&path, Some(bytes));
        assert_eq!(newest(&snapshots), (Some((10, body(100))), 1), "byte {at}");
        assert!(snapshots.load(20).is_err(), "byte {at}");
    }
    for len in [0, 1, 95, 4_095, 4_096, 5_000, 8_191] {
        disk.set(&path, Some(whole[..len].to_vec()));
        assert_eq!(newest(&snapshots), (Some((10, body(100))), 1), "cut to {len}");
    }
    // A good one under another's name.
    disk.set(&Path::new(DIR).join(snapshot_name(21)), Some(whole.clone()));
    disk.set(&path, Some(whole));
    assert_eq!(newest(&snapshots), (Some((20, body(300))), 1));
}

#[test]
fn a_header_says_whether_it_is_damaged_or_missing_and_nothing_of_the_body() {
    let disk = MemDisk::new(6);
    let snapshots = snapshots(&disk, 3);
    let info = write(&snapshots, 10, &body(5_000)).unwrap();
    let path = Path::new(DIR).join(snapshot_name(10));
    let whole = disk.bytes(&path).unwrap();
    let altered = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        disk.set(&path, Some(bytes));
        snapshots.info(10).map_err(|error| error.kind())
    };
    assert_eq!(altered(4_200), Ok(info));
    assert_eq!(altered(20), Err(io::ErrorKind::InvalidData));
    assert_eq!(snapshots.info(11).map_err(|error| error.kind()), Err(io::ErrorKind::NotFound));
}

#[test]
fn a_snapshot_taken_away_is_gone_and_no_other() {
    let disk = MemDisk::new(5);
    let snapshots = snapshots(&disk, 9);
    for sequence in [10, 20, 30] {
        write(&snapshots, sequence, &body(10)).unwrap();
    }
    snapshots.remove(20).unwrap();
    assert_eq!(snapshots.sequences().unwrap(), [30, 10]);
    assert!(snapshots.load(20).is_err() && snapshots.remove(20).is_err());
}

#[test]
fn power_lost_at_every_operation_leaves_the_one_before_or_the_new_one() {
    let make = || {
        let disk = MemDisk::new(3);
        write(&snapshots(&disk, 1), 10, &body(9_000)).unwrap();
        disk
    };
    let disk = make();
    disk.fail(&[]);
    write(&snapshots(&disk, 1), 20, &body(12_000)).unwrap();
    for nth in 1..=disk.changes() {
        for keep in [true, false] {
            let disk = make();
            disk.fail(&[Fault::PowerLoss { nth }]);
            assert!(write(&snapshots(&disk, 1), 20, &body(12_000)).is_err());
            let after = disk.after_power_loss(keep, |_, block| (block % 2 == 0) == keep);
            let (found, skipped) = newest(&snapshots(&after, 1));
            assert!(matches!(found, Some((10 | 20, _))), "operation {nth}");
            assert_eq!(skipped, 0);
        }
    }
}

#[test]
fn an_unfinished_snapshot_is_not_seen_and_leaves_nothing_behind() {
    let rig = Rig::new(4);
    let snapshots = snapshots(&rig.disk, 1);
    let info = SnapshotInfo { body_version: 1, sequence: 5, time_ns: 0, state_hash: [0; 16], body_bytes: 0 };
    let drafts = || rig.folder().list().unwrap().iter().filter(|name| name.ends_with(".tmp")).count();
    let writer = snapshots.write(info).unwrap();
    assert_eq!((newest(&snapshots), drafts()), ((None, 0), 1));
    drop(writer);
    assert_eq!(drafts(), 0);
    // One that was killed cannot tidy up; the journal's start does.
    std::mem::forget(snapshots.write(info).unwrap());
    assert_eq!(drafts(), 1);
    rig.journal().close().unwrap();
    assert_eq!(drafts(), 0);
}

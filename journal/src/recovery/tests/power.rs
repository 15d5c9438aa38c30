//! Power lost at every operation, with any of the blocks that were not synced gone.

use super::*;
use crate::{Entry, Fault};

/// The blocks that a power loss left to chance, and how many subsets of them to try.
fn for_each_subset(disk: &MemDisk, mut check: impl FnMut(MemDisk, &str)) {
    let blocks = disk.unsynced();
    let subsets = 1u64 << blocks.len().min(8);
    for names in [true, false] {
        for subset in 0..subsets {
            let keep = |path: &Path, block: usize| {
                let at = blocks.iter().position(|(p, b)| p == path && *b == block);
                at.is_some_and(|at| subset & (1 << (at % 8)) != 0)
            };
            check(disk.after_power_loss(names, keep), &format!("names {names} subset {subset:b}"));
        }
    }
}

#[test]
fn no_ghost_comes_back_whichever_blocks_of_the_last_group_survive() {
    let mut rig = Rig::new(40);
    rig.options.tail_bytes = 256 << 10;
    let mut journal = rig.journal();
    append(&mut journal, 1..=3);
    journal.flush().unwrap();
    // One group of eight blocks, torn.
    for n in 4..=11 {
        journal.append(&update(&[n as u8; 4_000])).unwrap();
    }
    rig.disk.fail(&[Fault::PowerLoss { nth: 1 }]);
    assert!(journal.flush().is_err());
    drop(journal);
    assert!(rig.disk.unsynced().len() >= 8);
    for_each_subset(&rig.disk, |disk, what| {
        let rig = Rig::on(disk);
        let opened = rig.open().unwrap_or_else(|error| panic!("{what}: {error}"));
        let last = opened.recovered.last_sequence;
        assert!((3..=11).contains(&last), "{what}");
        let mut journal = opened.journal;
        // The new frame takes a ghost's sequence; no later frame of the old group follows it.
        assert_eq!(journal.append(&update(b"new")), Ok(last + 1));
        journal.flush().unwrap();
        drop(journal);
        let rig = Rig::on(rig.disk.copy());
        assert_eq!(rig.recovered().last_sequence, last + 1, "{what}");
        let frames = rig.frames();
        assert_eq!(frames.last().unwrap(), &(last + 1, b"new".to_vec()));
        assert!(rig.verify().is_good(), "{what}");
    });
}

/// Appends frames with a flush now and then until the power goes; says what was durable and what was written.
fn run_until_power_loss(rig: &Rig, to: u64) -> (u64, u64) {
    let Ok(opened) = rig.open() else { return (0, 0) };
    let mut journal = opened.journal;
    let (mut n, mut now_ns) = (opened.recovered.last_sequence, 0);
    while n < to {
        now_ns += 4_000_000;
        match journal.append(&Entry { time_ns: 1, ..update(&body(n + 1)) }) {
            Ok(_) => n += 1,
            Err(crate::AppendError::Full) => {}
            Err(_) => break,
        }
        if n.is_multiple_of(7) && journal.poll_sync(now_ns).is_err() {
            break;
        }
    }
    let (durable, written) = (journal.durable(), journal.written());
    if n < to {
        return (durable, written);
    }
    match journal.close() {
        Ok(()) => (written, written),
        Err(_) => (durable, written),
    }
}

#[test]
fn power_lost_at_every_operation_takes_nothing_durable_and_makes_no_hole() {
    let to = 600;
    let all = Rig::new(41);
    assert_eq!(run_until_power_loss(&all, to), (to, to));
    let changes = all.disk.changes();
    println!("{changes} operations");
    for nth in 1..=changes {
        let rig = Rig::new(41);
        rig.disk.fail(&[Fault::PowerLoss { nth }]);
        let (durable, written) = run_until_power_loss(&rig, to);
        let mut random = Random(nth);
        for _ in 0..3 {
            let after = rig.disk.after_power_loss(random.below(2) == 0, |_, _| random.below(2) == 0);
            let after = Rig::on(after);
            let opened = after.open().unwrap_or_else(|error| panic!("operation {nth}: {error}"));
            let last = opened.recovered.last_sequence;
            assert!(durable <= last && last <= written, "operation {nth}: {durable} {last} {written}");
            drop(opened);
            assert_eq!(after.frames(), expected(last), "operation {nth}");
            assert!(after.verify().is_good(), "operation {nth}");
        }
    }
}

#[test]
fn power_lost_at_every_operation_of_a_recovery_takes_nothing_either() {
    // A torn group, and a tail that has it whole: the longest recovery there is.
    let make = || {
        let rig = Rig::new(42);
        let mut journal = rig.journal();
        append(&mut journal, 1..=40);
        journal.flush().unwrap();
        append(&mut journal, 41..=140);
        rig.disk.fail(&[Fault::PowerLoss { nth: 1 }]);
        assert!(journal.flush().is_err());
        drop(journal);
        let mut torn = Rig::on(rig.disk.after_power_loss(true, |_, block| block % 3 == 0));
        torn.options.tail_dir.clone_from(&rig.options.tail_dir);
        (rig, torn)
    };
    let (_keep, torn) = make();
    torn.disk.fail(&[]);
    assert_eq!(torn.recovered().last_sequence, 140);
    let changes = torn.disk.changes();
    for nth in 1..=changes {
        for with_tail in [true, false] {
            let (_keep, torn) = make();
            torn.disk.fail(&[Fault::PowerLoss { nth }]);
            assert!(torn.open().is_err());
            let mut random = Random(nth);
            let after = torn.disk.after_power_loss(random.below(2) == 0, |_, _| random.below(2) == 0);
            let mut rig = Rig::on(after);
            if with_tail {
                // The process died, the machine did not.
                rig = Rig::on(torn.disk.copy());
                rig.options.tail_dir.clone_from(&torn.options.tail_dir);
            }
            let opened = rig.open().unwrap_or_else(|error| panic!("operation {nth}: {error}"));
            let last = opened.recovered.last_sequence;
            assert!(if with_tail { last == 140 } else { (40..=140).contains(&last) }, "operation {nth}: {last}");
            drop(opened);
            assert_eq!(rig.frames(), expected(last));
        }
    }
}

#[test]
fn a_failed_sync_at_the_start_stops_the_start() {
    let rig = unmarked(43, 20);
    for nth in 1..=2 {
        rig.disk.fail(&[Fault::Sync { nth, kind: std::io::ErrorKind::Other }]);
        assert!(matches!(rig.open(), Err(OpenError::Io { .. })));
    }
    rig.disk.fail(&[]);
    assert_eq!(rig.recovered().last_sequence, 20);
}

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

#[test]
fn the_longest_prefix_without_a_hole_is_what_any_subset_of_eight_blocks_leaves() {
    let mut rig = Rig::new(44);
    rig.options.tail_bytes = 256 << 10;
    let mut journal = rig.journal();
    append(&mut journal, 1..=3);
    journal.flush().unwrap();
    // One group of exactly eight blocks, some frames inside a block, some over two; no body has a zero.
    let bodies: Vec<Vec<u8>> = (0..20).map(|n| vec![n + 1; 1_500]).collect();
    for body in &bodies {
        journal.append(&update(body)).unwrap();
    }
    rig.disk.fail(&[Fault::PowerLoss { nth: 1 }]);
    assert!(journal.flush().is_err());
    drop(journal);
    let blocks: Vec<usize> = rig.disk.unsynced().into_iter().map(|(_, block)| block).collect();
    assert_eq!(blocks.len(), 8);
    for subset in 0..256_u32 {
        let is_kept = |block: usize| blocks.iter().position(|b| *b == block).is_some_and(|at| subset & (1 << at) != 0);
        // Frame k lies behind the Mark and the k before it.
        let start = blocks[0] * 4096;
        let end_of = |k: usize| start + 80 + (k + 1) * 1_568;
        let is_whole =
            |k: &usize| (start..end_of(*k)).step_by(4096).chain([end_of(*k) - 1]).all(|at| is_kept(at / 4096));
        let prefix = (0..20).take_while(is_whole).count() as u64;
        let after = Rig::on(rig.disk.after_power_loss(true, |_, block| is_kept(block)));
        let opened = after.open().unwrap_or_else(|error| panic!("subset {subset:08b}: {error}"));
        assert_eq!(opened.recovered.last_sequence, 3 + prefix, "subset {subset:08b}");
        assert_eq!(opened.recovered.cut.is_some(), subset != 0 && subset != 255, "subset {subset:08b}");
        let mut journal = opened.journal;
        journal.append(&update(b"new")).unwrap();
        journal.flush().unwrap();
        drop(journal);
        let after = Rig::on(after.disk.copy());
        assert_eq!(after.recovered().last_sequence, 3 + prefix + 1, "no ghost after subset {subset:08b}");
        assert_eq!(after.frames().pop(), Some((3 + prefix + 1, b"new".to_vec())));
        assert!(after.verify().is_good());
    }
}

/// Appends frames with a flush now and then until the power goes; says what was durable and what was written.
fn run_until_power_loss(rig: &Rig, to: u64) -> (u64, u64) {
    let Ok(opened) = rig.open() else { return (0, 0) };
    let mut journal = opened.journal;
    let (mut n, mut now_ns) = (opened.recovered.last_sequence, 0);
    while n < to {
        now_ns += 4_000_000;
        let is_full = match journal.append(&Entry { time_ns: 1, ..update(&body(n + 1)) }) {
            Ok(_) => false,
            Err(crate::AppendError::Full) => true,
            Err(_) => break,
        };
        n += u64::from(!is_full);
        if (is_full || n.is_multiple_of(7)) && journal.poll_sync(now_ns).is_err() {
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
    for mode in [SyncMode::Sync, SyncMode::Async, SyncMode::SyncEach] {
        let all = Rig::new(41).mode(mode);
        assert_eq!(run_until_power_loss(&all, to), (to, to));
        let changes = all.disk.changes();
        println!("{mode:?}: {changes} operations");
        // Each write of SyncEach is like the one before: a sample of those.
        let stride = if mode == SyncMode::SyncEach { 5 } else { 1 };
        for nth in (1..=changes).step_by(stride) {
            let rig = Rig::new(41).mode(mode);
            rig.disk.fail(&[Fault::PowerLoss { nth }]);
            let (durable, written) = run_until_power_loss(&rig, to);
            let mut random = Random::of(nth);
            // Everything that was under way, nothing of it, and two mixtures; new names, or the old ones.
            for (names, blocks) in [(true, 0), (true, 1), (false, 0), (false, 1), (true, 2), (false, 2)] {
                let keep = |_: &Path, _: usize| blocks == 0 || (blocks == 2 && random.below(2) == 0);
                let after = Rig::on(rig.disk.after_power_loss(names, keep));
                let opened = after.open().unwrap_or_else(|error| panic!("operation {nth}: {error}"));
                let last = opened.recovered.last_sequence;
                assert!(durable <= last && last <= written, "operation {nth}: {durable} {last} {written}");
                drop(opened);
                assert_eq!(after.frames(), expected(last), "operation {nth}");
                let report = after.verify();
                assert!(report.is_good(), "operation {nth}: {report:?}");
                let unused = report.segments.iter().filter(|part| part.used_bytes == DATA_START).count();
                // The spare, and one that was taken into use by a group that never came down.
                assert!(unused <= 2, "operation {nth}: {unused} segments without use");
            }
        }
    }
}

#[test]
fn a_process_killed_at_every_operation_loses_nothing_that_was_appended() {
    let to = 600;
    let all = Rig::new(45);
    assert_eq!(run_until_power_loss(&all, to), (to, to));
    for nth in 1..=all.disk.changes() {
        let rig = Rig::new(45);
        rig.disk.fail(&[Fault::PowerLoss { nth }]);
        let (_, written) = run_until_power_loss(&rig, to);
        // The machine lives: all that reached the disk is there, and the tail.
        let mut after = Rig::on(rig.disk.copy());
        after.options.tail_dir.clone_from(&rig.options.tail_dir);
        let recovered = after.recovered();
        assert_eq!((recovered.last_sequence, recovered.cut), (written, None), "operation {nth}");
        assert_eq!(after.frames(), expected(written), "operation {nth}");
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
            let mut random = Random::of(nth);
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

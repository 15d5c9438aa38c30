use super::*;
use crate::testing::{DIR, Rig, append};

fn listed(rig: &Rig) -> Vec<SegmentInfo> {
    segments_on(Arc::new(rig.disk.clone()), Path::new(DIR)).unwrap()
}

#[test]
fn the_list_says_what_verify_finds() {
    let rig = Rig::new(90);
    let mut journal = rig.journal();
    for to in [0, 1, 30, 260, 290, 800, 1_500] {
        let from = journal.written() + 1;
        append(&mut journal, from..=to);
        journal.flush().unwrap();
        journal.poll_sync(1 << 40).unwrap();
        let (list, report) = (listed(&rig), rig.verify());
        assert_eq!(list.len(), report.segments.len());
        for (info, part) in list.iter().zip(&report.segments) {
            assert_eq!((&info.name, info.bytes), (&part.name, 64 << 10));
            assert_eq!(info.first.map(|(first, _)| first), part.first_sequence);
            let count = info.first.zip(info.last).map_or(0, |((first, _), (last, _))| last - first + 1);
            assert_eq!(count, part.frames, "{info:?}");
            for (sequence, time_ns) in info.first.into_iter().chain(info.last) {
                assert_eq!(time_ns, sequence * 10);
            }
        }
        let sealed = list.iter().filter(|info| info.is_sealed).count();
        assert_eq!(sealed, list.iter().filter(|info| info.first.is_some()).count().saturating_sub(1));
    }
    assert!(listed(&rig).len() > 3);
}

#[test]
fn a_folder_without_a_journal_has_no_segments() {
    assert_eq!(segments_on(Arc::new(Rig::new(91).disk), Path::new(DIR)).unwrap(), []);
}

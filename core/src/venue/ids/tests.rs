use std::collections::BTreeMap;

use super::*;

/// Inserts, finds and removes as a map would, with ids that come in strides.
fn behaves_as_a_map(stride: u64, ids: u64) {
    let (mut table, mut map, mut slots) = (Ids::new(), BTreeMap::new(), Vec::new());
    let mut state = stride;
    for _ in 0..20_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let id = (state >> 33) % ids * stride;
        let found = table.find(id, |slot| slots[slot as usize]).map(|(slot, _)| slot);
        assert_eq!(found, map.get(&id).copied(), "id {id}, stride {stride}");
        if let Some(slot) = map.remove(&id) {
            table.remove(table.entry_of(id, slot));
        } else {
            let slot = slots.len() as u32;
            slots.push(id);
            map.insert(id, slot);
            table.insert(id, slot);
        }
    }
    for (id, slot) in &map {
        assert_eq!(table.find(*id, |slot| slots[slot as usize]), Some((*slot, table.entry_of(*id, *slot))));
    }
    assert_eq!(table.entries.iter().filter(|entry| **entry != EMPTY).count(), map.len());
}

#[test]
fn it_is_a_map_whatever_the_stride_of_ids() {
    for stride in [1, 2, 7, 8, 64, 1 << 20, 1 << 32, 1 << 45, 0x9e37_79b9_7f4a_7c15 >> 12] {
        behaves_as_a_map(stride, 3_000);
        behaves_as_a_map(stride, 20);
    }
}

#[test]
fn no_stride_makes_long_runs() {
    for stride in [1u64, 8, 64, 512, 1 << 16, 1 << 32, 1 << 40] {
        let mut table = Ids::new();
        (0..10_000u64).for_each(|at| table.insert(at.wrapping_mul(stride), at as u32));
        let runs = table.entries.split(|entry| *entry == EMPTY);
        let longest = runs.map(<[u64]>::len).max().unwrap_or_default();
        assert!(longest < 200, "stride {stride}: a run of {longest}");
    }
}

#[test]
fn a_table_with_room_does_not_grow() {
    let mut table = Ids::new();
    table.reserve(1_000);
    let entries = table.entries.len();
    (0..1_000).for_each(|id| table.insert(id, id as u32));
    assert_eq!(table.entries.len(), entries);
}

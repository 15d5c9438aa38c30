use std::collections::BTreeMap;

use super::*;

/// Pages of all kinds: neighbours, far apart, at both ends.
fn page(at: u64) -> u64 {
    match at % 4 {
        0 => at,
        1 => at << 40,
        2 => (1 << 58) - 1 - at,
        _ => at * 64,
    }
}

#[test]
fn pages_come_in_order_and_are_used_again() {
    let (mut trie, mut map) = (Trie::new(1 << 22), BTreeMap::new());
    let mut state = 1u64;
    for _ in 0..20_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let page = page((state >> 40) % 300);
        assert_eq!(trie.find(page), map.get(&page).copied());
        if let Some(leaf) = map.remove(&page) {
            let was_first = map.keys().next().is_none_or(|first| *first > page);
            let next = trie.remove(leaf);
            if was_first {
                assert_eq!(next, map.values().next().copied());
            }
        } else {
            let leaf = trie.obtain(page).expect("there is room");
            assert_eq!((trie.obtain(page), trie.leaves[leaf as usize].page), (Some(leaf), page));
            map.insert(page, leaf);
        }
        if let Some((page, leaf)) = map.range(state % (1 << 58)..).next() {
            assert_eq!(trie.after(*leaf), map.range(page + 1..).next().map(|(_, leaf)| *leaf));
        }
    }
    assert!(trie.leaves.len() <= 300, "{}", trie.leaves.len());
    map.values().for_each(|leaf| {
        let _ = trie.remove(*leaf);
    });
    let in_list = |node: u32| (node != NONE).then_some(node);
    let free = std::iter::successors(in_list(trie.free_node), |node| in_list(trie.nodes[*node as usize].slot));
    assert_eq!(free.count() + 1, trie.nodes.len(), "only the root is in use");
}

#[test]
fn there_are_only_so_many_pages() {
    let mut trie = Trie::new(2);
    let first = trie.obtain(5);
    assert!(first.is_some() && trie.obtain(1 << 50).is_some());
    assert_eq!((trie.obtain(6), trie.obtain(5)), (None, first));
    trie.remove(first.expect("it was made"));
    assert!(trie.obtain(6).is_some());
}

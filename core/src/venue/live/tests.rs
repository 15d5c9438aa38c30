use super::super::arena::{NO_SLOT, Place};
use super::*;

#[test]
fn orders_fall_due_earliest_first_whatever_is_finished_in_between() {
    let mut live = Live::new();
    let mut expected = Vec::new();
    let mut state = 7u64;
    for id in 0..500 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = Place::new(0, 0, Term::Instant);
        let slot = live.start(Order { id, left: 1, account: 0, place, next: NO_SLOT, prev: NO_SLOT });
        live.expire_at(slot, (state >> 33) % 100);
        expected.push(((state >> 33) % 100, id));
        if id % 3 == 0 {
            let gone = expected.swap_remove((state >> 40) as usize % expected.len());
            live.finish(live.find(gone.1).expect("it is live"));
        }
    }
    expected.sort_unstable();
    for (instant, id) in expected {
        assert!(instant == 0 || live.due(instant - 1).is_none());
        let slot = live.due(instant).expect("one is due");
        assert_eq!((live.orders[slot].id, live.detail(slot).instant), (id, instant));
        live.finish(slot);
    }
    assert_eq!((live.due(u64::MAX), live.orders.live()), (None, 0));
}

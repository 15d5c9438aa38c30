//! A hub does the same on any layout: stages are architecture, threads are deployment.

#![allow(clippy::disallowed_methods)]

use ordo_client::{Adapter, Form};
use ordo_core::proto::{CashPosition, SubscriptionType};
use ordo_gateway::config::Layout;
use ordo_gateway::hub::Wait;
use ordo_testkit::hub::*;

/// Plays the same updates through a hub on a layout; the balances they come to.
fn balances_on(layout: &str, wait: Wait, pin: bool) -> Vec<CashPosition> {
    const SEED: u64 = 21;
    println!("{layout}: seed {SEED}");
    let mut rig = Rig::start_with(|config| {
        config.layout = layout.parse::<Layout>().expect("a layout");
        (config.wait, config.pin, config.ring_slots) = (wait, pin, 64);
    });
    let mut watcher = rig.subscriber(Form::Binary);
    let balances = watcher.subscribe(SubscriptionType::Balances, Vec::new()).expect("it is accepted");
    let mut random = Random::of(SEED);
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    for n in 1..=500 {
        adapter.submit(n, any_update(&mut random, n)).expect("it is submitted");
    }
    adapter.wait_bookmark(500, PATIENCE).expect("all is durable");
    watcher.synchronise().expect("it is answered");
    let shown: Vec<CashPosition> = listed(rig.addr(), "");
    assert_same(&folded::<CashPosition>(watcher.view(balances)), &shown, layout);
    let stopped = rig.stop();
    let replayed = rig.replay(false);
    assert_eq!(replayed.engine().state_hash(), stopped.state_hash, "{layout}: the record gives the same state");
    shown
}

#[test]
fn every_layout_comes_to_the_same() {
    let layouts = [
        "cores-1",
        "cores-2",
        "cores-4",
        "receiver,journal,engine,publisher,views",
        "publisher+receiver+views,engine+journal",
        "receiver+journal,engine+publisher,views",
        "receiver+engine:park,journal:yield,publisher+views:park",
    ];
    let first = balances_on("auto", Wait::Park, false);
    assert!(!first.is_empty());
    for layout in layouts {
        assert_same(&balances_on(layout, Wait::Park, false), &first, layout);
    }
}

#[test]
fn what_the_machine_cannot_give_is_done_without() {
    let first = balances_on("cores-1", Wait::Park, false);
    let far = "receiver@4090,journal@4091,engine@4092,publisher@4093,views@4094";
    assert_same(&balances_on(far, Wait::Busy, true), &first, "more cores than there are, and all would spin");
    let one = "receiver+publisher@4095,journal+engine,views";
    assert_same(&balances_on(one, Wait::Yield, true), &first, "a core that is not there");
}

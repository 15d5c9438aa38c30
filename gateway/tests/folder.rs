//! A data folder that is moved or removed under a running hub: the hub stops with exit code 74, a second hub at the old
//! path is not disturbed, and no two hubs ever have one folder.

use std::time::Duration;

use ordo_client::Adapter;
use ordo_gateway::hub::{Fault, HubError};
use ordo_testkit::hub::*;

/// Longer than the journal takes to look at its folder twice.
const LOOK: Duration = Duration::from_secs(30);

fn submit(adapter: &mut Adapter, from: i64, to: i64) {
    let mut random = Random::of(7);
    for n in from..=to {
        adapter.submit(n, any_update(&mut random, n)).expect("it is submitted");
    }
    adapter.wait_bookmark(to, PATIENCE).expect("all is durable");
}

#[test]
fn a_removed_folder_stops_the_hub_with_74() {
    let mut rig = Rig::start();
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    submit(&mut adapter, 1, 10);
    std::fs::remove_dir_all(rig.data()).expect("is removed");
    let fault = rig.hub().wait_fault(LOOK).expect("the hub stops");
    assert!(matches!(fault, Fault::Poisoned(_)) && fault.exit_code() == 74, "{fault}");
    assert!(fault.to_string().contains("moved, removed or replaced"), "{fault}");
    let Err(HubError::Fault(Fault::Poisoned(_))) = rig.try_stop() else { panic!("it stopped well") };
}

#[test]
fn a_stop_right_after_the_folder_was_removed_is_no_success() {
    let mut rig = Rig::start();
    std::fs::remove_dir_all(rig.data()).expect("is removed");
    let error = rig.try_stop().expect_err("what was recorded is gone");
    assert_eq!(error.exit_code(), 74, "{error}");
}

#[test]
fn a_hub_at_the_path_of_a_folder_that_was_moved_is_alone_in_its_folder() {
    let rig = Rig::start();
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    submit(&mut adapter, 1, 10);
    let moved = rig.data().with_extension("moved");
    std::fs::rename(rig.data(), &moved).expect("is renamed");
    let second = rig.try_start().expect("the path leads to nothing: a new folder is made");
    let mut other = Adapter::open(second.addr(), "f").expect("the feed is open");
    submit(&mut other, 1, 20);
    assert_eq!(rig.hub().wait_fault(LOOK).map(|fault| fault.exit_code()), Some(74));
    submit(&mut other, 21, 30);
    assert!(second.wait_fault(Duration::from_millis(1_500)).is_none());
    second.stop().expect("stops well");
    for (folder, updates) in [(rig.data(), 30), (moved, 10)] {
        let report = ordo_journal::verify(&folder).expect("is verified");
        assert!(report.bad.is_none(), "{report:?}");
        assert!(report.feeds.values().any(|position| *position == updates), "{report:?}");
    }
}

#[test]
fn a_second_hub_is_refused_after_the_lock_file_was_removed() {
    let mut rig = Rig::start();
    std::fs::remove_file(rig.data().join("LOCK")).expect("is removed");
    let refused = rig.try_start().err().expect("the folder is locked");
    assert!(matches!(refused, HubError::Locked(_)) && refused.exit_code() == 75, "{refused}");
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    submit(&mut adapter, 1, 10);
    rig.stop();
}

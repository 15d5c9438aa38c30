//! A disk that fails, fills up or is slow: nothing that was acknowledged is lost, nothing that was taken is dropped, and
//! reads go on.

#![allow(clippy::disallowed_methods)]

use std::time::{Duration, Instant};

use ordo_client::{Adapter, Form, messages, rest};
use ordo_core::json::message;
use ordo_core::proto::{CashPosition, ConnectionStatus, FeedConfiguration, FeedDetails, SubscriptionType};
use ordo_gateway::config::Layout;
use ordo_gateway::hub::{Durability, Fault, Hub, HubError};
use ordo_testkit::hub::*;

/// The same updates through a hub that nothing happens to.
fn undisturbed(seed: u64, count: i64) -> Vec<CashPosition> {
    let rig = Rig::start();
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    let mut random = Random::of(seed);
    for n in 1..=count {
        adapter.submit(n, any_update(&mut random, n)).expect("it is submitted");
    }
    adapter.wait_bookmark(count, PATIENCE).expect("all is durable");
    listed(rig.addr(), "")
}

/// Its first line.
fn health(rig: &Rig) -> (u16, String) {
    let answer = rig.get("/diagnostics/health");
    let text = answer.text();
    (answer.status, text.lines().next().unwrap_or_default().to_owned())
}

fn wait_health(rig: &Rig, wanted: &str) {
    let start = Instant::now();
    while health(rig) != (200, wanted.to_owned()) {
        assert!(start.elapsed() < PATIENCE, "health is {:?}", health(rig));
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_failed_write_stops_the_hub_and_a_restart_has_all_that_was_acknowledged() {
    const SEED: u64 = 14;
    const COUNT: i64 = 150;
    println!("seed {SEED}");
    let expected = undisturbed(SEED, COUNT);
    for nth in [1, 2, 3, 5, 8, 13, 21, 34] {
        let disk = FaultyDisk::default();
        let mut rig = Rig::start_on(&disk, |_| {});
        let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
        disk.fail_write(nth);
        let mut random = Random::of(SEED);
        for n in 1..=COUNT {
            // The hub stops under it.
            let _ = adapter.submit(n, any_update(&mut random, n));
            if n % 3 == 0 && rig.hub().wait_fault(Duration::ZERO).is_none() {
                let _ = adapter.wait_bookmark(n, Duration::from_millis(20));
            }
        }
        let fault = rig.hub().wait_fault(PATIENCE).expect("the hub says that it stops");
        assert!(matches!(fault, Fault::Poisoned(_)) && fault.exit_code() == 74, "{fault}");
        assert_eq!(health(&rig), (503, "Unhealthy".to_owned()));
        // Whatever it still had to say has been read, and it says no more.
        let _ = adapter.wait_bookmark(COUNT, Duration::from_millis(50));
        let acknowledged = adapter.bookmark();
        let Err(HubError::Fault(Fault::Poisoned(_))) = rig.try_stop() else { panic!("it stopped well") };

        rig.lose_tail();
        rig.start_again();
        adapter.reconnect_to(rig.addr()).expect("it resumes");
        assert!(adapter.resumed() >= acknowledged, "write {nth}: {acknowledged} was acknowledged");
        confirm(&mut adapter, COUNT);
        assert_same(&listed::<CashPosition>(rig.addr(), ""), &expected, &format!("write {nth}"));
    }
}

/// Waits until all is durable. Asks for it: what the hub resumed at is told by no Bookmark of its own.
fn confirm(adapter: &mut Adapter, last: i64) {
    let ask = messages::bookmark(adapter.feed());
    adapter.send(ask, "").expect("it is sent");
    adapter.wait_bookmark(last, PATIENCE).expect("all is durable");
}

/// Submits deposits until the hub has no storage; the position that was refused. Every update is answered.
fn act_until_full(line: &mut FeedLine, owner: &ordo_core::proto::Account) -> i64 {
    let mut suspended = false;
    for position in 1..10_000 {
        let id = format!("r{position}");
        line.send(messages::action(&line.feed.clone(), position, deposit(owner, "1")), &id);
        loop {
            let word = line.hear();
            if word == "Suspend" {
                assert!(!suspended, "said once");
                suspended = true;
            } else if word == format!("Response {id} Storage.Full") {
                if !suspended {
                    assert_eq!(line.hear(), "Suspend");
                }
                return position;
            } else {
                assert_eq!(word, format!("Response {id}"));
                break;
            }
        }
    }
    panic!("a disk without end");
}

#[test]
fn a_full_disk_refuses_updates_and_goes_on_when_there_is_room() {
    for layout in ["cores-1", "cores-2"] {
        let disk = FaultyDisk::default();
        let mut rig = Rig::start_on(&disk, |config| config.layout = layout.parse::<Layout>().expect("a layout"));
        let owner = account("X", "1");
        let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
        let (mut other, _) = FeedLine::open(&rig, "g", Form::Json);
        let configuration = FeedConfiguration {
            settings: [("Kept".to_owned(), "yes".to_owned())].into(),
            ..FeedConfiguration::default()
        };
        assert_eq!(line.ask(messages::configure("f", 0, configuration.clone())), [""; 0]);
        disk.fill();
        let refused = act_until_full(&mut line, &owner);
        assert_eq!(health(&rig), (200, "Degraded".to_owned()));

        // Reads, subscriptions and what is recorded already go on.
        let balance = |rig: &Rig| figure(listed::<CashPosition>(rig.addr(), "")[0].balance);
        assert_eq!(balance(&rig), dec(&(refused - 1).to_string()), "{layout}");
        let mut watcher = rig.subscriber(Form::Binary);
        let view = watcher.subscribe(SubscriptionType::Balances, Vec::new()).expect("it is accepted");
        watcher.synchronise().expect("it is answered");
        assert_same(&folded::<CashPosition>(watcher.view(view)), &listed(rig.addr(), ""), "the snapshot");
        assert_eq!(line.try_act(refused - 1, deposit(&owner, "1")), [""; 0], "recorded before");

        // What would be recorded is not; positions further on do not overtake what was refused.
        assert_eq!(line.try_act(refused + 1, deposit(&owner, "1")), ["Storage.Full"]);
        assert_eq!(line.ask(messages::status("f", 0, FeedDetails::default())), ["Storage.Full"]);
        assert_eq!(line.ask(messages::close("f")), ["Storage.Full"]);
        assert_eq!(FeedLine::connect(&rig, "h", Form::Binary).ask(messages::open("h")), ["Storage.Full"]);
        assert_eq!(other.hear(), "Suspend", "every supplier is told");
        // A status of the hub's own making waits.
        other.connection.cut();

        disk.make_room();
        let resume = line.hear_message();
        assert_eq!(word_of(&resume), format!("Resume {}", refused - 1));
        let kept = resume.feed.and_then(|event| event.configuration).map(|it| it.settings);
        assert_eq!(kept, Some(configuration.settings), "Resume gives the configuration back");
        wait_health(&rig, "Healthy");
        line.act(refused, deposit(&owner, "1"));
        line.act(refused + 1, deposit(&owner, "1"));
        assert_eq!(balance(&rig), dec(&(refused + 1).to_string()));
        let status = |rig: &Rig| {
            let feeds: Vec<FeedDetails> = rig.get("/feed").records(message::FEED_DETAILS).expect("feeds");
            feeds.iter().find(|feed| feed.feed_id == "g").map(FeedDetails::status)
        };
        let start = Instant::now();
        while status(&rig) != Some(ConnectionStatus::Disconnected) {
            assert!(start.elapsed() < PATIENCE, "the status is recorded when there is room");
        }
        let stopped = rig.stop();
        assert_eq!(rig.replay(false).engine().state_hash(), stopped.state_hash);
    }
}

#[test]
fn an_adapter_at_full_speed_loses_nothing_to_a_disk_that_fills_again_and_again() {
    const SEED: u64 = 17;
    const ROUND: i64 = 1500;
    println!("seed {SEED}");
    let disk = FaultyDisk::default();
    let rig = Rig::start_on(&disk, |_| {});
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    let mut random = Random::of(SEED);
    for round in 0..3 {
        let (first, last) = (round * ROUND + 1, (round + 1) * ROUND);
        let (mut other, _) = FeedLine::open(&rig, &format!("g{round}"), Form::Binary);
        for n in first..first + ROUND / 2 {
            adapter.submit(n, any_update(&mut random, n)).expect("it is submitted");
        }
        adapter.poll().expect("it is connected");
        disk.fill();
        act_until_full(&mut other, &account("filler", "1"));
        // It reads no Suspend before it has sent some hundred more.
        for n in first + ROUND / 2..=last {
            adapter.submit(n, any_update(&mut random, n)).expect("it is submitted");
        }
        wait_for_refusal(&mut adapter);
        disk.make_room();
        adapter.wait_bookmark(last, PATIENCE).expect("all is durable in the end");
    }
    let mut balances = listed::<CashPosition>(rig.addr(), "");
    balances.retain(|it| it.account.as_ref().is_some_and(|account| account.owner_id != "filler"));
    assert_same(&balances, &undisturbed(SEED, 3 * ROUND), "each once");
}

/// Reads until an update has been refused for want of storage.
fn wait_for_refusal(adapter: &mut Adapter) {
    let start = Instant::now();
    while !adapter.take_responses().iter().any(|it| it.errors == ["Storage.Full"]) {
        assert!(start.elapsed() < PATIENCE, "no update was refused");
        adapter.poll().expect("it is connected");
    }
}

#[test]
fn a_full_disk_does_not_keep_the_hub_from_stopping() {
    let disk = FaultyDisk::default();
    let mut rig = Rig::start_on(&disk, |_| {});
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    disk.fill();
    let refused = act_until_full(&mut line, &account("X", "1"));
    rig.stop();
    disk.make_room();
    rig.start_again();
    let (_, resumed) = FeedLine::open(&rig, "f", Form::Binary);
    assert_eq!(resumed, refused - 1);
}

#[test]
fn a_slow_disk_suspends_feeds_until_it_has_caught_up() {
    const COUNT: i64 = 300;
    for layout in ["cores-1", "cores-2"] {
        let disk = FaultyDisk::default();
        let rig = Rig::start_on(&disk, |config| config.layout = layout.parse::<Layout>().expect("a layout"));
        let owner = account("X", "1");
        let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
        let held = disk.hold_writes();
        for n in 1..=COUNT {
            let request = messages::feed_message(messages::action("f", n, deposit(&owner, "1")), "");
            line.connection.send(&request).expect("it is sent");
        }
        assert_eq!(line.hear(), "Suspend", "while the disk is still busy");
        assert_eq!(health(&rig), (200, "Healthy".to_owned()), "slow is not full");
        drop(held);
        // What was sent all the same is taken when there is room.
        let word = line.hear();
        assert!(word.starts_with("Resume "), "{word}");
        line.send(messages::bookmark("f"), "");
        line.hear_bookmark(COUNT);
        let balance = listed::<CashPosition>(rig.addr(), "");
        assert_eq!(figure(balance[0].balance), dec(&COUNT.to_string()), "{layout}");
    }
}

/// Writes over REST until one is refused: its codes.
fn write_until_refused(rig: &Rig) -> String {
    let body = format!(
        r#"{{"Transaction":{{"Account":{{"AccountID":"A"}},"Properties":{{"p":"{}"}}}},"Transfer":{{"Currency":"AUD","Value":1}}}}"#,
        "x".repeat(8000)
    );
    for _ in 0..1000 {
        let answer = rest::post(rig.addr(), "/balance", &body).expect("an answer");
        if answer.status != 204 {
            return format!("{} {}", answer.status, answer.text());
        }
    }
    panic!("a disk without end");
}

#[test]
fn a_disk_without_room_and_one_that_cannot_be_used_are_told_apart() {
    for (break_disk, code, reason) in [
        (FaultyDisk::fill as fn(&FaultyDisk), "Storage.Full", "no room for the next segment"),
        (FaultyDisk::deny, "Storage.Unavailable", "the next segment cannot be made: permission denied"),
    ] {
        let disk = FaultyDisk::default();
        let rig = Rig::start_on(&disk, |_| {});
        break_disk(&disk);
        assert_eq!(write_until_refused(&rig), format!("422 [\"{code}\"]"));
        let health = rig.get("/diagnostics/health");
        assert_eq!((health.status, health.text()), (200, format!("Degraded\n{code}: {reason}")));
    }
}

#[test]
fn a_disk_that_cannot_be_durable_is_named_and_refused_on_request() {
    let disk = FaultyDisk::default();
    disk.be_in_memory();
    let mut rig = Rig::start_on(&disk, |_| {});
    let durability = |rig: &Rig| rig.get("/diagnostics/health").header("x-oms-durability").map(str::to_owned);
    assert_eq!(durability(&rig).as_deref(), Some("sync (unproven: tmpfs)"));
    rig.stop();
    rig.start_again_with(|config| config.durability = Durability::Async);
    assert_eq!(durability(&rig).as_deref(), Some("async"), "that promises nothing of the kind");
    rig.stop();
    let mut config = rig.config().clone();
    (config.durability, config.require_durable) = (Durability::Sync, true);
    let Err(HubError::NotDurable(proof)) = Hub::start(config) else { panic!("it starts") };
    assert_eq!(proof.to_string(), "unproven: tmpfs");
}

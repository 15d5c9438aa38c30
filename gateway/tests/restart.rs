//! What is left of a hub when it starts again: all that was told, and nothing else.

#![allow(clippy::disallowed_methods)]

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ordo_client::{Adapter, Form, messages};
use ordo_core::proto::{AssetPosition, CashPosition, ConnectionStatus, FeedDetails, OrderState, SubscriptionType};
use ordo_gateway::hub::{Config, Durability, Hub};
use ordo_testkit::hub::*;
use tempfile::TempDir;

/// Submits updates at random; all are durable when it returns.
fn play(adapter: &mut Adapter, random: &mut Random, count: i64) {
    let last = adapter.last_submitted();
    for n in last + 1..=last + count {
        adapter.submit(n, any_update(random, n)).expect("it is submitted");
    }
    adapter.wait_bookmark(last + count, PATIENCE).expect("all is durable");
}

/// Waits until all is durable. Asks for it: what the hub resumed at is told by no Bookmark of its own.
fn confirm(adapter: &mut Adapter) {
    let ask = messages::bookmark(adapter.feed());
    adapter.send(ask, "").expect("it is sent");
    adapter.wait_bookmark(adapter.last_submitted(), PATIENCE).expect("all is durable");
}

/// All that REST shows, records by key.
#[derive(Debug, PartialEq)]
struct Shown {
    balances: Vec<CashPosition>,
    holdings: Vec<AssetPosition>,
    orders: Vec<OrderState>,
}

impl Shown {
    fn of(addr: std::net::SocketAddr) -> Shown {
        Shown { balances: listed(addr, ""), holdings: listed(addr, ""), orders: listed(addr, "") }
    }

    #[track_caller]
    fn assert_same(&self, other: &Shown, what: &str) {
        assert_same(&self.balances, &other.balances, what);
        assert_same(&self.holdings, &other.holdings, what);
        assert_same(&self.orders, &other.orders, what);
    }
}

#[test]
fn live_replay_snapshot_and_restart_come_to_the_same_state() {
    const SEED: u64 = 7;
    println!("seed {SEED}");
    let mut rig = Rig::start();
    let mut random = Random::of(SEED);
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    for round in 0..4 {
        play(&mut adapter, &mut random, 700);
        let shown = Shown::of(rig.addr());
        let resumed = adapter.last_submitted();
        let live = if round == 3 {
            // Let go of without a word: it stops all the same.
            rig.drop_hub();
            None
        } else {
            Some(rig.stop())
        };
        let (whole, from_snapshot) = (rig.replay(false), rig.replay(true));
        assert_eq!(whole.engine().state_hash(), from_snapshot.engine().state_hash(), "round {round}");
        assert_eq!(whole.engine().events_hash(), from_snapshot.engine().events_hash(), "round {round}");
        assert_eq!(whole.engine().counts(), from_snapshot.engine().counts(), "round {round}");
        assert_eq!(whole.engine().image(), from_snapshot.engine().image(), "round {round}: byte for byte");
        assert!(from_snapshot.updates() < whole.updates(), "round {round}: the snapshot is used");
        if let Some(live) = live {
            assert_eq!(live.state_hash, whole.engine().state_hash(), "round {round}");
            assert_eq!(live.events_hash, whole.engine().events_hash(), "round {round}");
            assert_eq!(live.sequence, whole.engine().sequence(), "round {round}");
        }
        rig.start_again();
        Shown::of(rig.addr()).assert_same(&shown, &format!("round {round}, after the restart"));
        adapter.reconnect_to(rig.addr()).expect("it resumes");
        assert_eq!((adapter.resumed(), adapter.unconfirmed()), (resumed, 0), "round {round}");
    }
    drop(adapter);
    // Started and stopped without anything in between: nothing is recorded.
    let before = rig.stop();
    rig.start_again();
    assert_eq!(rig.stop(), before);
}

#[test]
fn a_seed_gives_the_same_records_in_every_run() {
    let [first, second] = [(); 2].map(|()| {
        let rig = Rig::start();
        let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
        play(&mut adapter, &mut Random::of(11), 500);
        Shown::of(rig.addr())
    });
    first.assert_same(&second, "the same updates: where the adapter sets the times, none depends on the clock");
}

#[test]
fn a_view_folded_across_a_restart_is_what_rest_answers() {
    let mut rig = Rig::start();
    let mut random = Random::of(3);
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    play(&mut adapter, &mut random, 400);
    rig.stop();
    rig.start_again();
    let mut watcher = rig.subscriber(Form::Binary);
    let orders = watcher.subscribe(SubscriptionType::Orders, Vec::new()).expect("it is accepted");
    let balances = watcher.subscribe(SubscriptionType::Balances, Vec::new()).expect("it is accepted");
    assert_eq!(watcher.view(orders).position("f"), 400, "the snapshot stands at the feed's position");
    adapter.reconnect_to(rig.addr()).expect("it resumes");
    play(&mut adapter, &mut random, 400);
    watcher.synchronise().expect("it is answered");
    assert_same(&folded::<OrderState>(watcher.view(orders)), &listed(rig.addr(), ""), "orders");
    assert_same(&folded::<CashPosition>(watcher.view(balances)), &listed(rig.addr(), ""), "balances");
}

#[test]
fn a_second_hub_on_the_folder_is_refused_and_the_first_goes_on() {
    let rig = Rig::start();
    let refused = rig.try_start().err().expect("the folder is locked");
    assert_eq!(refused.exit_code(), 75, "{refused}");
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    line.act(1, deposit(&account("XS", "A"), "1"));
    assert_eq!(rig.get("/diagnostics/health").text(), "Healthy");
}

/// Copies the folder of a running hub: what a power cut would leave, the tail gone.
fn image_of(rig: &Rig) -> (TempDir, Config) {
    let folder = TempDir::new().expect("a temporary folder");
    let config =
        Config { data: folder.path().join("data"), tail_dir: Some(folder.path().into()), ..rig.config().clone() };
    copy(&rig.data(), &config.data);
    (folder, config)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            match fs::copy(entry.path(), to.join(entry.file_name())) {
                // A draft that has its name by now: nothing is in it yet.
                Err(error) if error.kind() == ErrorKind::NotFound && !is_segment(&entry.path()) => {}
                copied => drop(copied.expect("it is copied")),
            }
        }
    }
}

#[test]
fn after_a_power_cut_all_that_was_acknowledged_is_there() {
    let rig = Rig::start();
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    play(&mut adapter, &mut Random::of(5), 900);
    let shown = Shown::of(rig.addr());
    let (_folder, config) = image_of(&rig);
    let hub = Hub::start(config.clone()).expect("it starts on what is left");
    Shown::of(hub.addr()).assert_same(&shown, "after the cut");
    let again = Adapter::open(hub.addr(), "f").expect("the feed is open");
    assert_eq!(again.resumed(), 900);
    let stopped = hub.stop().expect("it stops well");
    let replayed = replay(&config.data, false).expect("the record can be replayed");
    assert_eq!(stopped.state_hash, replayed.engine().state_hash());
}

/// A hub was killed while an adapter was connected. Its feed had last been recorded as Online; nobody was there to
/// record the drop, and the restarted hub said Online of a feed that nobody supplied.
#[test]
fn a_feed_is_not_online_after_a_crash_until_it_is_opened() {
    let rig = Rig::start();
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    play(&mut adapter, &mut Random::of(5), 10);
    let (_folder, config) = image_of(&rig);
    let hub = Hub::start(config).expect("it starts on what is left");
    let status = || {
        let answer = ordo_client::rest::get(hub.addr(), "/feed/byid/f").expect("an answer");
        let details: FeedDetails = answer.record(ordo_core::json::message::FEED_DETAILS).expect("FeedDetails");
        details.status()
    };
    // Whoever synchronises has it behind all that the hub recorded by itself.
    let mut watcher = ordo_client::Subscriber::open(hub.addr(), Form::Binary).expect("a connection");
    watcher.synchronise().expect("it is answered");
    assert_eq!(status(), ConnectionStatus::Disconnected);
    let _again = Adapter::open(hub.addr(), "f").expect("the feed is open");
    assert_eq!(status(), ConnectionStatus::Online);
}

#[test]
fn async_loses_at_a_power_cut_only_the_end_and_resending_brings_it_back() {
    let rig = Rig::start_with(|config| config.durability = Durability::Async);
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    let mut random = Random::of(9);
    let updates: Vec<_> = (1..=600).map(|n| any_update(&mut random, n)).collect();
    for (n, action) in (1..).zip(&updates) {
        adapter.submit(n, action.clone()).expect("it is submitted");
    }
    adapter.wait_bookmark(600, PATIENCE).expect("all is recorded");
    let shown = Shown::of(rig.addr());
    let (_folder, config) = image_of(&rig);
    let hub = Hub::start(config).expect("it starts on what is left");
    let mut again = Adapter::open(hub.addr(), "f").expect("the feed is open");
    let resumed = again.resumed();
    println!("{resumed} of 600 were on the disk");
    for (n, action) in (1..).zip(&updates).skip(resumed as usize) {
        again.submit(n, action.clone()).expect("it is submitted");
    }
    confirm(&mut again);
    Shown::of(hub.addr()).assert_same(&shown, "after resending");
}

/// The journal's segments, oldest first.
fn segments(data: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = all_files(data).into_iter().filter(|path| is_segment(path)).collect();
    files.sort();
    files
}

#[test]
fn a_damaged_durable_byte_is_refused_and_named() {
    const SEED: u64 = 13;
    println!("seed {SEED}");
    let mut rig = Rig::start();
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    play(&mut adapter, &mut Random::of(SEED), 800);
    rig.stop();
    let files = segments(&rig.data());
    let first = files.first().expect("a segment");
    let good = fs::read(first).expect("it is read");
    let end = good.iter().rposition(|byte| *byte != 0).expect("it holds frames");
    let mut random = Random::of(SEED);
    for round in 0..12 {
        // From the first frame on; what stands before is the segment's own.
        let at = 8192 + random.below(end as u64 / 2 - 8192) as usize;
        let mut bad = good.clone();
        bad[at] ^= 1 << random.below(8);
        fs::write(first, &bad).expect("it is written");
        let refused =
            rig.try_start().err().unwrap_or_else(|| panic!("round {round}: byte {at} is damaged, and served"));
        assert_eq!(refused.exit_code(), 65, "round {round}, byte {at}: {refused}");
        let replayed =
            replay(&rig.data(), false).err().unwrap_or_else(|| panic!("round {round}: byte {at} is replayed"));
        assert_eq!(replayed.exit_code(), 65, "round {round}, byte {at}: {replayed}");
    }
    fs::write(first, &good).expect("it is written");
    rig.start_again();
}

#[test]
fn a_lost_segment_is_refused() {
    let mut rig = Rig::start_with(|config| config.segment_bytes = 512 << 10);
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    play(&mut adapter, &mut Random::of(17), 6_000);
    rig.stop();
    let files = segments(&rig.data());
    assert!(files.len() >= 3, "{files:?}");
    for gone in [0, files.len() / 2, files.len() - 1] {
        let kept = fs::read(&files[gone]).expect("it is read");
        if kept.iter().skip(8192).all(|byte| *byte == 0) {
            // A spare: nothing is in it.
            continue;
        }
        fs::remove_file(&files[gone]).expect("it is removed");
        let refused = rig.try_start().err().unwrap_or_else(|| panic!("{:?} is gone, and served", files[gone]));
        assert_eq!(refused.exit_code(), 65, "{:?}: {refused}", files[gone]);
        fs::write(&files[gone], &kept).expect("it is written");
    }
    rig.start_again();
}

#[test]
fn garbage_behind_the_last_frame_is_cut_and_what_stands_before_it_is_served() {
    let mut rig = Rig::start();
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    play(&mut adapter, &mut Random::of(23), 300);
    let shown = Shown::of(rig.addr());
    rig.stop();
    let holds_frames = |path: &&PathBuf| fs::read(path).expect("it is read").iter().skip(8192).any(|byte| *byte != 0);
    let files = segments(&rig.data());
    let last = files.iter().rfind(holds_frames).expect("a segment with frames");
    let mut bytes = fs::read(last).expect("it is read");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("it holds frames");
    // From the next block on: what a group that never got whole would leave.
    let from = (end / 4096 + 1) * 4096;
    bytes[from..from + 100].fill(0xab);
    fs::write(last, bytes).expect("it is written");
    rig.start_again();
    Shown::of(rig.addr()).assert_same(&shown, "garbage behind the end");
    adapter.reconnect_to(rig.addr()).expect("it resumes");
    assert_eq!(adapter.resumed(), 300);
    play(&mut adapter, &mut Random::of(24), 300);
    let stopped = rig.stop();
    assert_eq!(rig.replay(false).engine().state_hash(), stopped.state_hash, "what came after is whole");
}

#[test]
fn a_damaged_snapshot_is_passed_over() {
    let mut rig = Rig::start();
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    let mut random = Random::of(19);
    play(&mut adapter, &mut random, 300);
    rig.stop();
    rig.start_again();
    adapter.reconnect_to(rig.addr()).expect("it resumes");
    play(&mut adapter, &mut random, 300);
    let shown = Shown::of(rig.addr());
    let live = rig.stop();
    let snapshots: Vec<PathBuf> = all_files(&rig.data()).into_iter().filter(|path| is_snapshot(path)).collect();
    assert_eq!(snapshots.len(), 2, "{snapshots:?}");
    for path in &snapshots {
        let mut bytes = fs::read(path).expect("it is read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        fs::write(path, bytes).expect("it is written");
        assert_eq!(rig.replay(true).engine().state_hash(), live.state_hash, "without {path:?}");
    }
    rig.start_again();
    Shown::of(rig.addr()).assert_same(&shown, "from the journal alone");
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { all_files(&path) } else { vec![path] }).collect()
}

fn is_segment(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("seg-") && path.extension().is_some_and(|kind| kind == "ordo")
}

fn is_snapshot(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("snap-"))
}

#[test]
fn two_feeds_and_their_configurations_are_kept_apart() {
    let mut rig = Rig::start();
    for (feed, position) in [("a", 5), ("b", 70)] {
        let (mut line, _) = FeedLine::open(&rig, feed, Form::Binary);
        line.act(position, deposit(&account("XS", feed), "1"));
        let settings = [("Of".to_owned(), feed.to_owned())].into();
        let configuration = ordo_core::proto::FeedConfiguration { settings, ..Default::default() };
        assert!(line.ask(ordo_client::messages::configure(feed, 0, configuration)).is_empty());
    }
    for stop in [true, false] {
        if stop {
            rig.stop();
        } else {
            rig.drop_hub();
        }
        rig.start_again();
        for (feed, position) in [("b", 70), ("a", 5)] {
            let adapter = Adapter::open(rig.addr(), feed).expect("the feed is open");
            assert_eq!(adapter.resumed(), position, "{feed}");
            let settings = &adapter.configuration().expect("it was left here").settings;
            assert_eq!(settings.get("Of").map(String::as_str), Some(feed));
            adapter.close(PATIENCE).expect("it closes");
        }
    }
}

#[test]
fn a_stop_under_load_records_what_it_took_and_says_goodbye() {
    for durability in [Durability::Sync, Durability::Async] {
        let mut rig = Rig::start_with(|config| config.durability = durability);
        let mut watcher = rig.subscriber(Form::Binary);
        let view = watcher.subscribe(SubscriptionType::Orders, Vec::new()).expect("it is accepted");
        let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
        let (started, has_started) = std::sync::mpsc::channel();
        let feeder = std::thread::spawn(move || {
            let mut random = Random::of(41);
            let mut started = Some(started);
            for n in 1.. {
                // Some is told, some is under way.
                if n > 2_000
                    && adapter.bookmark() > 0
                    && let Some(started) = started.take()
                {
                    started.send(()).expect("somebody waits");
                }
                // Until the hub has gone.
                if adapter.submit(n, any_update(&mut random, n)).is_err() {
                    break;
                }
            }
            while adapter.poll().is_ok() {}
            adapter
        });
        let reader = std::thread::spawn(move || {
            loop {
                match watcher.next(PATIENCE) {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("the hub has not gone"),
                    Err(error) => return (error.closed().cloned(), watcher.view(view).position("f")),
                }
            }
        });
        has_started.recv().expect("it starts");
        let stopped = rig.stop();
        let mut adapter = feeder.join().expect("it ends with the hub");
        let (closed, told) = reader.join().expect("it ends with the hub");
        assert_eq!(closed.expect("a close frame").code, Some(1001), "{durability:?}: going away");
        assert_eq!(rig.replay(false).engine().state_hash(), stopped.state_hash, "{durability:?}");
        rig.start_again();
        let bookmark = adapter.bookmark();
        adapter.reconnect_to(rig.addr()).expect("it resumes");
        assert!(bookmark > 0 && adapter.resumed() >= bookmark.max(told), "{durability:?}: {bookmark} {told}");
        confirm(&mut adapter);
    }
}

#[test]
fn no_tail_is_left_behind_by_a_clean_stop() {
    let mut rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    line.act(1, deposit(&account("XS", "A"), "1"));
    let folder = rig.config().tail_dir.clone().expect("the tests set one");
    let tails =
        || all_files(&folder).into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "tail")).count();
    assert_eq!(tails(), 1);
    rig.stop();
    assert_eq!(tails(), 0);
}

//! `asAt`: the state at an instant is the fold of all updates up to it.

use ordo_client::Form;

use crate::heard::*;
use ordo_testkit::hub::*;

/// Before, at, between and after updates.
fn instants(recording: &Recording, random: &mut Random) -> Vec<u64> {
    let times = times(&recording.told);
    let mut instants = vec![0, times[0] - 1, times[0], *times.last().expect("some"), times.last().expect("some") + 1];
    for _ in 0..12 {
        let time = times[random.below(times.len() as u64) as usize];
        instants.extend([time - 1, time, time + 1]);
    }
    instants
}

fn check(rig: &Rig, recording: &Recording, instants: &[u64], what: &str) {
    for time_ns in instants {
        let asked = State::asked(rig, &format!("?asAt={}", iso(*time_ns)));
        asked.assert_same(&recording.state_at(*time_ns), &format!("{what}, at {}", iso(*time_ns)));
    }
}

#[test]
fn a_past_state_is_the_fold_of_what_was_told_live_and_after_a_restart_and_without_snapshots() {
    const SEED: u64 = 31;
    let mut rig = Rig::start_with(|config| config.snapshot_every_updates = 100);
    let recording = Recording::make(&rig, SEED, 600);
    let mut random = Random::of(SEED);
    let instants = instants(&recording, &mut random);
    check(&rig, &recording, &instants, "live");
    rig.stop();
    rig.start_again();
    check(&rig, &recording, &instants, "restarted");
    rig.stop();
    let snapshots = snapshot_files(&rig);
    assert!(!snapshots.is_empty(), "a hub that stops leaves one");
    snapshots.iter().for_each(|path| std::fs::remove_file(path).expect("it can be removed"));
    rig.start_again();
    check(&rig, &recording, &instants[..8], "no snapshots");
}

#[test]
fn a_damaged_snapshot_is_passed_over() {
    const SEED: u64 = 32;
    let mut rig = Rig::start_with(|config| config.snapshot_every_updates = 100);
    let recording = Recording::make(&rig, SEED, 400);
    wait_for_snapshots(&rig, 2);
    let live = rig.stop();
    let mut files = snapshot_files(&rig);
    files.sort();
    // The newest in its body, the one before in its header, if there is one.
    for (path, at) in files.iter().rev().zip([5_000, 20]) {
        let mut bytes = std::fs::read(path).expect("it can be read");
        bytes[at] ^= 1;
        std::fs::write(path, bytes).expect("it can be written");
    }
    assert!(rig.replay(true).updates() > 0, "the newest would leave nothing to replay");
    rig.start_again();
    let times = times(&recording.told);
    let last = *times.last().expect("some");
    check(&rig, &recording, &[last, times[times.len() / 2], times[times.len() - 2]], "damaged");
    assert_eq!(rig.stop().state_hash, live.state_hash);
}

#[test]
fn e22_as_at_takes_in_what_happened_at_that_instant() {
    let rig = Rig::start();
    let mut listener = listener(&rig);
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let of = account("XS", "A");
    line.act(1, deposit(&of, "100"));
    line.act(2, deposit(&of, "50"));
    let mut recording = Recording { told: Vec::new() };
    recording.hear_all(&mut listener);
    let times: Vec<u64> = (1..=2)
        .map(|position| {
            let told = recording.told.iter().find(|told| told.place() == ("f", position));
            told.expect("it was told").time_ns()
        })
        .collect();
    let balance = |time_ns: u64| {
        let records = State::asked(&rig, &format!("?asAt={}", iso(time_ns))).balances;
        records.values().map(|record| figure(record.balance).to_string()).collect::<Vec<_>>()
    };
    assert_eq!(balance(times[0] - 1), [""; 0]);
    assert_eq!(balance(times[0]), ["100"]);
    assert_eq!(balance((times[0] + times[1]) / 2), ["100"]);
    assert_eq!(balance(times[1]), ["150"]);
    assert_eq!(balance(times[1] + 1_000_000_000_000), ["150"], "a time to come: now");
    let path = format!("/order/for/XS/A?asAt={}", iso(times[0] - 1));
    assert_eq!(rig.get(&path).status, 404, "before it was ever named");
    let updates = rig.get(&format!("/event/fromdate?from={}&to={}", iso(times[0]), iso(times[1])));
    let updates: Vec<ordo_core::proto::EventMessage> =
        updates.records(ordo_core::json::message::EVENT_MESSAGE).expect("events");
    let places: Vec<i64> = updates.iter().map(|m| m.position.as_ref().expect("a position").position).collect();
    assert_eq!(places, [2]);
}

#[test]
fn an_instant_is_read_in_its_forms_and_nothing_else() {
    let rig = Rig::start();
    for (text, status) in [
        ("20250101T000000Z", 200),
        ("2025-01-01T00:00:00Z", 200),
        ("2025-01-01T10:00:00%2B10:00", 200),
        ("0001-01-01T00:00:00Z", 200),
        ("yesterday", 400),
        ("2025-13-01T00:00:00Z", 400),
        ("", 200),
        ("2025-01-01", 200),
        ("2025-01-01T00:00:00", 200),
    ] {
        assert_eq!(rig.get(&format!("/balance?asAt={text}")).status, status, "{text}");
    }
}

#[test]
fn more_looks_at_the_past_than_may_at_once_are_told_to_come_again() {
    let rig = Rig::start_with(|config| {
        config.history_requests_max = 1;
        config.history_states_max = 0;
    });
    let recording = Recording::make(&rig, 33, 300);
    let times = times(&recording.told);
    let targets: Vec<String> = (0..8).map(|at| format!("/balance?asAt={}", iso(times[100 + at]))).collect();
    let addr = rig.addr();
    // Each asks twenty times for an instant, all at once; the answers, with the instant's number.
    let ask_all = |instant_of: fn(usize) -> usize| {
        std::thread::scope(|scope| {
            let ask = |at: usize| -> Vec<_> {
                let get = || ordo_client::rest::get(addr, &targets[at]).expect("an answer");
                (0..20).map(|_| (at, get())).collect()
            };
            let askers: Vec<_> = (0..8).map(|asker| scope.spawn(move || ask(instant_of(asker)))).collect();
            askers.into_iter().flat_map(|asker| asker.join().expect("ended")).collect::<Vec<_>>()
        })
    };
    let answers = ask_all(|asker| asker);
    let whole: Vec<_> = targets.iter().map(|target| rig.get(target)).collect();
    assert!(whole.iter().all(|whole| whole.status == 200));
    assert!(answers.iter().all(|(at, answer)| match answer.status {
        200 => answer.body == whole[*at].body,
        429 => answer.header("retry-after") == Some("1"),
        _ => false,
    }));
    let sent_away = answers.iter().filter(|(_, answer)| answer.status == 429).count();
    assert!(sent_away > 0, "160 requests by eight, and never two at once");
    // Who asks for the same instant waits for the one who looks at it already.
    let shared = ask_all(|_| 0);
    assert!(shared.iter().all(|(_, answer)| (answer.status, &answer.body) == (200, &whole[0].body)));
}

//! One seed run twice gives one history: the same hashes and the same outcome, byte for byte, after every update.

mod naive;

use naive::hub::Hub;
use naive::stream::Stream;
use ordo_core::engine::Engine;
use ordo_testkit::seeds::for_seeds;

#[test]
fn one_seed_run_twice_is_one_history() {
    let mut ends = Vec::new();
    for_seeds(200..206, |seed| {
        let (mut first, mut second) = (Hub::new(), Hub::with(Engine::new(5_000)));
        let (mut one, mut other) = (Stream::new(seed), Stream::new(seed));
        for _ in 0..1_000 {
            first.apply(&one.next());
            second.apply(&other.next());
            assert_eq!(first.outcome.bytes, second.outcome.bytes);
            assert_eq!(format!("{:?}", first.outcome), format!("{:?}", second.outcome));
            assert_eq!(first.engine.state_hash(), second.engine.state_hash());
            assert_eq!(first.engine.events_hash(), second.engine.events_hash());
        }
        assert!(first.engine.image() == second.engine.image());
        ends.push((first.engine.state_hash(), first.engine.events_hash()));
    });
    ends.dedup();
    assert_eq!(ends.len(), 6, "another seed is another history");
}

/// The same records under other numbers (names met in another order) hash alike.
#[test]
fn the_state_hash_knows_names_and_no_numbers() {
    let run = |swapped: bool| {
        let mut hub = Hub::new();
        let mut actions = [naive::stream::deposit("A", "5"), naive::stream::deposit("B", "7")];
        if swapped {
            actions.reverse();
        }
        for action in &actions {
            hub.apply(action);
        }
        hub.engine
    };
    let (one, other) = (run(false), run(true));
    assert_ne!(one.names().accounts[0].account, other.names().accounts[0].account);
    assert_eq!(one.state_hash(), other.state_hash());
    assert_ne!(one.events_hash(), other.events_hash());
}

/// What came and went leaves no trace: a state is what it holds.
#[test]
fn a_state_that_was_before_hashes_as_it_did() {
    let mut hub = Hub::new();
    hub.apply(&naive::stream::deposit("A", "5"));
    let before = hub.engine.state_hash();
    hub.apply(&naive::stream::deposit("A", "3"));
    assert_ne!(hub.engine.state_hash(), before);
    hub.apply(&naive::stream::deposit("A", "-3"));
    // The position of `oms` is part of the state; it alone differs now.
    let (mut twin, nothing) = (Hub::new(), naive::stream::deposit("B", "0"));
    twin.apply(&naive::stream::deposit("A", "5"));
    twin.apply(&nothing);
    twin.apply(&nothing);
    assert_eq!(hub.engine.state_hash(), twin.engine.state_hash());
}

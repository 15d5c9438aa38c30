//! Images: an engine made of one goes on as the engine it was made of; a damaged one is refused and never a panic.

mod naive;

use naive::for_seeds;
use naive::hub::Hub;
use naive::stream::Stream;
use ordo_core::engine::{Engine, ImageError};
use ordo_core::record::{Settings, UnknownRules};
use ordo_core::views::Views;
use xxhash_rust::xxh3::xxh3_128;

fn assert_same(one: &Engine, other: &Engine) {
    assert_eq!((one.state_hash(), one.events_hash()), (other.state_hash(), other.events_hash()));
    assert_eq!((one.sequence(), one.time_ns()), (other.sequence(), other.time_ns()));
    assert_eq!((one.counts(), one.oddities()), (other.counts(), other.oddities()));
    assert!(one.image() == other.image(), "one image, byte for byte");
}

#[test]
fn an_engine_of_an_image_goes_on_as_the_one_it_was_made_of() {
    for_seeds(100..106, |seed| {
        let (mut live, mut stream) = (Hub::new(), Stream::new(seed));
        live.run(&mut stream, 300 + seed as usize % 7 * 100);
        let image = live.engine.image();
        let mut loaded = Hub::with(Engine::from_image(&image).expect("just made"));
        assert_same(&live.engine, &loaded.engine);
        for _ in 0..600 {
            let action = stream.next();
            live.apply(&action);
            loaded.apply(&action);
            // Every event, number and byte.
            assert_eq!(format!("{:?}", live.outcome), format!("{:?}", loaded.outcome));
        }
        assert_same(&live.engine, &loaded.engine);
    });
}

/// Every trade hangs on an order, or on what one has left: an image would not load otherwise.
#[test]
fn an_engine_that_forgets_goes_on_as_one_of_its_image() {
    for_seeds(110..116, |seed| {
        let (mut live, mut stream) = (Hub::new(), Stream::new(seed));
        live.set_settings(&Settings { trade_retention_s: 0, completed_order_retention_s: 5, ..Settings::initial() });
        let (mut kept, mut forgotten) = (0, 0);
        for _ in 0..30 {
            live.run(&mut stream, 40);
            let mut loaded = Hub::with(Engine::from_image(&live.engine.image()).expect("just made"));
            let before = live.engine.counts().trades;
            live.tick();
            loaded.tick();
            assert_same(&live.engine, &loaded.engine);
            assert_eq!(live.engine.next_removal_ns(), loaded.engine.next_removal_ns());
            assert_eq!((live.engine.next_prune_ns(), loaded.engine.next_prune_ns()), (None, None));
            kept += live.engine.counts().trades;
            forgotten += before - live.engine.counts().trades;
        }
        assert!(kept > 100 && forgotten > 5, "{kept} {forgotten}");
    });
}

#[test]
fn an_image_of_nothing_is_one() {
    let engine = Engine::new(0);
    assert_same(&engine, &Engine::from_image(&engine.image()).expect("just made"));
}

/// Small, and with something of every kind: pools, funds, moves, gaps among the orders, feeds.
fn small_image() -> Vec<u8> {
    let (mut hub, mut stream) = (Hub::new(), Stream::new(7));
    hub.open_feeds();
    let mut updates = 0;
    while updates < 40 || hub.engine.counts().trades < 3 {
        hub.run(&mut stream, 1);
        updates += 1;
    }
    hub.move_and_remove_an_order();
    hub.engine.image()
}

#[test]
fn a_cut_image_is_refused_at_every_byte() {
    let image = small_image();
    for end in 0..image.len() {
        assert!(Engine::from_image(&image[..end]).is_err(), "cut at {end}");
    }
    assert!(Engine::from_image(&[&image[..], &[0]].concat()).is_err());
}

#[test]
fn an_image_with_any_bit_flipped_is_refused() {
    let mut image = small_image();
    for at in 0..image.len() * 8 {
        image[at / 8] ^= 1 << (at % 8);
        assert!(Engine::from_image(&image).is_err(), "bit {at}");
        image[at / 8] ^= 1 << (at % 8);
    }
}

/// With a digest that fits the damage: whoever wrote it meant it. An error, or an engine that can go on.
#[test]
fn an_image_that_lies_is_no_panic() {
    let image = small_image();
    let end = image.len() - 16;
    let mut loaded = 0;
    for at in 0..end * 8 {
        let mut lie = image[..end].to_vec();
        lie[at / 8] ^= 1 << (at % 8);
        let digest = xxh3_128(&lie);
        lie.extend_from_slice(&digest.to_le_bytes());
        let Ok(engine) = Engine::from_image(&lie) else { continue };
        loaded += 1;
        // Sequences and times beyond what a hub reaches stop it by name: the record is then broken.
        if engine.sequence() > 1 << 40 || engine.time_ns() > 1 << 60 {
            continue;
        }
        drop(Views::of(&engine));
        let (mut hub, mut stream) = (Hub::with(engine), Stream::new(7));
        hub.run(&mut stream, 30);
    }
    assert!(loaded > 100, "{loaded}: what no hash binds");
}

#[test]
fn an_image_of_another_version_is_named() {
    let image = small_image();
    let with = |at: usize, byte: u8| {
        let mut altered = image.clone();
        altered[at] = byte;
        Engine::from_image(&altered).err()
    };
    assert_eq!(with(0, 99), Some(ImageError::Version(99)));
    assert_eq!(with(2, 98), Some(ImageError::Rules(UnknownRules(98))));
}

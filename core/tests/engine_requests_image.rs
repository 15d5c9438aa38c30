//! Images of a state with requests, and those of a build that knew none.

mod desk;

use desk::{Desk, new, order, queued, status};
use ordo_core::engine::{Engine, IMAGE_VERSION_OLDEST};
use ordo_core::names::FeedNo;
use ordo_core::proto::OrderUpdateReason;
use ordo_core::record::Origin;
use ordo_core::views::Views;
use xxhash_rust::xxh3::xxh3_128;

/// Requests in every phase, and one that ended.
fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.online("XNAS");
    desk.submit_and_dispatch(&new("R1"));
    desk.act("XNAS", order("#1", "R1"), OrderUpdateReason::New);
    desk.submit_and_dispatch(&new("R2"));
    desk.progress("XNAS", "R2", status("Completed"));
    let mut waiting = queued("R3", "DTR");
    let at = ordo_core::proto::TimestampWithTimeZone { seconds: 1_795_323_900, ..Default::default() };
    waiting.queue.as_mut().expect("given").expire_after = Some(at);
    desk.submit(&waiting);
    desk.submit(&new("R4"));
    desk.report("XNAS", &new("R5"));
    desk
}

fn with_digest(mut image: Vec<u8>) -> Vec<u8> {
    let digest = xxh3_128(&image);
    image.extend_from_slice(&digest.to_le_bytes());
    image
}

#[test]
fn an_engine_of_an_image_goes_on_as_the_one_it_was_made_of() {
    let mut live = desk();
    let loaded = Engine::from_image(&live.engine.image()).expect("just made");
    let mut other = Desk { views: Views::of(&loaded), engine: loaded, now_ns: live.now_ns, ..Desk::bare() };
    for desk in [&mut live, &mut other] {
        desk.offline("XNAS");
        desk.online("XNAS");
        desk.backlog("XNAS");
        desk.progress("XNAS", "R1", status("Completed"));
        desk.submit(&new("R2"));
        desk.decide("D1", "R3", desk::target(None));
    }
    assert_eq!(format!("{:?}", live.outcome), format!("{:?}", other.outcome));
    assert_eq!(live.engine.state_hash(), other.engine.state_hash());
    assert!(live.engine.image() == other.engine.image());
}

#[test]
fn an_image_of_a_build_that_knew_no_requests_is_read() {
    let mut desk = Desk::new();
    desk.online("XNAS");
    desk.act("XNAS", order("#1", "R1"), OrderUpdateReason::New);
    let image = desk.engine.image();
    // No rows, no free numbers, nothing that ended: three counts in front of the digest.
    let mut older = image[..image.len() - 16 - 12].to_vec();
    assert!(image[older.len()..older.len() + 12].iter().all(|byte| *byte == 0));
    older[..2].copy_from_slice(&IMAGE_VERSION_OLDEST.to_le_bytes());
    let loaded = Engine::from_image(&with_digest(older)).expect("an older image");
    assert!(loaded.image() == image);
    assert_eq!(loaded.state_hash(), desk.engine.state_hash());
}

/// With a digest that fits the damage: an error, or an engine that can go on.
#[test]
fn an_image_that_lies_is_no_panic() {
    let desk = desk();
    let image = desk.engine.image();
    let content = &image[..image.len() - 16];
    let mut loaded = 0;
    for at in 0..content.len() * 8 {
        let mut lie = content.to_vec();
        lie[at / 8] ^= 1 << (at % 8);
        let Ok(engine) = Engine::from_image(&with_digest(lie)) else { continue };
        loaded += 1;
        if engine.sequence() > 1 << 40 || engine.time_ns() > 1 << 60 || engine.names().feeds.len() < 2 {
            continue;
        }
        let mut other = Desk { views: Views::of(&engine), engine, now_ns: desk.now_ns + desk::SECOND, ..Desk::bare() };
        other.now_ns = other.now_ns.max(other.engine.time_ns());
        other.wait(100);
        for id in ["R1", "R3", "R4", "R5"] {
            let update = ordo_core::engine::requests::dispatch_body("O", "A", id);
            other.apply(FeedNo::OMS, Origin::DISPATCH, &update);
        }
        other.time_out();
        other.submit(&new("R6"));
    }
    assert!(loaded > 50, "{loaded}: what no hash binds");
}

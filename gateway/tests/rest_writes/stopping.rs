//! Writes while the hub stops: answered, and what was answered is there afterwards.

use std::sync::atomic::{AtomicBool, Ordering};

use ordo_client::rest::request;

use crate::sending::*;
use ordo_testkit::hub::*;

#[test]
fn a_write_is_answered_or_refused_and_never_hangs_when_the_hub_stops() {
    let mut rig = Rig::start();
    let addr = rig.addr();
    let is_over = AtomicBool::new(false);
    let written: u64 = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let is_over = &is_over;
                scope.spawn(move || {
                    let mut written = 0u64;
                    while !is_over.load(Ordering::Relaxed) {
                        let body = cash_json(&format!("W{writer}"), "1");
                        match request(addr, "POST", "/balance", &[JSON], Some(body.as_bytes())) {
                            Ok(answer) if answer.status == 204 => written += 1,
                            // Refused, or the port is closed, or its answer was cut off.
                            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
                            Err(_) => {}
                        }
                    }
                    written
                })
            })
            .collect();
        while balance(&rig, "W3").len() < 4 {
            std::thread::yield_now();
        }
        rig.stop();
        is_over.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().expect("a writer ends")).sum()
    });
    rig.start_again();
    let total: u64 = (0..4).map(|writer| balance(&rig, &format!("W{writer}"))).map(|of| whole(&of)).sum();
    // One for each writer may have been recorded without its answer getting through.
    assert!((written..=written + 4).contains(&total), "{written} were answered, {total} are there");
}

fn whole(balance: &str) -> u64 {
    balance.split(' ').next().and_then(|figure| figure.parse().ok()).unwrap_or(0)
}

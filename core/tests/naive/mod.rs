//! A second, naive model of what an update does: plain maps, big integers, everything computed from scratch. Written
//! from the rules, not from the engine, and its judge.

// Each test binary uses its part.
#![allow(dead_code)]

pub(crate) mod figure;
pub(crate) mod hub;
pub(crate) mod model;
pub(crate) mod position;
pub(crate) mod records;
pub(crate) mod stream;

#[path = "../wire/rng.rs"]
pub(crate) mod rng;

/// Runs `case` for each seed and names the one that fails.
pub(crate) fn for_seeds(seeds: std::ops::Range<u64>, mut case: impl FnMut(u64)) {
    struct Running(u64);
    impl Drop for Running {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("failed with seed {}", self.0);
            }
        }
    }
    for seed in seeds {
        let running = Running(seed);
        case(seed);
        drop(running);
    }
}

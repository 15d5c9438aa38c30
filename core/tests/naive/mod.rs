//! A second, naive model of what an update does: plain maps, big integers, everything computed from scratch. Written
//! from the rules, not from the engine, and its judge.

// Each test binary uses its part.
#![allow(dead_code)]

pub(crate) mod figure;
pub(crate) mod hub;
pub(crate) mod model;
pub(crate) mod operation_stream;
pub(crate) mod operations;
pub(crate) mod position;
pub(crate) mod records;
pub(crate) mod requests;
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

/// The same for `cases` seeds from `first` on. `ORDO_SEED` sets the first (and alone runs that one), `ORDO_CASES` how many.
pub(crate) fn for_cases(first: u64, cases: u64, case: impl FnMut(u64)) {
    let number = |name: &str| given(name).map(|text| text.parse().expect("a whole number"));
    let seed = number("ORDO_SEED");
    let cases = number("ORDO_CASES").unwrap_or(if seed.is_some() { 1 } else { cases });
    let first = seed.unwrap_or(first);
    for_seeds(first..first + cases, case);
}

/// What whoever looks for a difference wants otherwise.
#[allow(clippy::disallowed_methods, reason = "a test is asked by hand to run another seed; nothing of the core is")]
pub(crate) fn given(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

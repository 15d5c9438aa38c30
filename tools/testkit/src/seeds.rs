//! The seeds that a random test runs, and the name of the one that fails.
//!
//! `ORDO_SEED=7` runs the case of seed 7 alone; `ORDO_CASES=1000` runs so many, from it or from the test's own first.

use std::ops::Range;

/// Runs `case` for each seed; names the one that fails.
pub fn for_seeds(seeds: impl IntoIterator<Item = u64>, mut case: impl FnMut(u64)) {
    for seed in seeds {
        let _running = Running(seed);
        case(seed);
    }
}

/// Runs `case` for `cases` seeds from `first` on, or for those that the environment chooses: how many there were.
pub fn for_cases(first: u64, cases: u64, case: impl FnMut(u64)) -> u64 {
    let seeds = chosen(first, cases);
    for_seeds(seeds.clone(), case);
    seeds.end - seeds.start
}

/// `cases` seeds from `first` on, or those that the environment chooses. Printed.
///
/// # Panics
/// If the environment has something else than a number.
#[must_use]
pub fn chosen(first: u64, cases: u64) -> Range<u64> {
    let seed = number("ORDO_SEED");
    let cases = number("ORDO_CASES").unwrap_or(if seed.is_some() { 1 } else { cases });
    let first = seed.unwrap_or(first);
    println!("ORDO_SEED={first} ORDO_CASES={cases}");
    first..first + cases
}

/// A whole number from the environment, by which a test is run otherwise than every day.
///
/// # Panics
/// If it is something else.
#[must_use]
pub fn number(name: &str) -> Option<u64> {
    let text = given(name)?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no whole number")))
}

/// What whoever runs a test by hand wants otherwise.
#[must_use]
pub fn given(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

struct Running(u64);

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed; again by ORDO_SEED={} ORDO_CASES=1", self.0);
        }
    }
}

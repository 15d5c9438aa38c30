//! `ordo replay --diff`: what differs between two places.

use std::ops::ControlFlow;
use std::path::Path;

use ordo_core::json::Style;
use ordo_core::views::Views;
use ordo_history::investigation::{Difference, differences};
use ordo_history::replay::Replay;

use super::{Progress, of_replay, open_beginning};
use crate::Failure;
use crate::logging::note;
use crate::place::{self, Place};
use crate::rows::Rows;
use crate::table::Output;

const COLUMNS: &[&str] = &["Record", "OwnerID", "AccountID", "Key", "Field", "Before", "After", "Change"];
const FIGURES: &[&str] = &["Before", "After", "Change"];

/// From A to B, also where B comes first.
pub(super) fn run(dir: &Path, places: &[Place; 2], output: Output) -> Result<(), Failure> {
    let mut replay = open_beginning(dir, places)?;
    let bar = Progress::new();
    let mut states = [None, None];
    while let Some(next) = replay.peek().map_err(of_replay)? {
        let is_reached = places.each_ref().map(|place| place.is_behind(replay.engine(), &next));
        keep(&mut states, is_reached, &replay);
        if is_reached == [true; 2] {
            break;
        }
        replay.next().map_err(of_replay)?;
        bar.tick();
    }
    keep(&mut states, [true; 2], &replay);
    drop(bar);
    place::check_are_named(&mut replay, places)?;
    let [(before, a), (after, b)] = states.map(|state| state.expect("invariant: kept at the latest at the end"));
    let found = print(output, |tell| differences(&before, &after, Style::default(), tell))?;
    note!("{found} fields differ, {} updates between", a.abs_diff(b));
    Ok(())
}

/// The states at places that are reached for the first time, and their numbers in the journal.
fn keep(states: &mut [Option<(Views, u64)>; 2], is_reached: [bool; 2], replay: &Replay) {
    for (state, is_reached) in states.iter_mut().zip(is_reached) {
        if is_reached && state.is_none() {
            *state = Some((replay.views(), replay.engine().sequence()));
        }
    }
}

/// Prints a row for each field that `find` tells of; how many.
pub(super) fn print(
    output: Output,
    find: impl FnOnce(&mut dyn FnMut(Difference) -> ControlFlow<()>) -> ControlFlow<()>,
) -> Result<u64, Failure> {
    let mut rows = Rows::new(COLUMNS, FIGURES, output.format());
    // Where it breaks off, `finish` says why.
    let _ = find(&mut |it| {
        let change = it.change.map_or_else(String::new, |change| change.to_string());
        let names = [it.kind.name().to_owned(), it.owner, it.account, it.key, it.field];
        rows.put(names.into_iter().chain([it.before.to_string(), it.after.to_string(), change]).collect())
    });
    rows.finish()
}

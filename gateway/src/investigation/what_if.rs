//! `what_if`: the same history with updates left out, replaced or inserted, and what would have come of it.
//!
//! Two engines run side by side, one as it was, one with the changes. Where they part, and how their states differ at
//! the end, is the answer.

use std::borrow::Cow;
use std::ops::ControlFlow;

use ordo_core::encode;
use ordo_core::json::Style;
use ordo_core::names::Names;
use ordo_core::outcome::Outcome;
use ordo_core::views::Views;
use ordo_core::wire::ReverseWriter;
use thiserror::Error;

use super::altered::Altered;
use super::changes::{Change, Changes, Contradiction};
use super::differences::{Difference, differences};
use super::place::Place;
use super::words::{Words, words};
use crate::replay::{Replay, ReplayError};

/// What came of it.
#[derive(Debug)]
pub struct Outlook {
    /// The first update that did something else, or is not in both: where the runs part.
    pub parted: Option<Parted>,
    /// The first of those which are in both, as they were.
    pub consequence: Option<Parted>,
    /// Changes whose place the record does not have.
    pub unmatched: Vec<Place>,
    /// The last states, as it was and with the changes.
    states: [Views; 2],
}

/// An update, and the refusals of either run.
#[derive(Debug, Clone)]
pub struct Parted {
    pub place: Place,
    pub time_ns: u64,
    pub what: Words,
    pub errors_before: Vec<String>,
    pub errors_after: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum WhatIf {
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    #[error("the update put at {0} is no FeedRequest that can be recorded")]
    Update(Place),
}

impl Outlook {
    /// How the last states differ; as long as `tell` goes on.
    pub fn differences(&self, style: Style, tell: impl FnMut(Difference) -> ControlFlow<()>) -> ControlFlow<()> {
        let [before, after] = &self.states;
        differences(before, after, style, tell)
    }
}

/// Runs a replay that has applied nothing yet, as it was and with the changes; `each` sees every update go by.
///
/// # Errors
/// [`WhatIf`].
pub fn what_if(mut replay: Replay, changes: &[Change], mut each: impl FnMut(u64)) -> Result<Outlook, WhatIf> {
    let mut altered = Altered::beside(replay.engine(), Changes::of(changes)?);
    let (mut parted, mut consequence) = (None, None);
    let mut events = [Vec::new(), Vec::new()];
    let mut scratch = ReverseWriter::default();
    while let Some(applied) = replay.next()? {
        let stamp = applied.outcome.stamp;
        // As the record has it: the public position is the engine's result.
        let place = Place { sequence: applied.names.feed(stamp.feed).to_owned(), position: stamp.position };
        let is_silent = applied.outcome.is_silent();
        let is_same = altered.apply(&place, &applied.input, applied.names, is_silent)?;
        events[0].clear();
        put_events(&mut events[0], &mut scratch, applied.names, applied.outcome);
        events[1].clear();
        put_events(&mut events[1], &mut scratch, altered.engine.names(), &altered.outcome);
        if (parted.is_none() || consequence.is_none()) && (!is_same || events[0] != events[1]) {
            let point = Parted {
                place,
                time_ns: stamp.time_ns,
                what: words(applied.input.bytes, applied.input.request),
                errors_before: applied.outcome.codes().map(Cow::into_owned).collect(),
                errors_after: altered.errors.clone(),
            };
            if is_same && consequence.is_none() {
                consequence = Some(point.clone());
            }
            parted.get_or_insert(point);
        }
        each(stamp.sequence);
        altered.follow(replay.engine().settings());
    }
    let states = [replay.views(), Views::of(&altered.engine)];
    let unmatched = altered.changes.places.into_keys().collect();
    Ok(Outlook { parted, consequence, unmatched, states })
}

/// What an update did to records, as bytes that are the same where it did the same.
fn put_events(out: &mut Vec<u8>, scratch: &mut ReverseWriter, names: &Names, outcome: &Outcome) {
    scratch.clear();
    for event in &outcome.balances {
        encode::balance_event(scratch, names, outcome, event);
    }
    for event in &outcome.holdings {
        encode::holding_event(scratch, names, event);
    }
    for event in &outcome.orders {
        encode::order_event(scratch, outcome, event);
    }
    for event in &outcome.metadata {
        encode::metadata_event(scratch, outcome, event);
    }
    out.extend_from_slice(scratch.bytes());
    outcome.codes().for_each(|code| out.extend_from_slice(code.as_bytes()));
}

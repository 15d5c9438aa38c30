//! `what_if`: a history with updates left out, replaced or inserted, and its result.
//!
//! Two engines run side by side, one as recorded and one with the changes. The answer is the first update at which they
//! differ, and how their last states differ.

use std::borrow::Cow;
use std::ops::ControlFlow;

use ordo_core::encode;
use ordo_core::json::Style;
use ordo_core::names::Names;
use ordo_core::outcome::Outcome;
use ordo_core::subscription::SequencePosition;
use ordo_core::views::Views;
use ordo_core::wire::ReverseWriter;
use thiserror::Error;

use super::alternate_run::AlternateRun;
use super::changes::{Change, Changes, Contradiction};
use super::differences::{Difference, differences};
use super::words::{Words, words};
use crate::replay::{Replay, ReplayError};

/// Result of a what-if run.
#[derive(Debug)]
pub struct Outlook {
    /// The first update with another effect, or that is in one run only.
    pub parted: Option<Parted>,
    /// The first update of both runs with another effect.
    pub consequence: Option<Parted>,
    /// Changes at positions that the record does not have.
    pub unmatched: Vec<SequencePosition>,
    /// The last states: as recorded, and with the changes.
    states: [Views; 2],
}

/// An update, and its error codes in either run.
#[derive(Debug, Clone)]
pub struct Parted {
    pub place: SequencePosition,
    pub time_ns: u64,
    pub what: Words,
    pub errors_before: Vec<String>,
    pub errors_after: Vec<String>,
}

/// Why a what-if run failed.
#[derive(Debug, Error)]
pub enum WhatIf {
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    #[error("the update given for {0} is not a valid FeedRequest")]
    Update(SequencePosition),
}

impl Outlook {
    /// Reports the fields that differ between the last states, until `report` breaks off.
    pub fn differences(&self, style: Style, report: impl FnMut(Difference) -> ControlFlow<()>) -> ControlFlow<()> {
        let [before, after] = &self.states;
        differences(before, after, style, report)
    }
}

/// Runs a replay that has applied nothing yet, as recorded and with changes; `each` gets the sequence of every update.
///
/// # Errors
/// [`WhatIf`].
pub fn what_if(mut replay: Replay, changes: &[Change], mut each: impl FnMut(u64)) -> Result<Outlook, WhatIf> {
    let mut alternate = AlternateRun::beside(replay.engine(), Changes::of(changes)?);
    let (mut parted, mut consequence) = (None, None);
    let mut events = [Vec::new(), Vec::new()];
    let mut scratch = ReverseWriter::default();
    while let Some(applied) = replay.next()? {
        let stamp = applied.outcome.stamp;
        // From the outcome: the engine assigns public positions.
        let place = SequencePosition { sequence: applied.names.feed(stamp.feed).to_owned(), position: stamp.position };
        let takes_no_position = applied.outcome.is_silent();
        let is_same = alternate.apply(&place, &applied.input, applied.names, takes_no_position)?;
        events[0].clear();
        put_events(&mut events[0], &mut scratch, applied.names, applied.outcome);
        events[1].clear();
        put_events(&mut events[1], &mut scratch, alternate.engine.names(), &alternate.outcome);
        if (parted.is_none() || consequence.is_none()) && (!is_same || events[0] != events[1]) {
            let point = Parted {
                place,
                time_ns: stamp.time_ns,
                what: words(applied.input.bytes, applied.input.request),
                errors_before: applied.outcome.codes().map(Cow::into_owned).collect(),
                errors_after: alternate.errors.clone(),
            };
            if is_same && consequence.is_none() {
                consequence = Some(point.clone());
            }
            parted.get_or_insert(point);
        }
        each(stamp.sequence);
        alternate.follow(replay.engine().settings());
    }
    let states = [replay.views(), Views::of(&alternate.engine)];
    let unmatched = alternate.changes.places.into_keys().collect();
    Ok(Outlook { parted, consequence, unmatched, states })
}

/// Encodes the effect of an update, for comparison.
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

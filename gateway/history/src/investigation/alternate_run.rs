//! `AlternateRun`: the run with changes, beside the recorded one.
//!
//! Updates keep their recorded times. Once settings differ, time-outs follow those: removals that the hub recorded are
//! skipped, and made when they are due under the changed settings.
//!
//! Absent on purpose: a second decision on REST writes that were refused or had no effect; they are skipped.

use std::borrow::Cow;

use ordo_core::engine::{Engine, Input};
use ordo_core::names::{FeedNo, Names, OMS};
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::record::removal_body;
use ordo_core::record::{Settings, Step};
use ordo_core::subscription::SequencePosition;
use ordo_core::wire::{FeedRequest, Span};

use super::changes::{Changes, Instead};
use super::what_if::WhatIf;

/// Orders that fit before the engine's tables grow.
const ORDERS_EXPECTED: usize = 1 << 16;

/// See the module.
pub(super) struct AlternateRun {
    pub(super) engine: Engine,
    /// Outcome of the last update applied.
    pub(super) outcome: Outcome,
    /// Error codes at the last position, those of inserted updates included.
    pub(super) errors: Vec<String>,
    request: FeedRequest,
    /// Changes whose position has not been reached.
    pub(super) changes: Changes,
    /// Whether settings ever differed from the recorded ones: from then on its own time-outs count.
    is_set_otherwise: bool,
    last_time_ns: u64,
}

impl AlternateRun {
    /// From the state where the recorded run starts.
    pub(super) fn beside(engine: &Engine, changes: Changes) -> AlternateRun {
        let recorded = engine.settings().clone();
        let last_time_ns = engine.time_ns();
        let engine = if engine.sequence() == 0 { Engine::new(ORDERS_EXPECTED) } else { engine.clone() };
        let mut alternate = AlternateRun {
            engine,
            outcome: Outcome::with_room(),
            errors: Vec::new(),
            request: FeedRequest::default(),
            changes,
            is_set_otherwise: false,
            last_time_ns,
        };
        // The record names its settings before its first update.
        let is_begun = alternate.engine.sequence() > 0;
        alternate.follow(&recorded);
        alternate.is_set_otherwise &= is_begun;
        alternate
    }

    /// Takes on recorded settings, except for the changed ones.
    pub(super) fn follow(&mut self, recorded: &Settings) {
        let change = self.changes.settings.as_ref();
        let settings = change.map_or_else(|| recorded.clone(), |change| change.of(recorded));
        self.is_set_otherwise |= settings != *recorded;
        if settings != *self.engine.settings() {
            let stamp = self.stamp(Stamp { time_ns: self.last_time_ns + 1, ..Stamp::default() });
            self.engine.apply(Step::Settings { stamp, settings: Cow::Owned(settings) }, &mut self.outcome);
        }
    }

    /// Applies the recorded update at a position, or its changes; true if there are none for it.
    pub(super) fn apply(
        &mut self,
        place: &SequencePosition,
        recorded: &Input<'_>,
        names: &Names,
        took_no_position: bool,
    ) -> Result<bool, WhatIf> {
        self.pass_time(recorded.stamp.time_ns)?;
        // The update that named a feed may be left out, but every frame of the feed uses its number.
        for name in &names.feeds {
            self.engine.know_feed(name);
        }
        self.outcome.clear();
        self.errors.clear();
        // A position names one update; updates without one cannot be changed.
        let change = if place.position == 0 { None } else { self.changes.places.remove(place) };
        let is_same = change.is_none();
        let change = change.unwrap_or_default();
        match change.instead {
            // Refused or without effect in the recorded run; it may be part of a batch, which is decided as a whole.
            None if took_no_position && recorded.stamp.origin.is_rest => {}
            None => {
                let stamp = self.stamp(recorded.stamp);
                self.engine.apply(Input { stamp, ..*recorded }, &mut self.outcome);
                self.keep_errors();
            }
            Some(Instead::Update(body)) => self.apply_body(place, recorded.stamp, &body)?,
            Some(Instead::Nothing) => {}
        }
        for body in change.inserts {
            // Inserted in `oms`: the positions of a feed are its adapter's.
            let stamp = Stamp { feed: FeedNo::OMS, position: 0, ..recorded.stamp };
            self.apply_body(place, stamp, &body)?;
        }
        Ok(is_same)
    }

    /// Applies what is due by an instant, as a hub would.
    fn pass_time(&mut self, now_ns: u64) -> Result<(), WhatIf> {
        let passed = Stamp { time_ns: now_ns - 1, ..Stamp::default() };
        while self.is_set_otherwise
            && let Some(due_ns) = self.engine.next_removal_ns().filter(|due_ns| *due_ns < now_ns)
        {
            let before = self.engine.counts().orders;
            let place = SequencePosition { sequence: OMS.to_owned(), position: 0 };
            self.apply_body(&place, Stamp { time_ns: due_ns, ..passed }, &removal_body(due_ns))?;
            if self.engine.counts().orders == before {
                break;
            }
        }
        while self.engine.next_prune_ns().is_some_and(|due_ns| due_ns < now_ns) {
            let before = self.engine.next_prune_ns();
            let stamp = self.stamp(passed);
            self.engine.apply(Step::Tick(stamp), &mut self.outcome);
            if self.engine.next_prune_ns() == before {
                break;
            }
        }
        Ok(())
    }

    fn apply_body(&mut self, place: &SequencePosition, stamp: Stamp, body: &[u8]) -> Result<(), WhatIf> {
        let mut request = std::mem::take(&mut self.request);
        let decoded = request.decode_into(body, Span::whole(body));
        decoded.map_err(|_| WhatIf::Update(place.clone()))?;
        let stamp = self.stamp(stamp);
        self.engine.apply(Input { stamp, bytes: body, request: &request }, &mut self.outcome);
        self.request = request;
        self.keep_errors();
        Ok(())
    }

    fn keep_errors(&mut self) {
        self.errors.extend(self.outcome.codes().map(Cow::into_owned));
    }

    fn stamp(&mut self, recorded: Stamp) -> Stamp {
        self.last_time_ns = recorded.time_ns.max(self.last_time_ns + 1);
        Stamp { sequence: self.engine.sequence() + 1, time_ns: self.last_time_ns, ..recorded }
    }
}

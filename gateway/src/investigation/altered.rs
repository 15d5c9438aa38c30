//! `Altered`: the run with the changes, beside the one that the record tells of.
//!
//! Updates keep their times. Under other settings its own time-outs count: what the hub removed of itself is left out,
//! and done when it would have been due.
//!
//! Absent on purpose: a second verdict on what REST wrote without effect; it stays without.

use std::borrow::Cow;

use ordo_core::engine::{Engine, Input};
use ordo_core::names::{FeedNo, Names, OMS};
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::record::{Settings, Step};
use ordo_core::wire::{FeedRequest, Span};

use super::changes::{Changes, Instead};
use super::place::Place;
use super::what_if::WhatIf;
use crate::receiver::removal_body;

/// Orders that fit before a table grows.
const ORDERS_EXPECTED: usize = 1 << 16;

/// See the module.
pub(super) struct Altered {
    pub(super) engine: Engine,
    /// Of what was applied last.
    pub(super) outcome: Outcome,
    /// Refusals at the last place, of what was put there too.
    pub(super) errors: Vec<String>,
    request: FeedRequest,
    /// Those that have not come yet.
    pub(super) changes: Changes,
    /// Whether its settings have ever been others than those recorded: its time-outs are its own since.
    is_set_otherwise: bool,
    last_time_ns: u64,
}

impl Altered {
    /// From where another run begins.
    pub(super) fn beside(engine: &Engine, changes: Changes) -> Altered {
        let recorded = engine.settings().clone();
        let last_time_ns = engine.time_ns();
        let engine = if engine.sequence() == 0 { Engine::new(ORDERS_EXPECTED) } else { engine.clone() };
        let mut altered = Altered {
            engine,
            outcome: Outcome::with_room(),
            errors: Vec::new(),
            request: FeedRequest::default(),
            changes,
            is_set_otherwise: false,
            last_time_ns,
        };
        // What the record says of settings comes with its first update.
        let is_begun = altered.engine.sequence() > 0;
        altered.follow(&recorded);
        altered.is_set_otherwise &= is_begun;
        altered
    }

    /// Takes on settings as recorded, but for those that are changed.
    pub(super) fn follow(&mut self, recorded: &Settings) {
        let change = self.changes.settings.as_ref();
        let settings = change.map_or_else(|| recorded.clone(), |change| change.of(recorded));
        self.is_set_otherwise |= settings != *recorded;
        if settings != *self.engine.settings() {
            let stamp = self.stamp(Stamp { time_ns: self.last_time_ns + 1, ..Stamp::default() });
            self.engine.apply(Step::Settings { stamp, settings: Cow::Owned(settings) }, &mut self.outcome);
        }
    }

    /// Applies what stands in the record at a place, or what the changes say; whether the two are the same.
    pub(super) fn apply(
        &mut self,
        place: &Place,
        recorded: &Input<'_>,
        names: &Names,
        was_silent: bool,
    ) -> Result<bool, WhatIf> {
        self.pass_time(recorded.stamp.time_ns)?;
        // What named a feed may be left out, and its number is in every frame of it.
        for name in &names.feeds {
            self.engine.know_feed(name);
        }
        self.outcome.clear();
        self.errors.clear();
        // A public position belongs to one update; what took none cannot be named.
        let change = if place.position == 0 { None } else { self.changes.places.remove(place) };
        let is_same = change.is_none();
        let change = change.unwrap_or_default();
        match change.instead {
            // Refused or without effect then, a batch perhaps, which is decided as a whole.
            None if was_silent && recorded.stamp.origin.is_rest => {}
            None => {
                let stamp = self.stamp(recorded.stamp);
                self.engine.apply(Input { stamp, ..*recorded }, &mut self.outcome);
                self.keep_errors();
            }
            Some(Instead::Update(body)) => self.apply_body(place, recorded.stamp, &body)?,
            Some(Instead::Nothing) => {}
        }
        for body in change.inserts {
            // Of no feed: a feed's numbers are its adapter's.
            let stamp = Stamp { feed: FeedNo::OMS, position: 0, ..recorded.stamp };
            self.apply_body(place, stamp, &body)?;
        }
        Ok(is_same)
    }

    /// Does what has become due by an instant, as a hub would have done.
    fn pass_time(&mut self, now_ns: u64) -> Result<(), WhatIf> {
        let passed = Stamp { time_ns: now_ns - 1, ..Stamp::default() };
        while self.is_set_otherwise
            && let Some(due_ns) = self.engine.next_removal_ns().filter(|due_ns| *due_ns < now_ns)
        {
            let before = self.engine.counts().orders;
            let place = Place { sequence: OMS.to_owned(), position: 0 };
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

    fn apply_body(&mut self, place: &Place, stamp: Stamp, body: &[u8]) -> Result<(), WhatIf> {
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

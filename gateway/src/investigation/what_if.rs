//! `what_if`: the same history with updates left out, replaced or inserted, and what would have come of it.
//!
//! Two engines run side by side, one as it was, one with the changes. Where they part, and how their states differ at
//! the end, is the answer. Updates keep their times. Under other settings the second engine's own time-outs count: what
//! the hub removed of itself is left out, and done when it would have been due.
//!
//! Absent on purpose: a second verdict on what REST wrote without effect; it stays without.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use ordo_core::encode;
use ordo_core::engine::{Engine, Input};
use ordo_core::json::{self, message};
use ordo_core::names::{FeedNo, Names};
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::record::Settings;
use ordo_core::views::Views;
use ordo_core::wire::{FeedRequest, ReverseWriter, Span};
use serde::Deserialize;
use thiserror::Error;

use super::differences::{Difference, differences};
use super::words::{Words, words};
use crate::receiver::removal_body;
use crate::replay::{Replay, ReplayError};

/// A position in a sequence, as `oms:12`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub sequence: String,
    pub position: i64,
}

/// What is done otherwise. Bodies are FeedRequests in binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    LeaveOut(Place),
    Replace(Place, Vec<u8>),
    InsertAfter(Place, Vec<u8>),
    /// From the beginning on, whatever the record says of settings.
    Settings(SettingsChange),
}

/// Settings that are others; those not named are as recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsChange {
    pub trade_retention_s: Option<u64>,
    pub completed_order_retention_s: Option<u64>,
    pub idempotency_retention_s: Option<u64>,
}

impl SettingsChange {
    fn of(&self, recorded: &Settings) -> Settings {
        Settings {
            trade_retention_s: self.trade_retention_s.unwrap_or(recorded.trade_retention_s),
            completed_order_retention_s: self
                .completed_order_retention_s
                .unwrap_or(recorded.completed_order_retention_s),
            idempotency_retention_s: self.idempotency_retention_s.unwrap_or(recorded.idempotency_retention_s),
        }
    }
}

/// Why a file of changes is none.
#[derive(Debug, Error)]
pub enum ChangeError {
    #[error(
        "change {0}: one of leave_out, replace, insert_after or settings is wanted, with an update for the latter two"
    )]
    Shape(usize),
    #[error("change {at}: '{text}' is no sequence:position")]
    Place { at: usize, text: String },
    #[error("change {at}: {why}")]
    Update { at: usize, why: String },
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    #[error("line {line}: {error}")]
    Json { line: usize, error: serde_json::Error },
}

/// What came of it.
#[derive(Debug)]
pub struct Outlook {
    /// The first update that did something else, or is not in both: where the runs part.
    pub parted: Option<Parted>,
    /// The first of those which are in both, as they were.
    pub consequence: Option<Parted>,
    pub differences: Vec<Difference>,
    /// Changes whose place the record does not have.
    pub unmatched: Vec<Place>,
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
    #[error("the update put at {0} is no FeedRequest that can be recorded")]
    Update(Place),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        match text.rsplit_once(':').map(|(sequence, position)| (sequence, position.parse())) {
            Some((sequence, Ok(position))) if !sequence.is_empty() => Ok(Place { sequence: sequence.into(), position }),
            _ => Err(text.to_owned()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.position)
    }
}

/// A change as a file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said<U> {
    leave_out: Option<String>,
    replace: Option<String>,
    insert_after: Option<String>,
    update: Option<U>,
    settings: Option<SettingsChange>,
}

/// A TOML file: `[[change]]` tables, the update as JSON text (its figures must not go through a double).
///
/// # Errors
/// [`ChangeError`].
pub fn changes_from_toml(text: &str) -> Result<Vec<Change>, ChangeError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        change: Vec<Said<String>>,
    }
    let file: File = toml::from_str(text)?;
    file.change.into_iter().enumerate().map(|(at, said)| said.change(at + 1, |update| update)).collect()
}

/// JSON lines: an object each, with `leave_out`, or `replace` or `insert_after` and `update`.
///
/// # Errors
/// [`ChangeError`].
pub fn changes_from_json_lines(text: &str) -> Result<Vec<Change>, ChangeError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            let said: Said<Box<serde_json::value::RawValue>> =
                serde_json::from_str(line).map_err(|error| ChangeError::Json { line: at + 1, error })?;
            said.change(at + 1, |update| update.get().to_owned())
        })
        .collect()
}

impl<U> Said<U> {
    fn change(self, at: usize, text: impl Fn(U) -> String) -> Result<Change, ChangeError> {
        let place = |text: String| text.parse().map_err(|text| ChangeError::Place { at, text });
        let body = |update: U| {
            let mut bytes = Vec::new();
            let read =
                json::to_binary(message::FEED_REQUEST, text(update).as_bytes(), json::Read::default(), &mut bytes);
            read.map_err(|error| ChangeError::Update { at, why: error.to_string() })?;
            Ok::<_, ChangeError>(bytes)
        };
        match (self.leave_out, self.replace, self.insert_after, self.update, self.settings) {
            (Some(at), None, None, None, None) => Ok(Change::LeaveOut(place(at)?)),
            (None, Some(at), None, Some(update), None) => Ok(Change::Replace(place(at)?, body(update)?)),
            (None, None, Some(at), Some(update), None) => Ok(Change::InsertAfter(place(at)?, body(update)?)),
            (None, None, None, None, Some(settings)) => Ok(Change::Settings(settings)),
            _ => Err(ChangeError::Shape(at)),
        }
    }
}

/// Runs a replay that has applied nothing yet, as it was and with the changes; `each` sees every update go by.
///
/// # Errors
/// [`WhatIf`].
pub fn what_if(mut replay: Replay, changes: &[Change], mut each: impl FnMut(u64)) -> Result<Outlook, WhatIf> {
    let mut altered = Altered::new(changes);
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
            let errors = |outcome: &Outcome| outcome.codes().map(str::to_owned).collect();
            let point = Parted {
                place,
                time_ns: stamp.time_ns,
                what: words(applied.input.bytes, applied.input.request),
                errors_before: errors(applied.outcome),
                errors_after: errors(&altered.outcome),
            };
            if is_same && consequence.is_none() {
                consequence = Some(point.clone());
            }
            parted.get_or_insert(point);
        }
        each(stamp.sequence);
        altered.follow(replay.engine().settings());
    }
    let differences = differences(&replay.views(), &Views::of(&altered.engine));
    let unmatched = altered.changes.into_values().map(|(place, _)| place).collect();
    Ok(Outlook { parted, consequence, differences, unmatched })
}

/// The run with the changes.
struct Altered {
    engine: Engine,
    outcome: Outcome,
    request: FeedRequest,
    /// By place, those that have not come yet.
    changes: BTreeMap<(Place, u8), (Place, Change)>,
    settings: Option<SettingsChange>,
    last_time_ns: u64,
}

impl Altered {
    fn new(changes: &[Change]) -> Altered {
        let keyed = changes.iter().filter_map(|change| match change {
            Change::LeaveOut(place) | Change::Replace(place, _) => {
                Some(((place.clone(), 0), (place.clone(), change.clone())))
            }
            Change::InsertAfter(place, _) => Some(((place.clone(), 1), (place.clone(), change.clone()))),
            Change::Settings(_) => None,
        });
        let settings = changes.iter().find_map(|change| match change {
            Change::Settings(settings) => Some(settings.clone()),
            _ => None,
        });
        let mut altered = Altered {
            engine: Engine::new(1 << 16),
            outcome: Outcome::with_room(),
            request: FeedRequest::default(),
            changes: keyed.collect(),
            settings,
            last_time_ns: 0,
        };
        altered.follow(&Settings::initial());
        altered
    }

    /// Takes on settings as recorded, but for those that are changed.
    fn follow(&mut self, recorded: &Settings) {
        let settings = self.settings.as_ref().map_or_else(|| recorded.clone(), |change| change.of(recorded));
        if settings != *self.engine.settings() {
            let stamp = self.stamp(Stamp { time_ns: self.last_time_ns + 1, ..Stamp::default() });
            self.engine.set_settings(stamp, &settings, &mut self.outcome);
        }
    }

    /// Does what has become due by an instant, as a hub would have done.
    fn pass_time(&mut self, now_ns: u64) -> Result<(), WhatIf> {
        let passed = Stamp { time_ns: now_ns - 1, ..Stamp::default() };
        while self.settings.is_some()
            && let Some(due_ns) = self.engine.next_removal_ns().filter(|due_ns| *due_ns < now_ns)
        {
            let before = self.engine.counts().orders;
            let place = Place { sequence: ordo_core::names::OMS.to_owned(), position: 0 };
            self.apply_body(&place, Stamp { time_ns: due_ns, ..passed }, &removal_body(due_ns))?;
            if self.engine.counts().orders == before {
                break;
            }
        }
        while self.engine.next_prune_ns().is_some_and(|due_ns| due_ns < now_ns) {
            let before = self.engine.next_prune_ns();
            let stamp = self.stamp(passed);
            self.engine.tick(stamp, &mut self.outcome);
            if self.engine.next_prune_ns() == before {
                break;
            }
        }
        Ok(())
    }

    /// Applies what stands in the record at a place, or what the changes say; whether the two are the same.
    fn apply(&mut self, place: &Place, recorded: &Input<'_>, names: &Names, was_silent: bool) -> Result<bool, WhatIf> {
        self.pass_time(recorded.stamp.time_ns)?;
        // What named a feed may be left out, and its number is in every frame of it.
        for name in &names.feeds {
            self.engine.know_feed(name);
        }
        self.outcome.clear();
        // A public position belongs to one update; what took none cannot be named.
        let change = if place.position == 0 { None } else { self.changes.remove(&(place.clone(), 0)) };
        let is_same = change.is_none();
        match change {
            // Refused or without effect then, a batch perhaps, which is decided as a whole.
            None if was_silent && recorded.stamp.origin.is_rest => {}
            None => {
                let stamp = self.stamp(recorded.stamp);
                self.engine.apply(&Input { stamp, ..*recorded }, &mut self.outcome);
            }
            Some((_, Change::Replace(_, body))) => self.apply_body(place, recorded.stamp, &body)?,
            Some(_) => {}
        }
        if place.position != 0
            && let Some((_, Change::InsertAfter(_, body))) = self.changes.remove(&(place.clone(), 1))
        {
            // Of no feed: a feed's numbers are its adapter's.
            let stamp = Stamp { feed: FeedNo::OMS, position: 0, ..recorded.stamp };
            self.apply_body(place, stamp, &body)?;
            return Ok(false);
        }
        Ok(is_same)
    }

    fn apply_body(&mut self, place: &Place, stamp: Stamp, body: &[u8]) -> Result<(), WhatIf> {
        let mut request = std::mem::take(&mut self.request);
        let decoded = request.decode_into(body, Span::whole(body));
        decoded.map_err(|_| WhatIf::Update(place.clone()))?;
        let stamp = self.stamp(stamp);
        self.engine.apply(&Input { stamp, bytes: body, request: &request }, &mut self.outcome);
        self.request = request;
        Ok(())
    }

    fn stamp(&mut self, recorded: Stamp) -> Stamp {
        self.last_time_ns = recorded.time_ns.max(self.last_time_ns + 1);
        Stamp { sequence: self.engine.sequence() + 1, time_ns: self.last_time_ns, ..recorded }
    }
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
    out.extend_from_slice(scratch.bytes());
    outcome.codes().for_each(|code| out.extend_from_slice(code.as_bytes()));
}

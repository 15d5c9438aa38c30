//! `explain`: every update that moved a record, in order, with the fields before and after.
//!
//! Steps are reported as they are found and not kept: millions of trades may have moved one balance.

use std::fmt;
use std::ops::ControlFlow;

use ordo_core::encode;
use ordo_core::engine::Engine;
use ordo_core::json::Style;
use ordo_core::names::{AccountNo, order_key};
use ordo_core::outcome::Stamp;
use ordo_core::wire::ReverseWriter;

use super::differences::{RecordKind, records_of};
use super::fields::{Fields, fields_of};
use super::moved::{Moved, moves};
use super::words::{Words, words};
use crate::replay::{Applied, Replay, ReplayError};

/// The record to explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Balance { owner: String, account: String, currency: String },
    Holding { owner: String, account: String, exchange: String, code: String },
    Order { owner: String, account: String, order: String },
}

impl Subject {
    /// Owner and account of the record.
    pub fn account(&self) -> (&str, &str) {
        let (Subject::Balance { owner, account, .. }
        | Subject::Holding { owner, account, .. }
        | Subject::Order { owner, account, .. }) = self;
        (owner, account)
    }
}

/// An update that moved the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its sequence in the journal.
    pub number: u64,
    pub sequence: String,
    pub position: i64,
    pub time_ns: u64,
    pub what: Words,
    pub moved: Vec<Moved>,
}

/// Runs a replay that has applied nothing yet while `is_wanted` holds, which is asked before each update. Steps go to
/// `report`. Returns the fields of the record at the end; none if there is no record.
///
/// The changes of a figure sum to its final value: a replay that starts from a snapshot reports the snapshot's content
/// as its first step.
///
/// # Errors
/// Those of the replay.
pub fn explain(
    replay: &mut Replay,
    subject: &Subject,
    style: Style,
    mut is_wanted: impl FnMut(&Engine, &Stamp) -> bool,
    mut report: impl FnMut(Step) -> ControlFlow<()>,
) -> Result<Fields, ReplayError> {
    let mut fields = subject.now(replay, style);
    if !fields.is_empty() && report(opening(replay.engine(), &fields)).is_break() {
        return Ok(fields);
    }
    let mut scratch = ReverseWriter::default();
    while let Some(stamp) = replay.peek()? {
        if !is_wanted(replay.engine(), &stamp) {
            break;
        }
        let Some(applied) = replay.next()? else { break };
        let Some(after) = subject.after(&applied, style, &mut scratch) else { continue };
        let moved = moves(&fields, &after);
        fields = after;
        if !moved.is_empty() && report(step(&applied, moved)).is_break() {
            break;
        }
    }
    Ok(fields)
}

/// The step that stands for the content of a snapshot.
fn opening(engine: &Engine, fields: &Fields) -> Step {
    Step {
        number: engine.sequence(),
        sequence: String::new(),
        position: 0,
        time_ns: engine.time_ns(),
        what: Words { kind: "Snapshot".into(), ..Words::default() },
        moved: moves(&Fields::new(), fields),
    }
}

fn step(applied: &Applied<'_>, moved: Vec<Moved>) -> Step {
    let stamp = &applied.outcome.stamp;
    Step {
        number: stamp.sequence,
        sequence: applied.names.feed(stamp.feed).to_owned(),
        position: stamp.position,
        time_ns: stamp.time_ns,
        what: words(applied.input.bytes, applied.input.request),
        moved,
    }
}

impl Subject {
    fn kind(&self) -> RecordKind {
        match self {
            Subject::Balance { .. } => RecordKind::Balance,
            Subject::Holding { .. } => RecordKind::Holding,
            Subject::Order { .. } => RecordKind::Order,
        }
    }

    /// The fields of the record in a replay's present state; none if there is no record.
    fn now(&self, replay: &Replay, style: Style) -> Fields {
        if replay.engine().sequence() == 0 {
            return Fields::new();
        }
        let (owner, account, key) = match self {
            Subject::Balance { owner, account, currency } => (owner, account, currency.clone()),
            Subject::Holding { owner, account, exchange, code } => (owner, account, format!("{exchange}/{code}")),
            Subject::Order { owner, account, order } => (owner, account, order.clone()),
        };
        let views = replay.views();
        let records = records_of(self.kind(), &views, (owner, account));
        records.get(&key).map_or_else(Fields::new, |bytes| fields_of(self.kind().message(), bytes, style))
    }

    /// The fields of the record after an update that touched it; none if the update removed it.
    fn after(&self, applied: &Applied<'_>, style: Style, scratch: &mut ReverseWriter) -> Option<Fields> {
        let (names, outcome) = (applied.names, applied.outcome);
        let is = |no: AccountNo, owner: &str, account: &str| {
            let name = names.account(no);
            *name.owner == *owner && *name.account == *account
        };
        scratch.clear();
        let (removed, bytes) = match self {
            Subject::Balance { owner, account, currency } => {
                let mut events = outcome.balances.iter();
                let event =
                    events.find(|it| names.currency(it.currency) == currency && is(it.account, owner, account))?;
                encode::cash_position(scratch, names, outcome, event);
                (event.removed, scratch.bytes())
            }
            Subject::Holding { owner, account, exchange, code } => {
                let event = outcome.holdings.iter().find(|it| {
                    let instrument = names.instrument(it.instrument);
                    *instrument.code == **code && *instrument.exchange == **exchange && is(it.account, owner, account)
                })?;
                encode::asset_position(scratch, names, event);
                (event.removed, scratch.bytes())
            }
            Subject::Order { owner, account, order } => {
                let event = outcome.orders.iter().rev().find(|it| {
                    is(it.account, owner, account)
                        && it.key == order_key(names.account(it.account).hash, order.as_bytes())
                })?;
                (event.removed, outcome.bytes_of(event.state))
            }
        };
        Some(if removed { Fields::new() } else { fields_of(self.kind().message(), bytes, style) })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Balance { owner, account, currency } => write!(f, "balance {owner}/{account} {currency}"),
            Subject::Holding { owner, account, exchange, code } => {
                write!(f, "holding {owner}/{account} {code} on {exchange}")
            }
            Subject::Order { owner, account, order } => write!(f, "order {owner}/{account} {order}"),
        }
    }
}

//! `explain`: each update that moved a record, in order, what it was before and after, up to what it is.

use std::fmt;

use ordo_core::dec::Dec;
use ordo_core::encode;
use ordo_core::engine::Engine;
use ordo_core::names::{AccountNo, order_key};
use ordo_core::outcome::Stamp;
use ordo_core::wire::ReverseWriter;

use super::fields::{self, Fields};
use super::words::{Words, words};
use crate::replay::{Applied, Replay, ReplayError};

/// The record that is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Balance { owner: String, account: String, currency: String },
    Holding { owner: String, account: String, exchange: String, code: String },
    Order { owner: String, account: String, order: String },
}

/// A field that an update moved. Empty: the record had no such field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub name: String,
    pub before: String,
    pub after: String,
    /// What was added, where the field is a figure; a figure that is not there is zero.
    pub change: Option<Dec>,
}

/// An update that moved the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number in the journal.
    pub number: u64,
    pub sequence: String,
    pub position: i64,
    pub time_ns: u64,
    pub what: Words,
    pub moved: Vec<Moved>,
}

/// See the module. The changes of a figure sum to what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub steps: Vec<Step>,
    /// What the record is at the end; empty if it is not there.
    pub fields: Vec<(String, String)>,
}

/// Goes through a replay that has applied nothing yet, as long as `is_wanted`; `each` sees every update go by.
///
/// # Errors
/// As the replay's.
pub fn explain(
    replay: &mut Replay,
    subject: &Subject,
    mut is_wanted: impl FnMut(&Engine, &Stamp) -> bool,
    mut each: impl FnMut(u64),
) -> Result<Explanation, ReplayError> {
    let mut explanation = Explanation { steps: Vec::new(), fields: Vec::new() };
    let mut scratch = ReverseWriter::default();
    while let Some(stamp) = replay.peek()? {
        if !is_wanted(replay.engine(), &stamp) {
            break;
        }
        let Some(applied) = replay.next()? else { break };
        if let Some(after) = subject.after(&applied, &mut scratch) {
            let moved = moves(&explanation.fields, &after);
            explanation.fields = after;
            if !moved.is_empty() {
                explanation.steps.push(step(&applied, moved));
            }
        }
        each(stamp.sequence);
    }
    Ok(explanation)
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
    /// The record after an update, if that touched it; without fields if it went.
    fn after(&self, applied: &Applied<'_>, scratch: &mut ReverseWriter) -> Option<Fields> {
        let (names, outcome) = (applied.names, applied.outcome);
        let is = |no: AccountNo, owner: &str, account: &str| {
            let name = names.account(no);
            *name.owner == *owner && *name.account == *account
        };
        scratch.clear();
        match self {
            Subject::Balance { owner, account, currency } => {
                let mut events = outcome.balances.iter();
                let event =
                    events.find(|it| names.currency(it.currency) == currency && is(it.account, owner, account))?;
                encode::cash_position(scratch, names, outcome, event);
                Some(if event.removed { Fields::new() } else { fields::balance(scratch.bytes()) })
            }
            Subject::Holding { owner, account, exchange, code } => {
                let event = outcome.holdings.iter().find(|it| {
                    let instrument = names.instrument(it.instrument);
                    *instrument.code == **code && *instrument.exchange == **exchange && is(it.account, owner, account)
                })?;
                encode::asset_position(scratch, names, event);
                Some(if event.removed { Fields::new() } else { fields::holding(scratch.bytes()) })
            }
            Subject::Order { owner, account, order } => {
                let event = outcome.orders.iter().rev().find(|it| {
                    is(it.account, owner, account)
                        && it.key == order_key(names.account(it.account).hash, order.as_bytes())
                })?;
                Some(if event.removed { Fields::new() } else { fields::order(outcome.bytes_of(event.state)) })
            }
        }
    }
}

/// What is another after than before, by name.
pub(super) fn moves(before: &[(String, String)], after: &[(String, String)]) -> Vec<Moved> {
    let value = |fields: &[(String, String)], name: &str| {
        fields.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let gone = before.iter().filter(|(name, _)| !after.iter().any(|(other, _)| other == name));
    let names = after.iter().chain(gone).map(|(name, _)| name);
    let moved = names.filter_map(|name| {
        let (before, after) = (value(before, name), value(after, name));
        let change = match (figure(&before), figure(&after)) {
            (Some(before), Some(after)) => after.minus(before).ok(),
            _ => None,
        };
        let same = before == after || change.is_some_and(Dec::is_zero);
        (!same).then(|| Moved { name: name.clone(), before, after, change })
    });
    moved.collect()
}

fn figure(text: &str) -> Option<Dec> {
    if text.is_empty() { Some(Dec::ZERO) } else { text.parse().ok() }
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

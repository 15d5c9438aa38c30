//! Updates as rows: what was received, as it was received.

use std::borrow::Cow;

use ordo_core::json::message;
use ordo_gateway::investigation::words;
use ordo_gateway::replay::Applied;

use super::{Columns, Row, Type, events::json, place, text};
use crate::Failure;

pub(super) const COLUMNS: Columns = &[
    ("Number", Type::Number),
    ("Sequence", Type::Text),
    ("Position", Type::NumberIfAny),
    ("Time", Type::Time),
    ("Kind", Type::Text),
    ("Account", Type::Text),
    ("Order", Type::Text),
    ("Reference", Type::Text),
    ("Errors", Type::Text),
    ("Update", Type::Text),
];

pub(super) fn row(applied: &Applied<'_>) -> Result<Row, Failure> {
    let (bytes, request) = (applied.input.bytes, applied.input.request);
    let words = words(bytes, request);
    let errors: Vec<Cow<'_, str>> = applied.outcome.codes().collect();
    let mut row = place(applied);
    row.extend([words.kind, words.account, words.order_id, words.reference, errors.join(", ")].map(text));
    row.push(text(json(message::FEED_REQUEST, request.span.of(bytes))?));
    Ok(row)
}

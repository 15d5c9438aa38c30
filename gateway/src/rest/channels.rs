//! `/diagnostics/channel`: the stored state by channels.
//!
//! Always JSON, since the schema has no message for it. `Position` holds the position of each sequence; the records
//! follow under the channel's name.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::header::CONTENT_TYPE;
use ordo_core::json::MessageId;
use ordo_core::json::message::{
    ACCOUNT_DETAILS, ASSET_POSITION, CASH_POSITION, CLIENT_REQUEST_STATE, EXCHANGE_DETAILS, FEED_DETAILS,
    IDENTITY_SOURCE, ORDER_STATE, OWNER_DETAILS, PERMISSIONS, REQUEST_STATUS_DETAILS,
};
use ordo_core::views::{Record, Table, Views};

use super::Shared;
use super::answer::{JSON, Wanted};
use super::error::Refusal;
use super::state::state_at;

/// A channel: its name, the message of its records, and their source.
type Channel = (&'static str, MessageId, fn(&Views) -> Vec<Arc<[u8]>>);

/// Trades are stored as hashes of order and TradeID: only the positions are shown.
const TRADES: &str = "Trades";

const CHANNELS: [Channel; 11] = [
    ("Accounts", ACCOUNT_DETAILS, |views| views.accounts().cloned().collect()),
    ("Balances", CASH_POSITION, |views| all(views.balances())),
    ("Exchanges", EXCHANGE_DETAILS, |views| views.exchanges().cloned().collect()),
    ("Feeds", FEED_DETAILS, |views| views.feeds().cloned().collect()),
    ("Holdings", ASSET_POSITION, |views| all(views.holdings())),
    ("Identities", PERMISSIONS, |views| views.identities().cloned().collect()),
    ("IdentitySources", IDENTITY_SOURCE, |views| views.identity_sources().cloned().collect()),
    ("Orders", ORDER_STATE, |views| all(views.orders())),
    ("Owners", OWNER_DETAILS, |views| views.owners().cloned().collect()),
    ("RequestStatuses", REQUEST_STATUS_DETAILS, |views| views.request_statuses().cloned().collect()),
    ("Requests", CLIENT_REQUEST_STATE, |_| Vec::new()),
];

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/diagnostics/channel", get(names)).route("/diagnostics/channel/{channel}", get(one))
}

async fn names() -> Response {
    let names: Vec<&str> = CHANNELS.iter().map(|(name, ..)| *name).chain([TRADES]).collect();
    json(serde_json::Value::from(names).to_string().into_bytes())
}

/// Whole tables, for callers that may see everything.
async fn one(State(shared): State<Shared>, Path(channel): Path<String>, wanted: Wanted) -> Result<Response, Refusal> {
    if !wanted.caller.sees_all() {
        return Err(Refusal::NotFound);
    }
    if channel.eq_ignore_ascii_case(TRADES) {
        let positions = positions(state_at(&shared, &wanted).await?.positions());
        return Ok(json(format!("{{\"Position\":{positions}}}").into_bytes()));
    }
    let found = CHANNELS.into_iter().find(|(name, ..)| name.eq_ignore_ascii_case(&channel));
    let (name, message, records) = found.ok_or(Refusal::NotFound)?;
    let (positions, records) = {
        let views = state_at(&shared, &wanted).await?;
        (positions(views.positions()), records(&views))
    };
    let before = format!("{{\"Position\":{positions},\"{name}\":");
    Ok(wanted.json_within((before, "}"), message, records.into_iter()))
}

fn positions(positions: Vec<(Box<str>, i64)>) -> serde_json::Value {
    positions.into_iter().map(|(name, position)| (String::from(name), serde_json::Value::from(position))).collect()
}

fn all(table: &Table<Record>) -> Vec<Arc<[u8]>> {
    table.iter().map(|record| record.bytes.clone()).collect()
}

fn json(body: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, JSON)], body).into_response()
}

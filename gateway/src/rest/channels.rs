//! `/diagnostics/channel`: the stored state, channel by channel.
//!
//! Always JSON: there is no message for it. `Position` says where each sequence stands; the channel's records follow
//! under its name.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::header::CONTENT_TYPE;
use ordo_core::json::MessageId;
use ordo_core::json::message::{ASSET_POSITION, CASH_POSITION, FEED_DETAILS, ORDER_STATE};
use ordo_core::views::Views;

use super::Shared;
use super::answer::Wanted;
use super::error::Refusal;
use super::positions::bytes;

/// Every channel, by name.
const CHANNELS: [&str; 4] = ["Balances", "Feeds", "Holdings", "Orders"];

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/diagnostics/channel", get(names)).route("/diagnostics/channel/{channel}", get(one))
}

async fn names() -> Response {
    json(serde_json::Value::from(CHANNELS.to_vec()).to_string().into_bytes())
}

async fn one(State(shared): State<Shared>, Path(channel): Path<String>, wanted: Wanted) -> Result<Response, Refusal> {
    let channel = CHANNELS.into_iter().find(|known| known.eq_ignore_ascii_case(&channel)).ok_or(Refusal::NotFound)?;
    let views = shared.state(&wanted).await?;
    let positions: serde_json::Map<String, serde_json::Value> =
        views.positions().into_iter().map(|(name, position)| (name.into(), position.into())).collect();
    let mut body = format!("{{\"Position\":{},\"{channel}\":", serde_json::Value::from(positions)).into_bytes();
    let (message, records) = records(channel, &views);
    let mut array = wanted.json_array(message);
    records.into_iter().for_each(|record| array.put(record, &mut body));
    array.finish(&mut body);
    body.push(b'}');
    Ok(json(body))
}

fn records<'a>(channel: &str, views: &'a Views) -> (MessageId, Vec<&'a [u8]>) {
    match channel {
        "Balances" => (CASH_POSITION, views.balances().iter().map(bytes).collect()),
        "Holdings" => (ASSET_POSITION, views.holdings().iter().map(bytes).collect()),
        "Orders" => (ORDER_STATE, views.orders().iter().map(bytes).collect()),
        _ => (FEED_DETAILS, views.feeds().map(|details| &details[..]).collect()),
    }
}

fn json(body: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

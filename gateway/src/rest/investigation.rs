//! `/explain/*` and `/diff`: for those who must find out what happened, and have no disk to look at.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::header::CONTENT_TYPE;
use ordo_core::proto::TimestampWithTimeZone;
use serde_json::Value;

use super::Shared;
use super::answer::{JSON, Wanted};
use super::error::Refusal;
use super::parameters::Parameters;
use super::path::segment;
use super::query;
use crate::investigation::{Difference, Explanation, Moved, Step, Subject, differences};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/explain/balance/{owner}/{account}/{currency}", get(balance))
        .route("/explain/holding/{owner}/{account}/{exchange}/{code}", get(holding))
        .route("/explain/order/{owner}/{account}/{order}", get(order))
        .route("/diff", get(diff))
}

async fn balance(
    State(shared): State<Shared>,
    Path((owner, account, currency)): Path<(String, String, String)>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let [owner, account, currency] = [owner, account, currency].map(|it| segment(&it).to_owned());
    explained(&shared, Subject::Balance { owner, account, currency }, &wanted).await
}

async fn holding(
    State(shared): State<Shared>,
    Path((owner, account, exchange, code)): Path<(String, String, String, String)>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let [owner, account, exchange, code] = [owner, account, exchange, code].map(|it| segment(&it).to_owned());
    explained(&shared, Subject::Holding { owner, account, exchange, code }, &wanted).await
}

async fn order(
    State(shared): State<Shared>,
    Path((owner, account, order)): Path<(String, String, String)>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let [owner, account, order] = [owner, account, order].map(|it| segment(&it).to_owned());
    explained(&shared, Subject::Order { owner, account, order }, &wanted).await
}

async fn explained(shared: &Shared, subject: Subject, wanted: &Wanted) -> Result<Response, Refusal> {
    let at_ns = wanted.as_at.unwrap_or(u64::MAX);
    let explanation = shared.history.explain(subject, at_ns).await?;
    if explanation.steps.is_empty() {
        return Err(Refusal::NotFound);
    }
    Ok(json(explanation_json(&explanation)))
}

/// What differs between the states at two instants, `from` and `to` (default: now).
async fn diff(State(shared): State<Shared>, parameters: Parameters) -> Result<Response, Refusal> {
    let from_ns = query::instant("from", parameters.required("from")?)?;
    let to_ns = parameters.get("to").map(|to| query::instant("to", to)).transpose()?.unwrap_or(u64::MAX);
    let before = shared.history.state_at(from_ns).await?;
    let after = shared.history.state_at(to_ns).await?;
    let found = tokio::task::spawn_blocking(move || {
        let found = differences(&before, &Arc::clone(&after));
        let rows: Vec<String> = found.iter().map(difference_json).collect();
        format!("[{}]", rows.join(","))
    });
    Ok(json(found.await.map_err(|_| Refusal::Unavailable)?))
}

fn json(body: String) -> Response {
    ([(CONTENT_TYPE, JSON)], body).into_response()
}

/// Figures as JSON numbers with all their digits, everything else as texts.
fn explanation_json(explanation: &Explanation) -> String {
    let fields: Vec<String> =
        explanation.fields.iter().map(|(name, value)| format!("{}:{}", text(name), figure(value))).collect();
    let steps: Vec<String> = explanation.steps.iter().map(step_json).collect();
    format!("{{\"Record\":{{{}}},\"Steps\":[{}]}}", fields.join(","), steps.join(","))
}

fn step_json(step: &Step) -> String {
    let time = TimestampWithTimeZone::from_unix_nanos(step.time_ns).to_iso().unwrap_or_default();
    let what = &step.what;
    let mut object = format!("{{\"Sequence\":{},\"Position\":\"{}\"", text(&step.sequence), step.position);
    let texts =
        [("Timestamp", &time), ("Kind", &what.kind), ("OrderID", &what.order_id), ("Reference", &what.reference)];
    for (name, value) in texts.into_iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(object, ",\"{name}\":{}", text(value));
    }
    let moved: Vec<String> = step.moved.iter().map(moved_json).collect();
    let _ = write!(object, ",\"Changes\":[{}]}}", moved.join(","));
    object
}

fn moved_json(moved: &Moved) -> String {
    let Moved { name, before, after, change } = moved;
    let change = change.map_or_else(String::new, |change| format!(",\"Change\":{change}"));
    format!("{{\"Field\":{},\"Before\":{},\"After\":{}{change}}}", text(name), figure(before), figure(after))
}

fn difference_json(it: &Difference) -> String {
    let names = [("Record", it.kind.name()), ("OwnerID", &it.owner), ("AccountID", &it.account), ("Key", &it.key)];
    let names: Vec<String> = names.map(|(name, value)| format!("\"{name}\":{}", text(value))).into();
    let change = it.change.map_or_else(String::new, |change| format!(",\"Change\":{change}"));
    let (field, before, after) = (text(&it.field), figure(&it.before), figure(&it.after));
    format!("{{{},\"Field\":{field},\"Before\":{before},\"After\":{after}{change}}}", names.join(","))
}

fn text(value: &str) -> String {
    Value::from(value).to_string()
}

/// A number where it is one, null where the record has no such field.
fn figure(value: &str) -> String {
    match value {
        "" => "null".to_owned(),
        "true" | "false" => value.to_owned(),
        value if value.parse::<ordo_core::dec::Dec>().is_ok() => value.to_owned(),
        value => text(value),
    }
}

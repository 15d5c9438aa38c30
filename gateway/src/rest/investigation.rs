//! `/explain/*` and `/diff`: investigation over REST.
//!
//! Figures are JSON numbers with all digits, texts are strings whatever they look like. Answers are written as results
//! are found.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use ordo_core::dec::Dec;
use ordo_core::proto::TimestampWithTimeZone;
use ordo_core::subscription::{self, About};
use ordo_history::investigation::{Difference, Moved, Step, Subject, Value, differences};

use super::Shared;
use super::error::Refusal;
use super::parameters::Parameters;
use super::path::segment;
use super::pieces::{self, Asker, Pieces};
use super::query;

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
    asker: Asker,
) -> Result<Response, Refusal> {
    let [owner, account, currency] = [owner, account, currency].map(|it| segment(&it).to_owned());
    explained(&shared, Subject::Balance { owner, account, currency }, asker).await
}

async fn holding(
    State(shared): State<Shared>,
    Path((owner, account, exchange, code)): Path<(String, String, String, String)>,
    asker: Asker,
) -> Result<Response, Refusal> {
    let [owner, account, exchange, code] = [owner, account, exchange, code].map(|it| segment(&it).to_owned());
    explained(&shared, Subject::Holding { owner, account, exchange, code }, asker).await
}

async fn order(
    State(shared): State<Shared>,
    Path((owner, account, order)): Path<(String, String, String)>,
    asker: Asker,
) -> Result<Response, Refusal> {
    let [owner, account, order] = [owner, account, order].map(|it| segment(&it).to_owned());
    explained(&shared, Subject::Order { owner, account, order }, asker).await
}

async fn explained(shared: &Shared, subject: Subject, Asker { wanted, cutter }: Asker) -> Result<Response, Refusal> {
    let (at_ns, style) = (wanted.as_at.unwrap_or(u64::MAX), wanted.style());
    let (owner, account) = subject.account();
    if !wanted.caller.may_see(About::Subject(&of_account(owner, account))) {
        return Err(Refusal::NotFound);
    }
    pieces::text(shared, cutter, move |history, published, text| {
        let is_asked = text.watch(history);
        let mut before = "{\"Steps\":[";
        let record = history.explain(&subject, style, (at_ns, published), is_asked, |step| {
            put(text, std::mem::replace(&mut before, ","))?;
            put(text, &step_json(&step))
        })?;
        if before != "," {
            return Err(Refusal::NotFound);
        }
        // The final record is known at the end only.
        let record: Vec<String> =
            record.iter().map(|(name, value)| format!("{}:{}", quoted(name), value.json())).collect();
        let _ = put(text, &format!("],\"Record\":{{{}}}}}", record.join(",")));
        Ok(())
    })
    .await
}

/// Differences between the states at `from` and `to` (default: now), in either order of time.
async fn diff(
    State(shared): State<Shared>,
    parameters: Parameters,
    Asker { wanted, cutter }: Asker,
) -> Result<Response, Refusal> {
    let from_ns = query::instant("from", parameters.required("from")?)?;
    let to_ns = parameters.get("to").map(|to| query::instant("to", to)).transpose()?.unwrap_or(u64::MAX);
    let (style, caller) = (wanted.style(), wanted.caller);
    let before = shared.history.state_at(from_ns).await?;
    let after = shared.history.state_at(to_ns).await?;
    pieces::text(&shared, cutter, move |_, _, text| {
        let mut separator = "[";
        let published = differences(&before, &after, style, |it| {
            if it.kind.is_public() && caller.may_see(About::Subject(&of_account(&it.owner, &it.account))) {
                put(text, std::mem::replace(&mut separator, ","))?;
                put(text, &difference_json(&it))?;
            }
            ControlFlow::Continue(())
        });
        if published.is_continue() {
            let _ = put(text, if separator == "," { "]" } else { "[]" });
        }
        Ok(())
    })
    .await
}

/// An account by name; the owner if `account` is empty, nothing if both are.
fn of_account(owner: &str, account: &str) -> subscription::Subject {
    let given = |text: &str| (!text.is_empty()).then(|| text.into());
    subscription::Subject { owner: given(owner), account: given(account), exchange: None }
}

/// Writes text; breaks off when the client is gone.
fn put(text: &mut Pieces, more: &str) -> ControlFlow<()> {
    let is_listened_to = text.put(|piece| piece.extend_from_slice(more.as_bytes()));
    if is_listened_to { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

fn step_json(step: &Step) -> String {
    let time = TimestampWithTimeZone::from_unix_nanos(step.time_ns).to_iso().unwrap_or_default();
    let what = &step.what;
    let mut object = format!("{{\"Sequence\":{},\"Position\":\"{}\"", quoted(&step.sequence), step.position);
    let texts =
        [("Timestamp", &time), ("Kind", &what.kind), ("OrderID", &what.order_id), ("Reference", &what.reference)];
    for (name, value) in texts.into_iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(object, ",\"{name}\":{}", quoted(value));
    }
    let moved: Vec<String> = step.moved.iter().map(moved_json).collect();
    let _ = write!(object, ",\"Changes\":[{}]}}", moved.join(","));
    object
}

fn moved_json(moved: &Moved) -> String {
    format!("{{{}}}", change_json(&moved.name, [&moved.before, &moved.after], moved.change))
}

fn difference_json(it: &Difference) -> String {
    let names = [("Record", it.kind.name()), ("OwnerID", &it.owner), ("AccountID", &it.account), ("Key", &it.key)];
    let names: Vec<String> = names.map(|(name, value)| format!("\"{name}\":{}", quoted(value))).into();
    format!("{{{},{}}}", names.join(","), change_json(&it.field, [&it.before, &it.after], it.change))
}

/// JSON members of a field's change.
fn change_json(field: &str, [before, after]: [&Value; 2], change: Option<Dec>) -> String {
    let change = change.map_or_else(String::new, |change| format!(",\"Change\":{change}"));
    format!("\"Field\":{},\"Before\":{},\"After\":{}{change}", quoted(field), before.json(), after.json())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

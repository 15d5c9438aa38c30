//! Orders. An owner, account or exchange that neither metadata nor a live record names is a 404.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use ordo_core::json::message::ORDER_STATE;
use ordo_core::metadata::Metadata;
use ordo_core::proto::{Account, ExternalAction, ExternalActionType, OrderState};
use ordo_core::views::{Record, Views};
use ordo_core::wire;

use super::Shared;
use super::answer::Wanted;
use super::body::Sent;
use super::error::Refusal;
use super::path::segment;
use super::positions::each;
use super::state::{Subject, Visible, state_at, state_with};
use super::write::of_action;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/order", get(all))
        .route("/order/on/{exchange}", get(on_exchange))
        .route("/order/for/{owner}", get(of_owner))
        .route("/order/for/{owner}/{account}", get(of_account))
        .route("/order/for/{owner}/{account}/{order}", get(one).patch(replace))
}

async fn all(State(shared): State<Shared>, wanted: Wanted) -> Result<Response, Refusal> {
    let (orders, shown) = {
        let views = state_at(&shared, &wanted).await?;
        (views.orders().clone(), Shown::of(&wanted, &views))
    };
    Ok(wanted.orders(each(orders), shown))
}

async fn on_exchange(
    State(shared): State<Shared>,
    Path(exchange): Path<String>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let exchange = segment(&exchange);
    let views = state_with(&shared, &wanted, Subject::Exchange(exchange)).await?;
    let names = views.names();
    let is_here = |record: &&Record| record.instrument.is_some_and(|no| *names.instrument(no).exchange == *exchange);
    let orders: Vec<Record> = views.orders().iter().filter(is_here).cloned().collect();
    Ok(wanted.orders(orders.into_iter(), Shown::of(&wanted, &views)))
}

async fn of_owner(
    State(shared): State<Shared>,
    Path(owner): Path<String>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let owner = segment(&owner);
    let views = state_with(&shared, &wanted, Subject::Owner(owner)).await?;
    let orders: Vec<Record> = views.accounts_of(owner).flat_map(|account| views.orders_of(account)).cloned().collect();
    Ok(wanted.orders(orders.into_iter(), Shown::of(&wanted, &views)))
}

async fn of_account(
    State(shared): State<Shared>,
    Path((owner, account)): Path<(String, String)>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let (owner, account) = (segment(&owner), segment(&account));
    let views = state_with(&shared, &wanted, Subject::Account { owner, account }).await?;
    let number = views.account(owner, account).into_iter();
    let orders: Vec<Record> = number.flat_map(|account| views.orders_of(account)).cloned().collect();
    Ok(wanted.orders(orders.into_iter(), Shown::of(&wanted, &views)))
}

async fn one(
    State(shared): State<Shared>,
    Path((owner, account, order)): Path<(String, String, String)>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let views = state_at(&shared, &wanted).await?;
    let record = find(&views, &owner, &account, &order).ok_or(Refusal::NotFound)?;
    if !Visible::to(wanted.caller, &views).has(record) {
        return Err(Refusal::NotFound);
    }
    Ok(wanted.one(ORDER_STATE, &record.bytes))
}

/// Replaces an order's state; answers with the state as the hub completed it.
async fn replace(
    State(shared): State<Shared>,
    Path((owner, account, order)): Path<(String, String, String)>,
    wanted: Wanted,
    sent: Sent,
) -> Result<Response, Refusal> {
    let mut state: OrderState = sent.one(ORDER_STATE)?;
    let addressed = Account { owner_id: segment(&owner).to_owned(), account_id: segment(&account).to_owned() };
    address(&mut state, addressed, segment(&order))?;
    let before = {
        let views = shared.views().await;
        let visible = Visible::to(wanted.caller, &views);
        let found = find(&views, &owner, &account, &order).filter(|record| visible.has(record));
        found.ok_or(Refusal::NotFound)?.bytes.clone()
    };
    let replace = ExternalAction {
        r#type: ExternalActionType::Replace as i32,
        order: Some(Box::new(state)),
        ..ExternalAction::default()
    };
    let after = shared.record_order(wanted.caller, of_action(replace)).await?;
    // Without a change, the state is the previous one.
    Ok(wanted.one(ORDER_STATE, after.as_deref().unwrap_or(&before)))
}

/// Completes the key of an order from the path; a state with another key is refused.
fn address(state: &mut OrderState, account: Account, order: &str) -> Result<(), Refusal> {
    let mut wrong = Vec::new();
    match &state.account {
        Some(given) if *given != account => wrong.push("Account".to_owned()),
        _ => state.account = Some(account),
    }
    if state.order_id.is_empty() {
        state.order_id = order.to_owned();
    } else if state.order_id != order {
        wrong.push("Order".to_owned());
    }
    if wrong.is_empty() { Ok(()) } else { Err(Refusal::Unprocessable(wrong)) }
}

fn find<'a>(views: &'a Views, owner: &str, account: &str, order: &str) -> Option<&'a Record> {
    views.order(views.account(segment(owner), segment(account))?, segment(order))
}

/// Which orders of a list are shown.
struct Shown {
    visible: Visible,
    /// Excludes orders that are completed, or of a status that the exchange defines as completed.
    active_by: Option<Metadata>,
}

impl Shown {
    fn of(wanted: &Wanted, views: &Views) -> Shown {
        let active_by = wanted.only_active.then(|| views.metadata().clone());
        Shown { visible: Visible::to(wanted.caller, views), active_by }
    }

    fn passes(&self, record: &Record) -> bool {
        let is_active = |by| !record.completed && !has_completed_status(by, &record.bytes);
        self.visible.has(record) && self.active_by.as_ref().is_none_or(is_active)
    }
}

fn has_completed_status(metadata: &Metadata, order: &[u8]) -> bool {
    let Ok(state) = wire::OrderState::decode(order) else { return false };
    metadata.is_completed_status(state.exchange.text(order), state.status.text(order)).unwrap_or(false)
}

impl Wanted {
    fn orders(&self, records: impl Iterator<Item = Record> + Send + 'static, shown: Shown) -> Response {
        let shown = records.filter(move |record| shown.passes(record)).map(|record| -> Arc<[u8]> { record.bytes });
        self.many(ORDER_STATE, shown)
    }
}

//! Orders. What no live record names does not exist: 404.

use axum::extract::{Path, State};
use axum::response::Response;
use ordo_core::json::message::ORDER_STATE;
use ordo_core::names::AccountNo;
use ordo_core::views::{Record, Views};

use super::Shared;
use super::answer::Wanted;
use super::error::Refusal;
use super::path::segment;
use super::positions::{bytes, is_named};

pub(super) async fn all(State(shared): State<Shared>, wanted: Wanted) -> Result<Response, Refusal> {
    let views = shared.state(&wanted).await?;
    Ok(wanted.orders(views.orders().iter()))
}

pub(super) async fn on_exchange(
    State(shared): State<Shared>,
    Path(exchange): Path<String>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let views = shared.state(&wanted).await?;
    let (names, exchange) = (views.names(), segment(&exchange));
    let is_here = |record: &&Record| record.instrument.is_some_and(|no| *names.instrument(no).exchange == *exchange);
    let mut records = views.orders().iter().chain(views.holdings().iter());
    if !records.any(|record| is_here(&record)) {
        return Err(Refusal::NotFound);
    }
    Ok(wanted.orders(views.orders().iter().filter(is_here)))
}

pub(super) async fn of_owner(
    State(shared): State<Shared>,
    Path(owner): Path<String>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let views = shared.state(&wanted).await?;
    let accounts: Vec<AccountNo> = views.accounts_of(segment(&owner)).collect();
    if !accounts.iter().any(|account| is_named(&views, *account)) {
        return Err(Refusal::NotFound);
    }
    Ok(wanted.orders(accounts.iter().flat_map(|account| views.orders_of(*account))))
}

pub(super) async fn of_account(
    State(shared): State<Shared>,
    Path((owner, account)): Path<(String, String)>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let views = shared.state(&wanted).await?;
    match named_account(&views, &owner, &account) {
        Some(account) => Ok(wanted.orders(views.orders_of(account))),
        None => Err(Refusal::NotFound),
    }
}

pub(super) async fn one(
    State(shared): State<Shared>,
    Path((owner, account, order)): Path<(String, String, String)>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let views = shared.state(&wanted).await?;
    let found = named_account(&views, &owner, &account).and_then(|account| views.order(account, segment(&order)));
    match found {
        Some(record) => Ok(wanted.one(ORDER_STATE, &record.bytes)),
        None => Err(Refusal::NotFound),
    }
}

fn named_account(views: &Views, owner: &str, account: &str) -> Option<AccountNo> {
    let account = views.account(segment(owner), segment(account))?;
    is_named(views, account).then_some(account)
}

impl Wanted {
    fn orders<'a>(&self, records: impl Iterator<Item = &'a Record>) -> Response {
        self.many(ORDER_STATE, records.filter(|record| !(self.only_active && record.completed)).map(bytes))
    }
}

//! Balances and holdings. An owner or account without positions answers an empty list.

use axum::extract::{Path, State};
use axum::response::Response;
use ordo_core::json::message::{ASSET_POSITION, CASH_POSITION};
use ordo_core::views::{Record, Views};

use super::Shared;
use super::answer::Wanted;
use super::path::segment;

pub(super) async fn balances(State(shared): State<Shared>, wanted: Wanted) -> Response {
    let views = shared.views().await;
    wanted.many(CASH_POSITION, views.balances().iter().map(bytes))
}

pub(super) async fn balances_of_owner(
    State(shared): State<Shared>,
    Path(owner): Path<String>,
    wanted: Wanted,
) -> Response {
    let views = shared.views().await;
    let of_account = |account| views.balances_of(account);
    wanted.many(CASH_POSITION, views.accounts_of(segment(&owner)).flat_map(of_account).map(bytes))
}

pub(super) async fn balances_of_account(
    State(shared): State<Shared>,
    Path((owner, account)): Path<(String, String)>,
    wanted: Wanted,
) -> Response {
    let views = shared.views().await;
    let account = views.account(segment(&owner), segment(&account));
    wanted.many(CASH_POSITION, account.into_iter().flat_map(|account| views.balances_of(account)).map(bytes))
}

pub(super) async fn holdings(State(shared): State<Shared>, wanted: Wanted) -> Response {
    let views = shared.views().await;
    wanted.many(ASSET_POSITION, views.holdings().iter().map(bytes))
}

pub(super) async fn holdings_of_owner(
    State(shared): State<Shared>,
    Path(owner): Path<String>,
    wanted: Wanted,
) -> Response {
    let views = shared.views().await;
    let of_account = |account| views.holdings_of(account);
    wanted.many(ASSET_POSITION, views.accounts_of(segment(&owner)).flat_map(of_account).map(bytes))
}

pub(super) async fn holdings_of_account(
    State(shared): State<Shared>,
    Path((owner, account)): Path<(String, String)>,
    wanted: Wanted,
) -> Response {
    let views = shared.views().await;
    let account = views.account(segment(&owner), segment(&account));
    wanted.many(ASSET_POSITION, account.into_iter().flat_map(|account| views.holdings_of(account)).map(bytes))
}

pub(super) fn bytes(record: &Record) -> &[u8] {
    &record.bytes
}

/// Whether any live record names the account.
pub(super) fn is_named(views: &Views, account: ordo_core::names::AccountNo) -> bool {
    views.balances_of(account).next().is_some()
        || views.holdings_of(account).next().is_some()
        || views.orders_of(account).next().is_some()
}

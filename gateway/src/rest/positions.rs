//! Balances and holdings. An owner or account without positions answers an empty list.

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use ordo_core::json::MessageId;
use ordo_core::json::message::{ASSET_POSITION, CASH_POSITION};
use ordo_core::names::AccountNo;
use ordo_core::views::{Record, Table, Views};

use super::Shared;
use super::answer::Wanted;
use super::error::Refusal;
use super::path::segment;

/// Which positions a route is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Cash,
    Asset,
}

impl Kind {
    fn message(self) -> MessageId {
        match self {
            Kind::Cash => CASH_POSITION,
            Kind::Asset => ASSET_POSITION,
        }
    }

    fn all(self, views: &Views) -> &Table<Record> {
        match self {
            Kind::Cash => views.balances(),
            Kind::Asset => views.holdings(),
        }
    }

    fn of(self, views: &Views, account: AccountNo) -> Vec<&Record> {
        match self {
            Kind::Cash => views.balances_of(account).collect(),
            Kind::Asset => views.holdings_of(account).collect(),
        }
    }
}

/// `PATH`, `PATH/for/{owner}`, `PATH/for/{owner}/{account}`.
pub(super) fn routes(path: &str, kind: Kind) -> Router<Shared> {
    Router::new()
        .route(path, get(all))
        .route(&format!("{path}/for/{{owner}}"), get(of_owner))
        .route(&format!("{path}/for/{{owner}}/{{account}}"), get(of_account))
        .layer(Extension(kind))
}

async fn all(
    State(shared): State<Shared>,
    Extension(kind): Extension<Kind>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let views = shared.state(&wanted).await?;
    Ok(wanted.many(kind.message(), kind.all(&views).iter().map(bytes)))
}

async fn of_owner(
    State(shared): State<Shared>,
    Extension(kind): Extension<Kind>,
    Path(owner): Path<String>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let views = shared.state(&wanted).await?;
    let accounts = views.accounts_of(segment(&owner));
    Ok(wanted.many(kind.message(), accounts.flat_map(|account| kind.of(&views, account)).map(bytes)))
}

async fn of_account(
    State(shared): State<Shared>,
    Extension(kind): Extension<Kind>,
    Path((owner, account)): Path<(String, String)>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let views = shared.state(&wanted).await?;
    let account = views.account(segment(&owner), segment(&account));
    Ok(wanted.many(kind.message(), account.into_iter().flat_map(|account| kind.of(&views, account)).map(bytes)))
}

pub(super) fn bytes(record: &Record) -> &[u8] {
    &record.bytes
}

/// Whether any live record names the account.
pub(super) fn is_named(views: &Views, account: AccountNo) -> bool {
    views.balances_of(account).next().is_some()
        || views.holdings_of(account).next().is_some()
        || views.orders_of(account).next().is_some()
}

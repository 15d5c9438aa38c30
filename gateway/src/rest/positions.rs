//! Balances and holdings. An owner or account without positions gives an empty list.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use ordo_core::json::MessageId;
use ordo_core::json::message::{ASSET_POSITION, CASH_POSITION};
use ordo_core::names::AccountNo;
use ordo_core::views::{Record, Table, Views};

use super::Shared;
use super::answer::Wanted;
use super::error::Refusal;
use super::path::segment;
use super::state::{Visible, state_at};
use super::transfers;

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

    fn of(self, views: &Views, account: AccountNo, visible: &Visible) -> Vec<Arc<[u8]>> {
        match self {
            Kind::Cash => views.balances_of(account).filter(|it| visible.has(it)).map(bytes).collect(),
            Kind::Asset => views.holdings_of(account).filter(|it| visible.has(it)).map(bytes).collect(),
        }
    }
}

/// `PATH`, `PATH/bulk`, `PATH/for/{owner}`, `PATH/for/{owner}/{account}`.
pub(super) fn routes(path: &str, kind: Kind) -> Router<Shared> {
    let (whole, bulk) = match kind {
        Kind::Cash => (get(all).post(transfers::cash), post(transfers::cash_bulk)),
        Kind::Asset => (get(all).post(transfers::assets), post(transfers::assets_bulk)),
    };
    Router::new()
        .route(path, whole)
        .route(&format!("{path}/bulk"), bulk)
        .route(&format!("{path}/for/{{owner}}"), get(of_owner))
        .route(&format!("{path}/for/{{owner}}/{{account}}"), get(of_account))
        .layer(Extension(kind))
}

async fn all(
    State(shared): State<Shared>,
    Extension(kind): Extension<Kind>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let (table, visible) = {
        let views = state_at(&shared, &wanted).await?;
        (kind.all(&views).clone(), Visible::to(wanted.caller, &views))
    };
    let records = each(table).filter(move |record| visible.has(record));
    Ok(wanted.many(kind.message(), records.map(|record| record.bytes)))
}

async fn of_owner(
    State(shared): State<Shared>,
    Extension(kind): Extension<Kind>,
    Path(owner): Path<String>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let views = state_at(&shared, &wanted).await?;
    let visible = Visible::to(wanted.caller, &views);
    let accounts = views.accounts_of(segment(&owner));
    let records: Vec<_> = accounts.flat_map(|account| kind.of(&views, account, &visible)).collect();
    Ok(wanted.many(kind.message(), records.into_iter()))
}

async fn of_account(
    State(shared): State<Shared>,
    Extension(kind): Extension<Kind>,
    Path((owner, account)): Path<(String, String)>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let views = state_at(&shared, &wanted).await?;
    let account = views.account(segment(&owner), segment(&account));
    let visible = Visible::to(wanted.caller, &views);
    let records = account.map(|account| kind.of(&views, account, &visible)).unwrap_or_default();
    Ok(wanted.many(kind.message(), records.into_iter()))
}

fn bytes(record: &Record) -> Arc<[u8]> {
    record.bytes.clone()
}

/// The records of a table, without the views' lock.
pub(super) fn each(table: Table<Record>) -> impl Iterator<Item = Record> + Send {
    (0..table.numbers()).filter_map(move |number| table.get(number).cloned())
}

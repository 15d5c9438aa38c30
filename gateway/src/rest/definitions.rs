//! Definitions: owners, accounts, exchanges, request statuses, identities and their sources. One set of handlers lists,
//! reads, defines and undefines every kind.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use axum::{Extension, Router};
use hyper::StatusCode;
use ordo_core::json::MessageId;
use ordo_core::json::message::{
    ACCOUNT_DETAILS, EXCHANGE_DETAILS, IDENTITY_SOURCE, OWNER_DETAILS, PERMISSIONS, REQUEST_STATUS_DETAILS,
};
use ordo_core::metadata::{Details, MetadataRecord};
use ordo_core::outcome::MetadataKind;
use ordo_core::record::Origin;
use ordo_core::subscription::{self, About};

use super::Shared;
use super::answer::Wanted;
use super::body::Sent;
use super::error::Refusal;
use super::parameters::Parameters;
use super::path::segment;
use super::state::{Subject, state_at, state_with};
use super::write::of_operation;
use super::{identity, renames};

/// The routes of every kind.
pub(super) fn routes() -> Router<Shared> {
    use MetadataKind as Kind;
    let owner = get(one).patch(renames::owner);
    let account = get(one_of_two).patch(renames::account).delete(undefine_account);
    let identity = get(one_of_two).delete(undefine_of_two);
    Router::new()
        .merge(of_kind("/owner", "/owner/byid/{owner}", Kind::Owner, owner.delete(undefine)))
        .merge(of_kind("/account", "/account/byid/{owner}/{account}", Kind::Account, account))
        .merge(of_kind("/exchange", "/exchange/byid/{exchange}", Kind::Exchange, get(one).delete(undefine)))
        .merge(of_kind(
            "/status/request",
            "/status/request/byid/{status}",
            Kind::RequestStatus,
            get(one).delete(undefine),
        ))
        .merge(of_kind("/identity", "/identity/for/{source}/{identity}", Kind::Identity, identity))
        .merge(of_kind(
            "/identity/source",
            "/identity/source/bycode/{source}",
            Kind::IdentitySource,
            get(one).delete(undefine),
        ))
        .route("/account/byid/{owner}", get(accounts_of))
        .route("/account/byids", get(accounts_by_query).post(accounts_by_body))
        .route("/identity/for/{source}", get(identities_of))
        .route("/identity/current", get(identity::current))
}

fn of_kind(list: &str, record: &str, kind: MetadataKind, methods: MethodRouter<Shared>) -> Router<Shared> {
    Router::new().route(list, get(all).post(define)).route(record, methods).layer(Extension(kind))
}

fn message(kind: MetadataKind) -> MessageId {
    match kind {
        MetadataKind::Owner => OWNER_DETAILS,
        MetadataKind::Account => ACCOUNT_DETAILS,
        MetadataKind::Exchange => EXCHANGE_DETAILS,
        MetadataKind::RequestStatus => REQUEST_STATUS_DETAILS,
        MetadataKind::Identity => PERMISSIONS,
        MetadataKind::IdentitySource => IDENTITY_SOURCE,
    }
}

async fn all(
    State(shared): State<Shared>,
    Extension(kind): Extension<MetadataKind>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let views = state_at(&shared, &wanted).await?;
    Ok(wanted.definitions(kind, views.metadata().all(kind)))
}

/// Defines a record, replacing the present one as a whole.
async fn define(
    State(shared): State<Shared>,
    Extension(kind): Extension<MetadataKind>,
    wanted: Wanted,
    sent: Sent,
) -> Result<StatusCode, Refusal> {
    let binary = sent.one_binary(message(kind))?;
    let details = Details::decode(kind, &binary).map_err(|error| Refusal::bad(error.to_string()))?;
    shared.record(wanted.caller, of_operation(details.define()), Origin::REST).await
}

async fn one(
    State(shared): State<Shared>,
    Extension(kind): Extension<MetadataKind>,
    Path(code): Path<String>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    wanted.definition(&shared, kind, (segment(&code), "")).await
}

/// For kinds whose key has two parts.
async fn one_of_two(
    State(shared): State<Shared>,
    Extension(kind): Extension<MetadataKind>,
    Path((first, second)): Path<(String, String)>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    wanted.definition(&shared, kind, (segment(&first), segment(&second))).await
}

/// Undefines a record; with `force=true` an owner and everything attached to it.
async fn undefine(
    State(shared): State<Shared>,
    Extension(kind): Extension<MetadataKind>,
    Path(code): Path<String>,
    parameters: Parameters,
    wanted: Wanted,
) -> Result<StatusCode, Refusal> {
    let is_forced = kind == MetadataKind::Owner && parameters.flag("force")?;
    let operation = Details::of_key(kind, segment(&code), "").undefine();
    shared.record(wanted.caller, of_operation(operation), Origin { is_forced, ..Origin::REST }).await
}

async fn undefine_of_two(
    State(shared): State<Shared>,
    Extension(kind): Extension<MetadataKind>,
    Path((first, second)): Path<(String, String)>,
    wanted: Wanted,
) -> Result<StatusCode, Refusal> {
    let operation = Details::of_key(kind, segment(&first), segment(&second)).undefine();
    shared.record(wanted.caller, of_operation(operation), Origin::REST).await
}

async fn undefine_account(
    State(shared): State<Shared>,
    Path((owner, account)): Path<(String, String)>,
    wanted: Wanted,
) -> Result<StatusCode, Refusal> {
    let (owner, account) = (segment(&owner), segment(&account));
    // Live records that name it are no definition.
    if shared.views().await.metadata().get(MetadataKind::Account, owner, account).is_none() {
        return Err(Refusal::NotFound);
    }
    let operation = Details::of_key(MetadataKind::Account, owner, account).undefine();
    shared.record(wanted.caller, of_operation(operation), Origin::REST).await
}

async fn accounts_of(
    State(shared): State<Shared>,
    Path(owner): Path<String>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let owner = segment(&owner);
    let views = state_with(&shared, &wanted, Subject::Owner(owner)).await?;
    Ok(wanted.definitions(MetadataKind::Account, views.metadata().all_under(MetadataKind::Account, owner)))
}

async fn identities_of(
    State(shared): State<Shared>,
    Path(source): Path<String>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let views = state_at(&shared, &wanted).await?;
    Ok(wanted.definitions(MetadataKind::Identity, views.metadata().all_under(MetadataKind::Identity, segment(&source))))
}

async fn accounts_by_query(
    State(shared): State<Shared>,
    parameters: Parameters,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    wanted.accounts(&shared, parameters.all("id")).await
}

async fn accounts_by_body(State(shared): State<Shared>, wanted: Wanted, sent: Sent) -> Result<Response, Refusal> {
    let ids = sent.texts()?;
    wanted.accounts(&shared, ids.iter().map(String::as_str)).await
}

impl Wanted {
    fn may_see(&self, record: &MetadataRecord) -> bool {
        let (first, second) = record.details.key();
        self.caller.may_see(About::Subject(&subscription::Subject::of_definition(record.details.kind(), first, second)))
    }

    fn definitions<'a>(&self, kind: MetadataKind, records: impl Iterator<Item = &'a MetadataRecord>) -> Response {
        let records = records.filter(|record| self.may_see(record));
        let records: Vec<Arc<[u8]>> = records.map(|record| record.bytes.clone()).collect();
        self.many(message(kind), records.into_iter())
    }

    async fn definition(&self, shared: &Shared, kind: MetadataKind, key: (&str, &str)) -> Result<Response, Refusal> {
        let views = state_at(shared, self).await?;
        let record = views.metadata().get(kind, key.0, key.1).filter(|record| self.may_see(record));
        let record = record.ok_or(Refusal::NotFound)?;
        Ok(self.one(message(kind), &record.bytes))
    }

    /// Accounts by `owner/account`, in the requested order, without unknown ones.
    async fn accounts(&self, shared: &Shared, ids: impl Iterator<Item = &str>) -> Result<Response, Refusal> {
        let ids = ids.map(|id| id.split_once('/').ok_or_else(|| Refusal::bad(format!("{id}: not an owner/account"))));
        let ids: Vec<(&str, &str)> = ids.collect::<Result<_, _>>()?;
        let views = state_at(shared, self).await?;
        let kind = MetadataKind::Account;
        Ok(self.definitions(kind, ids.iter().filter_map(|(owner, account)| views.metadata().get(kind, owner, account))))
    }
}

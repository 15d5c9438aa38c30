//! Renames of accounts, owners, currencies and symbols, with all live records.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{patch, post};
use hyper::StatusCode;
use ordo_core::json::message::TRANSFORM_REQUEST;
use ordo_core::proto::model::TransformRequest;
use ordo_core::proto::{
    Account, AccountTransform, AccountTransformType, Operation, OperationType, OwnerTransform, OwnerTransformType,
    Transform, TransformType,
};
use ordo_core::record::Origin;
use ordo_core::subscription::Caller;

use super::Shared;
use super::answer::Wanted;
use super::body::Sent;
use super::error::Refusal;
use super::parameters::Parameters;
use super::path::segment;
use super::write::of_operation;

type Written = Result<StatusCode, Refusal>;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/transform/rename/account", patch(account_by_query).post(account_by_query))
        .route("/transform/rename/currency", post(currency))
        .route("/transform/rename/symbol", post(symbol))
}

pub(super) async fn account(
    State(shared): State<Shared>,
    Path((owner, account)): Path<(String, String)>,
    parameters: Parameters,
    wanted: Wanted,
    sent: Sent,
) -> Written {
    rename_account((&shared, wanted.caller), segment(&owner), segment(&account), &parameters, &sent).await
}

async fn account_by_query(State(shared): State<Shared>, parameters: Parameters, wanted: Wanted, sent: Sent) -> Written {
    let (owner, account) = (parameters.required("owner")?, parameters.required("account")?);
    rename_account((&shared, wanted.caller), owner, account, &parameters, &sent).await
}

async fn rename_account(
    asker: (&Shared, Caller),
    owner: &str,
    account: &str,
    parameters: &Parameters,
    sent: &Sent,
) -> Written {
    let request: TransformRequest = sent.optional(TRANSFORM_REQUEST)?;
    let is_there = asker.0.views().await.account_exists(owner, account);
    let has_id = !request.transform_id.is_empty();
    let new = [("NewOwner", "newOwner", owner), ("NewAccount", "newAccount", account)];
    let new = new.map(|(key, name, present)| (key, parameters.get(name).unwrap_or(present)));
    let transform = AccountTransform {
        r#type: AccountTransformType::Rename as i32,
        transform_id: request.transform_id,
        account: Some(Account { owner_id: owner.to_owned(), account_id: account.to_owned() }),
        parameters: texts(new),
        text: request.comments,
    };
    let operation = Operation {
        r#type: OperationType::TransformAccount as i32,
        account_transform: Some(Box::new(transform)),
        ..Operation::default()
    };
    record(asker, operation, is_there, has_id).await
}

/// Records a rename. If its source does not exist, an earlier attempt may have renamed it, which only the engine knows
/// by TransformID.
async fn record((shared, caller): (&Shared, Caller), operation: Operation, is_there: bool, has_id: bool) -> Written {
    match (is_there, has_id) {
        (true, _) => shared.record(caller, of_operation(operation), Origin::REST).await,
        (false, true) => shared.record_again(caller, of_operation(operation)).await,
        (false, false) => Err(Refusal::NotFound),
    }
}

pub(super) async fn owner(
    State(shared): State<Shared>,
    Path(owner): Path<String>,
    parameters: Parameters,
    wanted: Wanted,
    sent: Sent,
) -> Written {
    let request: TransformRequest = sent.optional(TRANSFORM_REQUEST)?;
    let owner = segment(&owner);
    let is_there = shared.views().await.owner_exists(owner);
    let has_id = !request.transform_id.is_empty();
    let transform = OwnerTransform {
        r#type: OwnerTransformType::Rename as i32,
        transform_id: request.transform_id,
        owner_id: owner.to_owned(),
        parameters: texts([("NewOwner", parameters.get("newOwner").unwrap_or(owner))]),
        text: request.comments,
    };
    let operation = Operation {
        r#type: OperationType::TransformOwner as i32,
        owner_transform: Some(Box::new(transform)),
        ..Operation::default()
    };
    record((&shared, wanted.caller), operation, is_there, has_id).await
}

async fn currency(State(shared): State<Shared>, parameters: Parameters, wanted: Wanted, sent: Sent) -> Written {
    let (code, new_code) = (parameters.required("code")?, parameters.required("newCode")?);
    rename_code((&shared, wanted.caller), TransformType::RenameCurrency, "", (code, new_code), &sent).await
}

async fn symbol(State(shared): State<Shared>, parameters: Parameters, wanted: Wanted, sent: Sent) -> Written {
    let exchange = parameters.required("exchange")?;
    let (code, new_code) = (parameters.required("code")?, parameters.required("newCode")?);
    rename_code((&shared, wanted.caller), TransformType::RenameSymbol, exchange, (code, new_code), &sent).await
}

async fn rename_code(
    (shared, caller): (&Shared, Caller),
    kind: TransformType,
    exchange: &str,
    (code, new_code): (&str, &str),
    sent: &Sent,
) -> Written {
    let request: TransformRequest = sent.optional(TRANSFORM_REQUEST)?;
    let transform = Transform {
        transform_id: request.transform_id,
        transform_type: kind as i32,
        exchange: exchange.to_owned(),
        code: code.to_owned(),
        parameters: texts([("NewCode", new_code)]),
        text: request.comments,
        ..Transform::default()
    };
    let operation = Operation {
        r#type: OperationType::Transform as i32,
        transform: Some(Box::new(transform)),
        ..Operation::default()
    };
    shared.record(caller, of_operation(operation), Origin::REST).await
}

fn texts<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

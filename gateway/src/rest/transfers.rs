//! Transfers and settlements. Several in one request are all applied or none.

use std::hash::{BuildHasher as _, RandomState};

use axum::extract::State;
use hyper::StatusCode;
use ordo_core::json::message::{ASSET_TRANSFER_REQUEST, CASH_SETTLEMENT_RECORD, CASH_TRANSFER_REQUEST};
use ordo_core::proto::model::{AssetTransferRequest, CashSettlementRecord, CashTransferRequest};
use ordo_core::proto::{
    Account, CashTransfer, ExternalAction, ExternalActionType, FeedRequest, Id, SettlementStatus, TransactionDetails,
};
use ordo_core::record::Origin;

use super::answer::Wanted;
use super::batch::BatchDraft;
use super::body::Sent;
use super::error::Refusal;
use super::parameters::Parameters;
use super::write::of_action;
use super::{Shared, identity};

type Written = Result<StatusCode, Refusal>;

pub(super) async fn cash(State(shared): State<Shared>, wanted: Wanted, sent: Sent) -> Written {
    shared.record(wanted.caller, of_cash(sent.one(CASH_TRANSFER_REQUEST)?), Origin::REST).await
}

pub(super) async fn assets(State(shared): State<Shared>, wanted: Wanted, sent: Sent) -> Written {
    shared.record(wanted.caller, of_assets(sent.one(ASSET_TRANSFER_REQUEST)?), Origin::REST).await
}

pub(super) async fn cash_bulk(State(shared): State<Shared>, wanted: Wanted, sent: Sent) -> Written {
    let mut batch = BatchDraft::new(&shared);
    sent.each(CASH_TRANSFER_REQUEST, |request: CashTransferRequest| batch.push(of_cash(request), None))?;
    shared.record_batch(wanted.caller, batch, "", sent.into_share()).await
}

pub(super) async fn assets_bulk(State(shared): State<Shared>, wanted: Wanted, sent: Sent) -> Written {
    let mut batch = BatchDraft::new(&shared);
    sent.each(ASSET_TRANSFER_REQUEST, |request: AssetTransferRequest| batch.push(of_assets(request), None))?;
    shared.record_batch(wanted.caller, batch, "", sent.into_share()).await
}

/// Books a settlement file: each record settles an unbooked amount.
pub(super) async fn settle(
    State(shared): State<Shared>,
    parameters: Parameters,
    wanted: Wanted,
    sent: Sent,
) -> Written {
    let id = settlement_id(&shared, &parameters)?;
    let mut batch = BatchDraft::new(&shared);
    sent.each(CASH_SETTLEMENT_RECORD, |record: CashSettlementRecord| {
        let expected = record.expected_balance;
        batch.push(settlement(record, &id), expected)
    })?;
    shared.record_batch(wanted.caller, batch, &id, sent.into_share()).await
}

/// The id of a settlement: by it the same file again is known. One that the hub makes is new in every call.
fn settlement_id(shared: &Shared, parameters: &Parameters) -> Result<String, Refusal> {
    match parameters.get("id") {
        Some(id) if id.len() > SETTLEMENT_ID_BYTES_MAX => Err(Refusal::bad("id: more than 256 bytes")),
        Some(id) => Ok(id.to_owned()),
        // Time alone is not enough: a clock can be set back.
        None => Ok(format!("ST{:020}{:016x}", shared.history.clock().wall_ns(), RandomState::new().hash_one(0))),
    }
}

/// Every record is recorded with it.
const SETTLEMENT_ID_BYTES_MAX: usize = 256;

fn of_cash(request: CashTransferRequest) -> FeedRequest {
    of_action(ExternalAction {
        r#type: ExternalActionType::CashTransfer as i32,
        transaction: authorised(request.transaction),
        cash_transfer: request.transfer,
        ..ExternalAction::default()
    })
}

fn of_assets(request: AssetTransferRequest) -> FeedRequest {
    of_action(ExternalAction {
        r#type: ExternalActionType::AssetTransfer as i32,
        transaction: authorised(request.transaction),
        asset_transfer: request.transfer,
        ..ExternalAction::default()
    })
}

/// Sets the client's authority, overriding what the request holds.
fn authorised(details: Option<Box<TransactionDetails>>) -> Option<Box<TransactionDetails>> {
    details.map(|mut details| {
        details.authorities.remove(AUTHORISER);
        details.authorities.insert(CLIENT.to_owned(), identity::authority());
        details
    })
}

/// Keys of Authorities that only the hub sets.
const CLIENT: &str = "Client";
const AUTHORISER: &str = "Authoriser";

/// Keys of IDs that name the settlement of a transaction.
const SETTLEMENT: &str = "Settlement";
const SETTLEMENT_ID: &str = "ID";

fn settlement(record: CashSettlementRecord, id: &str) -> FeedRequest {
    let settlement = Id { name: SETTLEMENT.to_owned(), values: [(SETTLEMENT_ID.to_owned(), id.to_owned())].into() };
    let details = TransactionDetails {
        account: Some(Account { owner_id: record.owner, account_id: record.account }),
        i_ds: vec![settlement],
        ..TransactionDetails::default()
    };
    let transfer = CashTransfer {
        currency: record.currency,
        value: record.settle,
        settlement: SettlementStatus::Settle as i32,
        ..CashTransfer::default()
    };
    of_cash(CashTransferRequest { transaction: Some(Box::new(details)), transfer: Some(Box::new(transfer)) })
}

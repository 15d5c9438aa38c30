//! Transfers and settlements. Several in one request are all applied or none.

use axum::extract::State;
use hyper::StatusCode;
use ordo_core::json::message::{ASSET_TRANSFER_REQUEST, CASH_SETTLEMENT_RECORD, CASH_TRANSFER_REQUEST};
use ordo_core::proto::model::{AssetTransferRequest, CashSettlementRecord, CashTransferRequest};
use ordo_core::proto::{
    Account, CashTransfer, ExternalAction, ExternalActionType, FeedRequest, Id, SettlementStatus, TransactionDetails,
};
use ordo_core::record::{Batch, BatchMember, Origin};

use super::answer::Wanted;
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
    let transfers: Vec<CashTransferRequest> = sent.many(CASH_TRANSFER_REQUEST)?;
    shared.record_batch(wanted.caller, batch_of(transfers.into_iter().map(of_cash))).await
}

pub(super) async fn assets_bulk(State(shared): State<Shared>, wanted: Wanted, sent: Sent) -> Written {
    let transfers: Vec<AssetTransferRequest> = sent.many(ASSET_TRANSFER_REQUEST)?;
    shared.record_batch(wanted.caller, batch_of(transfers.into_iter().map(of_assets))).await
}

/// Books a settlement file: each record settles an unbooked amount.
pub(super) async fn settle(
    State(shared): State<Shared>,
    parameters: Parameters,
    wanted: Wanted,
    sent: Sent,
) -> Written {
    let id = parameters.required("id")?;
    if id.is_empty() {
        return Err(Refusal::bad("the parameter id is empty"));
    }
    let records: Vec<CashSettlementRecord> = sent.many(CASH_SETTLEMENT_RECORD)?;
    let members = records.into_iter().map(|record| settlement(record, id)).collect();
    shared.record_batch(wanted.caller, Batch { members, settlement_id: id.to_owned() }).await
}

fn batch_of(updates: impl Iterator<Item = FeedRequest>) -> Batch {
    let member = |update| BatchMember { update: Some(Box::new(update)), expected_balance: None };
    Batch { members: updates.map(member).collect(), settlement_id: String::new() }
}

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

fn settlement(record: CashSettlementRecord, id: &str) -> BatchMember {
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
    let update =
        of_cash(CashTransferRequest { transaction: Some(Box::new(details)), transfer: Some(Box::new(transfer)) });
    BatchMember { update: Some(Box::new(update)), expected_balance: record.expected_balance }
}

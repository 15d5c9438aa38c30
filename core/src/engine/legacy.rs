//! The older protocol's forms (30 to 33), each as the form of today that says the same. Cold.
//!
//! They are recorded and audited as received. What they become is kept in the outcome for those who encode its events.

use prost::Message;

use super::{Engine, Input};
use crate::dec::Dec;
use crate::outcome::{Booking, Outcome, Translated};
use crate::proto::{
    Account, AssetTransfer, BigNumber, CashTransfer, ClientRequestUpdate, ExternalAction, ExternalActionType,
    FeedRequest, FeedRequestType, OrderState, OrderTrade, OrderTradeType, OrderUpdate, OrderUpdateReason,
    OrderUpdateType, RequestStatus, RequestUpdate, Trade, Transaction, TransactionDetails, TransactionType, Update,
    UpdateType,
};
use crate::refusal::Code;
use crate::wire;

/// The kind of fee that the older protocol knows.
const BROKERAGE: &str = "Brokerage";

impl Engine {
    /// Applies the form of today that says the same; whether it changed anything.
    #[cold]
    pub(super) fn translated(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<bool, Code> {
        let (request, adjusts) = self.translate(input)?;
        let bytes = request.encode_to_vec();
        let request = wire::FeedRequest::decode(&bytes).map_err(|_| Code::NumberOutOfRange)?;
        let translated = Box::new(Translated { bytes, request });
        let input = Input { bytes: &translated.bytes, request: &translated.request, ..*input };
        let result = self.step(&input, out);
        if let (Some(cancel), Some(transaction)) = (adjusts, &mut out.transaction) {
            transaction.booking = Booking::TransferAdjustment { cancel };
        }
        out.translated = Some(translated);
        result
    }

    /// The form of today; of a correction or cancellation of a transfer also which of the two.
    fn translate(&self, input: &Input<'_>) -> Result<(FeedRequest, Option<bool>), Code> {
        let (request, bytes) = (input.request, input.bytes);
        match FeedRequestType::try_from(request.r#type) {
            Ok(FeedRequestType::LegacyUpdate) => {
                let update = decode::<Update>(request.legacy_update, bytes)?;
                Ok((of_action(self.updated(update)?), None))
            }
            Ok(FeedRequestType::LegacyTrade) => {
                let trade = decode::<Trade>(request.legacy_trade, bytes)?;
                Ok((of_action(self.traded(trade)?), None))
            }
            Ok(FeedRequestType::LegacyRequest) => {
                let update = decode::<RequestUpdate>(request.legacy_request, bytes)?;
                let (r#type, update) = (FeedRequestType::Update as i32, Some(Box::new(progressed(update)?)));
                Ok((FeedRequest { r#type, update, ..FeedRequest::default() }, None))
            }
            _ => {
                let transaction = decode::<Transaction>(request.legacy_transaction, bytes)?;
                let adjusts = match TransactionType::try_from(transaction.transaction_type) {
                    Ok(TransactionType::New) => None,
                    Ok(TransactionType::Correction) => Some(false),
                    Ok(TransactionType::Cancel) => Some(true),
                    Err(_) => return Err(Code::OperationUnknown),
                };
                Ok((of_action(transferred(transaction)?), adjusts))
            }
        }
    }

    fn updated(&self, update: Update) -> Result<ExternalAction, Code> {
        let (order, update) = self.order_and_update(update)?;
        let r#type = ExternalActionType::Update as i32;
        Ok(ExternalAction { r#type, order: Some(order), update: Some(update), ..ExternalAction::default() })
    }

    fn traded(&self, trade: Trade) -> Result<ExternalAction, Code> {
        let update = trade.update.ok_or(Code::Details)?;
        let kind = match UpdateType::try_from(update.update_type) {
            Ok(UpdateType::Trade) => OrderTradeType::Trade,
            Ok(UpdateType::TradeCorrection) => OrderTradeType::Correction,
            Ok(UpdateType::TradeCancel) => OrderTradeType::Cancel,
            _ => return Err(Code::OperationUnknown),
        };
        let names_another = kind != OrderTradeType::Trade && !trade.trade_id_ref.is_empty();
        let brokerage = trade.brokerage.map(|fee| (BROKERAGE.to_owned(), fee));
        let fill = OrderTrade {
            trade_id: if names_another { trade.trade_id_ref } else { trade.trade_id },
            r#type: kind as i32,
            price: trade.last_price,
            quantity: Some(whole(trade.last_qty)),
            ex_destination: trade.last_mkt,
            additional_funds: brokerage.into_iter().collect(),
        };
        let (order, update) = self.order_and_update(*update)?;
        Ok(ExternalAction {
            r#type: ExternalActionType::Trade as i32,
            order: Some(order),
            update: Some(update),
            trade: Some(Box::new(fill)),
            ..ExternalAction::default()
        })
    }

    fn order_and_update(&self, update: Update) -> Result<(Box<OrderState>, Box<OrderUpdate>), Code> {
        let known = self.state.metadata.is_completed_status(&update.exchange, &update.order_status);
        let is_completed = known.unwrap_or(update.remaining_quantity == 0);
        let explained = order_update(&update);
        Ok((Box::new(order_state(update, is_completed)?), Box::new(explained)))
    }
}

fn decode<M: Message + Default>(span: wire::Span, bytes: &[u8]) -> Result<M, Code> {
    if span.is_given() { M::decode(span.of(bytes)).map_err(|_| Code::Data) } else { Err(Code::Details) }
}

fn of_action(action: ExternalAction) -> FeedRequest {
    let r#type = FeedRequestType::Action as i32;
    FeedRequest { r#type, action: Some(action), ..FeedRequest::default() }
}

fn whole(units: i64) -> BigNumber {
    Dec::whole(units).into()
}

fn account(owner_id: String, account_id: String) -> Option<Account> {
    Some(Account { owner_id, account_id })
}

fn order_state(update: Update, is_completed: bool) -> Result<OrderState, Code> {
    let fees = |fee: Option<BigNumber>| fee.map(|fee| (BROKERAGE.to_owned(), fee)).into_iter().collect();
    let executed = Dec::whole(update.cum_qty);
    let executed_value = match update.avg_price {
        Some(average) => Some(average.dec().times(executed)?),
        None if executed.is_zero() => Some(Dec::ZERO),
        // Derived from the fills.
        None => None,
    };
    let mut properties = update.parameters;
    if !update.security_type.is_empty() {
        properties.insert("SecurityType".to_owned(), update.security_type);
    }
    let is_rejected = update.update_type == UpdateType::Rejected as i32;
    Ok(OrderState {
        order_id: update.order_id,
        account: account(update.owner_id, update.account_id),
        external_id: update.external_id,
        request_id: update.request_id,
        code: update.code,
        exchange: update.exchange,
        currency: update.currency,
        group: update.source_feed,
        side: update.side,
        order_type: update.order_type,
        price: update.price,
        quantity: Some(whole(update.quantity)),
        lifetime: update.lifetime,
        expiry_date: update.expiry_date,
        ex_destination: update.ex_destination,
        additional_funds: fees(update.est_brokerage),
        properties,
        i_ds: update.i_ds,
        created: update.created,
        timestamp: update.timestamp,
        executed_value: executed_value.map(BigNumber::from),
        executed_quantity: Some(executed.into()),
        executed_additional_funds: fees(update.cum_brokerage),
        is_completed,
        errors: if is_rejected && !update.text.is_empty() { vec![update.text] } else { Vec::new() },
        status: update.order_status,
        remove_after: update.remove_after,
        ..OrderState::default()
    })
}

fn order_update(update: &Update) -> OrderUpdate {
    let (r#type, reason) = match UpdateType::try_from(update.update_type) {
        Ok(UpdateType::New) => (OrderUpdateType::Update, OrderUpdateReason::New),
        Ok(UpdateType::Canceled) => (OrderUpdateType::Update, OrderUpdateReason::Cancel),
        Ok(UpdateType::Replace) => (OrderUpdateType::Update, OrderUpdateReason::Replace),
        Ok(UpdateType::Rejected) => (OrderUpdateType::Update, OrderUpdateReason::Rejected),
        Ok(UpdateType::Restated) => (OrderUpdateType::Restate, OrderUpdateReason::Restated),
        Ok(UpdateType::Status) => (OrderUpdateType::Update, OrderUpdateReason::Status),
        Ok(UpdateType::Trade) => (OrderUpdateType::Update, OrderUpdateReason::Trade),
        Ok(UpdateType::TradeCorrection) => (OrderUpdateType::Update, OrderUpdateReason::TradeCorrection),
        Ok(UpdateType::TradeCancel) => (OrderUpdateType::Update, OrderUpdateReason::TradeCancel),
        Err(_) => (OrderUpdateType::Unknown, OrderUpdateReason::Unknown),
    };
    let carried = [
        ("UserID", &update.user_id),
        ("PrevRequestID", &update.prev_request_id),
        ("PrevExternalID", &update.prev_external_id),
        ("ExternalRequestID", &update.external_request_id),
        ("Text", &update.text),
    ];
    let given = carried.into_iter().filter(|(_, text)| !text.is_empty());
    let moves = !update.prev_account_id.is_empty();
    OrderUpdate {
        update_id: update.update_id.clone(),
        previous_account: if moves { account(update.owner_id.clone(), update.prev_account_id.clone()) } else { None },
        r#type: r#type as i32,
        reason: reason as i32,
        properties: given.map(|(name, text)| (name.to_owned(), text.clone())).collect(),
        ..OrderUpdate::default()
    }
}

fn progressed(update: RequestUpdate) -> Result<ClientRequestUpdate, Code> {
    let status = match RequestStatus::try_from(update.status) {
        Ok(RequestStatus::Pending) => "Pending",
        Ok(RequestStatus::Queued) => "Queued",
        Ok(RequestStatus::Completed) => "Completed",
        Ok(RequestStatus::Rejected | RequestStatus::Failed) => "Rejected",
        Err(_) => return Err(Code::Status),
    };
    let given = |text: String| (!text.is_empty()).then_some(text);
    Ok(ClientRequestUpdate {
        request_id: update.request_id,
        account: account(update.owner_id, update.account_id),
        order_id: given(update.order_id),
        external_id: given(update.external_id),
        status: Some(status.to_owned()),
        errors: update.errors,
        text: given(update.text),
        ..ClientRequestUpdate::default()
    })
}

fn transferred(transaction: Transaction) -> Result<ExternalAction, Code> {
    let kind = TransactionType::try_from(transaction.transaction_type).map_err(|_| Code::OperationUnknown)?;
    let moved = |present: Dec, previous: Dec| match kind {
        TransactionType::New => Ok(present),
        TransactionType::Correction => present.minus(previous),
        TransactionType::Cancel => Ok(present.negated()),
    };
    let details = TransactionDetails {
        transaction_id: transaction.update_id,
        account: account(transaction.owner_id, transaction.account_id),
        properties: transaction.parameters,
        i_ds: transaction.i_ds,
        timestamp: transaction.timestamp,
        ..TransactionDetails::default()
    };
    let mut action = ExternalAction { transaction: Some(Box::new(details)), ..ExternalAction::default() };
    if transaction.code.is_empty() {
        let figure = |figure: Option<BigNumber>| figure.map(|figure| figure.dec()).unwrap_or_default();
        let value = moved(figure(transaction.value), figure(transaction.previous))?;
        action.r#type = ExternalActionType::CashTransfer as i32;
        action.cash_transfer = Some(Box::new(CashTransfer {
            currency: transaction.currency,
            value: Some(value.into()),
            settlement: transaction.status,
            ..CashTransfer::default()
        }));
    } else {
        let quantity = moved(Dec::whole(transaction.quantity), Dec::whole(transaction.previous_quantity))?;
        action.r#type = ExternalActionType::AssetTransfer as i32;
        action.asset_transfer = Some(Box::new(AssetTransfer {
            code: transaction.code,
            exchange: transaction.exchange,
            value: Some(quantity.into()),
            ..AssetTransfer::default()
        }));
    }
    Ok(action)
}

//! A recorded update in a few words: its kind, and the account and order that it is about.

use ordo_core::proto::{self, ExternalActionType, FeedRequestType, OperationType};
use ordo_core::wire::{Account, FeedRequest, Span};
use prost::Message;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// As the schema names it: `Trade`, `CashTransfer`, `Status`, `Operation DefineOwner`.
    pub kind: String,
    /// `OWNER/ACCOUNT`; empty if the update names none.
    pub account: String,
    /// The account that an order moves from; empty if it does not move.
    pub previous_account: String,
    pub order_id: String,
    /// TradeID or TransactionID; empty if the update has none, or the hub assigned it.
    pub reference: String,
}

/// Describes a recorded update.
pub fn words(bytes: &[u8], request: &FeedRequest) -> Words {
    let action = &request.action;
    let of_order = action.order.span.is_given();
    let account = if of_order { action.order.account } else { action.transaction.account };
    let reference = if of_order { action.trade.trade_id } else { action.transaction.transaction_id };
    Words {
        kind: kind(bytes, request),
        account: account_text(&account, bytes),
        previous_account: account_text(&action.update.previous_account, bytes),
        order_id: text(action.order.order_id, bytes),
        reference: text(reference, bytes),
    }
}

/// Every value of `Words::kind` in this version of the schema.
pub fn kinds() -> Vec<String> {
    // The schema's numbers are small.
    let numbers = 1..1000;
    let actions = numbers.clone().filter_map(|number| ExternalActionType::try_from(number).ok());
    let actions = actions.map(|kind| short(kind.as_str_name()));
    let inputs = [FeedRequestType::Status, FeedRequestType::Configure].map(|kind| short(kind.as_str_name()));
    let operations = numbers.filter_map(|number| OperationType::try_from(number).ok());
    let operations = operations.map(|kind| operation(Some(kind)));
    actions.chain(inputs).chain([operation(None)]).chain(operations).collect()
}

fn account_text(account: &Account, bytes: &[u8]) -> String {
    let (owner, id) = (account.owner_id.text(bytes), account.account_id.text(bytes));
    if id.is_empty() { String::new() } else { format!("{owner}/{id}") }
}

fn text(span: Span, bytes: &[u8]) -> String {
    span.text(bytes).to_owned()
}

fn kind(bytes: &[u8], request: &FeedRequest) -> String {
    match FeedRequestType::try_from(request.r#type).unwrap_or(FeedRequestType::Unknown) {
        FeedRequestType::Action => match ExternalActionType::try_from(request.action.r#type) {
            Ok(action) => short(action.as_str_name()),
            Err(_) => format!("Action {}", request.action.r#type),
        },
        FeedRequestType::Operation => {
            let decoded = proto::FeedRequest::decode(request.span.of(bytes));
            let number = decoded.ok().and_then(|request| request.operation).map(|operation| operation.r#type);
            operation(number.and_then(|number| OperationType::try_from(number).ok()))
        }
        other => short(other.as_str_name()),
    }
}

fn operation(kind: Option<OperationType>) -> String {
    kind.map_or_else(|| "Operation".into(), |kind| format!("Operation {}", short(kind.as_str_name())))
}

/// A name of the schema without the prefix of its type.
fn short(name: &str) -> String {
    name.split_once('_').map_or(name, |(_, short)| short).to_owned()
}

//! An update in a few words: what it is, and what it is about.

use ordo_core::proto::{self, ExternalActionType, FeedRequestType, OperationType};
use ordo_core::wire::{FeedRequest, Span};
use prost::Message;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// In the words of the schema: `Trade`, `CashTransfer`, `Status`, `Operation DefineOwner`.
    pub kind: String,
    /// `OWNER/ACCOUNT`; empty where it names none.
    pub account: String,
    pub order_id: String,
    /// The trade's or the transaction's; empty where there is none, or the hub gave it.
    pub reference: String,
}

/// What a recorded update is.
pub fn words(bytes: &[u8], request: &FeedRequest) -> Words {
    let action = &request.action;
    let of_order = action.order.span.is_given();
    let account = if of_order { action.order.account } else { action.transaction.account };
    let (owner, id) = (account.owner_id.text(bytes), account.account_id.text(bytes));
    let reference = if of_order { action.trade.trade_id } else { action.transaction.transaction_id };
    Words {
        kind: kind(bytes, request),
        account: if id.is_empty() { String::new() } else { format!("{owner}/{id}") },
        order_id: text(action.order.order_id, bytes),
        reference: text(reference, bytes),
    }
}

fn text(span: Span, bytes: &[u8]) -> String {
    span.text(bytes).to_owned()
}

fn kind(bytes: &[u8], request: &FeedRequest) -> String {
    let short = |name: &str| name.split_once('_').map_or(name, |(_, short)| short).to_owned();
    match FeedRequestType::try_from(request.r#type).unwrap_or(FeedRequestType::Unknown) {
        FeedRequestType::Action => match ExternalActionType::try_from(request.action.r#type) {
            Ok(action) => short(action.as_str_name()),
            Err(_) => format!("Action {}", request.action.r#type),
        },
        FeedRequestType::Operation => {
            let decoded = proto::FeedRequest::decode(request.span.of(bytes));
            let operation = decoded.ok().and_then(|request| request.operation).map(|operation| operation.r#type);
            let name = operation.and_then(|number| OperationType::try_from(number).ok());
            name.map_or_else(|| "Operation".into(), |name| format!("Operation {}", short(name.as_str_name())))
        }
        other => short(other.as_str_name()),
    }
}

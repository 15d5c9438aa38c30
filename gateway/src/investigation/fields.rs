//! Records as named fields, all digits kept: what explanations and differences are told in.

use std::collections::BTreeMap;

use ordo_core::proto::{AssetPosition, BigNumber, CashPosition, OrderState};
use prost::Message;

/// Name and value; a record that is not there has none.
pub(super) type Fields = Vec<(String, String)>;

pub(super) fn balance(bytes: &[u8]) -> Fields {
    let position = CashPosition::decode(bytes).unwrap_or_default();
    let figures = [
        ("Balance", position.balance),
        ("UnbookedTransactions", position.unbooked_transactions),
        ("UnfilledBuys", position.unfilled_buys),
        ("Margin", position.margin),
    ];
    figures
        .map(|(name, figure)| (name.to_owned(), digits(figure)))
        .into_iter()
        .chain(values(&position.values))
        .collect()
}

pub(super) fn holding(bytes: &[u8]) -> Fields {
    let position = AssetPosition::decode(bytes).unwrap_or_default();
    let figures = [("Quantity", position.quantity), ("UnfilledSells", position.unfilled_sells)];
    let mut fields: Fields = figures.map(|(name, figure)| (name.to_owned(), digits(figure))).into();
    fields.extend(position.average_price.map(|price| ("AveragePrice".to_owned(), digits(Some(price)))));
    fields.extend((!position.currency.is_empty()).then(|| ("Currency".to_owned(), position.currency)));
    fields
}

pub(super) fn order(bytes: &[u8]) -> Fields {
    let order = OrderState::decode(bytes).unwrap_or_default();
    let figures = [
        ("Quantity", order.quantity),
        ("Price", order.price),
        ("ExecutedQuantity", order.executed_quantity),
        ("ExecutedValue", order.executed_value),
    ];
    let given = figures.into_iter().filter(|(_, figure)| figure.is_some());
    let mut fields: Fields = given.map(|(name, figure)| (name.to_owned(), digits(figure))).collect();
    let texts = [("Status", order.status), ("Code", order.code), ("Currency", order.currency)];
    fields.extend(texts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name.to_owned(), text)));
    fields.push(("IsCompleted".to_owned(), order.is_completed.to_string()));
    fields
}

fn values(values: &BTreeMap<String, BigNumber>) -> impl Iterator<Item = (String, String)> {
    values.iter().map(|(name, value)| (format!("Values[{name}]"), digits(Some(*value))))
}

fn digits(figure: Option<BigNumber>) -> String {
    figure.map_or_else(|| "0".to_owned(), |figure| figure.dec().to_string())
}

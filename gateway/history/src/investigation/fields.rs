//! Records as named fields, for explanations and differences.
//!
//! Every field of a message is one here, except for those of its key. A map has a field for each key, a list is one
//! field. Fields are read from the JSON form, which covers every message and every kind of value.

use std::fmt;

use ordo_core::json::{self, MessageId, Style, message};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::value::Value;

/// Names and values in the order of the schema; empty for a record that does not exist.
pub type Fields = Vec<(String, Value)>;

/// The fields of a record's binary form.
pub(super) fn fields_of(message: MessageId, bytes: &[u8], style: Style) -> Fields {
    let mut text = Vec::new();
    let unreadable = || vec![("unreadable".to_owned(), Value::Flag(true))];
    if json::from_binary(message, bytes, style, &mut text).is_err() {
        return unreadable();
    }
    let Ok(Members(members)) = serde_json::from_slice(&text) else { return unreadable() };
    let keys = keys_of(message);
    let mut fields = Fields::with_capacity(members.len());
    for (name, value) in members.into_iter().filter(|(name, _)| !keys.contains(&&**name)) {
        match serde_json::from_str(value.get()) {
            Ok(Members(entries)) => {
                let entries = entries.into_iter();
                fields.extend(entries.map(|(key, value)| (format!("{name}[{key}]"), Value::of_json(value))));
            }
            Err(_) => fields.push((name, Value::of_json(value))),
        }
    }
    fields
}

/// Fields that form the key of a record. A definition may have no others.
fn keys_of(id: MessageId) -> &'static [&'static str] {
    match id {
        message::CASH_POSITION => &["Account", "Currency"],
        message::ASSET_POSITION => &["Account", "Exchange", "Code"],
        message::ORDER_STATE => &["Account", "OrderID"],
        _ => &[],
    }
}

/// The members of an object, in order and undecoded, so that no figure passes through a double.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Members<'a>, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reading)
    }
}

#[cfg(test)]
mod tests {
    use ordo_core::dec::Dec;
    use ordo_core::proto::{Account, Id, OrderState, Side, TimestampWithTimeZone};
    use prost::Message;

    use super::*;

    #[test]
    fn every_field_of_an_order_is_one_but_those_that_name_it() {
        let funds = |units: i64| [("AUD".to_owned(), Dec::whole(units).into())].into();
        let order = OrderState {
            account: Some(Account { owner_id: "O".into(), account_id: "A".into() }),
            order_id: "o1".into(),
            code: "0005".into(),
            side: Side::Sell as i32,
            quantity: Some(Dec::whole(5).into()),
            additional_funds: funds(3),
            executed_additional_funds: funds(2),
            properties: [("k".to_owned(), "+5".to_owned())].into(),
            i_ds: vec![Id { name: "x".into(), ..Id::default() }],
            remove_after: Some(TimestampWithTimeZone::default()),
            ..OrderState::default()
        };
        let fields = fields_of(message::ORDER_STATE, &order.encode_to_vec(), Style::default());
        let found: Vec<String> = fields.iter().map(|(name, value)| format!("{name} {}", value.json())).collect();
        let expected = [
            "Code \"0005\"",
            "Side \"SIDE_SELL\"",
            "Quantity 5",
            "AdditionalFunds[AUD] 3",
            "Properties[k] \"+5\"",
            "IDs [{\"Name\":\"x\"}]",
            "ExecutedAdditionalFunds[AUD] 2",
            "RemoveAfter \"1970-01-01T00:00:00Z\"",
        ];
        assert_eq!(found, expected);
    }
}

//! Whole messages as a client sees them, in every style: the published form, pinned.

use ordo_core::json::{self, MessageId, Read, Style, message};

struct Example {
    message: MessageId,
    read: &'static str,
    written: &'static str,
    compact: &'static str,
    /// Of the binary, in hex: pinned, because it is journaled and compared.
    binary: &'static str,
}

const EXAMPLES: [Example; 4] = [
    Example {
        message: message::ORDER_STATE,
        read: r#"{"orderId": "1", "account": {"ownerId": "O", "accountId": "A"}, "code": "BHP", "orderType": "limit",
            "lifetime": 2, "price": "10.50", "quantity": 1e2, "removeAfter": {}, "feeCodes": {"b": "2", "a": "1"}}"#,
        written: r#"{"OrderID":"1","Account":{"AccountID":"A","OwnerID":"O"},"Code":"BHP","OrderType":"ORDERTYPE_LIMIT","Price":10.50,"Quantity":100,"Lifetime":"LIFETIME_GOOD_TILL_CANCEL","FeeCodes":{"a":"1","b":"2"},"RemoveAfter":"1970-01-01T00:00:00Z"}"#,
        compact: r#"{"OrderID":"1","Account":{"AccountID":"A","OwnerID":"O"},"Code":"BHP","OrderType":"LIMIT","Price":10.50,"Quantity":100,"Lifetime":"GOOD_TILL_CANCEL","FeeCodes":{"a":"1","b":"2"},"RemoveAfter":"1970-01-01T00:00:00Z"}"#,
        binary: "0a013112071a0141ba02014f5203424850a80102b2010608021a021a04ba01031a0164c00102\
            ba02060a016112013 1ba02060a0162120132920300",
    },
    Example {
        message: message::SUBSCRIPTION_DETAILS,
        read: r#"{"Type": "Orders", "Targets": [{"Name": "Owner", "Values": ["O", ""]}]}"#,
        written: r#"{"Type":"SubscriptionType_Orders","Targets":[{"Name":"Owner","Values":["O",""]}]}"#,
        compact: r#"{"Type":"Orders","Targets":[{"Name":"Owner","Values":["O",""]}]}"#,
        binary: "0818520c0a054f776e657212014f1200",
    },
    Example {
        message: message::UPDATE_POSITION,
        read: r#"{"Sequence": "oms", "Position": 9007199254740993, "ExecutedAt": "2026-11-22T15:04:05.123456789+10:00"}"#,
        written: r#"{"Sequence":"oms","Position":"9007199254740993","ExecutedAt":"2026-11-22T15:04:05.123456789+10:00"}"#,
        compact: r#"{"Sequence":"oms","Position":"9007199254740993","ExecutedAt":"2026-11-22T15:04:05.123456789+10:00"}"#,
        binary: "0a036f6d7310818080808080801 04a0e08c5ef89d80610959aef3a18b009",
    },
    Example {
        message: message::CASH_POSITION,
        read: r#"{"Currency": "AUD", "Balance": -0.0, "Values": {"P:Unbooked": -1.5}}"#,
        written: r#"{"Currency":"AUD","Balance":0.0,"UnbookedTransactions":0,"UnfilledBuys":0,"Margin":0,"Values":{"P:Unbooked":-1.5}}"#,
        compact: r#"{"Currency":"AUD","Balance":0.0,"UnbookedTransactions":0,"UnfilledBuys":0,"Margin":0,"Values":{"P:Unbooked":-1.5}}"#,
        binary: "1203415544520208 01f201150a0a503a556e626f6f6b656412070801 10011a010f",
    },
];

#[test]
fn messages_read_and_write_as_published() {
    for example in &EXAMPLES {
        let mut bytes = Vec::new();
        json::to_binary(example.message, example.read.as_bytes(), Read::default(), &mut bytes).unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, example.binary.replace(' ', ""), "{:?}", example.message);
        for (is_compact, expected) in [(false, example.written), (true, example.compact)] {
            let mut out = Vec::new();
            json::from_binary(example.message, &bytes, Style { is_compact }, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}

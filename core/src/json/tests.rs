//! The rules of the JSON form, one table per rule; those of the binary form and of arrays: `tests/binary_form.rs`.
//! Round trips, hostile input and whole examples: `tests/json_*.rs`.

use super::message::{
    ACCOUNT_DETAILS, ASSET_POSITION, AUDIT_RECORD, BIG_NUMBER, CASH_POSITION, CLIENT_REQUEST_UPDATE, EVENT_MESSAGE,
    FEED_REQUEST, FEED_RESPONSE, ORDER_STATE, REQUEST_DETAILS, REQUEST_MESSAGE, SNAPSHOT_POSITION,
    TIMESTAMP_WITH_TIME_ZONE, TRADE,
};
use super::*;

const STRICT: Read = Read { is_lenient: false };
const LENIENT: Read = Read { is_lenient: true };

fn binary(message: MessageId, text: &str, options: Read) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    to_binary(message, text.as_bytes(), options, &mut out).map(|()| out).map_err(|error| error.code())
}

fn json(message: MessageId, bytes: &[u8], is_compact: bool) -> Result<String, Malformed> {
    let mut out = Vec::new();
    from_binary(message, bytes, Style { is_compact }, &mut out)?;
    Ok(String::from_utf8(out).expect("JSON is UTF-8"))
}

/// Reads `text` and writes it again; a refusal is its code.
fn again(message: MessageId, text: &str) -> String {
    match binary(message, text, STRICT) {
        Ok(bytes) => json(message, &bytes, false).expect("what was read can be written"),
        Err(code) => code,
    }
}

fn check(message: MessageId, table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(again(message, text), *expected, "{message:?} {text}");
    }
}

#[test]
fn names_are_read_as_declared_and_in_both_camel_forms() {
    check(
        ORDER_STATE,
        &[
            (r#"{"OrderID":"1","orderID":"2"}"#, "Data.Deserialise OrderID"),
            (r#"{"orderID":"1"}"#, r#"{"OrderID":"1"}"#),
            (r#"{"orderId":"1"}"#, r#"{"OrderID":"1"}"#),
            (r#"{"iDs":[]}"#, "{}"),
            (r#"{"ids":[{"name":"n"}]}"#, r#"{"IDs":[{"Name":"n"}]}"#),
            (r#"{"exDestination":"X"}"#, r#"{"ExDestination":"X"}"#),
            (r#"{"\u004frderID":"1"}"#, r#"{"OrderID":"1"}"#),
            (r#"{"OrderId":"1"}"#, "Data.Deserialise OrderId"),
            (r#"{"orderid":"1"}"#, "Data.Deserialise orderid"),
            (r#"{"order_id":"1"}"#, "Data.Deserialise order_id"),
        ],
    );
    check(TRADE, &[(r#"{"tradeIdRef":"1"}"#, r#"{"TradeIDRef":"1"}"#)]);
    check(AUDIT_RECORD, &[(r#"{"id":1}"#, r#"{"ID":"1"}"#), (r#"{"iD":1}"#, r#"{"ID":"1"}"#)]);
}

#[test]
fn errors_say_where() {
    check(
        REQUEST_MESSAGE,
        &[
            (r#"{"Feed":{"Action":{"Order":{"Price":"x"}}}}"#, "Data.Deserialise Feed.Action.Order.Price"),
            (r#"{"feed":{"action":{"order":{"prize":1}}}}"#, "Data.Deserialise Feed.Action.Order.prize"),
            (
                r#"{"Subscription":{"Targets":[{},{"Values":["a",1]}]}}"#,
                "Data.Deserialise Subscription.Targets.1.Values.1",
            ),
            (r#"{"Request":{"Values":{"EUR":{"Scale":-1}}}}"#, "NumberOutOfRange"),
            (r#"{"Request":{"Values":{"EUR":true}}}"#, "Data.Deserialise Request.Values.EUR"),
            ("[]", "Data.Deserialise RequestMessage"),
            ("null", "Data.Deserialise RequestMessage"),
            ("7", "Data.Deserialise RequestMessage"),
        ],
    );
}

/// An empty name left no trace: the fault was told of the object around it, which had none.
#[test]
fn a_fault_under_an_empty_name_is_told_there() {
    check(
        ORDER_STATE,
        &[
            (r#"{"":1}"#, "Data.Deserialise \"\""),
            (r#"{"Values":{"":true}}"#, "Data.Deserialise Values.\"\""),
            (r#"{"AdditionalFunds":{"Fee":[]}}"#, "Data.Deserialise AdditionalFunds.Fee"),
            (r#"{"IDs":[{},{"Values":{"":null}}]}"#, "Data.Deserialise IDs.1.Values.\"\""),
        ],
    );
}

#[test]
fn a_long_unknown_name_is_shown_in_part() {
    let name = "ä".repeat(1000);
    let code = binary(ORDER_STATE, &format!(r#"{{"{name}":1}}"#), STRICT).unwrap_err();
    assert_eq!(code, format!("Data.Deserialise {}", "ä".repeat(32)));
}

#[test]
fn lenient_skips_unknown_names_only() {
    let with = |inner: &str| binary(ORDER_STATE, &format!(r#"{{"X":{inner},"OrderID":"1"}}"#), LENIENT);
    for inner in ["1", "1e999", r#""a\"}""#, "null", "true", "[]", "{}", r#"[1,[{"a":{"b":[false,{}]}}],"]"]"#] {
        assert_eq!(with(inner).as_deref(), Ok(&b"\x0a\x011"[..]), "{inner}");
    }
    for (text, code) in [
        (r#"{"OrderID":1}"#, "Data.Deserialise OrderID"),
        (r#"{"OrderID":"1","orderId":"1"}"#, "Data.Deserialise OrderID"),
        (r#"{"X":1,"X":2}"#, "Data.Deserialise X"),
        (r#"{"X":"\ud800"}"#, "Data"),
    ] {
        assert_eq!(binary(ORDER_STATE, text, LENIENT).unwrap_err(), code, "{text}");
    }
}

#[test]
fn null_is_absent_and_a_default_is_absent_unless_optional() {
    check(
        ORDER_STATE,
        &[
            (r#"{"OrderID":null,"Price":null,"Values":null,"IDs":null,"Side":null,"IsCompleted":null}"#, "{}"),
            (
                r#"{"OrderID":"","Values":{},"IDs":[],"Side":0,"IsCompleted":false,"Side":null}"#,
                "Data.Deserialise Side",
            ),
            (r#"{"OrderID":"","Values":{},"IDs":[],"Side":"UNKNOWN","IsCompleted":false}"#, "{}"),
            (r#"{"Account":{},"Price":0}"#, r#"{"Account":{},"Price":0}"#),
            (r#"{"IDs":[null]}"#, "Data.Deserialise IDs.0"),
            (r#"{"FeeCodes":{"a":null}}"#, "Data.Deserialise FeeCodes.a"),
            (r#"{"FeeCodes":{"":""},"Values":{"":0}}"#, r#"{"Values":{"":0},"FeeCodes":{"":""}}"#),
        ],
    );
    check(ACCOUNT_DETAILS, &[(r#"{"DefaultCurrency":""}"#, r#"{"DefaultCurrency":""}"#)]);
    check(REQUEST_DETAILS, &[(r#"{"Reference":0}"#, r#"{"Reference":0}"#), (r#"{"Reference":null}"#, "{}")]);
    check(CLIENT_REQUEST_UPDATE, &[(r#"{"Target":{}}"#, r#"{"Target":{}}"#)]);
}

#[test]
fn the_figures_of_a_position_are_always_written() {
    let cash = r#"{"Balance":0,"UnbookedTransactions":0,"UnfilledBuys":0,"Margin":0}"#;
    assert_eq!(json(CASH_POSITION, b"", false).as_deref(), Ok(cash));
    assert_eq!(json(ASSET_POSITION, b"", false).as_deref(), Ok(r#"{"Quantity":0,"UnfilledSells":0}"#));
    check(
        CASH_POSITION,
        &[(r#"{"Margin":1.0}"#, r#"{"Balance":0,"UnbookedTransactions":0,"UnfilledBuys":0,"Margin":1.0}"#)],
    );
}

#[test]
fn enums_are_read_in_all_their_forms() {
    check(
        ORDER_STATE,
        &[
            (r#"{"OrderType":"ORDERTYPE_LIMIT"}"#, r#"{"OrderType":"ORDERTYPE_LIMIT"}"#),
            (r#"{"OrderType":"LIMIT"}"#, r#"{"OrderType":"ORDERTYPE_LIMIT"}"#),
            (r#"{"OrderType":"stop_Limit"}"#, r#"{"OrderType":"ORDERTYPE_STOP_LIMIT"}"#),
            (r#"{"OrderType":2}"#, r#"{"OrderType":"ORDERTYPE_LIMIT"}"#),
            (r#"{"OrderType":99}"#, r#"{"OrderType":99}"#),
            (r#"{"OrderType":-1}"#, r#"{"OrderType":-1}"#),
            (r#"{"OrderType":2147483648}"#, "NumberOutOfRange"),
            (r#"{"OrderType":"LIMITED"}"#, "Data.Deserialise OrderType"),
            (r#"{"OrderType":"2"}"#, "Data.Deserialise OrderType"),
            (r#"{"OrderType":""}"#, "Data.Deserialise OrderType"),
            (r#"{"OrderType":1.5}"#, "Data.Deserialise OrderType"),
        ],
    );
    let bytes = binary(ORDER_STATE, r#"{"OrderType":"limit","Lifetime":"good_till_cancel","Side":7}"#, STRICT).unwrap();
    assert_eq!(
        json(ORDER_STATE, &bytes, true).unwrap(),
        r#"{"Side":7,"OrderType":"LIMIT","Lifetime":"GOOD_TILL_CANCEL"}"#
    );
}

#[test]
fn decimals_keep_every_digit_and_their_scale() {
    check(
        BIG_NUMBER,
        &[
            ("10.50", "10.50"),
            ("-0.00", "0.00"),
            ("0", "0"),
            ("1e3", "1000"),
            ("1.20E-2", "0.0120"),
            (r#""10.50""#, "10.50"),
            ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
            ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
            ("9007199254740993", "9007199254740993"),
            (r#"{"Scale":2,"IsNegative":true,"Value":"GgQ="}"#, "-10.50"),
            (r#"{"value":"GgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#, "1050"),
            (r#"{"Scale":2,"IsNegative":true}"#, "0.00"),
            ("{}", "0"),
            ("1e400", "NumberOutOfRange"),
            ("1e-400", "NumberOutOfRange"),
            (r#""1e99999999999999999999""#, "NumberOutOfRange"),
            (r#"{"Value":"AAAAAAAAAAAAAAAAAAAAAQ=="}"#, "1329227995784915872903807060280344576"),
            (r#"{"Value":"/////////////////////w=="}"#, "NumberOutOfRange"),
            (r#"{"Scale":1000,"Value":"AQ=="}"#, "NumberOutOfRange"),
            (r#"{"Scale":4294967296}"#, "NumberOutOfRange"),
            (r#""""#, "Data.Deserialise BigNumber"),
            (r#""NaN""#, "Data.Deserialise BigNumber"),
            (r#""1,5""#, "Data.Deserialise BigNumber"),
            (r#"" 1""#, "Data.Deserialise BigNumber"),
            ("true", "Data.Deserialise BigNumber"),
            ("[1]", "Data.Deserialise BigNumber"),
        ],
    );
}

#[test]
fn timestamps_are_text_or_the_object() {
    check(
        TIMESTAMP_WITH_TIME_ZONE,
        &[
            (r#""1970-01-01T00:00:00Z""#, r#""1970-01-01T00:00:00Z""#),
            (r#""2026-11-22T15:04:05.123456789+10:00""#, r#""2026-11-22T15:04:05.123456789+10:00""#),
            (r#""20250101T000000Z""#, r#""2025-01-01T00:00:00Z""#),
            (r#"{"Seconds":"60","Nanoseconds":5000000,"TzOffset":-90}"#, r#""1969-12-31T22:31:00.005-01:30""#),
            ("{}", r#""1970-01-01T00:00:00Z""#),
            (r#"{"Nanoseconds":1000000000}"#, "Data.Deserialise TimestampWithTimeZone"),
            (r#"{"TzOffset":1081}"#, r#""1970-01-01T00:00:00Z""#),
            (r#"{"TzOffset":36000}"#, r#""1970-01-01T10:00:00+10:00""#),
            (r#"{"Seconds":9214646400}"#, "Data.Deserialise TimestampWithTimeZone"),
            (r#""yesterday""#, "Data.Deserialise TimestampWithTimeZone"),
            ("0", "Data.Deserialise TimestampWithTimeZone"),
        ],
    );
    check(ORDER_STATE, &[(r#"{"RemoveAfter":{}}"#, r#"{"RemoveAfter":"1970-01-01T00:00:00Z"}"#)]);
    let too_late = b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    assert_eq!(json(TIMESTAMP_WITH_TIME_ZONE, too_late, false), Err(Malformed::TimestampOutOfRange));
}

#[test]
fn whole_numbers_are_read_from_digits_or_text() {
    check(
        FEED_REQUEST,
        &[
            (r#"{"RequestID":7}"#, r#"{"RequestID":"7"}"#),
            (r#"{"RequestID":"-9223372036854775808"}"#, r#"{"RequestID":"-9223372036854775808"}"#),
            (r#"{"RequestID":9223372036854775807}"#, r#"{"RequestID":"9223372036854775807"}"#),
            (r#"{"RequestID":1.50e2}"#, r#"{"RequestID":"150"}"#),
            (r#"{"RequestID":7.0}"#, r#"{"RequestID":"7"}"#),
            (r#"{"RequestID":9223372036854775808}"#, "NumberOutOfRange"),
            (r#"{"RequestID":1e400}"#, "NumberOutOfRange"),
            (r#"{"RequestID":7.5}"#, "Data.Deserialise RequestID"),
            (r#"{"RequestID":""}"#, "Data.Deserialise RequestID"),
            (r#"{"RequestID":"0x7"}"#, "Data.Deserialise RequestID"),
        ],
    );
    check(
        REQUEST_DETAILS,
        &[
            (r#"{"Reference":-1}"#, r#"{"Reference":-1}"#),
            (r#"{"Reference":"2147483647"}"#, r#"{"Reference":2147483647}"#),
            (r#"{"Reference":2147483648}"#, "NumberOutOfRange"),
        ],
    );
    check(SNAPSHOT_POSITION, &[(r#"{"Positions":{"oms":3,"a":"0"}}"#, r#"{"Positions":{"a":"0","oms":"3"}}"#)]);
}

#[test]
fn bytes_are_base64_of_either_alphabet_padded_or_not() {
    let written = r#"{"QueryData":"++//+w=="}"#;
    check(
        FEED_RESPONSE,
        &[
            (r#"{"QueryData":"++//+w=="}"#, written),
            (r#"{"QueryData":"--__-w=="}"#, written),
            (r#"{"QueryData":"--__-w"}"#, written),
            (r#"{"QueryData":""}"#, "{}"),
            (r#"{"QueryData":"++//+"}"#, "Data.Deserialise QueryData"),
            (r#"{"QueryData":"++ //"}"#, "Data.Deserialise QueryData"),
            (r#"{"QueryData":"++//+x=="}"#, "Data.Deserialise QueryData"),
        ],
    );
}

#[test]
fn what_is_no_json_is_data() {
    let texts: &[&[u8]] = &[
        b"",
        b" ",
        b"{",
        b"{}}",
        b"{} x",
        b"{}{}",
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        b"\xef\xbb{}",
        b"{'OrderID':1}",
        b"{OrderID:1}",
        b"{\"OrderID\":\"1\",}",
        b"{\"Price\":NaN}",
        b"{\"Price\":Infinity}",
        b"{\"Price\":-Infinity}",
        b"{\"Price\":01}",
        b"{\"Price\":1.}",
        b"{\"Price\":.5}",
        b"{\"Price\":+1}",
        b"{\"Price\":1e}",
        b"{\"Price\":0x10}",
        b"{\"OrderID\":\"\xff\"}",
        b"{\"OrderID\":\"\\ud800\"}",
        b"{\"OrderID\":\"\\udc00\"}",
        b"{\"OrderID\":\"\\ud800\\ud800\"}",
        b"{\"OrderID\":\"\\x\"}",
        b"{\"OrderID\":\"a\nb\"}",
        b"{} // comment",
    ];
    for text in texts {
        let mut out = Vec::new();
        let result = to_binary(ORDER_STATE, text, LENIENT, &mut out);
        assert_eq!(result, Err(JsonError::Syntax), "{}", String::from_utf8_lossy(text));
        assert_eq!(result.unwrap_err().code(), "Data");
    }
}

#[test]
fn strings_are_escaped_as_json_needs_and_kept_otherwise() {
    check(
        ORDER_STATE,
        &[
            (r#"{"OrderID":"\ud83d\ude00\u0000\/\\\"\t"}"#, "{\"OrderID\":\"😀\\u0000/\\\\\\\"\\t\"}"),
            (r#"{"Properties":{"\"":"é"}}"#, r#"{"Properties":{"\"":"é"}}"#),
        ],
    );
}

#[test]
fn a_key_twice_is_an_error_in_maps_too() {
    check(
        ORDER_STATE,
        &[
            (r#"{"Properties":{"a":"1","b":"2","a":"1"}}"#, "Data.Deserialise Properties.a"),
            (r#"{"Properties":{"a":"1","\u0061":"1"}}"#, "Data.Deserialise Properties.a"),
            (r#"{"OrderID":null,"OrderID":"1"}"#, "Data.Deserialise OrderID"),
            (r#"{"Account":{},"Account":{}}"#, "Data.Deserialise Account"),
        ],
    );
}

#[test]
fn the_order_of_members_does_not_show_in_the_bytes() {
    let one = r#"{"OrderID":"1","Account":{"AccountID":"A","OwnerID":"O"},"Values":{"a":1,"b":2.0},"RemoveAfter":{}}"#;
    let other =
        r#"{"removeAfter":{},"values":{"b":"2.0","a":1e0},"account":{"ownerId":"O","accountId":"A"},"orderId":"1"}"#;
    assert_eq!(binary(ORDER_STATE, one, STRICT), binary(ORDER_STATE, other, STRICT));
}

#[test]
fn lengths_of_more_than_a_byte_are_right() {
    for size in [0, 1, 120, 127, 128, 129, 16_383, 16_384, 70_000] {
        let id = "x".repeat(size);
        let text = format!(r#"{{"Request":{{"RequestID":"{id}"}},"Updates":[{{"Order":{{"OrderID":"{id}"}}}}]}}"#);
        let bytes = binary(EVENT_MESSAGE, &text, STRICT).unwrap();
        let event = <crate::proto::EventMessage as prost::Message>::decode(&bytes[..]).unwrap();
        assert_eq!(event.request.unwrap().request_id, id);
        assert_eq!(event.updates[0].order.as_ref().unwrap().order_id, id);
    }
}

mod binary_form;

#[test]
fn numbers_that_nothing_computes_with_are_given_back_whatever_their_size() {
    let (large, small) = (format!("1{}", "0".repeat(400)), format!("-0.{}1", "0".repeat(99)));
    let values = |numbers: [&str; 2]| format!(r#"{{"Values":{{"a":{},"b":{}}}}}"#, numbers[0], numbers[1]);
    let shown = values([&large, &small]);
    assert_eq!(again(ORDER_STATE, &shown), shown);
    assert_eq!(again(ORDER_STATE, &values(["1e400", "-1e-100"])), shown);
    assert_eq!(again(ORDER_STATE, &values([&format!("\"{large}\""), "\"-1E-100\""])), shown);
    let object = r#"{"Scale":50,"IsNegative":true,"Value":"AQ=="}"#;
    assert_eq!(again(ORDER_STATE, &values([object, "10.50"])), values([&format!("-0.{}1", "0".repeat(49)), "10.50"]));
    assert_eq!(again(ORDER_STATE, &values(["1e5000", "1"])), "NumberOutOfRange");
    // The hub computes those of a position.
    assert_eq!(again(CASH_POSITION, r#"{"Values":{"P":1e400}}"#), "NumberOutOfRange");
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert_eq!(again(ORDER_STATE, "\u{feff}{\"OrderID\":\"1\"}"), r#"{"OrderID":"1"}"#);
}

#[test]
fn the_head_of_a_message_is_made_out_as_far_as_it_can_be() {
    let head = |text: &str| {
        let Head { request_id, r#type } = Head::of(REQUEST_MESSAGE, text.as_bytes());
        (request_id, r#type)
    };
    let feed = crate::proto::RequestMessageType::FeedRequest as i32;
    for (text, request_id, number) in [
        (r#"{"Type":"FeedRequest","RequestID":"r1","Feed":{"Nonsense":1}}"#, "r1", feed),
        (r#"{"Feed":{"Action":{"Order":[}}},"Type":29,"RequestID":"r1"}"#, "r1", feed),
        (r#"{"requestId":"r1","type":29,"Feed":{"Type":"#, "r1", feed),
        (r#"{"RequestID":"r\u0031","Type":"RequestMessageType_FeedRequest""#, "r1", feed),
        (r#"{"RequestID":7,"Type":"Nonsense","X":[{"a":"}"}],"RequestID":"r1"}"#, "r1", 0),
        (r#"{"RequestID":"r1"#, "", 0),
        (r#"["RequestID","r1"]"#, "", 0),
        ("", "", 0),
    ] {
        assert_eq!(head(text), (request_id.to_owned(), number), "{text}");
    }
    let whole = r#"{"X":{"a":[1,"\\\"",null]},"RequestID":"é","Type":30}"#;
    for cut in 0..whole.len() {
        let head = Head::of(REQUEST_MESSAGE, &whole.as_bytes()[..cut]);
        assert!(["", "é"].contains(&&*head.request_id), "{cut}: {head:?}");
    }
}

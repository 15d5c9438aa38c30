//! Renames: who is known, what is asked for, and that what follows does.

use ordo_client::Form;
use ordo_core::proto::OrderUpdateReason;
use ordo_core::proto::Side;

use crate::sending::*;
use ordo_testkit::hub::*;

fn with_records(rig: &Rig) -> FeedLine {
    let (mut line, _) = FeedLine::open(rig, "f", Form::Binary);
    let of = account("XS", "A");
    line.act(0, deposit(&of, "1000"));
    line.act(0, update(limit_order(&of, "1", Side::Buy, "10", "5"), OrderUpdateReason::New));
    line
}

#[test]
fn an_account_is_renamed_by_each_of_its_routes() {
    let rig = Rig::start();
    let _line = with_records(&rig);
    let before = rig.get("/balance/for/XS/A").text();
    assert_eq!(told(&ask(&rig, "PATCH", "/account/byid/XS/A?newAccount=B")), "204");
    assert_eq!(rig.get("/balance/for/XS/B").text(), before.replace(r#""A""#, r#""B""#));
    assert_eq!((rig.get("/balance/for/XS/A").text(), rig.get("/order/for/XS/B/1").status), ("[]".into(), 200));
    let target = "/transform/rename/account?owner=XS&account=B&newOwner=XT";
    assert_eq!(told(&send(&rig, "PATCH", target, &[JSON], br#"{"TransformID":"T1","Comments":"c"}"#)), "204");
    assert_eq!(rig.get("/order/for/XT/B/1").status, 200);
    assert_eq!(
        told(&send(
            &rig,
            "POST",
            "/transform/rename/account?owner=XT&account=B&newOwner=&newAccount=C",
            &[JSON],
            b"{}"
        )),
        "204"
    );
    assert_eq!(rig.get("/order/for/XT/C/1").status, 200, "an empty newOwner is an omitted one");
    let position = oms_position(&rig);
    assert_eq!(told(&ask(&rig, "PATCH", "/account/byid/XT/C")), "204", "the present names: nothing changes");
    assert_eq!(oms_position(&rig), position);
}

#[test]
fn an_owner_is_renamed_with_all_its_accounts() {
    let rig = Rig::start();
    let _line = with_records(&rig);
    assert_eq!(post(&rig, "/owner", r#"{"OwnerID":"XS","Name":"n"}"#), "204");
    assert_eq!(told(&ask(&rig, "PATCH", "/owner/byid/XS?newOwner=XT")), "204");
    assert_eq!((rig.get("/owner/byid/XS").status, rig.get("/order/for/XT/A/1").status), (404, 200));
    assert_eq!(rig.get("/owner/byid/XT").text(), r#"{"OwnerID":"XT","Name":"n"}"#);
}

#[test]
fn a_currency_and_a_symbol_are_renamed() {
    let rig = Rig::start();
    let _line = with_records(&rig);
    assert_eq!(post(&rig, "/transform/rename/currency?code=AUD&newCode=NZD", ""), "204");
    assert!(rig.get("/balance/for/XS/A").text().contains(r#""Currency":"NZD""#));
    assert_eq!(post(&rig, "/transform/rename/symbol?exchange=XASX&code=BHP&newCode=RIO", "{}"), "204");
    assert!(rig.get("/order/for/XS/A/1").text().contains(r#""Code":"RIO""#));
}

#[test]
fn a_rename_sent_again_with_its_id_is_done_already_and_with_another_id_there_is_nobody() {
    let mut rig = Rig::start();
    let mut line = with_records(&rig);
    assert_eq!(post(&rig, "/owner", r#"{"OwnerID":"XS","Name":"n"}"#), "204");
    let renames = [
        ("PATCH", "/account/byid/XS/A?newAccount=B"),
        ("POST", "/transform/rename/account?owner=XS&account=B&newAccount=C"),
        ("PATCH", "/owner/byid/XS?newOwner=XT"),
        ("POST", "/transform/rename/currency?code=AUD&newCode=NZD"),
        ("POST", "/transform/rename/symbol?exchange=XASX&code=BHP&newCode=RIO"),
    ];
    let id = |n: usize, again: &str| format!(r#"{{"TransformID":"T{n}{again}"}}"#).into_bytes();
    for (n, (method, target)) in renames.into_iter().enumerate() {
        assert_eq!(told(&send(&rig, method, target, &[JSON], &id(n, ""))), "204", "{target}");
    }
    // Under the names that were left, others may come: an old rename is not theirs.
    line.act(0, deposit(&account("XS", "A"), "7"));
    for _ in 0..2 {
        let position = oms_position(&rig);
        for (n, (method, target)) in renames.into_iter().enumerate() {
            assert_eq!(told(&send(&rig, method, target, &[JSON], &id(n, ""))), "204", "{target}");
        }
        let (method, target) = renames[1];
        assert_eq!(told(&send(&rig, method, target, &[JSON], &id(1, "x"))), "404", "another one");
        assert_eq!(told(&send(&rig, method, target, &[JSON], b"{}")), "404", "without an id");
        assert_eq!(oms_position(&rig), position, "nothing was recorded");
        assert_eq!(rig.get("/order/for/XT/C/1").status, 200);
        assert!(rig.get("/balance/for/XS/A").text().contains(r#""Balance":7"#));
        rig.stop();
        rig.start_again();
    }
}

#[test]
fn a_rename_of_nobody_is_404_and_one_without_its_parameters_400() {
    let rig = Rig::start();
    let _line = with_records(&rig);
    let before = oms_position(&rig);
    for (method, target, expected) in [
        ("PATCH", "/account/byid/XS/B?newAccount=C", "404"),
        ("PATCH", "/owner/byid/XT?newOwner=C", "404"),
        ("POST", "/transform/rename/account?owner=XS&account=B&newAccount=C", "404"),
        ("POST", "/transform/rename/account?owner=XS&newAccount=C", "400 Data"),
        ("POST", "/transform/rename/account?account=A&newAccount=C", "400 Data"),
        ("POST", "/transform/rename/currency?code=AUD", "400 Data"),
        ("POST", "/transform/rename/currency?newCode=AUD", "400 Data"),
        ("POST", "/transform/rename/symbol?code=BHP&newCode=RIO", "400 Data"),
        ("POST", "/transform/rename/currency?code=AUD&newCode=", "400 Data"),
        ("POST", "/transform/rename/symbol?exchange=XASX&code=BHP&newCode=", "400 Data"),
        ("PATCH", "/account/byid/XS/A?newAccount=", "204"),
        ("PATCH", "/owner/byid/XS?newOwner=", "204"),
        ("GET", "/transform/rename/currency", "405"),
        ("PATCH", "/transform/rename/currency?code=AUD&newCode=NZD", "405"),
    ] {
        assert_eq!(told(&ask(&rig, method, target)), expected, "{method} {target}");
    }
    assert_eq!(oms_position(&rig), before);
}

//! Definitions: owners, accounts, exchanges, request statuses, identities and their sources.

use ordo_core::json::message;
use ordo_core::proto::{AccountDetails, OwnerDetails, Permissions, RequestStatusDetails};
use prost::Message;

use crate::sending::*;
use ordo_testkit::hub::*;

/// Where a kind is listed and made, where one is read, and what one looks like.
struct Kind {
    list: &'static str,
    one: &'static str,
    body: &'static str,
    changed: &'static str,
    empty: &'static str,
    /// Whether dropping what is not there is 404.
    drop_unknown: &'static str,
}

const KINDS: [Kind; 6] = [
    Kind {
        list: "/owner",
        one: "/owner/byid/XS",
        body: r#"{"OwnerID":"XS","Name":"Xavier"}"#,
        changed: r#"{"OwnerID":"XS","Metadata":{"a":"b"}}"#,
        empty: "422 Owner",
        drop_unknown: "204",
    },
    Kind {
        list: "/account",
        one: "/account/byid/XS/A",
        body: r#"{"Account":{"AccountID":"A","OwnerID":"XS"},"Name":"First"}"#,
        changed: r#"{"Account":{"AccountID":"A","OwnerID":"XS"},"DefaultCurrency":""}"#,
        empty: "422 Account",
        drop_unknown: "404",
    },
    Kind {
        list: "/exchange",
        one: "/exchange/byid/XASX",
        body: r#"{"Exchange":"XASX","Destinations":[{"ExDestination":"Lit"}]}"#,
        changed: r#"{"Exchange":"XASX"}"#,
        empty: "422 Exchange",
        drop_unknown: "204",
    },
    Kind {
        list: "/status/request",
        one: "/status/request/byid/Pending",
        body: r#"{"Code":"Pending","IsNormal":true}"#,
        changed: r#"{"Code":"Pending"}"#,
        empty: "422 Status",
        drop_unknown: "204",
    },
    Kind {
        list: "/identity",
        one: "/identity/for/src/User:u%201",
        body: r#"{"Type":"IdentityType_Operator","Identity":"User:u 1","Source":"src","Owners":["XS"]}"#,
        changed: r#"{"Identity":"User:u 1","Source":"src","Features":["Admin"]}"#,
        empty: "422 Identity IdentitySource",
        drop_unknown: "204",
    },
    Kind {
        list: "/identity/source",
        one: "/identity/source/bycode/src",
        body: r#"{"Code":"src","Authentication":"IdentityAuthentication_JWT","Parameters":{"Issuer":"https://i"}}"#,
        changed: r#"{"Code":"src"}"#,
        empty: "422 IdentitySource",
        drop_unknown: "204",
    },
];

#[test]
fn a_definition_is_made_replaced_and_dropped() {
    let rig = Rig::start();
    for (Kind { list, one, body, changed, empty, drop_unknown }, base) in KINDS.iter().zip((0..).step_by(3)) {
        assert_eq!((rig.get(list).text(), rig.get(one).status), ("[]".into(), 404), "{list}");
        assert_eq!(post(&rig, list, body), "204", "{list}");
        assert_eq!((rig.get(one).text(), rig.get(list).text()), ((*body).into(), format!("[{body}]")), "{list}");
        assert_eq!(post(&rig, list, body), "204", "the same again: {list}");
        assert_eq!(oms_position(&rig), base + 1, "{list}");
        assert_eq!(post(&rig, list, changed), "204", "{list}");
        assert_eq!(rig.get(one).text(), *changed, "the whole record is replaced: {list}");
        assert_eq!(post(&rig, list, "{}"), *empty, "{list}");
        assert_eq!(post(&rig, list, ""), "422 Details", "{list}");
        assert_eq!(told(&send(&rig, "POST", list, &[PROTOBUF], b"")), *empty, "{list}");
        assert_eq!(oms_position(&rig), base + 2, "{list}");
        assert_eq!(delete(&rig, one), "204", "{list}");
        assert_eq!((rig.get(list).text(), rig.get(one).status), ("[]".into(), 404), "{list}");
        assert_eq!(delete(&rig, one), *drop_unknown, "{list}");
        assert_eq!(oms_position(&rig), base + 3, "{list}");
    }
}

#[test]
fn definitions_outlive_the_hub() {
    let mut rig = Rig::start();
    for kind in KINDS {
        assert_eq!(post(&rig, kind.list, kind.body), "204");
    }
    let shown = |rig: &Rig| KINDS.map(|kind| rig.get(kind.list).text());
    let before = shown(&rig);
    let stopped = rig.stop();
    assert_eq!(rig.replay(false).engine().state_hash(), stopped.state_hash);
    rig.start_again();
    assert_eq!(shown(&rig), before);
}

#[test]
fn a_definition_goes_both_ways_in_binary() {
    let rig = Rig::start();
    let owner = OwnerDetails { owner_id: "XS".into(), name: "é".into(), ..OwnerDetails::default() };
    assert_eq!(told(&send(&rig, "POST", "/owner", &[PROTOBUF], &owner.encode_to_vec())), "204");
    assert_eq!(send(&rig, "GET", "/owner/byid/XS", &[WANTS_PROTOBUF], b"").body, owner.encode_to_vec());
    assert_eq!(rig.get("/owner").records::<OwnerDetails>(message::OWNER_DETAILS).expect("owners"), [owner]);
}

#[test]
fn accounts_are_listed_by_owner_and_by_id() {
    let rig = Rig::start();
    for (owner, account) in [("XS", "A"), ("XS", "B"), ("XT", "A"), ("", "1/2")] {
        let body = format!(r#"{{"Account":{{"OwnerID":"{owner}","AccountID":"{account}"}}}}"#);
        assert_eq!(post(&rig, "/account", &body), "204");
    }
    let ids = |target: &str| {
        let accounts: Vec<AccountDetails> = rig.get(target).records(message::ACCOUNT_DETAILS).expect("accounts");
        let id =
            |of: AccountDetails| of.account.map(|of| format!("{}/{}", of.owner_id, of.account_id)).unwrap_or_default();
        accounts.into_iter().map(id).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ids("/account"), "/1/2 XS/A XS/B XT/A");
    assert_eq!(ids("/account/byid/XS"), "XS/A XS/B");
    assert_eq!(rig.get("/account/byid/XU").status, 404);
    assert_eq!(rig.get("/account/byid//1%2F2").status, 200);
    assert_eq!(ids("/account/byids?id=XT%2FA&id=XS%2FB&id=XS%2FC&id=%2F1%2F2"), "XT/A XS/B /1/2");
    assert_eq!(rig.get("/account/byids?id=XT").status, 400, "no account is named");
    assert_eq!(rig.get("/account/byids").text(), "[]");
    let answer = send(&rig, "POST", "/account/byids", &[JSON], br#"["XS/A","XX/A"]"#);
    let accounts: Vec<AccountDetails> = answer.records(message::ACCOUNT_DETAILS).expect("accounts");
    assert_eq!(accounts.len(), 1);
    assert_eq!(told(&send(&rig, "POST", "/account/byids", &[JSON], br#"{"id":"XS/A"}"#)), "400 Data");
    assert_eq!(told(&send(&rig, "POST", "/account/byids", &[JSON], b"")), "422 Details");
}

#[test]
fn an_owner_or_account_that_a_live_record_names_exists() {
    let rig = Rig::start();
    assert_eq!(post(&rig, "/balance", &cash_json("A", "1")), "204");
    assert_eq!(rig.get("/account/byid/XS").text(), "[]", "it exists, and no account of it is defined");
    assert_eq!(rig.get("/order/for/XS").text(), "[]");
    assert_eq!(rig.get("/order/for/XS/A").text(), "[]");
    assert_eq!(rig.get("/account/byid/XS/A").status, 404, "there are no details");
    let before = oms_position(&rig);
    assert_eq!(delete(&rig, "/account/byid/XS/A"), "404", "there is no definition to drop");
    assert_eq!(oms_position(&rig), before);
    assert_eq!(rig.get("/order/on/XNYS").status, 404);
    assert_eq!(post(&rig, "/exchange", r#"{"Exchange":"XNYS"}"#), "204");
    assert_eq!(rig.get("/order/on/XNYS").text(), "[]");
    assert_eq!(post(&rig, "/owner", r#"{"OwnerID":"XO"}"#), "204");
    assert_eq!(rig.get("/order/for/XO").text(), "[]");
}

#[test]
fn an_owner_in_use_goes_only_by_force() {
    let rig = Rig::start();
    assert_eq!(post(&rig, "/owner", r#"{"OwnerID":"XS"}"#), "204");
    assert_eq!(post(&rig, "/balance", &cash_json("A", "1")), "204");
    let before = oms_position(&rig);
    assert_eq!(delete(&rig, "/owner/byid/XS"), "422 Owner.InUse");
    assert_eq!(delete(&rig, "/owner/byid/XS?force=false"), "422 Owner.InUse");
    assert_eq!(delete(&rig, "/owner/byid/XS?force=perhaps"), "400 Data");
    assert_eq!((rig.get("/owner/byid/XS").status, oms_position(&rig)), (200, before));
    assert_eq!(delete(&rig, "/owner/byid/XS?force=true"), "204");
    assert_eq!((rig.get("/owner/byid/XS").status, rig.get("/balance").text()), (404, "[]".into()));
}

#[test]
fn identities_are_listed_by_source() {
    let rig = Rig::start();
    for (source, identity) in [("s1", "User:a"), ("s1", "Client:b"), ("s2", "User:a")] {
        let body = format!(r#"{{"Identity":"{identity}","Source":"{source}"}}"#);
        assert_eq!(post(&rig, "/identity", &body), "204");
    }
    let count = |target: &str| rig.get(target).records::<Permissions>(message::PERMISSIONS).expect("permissions").len();
    assert_eq!((count("/identity"), count("/identity/for/s1"), count("/identity/for/s3")), (3, 2, 0));
}

#[test]
fn a_caller_without_a_token_may_do_all_in_dev() {
    let rig = Rig::start();
    let current: Permissions = rig.get("/identity/current").record(message::PERMISSIONS).expect("permissions");
    assert_eq!(
        (current.owners, current.exchanges, current.feeds),
        (vec!["*".into()], vec!["*".into()], vec!["*".into()])
    );
    assert_eq!(current.features, ["Admin", "Alter", "Audit", "Operator", "Query"]);
}

#[test]
fn request_statuses_are_defined_where_none_is() {
    let mut rig = Rig::start();
    rig.hub().define_request_statuses().expect("they are defined");
    let statuses: Vec<RequestStatusDetails> =
        rig.get("/status/request").records(message::REQUEST_STATUS_DETAILS).expect("statuses");
    let flags = |of: &RequestStatusDetails| {
        let flags = [
            (of.is_normal, "Normal"),
            (of.is_transition, "Transition"),
            (of.is_completed, "Completed"),
            (of.can_amend, "CanAmend"),
            (of.can_cancel, "CanCancel"),
        ];
        [&*of.code].into_iter().chain(flags.into_iter().filter(|it| it.0).map(|it| it.1)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        statuses.iter().map(flags).collect::<Vec<_>>(),
        [
            "Completed Normal Completed",
            "Pending Normal Transition",
            "Queued Normal CanAmend CanCancel",
            "Rejected Completed",
            "Submitted Normal Transition",
        ]
    );
    assert_eq!(oms_position(&rig), 5);
    assert_eq!(delete(&rig, "/status/request/byid/Queued"), "204");
    rig.stop();
    rig.start_again();
    rig.hub().define_request_statuses().expect("they are defined");
    assert_eq!(
        (rig.get("/status/request/byid/Queued").status, oms_position(&rig)),
        (404, 6),
        "an operator's change stays"
    );
}

//! What an identity may do: a table of permissions and questions.

use ordo_access::{Class, Feature, Identity, Reason};
use ordo_core::proto::{IdentityType, Permissions};

/// `Features | Owners | Exchanges | Feeds`, each a list with commas; `-` is none, `""` the empty code.
fn identity(text: &str) -> Identity {
    let mut columns = text.split('|').map(|column| match column.trim() {
        "-" => Vec::new(),
        codes => codes.split(',').map(|code| code.replace('"', "")).collect(),
    });
    let mut next = || columns.next().expect("a column is missing");
    let (features, owners, exchanges, feeds) = (next(), next(), next(), next());
    Identity::new(Permissions { features, owners, exchanges, feeds, ..Permissions::default() })
}

/// Each row: an identity, what is asked, and the answers for its arguments in order (`+` yes, `-` no).
fn check<const N: usize>(ask: impl Fn(&Identity, &str) -> bool, about: [&str; N], rows: &[(&str, &str)]) {
    for (permissions, answers) in rows {
        let identity = identity(permissions);
        let found: String = about.iter().map(|about| if ask(&identity, about) { '+' } else { '-' }).collect();
        assert_eq!(found, *answers, "{permissions}: about {about:?}");
    }
}

#[test]
fn owners_are_read_by_those_who_hold_them() {
    check(
        Identity::may_read_owner,
        ["A", "B", "", "*"],
        &[
            ("-        | -    | - | -", "----"),
            ("-        | A    | - | -", "+---"),
            ("-        | A,B  | - | -", "++--"),
            (r#"-      | ""   | - | -"#, "--+-"),
            ("-        | *    | - | -", "++++"),
            ("-        | A,*  | - | -", "++++"),
            ("-        | a    | - | -", "----"),
            ("-        | A*   | - | -", "----"),
            ("Admin    | -    | - | -", "++++"),
            ("Operator | -    | - | -", "++++"),
            ("*        | -    | - | -", "++++"),
            ("Alter    | A    | - | -", "+---"),
            ("Audit    | A    | - | -", "+---"),
            ("Query    | A    | - | -", "+---"),
            ("admin    | A    | - | -", "+---"),
            ("Admin2   | A    | - | -", "+---"),
            ("-        | -    | * | *", "----"),
        ],
    );
}

#[test]
fn orders_are_seen_on_the_identitys_exchanges() {
    let ask = |identity: &Identity, about: &str| {
        let (owner, exchange) = about.split_once('@').expect("owner@exchange");
        identity.may_see(owner, Some(exchange))
    };
    check(
        ask,
        ["A@X", "A@Y", "B@X", "A@"],
        &[
            ("-        | A | -   | -", "++-+"),
            ("-        | A | X   | -", "+---"),
            ("-        | A | X,Y | -", "++--"),
            ("-        | A | *   | -", "++-+"),
            ("-        | * | X   | -", "+-+-"),
            ("Operator | - | -   | -", "++++"),
            ("Operator | - | X   | -", "+-+-"),
            ("Admin    | - | X   | -", "++++"),
        ],
    );
    check(|identity, owner| identity.may_see(owner, None), ["A", "B"], &[("- | A | X | -", "+-")]);
}

#[test]
fn everything_is_seen_by_those_for_whom_nothing_is_filtered() {
    check(
        |identity, _| identity.sees_everything(),
        [""],
        &[
            ("-        | *   | - | -", "+"),
            ("-        | *   | * | -", "+"),
            ("-        | *   | X | -", "-"),
            ("-        | A   | - | -", "-"),
            ("Operator | -   | - | -", "+"),
            ("Operator | -   | X | -", "-"),
            ("Admin    | -   | X | -", "+"),
            ("Audit    | -   | - | -", "-"),
        ],
    );
}

#[test]
fn writes_need_alter_and_the_owner() {
    check(
        Identity::may_alter_owner,
        ["A", "B"],
        &[
            ("-              | A | - | -", "--"),
            ("Alter          | A | - | -", "+-"),
            ("Alter          | * | - | -", "++"),
            ("Alter          | - | - | -", "--"),
            ("Alter,Admin    | - | - | -", "++"),
            ("Alter,Operator | - | - | -", "++"),
            ("Alter,Audit    | A | - | -", "+-"),
            ("Admin          | A | - | -", "--"),
            ("Operator       | A | - | -", "--"),
            ("*              | - | - | -", "++"),
        ],
    );
    check(
        |identity, _| identity.may_alter_all_owners(),
        [""],
        &[
            ("Alter          | A | - | -", "-"),
            ("Alter          | * | - | -", "+"),
            ("Alter,Admin    | - | - | -", "+"),
            ("Alter,Operator | - | - | -", "+"),
            ("Admin          | * | - | -", "-"),
        ],
    );
}

#[test]
fn requests_are_submitted_by_holders_and_operators() {
    check(
        Identity::may_submit_for,
        ["A", "B"],
        &[
            ("-        | A | - | -", "+-"),
            ("-        | * | - | -", "++"),
            ("Operator | - | - | -", "++"),
            ("Admin    | - | - | -", "--"),
            ("Alter    | A | - | -", "+-"),
        ],
    );
}

#[test]
fn feeds_are_opened_by_those_who_supply_them() {
    check(
        Identity::may_open_feed,
        ["F", "G", ""],
        &[
            ("-     | * | * | -  ", "---"),
            ("-     | - | - | F  ", "+--"),
            ("-     | - | - | F,G", "++-"),
            ("-     | - | - | *  ", "+++"),
            ("Admin,Operator,Alter,Audit,Query | * | * | -", "---"),
        ],
    );
    check(Identity::sees_feed_whole, ["F", "G"], &[("-     | - | - | F", "+-"), ("Admin | * | * | -", "--")]);
    check(
        Identity::may_read_updates_of,
        ["F", "G"],
        &[("-     | - | - | F", "+-"), ("Audit | - | - | -", "++"), ("Admin | - | - | -", "--")],
    );
}

/// About: reads all owners, feed queries, acts on queued requests, halts.
#[test]
fn features_grant_what_the_contract_says() {
    let ask = |identity: &Identity, about: &str| match about {
        "all" => identity.may_read_all_owners(),
        "query" => identity.may_query_feeds(),
        "queue" => identity.may_act_on_queue(),
        "halt" => identity.may_halt(),
        name => identity.has(Feature::ALL.into_iter().find(|feature| feature.name() == name).unwrap()),
    };
    check(
        ask,
        ["all", "query", "queue", "halt", "Admin", "Alter", "Audit", "Operator", "Query"],
        &[
            ("-        | * | * | *", "---------"),
            ("Admin    | - | - | -", "++-++----"),
            ("Alter    | - | - | -", "-----+---"),
            ("Audit    | - | - | -", "------+--"),
            ("Operator | - | - | -", "+-++---+-"),
            ("Query    | - | - | -", "-+------+"),
            ("*        | - | - | -", "+++++++++"),
            ("Nothing,Query | - | - | -", "-+------+"),
        ],
    );
}

#[test]
fn a_service_with_operator_speaks_for_others() {
    let speaks = |kind: IdentityType, features: &str| {
        let features = features.split(',').map(str::to_owned).collect();
        let permissions = Permissions { r#type: kind as i32, features, ..Permissions::default() };
        Identity::new(permissions).may_speak_for_others()
    };
    assert!(speaks(IdentityType::Service, "Operator"));
    assert!(!speaks(IdentityType::Service, "Admin,Alter"));
    assert!(!speaks(IdentityType::Operator, "Operator"));
    assert!(!speaks(IdentityType::System, "*"));
}

/// 403 where the caller names what it may not; 404 where it asks for a record that does not exist for it.
#[test]
fn refusals_are_answered_by_what_was_asked() {
    use Reason::{FeatureMissing, FeedNotHeld, OwnerNotHeld, RecordInvisible};
    let tenant = identity("Alter | A | X | F");
    let rows = [
        ("own balances", tenant.name_owner("A"), None),
        ("others' balances", tenant.name_owner("B"), Some((OwnerNotHeld, Class::Forbidden))),
        ("own account", tenant.find("A", None), None),
        ("another's account", tenant.find("B", None), Some((RecordInvisible, Class::NotFound))),
        ("own order elsewhere", tenant.find("A", Some("Y")), Some((RecordInvisible, Class::NotFound))),
        ("orders elsewhere", tenant.find_exchange("Y"), Some((RecordInvisible, Class::NotFound))),
        ("all balances", tenant.demand_all_owners(), Some((FeatureMissing, Class::Forbidden))),
        ("audit", tenant.demand(Feature::Audit), Some((FeatureMissing, Class::Forbidden))),
        ("a feed query", tenant.demand_feed_queries(), Some((FeatureMissing, Class::Forbidden))),
        ("a halt", tenant.demand_halts(), Some((FeatureMissing, Class::Forbidden))),
        ("a write of its own", tenant.alter_owner("A"), None),
        ("a write of another", tenant.alter_owner("B"), Some((OwnerNotHeld, Class::Forbidden))),
        ("a write of all", tenant.alter_all_owners(), Some((OwnerNotHeld, Class::Forbidden))),
        ("a request for another", tenant.submit_for("B"), Some((OwnerNotHeld, Class::Forbidden))),
        ("another feed", tenant.open_feed("G"), Some((FeedNotHeld, Class::Forbidden))),
        ("updates of another feed", tenant.read_updates_of("G"), Some((FeedNotHeld, Class::Forbidden))),
    ];
    for (name, found, expected) in rows {
        assert_eq!(found.err().map(|refusal| (refusal.reason(), refusal.class())), expected, "{name}");
    }
    let reader = identity("- | A | - | -");
    assert_eq!(reader.alter_owner("A").unwrap_err().reason(), FeatureMissing);
    assert_eq!(reader.alter_owner("B").unwrap_err().reason(), FeatureMissing);
}

#[test]
fn codes_of_reasons_are_distinct() {
    let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Reason::ALL.len());
}

#[test]
fn a_refusal_names_the_identity() {
    let permissions = Permissions { source: "S".to_owned(), identity: "User:ann".to_owned(), ..Permissions::default() };
    let refusal = Identity::new(permissions).open_feed("F").unwrap_err();
    assert_eq!((refusal.source(), refusal.identity()), ("S", "User:ann"));
}

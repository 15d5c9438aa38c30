//! What comes through REST: an update that changes nothing takes no position, and a TransactionID is booked once.

use super::*;

const SECOND: u64 = 1_000_000_000;

fn action(action: proto::ExternalAction) -> proto::FeedRequest {
    let r#type = FeedRequestType::Action as i32;
    proto::FeedRequest { r#type, action: Some(action), ..Default::default() }
}

fn with_id(mut action: proto::ExternalAction, id: &str) -> proto::ExternalAction {
    action.transaction.as_mut().expect("a transfer").transaction_id = id.into();
    action
}

impl Table {
    fn rest_command(&mut self, command: &str) -> i64 {
        let command = self.action(command);
        self.rest(&action(command))
    }
}

#[test]
fn an_order_that_nobody_knows_is_not_replaced_through_rest() {
    let mut table = check("buy A #1 100@10");
    let mut unknown = table.action("amend #1 50@10");
    unknown.order.as_mut().unwrap().order_id = "#9".into();
    assert_eq!(table.rest(&action(unknown.clone())), 0);
    assert_eq!(table.codes(), ["Order"]);
    assert_eq!(table.rest_command("amend #1 50@10"), 2);
    assert_eq!(table.order("A", "#1"), "50 0 0 open");
    // From a feed it is a fact.
    table.apply(&unknown);
    assert_eq!(table.order("A", "#9"), "50 0 0 open");
}

#[test]
fn a_replacement_that_says_what_is_known_takes_no_position() {
    let mut table = check("buy A #1 100@10 at 5");
    let hash = table.engine.state_hash();
    assert_eq!(table.rest_command("amend #1 100@10"), 0);
    assert!(table.outcome.is_accepted() && table.events().is_empty());
    assert_eq!(table.engine.state_hash(), hash);
    assert_eq!(table.rest_command("amend #1 100@11"), 2);
}

#[test]
fn a_transfer_of_nothing_takes_no_position() {
    let mut table = Table::new();
    for command in ["cash A 0", "cash A 0.00 settle", "stock A 0", "stock A 0 price 5"] {
        assert_eq!((table.rest_command(command), table.outcome.is_accepted()), (0, true), "{command}");
        assert!(table.events().is_empty());
    }
    assert_eq!(table.engine.state_hash(), 0);
    assert_eq!(table.rest_command("cash A 0 fund 1"), 1, "a fee is something");
}

#[test]
fn a_transfer_says_how_much() {
    let mut table = Table::new();
    for command in ["cash A 1", "stock A 1"] {
        let mut transfer = table.action(command);
        transfer.cash_transfer.iter_mut().for_each(|transfer| transfer.value = None);
        transfer.asset_transfer.iter_mut().for_each(|transfer| transfer.value = None);
        assert_eq!(table.rest(&action(transfer.clone())), 0);
        assert_eq!(table.codes(), ["Value"]);
        table.apply(&transfer);
        assert!(table.outcome.is_accepted(), "a feed is believed");
    }
    table.rest_command("cash A 1 pool P:Unbooked");
    assert_eq!(table.codes(), ["Pool"], "where the part of P stands that is not settled");
}

#[test]
fn the_same_transaction_is_booked_once() {
    let mut table = Table::new();
    let deposit = with_id(table.action("cash A 100"), "T1");
    assert_eq!(table.rest(&action(deposit.clone())), 1);
    let hash = table.engine.state_hash();
    let mut resent = deposit.clone();
    let authority = proto::ClientAuthority { identity: "Client:other".into(), ..Default::default() };
    resent.transaction.as_mut().unwrap().authorities.insert("Client".into(), authority);
    for again in [&deposit, &resent] {
        assert_eq!((table.rest(&action(again.clone())), table.outcome.is_accepted()), (0, true));
        assert_eq!(table.engine.state_hash(), hash);
    }
    for other in ["cash A 101", "cash A 100 unbooked"] {
        let other = with_id(table.action(other), "T1");
        assert_eq!(table.rest(&action(other)), 0);
        assert_eq!(table.codes(), ["TransactionID.Duplicate"]);
    }
    // Of another account it is another transaction; from a feed it is carried, and never compared.
    let elsewhere = with_id(table.action("cash B 7"), "T1");
    assert_eq!(table.rest(&action(elsewhere)), 2);
    let carried = with_id(table.action("cash A 5"), "T1");
    table.apply(&carried);
    assert_eq!((table.cash("A"), table.cash("B")), ("105 0 0 0".into(), "7 0 0 0".into()));
    table.assert_image_is_whole();
    table.engine = Engine::from_image(&table.engine.image()).expect("just made");
    assert_eq!(table.rest(&action(deposit)), 0, "an image remembers");
}

#[test]
fn a_refused_transaction_is_not_remembered() {
    let mut table = Table::new();
    let large = "170141183460469231731687303715884105727";
    table.rest_command(&format!("cash A {large}"));
    let deposit = with_id(table.action("cash A 1"), "T1");
    table.rest(&action(deposit.clone()));
    assert_eq!(table.codes(), ["NumberOutOfRange"]);
    table.rest_command("cash A -1");
    assert_eq!(table.rest(&action(deposit)), 3);
}

#[test]
fn an_id_is_compared_for_as_long_as_the_settings_say() {
    let mut table = Table::new();
    let settings = crate::record::Settings { idempotency_retention_s: 60, ..crate::record::Settings::initial() };
    table.engine.set_settings(table.next_stamp(), &settings, &mut table.outcome);
    let deposit = with_id(table.action("cash A 100"), "T1");
    let first = table.next_stamp();
    let bytes = action(deposit).encode_to_vec();
    for (after_ns, balance) in [(0, "100"), (60 * SECOND - 1, "100"), (60 * SECOND, "200"), (119 * SECOND, "200")] {
        let stamp = Stamp { time_ns: first.time_ns + after_ns, origin: Origin::REST, ..table.next_stamp() };
        table.apply_at(stamp, &bytes);
        assert_eq!(table.cash("A"), format!("{balance} 0 0 0"), "{after_ns}");
    }
    table.assert_image_is_whole();
}

/// A dividend reinvested: cash out and stock in, under one id.
#[test]
fn the_cash_and_the_asset_leg_of_a_transaction_may_share_its_id() {
    let mut table = Table::new();
    let (cash, stock) = (with_id(table.action("cash A -50"), "T1"), with_id(table.action("stock A 5"), "T1"));
    assert_eq!((table.rest(&action(cash.clone())), table.rest(&action(stock.clone()))), (1, 2));
    assert_eq!((table.cash("A").as_str(), table.held("A").as_str()), ("-50 0 0 0", "5 0 none"));
    for again in [cash, stock] {
        assert_eq!((table.rest(&action(again)), table.outcome.is_accepted()), (0, true), "each is known");
    }
    let other = with_id(table.action("stock A 6"), "T1");
    assert_eq!(table.rest(&action(other)), 0);
    assert_eq!(table.codes(), ["TransactionID.Duplicate"]);
    table.assert_image_is_whole();
}

#[test]
fn under_the_first_rules_an_id_was_of_either_kind() {
    let mut table = Table::new();
    let stock = action(with_id(table.action("stock A 5"), "T1")).encode_to_vec();
    let cash = action(with_id(table.action("cash A -50"), "T1")).encode_to_vec();
    let first = |table: &Table| Stamp { rules: crate::record::Rules::V1, origin: Origin::REST, ..table.next_stamp() };
    table.apply_at(first(&table), &stock);
    table.apply_at(first(&table), &cash);
    assert_eq!(table.codes(), ["TransactionID.Duplicate"]);
    let now = Stamp { origin: Origin::REST, ..table.next_stamp() };
    table.apply_at(now, &stock);
    assert!(table.outcome.is_accepted() && table.held("A") == "5 0 none", "sent again it is still known");
}

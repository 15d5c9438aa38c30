//! Accounts and owners renamed, merged and undefined, worked by hand: positions, orders, trades, definitions, names.

use super::command::account_of;
use super::transform_command::{operation, request};
use super::*;
use crate::metadata::Details;
use crate::outcome::MetadataKind;

#[test]
fn an_account_takes_everything_along() {
    let mut table = check(
        "
        cash A 1000
        cash A 5 pool P
        buy A #1 100@10
        trade #1 T1 40@10 fee 5                          -> cash A 1000 -405 -600 0 P=5 | held A 40 0 10
        sell A #2 10@12
        account A B                                      -> events operation -order order -order order -holding holding \
                                                         -balance balance | cash A none | held A none | order A #1 gone \
                                                         | cash B 1000 -405 -600 0 P=5 | held B 40 -10 10 | order B #1 100 40 400 open
        correct #1 T1 30@10 fee 5                        -> cash B 1000 -305 -700 0 P=5 | held B 30 -10 10 | cash A none
        bust #1 T1                                       -> cash B 1000 0 -1000 0 P=5 | held B 0 -10 none | held A none
        trade #1 T2 1@10                                 -> cash B 1000 -10 -990 0 P=5
        account A B                                      -> events
        ",
    );
    let order = table.views.order(table.account("B"), "#1").expect("it moved").bytes.clone();
    assert_eq!(proto::OrderState::decode(&order[..]).unwrap().account, account_of("B"));
    table.assert_image_is_whole();
    table.run("amend #1 remove");
    table.assert_image_is_whole();
}

#[test]
fn an_account_merges_with_one_that_is_there() {
    check(
        "
        cash A 1000
        stock A 10 price 4
        buy A #1 100@10
        trade #1 T1 10@10
        cash B 500
        stock B 20 price 1
        buy B #2 5@2                                     -> cash B 500 0 -10 0 | held B 20 0 1
        // A holds 20 for 140, B 20 for 20.
        account A B                                      -> cash B 1500 -100 -910 0 | held B 40 0 4 | order B #1 100 10 100 open
        bust #1 T1                                       -> cash B 1500 0 -1010 0 | held B 30 0 2
        ",
    );
}

#[test]
fn an_order_on_both_sides_refuses_the_rename_and_changes_nothing() {
    let mut table = check(
        "
        cash A 1000
        buy A #1 100@10
        buy B #1 5@2
        account A B                                      -> refused Order.Duplicate
        ",
    );
    assert_eq!((table.cash("A").as_str(), table.cash("B").as_str()), ("1000 0 -1000 0", "0 0 -10 0"));
    table.run("cash P:A 1");
    // One account of the owner is enough, and the names of the others are not even learned.
    table.run("cash C 1");
    table.run("buy P:B #1 5@2");
    let names = table.engine.counts().accounts;
    table.run("owner O P");
    assert_eq!(table.codes(), ["Order.Duplicate"]);
    assert_eq!((table.cash("A").as_str(), table.cash("P:A").as_str()), ("1000 0 -1000 0", "1 0 0 0"));
    assert_eq!(table.engine.counts().accounts, names);
}

#[test]
fn an_old_name_is_free() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 40@10
        account A B                                      -> cash B 0 -400 -600 0
        // Another order under the old name and the old id, and its own trade of the old id.
        buy A #1 10@1
        trade #1 T1 4@1                                  -> cash A 0 -4 -6 0 | cash B 0 -400 -600 0 | oddities 0 0 0
        correct #1 T1 5@1                                -> cash A 0 -5 -5 0 | cash B 0 -400 -600 0
        bust #1 T1                                       -> cash A 0 0 -10 0 | cash B 0 -400 -600 0
        // It is stated under B now: the other order, and its trade.
        amend #1 100@10 to B exec 40/400                 -> cash A none
        ",
    );
}

#[test]
fn trades_of_orders_that_are_gone_follow_their_account() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 40@10
        amend #1 remove exec 40/400                      -> order A #1 gone | cash A 0 -400 0 0
        account A B
        account B C
        // Seen before, though its order is gone.
        trade #1 T1 40@10 done                           -> oddities 1 0 0 | cash C 0 -400 0 0
        trade #1 T1 40@10 done                           -> oddities 2 0 0 | cash C 0 -400 0 0
        bust #1 T1 done                                  -> oddities 2 0 0 | cash C none | held C none
        buy A #1 100@10
        trade #1 T1 1@10                                 -> oddities 2 0 0 | cash A 0 -10 -990 0
        ",
    );
}

#[test]
fn trades_of_an_order_that_is_gone_are_known_beside_an_order_of_that_id() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 40@10
        amend #1 remove exec 40/400
        buy B #1 10@1
        trade #1 T2 1@1
        account A B                                      -> cash B 0 -401 -9 0
        // One account, one order id, one TradeID: sent again, it is the trade that there was.
        trade #1 T1 2@1                                  -> cash B 0 -401 -9 0 | oddities 1 0 0
        trade #1 T3 2@1                                  -> cash B 0 -403 -7 0 | oddities 1 0 0
        bust #1 T1 exec 3/3                              -> cash B 0 -3 -7 0 | oddities 1 0 1
        trade #1 T1 2@1                                  -> cash B 0 -3 -7 0 | oddities 2 0 1
        ",
    );
}

/// Where the order that is there had moved to the account itself, and where the account was renamed twice.
#[test]
fn a_trade_is_known_by_its_account_however_often_that_was_renamed_and_wherever_the_order_came_from() {
    check(
        "
        buy A #1 10@1
        trade #1 T1 1@1
        amend #1 remove exec 1/1
        account A B
        account B C                                      -> cash C 0 -1 0 0
        buy D #1 10@1
        trade #1 T2 2@1
        amend #1 exec 2/2 to C                           -> cash C 0 -1 -8 0 | cash D 0 -2 0 0
        trade #1 T1 1@1                                  -> cash C 0 -1 -8 0 | oddities 1 0 0
        trade #1 T2 2@1                                  -> cash D 0 -2 0 0 | oddities 2 0 0
        trade #1 T3 3@1                                  -> cash C 0 -4 -5 0 | oddities 2 0 0
        // The name that was left knows nothing of it.
        buy A #1 10@1
        trade #1 T1 5@1                                  -> cash A 0 -5 -5 0 | oddities 2 0 0
        ",
    );
}

#[test]
fn a_name_left_twice_is_free_twice_and_may_come_back() {
    let table = check(
        "
        buy A #1 10@1
        trade #1 T1 1@1
        account A B
        buy A #1 10@1
        trade #1 T1 2@1
        amend #1 remove exec 2/2                         -> cash A 0 -2 0 0
        account A C
        buy A #1 10@1
        trade #1 T1 3@1                                  -> cash A 0 -3 -7 0 | cash B 0 -1 -9 0 | cash C 0 -2 0 0
        account C A                                      -> cash A 0 -5 -7 0 | cash C none | oddities 0 0 0
        bust #1 T1                                       -> cash A 0 -2 -10 0
        ",
    );
    table.assert_image_is_whole();
}

#[test]
fn a_moved_order_goes_on_where_its_accounts_are_renamed() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 30@10
        amend #1 exec 30/300 to B                        -> cash A 0 -300 0 0 | cash B 0 0 -700 0
        account A C                                      -> cash C 0 -300 0 0
        account B D                                      -> cash D 0 0 -700 0
        bust #1 T1                                       -> cash C none | cash D 0 0 -1000 0
        amend #1 remove
        bust #1 T1 done                                  -> oddities 0 0 0
        correct #1 T1 1@10 done                          -> oddities 0 0 0 | cash C 0 -10 0 0
        ",
    );
}

#[test]
fn an_account_changes_its_owner_and_namesakes_of_other_owners_stay() {
    check(
        "
        cash A 1
        cash P:A 2
        buy P:A #1 1@1
        account A Q:A                                    -> cash Q:A 1 0 0 0 | cash P:A 2 0 -1 0 | cash A none
        owner P R                                        -> events operation -order order -balance balance \
                                                         | cash R:A 2 0 -1 0 | cash Q:A 1 0 0 0 | cash P:A none
        ",
    );
}

#[test]
fn an_owner_merges_with_another_account_by_account() {
    check(
        "
        cash A 1
        cash B 2
        buy A #1 10@1
        trade #1 T1 1@1
        cash P:A 10
        cash P:C 20
        owner O P                                        -> cash P:A 11 -1 -9 0 | cash P:B 2 0 0 0 | cash P:C 20 0 0 0 | cash A none
        bust #1 T1                                       -> cash P:A 11 0 -10 0 | held P:A none
        owner O P                                        -> events
        owner P P                                        -> events
        ",
    );
}

#[test]
fn a_chain_of_renames_ends_at_the_last_name() {
    check(
        "
        cash A 1
        cash B 2
        buy A #1 10@1
        account A B
        account B C                                      -> cash A none | cash B none | cash C 3 0 -10 0 | order C #1 10 0 0 open
        ",
    );
}

#[test]
fn a_new_owner_or_account_that_is_not_given_is_the_present_one() {
    let mut table = check("cash A 1\n cash P:B 2");
    for (parameter, value, account) in [("NewOwner", "P", "P:A"), ("NewAccount", "B", "B")] {
        let mut operation =
            operation(&format!("account {} X", if parameter == "NewOwner" { "A" } else { "P:A" })).unwrap();
        operation.account_transform.as_mut().unwrap().parameters = [(parameter.to_owned(), value.to_owned())].into();
        table.apply_bytes(&request(operation).encode_to_vec());
        let account = if parameter == "NewOwner" { account } else { "P:B" };
        assert_eq!(table.cash(account), if parameter == "NewOwner" { "1 0 0 0" } else { "3 0 0 0" });
    }
}

#[test]
fn the_definition_of_an_account_goes_along_unless_the_new_name_has_one() {
    let mut table = Table::new();
    table.define_account("A", "first");
    table.run("account A B");
    assert_eq!(table.events(), " -definition definition operation");
    assert_eq!(table.definitions(MetadataKind::Account), "O:B");
    assert_eq!(table.engine.metadata().account("O", "B").unwrap().name, "first");
    assert_eq!(table.engine.metadata().account("O", "B").unwrap().account, account_of("B"));
    table.define_account("A", "second");
    table.run("account A B");
    assert_eq!(table.events(), " -definition operation");
    assert_eq!(table.definitions(MetadataKind::Account), "O:B");
    assert_eq!(table.engine.metadata().account("O", "B").unwrap().name, "first");
    table.assert_image_is_whole();
}

#[test]
fn an_owner_takes_its_definitions_and_permissions_along() {
    let mut table = Table::new();
    table.define_owner("O", "first");
    table.define_account("A", "a");
    table.define_account("B", "b");
    table.define_account("P:B", "pb");
    for (identity, owners) in [("one", &["O", "Q"][..]), ("two", &["P", "O"]), ("three", &["Q"])] {
        table.define(Details::Identity(Box::new(proto::Permissions {
            source: "S".into(),
            identity: identity.into(),
            owners: owners.iter().map(|owner| (*owner).into()).collect(),
            ..Default::default()
        })));
    }
    table.run("owner O P");
    assert_eq!(
        table.events(),
        " -definition definition -definition definition -definition definition definition operation"
    );
    assert_eq!(table.definitions(MetadataKind::Owner), "P:");
    assert_eq!(table.engine.metadata().owner("P").unwrap().name, "first");
    assert_eq!(table.definitions(MetadataKind::Account), "P:A P:B");
    assert_eq!(table.engine.metadata().account("P", "B").unwrap().name, "pb");
    let owners = |identity| table.engine.metadata().identity("S", identity).unwrap().owners.join(" ");
    assert_eq!([owners("one"), owners("two"), owners("three")], ["P Q", "P", "Q"]);
    table.define_owner("O", "second");
    table.run("owner O P");
    assert_eq!(table.engine.metadata().owner("P").unwrap().name, "first");
    assert_eq!(table.definitions(MetadataKind::Owner), "P:");
    table.assert_image_is_whole();
}

#[test]
fn an_owner_undefined_goes_with_all_that_is_attached() {
    let mut table = check(
        "
        cash A 1000
        cash A 5 pool P
        buy A #1 100@10
        trade #1 T1 40@10 fee 5
        buy B #2 5@2 done
        cash P:A 7
        ",
    );
    table.define_owner("O", "first");
    table.define_account("A", "a");
    table.run("undefine O");
    assert_eq!(table.events(), " -definition -definition -order -order -holding -balance");
    assert_eq!((table.cash("A").as_str(), table.held("A").as_str()), ("none", "none"));
    assert_eq!((table.order("A", "#1").as_str(), table.cash("P:A").as_str()), ("gone", "7 0 0 0"));
    assert_eq!(table.definitions(MetadataKind::Owner) + &table.definitions(MetadataKind::Account), "");
    assert_eq!((table.engine.counts().orders, table.engine.counts().trades), (0, 0));
    table.assert_image_is_whole();
    // The same names again are others.
    table.run("bust #1 T1");
    assert_eq!(table.cash("A"), "0 0 -1000 0");
    assert_eq!(table.engine.oddities().unknown_trades, 1);
}

#[test]
fn trades_booked_to_others_outlive_an_owner_and_those_booked_to_it_do_not() {
    // Booked to P, moved to O and traded there; booked to O, moved to P.
    let mut table = check(
        "
        buy P:A #1 100@10
        trade #1 T1 10@10
        amend #1 exec 10/100 to A
        trade #1 T2 20@10
        buy A #2 100@1
        trade #2 T1 5@1
        trade #2 T2 6@1
        amend #2 exec 11/11 to P:A
        trade #2 T3 7@1                                  -> cash P:A 0 -107 -82 0 | cash A 0 -211 -700 0
        undefine O                                       -> events -order -holding -balance | cash P:A 0 -107 -82 0
        bust #2 T3                                       -> cash P:A 0 -100 -89 0 | oddities 0 0 0
        bust #2 T1 exec 6/6                              -> oddities 0 1 0
        ",
    );
    assert_eq!(table.engine.counts().trades, 3, "T1 of #1, T3 of #2, and T1 of #2 as a revision of the unknown");
    table.assert_image_is_whole();
    // The owner's names are free: what P booked for an order of that name is not met.
    table.run("trade #1 T1 1@10");
    assert_eq!(table.engine.oddities().duplicate_trades, 0);
    table.assert_image_is_whole();
}

#[test]
fn an_owner_in_use_is_kept_unless_the_caller_insists() {
    for (commands, refused) in [
        ("cash A 1", true),
        ("cash A 1 pool P", true),
        ("stock A 1", true),
        ("buy A #1 0@1", true),
        ("cash A 1\n cash A -1\n buy A #1 5@1 done", false),
        ("cash P:A 1", false),
    ] {
        let mut table = check(commands);
        table.define_owner("O", "first");
        let undefine = request(operation("undefine O").unwrap());
        let position = table.rest(&undefine);
        assert_eq!(table.codes(), if refused { &["Owner.InUse"][..] } else { &[] }, "{commands}");
        assert_eq!(position == 0, refused);
        assert_eq!(table.engine.metadata().owner("O").is_some(), refused);
        let forced = Origin { is_forced: true, ..Origin::REST };
        table.apply_at(Stamp { origin: forced, ..table.next_stamp() }, &undefine.encode_to_vec());
        assert!(table.outcome.is_accepted() && table.engine.metadata().owner("O").is_none());
    }
}

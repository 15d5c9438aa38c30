//! Transforms of orders and codes, worked by hand; refusals, ids, and what changes nothing.

use super::command::account_of;
use super::transform_command::{operation, request};
use super::*;

#[test]
fn a_restatement_gives_a_status_to_the_orders_that_match() {
    check(
        "
        exchange XASX Expired=done OnMarket=open
        buy A #1 100@10 status OnMarket group g at 100
        buy A #2 50@10 status OnMarket group h at 200
        sell A #3 70@10 status Held group g at 100       -> cash A 0 0 -1500 0 | held A 0 -70 none
        buy A #4 10@10 status OnMarket group g at 100 code CBA
        // Only #1 meets all of it.
        restate Expired from OnMarket before 150 text Gone remove 5000 group g code BHP exchange XASX \
            -> events operation order balance | order A #1 100 0 0 done | cash A 0 0 -600 0 | state A #1 Expired Gone @5000 \
            | state A #2 OnMarket | state A #3 Held | state A #4 OnMarket
        restate Expired exchange XNAS                    -> events
        restate Expired group g                          -> events operation order order -holding balance \
            | cash A 0 0 -500 0 | held A none | state A #1 Expired Gone @5000 | state A #4 Expired
        // A time at the very instant matches.
        restate Expired before 200                       -> events operation order -balance | cash A none | order A #2 50 0 0 done
        restate Expired before 200                       -> events
        ",
    );
}

#[test]
fn a_status_that_reopens_an_order_reserves_again() {
    check(
        "
        exchange XASX Expired=done OnMarket=open
        buy A #1 100@10 est 9 status OnMarket
        trade #1 T1 40@10 fee 4                          -> cash A 0 -404 -605 0
        restate Expired                                  -> cash A 0 -404 0 0 | order A #1 100 40 400 done
        restate OnMarket from Expired                    -> cash A 0 -404 -605 0 | order A #1 100 40 400 open
        // A status that the exchange does not define says nothing of completion.
        restate Odd                                      -> events operation order | cash A 0 -404 -605 0 | state A #1 Odd
        restate Expired remove 0                         -> events operation -order balance | cash A 0 -404 0 0 | order A #1 gone
        bust #1 T1 done                                  -> cash A none | held A none
        ",
    );
}

#[test]
fn a_restatement_without_a_status_is_refused() {
    check(
        r#"
        buy A #1 100@10 status OnMarket
        restate ""                                       -> refused Status | state A #1 OnMarket
        "#,
    );
}

#[test]
fn a_restatement_without_a_status_applies_what_else_it_says() {
    let table = check(
        r#"
        exchange XASX OnMarket=open Expired=done
        buy A #1 100@10 status OnMarket
        restate "" remove 5000                           -> state A #1 OnMarket @5000 | events operation order
        restate "" remove 5000                           -> events
        restate "" text Gone                             -> state A #1 OnMarket Gone @5000 | cash A 0 0 -1000 0
        restate "" remove 0                              -> events operation -order -balance | order A #1 gone
        "#,
    );
    table.assert_image_is_whole();
}

#[test]
fn fields_that_this_build_does_not_know_survive_a_restatement_and_a_rename() {
    let mut table = check("buy A #1 100@10 status OnMarket");
    let order = proto::OrderState {
        order_id: "#2".into(),
        account: account_of("A"),
        code: "BHP".into(),
        exchange: "XASX".into(),
        currency: "AUD".into(),
        ..Default::default()
    };
    // Field 900, a varint.
    let state = [&[0xa0, 0x38, 0x07][..], &order.encode_to_vec()].concat();
    let mut w = ReverseWriter::default();
    w.delimited(field::external_action::ORDER, &state);
    w.int(field::external_action::TYPE, crate::proto::ExternalActionType::Update as i64);
    w.close(field::feed_request::ACTION, 0);
    w.int(field::feed_request::TYPE, FeedRequestType::Action as i64);
    table.apply_bytes(w.bytes());
    table.run("restate Expired");
    table.run("account A B");
    table.run("symbol BHP BHX");
    table.run("currency AUD AUX");
    let record = table.views.order(table.account("B"), "#2").expect("it moved");
    assert!(record.bytes.windows(3).any(|run| run == [0xa0, 0x38, 0x07]));
    let expected = proto::OrderState {
        account: account_of("B"),
        code: "BHX".into(),
        currency: "AUX".into(),
        status: "Expired".into(),
        ..order
    };
    let found = proto::OrderState::decode(&record.bytes[..]).unwrap();
    assert_eq!(proto::OrderState { created: None, timestamp: None, ..found }, expected);
}

#[test]
fn a_removal_takes_the_orders_of_a_status_and_gives_back_what_they_held() {
    check(
        r#"
        buy A #1 100@10 status Expired group g at 100
        sell A #2 50@10 status Expired group h at 200
        buy A #3 10@10 status OnMarket at 100
        buy A #4 1@10                                    -> cash A 0 0 -1110 0
        remove Expired group g                           -> events operation -order balance | order A #1 gone | cash A 0 0 -110 0
        remove Expired before 199                        -> events
        remove Expired from OnMarket                     -> events
        remove Expired                                   -> events operation -order -holding | held A none
        remove "" code BHP                               -> events operation -order balance | order A #4 gone | order A #3 10 0 0 open
        "#,
    );
}

#[test]
fn orders_that_are_due_go_whatever_their_status() {
    let table = check(
        "
        buy A #1 100@10 status X remove-at 5000
        buy A #2 100@10 remove-at 5001
        buy A #3 100@10 remove-at 6000
        buy A #4 100@10                                  -> cash A 0 0 -4000 0
        remove-due 4999                                  -> events
        remove-due 5001                                  -> events operation -order -order balance | cash A 0 0 -2000 0 \
                                                         | order A #1 gone | order A #2 gone | order A #3 100 0 0 open
        restate Old remove 7000                          -> state A #3 Old @7000 | state A #4 Old @7000
        remove-due 6999                                  -> events
        account A B
        remove-due 7000                                  -> events operation -order -order -balance | order B #3 gone
        ",
    );
    assert_eq!(table.engine.next_removal_ns(), None);
}

#[test]
fn a_due_removal_needs_an_instant() {
    let mut table = check("buy A #1 100@10 remove-at 5000");
    let mut operation = operation("remove-due 9000").unwrap();
    operation.transform.as_mut().unwrap().parameters.insert("DueBy".into(), "soon".into());
    table.operate(operation);
    assert_eq!(table.codes(), ["Data"]);
    assert_eq!(table.order("A", "#1"), "100 0 0 open");
}

#[test]
fn a_code_takes_its_orders_holdings_and_trades_along() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 40@10                                -> held A 40 0 10
        sell A #2 10@12                                  -> held A 40 -10 10
        buy A #3 20@5 code BHX
        trade #3 T1 20@5                                 -> held A/BHX 20 0 5
        // 40 at 10 and 20 at 5: 500 / 60.
        symbol BHP BHX                                   -> events operation order order -holding holding \
                                                         | held A none | held A/BHX 60 -10 8.33333333
        bust #1 T1                                       -> held A/BHX 20 -10 5 | cash A 0 -100 -1000 0
        correct #3 T1 30@6                               -> held A/BHX 30 -10 6 | cash A 0 -180 -1000 0
        // The old code is free.
        stock A 7 price 3                                -> held A 7 0 3 | held A/BHX 30 -10 6
        symbol BHP BHX                                   -> held A none | held A/BHX 37 -10 5.43243243
        symbol BHP BHX                                   -> events
        ",
    );
}

#[test]
fn only_the_code_on_its_exchange_is_renamed() {
    check(
        "
        stock A 7 price 3
        stock A 5 price 2 exchange XNAS code CBA
        symbol CBA BHX                                   -> events
        symbol BHP BHX                                   -> held A/BHX 7 0 3 | held A/CBA 5 0 2
        ",
    );
}

#[test]
fn holdings_without_a_common_cost_merge_to_none() {
    check(
        "
        // One of them has none.
        stock A 7 price 3
        stock A 5 code BHX
        symbol BHP BHX                                   -> held A/BHX 12 0 none
        // Currencies differ.
        buy B #1 10@3 currency AUD
        trade #1 T1 10@3
        buy B #2 10@3 currency USD code BHX
        trade #2 T1 10@3
        symbol BHP BHX                                   -> held B/BHX 20 0 none
        // One is flat: the other's cost stays.
        sell C #3 5@4 code BHX                           -> held C/BHX 0 -5 none
        stock C 8 price 2                                -> held C 8 0 2
        symbol BHP BHX                                   -> held C/BHX 8 -5 2
        // Together they are flat, and gone.
        stock D 8 price 2
        stock D -8 price 3 code BHX
        symbol BHP BHX                                   -> events operation -holding -holding | held D none | held D/BHX none
        ",
    );
}

#[test]
fn a_currency_takes_orders_balances_pools_and_average_prices_along() {
    check(
        "
        cash A 100
        cash A 30 unbooked
        cash A 9 pool Margin
        cash A 4 pool P
        cash A 1 pool Q
        cash A 1000 currency AUX
        cash A -4 pool P currency AUX
        cash A 5 pool R currency AUX
        buy A #1 10@3
        trade #1 T1 4@3                                  -> cash A 100 18 -18 9 P=4 Q=1 | cash A/AUX 1000 0 0 0 P=-4 R=5
        currency AUD AUX                                 -> events operation order holding -balance balance \
                                                         | cash A none | cash A/AUX 1100 18 -18 9 Q=1 R=5
        bust #1 T1                                       -> cash A/AUX 1100 30 -30 9 Q=1 R=5 | held A none
        currency AUD AUX                                 -> events
        trade #1 T2 10@3 done                            -> cash A/AUX 1100 0 0 9 Q=1 R=5 | held A 10 0 3
        // Of the same currency now, so that costs add.
        sell A #2 5@2 currency AUX
        trade #2 T1 5@2                                  -> held A 5 0 3
        ",
    );
}

#[test]
fn an_average_price_is_in_the_new_currency() {
    let mut table = check("buy A #1 10@3\n trade #1 T1 4@3\n currency AUD AUX");
    let record = table.views.holdings_of(table.account("A")).next().expect("held").bytes.clone();
    assert_eq!(proto::AssetPosition::decode(&record[..]).unwrap().currency, "AUX");
    table.run("account A B");
    let record = table.views.holdings_of(table.account("B")).next().expect("held").bytes.clone();
    assert_eq!(proto::AssetPosition::decode(&record[..]).unwrap().currency, "AUX");
}

#[test]
fn sums_out_of_range_refuse_the_whole() {
    // Just below 2^127.
    let most = "170141183460469231731687303715884105727";
    let commands = ["account A B", "currency AUD AUX", "owner O P", "symbol BHP BHX"];
    for (command, to) in commands.into_iter().zip(["cash B", "cash A", "cash P:A", "stock A"]) {
        let mut table = check(&format!("buy A #1 1@1\n cash A {most}\n cash A 1 currency USD\n stock A {most}"));
        let option = match command {
            "currency AUD AUX" => " currency AUX",
            "symbol BHP BHX" => " code BHX",
            _ => "",
        };
        table.run(&format!("{to} 1{option}"));
        let (hash, counts) = (table.engine.state.hash, table.engine.counts());
        table.run(command);
        assert_eq!(table.codes(), ["NumberOutOfRange"], "{command}");
        assert_eq!((table.engine.state.hash, table.engine.counts()), (hash, counts), "{command}");
        table.assert_image_is_whole();
    }
}

#[test]
fn names_that_are_missing_are_refused_all_at_once() {
    check(
        r#"
        cash A 1
        symbol "" none exchange none                     -> refused Exchange Symbol
        symbol BHP none                                  -> refused Symbol
        currency "" AUX                                  -> refused Currency
        currency AUD ""                                  -> refused Currency
        account "" B                                     -> refused Account
        owner "" P                                       -> refused Owner
        owner O ""                                       -> refused Owner
        undefine ""                                      -> refused Owner
        "#,
    );
}

#[test]
fn renaming_what_nothing_names_or_to_the_same_changes_nothing() {
    let mut table = check(
        "
        cash A 1
        buy A #1 10@1
        account Z B                                      -> events
        account A A                                      -> events
        owner Z P                                        -> events
        symbol ZZZ BHX                                   -> events
        symbol BHP BHP                                   -> events
        currency ZZZ AUX                                 -> events
        currency AUD AUD                                 -> events
        undefine Z                                       -> events
        ",
    );
    let hash = table.engine.state_hash();
    for command in ["account Z B", "account A A", "owner Z P", "symbol BHP BHP", "currency ZZZ AUX", "undefine Z"] {
        assert_eq!(table.rest(&request(operation(command).unwrap())), 0, "{command} takes no position");
        assert!(table.outcome.is_accepted() && table.outcome.operation.is_none());
    }
    assert_eq!(table.engine.state_hash(), hash);
    assert_ne!(table.rest(&request(operation("account A B").unwrap())), 0);
}

#[test]
fn a_transform_is_applied_once_under_its_id() {
    check(
        "
        cash A 1
        account A B id X1                                -> cash B 1 0 0 0
        cash A 5
        account A B id X1                                -> events | cash A 5 0 0 0
        owner O P id X1                                  -> events
        // What changed nothing was not applied.
        symbol BHP BHX id X2                             -> events
        stock B 3
        symbol BHP BHX id X2                             -> held B/BHX 3 0 none
        ",
    );
}

#[test]
fn an_id_that_is_missing_is_made_of_the_sequence() {
    let mut table = check("cash A 1");
    table.run("account A B");
    let told = table.told();
    let id = told.account_transform.as_ref().expect("as sent").transform_id.clone();
    assert_eq!(id, "TR00000000000000000002");
    let mut sent = operation("account A B").unwrap();
    sent.account_transform.as_mut().unwrap().transform_id = id.clone();
    assert_eq!(told, sent);
    table.run("cash A 1");
    table.run(&format!("account A B id {id}"));
    assert_eq!((table.cash("A").as_str(), table.outcome.operation), ("1 0 0 0", None));
    table.run("currency AUD AUX id mine");
    assert_eq!(table.told(), operation("currency AUD AUX id mine").unwrap());
}

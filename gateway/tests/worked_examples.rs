//! The worked examples of the semantics, figure for figure: in through a feed connection, out through subscriptions and
//! through REST.
//!
//! A table has a row for each input, and further rows without one for what other accounts then hold. Each is played
//! twice on the same hub under owners of their own: as JSON text with executed figures stated, and in binary with those
//! left to the hub. Those without a table are where their subject is: feed numbering (E21) in `history/reads.rs`, asAt
//! (E22) in `history/as_at.rs`, a settlement that is refused (E23) in `rest_writes/batches.rs`.

mod support;

use std::collections::BTreeMap;

use ordo_core::proto::{Account, AssetPosition, CashPosition, ClientTransaction, ClientTransactionType};
use ordo_core::proto::{EventMessage, ExternalAction, OrderState, OrderTradeType, OrderUpdateReason};
use ordo_core::proto::{SettlementStatus, Side, SubscriptionType, TimestampWithTimeZone};
use ordo_gateway::client::{Form, Heard, Subscriber, ViewId, messages};
use serde_json::value::RawValue;
use support::*;

#[test]
fn e1_buy_deposit_order_partial_fill_fill_settlement() {
    check(
        "
cash A 10000 as D1                                | A | 10000   | 0        | 0        | 0 | 10000   | 0 / 0 / none   |                        | CashTransfer D1 A 10000 Booked
new A #1 buy 100 @ 10 fee Brokerage 9.95          | A | 10000   | 0        | -1009.95 | 0 | 8990.05 | 0 / 0 / none   | #1: 100 / 0 / 0 / open |
trade #1 T1 40 @ 9.90 fee Brokerage 9.95 states 40 396 | A | 10000 | -405.95 | -600   | 0 | 8994.05 | 40 / 0 / 9.9   | #1: 100 / 40 / 396 / open | Trade T1 A cash -396 Unbooked Brokerage=9.95 stock 40 of 1
trade #1 T2 60 @ 10 states 100 996 done           | A | 10000   | -1005.95 | 0        | 0 | 8994.05 | 100 / 0 / 9.96 | #1: 100 / 100 / 996 / done | Trade T2 A cash -600 Unbooked stock 60 of 1
cash A -1005.95 Settle as S1                      | A | 8994.05 | 0        | 0        | 0 | 8994.05 | 100 / 0 / 9.96 | #1: 100 / 100 / 996 / done | CashTransfer S1 A -1005.95 Settle
",
    );
}

#[test]
fn e3_amend_up_amend_down_cancel_of_a_part_filled_buy() {
    check(
        "
cash A 5000 as D; new A #3 buy 200 @ 5  | A | 5000 | 0    | -1000 | 0 | 4000 | 0 / 0 / none | #3: 200 / 0 / 0 / open   | CashTransfer D A 5000 Booked
replace #3 300 @ 5.1                    | A | 5000 | 0    | -1530 | 0 | 3470 | 0 / 0 / none | #3: 300 / 0 / 0 / open   |
trade #3 T1 50 @ 5.1 states 50 255      | A | 5000 | -255 | -1275 | 0 | 3470 | 50 / 0 / 5.1 | #3: 300 / 50 / 255 / open | Trade T1 A cash -255 Unbooked stock 50 of 3
replace #3 120 @ 5                      | A | 5000 | -255 | -350  | 0 | 4395 | 50 / 0 / 5.1 | #3: 120 / 50 / 255 / open |
cancel #3                               | A | 5000 | -255 | 0     | 0 | 4745 | 50 / 0 / 5.1 | #3: 120 / 50 / 255 / done |
",
    );
}

#[test]
fn e4_market_orders() {
    check(
        "
cash A 2000 as D; new A #4 buy 100 @ market  | A | 2000 | 0    | 0    | 0 | 2000 | 0 / 0 / none   | #4: 100 / 0 / 0 / open     | CashTransfer D A 2000 Booked
reserve #4 5.25                              | A | 2000 | 0    | -525 | 0 | 1475 | 0 / 0 / none   | #4: 100 / 0 / 0 / open     |
trade #4 T1 60 @ 5.30 states 60 318          | A | 2000 | -318 | -210 | 0 | 1472 | 60 / 0 / 5.3   | #4: 100 / 60 / 318 / open  | Trade T1 A cash -318 Unbooked stock 60 of 4
trade #4 T2 40 @ 5.40 states 100 534 done    | A | 2000 | -534 | 0    | 0 | 1466 | 100 / 0 / 5.34 | #4: 100 / 100 / 534 / done | Trade T2 A cash -216 Unbooked stock 40 of 4
",
    );
}

#[test]
fn e5_trade_correction_of_price_and_quantity() {
    check(
        "
cash A 10000 as D; new A #5 buy 100 @ 10; trade #5 T1 40 @ 9.90 states 40 396 | A | 10000 | -396 | -600 | 0 | 9004 | 40 / 0 / 9.9 | #5: 100 / 40 / 396 / open | CashTransfer D A 10000 Booked; Trade T1 A cash -396 Unbooked stock 40 of 5
correct #5 T1 50 @ 9.80 states 50 490   | A | 10000 | -490 | -500 | 0 | 9010 | 50 / 0 / 9.8 | #5: 100 / 50 / 490 / open | Adjustment T1/1 A cash -94 Unbooked stock 10 TradeCorrection
",
    );
}

#[test]
fn e6_trade_cancel_on_a_live_order_gives_the_reservation_back() {
    check(
        "
cash A 10000 as D; new A #6 buy 100 @ 10; trade #6 T1 40 @ 10 fee Brokerage 5 states 40 400 | A | 10000 | -405 | -600 | 0 | 8995 | 40 / 0 / 10 | #6: 100 / 40 / 400 / open | CashTransfer D A 10000 Booked; Trade T1 A cash -400 Unbooked Brokerage=5 stock 40 of 6
bust #6 T1 states 0 0   | A | 10000 | 0 | -1000 | 0 | 9000 | 0 / 0 / none | #6: 100 / 0 / 0 / open | Adjustment T1/1 A cash 405 Unbooked stock -40 TradeCancel
",
    );
}

#[test]
fn e9_move_a_part_filled_order_to_another_account() {
    check(
        "
cash A 5000 as DA; cash B 5000 as DB; new A #9 buy 100 @ 10; trade #9 T1 30 @ 10 states 30 300 | A | 5000 | -300 | -700 | 0 | 4000 | 30 / 0 / 10 | #9: 100 / 30 / 300 / open | CashTransfer DA A 5000 Booked; CashTransfer DB B 5000 Booked; Trade T1 A cash -300 Unbooked stock 30 of 9
                                    | B | 5000 | 0    | 0    | 0 | 5000 | 0 / 0 / none |                           |
move #9 B                           | A | 5000 | -300 | 0    | 0 | 4700 | 30 / 0 / 10  |                           |
                                    | B | 5000 | 0    | -700 | 0 | 4300 | 0 / 0 / none | #9: 100 / 30 / 300 / open |
trade #9 T2 70 @ 10 states 100 1000 done | A | 5000 | -300 | 0 | 0 | 4700 | 30 / 0 / 10 |                           | Trade T2 B cash -700 Unbooked stock 70 of 9
                                    | B | 5000 | -700 | 0    | 0 | 4300 | 70 / 0 / 10  | #9: 100 / 100 / 1000 / done |
bust #9 T1 states 70 700            | A | 5000 | 0    | 0    | 0 | 5000 | 0 / 0 / none |                           | Adjustment T1/1 A cash 300 Unbooked stock -30 TradeCancel
                                    | B | 5000 | -700 | 0    | 0 | 4300 | 70 / 0 / 10  | #9: 100 / 70 / 700 / done |
",
    );
}

#[test]
fn e11_removal_of_a_live_order() {
    check(
        "
cash A 5000 as D; new A #12 buy 100 @ 10 | A | 5000 | 0 | -1000 | 0 | 4000 | 0 / 0 / none | #12: 100 / 0 / 0 / open | CashTransfer D A 5000 Booked
remove #12                               | A | 5000 | 0 | 0     | 0 | 5000 | 0 / 0 / none |                         |
",
    );
}

#[test]
fn e12_settlement_statuses_and_additional_funds() {
    check(
        "
cash A 500 Unbooked fee Fee 1.5 as C1 | A | 0     | 498.5 | 0 | 0 | 498.5 | 0 / 0 / none | | CashTransfer C1 A 500 Unbooked Fee=1.5
cash A 498.5 Settle as C2             | A | 498.5 | 0     | 0 | 0 | 498.5 | 0 / 0 / none | | CashTransfer C2 A 498.5 Settle
cash A 200 Reverse as C3              | A | 298.5 | 200   | 0 | 0 | 498.5 | 0 / 0 / none | | CashTransfer C3 A 200 Reverse
cash A -100 fee Fee -2 as C4          | A | 200.5 | 200   | 0 | 0 | 400.5 | 0 / 0 / none | | CashTransfer C4 A -100 Booked Fee=-2
",
    );
}

#[test]
fn e13_pools() {
    check(
        "
cash A 1000 as P1; cash A 5000 pool Margin as P2 | A | 1000 | 0 | 0 | 5000 | 6000 | 0 / 0 / none | | CashTransfer P1 A 1000 Booked; CashTransfer P2 A 5000 Booked pool Margin
cash A 300 pool Collateral as P3                 | A | 1000 | 0 | 0 | 5000 ; Collateral=300 | 6000 | 0 / 0 / none | | CashTransfer P3 A 300 Booked pool Collateral
cash A 40 Unbooked pool Collateral as P4         | A | 1000 | 0 | 0 | 5000 ; Collateral=300,Collateral:Unbooked=40 | 6000 | 0 / 0 / none | | CashTransfer P4 A 40 Unbooked pool Collateral
cash A 40 Settle pool Collateral as P5           | A | 1000 | 0 | 0 | 5000 ; Collateral=340 | 6000 | 0 / 0 / none | | CashTransfer P5 A 40 Settle pool Collateral
",
    );
}

#[test]
fn e14_asset_transfers_with_and_without_a_cost() {
    check(
        "
asset A 100 as S1         | A | 0 | 0 | 0 | 0 | 0 | 100 / 0 / none | | AssetTransfer S1 A 100
asset A -100 as S2        | A | 0 | 0 | 0 | 0 | 0 | 0 / 0 / none   | | AssetTransfer S2 A -100
asset A 100 price 8 as S3 | A | 0 | 0 | 0 | 0 | 0 | 100 / 0 / 8    | | AssetTransfer S3 A 100
asset A 50 as S4          | A | 0 | 0 | 0 | 0 | 0 | 150 / 0 / 8    | | AssetTransfer S4 A 50
asset A -30 as S5         | A | 0 | 0 | 0 | 0 | 0 | 120 / 0 / 8    | | AssetTransfer S5 A -30
",
    );
}

#[test]
fn e15_average_price_over_buys_and_sells() {
    check(
        "
new A #15 buy 1000 @ 100; trade #15 T1 100 @ 10 states 100 1000 | A | 0 | -1000 | -90000 | 0 | -91000 | 100 / 0 / 10 | #15: 1000 / 100 / 1000 / open | Trade T1 A cash -1000 Unbooked stock 100 of 15
trade #15 T2 50 @ 13 states 150 1650 | A | 0 | -1650 | -85000 | 0 | -86650 | 150 / 0 / 11 | #15: 1000 / 150 / 1650 / open | Trade T2 A cash -650 Unbooked stock 50 of 15
new A #16 sell 60 @ 12; trade #16 T3 60 @ 12 states 60 720 | A | 0 | -930 | -85000 | 0 | -85930 | 90 / 0 / 11 | #15: 1000 / 150 / 1650 / open; #16: 60 / 60 / 720 / open | Trade T3 A cash 720 Unbooked stock -60 of 16
trade #15 T4 10 @ 12 states 160 1770 | A | 0 | -1050 | -84000 | 0 | -85050 | 100 / 0 / 11.1 | #15: 1000 / 160 / 1770 / open; #16: 60 / 60 / 720 / open | Trade T4 A cash -120 Unbooked stock 10 of 15
trade #15 T5 33 @ 10 states 193 2100 | A | 0 | -1380 | -80700 | 0 | -82080 | 133 / 0 / 10.82706767 | #15: 1000 / 193 / 2100 / open; #16: 60 / 60 / 720 / open | Trade T5 A cash -330 Unbooked stock 33 of 15
",
    );
}

#[test]
fn an_open_sale_holds_back_stock_and_no_cash() {
    check(
        "
asset A 100 price 5 as S; new A #1 sell 80 @ 6 fee Brokerage 9 | A | 0 | 0 | 0 | 0 | 0 | 100 / -80 / 5 | #1: 80 / 0 / 0 / open | AssetTransfer S A 100
trade #1 T1 30 @ 6 fee Brokerage 4 states 30 180 | A | 0 | 176 | 0 | 0 | 176 | 70 / -50 / 5 | #1: 80 / 30 / 180 / open | Trade T1 A cash 180 Unbooked Brokerage=4 stock -30 of 1
correct #1 T1 20 @ 6.5 fee Brokerage 4 states 20 130 | A | 0 | 126 | 0 | 0 | 126 | 80 / -60 / 5 | #1: 80 / 20 / 130 / open | Adjustment T1/1 A cash -50 Unbooked stock 10 TradeCorrection
bust #1 T1 states 0 0                  | A | 0 | 0 | 0 | 0 | 0 | 100 / -80 / 5 | #1: 80 / 0 / 0 / open | Adjustment T1/2 A cash -126 Unbooked stock 20 TradeCancel
cancel #1                              | A | 0 | 0 | 0 | 0 | 0 | 100 / 0 / 5   | #1: 80 / 0 / 0 / done |
",
    );
}

#[test]
fn a_correction_of_the_same_figures_still_has_both_legs() {
    check(
        "
new A #1 buy 10 @ 2; trade #1 T1 10 @ 2 states 10 20 done | A | 0 | -20 | 0 | 0 | -20 | 10 / 0 / 2 | #1: 10 / 10 / 20 / done | Trade T1 A cash -20 Unbooked stock 10 of 1
correct #1 T1 10 @ 2 states 10 20                         | A | 0 | -20 | 0 | 0 | -20 | 10 / 0 / 2 | #1: 10 / 10 / 20 / done | Adjustment T1/1 A cash 0 Unbooked stock 0 TradeCorrection
bust #1 T1 states 0 0                                     | A | 0 | 0   | 0 | 0 | 0   | 0 / 0 / none | #1: 10 / 0 / 0 / done | Adjustment T1/2 A cash 20 Unbooked stock -10 TradeCancel
bust #1 T1 states 0 0                                     | A | 0 | 0   | 0 | 0 | 0   | 0 / 0 / none | #1: 10 / 0 / 0 / done |
trade #1 T1 10 @ 2 states 0 0                             | A | 0 | 0   | 0 | 0 | 0   | 0 / 0 / none | #1: 10 / 0 / 0 / done |
correct #1 T1 5 @ 3 states 5 15                           | A | 0 | -15 | 0 | 0 | -15 | 5 / 0 / 3  | #1: 10 / 5 / 15 / done | Adjustment T1/3 A cash -15 Unbooked stock 5 TradeCorrection
",
    );
}

#[test]
fn a_transaction_carries_what_its_update_said() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Json);
    let mut subscriber = rig.subscriber(Form::Json);
    let view = subscriber.subscribe(SubscriptionType::Transactions, Vec::new()).expect("it is accepted");
    let a = account("XS", "A");
    let id = ordo_core::proto::Id { name: "Batch".into(), values: [("ID".to_owned(), "7".to_owned())].into() };
    let said = ordo_core::proto::OrderUpdate {
        values: [("Rate".to_owned(), number("1.250").into())].into(),
        properties: [("Desk".to_owned(), "North".to_owned())].into(),
        i_ds: vec![id.clone()],
        ..Default::default()
    };
    let mut order = limit_order(&a, "1", Side::Sell, "10", "5");
    order.timestamp = Some(instant(77));
    let mut fill = order_trade("T1", OrderTradeType::Trade, "4", "5.5");
    fill.ex_destination = "LIT".into();
    let mut action = trade(order.clone(), fill.clone());
    action.update = Some(said.clone().into());
    line.act(1, action.clone());
    let told = next_events(&mut subscriber, view).remove(0).transaction.expect("a transaction");
    let stock = told.asset_transfer.expect("the stock leg");
    assert_eq!((stock.order_id.as_deref(), &*stock.ex_destination), (Some("1"), "LIT"));
    let check_details = |found: Option<Box<ordo_core::proto::TransactionDetails>>, id: &str, what: &str| {
        let found = found.unwrap_or_else(|| panic!("{what}: no details"));
        assert_eq!((&*found.transaction_id, found.account.as_ref()), (id, Some(&a)), "{what}");
        assert_eq!(
            (&found.values, &found.properties, &found.i_ds),
            (&said.values, &said.properties, &said.i_ds),
            "{what}"
        );
        assert_eq!(found.timestamp, Some(instant(77)), "{what}: the order's");
    };
    check_details(told.details, "T1", "trade");
    fill.r#type = OrderTradeType::Cancel as i32;
    action.trade = Some(fill.into());
    line.act(2, action);
    let told = next_events(&mut subscriber, view).remove(0).transaction.expect("a transaction");
    check_details(told.details, "T1/1", "cancel");

    let mut transfer = details(&a, "");
    transfer.values = said.values.clone();
    transfer.properties = said.properties.clone();
    transfer.i_ds = vec![id];
    let mut money = cash_transfer("9.90");
    money.external_account = Some("bank 1".into());
    line.act(3, cash(transfer.clone(), money.clone()));
    let told = next_events(&mut subscriber, view).remove(0).transaction.expect("a transaction");
    assert_eq!(told.cash_transfer.map(|it| *it), Some(money), "as received");
    let made = told.details.expect("details");
    assert!(!made.transaction_id.is_empty(), "the hub makes an id");
    assert_eq!((made.values, made.properties, made.i_ds), (transfer.values, transfer.properties, transfer.i_ds));
}

/// Plays a table in both forms.
#[track_caller]
fn check(table: &str) {
    let rig = Rig::start();
    for (owner, form, other) in [("XT", Form::Json, Form::Binary), ("XB", Form::Binary, Form::Json)] {
        let mut play = Play::start(&rig, owner, form, other);
        let mut step = 0;
        for row in table.lines().filter(|line| !line.trim().is_empty()).map(Row::of) {
            if !row.inputs.is_empty() {
                step += 1;
                for input in &row.inputs {
                    play.submit(input);
                }
                play.compare_transactions(&row, &format!("{owner}, step {step}: {}", row.inputs.join("; ")));
            }
            play.compare(&rig, &row, &format!("{owner}, step {step}, account {}", row.account));
        }
    }
}

/// A line of a table.
struct Row {
    inputs: Vec<String>,
    account: String,
    /// Balance, UnbookedTransactions, UnfilledBuys, Margin.
    figures: [String; 4],
    pools: String,
    sum: String,
    /// Quantity, UnfilledSells, AveragePrice.
    holding: String,
    orders: Vec<String>,
    transactions: Vec<String>,
}

impl Row {
    fn of(line: &str) -> Row {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [inputs, account, balance, unbooked, buys, margin, sum, holding, orders, transactions] = cells[..] else {
            panic!("ten cells: {line}");
        };
        let list =
            |cell: &str| cell.split(';').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
        let (margin, pools) = margin.split_once(';').map_or((margin, ""), |(m, p)| (m.trim(), p.trim()));
        Row {
            inputs: list(inputs),
            account: account.into(),
            figures: [balance, unbooked, buys, margin].map(Into::into),
            pools: pools.into(),
            sum: sum.into(),
            holding: holding.into(),
            orders: list(orders),
            transactions: list(transactions),
        }
    }
}

/// A table being played for one owner.
struct Play {
    owner: &'static str,
    line: FeedLine,
    subscriber: Subscriber,
    balances: ViewId,
    holdings: ViewId,
    orders: ViewId,
    transactions: ViewId,
    /// Orders as the adapter has them.
    book: BTreeMap<String, OrderState>,
    states_executed: bool,
    time: u64,
    told: Vec<ClientTransaction>,
}

impl Play {
    fn start(rig: &Rig, owner: &'static str, form: Form, other: Form) -> Play {
        let (line, _) = FeedLine::open(rig, owner, form);
        let mut subscriber = rig.subscriber(other);
        let of_owner = || vec![messages::target("Owner", &[owner])];
        let mut subscribe = |view| subscriber.subscribe(view, of_owner()).expect("it is accepted");
        let balances = subscribe(SubscriptionType::Balances);
        let holdings = subscribe(SubscriptionType::Holdings);
        let orders = subscribe(SubscriptionType::Orders);
        let transactions = subscribe(SubscriptionType::Transactions);
        Play {
            owner,
            line,
            subscriber,
            balances,
            holdings,
            orders,
            transactions,
            book: BTreeMap::new(),
            states_executed: form == Form::Json,
            time: 0,
            told: Vec::new(),
        }
    }

    fn submit(&mut self, input: &str) {
        self.time += 1;
        let action = self.action(input);
        self.line.act(0, action);
    }

    fn action(&mut self, input: &str) -> ExternalAction {
        let words: Vec<&str> = input.split_whitespace().collect();
        let after = |word: &str| words.iter().position(|other| *other == word).map(|at| &words[at + 1..]);
        match words[0] {
            "cash" => {
                let mut transfer = cash_transfer(words[2]);
                transfer.settlement = settlement(&words) as i32;
                transfer.pool = after("pool").map(|rest| rest[0].into());
                transfer.additional_funds =
                    after("fee").map(|rest| (rest[0].into(), number(rest[1]))).into_iter().collect();
                cash(self.details(words[1], after("as").expect("a transfer has an id")[0]), transfer)
            }
            "asset" => {
                let mut details = self.details(words[1], after("as").expect("a transfer has an id")[0]);
                details.values =
                    after("price").map(|rest| ("Price".into(), number(rest[0]).into())).into_iter().collect();
                assets(details, asset_transfer(words[2]))
            }
            "new" => {
                let side = if words[3] == "buy" { Side::Buy } else { Side::Sell };
                let mut order = limit_order(&self.account(words[1]), &words[2][1..], side, words[4], "0");
                order.price = (words[6] != "market").then(|| number(words[6]));
                order.additional_funds =
                    after("fee").map(|rest| (rest[0].into(), number(rest[1]))).into_iter().collect();
                self.book.insert(words[2].into(), order);
                update(self.order(words[2]), OrderUpdateReason::New)
            }
            "replace" => {
                let order = self.known(words[1]);
                (order.quantity, order.price) = (Some(number(words[2])), Some(number(words[4])));
                update(self.order(words[1]), OrderUpdateReason::Replace)
            }
            "reserve" => {
                self.known(words[1]).values.insert("ReservePrice".into(), number(words[2]).into());
                update(self.order(words[1]), OrderUpdateReason::Replace)
            }
            "cancel" => {
                self.known(words[1]).is_completed = true;
                update(self.order(words[1]), OrderUpdateReason::Cancel)
            }
            "move" => {
                let to = self.account(words[2]);
                let from = self.known(words[1]).account.replace(to);
                let mut action = update(self.order(words[1]), OrderUpdateReason::Replace);
                action.update.as_mut().expect("an update").previous_account = from;
                action
            }
            "remove" => {
                self.known(words[1]).remove_after = Some(TimestampWithTimeZone::default());
                replace(self.order(words[1]))
            }
            "trade" => self.trade(&words, OrderTradeType::Trade),
            "correct" => self.trade(&words, OrderTradeType::Correction),
            "bust" => self.trade(&words, OrderTradeType::Cancel),
            other => panic!("no input is called {other}"),
        }
    }

    fn trade(&mut self, words: &[&str], kind: OrderTradeType) -> ExternalAction {
        let after = |word: &str| words.iter().position(|other| *other == word).map(|at| &words[at + 1..]);
        let states = after("states").filter(|_| self.states_executed);
        let order = self.known(words[1]);
        order.executed_quantity = states.map(|rest| number(rest[0]));
        order.executed_value = states.map(|rest| number(rest[1]));
        order.is_completed |= words.contains(&"done");
        let mut fill = match kind {
            OrderTradeType::Cancel => order_trade(words[2], kind, "0", "0"),
            _ => order_trade(words[2], kind, words[3], words[5]),
        };
        fill.additional_funds = after("fee").map(|rest| (rest[0].into(), number(rest[1]))).into_iter().collect();
        trade(self.order(words[1]), fill)
    }

    fn account(&self, name: &str) -> Account {
        account(self.owner, name)
    }

    fn details(&self, name: &str, id: &str) -> ordo_core::proto::TransactionDetails {
        details(&self.account(name), id)
    }

    fn known(&mut self, id: &str) -> &mut OrderState {
        self.book.get_mut(id).unwrap_or_else(|| panic!("no order {id}"))
    }

    fn order(&mut self, id: &str) -> OrderState {
        let timestamp = Some(instant(self.time));
        let order = self.known(id);
        order.timestamp = timestamp;
        order.clone()
    }

    /// Everything that was submitted is told; the transactions among it are kept.
    fn synchronise(&mut self) {
        self.subscriber.connection().send(&messages::synchronise("all")).expect("it is sent");
        loop {
            match self.subscriber.next(PATIENCE).expect("a good message").expect("the answer comes") {
                Heard::Other(frame) => {
                    assert_eq!(word_of(&frame.message().expect("a message")), "Response all");
                    return;
                }
                Heard::View { view, frame, .. } if view == self.transactions => {
                    let message: EventMessage = frame.message().expect("a message");
                    self.told.extend(message.updates.into_iter().filter_map(|event| event.transaction));
                }
                Heard::View { .. } => {}
            }
        }
    }

    fn compare_transactions(&mut self, row: &Row, place: &str) {
        self.synchronise();
        let told = std::mem::take(&mut self.told);
        let words: Vec<String> = told.iter().map(|transaction| in_words(transaction, self.owner)).collect();
        assert_eq!(words, row.transactions, "{place}: transactions");
    }

    fn compare(&mut self, rig: &Rig, row: &Row, place: &str) {
        let of_account = |parts: Vec<String>| parts[1] == row.account;
        let mut balances = folded::<CashPosition>(self.subscriber.view(self.balances));
        let mut holdings = folded::<AssetPosition>(self.subscriber.view(self.holdings));
        let mut orders = folded::<OrderState>(self.subscriber.view(self.orders));
        let owner = format!("/for/{}", self.owner);
        assert_same(&balances, &listed(rig.addr(), &owner), place);
        assert_same(&holdings, &listed(rig.addr(), &owner), place);
        assert_same(&orders, &listed(rig.addr(), &owner), place);
        balances.retain(|record| of_account(record.key()));
        holdings.retain(|record| of_account(record.key()));
        orders.retain(|record| of_account(record.key()));
        compare_balance(balances.first(), row, place);
        compare_holding(holdings.first(), row, place);
        compare_orders(&orders, row, place);
        self.compare_rest_text(rig, row, place);
        // What the table says the order came to is what the adapter states from now on.
        for (order, words) in orders.iter().zip(&row.orders) {
            let id = words.split(':').next().expect("an order's words begin with its id");
            let known = self.known(id);
            (known.executed_quantity, known.executed_value) = (order.executed_quantity, order.executed_value);
        }
    }

    /// The figures as REST writes them, digit by digit, without the transcoder.
    fn compare_rest_text(&self, rig: &Rig, row: &Row, place: &str) {
        let answer = rig.get(&format!("/balance/for/{}/{}", self.owner, row.account));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{place}");
        let records: Vec<BTreeMap<String, Box<RawValue>>> = serde_json::from_slice(&answer.body).expect("JSON");
        let names = ["Balance", "UnbookedTransactions", "UnfilledBuys", "Margin"];
        match records.first() {
            Some(record) => {
                for (name, expected) in names.iter().zip(&row.figures) {
                    let figure = record.get(*name).unwrap_or_else(|| panic!("{place}: {name} is always there"));
                    assert_eq!(dec(figure.get()), dec(expected), "{place}: {name} in JSON");
                }
            }
            None => assert!(row.figures.iter().all(|figure| dec(figure).is_zero()), "{place}: no balance"),
        }
        let answer = rig.get(&format!("/holding/for/{}/{}", self.owner, row.account));
        let records: Vec<BTreeMap<String, Box<RawValue>>> = serde_json::from_slice(&answer.body).expect("JSON");
        let digits = |name: &str| records.first().and_then(|record| record.get(name)).map_or("0", |raw| raw.get());
        let words: Vec<&str> = row.holding.split('/').map(str::trim).collect();
        assert_eq!(dec(digits("Quantity")), dec(words[0]), "{place}: Quantity in JSON");
        assert_eq!(dec(digits("UnfilledSells")), dec(words[1]), "{place}: UnfilledSells in JSON");
        if words[2] != "none" {
            assert_eq!(digits("AveragePrice"), words[2], "{place}: AveragePrice in JSON");
        }
    }
}

fn settlement(words: &[&str]) -> SettlementStatus {
    match words[3..].iter().find(|word| matches!(**word, "Unbooked" | "Settle" | "Reverse")) {
        Some(&"Unbooked") => SettlementStatus::Unbooked,
        Some(&"Settle") => SettlementStatus::Settle,
        Some(&"Reverse") => SettlementStatus::Reverse,
        _ => SettlementStatus::Booked,
    }
}

fn compare_balance(found: Option<&CashPosition>, row: &Row, place: &str) {
    let expected = row.figures.each_ref().map(|figure| dec(figure));
    let is_zero = expected.iter().all(|figure| figure.is_zero()) && row.pools.is_empty();
    let Some(found) = found else {
        return assert!(is_zero, "{place}: there is no balance");
    };
    assert!(!is_zero, "{place}: a balance of nothing is shown: {found:?}");
    let figures = [found.balance, found.unbooked_transactions, found.unfilled_buys, found.margin].map(figure);
    assert_eq!(figures, expected, "{place}: Balance, UnbookedTransactions, UnfilledBuys, Margin");
    let pools: Vec<String> = found.values.iter().map(|(pool, value)| format!("{pool}={value:?}")).collect();
    assert_eq!(pools.join(","), row.pools, "{place}: Values");
    let sum = figures.into_iter().reduce(|sum, figure| sum.plus(figure).expect("it fits")).expect("four figures");
    assert_eq!(sum, dec(&row.sum), "{place}: sum of the four");
    assert_eq!(found.currency, CURRENCY, "{place}");
}

fn compare_holding(found: Option<&AssetPosition>, row: &Row, place: &str) {
    let words = match found {
        None => "0 / 0 / none".to_owned(),
        Some(found) => {
            let average = found.average_price.map_or("none".to_owned(), |price| price.dec().to_string());
            let plain = |digits| figure(digits).normalised();
            format!("{} / {} / {average}", plain(found.quantity), plain(found.unfilled_sells))
        }
    };
    assert_eq!(words, row.holding, "{place}: Quantity / UnfilledSells / AveragePrice");
}

fn compare_orders(found: &[OrderState], row: &Row, place: &str) {
    let words: Vec<String> = found
        .iter()
        .map(|order| {
            let plain = |digits| figure(digits).normalised();
            let (quantity, executed) = (plain(order.quantity), plain(order.executed_quantity));
            let end = if order.is_completed { "done" } else { "open" };
            format!("#{}: {quantity} / {executed} / {} / {end}", order.order_id, plain(order.executed_value))
        })
        .collect();
    assert_eq!(words, row.orders, "{place}: Quantity / ExecutedQuantity / ExecutedValue");
}

/// A transaction as tables write it. What every one of a kind must have is asserted on the way.
fn in_words(transaction: &ClientTransaction, owner: &str) -> String {
    let details = transaction.details.as_ref().expect("a transaction has details");
    let of = details.account.as_ref().expect("a transaction names its account");
    assert_eq!(of.owner_id, owner, "the filter lets nobody else's through");
    let (id, account) = (&details.transaction_id, &of.account_id);
    let plain = |digits| figure(digits).normalised();
    let kind = transaction.r#type();
    let head = format!("{} {id} {account}", kind.as_str_name().trim_start_matches("ClientTransactionType_"));
    let words = match kind {
        ClientTransactionType::Trade => {
            assert!(details.timestamp.is_some(), "a trade's Timestamp is its order's");
            let cash = transaction.cash_transfer.as_ref().expect("the cash leg");
            let stock = transaction.asset_transfer.as_ref().expect("the stock leg");
            assert_eq!((&*stock.exchange, &*stock.code, &*cash.currency), (EXCHANGE, CODE, CURRENCY));
            let stock = format!("stock {} of {}", plain(stock.value), stock.order_id.as_deref().unwrap_or("none"));
            format!("{head} cash {} {} {stock}", plain(cash.value), cash_words(cash))
        }
        ClientTransactionType::Adjustment => {
            let cash = transaction.cash_adjustment.as_ref().expect("the cash leg");
            let stock = transaction.asset_adjustment.as_ref().expect("the stock leg");
            assert_eq!((&*stock.exchange, &*stock.code, &*cash.currency), (EXCHANGE, CODE, CURRENCY));
            assert_eq!(cash.reason, stock.reason);
            let settlement = settlement_word(cash.settlement());
            let stock = format!("stock {} {}", plain(stock.value), stock.reason);
            format!("{head} cash {} {settlement} {stock}", plain(cash.value))
        }
        ClientTransactionType::CashTransfer => {
            let cash = transaction.cash_transfer.as_ref().expect("the transfer");
            format!("{head} {} {}", plain(cash.value), cash_words(cash))
        }
        ClientTransactionType::AssetTransfer => {
            let stock = transaction.asset_transfer.as_ref().expect("the transfer");
            format!("{head} {}", plain(stock.value))
        }
        other => panic!("no update makes a transaction of type {other:?}"),
    };
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cash_words(cash: &ordo_core::proto::CashTransfer) -> String {
    let funds = cash.additional_funds.iter().map(|(kind, value)| format!("{kind}={}", value.dec().normalised()));
    let pool = cash.pool.as_ref().map(|pool| format!("pool {pool}"));
    let words = [settlement_word(cash.settlement()).to_owned()].into_iter().chain(funds).chain(pool);
    words.collect::<Vec<_>>().join(" ")
}

fn settlement_word(settlement: SettlementStatus) -> &'static str {
    settlement.as_str_name().trim_start_matches("SettlementStatus_")
}

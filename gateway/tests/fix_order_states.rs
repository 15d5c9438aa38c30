//! The order state change matrices of FIX, played through a hub over the network: every scenario, with each of its
//! branches, as a purchase and as a sale.
//!
//! A step becomes an update by the `oms_` columns. `Update` and `Trade` are what an adapter sends on an execution
//! report: the order's full state, with OrderQty as Quantity, CumQty as ExecutedQuantity, OrdStatus as Status, ClOrdID
//! as RequestID, and with the fill (LastQty) under ExecID, or that of the report it corrects under ExecRefID. A chain
//! of ClOrdIDs is one order, known by the first of them. What is in brackets is between the client and the adapter, or
//! between the adapter and the market: such a step sends nothing here, and nothing may change by it. A row that has a
//! branch stands instead of the rest of its scenario.
//!
//! The matrices rarely say prices; the limit and those of the fills are then ours. After every step the order, the
//! reservation that follows from its open quantity, and the cash and stock of its fills are read over REST.

#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use ordo_client::Form;
use ordo_core::dec::Dec;
use ordo_core::json::message;
use ordo_core::proto::{Account, AssetPosition, CashPosition, OrderState, OrderTradeType, OrderUpdateReason, Side};
use ordo_testkit::hub::*;

const MATRICES: &str = include_str!("data/fix-order-states.csv");
const LIMIT: &str = "20.25";

#[test]
fn every_scenario_and_branch_as_a_purchase() {
    play_all(Side::Buy);
}

#[test]
fn every_scenario_and_branch_as_a_sale() {
    play_all(Side::Sell);
}

#[test]
fn the_open_quantity_is_what_is_not_executed_unless_the_order_is_done() {
    for step in steps().iter().filter(|step| !step["CumQty"].is_empty()) {
        let (ordered, executed) = (dec(&step["OrderQty"]), dec(&step["CumQty"]));
        let open = if step["oms_is_completed"] == "1" { Dec::ZERO } else { ordered.minus(executed).expect("it fits") };
        assert_eq!(dec(&step["oms_unfilled_qty"]), open, "{step:?}");
    }
}

/// A row, by column.
type Step = BTreeMap<&'static str, String>;

fn steps() -> Vec<Step> {
    let mut lines = MATRICES.lines().filter(|line| !line.starts_with('#'));
    let columns: Vec<&str> = lines.next().expect("the columns' names").split(',').collect();
    let step = |line| {
        let cells = cells(line);
        assert_eq!(cells.len(), columns.len(), "{line}");
        columns.iter().copied().zip(cells).collect()
    };
    lines.map(step).collect()
}

/// Some cells are quoted, because they have commas; none has a quote.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            _ => cells.last_mut().expect("there is one").push(letter),
        }
    }
    cells
}

/// Each way through each scenario: its name, and its steps.
fn paths() -> Vec<(String, Vec<Step>)> {
    let mut scenarios: BTreeMap<String, Vec<Step>> = BTreeMap::new();
    for step in steps() {
        scenarios.entry(step["scenario"].clone()).or_default().push(step);
    }
    assert_eq!(scenarios.len(), 24);
    let mut paths = Vec::new();
    for (scenario, steps) in scenarios {
        let mut main: Vec<Step> = Vec::new();
        for step in steps {
            if step["branch"].is_empty() {
                main.push(step);
            } else {
                let name = format!("{scenario} {}", step["branch"]);
                paths.push((name, main.iter().cloned().chain([step]).collect()));
            }
        }
        paths.push((scenario, main));
    }
    assert_eq!(paths.len(), 24 + 22);
    paths
}

/// On one hub, every path in accounts of its own: with the executed figures stated, and with those left to the hub.
fn play_all(side: Side) {
    let rig = Rig::start();
    for (owner, form, states_executed) in [("S", Form::Json, true), ("D", Form::Binary, false)] {
        let (mut line, _) = FeedLine::open(&rig, owner, form);
        for (name, steps) in paths() {
            let of = account(owner, &name.replace(' ', "-"));
            let (orders, first_names) = (BTreeMap::new(), BTreeMap::new());
            let mut play = Play { rig: &rig, line: &mut line, of, side, states_executed, orders, first_names };
            for step in &steps {
                let place = format!("{name}, step {}, {side:?}, figures stated: {states_executed}", step["step"]);
                play.step(step, &place);
                play.compare(&place);
            }
        }
    }
}

/// An order as the market has it.
#[derive(Default)]
struct Known {
    state: OrderState,
    /// Quantity and price of each fill, by ExecID.
    fills: BTreeMap<String, (Dec, Dec)>,
    open: Dec,
}

impl Known {
    fn executed(&self) -> (Dec, Dec) {
        let add = |sum: Dec, figure: Dec| sum.plus(figure).expect("it fits");
        let value = |(quantity, price): &(Dec, Dec)| quantity.times(*price).expect("it fits");
        self.fills.values().fold((Dec::ZERO, Dec::ZERO), |sum, fill| (add(sum.0, fill.0), add(sum.1, value(fill))))
    }
}

/// A path being played.
struct Play<'a> {
    rig: &'a Rig,
    line: &'a mut FeedLine,
    of: Account,
    side: Side,
    states_executed: bool,
    /// By the first of its ClOrdIDs.
    orders: BTreeMap<String, Known>,
    /// Of each ClOrdID, the first of its chain.
    first_names: BTreeMap<String, String>,
}

impl Play<'_> {
    fn step(&mut self, step: &Step, place: &str) {
        let id = self.order_of(step);
        let reason = match &*step["oms_action"] {
            "Update" | "Trade" => reason(&step["oms_reason"]),
            other => {
                assert!(other.is_empty() || other.starts_with('('), "{place}: {other}");
                if !step["oms_unfilled_qty"].is_empty() {
                    assert_eq!(self.orders[&id].open, dec(&step["oms_unfilled_qty"]), "{place}: untouched");
                }
                return;
            }
        };
        let (ordered, completed) = (number(&step["OrderQty"]), step["oms_is_completed"] == "1");
        let new = || Known { state: limit_order(&self.of, &id, self.side, "0", LIMIT), ..Known::default() };
        let known = self.orders.entry(id.clone()).or_insert_with(new);
        known.open = dec(&step["oms_unfilled_qty"]);
        let state = &mut known.state;
        (state.quantity, state.is_completed) = (Some(ordered), completed);
        state.request_id.clone_from(&step["ClOrdID"]);
        state.status.clone_from(&step["OrdStatus"]);
        let fill = (step["oms_action"] == "Trade").then(|| known.fill(step));
        let (quantity, value) = known.executed();
        assert_eq!(quantity, dec(&step["CumQty"]), "{place}: the fills make CumQty");
        let mut order = known.state.clone();
        (order.executed_quantity, order.executed_value) = (Some(quantity.into()), Some(value.into()));
        // An update says all that was executed: it derives nothing.
        if fill.is_some() && !self.states_executed {
            (order.executed_quantity, order.executed_value) = (None, None);
        }
        let mut action = update(order.clone(), reason);
        if let Some(fill) = fill {
            let said = action.update.take();
            action = trade(order, fill);
            action.update = said;
        }
        self.line.act(0, action);
    }

    /// The order that a step's ClOrdID names: that of the one it goes on from, or one of its own.
    fn order_of(&mut self, step: &Step) -> String {
        let (name, original) = (&step["ClOrdID"], &step["OrigClOrdID"]);
        if name.is_empty() {
            return String::new();
        }
        let first = self.first_names.get(original).or_else(|| self.first_names.get(name)).unwrap_or(name).clone();
        self.first_names.insert(name.clone(), first.clone());
        first
    }

    fn compare(&self, place: &str) {
        let add = |sum: Dec, figure: Dec| sum.plus(figure).expect("it fits");
        let (mut open, mut executed, mut value) = (Dec::ZERO, Dec::ZERO, Dec::ZERO);
        for (id, known) in &self.orders {
            self.compare_order(id, known, place);
            open = add(open, known.open);
            executed = add(executed, known.executed().0);
            value = add(value, known.executed().1);
        }
        let of = format!("/for/{}/{}", self.of.owner_id, self.of.account_id);
        let balance = listed::<CashPosition>(self.rig.addr(), &of).pop().unwrap_or_default();
        let holding = listed::<AssetPosition>(self.rig.addr(), &of).pop().unwrap_or_default();
        let reserved = open.times(dec(LIMIT)).expect("it fits");
        let (buys, sells, cash, stock) = match self.side {
            Side::Buy => (reserved.negated(), Dec::ZERO, value.negated(), executed),
            _ => (Dec::ZERO, open.negated(), value, executed.negated()),
        };
        assert_eq!(figure(balance.unfilled_buys), buys, "{place}: UnfilledBuys");
        assert_eq!(figure(holding.unfilled_sells), sells, "{place}: UnfilledSells");
        assert_eq!(figure(balance.unbooked_transactions), cash, "{place}: UnbookedTransactions");
        assert_eq!(figure(holding.quantity), stock, "{place}: Quantity of the holding");
    }

    fn compare_order(&self, id: &str, known: &Known, place: &str) {
        let answer = self.rig.get(&format!("/order/for/{}/{}/{id}", self.of.owner_id, self.of.account_id));
        assert_eq!(answer.status, 200, "{place}: order {id}");
        let found: OrderState = answer.record(message::ORDER_STATE).expect("an order");
        let executed = (figure(found.executed_quantity), figure(found.executed_value));
        assert_eq!(executed, known.executed(), "{place}: ExecutedQuantity and ExecutedValue");
        assert_eq!(found.is_completed, known.state.is_completed, "{place}: IsCompleted");
        assert_eq!((&found.status, &found.request_id), (&known.state.status, &known.state.request_id), "{place}");
        let remaining = figure(found.quantity).minus(executed.0).expect("it fits");
        let open = if found.is_completed { Dec::ZERO } else { remaining };
        assert_eq!(open, known.open, "{place}: the open quantity");
    }
}

impl Known {
    /// The step's fill, or the correction of an earlier one.
    fn fill(&mut self, step: &Step) -> ordo_core::proto::OrderTrade {
        let kind = match &*step["oms_trade_type"] {
            "Trade" => OrderTradeType::Trade,
            "Correction" => OrderTradeType::Correction,
            other => panic!("no trade is of type {other}"),
        };
        let given = |column: &str, otherwise: String| {
            Some(step[column].clone()).filter(|it| !it.is_empty()).unwrap_or(otherwise)
        };
        let id = match kind {
            OrderTradeType::Correction => step["ExecRefID"].clone(),
            _ => given("ExecID", format!("E{}", step["step"])),
        };
        // Below the limit, and another one for each fill.
        let price = given("LastPx", format!("20.0{}", self.fills.len() + 1));
        let known = self.fills.insert(id.clone(), (dec(&step["LastQty"]), dec(&price)));
        assert_eq!(known.is_some(), kind == OrderTradeType::Correction, "{step:?}");
        order_trade(&id, kind, &step["LastQty"], &price)
    }
}

fn reason(name: &str) -> OrderUpdateReason {
    let name = format!("OrderUpdateReason_{name}");
    OrderUpdateReason::from_str_name(&name).unwrap_or_else(|| panic!("no reason is called {name}"))
}

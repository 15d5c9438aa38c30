//! Scenarios as text tables: a command a line, and after `->` what it leaves, read from the encoded records.
//!
//! ```text
//! cash A 500 fund 1.5 unbooked -> cash A 0 498.5 0 0 | events balance transaction
//! buy A #1 100@10 est 9.95     -> order A #1 100 0 0 open | events action order balance
//! trade #1 T1 40@9.90 fee 9.95 exec 40/396 done
//! bust #1 T1 exec 0/0          -> held A none
//! buy "" #1 1@1                -> refused Account
//! ```
//!
//! `cash A`: Balance, UnbookedTransactions, UnfilledBuys, Margin, then pools. `held A`: Quantity, UnfilledSells,
//! AveragePrice. `order A #1`: Quantity, ExecutedQuantity, ExecutedValue. Accounts are of one owner, the currency is
//! AUD and the instrument BHP on XASX unless said.

mod batches;
mod command;
mod definitions;
mod examples;
mod executed;
mod oddities;
mod refusals;
mod rest;
mod retention;
mod transform;
mod transform_accounts;
mod transform_books;
mod transform_command;
mod transform_cost;
mod transform_stream;

use std::collections::BTreeMap;

use prost::Message;

use super::*;
use crate::proto::{self, BigNumber};
use crate::record::Origin;
use crate::views::Views;

struct Table {
    engine: Engine,
    views: Views,
    outcome: Outcome,
    /// Each order as the adapter last stated it, by id.
    stated: BTreeMap<String, proto::OrderState>,
}

/// Runs a table. Each line is applied, and all that stands behind its arrow holds then.
fn check(table: &str) -> Table {
    let mut state = Table::new();
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")) {
        let (command, expected) = line.split_once("->").unwrap_or((line, ""));
        if !command.trim().is_empty() {
            let stated = state.stated.clone();
            let hash = state.engine.state.hash;
            match transform_command::operation(command) {
                Some(operation) => state.operate(operation),
                None => {
                    let action = state.action(command);
                    state.apply(&action);
                }
            }
            let refused = !state.outcome.is_accepted();
            if refused {
                state.stated = stated;
            }
            assert_eq!(refused, expected.contains("refused"), "{line}: {:?}", state.outcome.refusals);
            assert!(!refused || state.engine.state.hash == hash, "{line}: a refusal changes nothing");
        }
        for expected in expected.split('|').map(str::trim).filter(|text| !text.is_empty()) {
            assert_eq!(state.found(expected), expected, "{line}");
        }
    }
    state
}

impl Table {
    fn new() -> Table {
        let (engine, views) = (Engine::new(0), Views::default());
        Table { engine, views, outcome: Outcome::default(), stated: BTreeMap::new() }
    }

    fn apply(&mut self, action: &proto::ExternalAction) {
        let r#type = FeedRequestType::Action as i32;
        let bytes = proto::FeedRequest { r#type, action: Some(action.clone()), ..Default::default() }.encode_to_vec();
        self.apply_bytes(&bytes);
    }

    fn apply_bytes(&mut self, bytes: &[u8]) {
        self.apply_at(self.next_stamp(), bytes);
    }

    fn apply_at(&mut self, stamp: Stamp, bytes: &[u8]) {
        let request = FeedRequest::decode(bytes).expect("written by prost");
        self.engine.apply(Input { stamp, bytes, request: &request }, &mut self.outcome);
        self.views.fold(&self.outcome);
    }

    /// Applies what came through REST; its position, 0 if it took none.
    fn rest(&mut self, request: &proto::FeedRequest) -> i64 {
        self.apply_at(Stamp { origin: Origin::REST, ..self.next_stamp() }, &request.encode_to_vec());
        self.outcome.stamp.position
    }

    fn next_stamp(&self) -> Stamp {
        let sequence = self.engine.sequence() + 1;
        Stamp { sequence, time_ns: self.engine.time_ns().max(1_000_000_000) + 1, feed: FeedNo::OMS, ..Stamp::default() }
    }

    /// The codes of a refusal; none if the last update was accepted.
    fn codes(&self) -> Vec<std::borrow::Cow<'static, str>> {
        self.outcome.codes().collect()
    }

    /// An engine made of an image now is the same one.
    fn assert_image_is_whole(&self) {
        let loaded = Engine::from_image(&self.engine.image()).expect("just made");
        assert_eq!(loaded.state_hash(), self.engine.state_hash());
        assert!(loaded.image() == self.engine.image(), "one image, byte for byte");
    }

    /// What is the case, in the words of the expectation.
    fn found(&self, expected: &str) -> String {
        let words: Vec<&str> = expected.split_whitespace().collect();
        match words[..] {
            ["cash", account, ..] => format!("cash {account} {}", self.cash(account)),
            ["held", account, ..] => format!("held {account} {}", self.held(account)),
            ["state", account, id, ..] => format!("state {account} {id}{}", self.order_state(account, id)),
            ["order", account, id, ..] => format!("order {account} {id} {}", self.order(account, id)),
            ["events", ..] => format!("events{}", self.events()),
            ["refused", ..] => format!("refused{}", join(self.outcome.codes())),
            ["oddities", ..] => {
                let odd = self.engine.oddities();
                format!("oddities {} {} {}", odd.duplicate_trades, odd.unknown_trades, odd.reconcile_mismatches)
            }
            _ => panic!("no such expectation: {expected}"),
        }
    }

    /// `A`, or `P:A` of another owner.
    fn account(&self, account: &str) -> crate::names::AccountNo {
        let (owner, account) = account.split_once(':').unwrap_or(("O", account));
        self.views.account(owner, account).expect("an account that was named")
    }

    /// `A`, or `A/USD`.
    fn cash(&self, account: &str) -> String {
        let (account, currency) = account.split_once('/').unwrap_or((account, "AUD"));
        let number = self.account(account);
        let mut records =
            self.views.balances_of(number).map(|record| proto::CashPosition::decode(&record.bytes[..]).unwrap());
        let Some(record) = records.find(|record| record.currency == currency) else { return "none".into() };
        let figures =
            [record.balance, record.unbooked_transactions, record.unfilled_buys, record.margin].map(plain).join(" ");
        figures + &join(record.values.iter().map(|(pool, value)| format!("{pool}={}", plain(Some(*value)))))
    }

    /// `A`, or `A/CBA`.
    fn held(&self, account: &str) -> String {
        let (account, code) = account.split_once('/').unwrap_or((account, "BHP"));
        let number = self.account(account);
        let mut records =
            self.views.holdings_of(number).map(|record| proto::AssetPosition::decode(&record.bytes[..]).unwrap());
        let Some(record) = records.find(|record| record.code == code) else { return "none".into() };
        let average = record.average_price.map_or("none".into(), |price| plain(Some(price)));
        format!("{} {} {average}", plain(record.quantity), plain(record.unfilled_sells))
    }

    fn order(&self, account: &str, id: &str) -> String {
        let number = self.account(account);
        let Some(record) = self.views.order(number, id) else { return "gone".into() };
        let order = proto::OrderState::decode(&record.bytes[..]).unwrap();
        assert_eq!(order.is_completed, record.completed);
        let figures = [order.quantity, order.executed_quantity, order.executed_value].map(plain).join(" ");
        format!("{figures} {}", if order.is_completed { "done" } else { "open" })
    }

    /// The kinds, in the order in which they are sent; `-` before one that shows a record for the last time.
    fn events(&self) -> String {
        let sign = |removed: bool, kind: &str| if removed { format!("-{kind}") } else { kind.to_owned() };
        let out = &self.outcome;
        let action = out.action.iter().map(|_| "action".to_owned());
        let orders = out.orders.iter().map(|event| sign(event.removed, &self.order_event(event)));
        let holdings = out.holdings.iter().map(|event| sign(event.removed, "holding"));
        let balances = out.balances.iter().map(|event| sign(event.removed, "balance"));
        let transaction = out.transaction.iter().map(|_| "transaction".to_owned());
        let operation = out.operation.iter().map(|_| "operation".to_owned());
        let definitions = out.metadata.iter().map(|event| sign(event.removed, "definition"));
        join(
            definitions.chain(operation).chain(action).chain(orders).chain(holdings).chain(balances).chain(transaction),
        )
    }

    /// `order`, or `order<XASX` of one that left an exchange.
    fn order_event(&self, event: &crate::outcome::OrderEvent) -> String {
        let Some(former) = event.former else { return "order".into() };
        let exchange = &*self.views.names().instrument(former.instrument).exchange;
        let state = proto::OrderState::decode(self.outcome.bytes_of(former.state)).expect("an OrderState");
        assert_eq!(&*state.exchange, exchange, "it is shown as it was");
        format!("order<{exchange}")
    }

    /// The last update's transaction, as the view shows it.
    fn transaction(&self, action: &proto::ExternalAction) -> proto::ClientTransaction {
        let r#type = FeedRequestType::Action as i32;
        let bytes = proto::FeedRequest { r#type, action: Some(action.clone()), ..Default::default() }.encode_to_vec();
        let request = FeedRequest::decode(&bytes).expect("written by prost");
        let mut w = ReverseWriter::default();
        let input = Input { stamp: self.outcome.stamp, bytes: &bytes, request: &request };
        crate::encode::transaction_event(&mut w, self.views.names(), &input, &self.outcome);
        let message = proto::EventMessage::decode(w.bytes()).expect("prost reads what the writer writes");
        message.updates.into_iter().next().and_then(|event| event.transaction).expect("there was one")
    }
}

fn join<T: std::fmt::Display>(words: impl Iterator<Item = T>) -> String {
    words.map(|word| format!(" {word}")).collect()
}

fn plain(number: Option<BigNumber>) -> String {
    number.map_or(Dec::ZERO, BigNumber::dec).normalised().to_string()
}

fn figure(text: &str) -> BigNumber {
    text.parse::<Dec>().unwrap_or_else(|_| panic!("{text} is no figure")).into()
}

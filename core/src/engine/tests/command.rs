//! Commands of the tables, as the actions an adapter would send.

use super::*;
use crate::proto::{ExternalActionType, OrderTradeType, TimestampWithTimeZone};

impl Table {
    /// The action of a command; an order's new state is remembered.
    pub(super) fn action(&mut self, command: &str) -> proto::ExternalAction {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            ["cash", account, value, ref rest @ ..] => cash(account, value, rest),
            ["stock", account, value, ref rest @ ..] => stock(account, value, rest),
            [side @ ("buy" | "sell" | "short"), account, id, size, ref rest @ ..] => {
                let side = ["buy", "sell", "short"].iter().position(|known| *known == side).unwrap_or(0) as i32 + 1;
                let order = proto::OrderState {
                    order_id: unquoted(id),
                    account: account_of(account),
                    code: "BHP".into(),
                    exchange: "XASX".into(),
                    currency: "AUD".into(),
                    side,
                    ..Default::default()
                };
                self.state(order, Some(size), rest, ExternalActionType::Update)
            }
            ["amend", id, size, ref rest @ ..] if size.contains('@') => {
                let order = self.stated[id].clone();
                self.state(order, Some(size), rest, ExternalActionType::Replace)
            }
            ["amend", id, ref rest @ ..] => {
                let order = self.stated[id].clone();
                self.state(order, None, rest, ExternalActionType::Update)
            }
            ["trade", id, trade, size, ref rest @ ..] => self.trade(OrderTradeType::Trade, id, trade, Some(size), rest),
            ["correct", id, trade, size, ref rest @ ..] => {
                self.trade(OrderTradeType::Correction, id, trade, Some(size), rest)
            }
            ["bust", id, trade, ref rest @ ..] => self.trade(OrderTradeType::Cancel, id, trade, None, rest),
            _ => panic!("no such command: {command}"),
        }
    }

    fn state(
        &mut self,
        mut order: proto::OrderState,
        size: Option<&str>,
        options: &[&str],
        kind: ExternalActionType,
    ) -> proto::ExternalAction {
        if let Some((quantity, price)) = size.and_then(|size| size.split_once('@')) {
            order.quantity = Some(figure(quantity));
            order.price = (price != "-").then(|| figure(price));
        }
        let previous = order.account.clone();
        let (mut trade, mut moves) = (proto::OrderTrade::default(), false);
        self.options(&mut order, &mut trade, &mut moves, options);
        let update = proto::OrderUpdate { previous_account: previous, ..Default::default() };
        proto::ExternalAction {
            r#type: kind as i32,
            order: Some(Box::new(order)),
            update: moves.then(|| Box::new(update)),
            ..Default::default()
        }
    }

    fn trade(
        &mut self,
        kind: OrderTradeType,
        id: &str,
        trade: &str,
        size: Option<&str>,
        options: &[&str],
    ) -> proto::ExternalAction {
        let mut order = self.stated[id].clone();
        let mut trade = proto::OrderTrade { trade_id: unquoted(trade), r#type: kind as i32, ..Default::default() };
        if let Some((quantity, price)) = size.and_then(|size| size.split_once('@')) {
            trade.quantity = (quantity != "-").then(|| figure(quantity));
            trade.price = (price != "-").then(|| figure(price));
        }
        let (previous, mut moves) = (order.account.clone(), false);
        (order.executed_quantity, order.executed_value) = (None, None);
        self.options(&mut order, &mut trade, &mut moves, options);
        let update = proto::OrderUpdate { previous_account: previous, ..Default::default() };
        proto::ExternalAction {
            r#type: ExternalActionType::Trade as i32,
            order: Some(Box::new(order)),
            update: moves.then(|| Box::new(update)),
            trade: Some(Box::new(trade)),
            ..Default::default()
        }
    }

    fn options(
        &mut self,
        order: &mut proto::OrderState,
        trade: &mut proto::OrderTrade,
        moves: &mut bool,
        options: &[&str],
    ) {
        let mut words = options.iter();
        while let Some(option) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{option} needs a value"));
            match *option {
                "est" => drop(order.additional_funds.insert("Brokerage".into(), figure(value()))),
                "paid" => drop(order.executed_additional_funds.insert("Brokerage".into(), figure(value()))),
                "fee" => drop(trade.additional_funds.insert("Brokerage".into(), figure(value()))),
                "reserve" => drop(order.values.insert("ReservePrice".into(), figure(value()).into())),
                "exec" => {
                    let (quantity, sum) = value().split_once('/').expect("quantity/value");
                    order.executed_quantity = Some(figure(quantity));
                    order.executed_value = (sum != "-").then(|| figure(sum));
                }
                "currency" => order.currency = unquoted(value()),
                "exchange" => order.exchange = unquoted(value()),
                "code" => order.code = unquoted(value()),
                "side" => order.side = value().parse().expect("a number"),
                "group" => order.group = unquoted(value()),
                "status" => order.status = unquoted(value()),
                "remove-at" => {
                    let seconds = value().parse().expect("seconds");
                    order.remove_after = Some(TimestampWithTimeZone { seconds, nanoseconds: 0, tz_offset: 0 });
                }
                "done" => order.is_completed = true,
                "open" => order.is_completed = false,
                "remove" => order.remove_after = Some(TimestampWithTimeZone::default()),
                "at" => {
                    let seconds = value().parse().expect("seconds");
                    order.timestamp = Some(TimestampWithTimeZone { seconds, nanoseconds: 0, tz_offset: 0 });
                }
                "to" => {
                    order.account = account_of(value());
                    *moves = true;
                }
                other => panic!("no such option: {other}"),
            }
        }
        let mut kept = order.clone();
        kept.remove_after = None;
        self.stated.insert(order.order_id.clone(), kept);
    }
}

/// `A`, or `P:A` of another owner.
pub(super) fn account_of(account: &str) -> Option<proto::Account> {
    let (owner, account) = account.split_once(':').unwrap_or(("O", account));
    Some(proto::Account { owner_id: owner.into(), account_id: unquoted(account) })
}

pub(super) fn unquoted(word: &str) -> String {
    word.trim_matches('"').into()
}

fn details(account: &str) -> Option<Box<proto::TransactionDetails>> {
    Some(Box::new(proto::TransactionDetails { account: account_of(account), ..Default::default() }))
}

fn cash(account: &str, value: &str, options: &[&str]) -> proto::ExternalAction {
    let mut transfer = proto::CashTransfer { currency: "AUD".into(), value: Some(figure(value)), ..Default::default() };
    let mut words = options.iter();
    while let Some(option) = words.next() {
        let statuses = ["booked", "unbooked", "settle", "reverse", "unheard-of"];
        match (*option, statuses.iter().position(|status| status == option)) {
            (_, Some(status)) => transfer.settlement = status as i32,
            ("fund", _) => {
                let _ = transfer.additional_funds.insert("Fee".into(), figure(words.next().expect("a figure")));
            }
            ("pool", _) => transfer.pool = words.next().map(|pool| unquoted(pool)),
            ("currency", _) => transfer.currency = words.next().map(|code| unquoted(code)).expect("a code"),
            (other, _) => panic!("no such option: {other}"),
        }
    }
    proto::ExternalAction {
        r#type: ExternalActionType::CashTransfer as i32,
        transaction: details(account),
        cash_transfer: Some(Box::new(transfer)),
        ..Default::default()
    }
}

fn stock(account: &str, value: &str, options: &[&str]) -> proto::ExternalAction {
    let mut transfer = proto::AssetTransfer { code: "BHP".into(), exchange: "XASX".into(), ..Default::default() };
    transfer.value = Some(figure(value));
    let mut transaction = details(account);
    let mut words = options.iter();
    while let Some(option) = words.next() {
        let value = words.next().expect("a value");
        match *option {
            "price" => {
                drop(transaction.as_mut().expect("made above").values.insert("Price".into(), figure(value).into()))
            }
            "code" => transfer.code = unquoted(value),
            "exchange" => transfer.exchange = unquoted(value),
            other => panic!("no such option: {other}"),
        }
    }
    proto::ExternalAction {
        r#type: ExternalActionType::AssetTransfer as i32,
        transaction,
        asset_transfer: Some(Box::new(transfer)),
        ..Default::default()
    }
}

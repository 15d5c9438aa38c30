//! A seeded stream of actions: an adapter that knows what it sent, and now and then errs.

use ordo_core::dec::Dec;
use ordo_core::proto::{self, BigNumber, ExternalActionType, OrderTradeType, TimestampWithTimeZone};

use super::rng::Rng;

/// An order as the adapter last stated it, with the trades it reported.
#[derive(Debug, Clone)]
struct Known {
    state: proto::OrderState,
    trades: Vec<String>,
    gone: bool,
    /// Of another order of that id, in another account: neither may move to where the other is.
    is_twin: bool,
}

pub(crate) struct Stream {
    pub(crate) rng: Rng,
    orders: Vec<Known>,
    next_id: u32,
    last: Option<proto::ExternalAction>,
}

const ACCOUNTS: [(&str, &str); 5] = [("O", "A"), ("O", "B"), ("O", "C"), ("", "A"), ("P", "A")];
const CODES: [(&str, &str); 3] = [("XASX", "BHP"), ("XASX", "CBA"), ("XNAS", "BHP")];

pub(crate) fn number(text: &str) -> BigNumber {
    text.parse::<Dec>().expect("a figure").into()
}

fn account((owner, account): (&str, &str)) -> Option<proto::Account> {
    Some(proto::Account { owner_id: owner.into(), account_id: account.into() })
}

/// A cash transfer of AUD to an account of owner O.
pub(crate) fn deposit(id: &str, value: &str) -> proto::ExternalAction {
    let transaction = proto::TransactionDetails { account: account(("O", id)), ..Default::default() };
    let transfer = proto::CashTransfer { currency: "AUD".into(), value: Some(number(value)), ..Default::default() };
    proto::ExternalAction {
        r#type: ExternalActionType::CashTransfer as i32,
        transaction: Some(Box::new(transaction)),
        cash_transfer: Some(Box::new(transfer)),
        ..Default::default()
    }
}

impl Stream {
    pub(crate) fn new(seed: u64) -> Stream {
        Stream { rng: Rng::new(seed), orders: Vec::new(), next_id: 0, last: None }
    }

    pub(crate) fn next(&mut self) -> proto::ExternalAction {
        let action = match self.rng.below(100) {
            0..12 => self.new_order(),
            12..28 => self.amend(),
            28..33 => self.move_order(),
            33..55 => self.trade(),
            55..60 => self.duplicate_trade(),
            60..72 => self.revise_trade(),
            72..76 => self.unknown_trade(),
            76..88 => self.cash_transfer(),
            88..95 => self.asset_transfer(),
            95..97 => self.again(),
            _ => self.flawed(),
        };
        self.last = Some(action.clone());
        action
    }

    /// A new order and a trade of it that leaves its executed figures to the hub, with an id; nobody else knows of it.
    pub(crate) fn order_and_trade(&mut self) -> (proto::ExternalAction, proto::ExternalAction) {
        let order = self.new_order();
        let mut trade = self.trade_of(self.orders.len() - 1, OrderTradeType::Trade, Some("once".into()));
        let state = trade.order.as_mut().expect("it has one");
        (state.executed_quantity, state.executed_value) = (None, None);
        state.executed_additional_funds.clear();
        self.orders.pop();
        (order, trade)
    }

    /// An order with the id of another one, in another account.
    pub(crate) fn twin(&mut self) -> proto::ExternalAction {
        let Some(at) = self.known() else { return self.new_order() };
        let mut state = self.orders[at].state.clone();
        let taken = |other: &Known| other.state.order_id == state.order_id;
        let of = account(self.rng.one_of(&ACCOUNTS));
        if of == state.account || self.orders.iter().filter(|other| taken(other)).count() > 1 {
            return self.new_order();
        }
        state.account = of;
        self.orders[at].is_twin = true;
        self.orders.push(Known { state: state.clone(), trades: Vec::new(), gone: false, is_twin: true });
        self.last = None;
        self.action(ExternalActionType::Update, state, None)
    }

    /// The adapter follows a rename.
    pub(crate) fn rename(&mut self, rename: impl Fn(&mut proto::OrderState)) {
        self.orders.iter_mut().for_each(|known| rename(&mut known.state));
        // The last action names what may be gone; said again it would be another one.
        self.last = None;
    }

    /// The adapter hears which of its orders are there.
    pub(crate) fn hear(&mut self, is_there: impl Fn(&super::model::Account, &str) -> bool) {
        for known in &mut self.orders {
            let account = super::model::account_of(known.state.account.as_ref());
            known.gone = !is_there(&account, &known.state.order_id);
        }
    }

    /// Some figures of an action made as large, as long or as small as figures get.
    pub(crate) fn enlarge(&mut self, action: &mut proto::ExternalAction) {
        let mut figures: Vec<&mut Option<BigNumber>> = Vec::new();
        if let Some(order) = &mut action.order {
            figures.extend([&mut order.price, &mut order.quantity]);
        }
        if let Some(trade) = &mut action.trade {
            figures.extend([&mut trade.price, &mut trade.quantity]);
        }
        figures.extend(action.cash_transfer.as_mut().map(|transfer| &mut transfer.value));
        figures.extend(action.asset_transfer.as_mut().map(|transfer| &mut transfer.value));
        for figure in figures.into_iter().filter(|figure| figure.is_some()) {
            if self.rng.one_in(3) {
                let bits = self.rng.one_of(&[40, 64, 90, 126, 127]);
                let mantissa = (u128::from(self.rng.next()) << 64 | u128::from(self.rng.next())) >> (128 - bits);
                let scale = self.rng.one_of(&[0, 0, 2, 10, 20, 38]);
                *figure = Some(Dec::new(mantissa as i128, scale).expect("below 2^127").into());
            }
        }
    }

    fn figure(&mut self, bound: usize) -> BigNumber {
        let scale = self.rng.one_of(&[0, 0, 0, 1, 2, 4]);
        Dec::new(self.rng.below(bound) as i128, scale).expect("small").into()
    }

    fn price(&mut self) -> Option<BigNumber> {
        match self.rng.below(12) {
            0 | 1 => None,
            2 => Some(BigNumber::from(self.figure(500).dec().negated())),
            _ => Some(self.figure(20_000)),
        }
    }

    fn funds(&mut self, map: &mut std::collections::BTreeMap<String, BigNumber>, negative: bool) {
        for name in ["Brokerage", "Tax"] {
            if self.rng.one_in(3) {
                let value = self.figure(1_000).dec();
                let value = if negative && self.rng.one_in(6) { value.negated() } else { value };
                map.insert(name.into(), value.into());
            }
        }
    }

    fn new_order(&mut self) -> proto::ExternalAction {
        self.next_id += 1;
        let (exchange, code) = self.rng.one_of(&CODES);
        let mut state = proto::OrderState {
            order_id: format!("#{}", self.next_id),
            account: account(self.rng.one_of(&ACCOUNTS)),
            code: code.into(),
            exchange: exchange.into(),
            currency: self.rng.one_of(&["AUD", "AUD", "AUD", "USD", ""]).into(),
            // Mostly buys and sells; one that no rule knows.
            side: self.rng.one_of(&[1, 1, 1, 2, 2, 3, 4, 5, 6, 0, 9]),
            order_type: 1,
            price: self.price(),
            quantity: if self.rng.one_in(20) { None } else { Some(self.figure(1_000)) },
            ..Default::default()
        };
        if self.rng.one_in(4) {
            state.values.insert("ReservePrice".into(), self.figure(5_000).into());
        }
        self.funds(&mut state.additional_funds, true);
        self.orders.push(Known { state: state.clone(), trades: Vec::new(), gone: false, is_twin: false });
        self.action(ExternalActionType::Update, state, None)
    }

    /// An order action; times are given now and then, so that a state can come again as it was.
    fn action(
        &mut self,
        kind: ExternalActionType,
        mut order: proto::OrderState,
        trade: Option<proto::OrderTrade>,
    ) -> proto::ExternalAction {
        if self.rng.one_in(3) {
            let seconds = 1_795_000_000 + self.rng.below(1_000_000) as u64;
            order.timestamp = Some(TimestampWithTimeZone { seconds, nanoseconds: 5, tz_offset: 600 });
        }
        if self.rng.one_in(5) {
            order.created = Some(TimestampWithTimeZone { seconds: 1_794_000_000, nanoseconds: 0, tz_offset: 0 });
        }
        proto::ExternalAction {
            r#type: kind as i32,
            order: Some(Box::new(order)),
            trade: trade.map(Box::new),
            ..Default::default()
        }
    }

    /// An order that exists, mostly; one that was removed, sometimes.
    fn known(&mut self) -> Option<usize> {
        for _ in 0..8 {
            let at = self.orders.len().checked_sub(1)? - self.rng.below(self.orders.len().min(40));
            if !self.orders[at].gone || self.rng.one_in(6) {
                return Some(at);
            }
        }
        None
    }

    fn amend(&mut self) -> proto::ExternalAction {
        let Some(at) = self.known() else { return self.new_order() };
        let mut state = self.orders[at].state.clone();
        match self.rng.below(10) {
            0..4 => {
                state.quantity = Some(self.figure(1_000));
                state.price = self.price();
            }
            4 => self.funds(&mut state.additional_funds, false),
            5 => state.is_completed = !state.is_completed,
            6 => state.is_completed = true,
            7 => state.code = "CBA".into(),
            8 => state.currency = self.rng.one_of(&["AUD", "USD", ""]).into(),
            _ => {}
        }
        if self.rng.one_in(3) {
            state.executed_quantity = Some(self.figure(400));
            state.executed_value = Some(self.figure(90_000));
            self.funds(&mut state.executed_additional_funds, true);
        }
        self.orders[at].state = state.clone();
        self.orders[at].gone = false;
        if self.rng.one_in(9) {
            let nanoseconds = self.rng.one_of(&[0, 0, 1]);
            state.remove_after = Some(TimestampWithTimeZone { seconds: 0, nanoseconds, tz_offset: 0 });
            self.orders[at].gone = true;
        } else if self.rng.one_in(9) {
            state.remove_after = Some(TimestampWithTimeZone { seconds: 1_900_000_000, nanoseconds: 0, tz_offset: 0 });
        }
        let kind = self.rng.one_of(&[ExternalActionType::Update, ExternalActionType::Replace]);
        self.action(kind, state, None)
    }

    fn move_order(&mut self) -> proto::ExternalAction {
        let update = |previous_account| Some(Box::new(proto::OrderUpdate { previous_account, ..Default::default() }));
        let may_move = |known: &Known| !known.gone && !known.is_twin;
        let Some(at) = self.known().filter(|at| may_move(&self.orders[*at]) && !self.rng.one_in(10)) else {
            // From where it never was. Two orders that both say they began under one key are beyond any rule.
            return proto::ExternalAction { update: update(account(("O", "nobody"))), ..self.new_order() };
        };
        let mut state = self.orders[at].state.clone();
        let previous = state.account.clone();
        state.account = account(self.rng.one_of(&ACCOUNTS));
        self.orders[at].state = state.clone();
        self.orders[at].gone = false;
        let mut action = if self.rng.one_in(4) {
            let trade = self.stated_trade(at);
            self.action(ExternalActionType::Trade, state, Some(trade))
        } else {
            self.action(ExternalActionType::Update, state, None)
        };
        action.update = update(previous);
        action
    }

    /// A trade of the order under an id that is new.
    fn stated_trade(&mut self, at: usize) -> proto::OrderTrade {
        self.next_id += 1;
        let id = if self.rng.one_in(20) { String::new() } else { format!("T{}", self.next_id) };
        self.orders[at].trades.push(id.clone());
        let mut trade = proto::OrderTrade {
            trade_id: id,
            r#type: OrderTradeType::Trade as i32,
            price: Some(self.price().unwrap_or_else(|| number("0.00"))),
            quantity: Some(if self.rng.one_in(25) { number("0") } else { self.figure(120) }),
            ex_destination: self.rng.one_of(&["", "ASX"]).into(),
            ..Default::default()
        };
        self.funds(&mut trade.additional_funds, true);
        trade
    }

    fn trade_of(&mut self, at: usize, kind: OrderTradeType, id: Option<String>) -> proto::ExternalAction {
        let mut trade = self.stated_trade(at);
        trade.r#type = kind as i32;
        if let Some(id) = id {
            self.orders[at].trades.pop();
            trade.trade_id = id;
        }
        let mut state = self.orders[at].state.clone();
        // Mostly without executed figures: those are the hub's to derive.
        state.executed_quantity = if self.rng.one_in(4) { Some(self.figure(400)) } else { None };
        state.executed_value = if self.rng.one_in(6) { Some(self.figure(90_000)) } else { None };
        state.executed_additional_funds.clear();
        if self.rng.one_in(6) {
            self.funds(&mut state.executed_additional_funds, true);
        }
        let mut action = self.action(ExternalActionType::Trade, state, Some(trade));
        if self.rng.one_in(4) {
            let mut update = proto::OrderUpdate { reason: 20, ..Default::default() };
            update.properties.insert("Venue".into(), "é".into());
            update.values.insert("Last".into(), number("1.50").into());
            update.i_ds.push(proto::Id { name: "Fix".into(), ..Default::default() });
            action.update = Some(Box::new(update));
        }
        action
    }

    fn trade(&mut self) -> proto::ExternalAction {
        match self.known() {
            Some(at) => self.trade_of(at, OrderTradeType::Trade, None),
            None => self.new_order(),
        }
    }

    fn seen_trade(&mut self) -> Option<(usize, String)> {
        let at = self.known()?;
        let trades = &self.orders[at].trades;
        let id = trades.get(self.rng.below(trades.len().max(1)))?.clone();
        Some((at, id))
    }

    fn duplicate_trade(&mut self) -> proto::ExternalAction {
        match self.seen_trade() {
            Some((at, id)) => self.trade_of(at, OrderTradeType::Trade, Some(id)),
            None => self.trade(),
        }
    }

    fn revise_trade(&mut self) -> proto::ExternalAction {
        let kind = self.rng.one_of(&[OrderTradeType::Correction, OrderTradeType::Cancel]);
        match self.seen_trade() {
            Some((at, id)) => self.trade_of(at, kind, Some(id)),
            None => self.trade(),
        }
    }

    /// A correction or cancel of a trade nobody saw, of an order that nobody saw either in some cases.
    fn unknown_trade(&mut self) -> proto::ExternalAction {
        let Some(at) = self.known() else { return self.new_order() };
        let kind = self.rng.one_of(&[OrderTradeType::Correction, OrderTradeType::Cancel]);
        let mut action = self.trade_of(at, kind, None);
        if self.rng.one_in(4) {
            self.next_id += 1;
            let mut order = action.order.take().expect("it has one");
            order.order_id = format!("?{}", self.next_id);
            self.orders.push(Known { state: (*order).clone(), trades: Vec::new(), gone: false, is_twin: false });
            action.order = Some(order);
        }
        action
    }

    fn cash_transfer(&mut self) -> proto::ExternalAction {
        let mut transfer = proto::CashTransfer {
            currency: self.rng.one_of(&["AUD", "AUD", "USD"]).into(),
            pool: self
                .rng
                .one_of(&[None, None, None, Some(""), Some("Margin"), Some("Collateral"), Some("P2")])
                .map(Into::into),
            value: if self.rng.one_in(15) { None } else { Some(self.figure(100_000)) },
            settlement: self.rng.below(4) as i32,
            ..Default::default()
        };
        if self.rng.one_in(3) {
            transfer.value = transfer.value.map(|value| value.dec().negated().into());
        }
        if self.rng.one_in(3) {
            self.funds(&mut transfer.additional_funds, true);
        }
        let transaction = self.details();
        proto::ExternalAction {
            r#type: ExternalActionType::CashTransfer as i32,
            transaction: Some(Box::new(transaction)),
            cash_transfer: Some(Box::new(transfer)),
            ..Default::default()
        }
    }

    fn details(&mut self) -> proto::TransactionDetails {
        self.next_id += 1;
        proto::TransactionDetails {
            transaction_id: if self.rng.one_in(3) { String::new() } else { format!("X{}", self.next_id) },
            account: account(self.rng.one_of(&ACCOUNTS)),
            ..Default::default()
        }
    }

    fn asset_transfer(&mut self) -> proto::ExternalAction {
        let (exchange, code) = self.rng.one_of(&CODES);
        let quantity = self.figure(200).dec();
        let quantity = if self.rng.one_in(2) { quantity.negated() } else { quantity };
        let mut transaction = self.details();
        if self.rng.one_in(2) {
            let price = self.price().unwrap_or_else(|| number("0"));
            transaction.values.insert("Price".into(), price.into());
        }
        proto::ExternalAction {
            r#type: ExternalActionType::AssetTransfer as i32,
            transaction: Some(Box::new(transaction)),
            asset_transfer: Some(Box::new(proto::AssetTransfer {
                code: code.into(),
                exchange: exchange.into(),
                value: Some(quantity.into()),
                ..Default::default()
            })),
            ..Default::default()
        }
    }

    /// The last action once more.
    fn again(&mut self) -> proto::ExternalAction {
        match self.last.clone() {
            Some(action) => action,
            None => self.new_order(),
        }
    }

    /// An action that lacks what it needs.
    fn flawed(&mut self) -> proto::ExternalAction {
        let mut action = match self.rng.below(3) {
            0 => self.cash_transfer(),
            1 => self.asset_transfer(),
            _ => match self.seen_trade() {
                // Stated, refused, and so never seen.
                Some((at, _)) => self.trade_of(at, OrderTradeType::Correction, Some("T0".into())),
                None => return self.cash_transfer(),
            },
        };
        match self.rng.below(7) {
            0 => action.r#type = 7,
            1 => drop(action.cash_transfer.as_mut().map(|transfer| transfer.currency.clear())),
            2 => drop(action.cash_transfer.as_mut().map(|transfer| transfer.settlement = 4)),
            3 => action.transaction = None,
            4 => drop(action.order.as_mut().map(|order| order.account = None)),
            5 => drop(action.trade.as_mut().map(|trade| trade.quantity = None)),
            _ => drop(action.trade.as_mut().map(|trade| trade.r#type = 13)),
        }
        action
    }
}

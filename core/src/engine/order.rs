//! The order part of an action: what Update, Replace and Trade have in common.
//!
//! The adapter's OrderState is the truth about the order and replaces the one before. Reservations follow from it:
//! those of the old state are given back, those of the new one taken, in the same draft.

use super::byte_store::Handle;
use super::ids::refuse_long;
use super::rows::{NO_TRADE, OrderRow};
use super::state::State;
use super::{Engine, Input, executed_at, funds};
use crate::dec::{Dec, OutOfRange};
use crate::names::{AccountNo, CurrencyNo, InstrumentNo, NameKind, order_key};
use crate::outcome::{ActionEvent, OrderEvent, Outcome};
use crate::proto::{ExternalActionType, Side};
use crate::record::Rules;
use crate::refusal::Code;
use crate::wire::{Account, FeedRequest, OrderState, Span, field};

/// What an order was before this update, under the key it has now and under the one it moves from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    /// The order that goes on: its trades, its creation and its executed figures.
    pub(super) order: Option<u32>,
    /// The order under the present key, if any.
    pub(super) here: Option<u32>,
    /// The order under the account it moves away from, if any.
    pub(super) there: Option<u32>,
    pub(super) key: u128,
    /// What its trades would hang on if nothing else were known.
    pub(super) home: u128,
    /// What its trades hang on.
    pub(super) lineage: u128,
    pub(super) account: AccountNo,
}

/// Executed figures to be filled in where the adapter left them out; none: the figure stays absent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Executed {
    pub(super) quantity: Option<Dec>,
    pub(super) value: Option<Dec>,
    /// Whether the engine's fund sums hold executed funds to be filled in.
    pub(super) has_funds: bool,
}

/// An order as it will be, until the draft is known to hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct OrderDraft {
    pub(super) before: Before,
    pub(super) instrument: InstrumentNo,
    pub(super) currency: CurrencyNo,
    pub(super) cash: u32,
    pub(super) holding: u32,
    pub(super) executed_quantity: Dec,
    pub(super) executed_value: Dec,
    reserved_cash: Dec,
    reserved_stock: Dec,
    completed: bool,
    /// As in its row.
    completed_ns: u64,
    remove_ns: u64,
    removed: bool,
    created: crate::proto::TimestampWithTimeZone,
    has_executed_funds: bool,
    has_executed_quantity: bool,
    has_executed_value: bool,
    /// As in its row, before the trade of this update.
    last_trade: u32,
    /// The trade that this update booked, or `NO_TRADE`.
    pub(super) trade: u32,
    /// The completed OrderState, in the outcome's bytes.
    state: Span,
}

impl Engine {
    /// An Update or a Replace. Whether it changed anything: a feed's action is an event of its own, one through REST is
    /// nothing where it says what is known.
    pub(super) fn update_order(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<bool, Code> {
        check_order(input, out)?;
        let before = self.find_order(input, out);
        let is_rest = input.stamp.origin.is_rest;
        let replaces = input.request.action.r#type == ExternalActionType::Replace as i32;
        if is_rest && replaces && before.order.is_none() {
            return Err(Code::Order);
        }
        let executed = self.executed_kept(input, &before)?;
        let draft = self.draft_order(input, before, executed, out)?;
        self.write_order(&draft, input, out);
        if is_rest && out.orders.is_empty() {
            out.action = None;
            return Ok(false);
        }
        Ok(true)
    }

    /// Executed figures of an action that trades nothing: as they were. Rules of version 1 forgot those left out.
    fn executed_kept(&mut self, input: &Input<'_>, before: &Before) -> Result<Executed, OutOfRange> {
        let Some(number) = before.order.filter(|_| input.stamp.rules >= Rules::V2) else {
            return Ok(Executed::default());
        };
        let row = *self.state.orders.get(number);
        let keeps_funds = row.has_executed_funds && input.request.action.order.executed_additional_funds.count == 0;
        if keeps_funds {
            self.load_executed_funds(before)?;
        }
        Ok(Executed {
            quantity: row.has_executed_quantity.then_some(row.executed_quantity),
            value: row.has_executed_value.then_some(row.executed_value),
            has_funds: keeps_funds,
        })
    }

    /// The order that an action is about, and where it comes from if it moves.
    pub(super) fn find_order(&mut self, input: &Input<'_>, out: &mut Outcome) -> Before {
        let (bytes, action) = (input.bytes, &input.request.action);
        let account = self.account(&action.order.account, bytes, out);
        let id = action.order.order_id.of(bytes);
        let key = order_key(self.state.names.account(account).hash, id);
        let here = self.state.order_numbers.get(key);
        let previous = &action.update.previous_account;
        let there = if previous.account_id.is_empty() {
            None
        } else {
            let from = self.account(previous, bytes, out);
            let moves = from != account;
            let from_key = order_key(self.state.names.account(from).hash, id);
            if moves { self.state.order_numbers.get(from_key) } else { None }
        };
        let order = there.or(here);
        let home = self.state.home(account, id, key);
        let lineage = match order {
            None if !self.state.roots.is_empty() => self.state.lineage_to_come(account, id, home),
            _ => self.state.lineage(order, home),
        };
        Before { order, here, there, key, home, lineage, account }
    }

    fn account(&mut self, account: &Account, bytes: &[u8], out: &mut Outcome) -> AccountNo {
        let (owner, id) = (account.owner_id.of(bytes), account.account_id.of(bytes));
        AccountNo(self.state.number(NameKind::Account, owner, id, out))
    }

    /// Computes the new order and drafts its reservations in place of the old ones.
    pub(super) fn draft_order(
        &mut self,
        input: &Input<'_>,
        before: Before,
        executed: Executed,
        out: &mut Outcome,
    ) -> Result<OrderDraft, Code> {
        let (bytes, order) = (input.bytes, &input.request.action.order);
        let row = before.order.map(|number| *self.state.orders.get(number));
        let currency = self.order_currency(order, row.as_ref(), bytes, out);
        let instrument = self.instrument(order, row.as_ref(), bytes, out);
        let (cash, holding) = self.positions(before.account, currency, instrument, row.as_ref());
        let executed_quantity = order.executed_quantity.or(executed.quantity);
        let executed_value = order.executed_value.or(executed.value);
        let created = order.created.or(row.map(|row| row.created)).unwrap_or_else(|| executed_at(&input.stamp));
        let mut draft = OrderDraft {
            before,
            instrument,
            currency,
            cash,
            holding,
            executed_quantity: executed_quantity.unwrap_or_default(),
            executed_value: executed_value.unwrap_or_default(),
            reserved_cash: Dec::ZERO,
            reserved_stock: Dec::ZERO,
            completed: order.is_completed,
            completed_ns: completed_ns(order, row.as_ref(), input.stamp.time_ns),
            remove_ns: remove_ns(order),
            removed: order.remove_after.is_some_and(|at| at.seconds == 0),
            created,
            has_executed_funds: order.executed_additional_funds.count > 0 || executed.has_funds,
            has_executed_quantity: executed_quantity.is_some(),
            has_executed_value: executed_value.is_some(),
            last_trade: row.map_or(NO_TRADE, |row| row.last_trade),
            trade: NO_TRADE,
            state: Span::default(),
        };
        if !draft.completed && !draft.removed {
            let fees = self.outstanding_fees(order, bytes, executed.has_funds)?;
            (draft.reserved_cash, draft.reserved_stock) = reservation(order, bytes, draft.executed_quantity, fees)?;
        }
        for number in [before.there, before.here].into_iter().flatten() {
            let old = self.state.orders.get(number);
            let (cash, stock) = (old.reserved_cash.negated(), old.reserved_stock.negated());
            self.draft.reserve(&self.state, (old.cash, old.holding), cash, stock)?;
        }
        self.draft.reserve(&self.state, (cash, holding), draft.reserved_cash, draft.reserved_stock)?;
        draft.state = self.complete(input, &draft, executed, out);
        Ok(draft)
    }

    /// The currency given, else the one it had. That of the order before is compared with first: a name looked up costs
    /// more.
    #[inline]
    fn order_currency(
        &mut self,
        order: &OrderState,
        before: Option<&OrderRow>,
        bytes: &[u8],
        out: &mut Outcome,
    ) -> CurrencyNo {
        let given = order.currency.of(bytes);
        match before {
            Some(row) if given.is_empty() || self.state.names.currency(row.currency).as_bytes() == given => {
                row.currency
            }
            None if given.is_empty() => self.default_currency(order, bytes, out),
            _ => self.state.currency(given, out),
        }
    }

    /// That of the account, where it is defined and says one.
    #[cold]
    fn default_currency(&mut self, order: &OrderState, bytes: &[u8], out: &mut Outcome) -> CurrencyNo {
        let (owner, account) = (order.account.owner_id.text(bytes), order.account.account_id.text(bytes));
        let details = self.state.metadata.account(owner, account);
        let code = details.and_then(|details| details.default_currency.clone()).unwrap_or_default();
        self.state.currency(code.as_bytes(), out)
    }

    #[inline]
    fn instrument(
        &mut self,
        order: &OrderState,
        before: Option<&OrderRow>,
        bytes: &[u8],
        out: &mut Outcome,
    ) -> InstrumentNo {
        let (exchange, code) = (order.exchange.of(bytes), order.code.of(bytes));
        if let Some(row) = before {
            let known = self.state.names.instrument(row.instrument);
            if known.exchange.as_bytes() == exchange && known.code.as_bytes() == code {
                return row.instrument;
            }
        }
        InstrumentNo(self.state.number(NameKind::Instrument, exchange, code, out))
    }

    /// Numbers of the positions that an order reserves from: those it had, while account and keys are the same.
    #[inline]
    fn positions(
        &mut self,
        account: AccountNo,
        currency: CurrencyNo,
        instrument: InstrumentNo,
        before: Option<&OrderRow>,
    ) -> (u32, u32) {
        match before {
            Some(row) if row.account == account && row.currency == currency && row.instrument == instrument => {
                (row.cash, row.holding)
            }
            _ => (self.state.cash_number(account, currency), self.state.holding_number(account, instrument)),
        }
    }

    /// The estimated funds that are not paid yet, floored at zero fund by fund.
    pub(super) fn outstanding_fees(&self, order: &OrderState, bytes: &[u8], derived: bool) -> Result<Dec, OutOfRange> {
        order.additional_funds(bytes).try_fold(Dec::ZERO, |sum, (name, estimated)| {
            let paid = if derived {
                self.funds.get(name)
            } else {
                // The last of equal keys would count; the decoder lets none pass.
                order.executed_additional_funds(bytes).find(|(other, _)| *other == name).map(|(_, paid)| paid)
            };
            sum.plus(estimated.minus(paid.unwrap_or_default())?.max_zero())
        })
    }

    /// The OrderState as received, with what the hub fills in behind it.
    fn complete(&mut self, input: &Input<'_>, draft: &OrderDraft, executed: Executed, out: &mut Outcome) -> Span {
        use field::order_state as f;
        let (bytes, order) = (input.bytes, &input.request.action.order);
        let w = &mut self.scratch;
        w.clear();
        if executed.has_funds {
            self.funds.write(f::EXECUTED_ADDITIONAL_FUNDS, w);
        }
        if let (None, Some(quantity)) = (order.executed_quantity, executed.quantity) {
            w.figure(f::EXECUTED_QUANTITY, quantity);
        }
        if let (None, Some(value)) = (order.executed_value, executed.value) {
            w.figure(f::EXECUTED_VALUE, value);
        }
        if order.timestamp.is_none() {
            w.time(f::TIMESTAMP, executed_at(&input.stamp));
        }
        if order.created.is_none() {
            w.time(f::CREATED, draft.created);
        }
        if order.currency.is_empty() {
            w.text(f::CURRENCY, self.state.names.currency(draft.currency).as_bytes());
        }
        out.keep_joined(order.span.of(bytes), w.bytes())
    }

    /// Writes the order and makes its events. Nothing can fail from here on.
    pub(super) fn write_order(&mut self, draft: &OrderDraft, input: &Input<'_>, out: &mut Outcome) {
        let before = draft.before;
        if let Some(there) = before.there {
            self.state.show_order(there, true, out);
            self.state.take_order(there);
        }
        let (account, instrument, state) = (before.account, draft.instrument, draft.state);
        out.action = Some(ActionEvent { account, instrument, state });
        let former = before.here.and_then(|number| self.state.keep_former(number, instrument, out));
        let (number, changed) = match before.here {
            Some(number) => (number, self.replace_order(number, draft, input, out)),
            None => (self.state.insert_order(draft.row(Handle::NONE), out.bytes_of(draft.state)), true),
        };
        if draft.trade != NO_TRADE {
            self.state.attach_trade(number, draft.trade);
        }
        if changed || draft.removed {
            out.orders.push(OrderEvent {
                number,
                key: before.key,
                account: before.account,
                instrument: draft.instrument,
                removed: draft.removed,
                completed: draft.completed,
                state: draft.state,
                former,
            });
        }
        if draft.removed {
            self.state.remove_order(number);
        }
        self.note_order(before.account, before.key, input, out);
    }

    /// Puts the new state in place of the old one; whether it says anything else.
    fn replace_order(&mut self, number: u32, draft: &OrderDraft, input: &Input<'_>, out: &Outcome) -> bool {
        let (old, new_bytes) = (*self.state.orders.get(number), out.bytes_of(draft.state));
        let row = draft.row(old.state);
        let same = same_figures(&old, &row) && same_order(self.state.bytes.get(old.state), new_bytes, input.request);
        // A state with the same content makes no event, so the published bytes stay as they are.
        let state = if same { old.state } else { self.state.bytes.replace(old.state, new_bytes) };
        self.state.set_order(number, OrderRow { state, ..row });
        !same
    }
}

impl OrderDraft {
    fn row(&self, state: Handle) -> OrderRow {
        OrderRow {
            key: self.before.key,
            lineage: self.before.lineage,
            account: self.before.account,
            instrument: self.instrument,
            currency: self.currency,
            cash: self.cash,
            holding: self.holding,
            completed: self.completed,
            has_executed_funds: self.has_executed_funds,
            has_executed_quantity: self.has_executed_quantity,
            has_executed_value: self.has_executed_value,
            executed_quantity: self.executed_quantity,
            executed_value: self.executed_value,
            reserved_cash: self.reserved_cash,
            reserved_stock: self.reserved_stock,
            created: self.created,
            completed_ns: self.completed_ns,
            remove_ns: self.remove_ns,
            last_trade: self.last_trade,
            state,
            hash: 0,
        }
    }
}

/// When an order was completed: it keeps its time as long as it stays so.
fn completed_ns(order: &OrderState, before: Option<&OrderRow>, now_ns: u64) -> u64 {
    match before {
        _ if !order.is_completed => 0,
        Some(row) if row.completed_ns != 0 => row.completed_ns,
        _ => now_ns,
    }
}

/// The instant of RemoveAfter; 0 for none, and for one that no clock reaches.
fn remove_ns(order: &OrderState) -> u64 {
    order.remove_after.and_then(|at| at.unix_nanos().ok()).unwrap_or(0)
}

/// Keys and signs; all problems at once.
pub(super) fn check_order(input: &Input<'_>, out: &mut Outcome) -> Result<(), Code> {
    let action = &input.request.action;
    let (order, previous) = (&action.order, &action.update.previous_account);
    let negative = |figure: Option<Dec>| figure.is_some_and(Dec::is_negative);
    if order.account.account_id.is_empty() {
        out.refuse(Code::Account);
    }
    if order.order_id.is_empty() {
        out.refuse(Code::Order);
    }
    let ids = [
        (order.account.owner_id, Code::Owner),
        (order.account.account_id, Code::Account),
        (previous.owner_id, Code::Owner),
        (previous.account_id, Code::Account),
        (order.order_id, Code::Order),
        (order.exchange, Code::Exchange),
        (order.code, Code::Symbol),
        (order.currency, Code::Currency),
        (order.request_id, Code::RequestId),
        (action.trade.trade_id, Code::TradeId),
    ];
    refuse_long(input, &ids, out);
    if negative(order.quantity) {
        out.refuse(Code::TotalQuantity);
    }
    out.checked()
}

/// The reservation of an open order: cash for a buy, stock for a sale; neither is negative.
pub(super) fn reservation(
    order: &OrderState,
    bytes: &[u8],
    executed: Dec,
    fees: Dec,
) -> Result<(Dec, Dec), OutOfRange> {
    let remaining = order.quantity.unwrap_or_default().minus(executed)?.max_zero();
    match trade_sign(order.side) {
        Some(Sign::Buy) => {
            let price = match order.price {
                Some(price) => price,
                None => order.values(bytes).figure(b"ReservePrice")?.unwrap_or_default(),
            };
            Ok((remaining.times(price)?.plus(fees)?.max_zero(), Dec::ZERO))
        }
        Some(Sign::Sell) => Ok((Dec::ZERO, remaining)),
        None => Ok((Dec::ZERO, Dec::ZERO)),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Buy,
    Sell,
}

/// Which way stock goes. None: a side that no trade can have.
#[inline]
pub(super) fn trade_sign(side: i32) -> Option<Sign> {
    match Side::try_from(side) {
        Ok(Side::Buy | Side::AsDefined) => Some(Sign::Buy),
        Ok(Side::Sell | Side::Shortsell | Side::ShortsellExempt | Side::Opposite) => Some(Sign::Sell),
        Ok(Side::Unknown) | Err(_) => None,
    }
}

/// Whether nothing that the engine knows of an order has changed.
fn same_figures(old: &OrderRow, new: &OrderRow) -> bool {
    old.completed == new.completed
        && old.executed_quantity == new.executed_quantity
        && old.executed_value == new.executed_value
        && old.reserved_cash == new.reserved_cash
        && old.reserved_stock == new.reserved_stock
}

/// Whether two OrderStates say the same. Only one of the same time as the old one (a re-sent one) is worth decoding by
/// prost, to find fields merely in another order or filled in by the hub before.
fn same_order(old: &[u8], new: &[u8], request: &FeedRequest) -> bool {
    if old == new {
        return true;
    }
    let given = request.action.order.timestamp;
    let resent = given.is_some() && OrderState::decode(old).is_ok_and(|order| order.timestamp == given);
    resent && {
        use prost::Message;
        let decode = |bytes: &[u8]| crate::proto::OrderState::decode(bytes).ok();
        decode(old) == decode(new)
    }
}

/// The executed figures of the order before, which a trade without its own adds to.
pub(super) fn executed_before(state: &State, before: &Before) -> (Dec, Dec) {
    before.order.map_or((Dec::ZERO, Dec::ZERO), |number| {
        let row = state.orders.get(number);
        (row.executed_quantity, row.executed_value)
    })
}

impl Engine {
    /// Fills the fund sums with the executed funds of the order before, from its stored state.
    pub(super) fn load_executed_funds(&mut self, before: &Before) -> Result<(), OutOfRange> {
        self.funds.clear();
        let Some(number) = before.order else { return Ok(()) };
        let row = self.state.orders.get(number);
        if !row.has_executed_funds {
            return Ok(());
        }
        let bytes = self.state.bytes.get(row.state);
        let order = OrderState::decode(bytes).expect("invariant: a stored OrderState was decoded before");
        self.funds.add_all(order.executed_additional_funds(bytes))
    }

    /// Sum of the executed funds of the order before.
    pub(super) fn executed_funds_before(&mut self, before: &Before) -> Result<Dec, OutOfRange> {
        let Some(number) = before.order else { return Ok(Dec::ZERO) };
        let row = self.state.orders.get(number);
        if !row.has_executed_funds {
            return Ok(Dec::ZERO);
        }
        let bytes = self.state.bytes.get(row.state);
        let order = OrderState::decode(bytes).expect("invariant: a stored OrderState was decoded before");
        funds::total(order.executed_additional_funds(bytes))
    }
}

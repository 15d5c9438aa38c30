//! Trades: the order part as in any action, and the two legs that alone move cash and stock.
//!
//! A trade is kept as booked (price, quantity, funds, account), so that a correction or a cancel reverses exactly what
//! was booked, on the account it was booked to, wherever the order has moved since.

use std::io::Write as _;

use super::order::{Before, Executed, OrderDraft, Sign, check_order, executed_before, trade_sign};
use super::rows::{NO_TRADE, TradeRow};
use super::{Engine, Input, funds};
use crate::dec::{Dec, OutOfRange};
use crate::names::trade_key;
use crate::outcome::{Booking, Outcome, TransactionEvent};
use crate::proto::OrderTradeType;
use crate::record::Rules;
use crate::refusal::Code;
use crate::wire::Span;

/// A trade as the action states it.
#[derive(Debug, Clone, Copy)]
struct Stated {
    kind: OrderTradeType,
    price: Dec,
    quantity: Dec,
    funds: Dec,
}

/// What is booked of it.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A first booking; `key` is none for a trade without an id, which can never be found again.
    Book { key: Option<u128> },
    /// Corrects or cancels the trade with this number.
    Revise { number: u32 },
    /// Corrects or cancels a trade that was never seen: the change of the order's executed figures is all there is.
    Guess { key: Option<u128> },
    /// Seen before, or nothing to go by: the order part is all that is applied.
    Nothing,
}

/// Signed moves of the two legs, and where they are booked.
#[derive(Debug, Clone, Copy)]
struct Legs {
    cash: Dec,
    stock: Dec,
    cash_number: u32,
    holding_number: u32,
}

impl Engine {
    pub(super) fn trade(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<bool, Code> {
        let sign = trade_sign(input.request.action.order.side).ok_or(Code::Side);
        let stated = stated_trade(input);
        // All problems at once: one does not hide another.
        let problems = [check_order(input, out).err(), sign.err(), stated.as_ref().err().copied()];
        for problem in problems.into_iter().flatten() {
            out.refuse(problem);
        }
        let (sign, stated) = (sign?, stated?);
        out.checked()?;
        let mut before = self.find_order(input, out);
        let step = self.next_step(input, &stated, &mut before);
        let executed = self.executed_after(input, &stated, step, &before)?;
        let mut order = self.draft_order(input, before, executed, out)?;
        match step {
            Step::Book { key } => order.trade = self.book(input, &stated, key, sign, &order, out)?,
            Step::Revise { number } => self.revise(input, &stated, number, out)?,
            Step::Guess { key } => order.trade = self.guess(input, &stated, key, sign, &order, out)?,
            Step::Nothing => {}
        }
        self.write_order(&order, input, out);
        Ok(true)
    }

    fn next_step(&mut self, input: &Input<'_>, stated: &Stated, before: &mut Before) -> Step {
        let id = input.request.action.trade.trade_id.of(input.bytes);
        let key = (!id.is_empty()).then(|| trade_key(before.lineage, id));
        let known = key
            .and_then(|key| self.state.trade_numbers.get(key))
            .or_else(|| if id.is_empty() { None } else { self.trade_elsewhere(input, before) });
        match (stated.kind, known) {
            (OrderTradeType::Trade, None) => Step::Book { key },
            (OrderTradeType::Trade, Some(_)) => {
                self.oddities.duplicate_trades += 1;
                Step::Nothing
            }
            (OrderTradeType::Cancel, Some(number)) if self.state.trades.get(number).is_cancelled => Step::Nothing,
            (_, Some(number)) => Step::Revise { number },
            (_, None) => {
                self.oddities.unknown_trades += 1;
                if before.order.is_some() { Step::Guess { key } } else { Step::Nothing }
            }
        }
    }

    /// A known trade that does not hang on the order as it is now.
    fn trade_elsewhere(&self, input: &Input<'_>, before: &mut Before) -> Option<u32> {
        let action = &input.request.action;
        let id = action.trade.trade_id.of(input.bytes);
        // An order that moved to where another stood took its place: the trades of that one are still known.
        if before.lineage != before.home
            && let Some(number) = self.state.trade_numbers.get(trade_key(before.home, id))
        {
            return Some(number);
        }
        // Trades go along with an account that is renamed: beside an order that is there they are known by its key, and a
        // trade seen under that is no new one.
        if self.state.roots.is_empty() {
            return None;
        }
        let order_id = action.order.order_id.of(input.bytes);
        let (number, lineage) = self.state.trade_of_former(before.account, order_id, id)?;
        if before.order.is_none() {
            before.lineage = lineage;
        }
        Some(number)
    }

    /// Executed figures for those that the adapter left out: what they were, and what this trade adds.
    fn executed_after(
        &mut self,
        input: &Input<'_>,
        stated: &Stated,
        step: Step,
        before: &Before,
    ) -> Result<Executed, OutOfRange> {
        let (mut quantity, mut value) = executed_before(&self.state, before);
        let new_value = stated.price.times(stated.quantity)?;
        // A refund or a negative price may take a sum below zero; busts of what the hub never saw traded may not.
        let price = input.request.action.trade.price.unwrap_or_default();
        let mut may_be_negative = value.is_negative() || price.is_negative();
        if matches!(step, Step::Book { .. } | Step::Revise { .. }) {
            quantity = quantity.plus(stated.quantity)?;
            value = value.plus(new_value)?;
        }
        if let Step::Revise { number } = step {
            let old = self.state.trades.get(number);
            quantity = quantity.minus(old.quantity)?;
            may_be_negative |= old.price.is_negative();
            value = value.minus(old.price.times(old.quantity)?)?;
        }
        if let (Step::Guess { .. }, Some(given)) = (step, input.request.action.order.executed_quantity) {
            value = value.plus(given.minus(quantity)?.times(price)?)?;
        }
        let is_floored = input.stamp.rules >= Rules::V2;
        if is_floored {
            quantity = quantity.max_zero();
            value = if may_be_negative { value } else { value.max_zero() };
        }
        self.count_mismatch(input, quantity, value, step);
        let derives_funds = input.request.action.order.executed_additional_funds.count == 0;
        if derives_funds {
            self.derive_funds(input, step, before)?;
            if is_floored {
                self.funds.floor_at_zero();
            }
        }
        let has_funds = derives_funds && !self.funds.is_empty();
        Ok(Executed { quantity: Some(quantity), value: Some(value), has_funds })
    }

    /// A given figure is believed; that it differs from the trades is worth a count.
    fn count_mismatch(&mut self, input: &Input<'_>, quantity: Dec, value: Dec, step: Step) {
        let order = &input.request.action.order;
        let differs = |given: Option<Dec>, summed: Dec| given.is_some_and(|given| given != summed);
        let counted = matches!(step, Step::Book { .. } | Step::Revise { .. });
        if counted && (differs(order.executed_quantity, quantity) || differs(order.executed_value, value)) {
            self.oddities.reconcile_mismatches += 1;
        }
    }

    fn derive_funds(&mut self, input: &Input<'_>, step: Step, before: &Before) -> Result<(), OutOfRange> {
        self.load_executed_funds(before)?;
        let stated = input.request.action.trade.additional_funds(input.bytes);
        match step {
            Step::Book { .. } => self.funds.add_all(stated),
            Step::Revise { number } => {
                let old = *self.state.trades.get(number);
                if !is_cancel(input) {
                    self.funds.add_all(stated)?;
                }
                match old.fund_entries {
                    Some(entries) if !old.is_cancelled => {
                        let bytes = self.state.bytes.get(entries);
                        let kept = crate::wire::OrderTrade::decode(bytes).expect("invariant: entries were decoded");
                        self.funds.subtract_all(kept.additional_funds(bytes))
                    }
                    _ => Ok(()),
                }
            }
            Step::Guess { .. } | Step::Nothing => Ok(()),
        }
    }

    /// Books a trade; its number.
    fn book(
        &mut self,
        input: &Input<'_>,
        stated: &Stated,
        key: Option<u128>,
        sign: Sign,
        order: &OrderDraft,
        out: &mut Outcome,
    ) -> Result<u32, OutOfRange> {
        let value = signed_value(sign, stated.price, stated.quantity)?;
        let stock = signed_stock(sign, stated.quantity);
        let (cash_number, holding_number) = (order.cash, order.holding);
        let legs = Legs { cash: value.minus(stated.funds)?, stock, cash_number, holding_number };
        self.draft_cash(&legs)?;
        let row = self.draft.holding(&self.state, holding_number);
        row.book_leg(stock, stated.price, order.currency)?;
        self.note_transaction(Booking::Trade { cash: value, stock }, &legs, Span::default(), out);
        Ok(key.map_or(NO_TRADE, |key| self.index_trade(input, stated, key, sign, &legs, 0)))
    }

    /// Takes the old booking back and books the new one, both where the old one stands.
    fn revise(&mut self, input: &Input<'_>, stated: &Stated, number: u32, out: &mut Outcome) -> Result<(), OutOfRange> {
        let old = *self.state.trades.get(number);
        let sign = if old.is_sale { Sign::Sell } else { Sign::Buy };
        let (old_cash, old_stock) = booked(&old)?;
        let new_cash = signed_value(sign, stated.price, stated.quantity)?.minus(stated.funds)?;
        let new_stock = signed_stock(sign, stated.quantity);
        let legs = Legs {
            cash: new_cash.minus(old_cash)?,
            stock: new_stock.minus(old_stock)?,
            cash_number: old.cash,
            holding_number: old.holding,
        };
        self.draft_cash(&legs)?;
        let currency = self.state.cash.get(old.cash).currency;
        let row = self.draft.holding(&self.state, old.holding);
        row.bust_leg(old_stock, old.price)?;
        row.book_leg(new_stock, stated.price, currency)?;
        let revisions = old.revisions + 1;
        let id = self.revision_id(input, revisions, out);
        let cancel = stated.kind == OrderTradeType::Cancel;
        self.note_transaction(Booking::Adjustment { cash: legs.cash, stock: legs.stock, cancel }, &legs, id, out);
        let fund_entries = self.keep_funds(input, cancel, old.fund_entries);
        let row = TradeRow {
            is_cancelled: cancel,
            revisions,
            price: stated.price,
            quantity: stated.quantity,
            funds: stated.funds,
            fund_entries,
            ..old
        };
        self.write_trade(number, row);
        Ok(())
    }

    /// A revision of a trade that was never seen books what it changed in the order's executed figures; its number.
    fn guess(
        &mut self,
        input: &Input<'_>,
        stated: &Stated,
        key: Option<u128>,
        sign: Sign,
        order: &OrderDraft,
        out: &mut Outcome,
    ) -> Result<u32, OutOfRange> {
        let (quantity_before, value_before) = executed_before(&self.state, &order.before);
        let quantity = order.executed_quantity.minus(quantity_before)?;
        let given = input.request.action.order.executed_value;
        let price = input.request.action.trade.price.unwrap_or_default();
        let value = match given {
            Some(value) => value.minus(value_before)?,
            None => quantity.times(price)?,
        };
        let funds_given = input.request.action.order.executed_additional_funds(input.bytes);
        let funds = match input.request.action.order.executed_additional_funds.count {
            0 => Dec::ZERO,
            _ => funds::total(funds_given)?.minus(self.executed_funds_before(&order.before)?)?,
        };
        let gross = if sign == Sign::Buy { value.negated() } else { value };
        let legs = Legs {
            cash: gross.minus(funds)?,
            stock: signed_stock(sign, quantity),
            cash_number: order.cash,
            holding_number: order.holding,
        };
        self.draft_cash(&legs)?;
        self.draft.holding(&self.state, legs.holding_number).book_unpriced(legs.stock)?;
        let id = self.revision_id(input, 1, out);
        let cancel = stated.kind == OrderTradeType::Cancel;
        self.note_transaction(Booking::Adjustment { cash: legs.cash, stock: legs.stock, cancel }, &legs, id, out);
        Ok(key.map_or(NO_TRADE, |key| self.index_trade(input, stated, key, sign, &legs, 1)))
    }

    fn draft_cash(&mut self, legs: &Legs) -> Result<(), OutOfRange> {
        let figures = self.draft.cash(&self.state, legs.cash_number);
        figures.unbooked = figures.unbooked.plus(legs.cash)?;
        Ok(())
    }

    /// Keeps a trade; its number. It hangs on nothing before its order is written.
    fn index_trade(
        &mut self,
        input: &Input<'_>,
        stated: &Stated,
        key: u128,
        sign: Sign,
        legs: &Legs,
        revisions: u32,
    ) -> u32 {
        let is_cancelled = stated.kind == OrderTradeType::Cancel;
        let row = TradeRow {
            key,
            cash: legs.cash_number,
            holding: legs.holding_number,
            is_sale: sign == Sign::Sell,
            is_cancelled,
            revisions,
            price: stated.price,
            quantity: stated.quantity,
            funds: stated.funds,
            fund_entries: self.keep_funds(input, is_cancelled, None),
            time_ns: input.stamp.time_ns,
            previous: NO_TRADE,
            hash: 0,
        };
        let hash = self.state.hash_of_trade(&row);
        self.state.rehash(0, hash);
        let number = self.state.trades.insert(TradeRow { hash, ..row });
        self.state.trade_numbers.insert(key, number);
        number
    }

    pub(super) fn write_trade(&mut self, number: u32, row: TradeRow) {
        let hash = self.state.hash_of_trade(&row);
        self.state.rehash(row.hash, hash);
        *self.state.trades.get_mut(number) = TradeRow { hash, ..row };
    }

    /// Keeps the entries of a trade's funds in place of those it had; the trade's own bytes are the simplest form.
    fn keep_funds(
        &mut self,
        input: &Input<'_>,
        cancel: bool,
        old: Option<super::byte_store::Handle>,
    ) -> Option<super::byte_store::Handle> {
        if let Some(old) = old {
            self.state.bytes.remove(old);
        }
        let trade = &input.request.action.trade;
        let worth_keeping = !cancel && trade.additional_funds.count > 0;
        worth_keeping.then(|| self.state.bytes.insert(trade.span.of(input.bytes)))
    }

    /// `TradeID/n` for the n-th correction or cancel.
    fn revision_id(&mut self, input: &Input<'_>, revisions: u32, out: &mut Outcome) -> Span {
        let id = input.request.action.trade.trade_id.of(input.bytes);
        let span = out.keep(id);
        write!(out.bytes, "/{revisions}").expect("a Vec takes all bytes");
        Span { start: span.start, len: out.bytes.len() as u32 - span.start }
    }

    fn note_transaction(&self, booking: Booking, legs: &Legs, id: Span, out: &mut Outcome) {
        let (cash, holding) = (self.state.cash.get(legs.cash_number), self.state.holdings.get(legs.holding_number));
        out.transaction = Some(TransactionEvent {
            booking,
            account: cash.account,
            instrument: Some(holding.instrument),
            currency: cash.currency,
            id,
        });
    }
}

fn is_cancel(input: &Input<'_>) -> bool {
    input.request.action.trade.r#type == OrderTradeType::Cancel as i32
}

/// What the action says of its trade; a cancel's figures are nothing, whatever it carries.
fn stated_trade(input: &Input<'_>) -> Result<Stated, Code> {
    let trade = &input.request.action.trade;
    if !trade.span.is_given() {
        return Err(Code::Data);
    }
    let kind = match OrderTradeType::try_from(trade.r#type) {
        Ok(OrderTradeType::Unknown) | Err(_) => return Err(Code::OperationUnknown),
        Ok(kind) => kind,
    };
    if kind == OrderTradeType::Cancel {
        return Ok(Stated { kind, price: Dec::ZERO, quantity: Dec::ZERO, funds: Dec::ZERO });
    }
    let (price, quantity) = (trade.price.ok_or(Code::Data)?, trade.quantity.ok_or(Code::Data)?);
    if quantity.is_negative() {
        return Err(Code::TotalQuantity);
    }
    Ok(Stated { kind, price, quantity, funds: funds::total(trade.additional_funds(input.bytes))? })
}

/// Cash of a trade before funds: out for a purchase, in for a sale.
fn signed_value(sign: Sign, price: Dec, quantity: Dec) -> Result<Dec, OutOfRange> {
    let value = price.times(quantity)?;
    Ok(if sign == Sign::Buy { value.negated() } else { value })
}

fn signed_stock(sign: Sign, quantity: Dec) -> Dec {
    if sign == Sign::Buy { quantity } else { quantity.negated() }
}

/// The two legs of a trade as it stands.
fn booked(row: &TradeRow) -> Result<(Dec, Dec), OutOfRange> {
    let sign = if row.is_sale { Sign::Sell } else { Sign::Buy };
    Ok((signed_value(sign, row.price, row.quantity)?.minus(row.funds)?, signed_stock(sign, row.quantity)))
}

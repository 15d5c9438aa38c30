//! Cash and asset transfers: a record of facts, without a floor under any balance.

use super::{Engine, Input, funds};
use crate::dec::{Dec, OutOfRange};
use crate::names::{AccountNo, CurrencyNo, InstrumentNo, NameKind};
use crate::outcome::{Booking, Outcome, Reject, TransactionEvent};
use crate::proto::SettlementStatus;
use crate::wire::Span;

/// The pool that is a figure of its own.
const MARGIN: &str = "Margin";
/// Behind a pool's name: its part that is not settled yet.
const UNBOOKED_SUFFIX: &str = ":Unbooked";

impl Engine {
    pub(super) fn transfer_cash(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<(), Reject> {
        let (bytes, transfer) = (input.bytes, &input.request.action.cash_transfer);
        let settlement = SettlementStatus::try_from(transfer.settlement).map_err(|_| Reject::Settlement);
        let is_given = transfer.span.is_given();
        require(
            &[
                (is_given, Reject::Details),
                (!input.request.action.transaction.account.account_id.is_empty(), Reject::Account),
                (!is_given || !transfer.currency.is_empty(), Reject::Currency),
                (settlement.is_ok(), Reject::Settlement),
            ],
            out,
        )?;
        let settlement = settlement?;
        let account = self.transaction_account(input, out);
        let currency = self.state.currency(transfer.currency.of(bytes), out);
        let number = self.state.cash_number(account, currency);
        let net = transfer.value.unwrap_or_default().minus(funds::total(transfer.additional_funds(bytes))?)?;
        match transfer.pool.text(bytes) {
            "" => self.settle(number, settlement, net)?,
            MARGIN => {
                let figures = self.draft.cash(&self.state, number);
                figures.margin = figures.margin.plus(net)?;
            }
            pool => self.settle_pool(number, pool, settlement, net)?,
        }
        let id = self.transaction_id(input, out);
        out.transaction =
            Some(TransactionEvent { booking: Booking::CashTransfer, account, instrument: None, currency, id });
        Ok(())
    }

    pub(super) fn transfer_assets(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<(), Reject> {
        let (bytes, transfer) = (input.bytes, &input.request.action.asset_transfer);
        let is_given = transfer.span.is_given();
        require(
            &[
                (is_given, Reject::Details),
                (!input.request.action.transaction.account.account_id.is_empty(), Reject::Account),
                (!is_given || !transfer.exchange.is_empty(), Reject::Exchange),
                (!is_given || !transfer.code.is_empty(), Reject::Symbol),
            ],
            out,
        )?;
        let account = self.transaction_account(input, out);
        let (exchange, code) = (transfer.exchange.of(bytes), transfer.code.of(bytes));
        let instrument = InstrumentNo(self.state.number(NameKind::Instrument, exchange, code, out));
        let number = self.state.holding_number(account, instrument);
        let quantity = transfer.value.unwrap_or_default();
        let mut values = input.request.action.transaction.values(bytes);
        let price = values.find(|(name, _)| *name == b"Price").map(|(_, price)| price);
        let row = self.draft.holding(&self.state, number);
        match price {
            Some(price) => row.book_leg(quantity, price, row.currency)?,
            None => row.book_unpriced(quantity)?,
        }
        let id = self.transaction_id(input, out);
        let booking = Booking::AssetTransfer;
        let currency = CurrencyNo::default();
        let instrument = Some(instrument);
        out.transaction = Some(TransactionEvent { booking, account, instrument, currency, id });
        Ok(())
    }

    fn settle(&mut self, number: u32, settlement: SettlementStatus, net: Dec) -> Result<(), OutOfRange> {
        let figures = self.draft.cash(&self.state, number);
        let (booked, unbooked) = moves(settlement, net);
        figures.balance = figures.balance.plus(booked)?;
        figures.unbooked = figures.unbooked.plus(unbooked)?;
        Ok(())
    }

    fn settle_pool(
        &mut self,
        number: u32,
        pool: &str,
        settlement: SettlementStatus,
        net: Dec,
    ) -> Result<(), OutOfRange> {
        let (booked, unbooked) = moves(settlement, net);
        if !booked.is_zero() {
            self.draft.add_to_pool(&self.state, number, pool, booked)?;
        }
        if !unbooked.is_zero() {
            self.draft.add_to_pool(&self.state, number, &format!("{pool}{UNBOOKED_SUFFIX}"), unbooked)?;
        }
        Ok(())
    }

    fn transaction_account(&mut self, input: &Input<'_>, out: &mut Outcome) -> AccountNo {
        let account = &input.request.action.transaction.account;
        let (owner, id) = (account.owner_id.of(input.bytes), account.account_id.of(input.bytes));
        AccountNo(self.state.number(NameKind::Account, owner, id, out))
    }

    /// The id of a transaction that came without one: 22 characters from its sequence, the same at every replay.
    fn transaction_id(&mut self, input: &Input<'_>, out: &mut Outcome) -> Span {
        if !input.request.action.transaction.transaction_id.is_empty() {
            return Span::default();
        }
        let mut id = *b"TX00000000000000000000";
        let mut rest = input.stamp.sequence;
        for digit in id.iter_mut().rev().take(20) {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        out.keep(&id)
    }
}

/// What a transfer of `net` adds to the booked and to the unbooked figure.
fn moves(settlement: SettlementStatus, net: Dec) -> (Dec, Dec) {
    match settlement {
        SettlementStatus::Booked => (net, Dec::ZERO),
        SettlementStatus::Unbooked => (Dec::ZERO, net),
        SettlementStatus::Settle => (net, net.negated()),
        SettlementStatus::Reverse => (net.negated(), net),
    }
}

/// Notes every condition that does not hold; all problems at once.
fn require(conditions: &[(bool, Reject)], out: &mut Outcome) -> Result<(), Reject> {
    out.rejects.extend(conditions.iter().filter(|(holds, _)| !holds).map(|(_, reject)| *reject));
    out.rejects.first().map_or(Ok(()), |reject| Err(*reject))
}

//! Cash and asset transfers: a record of facts, without a floor under any balance.

use prost::Message;
use xxhash_rust::xxh3::xxh3_64;

use super::applied::{AppliedEntry, AppliedKind, applied_key};
use super::ids::refuse_long;
use super::{Engine, Input, funds};
use crate::dec::{Dec, OutOfRange};
use crate::names::{AccountNo, CurrencyNo, InstrumentNo, NameKind, name_hash};
use crate::outcome::{Booking, Outcome, TransactionEvent};
use crate::proto::{ExternalAction, ExternalActionType, SettlementStatus};
use crate::record::Rules;
use crate::refusal::Code;
use crate::wire::Span;

/// The pool that is a figure of its own.
const MARGIN: &str = "Margin";
/// Behind a pool's name: its part that is not settled yet.
const UNBOOKED_SUFFIX: &str = ":Unbooked";

/// A transfer that is drafted, and what is told and remembered of it once it is booked.
#[derive(Debug, Clone, Copy)]
pub(super) struct DraftedTransfer {
    booking: Booking,
    account: AccountNo,
    instrument: Option<InstrumentNo>,
    currency: CurrencyNo,
    /// Its TransactionID, where one must not be booked again.
    pub(super) id: Option<AppliedEntry>,
}

/// Whether a transfer that is in order is to be booked.
enum Verdict {
    Book {
        id: Option<AppliedEntry>,
    },
    /// It moves nothing, or the same was booked before.
    Nothing,
}

impl Engine {
    /// Books a transfer of either kind; whether that changed anything.
    pub(super) fn transfer(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<bool, Code> {
        let Some(drafted) = self.draft_transfer(input, out)? else { return Ok(false) };
        if let Some(id) = drafted.id {
            self.state.note_applied(id);
        }
        let id = self.transaction_id(input, out);
        let DraftedTransfer { booking, account, instrument, currency, .. } = drafted;
        out.transaction = Some(TransactionEvent { booking, account, instrument, currency, id });
        Ok(true)
    }

    /// Drafts a transfer; none if it would change nothing.
    pub(super) fn draft_transfer(
        &mut self,
        input: &Input<'_>,
        out: &mut Outcome,
    ) -> Result<Option<DraftedTransfer>, Code> {
        if input.request.action.r#type == ExternalActionType::CashTransfer as i32 {
            self.draft_cash_transfer(input, out)
        } else {
            self.draft_asset_transfer(input, out)
        }
    }

    fn draft_cash_transfer(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<Option<DraftedTransfer>, Code> {
        let (bytes, transfer) = (input.bytes, &input.request.action.cash_transfer);
        let settlement = SettlementStatus::try_from(transfer.settlement).map_err(|_| Code::Settlement);
        let is_given = transfer.span.is_given();
        let is_rest = input.stamp.origin.is_rest;
        let pool = transfer.pool.text(bytes);
        require(
            &[
                (is_given, Code::Details),
                (has_account(input), Code::Account),
                (!is_given || !transfer.currency.is_empty(), Code::Currency),
                (settlement.is_ok(), Code::Settlement),
                (!is_rest || !is_given || transfer.value.is_some(), Code::Value),
                (!is_rest || !pool.ends_with(UNBOOKED_SUFFIX), Code::Pool),
            ],
            out,
        );
        refuse_long(input, &[(transfer.currency, Code::Currency)], out);
        let moves_nothing = transfer.value.is_none_or(Dec::is_zero) && transfer.additional_funds.count == 0;
        let Verdict::Book { id } = self.judge(input, moves_nothing, out)? else { return Ok(None) };
        let settlement = settlement?;
        let account = self.transaction_account(input, out);
        let currency = self.state.currency(transfer.currency.of(bytes), out);
        let number = self.state.cash_number(account, currency);
        let net = transfer.value.unwrap_or_default().minus(funds::total(transfer.additional_funds(bytes))?)?;
        match pool {
            "" => self.settle(number, settlement, net)?,
            MARGIN => {
                let figures = self.draft.cash(&self.state, number);
                figures.margin = figures.margin.plus(net)?;
            }
            pool => self.settle_pool(number, pool, settlement, net)?,
        }
        let booking = Booking::CashTransfer;
        Ok(Some(DraftedTransfer { booking, account, instrument: None, currency, id }))
    }

    fn draft_asset_transfer(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<Option<DraftedTransfer>, Code> {
        let (bytes, transfer) = (input.bytes, &input.request.action.asset_transfer);
        let is_given = transfer.span.is_given();
        let is_rest = input.stamp.origin.is_rest;
        require(
            &[
                (is_given, Code::Details),
                (has_account(input), Code::Account),
                (!is_given || !transfer.exchange.is_empty(), Code::Exchange),
                (!is_given || !transfer.code.is_empty(), Code::Symbol),
                (!is_rest || !is_given || transfer.value.is_some(), Code::Value),
            ],
            out,
        );
        let ids =
            [(transfer.exchange, Code::Exchange), (transfer.code, Code::Symbol), (transfer.order_id, Code::Order)];
        refuse_long(input, &ids, out);
        let quantity = transfer.value.unwrap_or_default();
        let Verdict::Book { id } = self.judge(input, quantity.is_zero(), out)? else { return Ok(None) };
        let account = self.transaction_account(input, out);
        let (exchange, code) = (transfer.exchange.of(bytes), transfer.code.of(bytes));
        let instrument = InstrumentNo(self.state.number(NameKind::Instrument, exchange, code, out));
        let number = self.state.holding_number(account, instrument);
        let price = input.request.action.transaction.values(bytes).figure(b"Price")?;
        let row = self.draft.holding(&self.state, number);
        match price {
            Some(price) => row.book_leg(quantity, price, row.currency)?,
            None => row.book_unpriced(quantity)?,
        }
        let (booking, instrument) = (Booking::AssetTransfer, Some(instrument));
        Ok(Some(DraftedTransfer { booking, account, instrument, currency: CurrencyNo::default(), id }))
    }

    /// What becomes of a transfer of which all problems but one are noted. A feed is believed: only what comes through
    /// REST can be nothing, or be there already.
    fn judge(&self, input: &Input<'_>, moves_nothing: bool, out: &mut Outcome) -> Result<Verdict, Code> {
        let account = &input.request.action.transaction.account;
        refuse_long(input, &[(account.owner_id, Code::Owner), (account.account_id, Code::Account)], out);
        let id = if input.stamp.origin.is_rest { applied_id(input) } else { None };
        let known = id.and_then(|id| self.known_transaction(input, id));
        if id.zip(known).is_some_and(|(id, content)| content != id.content) {
            out.refuse(Code::TransactionDuplicate);
        }
        out.checked()?;
        if known.is_some() || (input.stamp.origin.is_rest && moves_nothing) {
            return Ok(Verdict::Nothing);
        }
        Ok(Verdict::Book { id })
    }

    /// The content under a transaction's id, booked before or earlier in the batch that is being checked.
    fn known_transaction(&self, input: &Input<'_>, id: AppliedEntry) -> Option<u64> {
        let in_batch = self.batch_ids.iter().find(|known| known.key == id.key).map(|known| known.content);
        let applied = || self.state.applied(id.key, id.time_ns);
        // Noted before kinds were told apart: the same content is the same transfer, another one may be of cash.
        let key = || transaction_key(input, AppliedKind::Transaction);
        let of_old_rules = || self.state.applied(key(), id.time_ns).filter(|content| *content == id.content);
        in_batch.or_else(applied).or_else(of_old_rules)
    }

    fn settle(&mut self, number: u32, settlement: SettlementStatus, net: Dec) -> Result<(), OutOfRange> {
        let figures = self.draft.cash(&self.state, number);
        let (booked, unbooked) = moves(settlement, net);
        (figures.balance, figures.unbooked) = (figures.balance.plus(booked)?, figures.unbooked.plus(unbooked)?);
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

    /// The id of a transaction that came without one: 22 characters from its sequence, the same at every replay; the
    /// members of a batch, which share a sequence, have their place behind.
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
        match self.member_index() {
            Some(index) => out.keep_joined(&id, format!("-{index}").as_bytes()),
            None => out.keep(&id),
        }
    }
}

fn has_account(input: &Input<'_>) -> bool {
    !input.request.action.transaction.account.account_id.is_empty()
}

/// A transaction's id under its account, with a hash of all that it says but who sent it. None if it has no id.
#[cold]
fn applied_id(input: &Input<'_>) -> Option<AppliedEntry> {
    let (bytes, action) = (input.bytes, &input.request.action);
    if action.transaction.transaction_id.is_empty() {
        return None;
    }
    // The cash and the asset leg of one business transaction may share an id.
    let is_asset = action.r#type == ExternalActionType::AssetTransfer as i32;
    let key = transaction_key(
        input,
        match input.stamp.rules {
            Rules::V2 if is_asset => AppliedKind::AssetTransaction,
            Rules::V1 | Rules::V2 => AppliedKind::Transaction,
        },
    );
    let mut stated = ExternalAction::decode(action.span.of(bytes)).expect("invariant: the decoder accepted it");
    if let Some(transaction) = &mut stated.transaction {
        transaction.authorities.clear();
    }
    Some(AppliedEntry { key, content: xxh3_64(&stated.encode_to_vec()), time_ns: input.stamp.time_ns })
}

fn transaction_key(input: &Input<'_>, kind: AppliedKind) -> u128 {
    let (bytes, transaction) = (input.bytes, &input.request.action.transaction);
    let account = &transaction.account;
    let account = name_hash(NameKind::Account, account.owner_id.of(bytes), account.account_id.of(bytes));
    applied_key(kind, &account.to_le_bytes(), transaction.transaction_id.of(bytes))
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
fn require(conditions: &[(bool, Code)], out: &mut Outcome) {
    conditions.iter().filter(|(holds, _)| !holds).for_each(|(_, problem)| out.refuse(*problem));
}

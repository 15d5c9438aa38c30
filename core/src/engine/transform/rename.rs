//! Renames: of a code, a currency, an account, or an owner with all its accounts.
//!
//! All four say what some numbers become; records follow them. Names keep their numbers: what moves is the record, to
//! the number of the new name, and where a record stands there already the two become one. The old name is free.

use super::super::rows::{CashFigures, HoldingRow, OrderRow, Pools, TradeRow};
use super::super::state::{State, position_key};
use super::super::{Engine, Input};
use super::positions::{merged_cash, merged_holding};
use super::requests::RequestMove;
use super::stored_order::StoredOrder;
use crate::dec::OutOfRange;
use crate::names::{AccountNo, CurrencyNo, InstrumentNo, NameKind, name_hash, order_key};
use crate::outcome::Outcome;
use crate::refusal::Code;
use crate::wire::field;

/// The number of a name that no record named yet. No record has it.
const UNSEEN: u32 = u32::MAX;

/// What numbers become.
pub(super) struct Rename {
    pub(super) of: Renamed,
    /// By account number; most become themselves.
    accounts: Vec<AccountNo>,
    /// The accounts that become others, with their new names.
    renamed_accounts: Vec<(AccountNo, [Box<str>; 2])>,
    instrument: Option<(InstrumentNo, InstrumentNo)>,
    currency: Option<(CurrencyNo, CurrencyNo)>,
}

/// What is renamed, by name: the old one and the new one.
pub(super) enum Renamed {
    /// On an exchange.
    Symbol {
        exchange: Box<str>,
        new_code: Box<str>,
    },
    Currency {
        new_code: Box<str>,
    },
    /// Owner and account.
    Account {
        from: [Box<str>; 2],
        to: [Box<str>; 2],
    },
    Owner {
        from: Box<str>,
        to: Box<str>,
    },
}

/// The records that follow, worked out before any is written.
#[derive(Default)]
struct Moves {
    orders: Vec<u32>,
    /// Where it comes from, and what stands at the new place then (with the old names still).
    cash: Vec<(u32, CashFigures, Pools)>,
    holdings: Vec<(u32, HoldingRow)>,
    trades: Vec<u32>,
    requests: Vec<RequestMove>,
}

impl Rename {
    /// None if nothing has that name.
    pub(super) fn of_symbol(state: &State, exchange: &str, code: &str, new_code: &str) -> Option<Rename> {
        let number = |code: &str| known(state, NameKind::Instrument, exchange, code);
        let from = number(code).filter(|_| code != new_code)?;
        let to = number(new_code).unwrap_or(UNSEEN);
        let of = Renamed::Symbol { exchange: exchange.into(), new_code: new_code.into() };
        Some(Rename { instrument: Some((InstrumentNo(from), InstrumentNo(to))), ..Rename::new(state, of) })
    }

    /// None if nothing has that name.
    pub(super) fn of_currency(state: &State, code: &str, new_code: &str) -> Option<Rename> {
        let from = known(state, NameKind::Currency, code, "").filter(|_| code != new_code)?;
        let to = known(state, NameKind::Currency, new_code, "").unwrap_or(UNSEEN);
        let of = Renamed::Currency { new_code: new_code.into() };
        Some(Rename { currency: Some((CurrencyNo(from), CurrencyNo(to))), ..Rename::new(state, of) })
    }

    pub(super) fn of_account(state: &State, from: [&str; 2], to: [&str; 2]) -> Rename {
        let of = Renamed::Account { from: from.map(Into::into), to: to.map(Into::into) };
        let mut rename = Rename::new(state, of);
        let number = known(state, NameKind::Account, from[0], from[1]);
        number.into_iter().for_each(|number| rename.add_account(state, AccountNo(number), to));
        rename
    }

    pub(super) fn of_owner(state: &State, from: &str, to: &str) -> Rename {
        let mut rename = Rename::new(state, Renamed::Owner { from: from.into(), to: to.into() });
        for (number, name) in state.names.accounts.iter().enumerate().filter(|(_, name)| *name.owner == *from) {
            rename.add_account(state, AccountNo(number as u32), [to, &name.account]);
        }
        rename
    }

    fn new(state: &State, of: Renamed) -> Rename {
        let accounts = (0..state.names.accounts.len()).map(|number| AccountNo(number as u32)).collect();
        Rename { of, accounts, renamed_accounts: Vec::new(), instrument: None, currency: None }
    }

    fn add_account(&mut self, state: &State, from: AccountNo, to: [&str; 2]) {
        self.accounts[from.index()] = AccountNo(known(state, NameKind::Account, to[0], to[1]).unwrap_or(UNSEEN));
        self.renamed_accounts.push((from, to.map(Into::into)));
    }

    /// Gives numbers to the new names that have none.
    fn learn_names(&mut self, state: &mut State, out: &mut Outcome) {
        for (from, [owner, account]) in &self.renamed_accounts {
            let number = state.number(NameKind::Account, owner.as_bytes(), account.as_bytes(), out);
            self.accounts[from.index()] = AccountNo(number);
        }
        match &self.of {
            Renamed::Symbol { exchange, new_code } => {
                let number = state.number(NameKind::Instrument, exchange.as_bytes(), new_code.as_bytes(), out);
                self.instrument = self.instrument.map(|(from, _)| (from, InstrumentNo(number)));
            }
            Renamed::Currency { new_code } => {
                let number = state.currency(new_code.as_bytes(), out);
                self.currency = self.currency.map(|(from, _)| (from, number));
            }
            Renamed::Account { .. } | Renamed::Owner { .. } => {}
        }
    }

    #[inline]
    pub(super) fn account(&self, account: AccountNo) -> AccountNo {
        // Numbers given since are those of new names.
        self.accounts.get(account.index()).copied().unwrap_or(account)
    }

    #[inline]
    pub(super) fn instrument(&self, instrument: InstrumentNo) -> InstrumentNo {
        self.instrument.filter(|(from, _)| *from == instrument).map_or(instrument, |(_, to)| to)
    }

    #[inline]
    fn currency(&self, currency: CurrencyNo) -> CurrencyNo {
        self.currency.filter(|(from, _)| *from == currency).map_or(currency, |(_, to)| to)
    }

    /// The instrument that becomes another.
    pub(super) fn renamed_instrument(&self) -> Option<(InstrumentNo, InstrumentNo)> {
        self.instrument
    }

    /// The currency that becomes another.
    pub(super) fn renamed_currency(&self) -> Option<(CurrencyNo, CurrencyNo)> {
        self.currency
    }

    /// The accounts that become others, with their new names.
    pub(super) fn renamed_accounts(&self) -> &[(AccountNo, [Box<str>; 2])] {
        &self.renamed_accounts
    }

    /// Which records follow, and what becomes of them.
    fn moves(&self, state: &State) -> Result<Moves, Code> {
        Ok(Moves {
            orders: self.order_moves(state)?,
            cash: self.cash_moves(state)?,
            holdings: self.holding_moves(state)?,
            trades: self.trade_moves(state),
            requests: self.request_moves(state)?,
        })
    }

    fn order_moves(&self, state: &State) -> Result<Vec<u32>, Code> {
        let mut moves = Vec::new();
        for (number, row) in state.orders.iter().filter_map(|(number, row)| Some((number, row?))) {
            let account = self.account(row.account);
            let moved = (account, self.instrument(row.instrument), self.currency(row.currency));
            if moved == (row.account, row.instrument, row.currency) {
                continue;
            }
            if account != row.account && account.0 != UNSEEN {
                let id = StoredOrder::of(state.bytes.get(row.state)).order_id;
                let key = order_key(state.names.account(account).hash, id);
                if state.order_numbers.get(key).is_some() {
                    return Err(Code::OrderDuplicate);
                }
            }
            moves.push(number);
        }
        Ok(moves)
    }

    fn cash_moves(&self, state: &State) -> Result<Vec<(u32, CashFigures, Pools)>, OutOfRange> {
        let mut moves = Vec::new();
        for (number, row) in state.cash.iter().filter_map(|(number, row)| Some((number, row?))) {
            let (account, currency) = (self.account(row.account), self.currency(row.currency));
            let is_nothing = row.figures.is_zero() && row.pools.is_empty();
            if is_nothing || (account, currency) == (row.account, row.currency) {
                continue;
            }
            let (figures, pools) = match state.cash_numbers.get(position_key(account.0, currency.0)) {
                Some(there) => merged_cash(state.cash.get(there), row)?,
                None => (row.figures, row.pools.clone()),
            };
            moves.push((number, figures, pools));
        }
        Ok(moves)
    }

    fn holding_moves(&self, state: &State) -> Result<Vec<(u32, HoldingRow)>, OutOfRange> {
        let mut moves = Vec::new();
        for (number, row) in state.holdings.iter().filter_map(|(number, row)| Some((number, row?))) {
            let (account, instrument) = (self.account(row.account), self.instrument(row.instrument));
            let moved = (account, instrument, self.currency(row.currency));
            if row.is_zero() || moved == (row.account, row.instrument, row.currency) {
                continue;
            }
            let there = state.holding_numbers.get(position_key(account.0, instrument.0));
            let merged = match there.filter(|there| *there != number) {
                Some(there) => merged_holding(state.holdings.get(there), row)?,
                None => *row,
            };
            moves.push((number, merged));
        }
        Ok(moves)
    }

    /// Trades booked to positions that have another name now. A correction of them goes to where the position went.
    fn trade_moves(&self, state: &State) -> Vec<u32> {
        let is_moved = |row: &TradeRow| {
            let (cash, holding) = (state.cash.get(row.cash), state.holdings.get(row.holding));
            self.account(cash.account) != cash.account
                || self.currency(cash.currency) != cash.currency
                || self.instrument(holding.instrument) != holding.instrument
        };
        let rows = state.trades.iter().filter(|(_, row)| row.is_some_and(is_moved));
        rows.map(|(number, _)| number).collect()
    }

    fn cash_number(&self, state: &mut State, from: u32) -> u32 {
        let row = state.cash.get(from);
        let (account, currency) = (self.account(row.account), self.currency(row.currency));
        state.cash_number(account, currency)
    }

    fn holding_number(&self, state: &mut State, from: u32) -> u32 {
        let row = state.holdings.get(from);
        let (account, instrument) = (self.account(row.account), self.instrument(row.instrument));
        state.holding_number(account, instrument)
    }
}

impl Engine {
    /// Moves what has the old name to the new one; whether anything has it.
    pub(super) fn rename(&mut self, input: &Input<'_>, mut rename: Rename, out: &mut Outcome) -> Result<bool, Code> {
        let moves = rename.moves(&self.state)?;
        self.require_room(&moves.orders, 2)?;
        let is_unused = moves.orders.is_empty()
            && moves.cash.is_empty()
            && moves.holdings.is_empty()
            && moves.trades.is_empty()
            && moves.requests.is_empty();
        if is_unused && !self.is_defined(&rename.of) {
            return Ok(false);
        }
        rename.learn_names(&mut self.state, out);
        for number in moves.orders {
            self.move_order(number, &rename, out);
        }
        for (number, figures, pools) in moves.cash {
            let to = rename.cash_number(&mut self.state, number);
            self.empty_cash(number, out);
            self.put_cash(to, figures, pools, out);
        }
        for (number, merged) in moves.holdings {
            self.move_holding(number, merged, &rename, out);
        }
        for number in moves.trades {
            let old = *self.state.trades.get(number);
            let cash = rename.cash_number(&mut self.state, old.cash);
            let holding = rename.holding_number(&mut self.state, old.holding);
            self.write_trade(number, TradeRow { cash, holding, ..old });
        }
        for moved in moves.requests {
            self.move_request(moved, &rename, out);
        }
        for (from, _) in &rename.renamed_accounts {
            self.state.move_roots(*from, rename.account(*from), input.stamp.sequence);
        }
        self.move_definitions(&rename.of, out);
        Ok(true)
    }

    /// Gives an order its new names. One that has another key then is shown under the old one first.
    fn move_order(&mut self, number: u32, rename: &Rename, out: &mut Outcome) {
        use field::order_state as f;
        let old = *self.state.orders.get(number);
        let (account, instrument) = (rename.account(old.account), rename.instrument(old.instrument));
        let currency = rename.currency(old.currency);
        let names = &self.state.names;
        let (w, mut replaced) = (&mut self.scratch, Vec::new());
        w.clear();
        // Written back to front.
        if currency != old.currency {
            w.text(f::CURRENCY, names.currency(currency).as_bytes());
            replaced.push(f::CURRENCY);
        }
        if instrument != old.instrument {
            w.text(f::CODE, names.instrument(instrument).code.as_bytes());
            replaced.push(f::CODE);
        }
        let mut key = old.key;
        if account != old.account {
            w.delimited(f::ACCOUNT, &names.account(account).encoded);
            replaced.push(f::ACCOUNT);
            let id = StoredOrder::of(self.state.bytes.get(old.state)).order_id;
            key = order_key(names.account(account).hash, id);
            self.state.show_order(number, true, out);
        }
        let state = self.keep_rewritten(old.state, &replaced, out);
        let handle = self.state.bytes.replace(old.state, out.bytes_of(state));
        let (cash, holding) =
            (self.state.cash_number(account, currency), self.state.holding_number(account, instrument));
        let row = OrderRow { key, account, instrument, currency, cash, holding, state: handle, ..old };
        self.state.set_order(number, row);
        out.orders.push(row.event(number, false, state));
    }

    fn move_holding(&mut self, number: u32, merged: HoldingRow, rename: &Rename, out: &mut Outcome) {
        let to = rename.holding_number(&mut self.state, number);
        if to != number {
            self.empty_holding(number, out);
        }
        let HoldingRow { account, instrument, .. } = *self.state.holdings.get(to);
        let currency = rename.currency(merged.currency);
        self.put_holding(to, HoldingRow { account, instrument, currency, ..merged }, out);
    }
}

fn known(state: &State, kind: NameKind, first: &str, second: &str) -> Option<u32> {
    state.name_numbers.get(name_hash(kind, first.as_bytes(), second.as_bytes()))
}

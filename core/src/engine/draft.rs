//! `Draft`: the positions an update touches, as they will be if all of it can be done.
//!
//! Every figure is computed here first, with every sum checked; only then is anything written. A refused update
//! changes nothing.

use super::rows::{CashFigures, HoldingRow};
use super::state::State;
use crate::dec::{Dec, OutOfRange};

#[derive(Debug, Clone, Copy)]
pub(super) struct CashDraft {
    pub(super) number: u32,
    pub(super) figures: CashFigures,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct HoldingDraft {
    pub(super) number: u32,
    pub(super) row: HoldingRow,
}

/// A pool's new value: the one kind of figure that is not in a position's row itself.
#[derive(Debug, Clone)]
pub(super) struct PoolDraft {
    pub(super) number: u32,
    pub(super) pool: Box<str>,
    pub(super) value: Dec,
}

/// An update touches a handful of rows: they are found by looking through them.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) cash: Vec<CashDraft>,
    pub(super) holdings: Vec<HoldingDraft>,
    pub(super) pools: Vec<PoolDraft>,
}

impl Draft {
    pub(super) fn clear(&mut self) {
        self.cash.clear();
        self.holdings.clear();
        self.pools.clear();
    }

    #[inline]
    pub(super) fn cash(&mut self, state: &State, number: u32) -> &mut CashFigures {
        let at = self.cash.iter().position(|draft| draft.number == number).unwrap_or_else(|| {
            self.cash.push(CashDraft { number, figures: state.cash.get(number).figures });
            self.cash.len() - 1
        });
        &mut self.cash[at].figures
    }

    #[inline]
    pub(super) fn holding(&mut self, state: &State, number: u32) -> &mut HoldingRow {
        let at = self.holdings.iter().position(|draft| draft.number == number).unwrap_or_else(|| {
            self.holdings.push(HoldingDraft { number, row: *state.holdings.get(number) });
            self.holdings.len() - 1
        });
        &mut self.holdings[at].row
    }

    /// Holds back `cash` and `stock` (not negative) for an open order, or gives them back where negative.
    #[inline]
    pub(super) fn reserve(
        &mut self,
        state: &State,
        (cash, holding): (u32, u32),
        reserved_cash: Dec,
        reserved_stock: Dec,
    ) -> Result<(), OutOfRange> {
        if !reserved_cash.is_zero() {
            let figures = self.cash(state, cash);
            figures.unfilled_buys = figures.unfilled_buys.minus(reserved_cash)?;
        }
        if !reserved_stock.is_zero() {
            let row = self.holding(state, holding);
            row.unfilled_sells = row.unfilled_sells.minus(reserved_stock)?;
        }
        Ok(())
    }

    /// Adds to a pool of a cash position.
    pub(super) fn add_to_pool(&mut self, state: &State, number: u32, pool: &str, add: Dec) -> Result<(), OutOfRange> {
        if let Some(draft) = self.pools.iter_mut().find(|draft| draft.number == number && *draft.pool == *pool) {
            draft.value = draft.value.plus(add)?;
            return Ok(());
        }
        let pools = &state.cash.get(number).pools;
        let present = pools.iter().find(|(name, _)| **name == *pool).map_or(Dec::ZERO, |(_, value)| *value);
        self.cash(state, number);
        self.pools.push(PoolDraft { number, pool: pool.into(), value: present.plus(add)? });
        Ok(())
    }
}

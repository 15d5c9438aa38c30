//! Cost of a position: the exact figure behind its average price.
//!
//! Weighted average of trade prices without fees. Cost and quantity are held exactly; only a part taken out of a
//! position divides, rounded half-even to 12 places. The average itself is worked out where it is shown.

use super::rows::HoldingRow;
use crate::dec::{Dec, OutOfRange};
use crate::names::CurrencyNo;

const COST_PLACES: u8 = 12;

impl HoldingRow {
    /// Stock that came in or went out at a price, in a currency.
    pub(crate) fn book_leg(&mut self, quantity: Dec, price: Dec, currency: CurrencyNo) -> Result<(), OutOfRange> {
        // A leg of nothing (a trade that reports a fee alone) has no price to count and no side.
        if quantity.is_zero() {
            return Ok(());
        }
        let (before, after) = (self.quantity, self.quantity.plus(quantity)?);
        let foreign = !before.is_zero() && self.currency != CurrencyNo::default() && self.currency != currency;
        self.cost = if after.is_zero() {
            None
        } else if before.is_zero() {
            Some(quantity.times(price)?)
        } else if before.is_negative() != after.is_negative() {
            Some(after.times(price)?)
        } else if foreign {
            None
        } else if before.is_negative() == quantity.is_negative() {
            self.cost.map(|cost| cost.plus(quantity.times(price)?)).transpose()?
        } else {
            in_proportion(self.cost, after, before)?
        };
        self.currency = currency;
        self.quantity = after;
        Ok(())
    }

    /// Stock that came in or went out without a price: taken at the present average.
    pub(crate) fn book_unpriced(&mut self, quantity: Dec) -> Result<(), OutOfRange> {
        if quantity.is_zero() {
            return Ok(());
        }
        let (before, after) = (self.quantity, self.quantity.plus(quantity)?);
        let flat = before.is_zero() || after.is_zero();
        self.cost = if flat { None } else { in_proportion(self.cost, after, before)? };
        self.quantity = after;
        Ok(())
    }

    /// A leg taken back at its own price.
    pub(crate) fn bust_leg(&mut self, quantity: Dec, price: Dec) -> Result<(), OutOfRange> {
        if quantity.is_zero() {
            return Ok(());
        }
        let (before, after) = (self.quantity, self.quantity.minus(quantity)?);
        let side_changes = before.is_negative() != after.is_negative();
        self.cost = if before.is_zero() || after.is_zero() || side_changes {
            None
        } else if before.is_negative() == quantity.is_negative() {
            self.cost.map(|cost| cost.minus(quantity.times(price)?)).transpose()?
        } else {
            in_proportion(self.cost, after, before)?
        };
        self.quantity = after;
        Ok(())
    }
}

fn in_proportion(cost: Option<Dec>, after: Dec, before: Dec) -> Result<Option<Dec>, OutOfRange> {
    cost.map(|cost| cost.times_ratio(after, before, COST_PLACES).map(Dec::normalised)).transpose()
}

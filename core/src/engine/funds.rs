//! `FundSums`: sums by fund name (brokerage, taxes), for the executed funds that an adapter did not give.
//!
//! Names lie in one buffer that keeps its room: nothing is allocated once warm.

use crate::dec::{Dec, OutOfRange};
use crate::wire::{Figures, ReverseWriter};

#[derive(Debug, Clone, Default)]
pub(super) struct FundSums {
    names: Vec<u8>,
    sums: Vec<FundSum>,
}

#[derive(Debug, Clone, Copy)]
struct FundSum {
    /// Where the name lies in the buffer.
    start: usize,
    end: usize,
    sum: Dec,
    /// Whether a refund is part of it, so that it may be negative.
    has_refund: bool,
}

impl FundSums {
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.sums.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    pub(super) fn add_all(&mut self, entries: Figures<'_>) -> Result<(), OutOfRange> {
        entries.into_iter().try_for_each(|(name, value)| self.add(name, value, value.is_negative()))
    }

    pub(super) fn subtract_all(&mut self, entries: Figures<'_>) -> Result<(), OutOfRange> {
        entries.into_iter().try_for_each(|(name, value)| self.add(name, value.negated(), value.is_negative()))
    }

    /// A derived sum is not negative but for refunds.
    pub(super) fn floor_at_zero(&mut self) {
        self.sums.iter_mut().filter(|fund| !fund.has_refund).for_each(|fund| fund.sum = fund.sum.max_zero());
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<Dec> {
        let found = self.sums.iter().find(|fund| &self.names[fund.start..fund.end] == name);
        found.map(|fund| fund.sum)
    }

    /// Entries of map field `number`, in the order in which the names were first seen.
    pub(super) fn write(&self, number: u32, w: &mut ReverseWriter) {
        for fund in self.sums.iter().rev() {
            w.figure_entry(number, &self.names[fund.start..fund.end], fund.sum);
        }
    }

    fn add(&mut self, name: &[u8], value: Dec, has_refund: bool) -> Result<(), OutOfRange> {
        let names = &self.names;
        if let Some(fund) = self.sums.iter_mut().find(|fund| &names[fund.start..fund.end] == name) {
            fund.sum = fund.sum.plus(value)?;
            fund.has_refund |= has_refund;
            return Ok(());
        }
        let start = self.names.len();
        self.names.extend_from_slice(name);
        self.sums.push(FundSum { start, end: self.names.len(), sum: value, has_refund });
        Ok(())
    }
}

/// The plain sum of a map's figures.
#[inline]
pub(super) fn total(mut entries: Figures<'_>) -> Result<Dec, OutOfRange> {
    entries.try_fold(Dec::ZERO, |sum, (_, value)| sum.plus(value))
}

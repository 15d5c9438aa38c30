//! `FundSums`: sums by fund name (brokerage, taxes), for the executed funds that an adapter did not give.
//!
//! Names lie in one buffer that keeps its room: nothing is allocated once warm.

use crate::dec::{Dec, OutOfRange};
use crate::wire::{Figures, ReverseWriter};

#[derive(Debug, Clone, Default)]
pub(super) struct FundSums {
    names: Vec<u8>,
    sums: Vec<(usize, usize, Dec)>,
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
        entries.into_iter().try_for_each(|(name, value)| self.add(name, value))
    }

    pub(super) fn subtract_all(&mut self, entries: Figures<'_>) -> Result<(), OutOfRange> {
        entries.into_iter().try_for_each(|(name, value)| self.add(name, value.negated()))
    }

    /// A derived sum is never negative.
    pub(super) fn floor_at_zero(&mut self) {
        self.sums.iter_mut().for_each(|(_, _, sum)| *sum = sum.max_zero());
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<Dec> {
        let found = self.sums.iter().find(|(start, end, _)| &self.names[*start..*end] == name);
        found.map(|(_, _, sum)| *sum)
    }

    /// Entries of map field `number`, in the order in which the names were first seen.
    pub(super) fn write(&self, number: u32, w: &mut ReverseWriter) {
        for (start, end, sum) in self.sums.iter().rev() {
            w.figure_entry(number, &self.names[*start..*end], *sum);
        }
    }

    fn add(&mut self, name: &[u8], value: Dec) -> Result<(), OutOfRange> {
        let names = &self.names;
        if let Some((_, _, sum)) = self.sums.iter_mut().find(|(start, end, _)| &names[*start..*end] == name) {
            *sum = sum.plus(value)?;
            return Ok(());
        }
        let start = self.names.len();
        self.names.extend_from_slice(name);
        self.sums.push((start, self.names.len(), value));
        Ok(())
    }
}

/// The plain sum of a map's figures.
#[inline]
pub(super) fn total(mut entries: Figures<'_>) -> Result<Dec, OutOfRange> {
    entries.try_fold(Dec::ZERO, |sum, (_, value)| sum.plus(value))
}

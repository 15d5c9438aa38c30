//! `Live`: how many live records name an owner or an exchange, so that whether one exists is a look-up.
//!
//! Thread of the views. Counts change only when a record appears, goes, or names somebody else.

use std::collections::BTreeMap;

use super::Record;
use crate::names::Names;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Live {
    owners: Tally,
    exchanges: Tally,
}

/// Counts by code, found from a record's number without a look at the text.
#[derive(Debug, Default)]
struct Tally {
    numbers: BTreeMap<Box<str>, u32>,
    counts: Vec<u64>,
    /// By the number of an account or an instrument: that of its owner or exchange.
    of: Vec<u32>,
}

impl Live {
    /// Takes in the names that came since the last time.
    pub(super) fn learn(&mut self, names: &Names) {
        for account in &names.accounts[self.owners.of.len()..] {
            self.owners.add(&account.owner);
        }
        for instrument in &names.instruments[self.exchanges.of.len()..] {
            self.exchanges.add(&instrument.exchange);
        }
    }

    pub(super) fn change(&mut self, old: Option<&Record>, new: Option<&Record>) {
        let key = |record: &Record| (record.account, record.instrument);
        if old.map(key) == new.map(key) {
            return;
        }
        if let Some(new) = new {
            *self.owners.count(new.account.0) += 1;
            new.instrument.into_iter().for_each(|no| *self.exchanges.count(no.0) += 1);
        }
        if let Some(old) = old {
            *self.owners.count(old.account.0) -= 1;
            old.instrument.into_iter().for_each(|no| *self.exchanges.count(no.0) -= 1);
        }
    }

    pub(super) fn has_owner(&self, owner: &str) -> bool {
        self.owners.has(owner)
    }

    pub(super) fn has_exchange(&self, exchange: &str) -> bool {
        self.exchanges.has(exchange)
    }
}

impl Tally {
    fn add(&mut self, code: &str) {
        let next = self.counts.len() as u32;
        let number = match self.numbers.get(code) {
            Some(number) => *number,
            None => {
                self.numbers.insert(code.into(), next);
                self.counts.push(0);
                next
            }
        };
        self.of.push(number);
    }

    fn count(&mut self, number: u32) -> &mut u64 {
        &mut self.counts[self.of[number as usize] as usize]
    }

    fn has(&self, code: &str) -> bool {
        self.numbers.get(code).is_some_and(|number| self.counts[*number as usize] > 0)
    }
}

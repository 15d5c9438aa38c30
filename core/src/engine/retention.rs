//! How long trades outlive their order, and the Tick that ends it.
//!
//! The trades of an order hang on its row as a chain, newest first. An order that goes leaves its chain under its
//! lineage, where a late correction finds it, and where the order finds it should it come back. Once its newest trade
//! is old enough, the chain goes as a whole. A Tick does a bounded part of that work: no update waits long behind it.

use std::cmp::Reverse;

use super::rows::{NO_TRADE, OrderRow, bytes_hash, lineage_hash};
use super::state::State;
use super::{Engine, NANOS_PER_SECOND};
use crate::outcome::{Outcome, Stamp};

/// Records forgotten by one Tick, and ids likewise: about a millisecond of work. What is left is for the next.
const PRUNED_BY_A_TICK: usize = 4096;

/// What an order that went has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) lineage: u128,
    /// Its newest trade; `NO_TRADE` for an order that moved and had none.
    pub(super) last_trade: u32,
    /// Retention counts from here: its newest trade, or its removal where it had moved and so has other names.
    pub(super) since_ns: u64,
}

impl Engine {
    /// Lets time pass: forgets trades of orders long gone, and ids no longer compared. The outcome takes no
    /// position. At most a few thousand records a call, O(log n) each; more are due at once while
    /// [`Engine::next_prune_ns`] is not later than the tick.
    ///
    /// # Panics
    /// As [`Engine::apply`].
    pub(crate) fn tick(&mut self, stamp: Stamp, out: &mut Outcome) {
        self.begin(stamp, out);
        self.state.prune_gone(stamp.time_ns, PRUNED_BY_A_TICK);
        self.state.prune_applied(stamp.time_ns, PRUNED_BY_A_TICK);
        self.state.prune_ended(stamp.time_ns, PRUNED_BY_A_TICK);
        self.end_without_position(stamp, out);
    }
}

impl State {
    /// Hangs a trade that was just booked on its order.
    #[inline]
    pub(super) fn attach_trade(&mut self, order: u32, trade: u32) {
        let row = self.orders.get_mut(order);
        let previous = std::mem::replace(&mut row.last_trade, trade);
        self.trades.get_mut(trade).previous = previous;
    }

    /// The chain of an order that comes: its own, and what one of the same lineage has left.
    #[inline]
    pub(super) fn chain_of(&mut self, row: &OrderRow) -> u32 {
        if self.gone.live() == 0 { row.last_trade } else { self.chain_with_gone(row) }
    }

    fn chain_with_gone(&mut self, row: &OrderRow) -> u32 {
        match self.gone_numbers.get(row.lineage) {
            Some(number) => {
                let gone = self.take_gone(number);
                self.joined(row.last_trade, gone.last_trade)
            }
            None => row.last_trade,
        }
    }

    /// Keeps what an order leaves: its trades, and what other home they are found under.
    pub(super) fn leave(&mut self, row: &OrderRow, home: u128) {
        let has_moved = home != row.lineage;
        if has_moved {
            self.put_lineage(home, row.lineage);
        }
        if has_moved || row.last_trade != NO_TRADE {
            self.leave_chain(row.lineage, row.last_trade, if has_moved { self.now_ns } else { 0 });
        }
    }

    /// Remembers the lineage that a home stands for.
    pub(super) fn put_lineage(&mut self, key: u128, lineage: u128) {
        let old = self.lineages.insert(key, lineage);
        if let Some(old) = old {
            self.lineage_keys.remove(&(old, key));
        }
        self.lineage_keys.insert((lineage, key));
        self.rehash(old.map_or(0, |old| lineage_hash(key, old)), lineage_hash(key, lineage));
    }

    /// Keeps a chain under its lineage, behind the one that is there already.
    pub(super) fn leave_chain(&mut self, lineage: u128, last_trade: u32, removed_ns: u64) {
        let there = self.gone_numbers.get(lineage).map(|number| self.take_gone(number));
        let last_trade = there.map_or(last_trade, |gone| self.joined(last_trade, gone.last_trade));
        let traded_ns = if last_trade == NO_TRADE { 0 } else { self.trades.get(last_trade).time_ns };
        let since_ns = traded_ns.max(removed_ns).max(there.map_or(0, |gone| gone.since_ns));
        self.put_gone(Gone { lineage, last_trade, since_ns });
    }

    fn put_gone(&mut self, gone: Gone) {
        let number = self.gone.insert(gone);
        self.index_gone(number);
    }

    /// Index, order of time and hash of a record that is in its place.
    pub(super) fn index_gone(&mut self, number: u32) {
        let gone = *self.gone.get(number);
        self.gone_numbers.insert(gone.lineage, number);
        self.gone_since.push(Reverse((gone.since_ns, number)));
        self.rehash(0, gone_hash(&gone));
    }

    fn take_gone(&mut self, number: u32) -> Gone {
        let gone = self.gone.remove(number);
        self.gone_numbers.remove(gone.lineage);
        // What was taken up again is not there any more, or is another's: the heap lets go of it when it comes up.
        while let Some(&Reverse((since_ns, number))) = self.gone_since.peek()
            && self.gone.find(number).is_none_or(|gone| gone.since_ns != since_ns)
        {
            self.gone_since.pop();
        }
        self.rehash(gone_hash(&gone), 0);
        gone
    }

    /// Two chains as one, the one with the newer first trade in front.
    fn joined(&mut self, one: u32, other: u32) -> u32 {
        if one == NO_TRADE || other == NO_TRADE {
            return if one == NO_TRADE { other } else { one };
        }
        let one_is_newer = self.trades.get(one).time_ns > self.trades.get(other).time_ns;
        let (front, back) = if one_is_newer { (one, other) } else { (other, one) };
        let mut tail = front;
        while self.trades.get(tail).previous != NO_TRADE {
            tail = self.trades.get(tail).previous;
        }
        self.trades.get_mut(tail).previous = back;
        front
    }

    fn prune_gone(&mut self, now_ns: u64, limit: usize) {
        let retention_ns = self.trade_retention_ns();
        let mut pruned = 0;
        while let Some(&Reverse((since_ns, number))) = self.gone_since.peek() {
            if since_ns.saturating_add(retention_ns) > now_ns || pruned >= limit {
                return;
            }
            let gone = self.take_gone(number);
            pruned += 1 + self.prune_chain(gone.last_trade) + self.prune_lineage(gone.lineage);
        }
    }

    fn prune_chain(&mut self, last_trade: u32) -> usize {
        let (mut next, mut pruned) = (last_trade, 0);
        while next != NO_TRADE {
            let row = self.trades.remove(next);
            self.trade_numbers.remove(row.key);
            row.fund_entries.into_iter().for_each(|entries| self.bytes.remove(entries));
            self.rehash(row.hash, 0);
            pruned += 1;
            next = row.previous;
        }
        pruned
    }

    fn prune_lineage(&mut self, lineage: u128) -> usize {
        let keys: Vec<u128> =
            self.lineage_keys.range((lineage, 0)..=(lineage, u128::MAX)).map(|(_, key)| *key).collect();
        for key in &keys {
            self.lineage_keys.remove(&(lineage, *key));
            self.lineages.remove(key);
            self.rehash(lineage_hash(*key, lineage), 0);
        }
        keys.len()
    }

    pub(super) fn trade_retention_ns(&self) -> u64 {
        self.settings.trade_retention_s.saturating_mul(NANOS_PER_SECOND)
    }
}

fn gone_hash(gone: &Gone) -> u128 {
    bytes_hash(b'G', gone.lineage, &gone.since_ns.to_le_bytes())
}

//! What trades hang on: the lineage of their order, that is the key under which the order was first seen.
//!
//! An order's key binds the names of its account. An account that is renamed takes its orders along, and the trades of
//! those that are gone too; the name it leaves is free: a new order under an old name and an old id has nothing to do
//! with the one before. So what an order begins under is not its account's name but a root that the name has at the
//! time: the hash of the name at first, a fresh one once the name was left. An account has the root that its new orders
//! begin under, and behind it the roots of those that were renamed to it.

use super::rows::{OrderRow, bytes_hash};
use super::state::State;
use crate::names::{AccountNo, order_key, trade_key};
use crate::wire::{TopFields, field};

impl State {
    /// What an order of this account and id hangs on if nothing else is known of it.
    #[inline]
    pub(super) fn home(&self, account: AccountNo, order_id: &[u8], key: u128) -> u128 {
        if self.roots.is_empty() {
            return key;
        }
        self.roots.get(&account).map_or(key, |roots| order_key(roots[0], order_id))
    }

    /// What the trades of an order hang on, whether it is there or not.
    #[inline]
    pub(super) fn lineage(&self, order: Option<u32>, home: u128) -> u128 {
        match order {
            Some(number) => self.orders.get(number).lineage,
            None => self.lineages.get(&home).copied().unwrap_or(home),
        }
    }

    /// What an order that is not there goes on with, if it comes: what one of its key has left, here or under a name that
    /// was renamed to this one.
    pub(super) fn lineage_to_come(&self, account: AccountNo, order_id: &[u8], home: u128) -> u128 {
        let roots = self.roots.get(&account).map_or(&[][..], Vec::as_slice);
        let mut former = roots.iter().map(|root| self.lineage(None, order_key(*root, order_id)));
        former.find(|lineage| self.gone_numbers.get(*lineage).is_some()).unwrap_or_else(|| self.lineage(None, home))
    }

    /// The home of an order that is there.
    #[inline]
    pub(super) fn home_of(&self, row: &OrderRow) -> u128 {
        if self.roots.is_empty() {
            return row.key;
        }
        let fields = TopFields::of(self.bytes.get(row.state));
        let id = fields.filter(|field| field.number == field::order_state::ORDER_ID).last();
        self.home(row.account, id.map_or(&[], |id| id.content), row.key)
    }

    /// A trade of an order that was gone when its account was renamed to this one: its number and its lineage.
    pub(super) fn trade_of_former(&self, account: AccountNo, order_id: &[u8], trade_id: &[u8]) -> Option<(u32, u128)> {
        self.roots.get(&account)?.iter().find_map(|root| {
            let lineage = self.lineage(None, order_key(*root, order_id));
            Some((self.trade_numbers.get(trade_key(lineage, trade_id))?, lineage))
        })
    }

    /// Gives all that hangs on one account to another, and frees the name.
    pub(super) fn move_roots(&mut self, from: AccountNo, to: AccountNo, sequence: u64) {
        let moved = self.roots_of(from);
        let roots = [self.roots_of(to), moved].concat();
        self.set_roots(to, roots);
        self.free_name(from, sequence);
    }

    /// Orders under this name have from now on nothing to do with those before.
    pub(super) fn free_name(&mut self, account: AccountNo, sequence: u64) {
        let fresh = bytes_hash(b'N', self.names.account(account).hash, &sequence.to_le_bytes());
        self.set_roots(account, vec![fresh]);
    }

    pub(super) fn set_roots(&mut self, account: AccountNo, roots: Vec<u128>) {
        let name = self.names.account(account).hash;
        let hash = |roots: &[u128]| {
            let bytes: Vec<u8> = roots.iter().flat_map(|root| root.to_le_bytes()).collect();
            bytes_hash(b'R', name, &bytes)
        };
        let new = hash(&roots);
        let old = self.roots.insert(account, roots).map_or(0, |old| hash(&old));
        self.rehash(old, new);
    }

    fn roots_of(&self, account: AccountNo) -> Vec<u128> {
        self.roots.get(&account).cloned().unwrap_or_else(|| vec![self.names.account(account).hash])
    }
}

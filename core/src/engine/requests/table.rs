//! The table of active requests, and what is kept of those that ended: every write of a request goes through here, so
//! that key, hash, lists and due times agree.
//!
//! Hot path: engine thread. A request that is not queued allocates nothing once warm.

use std::collections::BTreeSet;

use super::chain::{Chain, Link};
use super::ended::{Ended, EndedRequest};
use super::row::RequestRow;
use super::{NO_NUMBER, Phase};
use crate::engine::index::Index;
use crate::engine::rows::bytes_hash;
use crate::engine::slab::Slab;
use crate::engine::state::State;
use crate::names::FeedNo;

/// See the module.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Requests {
    pub(in crate::engine) rows: Slab<RequestRow>,
    pub(super) numbers: Index,
    pub(in crate::engine) ended: Ended,
    /// By feed number, in the order in which they became Pending.
    pending: Vec<Chain>,
    /// By feed number, in the order in which they were delivered.
    submitted: Vec<Chain>,
    all_pending: Chain,
    /// When queued requests expire, and their numbers.
    expiring: BTreeSet<(u64, u32)>,
}

impl Default for Requests {
    fn default() -> Requests {
        Requests {
            rows: Slab::new(),
            numbers: Index::with_capacity(0),
            ended: Ended::default(),
            pending: Vec::new(),
            submitted: Vec::new(),
            all_pending: Chain::default(),
            expiring: BTreeSet::new(),
        }
    }
}

impl Requests {
    pub(in crate::engine) fn get(&self, key: u128) -> Option<u32> {
        self.numbers.get(key)
    }

    /// The number of keys: one for every row of a sound table.
    pub(in crate::engine) fn keys(&self) -> usize {
        self.numbers.len()
    }

    /// The oldest Pending request of a feed.
    pub(super) fn first_pending(&self, feed: FeedNo) -> Option<u32> {
        self.pending.get(feed.index())?.first()
    }

    /// How many requests of a feed are Pending.
    pub(super) fn pending_len(&self, feed: FeedNo) -> u32 {
        self.pending.get(feed.index()).map_or(0, |chain| chain.len)
    }

    /// The oldest Pending request of all feeds.
    pub(super) fn oldest_pending(&self) -> Option<u32> {
        self.all_pending.first()
    }

    /// What was delivered to a feed and not ended, in the order of delivery.
    pub(super) fn submitted(&self, feed: FeedNo) -> impl Iterator<Item = u32> {
        let first = self.submitted.get(feed.index()).and_then(Chain::first);
        std::iter::successors(first, |number| self.rows.get(*number).in_feed.next())
    }

    /// The queued request that expires first.
    pub(super) fn first_expiring(&self) -> Option<(u64, u32)> {
        self.expiring.first().copied()
    }

    /// Puts a row into the lists of its phase.
    fn enlist(&mut self, number: u32) {
        let row = *self.rows.get(number);
        let rows = &mut self.rows;
        if let Some((feed, phase)) = row.list() {
            let lists = if phase == Phase::Pending { &mut self.pending } else { &mut self.submitted };
            if lists.len() <= feed.index() {
                lists.resize_with(feed.index() + 1, Chain::default);
            }
            lists[feed.index()].join(rows, number, |row| &mut row.in_feed);
            if phase == Phase::Pending {
                self.all_pending.join(rows, number, |row| &mut row.in_pending);
            }
        }
        if row.phase == Phase::Queued && row.expire_ns != 0 {
            self.expiring.insert((row.expire_ns, number));
        }
    }

    /// Takes a row out of them.
    fn delist(&mut self, number: u32) {
        let row = *self.rows.get(number);
        let rows = &mut self.rows;
        if let Some((feed, phase)) = row.list() {
            let lists = if phase == Phase::Pending { &mut self.pending } else { &mut self.submitted };
            lists[feed.index()].leave(rows, number, |row| &mut row.in_feed);
            if phase == Phase::Pending {
                self.all_pending.leave(rows, number, |row| &mut row.in_pending);
            }
        }
        if row.phase == Phase::Queued && row.expire_ns != 0 {
            self.expiring.remove(&(row.expire_ns, number));
        }
    }
}

impl State {
    /// Adds an active request with its state; its number.
    pub(super) fn insert_request(&mut self, row: RequestRow, state: &[u8]) -> u32 {
        let state = self.bytes.insert(state);
        let row = RequestRow { state, in_feed: Link::FREE, in_pending: Link::FREE, ..row };
        let hash = self.hash_of_request(&row);
        self.rehash(0, hash);
        let number = self.requests.rows.insert(RequestRow { hash, ..row });
        self.requests.numbers.insert(row.key, number);
        self.requests.enlist(number);
        number
    }

    /// Puts a row in place of a request's; its bytes are where the row says. Its hash and its links are filled in. The
    /// key may change: an account that is renamed.
    pub(in crate::engine) fn set_request(&mut self, number: u32, row: RequestRow) {
        let old = *self.requests.rows.get(number);
        let place = |row: &RequestRow| (row.list(), row.phase, row.expire_ns, row.rpc, row.since_sequence);
        let moves = place(&old) != place(&row);
        if moves {
            self.requests.delist(number);
        }
        let hash = self.hash_of_request(&row);
        self.rehash(old.hash, hash);
        let links = if moves { (Link::FREE, Link::FREE) } else { (old.in_feed, old.in_pending) };
        let (in_feed, in_pending) = links;
        *self.requests.rows.get_mut(number) = RequestRow { hash, in_feed, in_pending, ..row };
        if old.key != row.key {
            self.requests.numbers.remove(old.key);
            self.requests.numbers.insert(row.key, number);
        }
        if moves {
            self.requests.enlist(number);
        }
    }

    /// Takes an active request out, and keeps what tells a repetition of it.
    pub(in crate::engine) fn end_request(&mut self, number: u32, phase: Phase) {
        self.requests.delist(number);
        let row = self.requests.rows.remove(number);
        self.requests.numbers.remove(row.key);
        self.bytes.remove(row.state);
        self.rehash(row.hash, 0);
        self.note_ended(EndedRequest::new(row.key, row.content, self.now_ns, phase));
    }

    pub(in crate::engine) fn note_ended(&mut self, entry: EndedRequest) {
        self.requests.ended.push(entry);
        self.rehash(0, ended_hash(&entry));
    }

    /// What is kept of a request that ended, unless that is too long ago to count.
    pub(super) fn ended_request(&self, key: u128, now_ns: u64) -> Option<EndedRequest> {
        let entry = self.requests.ended.get(key)?;
        (now_ns.saturating_sub(entry.at_ns) < self.idempotency_retention_ns()).then_some(*entry)
    }

    /// Forgets requests that ended too long ago, at most `limit` of them.
    pub(in crate::engine) fn prune_ended(&mut self, now_ns: u64, limit: usize) {
        let retention_ns = self.idempotency_retention_ns();
        for _ in 0..limit {
            let is_old = |entry: &EndedRequest| now_ns.saturating_sub(entry.at_ns) >= retention_ns;
            if !self.requests.ended.oldest().is_some_and(is_old) {
                return;
            }
            let entry = self.requests.ended.pop().expect("the oldest was looked at");
            self.rehash(ended_hash(&entry), 0);
        }
    }

    /// When the next ended request is to be forgotten.
    pub(in crate::engine) fn next_ended_prune_ns(&self) -> Option<u64> {
        let oldest = self.requests.ended.oldest()?;
        Some(oldest.at_ns.saturating_add(self.idempotency_retention_ns()))
    }

    /// Keys, hashes and lists from the rows of an image.
    pub(in crate::engine) fn rebuild_requests(&mut self) {
        let rows = self.requests.rows.iter().filter_map(|(number, row)| Some((number, *row?)));
        let mut rows: Vec<(u32, RequestRow)> = rows.collect();
        // In the order in which they joined their lists.
        rows.sort_by_key(|(_, row)| if row.phase == Phase::Submitted { row.rpc as u64 } else { row.since_sequence });
        for (number, row) in rows {
            let hash = self.hash_of_request(&row);
            self.rehash(0, hash);
            self.requests.rows.get_mut(number).hash = hash;
            self.requests.numbers.insert(row.key, number);
            self.requests.enlist(number);
        }
    }

    fn hash_of_request(&self, row: &RequestRow) -> u128 {
        row.hash(self.names.feed(row.feed), self.bytes.get(row.state))
    }
}

fn ended_hash(entry: &EndedRequest) -> u128 {
    let mut fixed = [0; 17];
    fixed[..8].copy_from_slice(&entry.content.to_le_bytes());
    fixed[8..16].copy_from_slice(&entry.at_ns.to_le_bytes());
    fixed[16] = entry.phase as u8;
    bytes_hash(b'E', entry.key(), &fixed)
}

const _: () = assert!(NO_NUMBER == u32::MAX, "no slab gives this number to a request");

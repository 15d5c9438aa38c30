//! `Applied`: ids of what was applied and is not to be applied again, for as long as the settings say.
//!
//! Off the hot path: transforms, settlements, and transactions through REST. An id costs 32 bytes in an image; in
//! memory its entry stands in a map for looking up and in a queue for forgetting, both in an order that the record
//! alone decides.

use std::collections::{BTreeMap, VecDeque};

use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use super::NANOS_PER_SECOND;
use super::rows::bytes_hash;
use super::state::State;

/// What an id names. The number goes into hashes and images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum AppliedKind {
    Transform = 1,
    /// A cash transfer of an account; by rules of version 1 of either kind.
    Transaction = 2,
    /// With its content, so that another one under the same id is another key.
    Settlement = 3,
    /// An asset transfer of an account.
    AssetTransaction = 4,
}

/// What is remembered of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AppliedEntry {
    pub(super) key: u128,
    /// A hash of what came under the id; 0 where the id says it all.
    pub(super) content: u64,
    pub(super) time_ns: u64,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Applied {
    by_key: BTreeMap<u128, (u64, u64)>,
    /// Oldest first. An entry that was noted again since is not the one in the map.
    by_time: VecDeque<(u64, u128)>,
}

impl Applied {
    /// All entries, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = AppliedEntry> {
        self.by_time.iter().filter_map(|&(time_ns, key)| {
            let (content, noted_ns) = *self.by_key.get(&key)?;
            (noted_ns == time_ns).then_some(AppliedEntry { key, content, time_ns })
        })
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// When the oldest entry was noted, at the latest.
    pub(super) fn oldest_ns(&self) -> Option<u64> {
        self.by_time.front().map(|(time_ns, _)| *time_ns)
    }
}

impl State {
    /// Whether a transform of that id was applied, and not too long ago to tell.
    pub(super) fn is_transform_applied(&self, transform_id: &str, now_ns: u64) -> bool {
        self.applied(transform_key(transform_id), now_ns).is_some()
    }

    pub(super) fn note_transform(&mut self, transform_id: &str, now_ns: u64) {
        self.note_applied(AppliedEntry { key: transform_key(transform_id), content: 0, time_ns: now_ns });
    }

    /// The content that was applied under a key.
    pub(super) fn applied(&self, key: u128, now_ns: u64) -> Option<u64> {
        let (content, time_ns) = *self.applied.by_key.get(&key)?;
        // Pruning comes later: an id past its retention is not compared, though it may still be stored.
        (now_ns.saturating_sub(time_ns) < self.idempotency_retention_ns()).then_some(content)
    }

    pub(super) fn note_applied(&mut self, entry: AppliedEntry) {
        let AppliedEntry { key, content, time_ns } = entry;
        let old = self.applied.by_key.insert(key, (content, time_ns));
        self.applied.by_time.push_back((time_ns, key));
        let old = old.map_or(0, |(content, time_ns)| entry_hash(AppliedEntry { key, content, time_ns }));
        self.rehash(old, entry_hash(entry));
    }

    /// Forgets ids past their retention, at most `limit` of them at a time.
    pub(super) fn prune_applied(&mut self, now_ns: u64, limit: usize) {
        let retention_ns = self.idempotency_retention_ns();
        for _ in 0..limit {
            let Some(&(time_ns, key)) = self.applied.by_time.front() else { return };
            if now_ns.saturating_sub(time_ns) < retention_ns {
                return;
            }
            self.applied.by_time.pop_front();
            let Some(&(content, noted_ns)) = self.applied.by_key.get(&key) else { continue };
            if noted_ns == time_ns {
                self.applied.by_key.remove(&key);
                self.rehash(entry_hash(AppliedEntry { key, content, time_ns }), 0);
            }
        }
    }

    pub(super) fn idempotency_retention_ns(&self) -> u64 {
        self.settings.idempotency_retention_s.saturating_mul(NANOS_PER_SECOND)
    }
}

/// The key of an id under whatever it belongs to.
pub(super) fn applied_key(kind: AppliedKind, belongs_to: &[u8], id: &[u8]) -> u128 {
    xxh3_128_with_seed(id, xxh3_64(belongs_to) ^ u64::from(kind as u8))
}

fn transform_key(transform_id: &str) -> u128 {
    applied_key(AppliedKind::Transform, b"", transform_id.as_bytes())
}

fn entry_hash(entry: AppliedEntry) -> u128 {
    let mut rest = [0; 16];
    rest[..8].copy_from_slice(&entry.content.to_le_bytes());
    rest[8..].copy_from_slice(&entry.time_ns.to_le_bytes());
    bytes_hash(b'K', entry.key, &rest)
}

//! The row of an active request, and what it adds to the state hash.

use xxhash_rust::xxh3::xxh3_128;

use super::Phase;
use super::chain::Link;
use crate::engine::byte_store::Handle;
use crate::engine::rows::bytes_hash;
use crate::names::{AccountNo, FeedNo, InstrumentNo};

/// What the engine needs of a request at hand; its whole ClientRequestState is bytes.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct RequestRow {
    pub(in crate::engine) key: u128,
    /// The order that appeared with its RequestID; 0: none has.
    pub(in crate::engine) order: u128,
    /// The hash of what the client asked for.
    pub(in crate::engine) content: u64,
    pub(in crate::engine) account: AccountNo,
    pub(in crate::engine) instrument: Option<InstrumentNo>,
    /// The feed it is routed to; `oms` while it is routed nowhere.
    pub(in crate::engine) feed: FeedNo,
    pub(in crate::engine) phase: Phase,
    /// The feed itself reported it: it is not sent there.
    pub(in crate::engine) is_reported: bool,
    /// The journal sequence and the time at which it became Pending or Queued.
    pub(in crate::engine) since_sequence: u64,
    pub(in crate::engine) since_ns: u64,
    /// The journal sequence of its dispatch; 0: not delivered.
    pub(in crate::engine) rpc: i64,
    /// ExpireAfter of a queued one; 0: none.
    pub(in crate::engine) expire_ns: u64,
    pub(in crate::engine) state: Handle,
    pub(in crate::engine) hash: u128,
    /// In the list of its feed, by phase.
    pub(in crate::engine) in_feed: Link,
    /// Among all that are Pending.
    pub(in crate::engine) in_pending: Link,
}

impl RequestRow {
    /// The feed that it is outstanding for.
    pub(super) fn outstanding(&self) -> Option<FeedNo> {
        let is_with_feed = matches!(self.phase, Phase::Pending | Phase::Submitted);
        (is_with_feed && !self.is_reported && self.feed != FeedNo::OMS).then_some(self.feed)
    }

    /// The list of its feed that it stands in.
    pub(super) fn list(&self) -> Option<(FeedNo, Phase)> {
        let feed = self.outstanding()?;
        // One that a feed reported progress of without a delivery is not delivered again.
        (self.phase == Phase::Pending || self.rpc != 0).then_some((feed, self.phase))
    }

    /// What it adds to the state hash, its feed's name and its state given.
    pub(super) fn hash(&self, feed: &str, state: &[u8]) -> u128 {
        let mut fixed = [0; 16 + 6 * 8 + 2];
        fixed[..16].copy_from_slice(&self.order.to_le_bytes());
        let numbers =
            [self.content, self.since_sequence, self.since_ns, self.rpc as u64, self.expire_ns, feed_hash(feed)];
        for (at, number) in numbers.into_iter().enumerate() {
            fixed[16 + at * 8..24 + at * 8].copy_from_slice(&number.to_le_bytes());
        }
        fixed[64..].copy_from_slice(&[self.phase as u8, u8::from(self.is_reported)]);
        bytes_hash(b'R', self.key, &(xxh3_128(state) ^ xxh3_128(&fixed).rotate_left(1)).to_le_bytes())
    }
}

fn feed_hash(feed: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(feed.as_bytes())
}

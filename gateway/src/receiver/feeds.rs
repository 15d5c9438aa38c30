//! `Feeds`: who supplies a feed, and which of its positions are recorded.
//!
//! Kept by the receiver alone, ahead of the engine: duplicates are recognised here and never recorded.

use std::collections::{BTreeMap, VecDeque};

use ordo_core::engine::Engine;
use ordo_core::names::{FeedNo, OMS};
use ordo_core::proto::{ConnectionStatus, FeedConfiguration, FeedDetails};
use prost::Message;

use crate::wiring::task::ConnNo;

/// Bytes of the longest feed name.
const NAME_BYTES_MAX: usize = 64;

/// A feed as the receiver knows it.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) name: Box<str>,
    /// The last position admitted.
    pub(crate) last: i64,
    pub(crate) supplier: Option<ConnNo>,
    /// Other connections that opened it. The first becomes the supplier when the present one leaves.
    pub(crate) parked: VecDeque<ConnNo>,
    /// Updates that leave a gap in its positions are refused.
    pub(crate) is_contiguous: bool,
    /// The first position that was refused because the disk was full. Until the supplier sends it again, or has
    /// received the Resume that asks for it, later positions are refused too: once admitted, they would turn the
    /// refused ones into duplicates.
    refused_from: Option<i64>,
    /// When its Online status expires; none if it does not, or the feed is not Online.
    expires_ns: Option<u64>,
}

/// Decision on an update's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Record(i64),
    /// Recorded before: answered, without effect.
    Duplicate,
    /// Leaves a gap in a feed that allows none.
    Gap,
    Refused(&'static str),
}

/// Error code of updates that cannot be recorded while the disk is full.
pub(crate) const STORAGE_FULL: &str = "Storage.Full";

/// Result of opening a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    Supplies(FeedNo),
    Parked(FeedNo),
}

/// See the module. Feed numbers are those of the engine: both assign the next number to the next new name.
#[derive(Debug)]
pub(crate) struct Feeds {
    list: Vec<Feed>,
    by_name: BTreeMap<Box<str>, FeedNo>,
    /// The disk is full: no position is admitted.
    pub(crate) is_storage_full: bool,
}

impl Feeds {
    pub(crate) fn of(engine: &Engine) -> Feeds {
        let mut feeds = Feeds { list: Vec::new(), by_name: BTreeMap::new(), is_storage_full: false };
        for (name, row) in engine.names().feeds.iter().zip(engine.feeds()) {
            feeds.add(name, row.position, is_contiguous(&row.configuration));
        }
        feeds
    }

    #[inline]
    pub(crate) fn get(&self, feed: FeedNo) -> &Feed {
        &self.list[feed.index()]
    }

    pub(crate) fn find(&self, name: &str) -> Option<FeedNo> {
        self.by_name.get(name).copied()
    }

    /// Opens a feed for a connection; creates an unknown one. `None`: not a valid feed name.
    pub(crate) fn open(&mut self, name: &str, conn: ConnNo) -> Option<Opening> {
        if !is_feed_name(name) {
            return None;
        }
        let number = self.find(name).unwrap_or_else(|| self.add(name, 0, false));
        let feed = &mut self.list[number.index()];
        match feed.supplier {
            Some(other) if other != conn => {
                if !feed.parked.contains(&conn) {
                    feed.parked.push_back(conn);
                }
                Some(Opening::Parked(number))
            }
            _ => {
                // The answer to Open names the position to continue from.
                feed.refused_from = None;
                feed.supplier = Some(conn);
                Some(Opening::Supplies(number))
            }
        }
    }

    /// Takes a connection off a feed; returns the new supplier if there is one.
    pub(crate) fn leave(&mut self, feed: FeedNo, conn: ConnNo) -> Option<ConnNo> {
        let feed = &mut self.list[feed.index()];
        feed.parked.retain(|parked| *parked != conn);
        if feed.supplier != Some(conn) {
            return None;
        }
        feed.refused_from = None;
        feed.supplier = feed.parked.pop_front();
        feed.supplier
    }

    /// Feeds that have a supplier, with it.
    pub(crate) fn supplied(&self) -> impl Iterator<Item = (FeedNo, ConnNo)> {
        let feeds = (0..).map(FeedNo).zip(&self.list);
        feeds.filter_map(|(number, feed)| feed.supplier.map(|conn| (number, conn)))
    }

    /// The supplier has received the Resume: positions after a gap are intended from here on.
    pub(crate) fn resume_received(&mut self, feed: FeedNo, conn: ConnNo) {
        let feed = &mut self.list[feed.index()];
        if feed.supplier == Some(conn) && !self.is_storage_full {
            feed.refused_from = None;
        }
    }

    /// Decides on an update from the feed's supplier; notes the position if it is to be recorded.
    #[inline]
    pub(crate) fn admit(&mut self, feed: FeedNo, position: i64) -> Admission {
        let feed = &mut self.list[feed.index()];
        if position < 0 {
            return Admission::Refused("Feed.Sequence");
        }
        // The largest position would leave no room for a further one.
        if position == i64::MAX || (position == 0 && feed.last == i64::MAX - 1) {
            return Admission::Refused("Position.Overflow");
        }
        let position = if position == 0 { feed.last + 1 } else { position };
        if position <= feed.last {
            return Admission::Duplicate;
        }
        if feed.is_contiguous && position != feed.last + 1 {
            return Admission::Gap;
        }
        if self.is_storage_full || feed.refused_from.is_some() {
            if self.is_storage_full || feed.refused_from.is_some_and(|first| position > first) {
                feed.refused_from = Some(feed.refused_from.map_or(position, |first| first.min(position)));
                return Admission::Refused(STORAGE_FULL);
            }
            feed.refused_from = None;
        }
        feed.last = position;
        Admission::Record(position)
    }

    /// Notes whether a configuration allows gaps.
    pub(crate) fn configure(&mut self, feed: FeedNo, configuration: &[u8]) {
        self.list[feed.index()].is_contiguous = is_contiguous(configuration);
    }

    /// Notes when a status expires.
    pub(crate) fn note_status(&mut self, feed: FeedNo, details: &FeedDetails) {
        let is_online = details.status() == ConnectionStatus::Online;
        let expire_after = details.expire_after.filter(|_| is_online);
        self.list[feed.index()].expires_ns = expire_after.and_then(|at| at.unix_nanos().ok());
    }

    /// A feed whose status has expired; each is returned once.
    pub(crate) fn take_expired(&mut self, wall_ns: u64) -> Option<FeedNo> {
        let is_expired = |feed: &Feed| feed.expires_ns.is_some_and(|expires_ns| expires_ns <= wall_ns);
        let at = self.list.iter().position(is_expired)?;
        self.list[at].expires_ns = None;
        Some(FeedNo(at as u32))
    }

    fn add(&mut self, name: &str, last: i64, is_contiguous: bool) -> FeedNo {
        let number = FeedNo(self.list.len() as u32);
        self.by_name.insert(name.into(), number);
        self.list.push(Feed {
            name: name.into(),
            last,
            supplier: None,
            parked: VecDeque::new(),
            is_contiguous,
            refused_from: None,
            expires_ns: None,
        });
        number
    }
}

fn is_feed_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed) && name != OMS
}

fn is_contiguous(configuration: &[u8]) -> bool {
    let configuration = FeedConfiguration::decode(configuration).unwrap_or_default();
    configuration.settings.get("Contiguous").is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEED: FeedNo = FeedNo(0);
    const ADAPTER: ConnNo = ConnNo(1);

    /// One feed, supplied, at position 5.
    fn feeds() -> Feeds {
        let mut feeds = Feeds { list: Vec::new(), by_name: BTreeMap::new(), is_storage_full: false };
        assert_eq!(feeds.open("f", ADAPTER), Some(Opening::Supplies(FEED)));
        assert_eq!(feeds.admit(FEED, 5), Admission::Record(5));
        feeds
    }

    #[test]
    fn without_storage_no_position_is_taken_and_what_is_recorded_stays_acknowledged() {
        let mut feeds = feeds();
        feeds.is_storage_full = true;
        assert_eq!(feeds.admit(FEED, 6), Admission::Refused(STORAGE_FULL));
        assert_eq!(feeds.admit(FEED, 0), Admission::Refused(STORAGE_FULL));
        assert_eq!(feeds.admit(FEED, 5), Admission::Duplicate);
        assert_eq!(feeds.get(FEED).last, 5);
    }

    #[test]
    fn what_was_on_its_way_behind_a_refused_update_does_not_overtake_it() {
        let mut feeds = feeds();
        feeds.is_storage_full = true;
        assert_eq!(feeds.admit(FEED, 7), Admission::Refused(STORAGE_FULL));
        feeds.is_storage_full = false;
        assert_eq!(feeds.admit(FEED, 8), Admission::Refused(STORAGE_FULL), "7 would be a duplicate");
        assert_eq!(feeds.admit(FEED, 7), Admission::Record(7));
        assert_eq!(feeds.admit(FEED, 8), Admission::Record(8));
    }

    #[test]
    fn an_adapter_that_has_heard_the_resume_may_leave_the_refused_update_out() {
        let mut feeds = feeds();
        feeds.is_storage_full = true;
        assert_eq!(feeds.admit(FEED, 7), Admission::Refused(STORAGE_FULL));
        feeds.resume_received(FEED, ADAPTER);
        assert_eq!(feeds.admit(FEED, 9), Admission::Refused(STORAGE_FULL), "that was another Resume");
        feeds.is_storage_full = false;
        feeds.resume_received(FEED, ADAPTER);
        assert_eq!(feeds.admit(FEED, 9), Admission::Record(9));
    }
}

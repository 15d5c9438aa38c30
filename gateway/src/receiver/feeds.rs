//! Admission of feed updates: who supplies a feed, and which of its positions are recorded.
//!
//! Kept by the receiver alone, ahead of the engine: a duplicate is seen here and never recorded.

use std::collections::{BTreeMap, VecDeque};

use ordo_core::engine::Engine;
use ordo_core::names::{FeedNo, OMS};
use ordo_core::proto::{ConnectionStatus, FeedConfiguration, FeedDetails};
use prost::Message;

use crate::slot::ConnNo;

/// The longest feed name, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// A feed as its adapters see it.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) name: Box<str>,
    /// The last position admitted.
    pub(crate) last: i64,
    pub(crate) supplier: Option<ConnNo>,
    /// Connections that opened it too: the first takes over when the supplier goes.
    pub(crate) parked: VecDeque<ConnNo>,
    /// A gap in its positions is refused.
    pub(crate) is_contiguous: bool,
    /// When its Online status no longer counts; none if never, or if that is not its status.
    expires_ns: Option<u64>,
}

/// What becomes of an update at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Record(i64),
    /// Recorded before: acknowledged, without effect.
    Duplicate,
    /// Leaves out a position of a feed that allows no gap.
    Gap,
    Refused(&'static str),
}

/// What opening a feed gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    Supplies(FeedNo),
    Parked(FeedNo),
}

/// See the module. Numbers are those of the engine: both give the next number to the next new name.
#[derive(Debug)]
pub(crate) struct Feeds {
    list: Vec<Feed>,
    by_name: BTreeMap<Box<str>, FeedNo>,
}

impl Feeds {
    pub(crate) fn of(engine: &Engine) -> Feeds {
        let mut feeds = Feeds { list: Vec::new(), by_name: BTreeMap::new() };
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

    /// Opens a feed for a connection; an unknown one is made. `None`: that is no feed's name.
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
                feed.supplier = Some(conn);
                Some(Opening::Supplies(number))
            }
        }
    }

    /// A connection lets go of a feed; who supplies it from now on, if that changed.
    pub(crate) fn leave(&mut self, feed: FeedNo, conn: ConnNo) -> Option<ConnNo> {
        let feed = &mut self.list[feed.index()];
        feed.parked.retain(|parked| *parked != conn);
        if feed.supplier != Some(conn) {
            return None;
        }
        feed.supplier = feed.parked.pop_front();
        feed.supplier
    }

    /// Decides on an update of a connection that supplies the feed, and notes the position if it is to be recorded.
    #[inline]
    pub(crate) fn admit(&mut self, feed: FeedNo, position: i64) -> Admission {
        let feed = &mut self.list[feed.index()];
        if position < 0 {
            return Admission::Refused("Feed.Sequence");
        }
        // The last position there is would leave no room for another.
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
        feed.last = position;
        Admission::Record(position)
    }

    /// Takes note of what a configuration says about admission.
    pub(crate) fn configure(&mut self, feed: FeedNo, configuration: &[u8]) {
        self.list[feed.index()].is_contiguous = is_contiguous(configuration);
    }

    /// Takes note of a status: how long it counts.
    pub(crate) fn note_status(&mut self, feed: FeedNo, details: &FeedDetails) {
        let is_online = details.status() == ConnectionStatus::Online;
        let expire_after = details.expire_after.filter(|_| is_online);
        self.list[feed.index()].expires_ns = expire_after.and_then(|at| at.unix_nanos().ok());
    }

    /// A feed whose status has run out; said once.
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

//! Bookmarks to adapters: the position up to which their feed is durable, so that they may forget earlier updates.
//!
//! Sent as positions become durable: every 10 ms at most, and at once while the publisher is idle.

use std::time::{Duration, Instant};

use ordo_core::engine::Engine;
use ordo_core::names::FeedNo;
use ordo_history::clock::Clock;

use crate::wiring::task::ConnNo;

const EVERY: Duration = Duration::from_millis(10);

#[derive(Debug, Clone)]
struct Mark {
    supplier: Option<ConnNo>,
    recorded: i64,
    sent: i64,
    sent_at: Instant,
    /// Its supplier was sent Suspend.
    is_suspended: bool,
}

impl Mark {
    fn at(position: i64, now: Instant) -> Mark {
        Mark { supplier: None, recorded: position, sent: position, sent_at: now, is_suspended: false }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Bookmarks {
    /// By feed number.
    marks: Vec<Mark>,
    /// Feeds whose supplier has not been sent the last position.
    due: Vec<FeedNo>,
    now: Instant,
    clock: Clock,
}

impl Bookmarks {
    pub(super) fn of(engine: &Engine, clock: Clock) -> Bookmarks {
        let now = clock.now();
        let marks = engine.feeds().iter().map(|feed| Mark::at(feed.position, now)).collect();
        Bookmarks { marks, due: Vec::with_capacity(64), now, clock }
    }

    /// The time when the clock was read last.
    pub(super) fn now(&self) -> Instant {
        self.now
    }

    fn mark(&mut self, feed: FeedNo) -> &mut Mark {
        while self.marks.len() <= feed.index() {
            self.marks.push(Mark::at(0, self.now));
        }
        &mut self.marks[feed.index()]
    }

    pub(super) fn opened(&mut self, feed: FeedNo, conn: ConnNo, position: i64) {
        let mark = self.mark(feed);
        mark.supplier = Some(conn);
        mark.is_suspended = false;
        // The Resume that answers an Open names the position.
        (mark.recorded, mark.sent) = (position, position);
    }

    pub(super) fn closed(&mut self, feed: FeedNo, conn: ConnNo) {
        let mark = self.mark(feed);
        if mark.supplier == Some(conn) {
            mark.supplier = None;
        }
    }

    pub(super) fn gone(&mut self, conn: ConnNo) {
        for mark in &mut self.marks {
            if mark.supplier == Some(conn) {
                mark.supplier = None;
            }
        }
    }

    #[inline]
    pub(super) fn recorded(&mut self, feed: FeedNo, position: i64) {
        let mark = self.mark(feed);
        let was_due = mark.recorded != mark.sent;
        mark.recorded = position;
        if !was_due && mark.supplier.is_some() {
            self.due.push(feed);
        }
    }

    /// The position was sent in answer to a request.
    pub(super) fn sent(&mut self, feed: FeedNo) {
        let mark = self.mark(feed);
        mark.sent = mark.recorded;
    }

    /// The next supplier that has not been sent Suspend, with the position of its feed.
    pub(super) fn next_to_suspend(&mut self) -> Option<(ConnNo, FeedNo, i64)> {
        let mut marks = self.marks.iter_mut().zip((0..).map(FeedNo)).filter(|(mark, _)| !mark.is_suspended);
        let (mark, feed, conn) = marks.find_map(|(mark, feed)| mark.supplier.map(|conn| (mark, feed, conn)))?;
        mark.is_suspended = true;
        Some((conn, feed, mark.recorded))
    }

    /// The hub takes updates again; returns whether the supplier had been sent Suspend.
    pub(super) fn resumed(&mut self, feed: FeedNo) -> bool {
        std::mem::take(&mut self.mark(feed).is_suspended)
    }

    /// Reads the clock; returns the time if a Bookmark may be due.
    #[inline]
    pub(super) fn is_due(&mut self, is_idle: bool) -> Option<Instant> {
        self.now = self.clock.now();
        let is_due = |feed: &FeedNo| self.now.duration_since(self.marks[feed.index()].sent_at) >= EVERY;
        (!self.due.is_empty() && (is_idle || self.due.iter().any(is_due))).then_some(self.now)
    }

    /// The next Bookmark to send.
    pub(super) fn next(&mut self, now: Instant, is_idle: bool) -> Option<(ConnNo, FeedNo, i64)> {
        let at = self.due.iter().position(|feed| {
            let mark = &self.marks[feed.index()];
            is_idle || now.duration_since(mark.sent_at) >= EVERY || mark.supplier.is_none()
        })?;
        let feed = self.due.swap_remove(at);
        let mark = &mut self.marks[feed.index()];
        let is_news = mark.sent != mark.recorded;
        mark.sent = mark.recorded;
        mark.sent_at = now;
        match mark.supplier {
            Some(conn) if is_news => Some((conn, feed, mark.recorded)),
            _ => self.next(now, is_idle),
        }
    }
}

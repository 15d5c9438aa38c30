//! The Feed view between its two stages: the views find which orders moved between feeds, the publisher sends it behind
//! the update's other events. While nobody watches a feed, nothing is looked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::subscription::{RouteChange, RoutesBefore};
use ordo_core::views::Views;

/// What one update changed about who has which open order.
#[derive(Debug)]
pub(crate) struct Routed {
    pub(crate) task: u64,
    pub(crate) stamp: Stamp,
    pub(crate) changes: Vec<RouteChange>,
}

/// How many watch any feed. Subscriptions are counted by the views as they come by, and by the publisher as they end:
/// the two are at different points of the same stream, and only the difference says whether any is left.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Counts a subscription as ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Watch(Arc<Watchers>);

impl Watchers {
    /// For the publisher, once for each subscription to a feed that it comes to, refused or not.
    pub(crate) fn watch(self: &Arc<Watchers>) -> Watch {
        Watch(self.clone())
    }

    /// For the views, once for each subscription to a feed.
    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn is_any(&self) -> bool {
        self.begun.load(Ordering::Relaxed) != self.ended.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct FeedViewSender {
    pub(crate) watchers: Arc<Watchers>,
    to: Sender<Routed>,
}

/// The publisher's end.
#[derive(Debug)]
pub(crate) struct FeedViewReceiver {
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) from: Receiver<Routed>,
}

/// Both ends. The views are never further ahead of the publisher than the ring is long: that bounds what is between.
pub(crate) fn feed_view() -> (FeedViewSender, FeedViewReceiver) {
    let watchers = Arc::new(Watchers::default());
    let (to, from) = unbounded();
    (FeedViewSender { watchers: watchers.clone(), to }, FeedViewReceiver { watchers, from })
}

impl FeedViewSender {
    /// The routes that an update may change, before it is folded; none if nobody watches a feed, or it changes none.
    #[inline]
    pub(crate) fn before(&self, views: &Views, outcome: &Outcome) -> Option<RoutesBefore> {
        if self.watchers.is_any() { RoutesBefore::of(views, outcome) } else { None }
    }

    /// Hands the publisher what an update changed, once it is folded.
    #[cold]
    pub(crate) fn send(&self, task: u64, before: RoutesBefore, views: &Views, outcome: &Outcome) {
        let changes = before.changes(views, outcome);
        if !changes.is_empty() {
            // The publisher ends after this stage has nothing left to take.
            let _ = self.to.send(Routed { task, stamp: outcome.stamp, changes });
        }
    }
}

//! The Feed view between its two stages: the views find which orders moved between feeds, the publisher sends it behind
//! the update's other events. While nobody watches a feed, nothing is looked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::subscription::{RouteChange, RoutesBefore};
use ordo_core::views::Views;

/// The routing changes of one update.
#[derive(Debug)]
pub(crate) struct Routed {
    pub(crate) task: u64,
    pub(crate) stamp: Stamp,
    pub(crate) changes: Vec<RouteChange>,
}

/// Counts Feed subscriptions. The views count those that begin and the publisher those that end, each at its own point
/// of the stream; only the difference shows whether there are any.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Counts a subscription as ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Watch(Arc<Watchers>);

impl Watchers {
    /// For the publisher, once for each Feed subscription that it reaches, refused or not.
    pub(crate) fn watch(self: &Arc<Watchers>) -> Watch {
        Watch(self.clone())
    }

    /// For the views, once for each Feed subscription that they reach.
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

/// The views' end.
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

/// Both ends. The ring bounds the channel: the views are at most its length ahead of the publisher.
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
            // Fails only when the publisher has ended, which it does after this stage has taken its last task.
            let _ = self.to.send(Routed { task, stamp: outcome.stamp, changes });
        }
    }
}

//! The views stage: folds outcomes into the views, behind the same gate as the publisher.
//!
//! On a thread of its own that is not pinned: REST reads and snapshots take the views' lock, and never stop a pinned
//! thread. The snapshot of a new subscriber is taken when its task comes by, so that it is of exactly that point.

use std::sync::Arc;

use crossbeam_channel::Sender;
use ordo_core::outcome::Outcome;
use ordo_core::proto::SubscriptionType;
use ordo_core::ring::{Behind, First, Stage, read_in_step};
use ordo_core::subscription::ViewRecords;
use ordo_core::views::Views;
use parking_lot::RwLock;

use crate::subscription::feed_view::FeedViewSender;
use crate::subscription::snapshots::Taken;
use crate::wiring::config::StageName;
use crate::wiring::progress::Progress;
use crate::wiring::slot::Slot;
use crate::wiring::task::Reply;

/// Outcomes folded under one lock, which bounds how long readers wait.
const BATCH: u64 = 256;

/// See the module.
pub(crate) struct ViewsStage {
    tasks: Behind<Slot>,
    outcomes: First<Outcome>,
    views: Arc<RwLock<Views>>,
    taken: Sender<Taken>,
    feed_view: FeedViewSender,
    progress: Arc<Progress>,
    viewed: u64,
    /// Sequence of the newest recorded task that was folded.
    sequence: u64,
}

impl ViewsStage {
    pub(crate) fn new(
        (tasks, outcomes): (Behind<Slot>, First<Outcome>),
        views: Arc<RwLock<Views>>,
        (taken, feed_view): (Sender<Taken>, FeedViewSender),
        progress: Arc<Progress>,
    ) -> ViewsStage {
        let sequence = progress.published_sequence.load_acquire();
        ViewsStage { tasks, outcomes, views, taken, feed_view, progress, viewed: 0, sequence }
    }
}

impl Stage for ViewsStage {
    fn name(&self) -> &'static str {
        StageName::Views.spec().name
    }

    fn poll(&mut self, budget: usize) -> usize {
        let limit = self.progress.gate.beyond(self.viewed);
        let limit = limit.min(budget as u64).min(BATCH);
        if limit == 0 {
            return 0;
        }
        let mut views = None;
        let ViewsStage { tasks, outcomes, .. } = self;
        let (shared, taken, feed_view, sequence, viewed) =
            (&self.views, &self.taken, &self.feed_view, &mut self.sequence, &mut self.viewed);
        let count = read_in_step((tasks, outcomes), limit, |slot: &Slot, outcome: &Outcome| {
            let views = views.get_or_insert_with(|| shared.write());
            if slot.task.record.is_some() {
                *sequence = slot.stamp().sequence;
                let before = feed_view.before(views, outcome);
                views.fold(outcome);
                if let Some(before) = before {
                    feed_view.send(*viewed, before, views, outcome);
                }
            }
            if let Reply::Subscribe { details, .. } = &slot.task.reply {
                let view = SubscriptionType::try_from(details.r#type).unwrap_or(SubscriptionType::Unknown);
                if view == SubscriptionType::Feed {
                    feed_view.watchers.begin();
                }
                let (records, positions) = (ViewRecords::of(view, views), views.positions());
                // Fails only when the publisher has ended, which it does after this stage has taken its last task.
                let _ = taken.send(Taken { task: *viewed, sequence: *sequence, records, positions });
            }
            *viewed += 1;
        });
        drop(views);
        self.progress.viewed.store_release(self.viewed);
        count
    }

    fn tasks_done(&self) -> u64 {
        self.viewed
    }

    fn is_finished(&self) -> bool {
        self.progress.is_end(self.viewed)
    }
}

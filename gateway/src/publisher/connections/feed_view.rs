//! The Feed view: routing changes that the views found, sent behind all other events of their update.
//!
//! The views may be behind the publisher. Until they have reached a task, a Feed subscription has not been sent its
//! routing changes, and a Synchronise of the connection waits.

use std::collections::VecDeque;

use ordo_core::encode;
use ordo_core::names::Names;
use ordo_core::proto::{SubscriptionType, UpdateAction, UpdateEventType};
use ordo_core::subscription::{FeedRoute, Filter, RouteChange};
use ordo_core::wire::ReverseWriter;

use super::Connections;
use super::subscriptions::Mark;
use crate::subscription::feed_view::{FeedViewReceiver, Routed};

/// Routing changes from the views.
pub(in crate::publisher) struct FeedNews {
    pub(super) news: FeedViewReceiver,
    /// Changes of tasks that this stage has not published yet.
    waiting: VecDeque<Routed>,
    /// Bookmarks of the last round for Feed subscriptions, and the number of tasks that they cover.
    pub(super) marks: Option<(u64, Vec<Mark>)>,
    events: ReverseWriter,
    position: ReverseWriter,
}

impl FeedNews {
    pub(in crate::publisher) fn new(news: FeedViewReceiver) -> FeedNews {
        FeedNews {
            news,
            waiting: VecDeque::new(),
            marks: None,
            events: ReverseWriter::default(),
            position: ReverseWriter::default(),
        }
    }
}

impl Connections {
    /// Sends routing changes of published tasks to Feed subscriptions; returns the number of updates. `viewed` is read
    /// before this call, so that the channel holds everything found up to it.
    pub(in crate::publisher) fn advance_feeds(&mut self, published: u64, viewed: u64) -> usize {
        while let Ok(routed) = self.feed_news.news.from.try_recv() {
            self.feed_news.waiting.push_back(routed);
        }
        let mut count = 0;
        while self.feed_news.waiting.front().is_some_and(|routed| routed.task < published) {
            let Some(routed) = self.feed_news.waiting.pop_front() else { break };
            self.publish_routed(&routed);
            count += 1;
        }
        if !self.live_by_view[SubscriptionType::Feed as usize].is_empty() {
            self.feed_views_published_to(published.min(viewed));
        }
        count
    }

    fn publish_routed(&mut self, routed: &Routed) {
        let Connections { feed_news, names, live_by_view, connections, first, .. } = self;
        let mut touched = Vec::new();
        feed_news.position.clear();
        let sequence = names.feed(routed.stamp.feed);
        encode::position(&mut feed_news.position, sequence, routed.stamp.position, routed.stamp.time_ns);
        for conn in &live_by_view[SubscriptionType::Feed as usize] {
            let at = conn.0.checked_sub(*first).map(|at| at as usize);
            let Some(connection) = at.and_then(|at| connections.get_mut(at)?.as_mut()) else { continue };
            let form = connection.form;
            let mut subscriptions = std::mem::take(&mut connection.subscriptions);
            let of_feeds = subscriptions.iter_mut().filter(|it| it.view == SubscriptionType::Feed);
            for subscription in of_feeds.filter(|it| it.accepted < routed.task) {
                feed_news.events.clear();
                let filter = &mut subscription.filter;
                routed.changes.iter().rev().for_each(|change| put(&mut feed_news.events, names, filter, change));
                if !feed_news.events.is_empty() {
                    let parts = [feed_news.position.bytes(), feed_news.events.bytes()];
                    subscription.put_update(connection.queue(), form, parts);
                    subscription.set_published(routed.stamp.feed, routed.task);
                }
            }
            connection.subscriptions = subscriptions;
            touched.push(*conn);
        }
        touched.into_iter().for_each(|conn| self.touch(conn));
    }

    /// All routing changes up to a number of tasks have been sent: what waited for them is queued.
    fn feed_views_published_to(&mut self, tasks: u64) {
        for at in 0..self.live_by_view[SubscriptionType::Feed as usize].len() {
            let conn = self.live_by_view[SubscriptionType::Feed as usize][at];
            let Some(connection) = self.connection(conn) else { continue };
            let of_feeds = connection.subscriptions.iter_mut().filter(|it| it.view == SubscriptionType::Feed);
            of_feeds.for_each(|subscription| subscription.routed_to = subscription.routed_to.max(tasks));
            if connection.deferred_from() != u64::MAX {
                connection.release_deferred();
                self.touch(conn);
            }
        }
        if let Some((newest_task, marks)) = self.feed_news.marks.take() {
            if newest_task <= tasks {
                self.bookmark(&marks, newest_task, true);
            } else {
                self.feed_news.marks = Some((newest_task, marks));
            }
        }
    }
}

/// Encodes a change for a subscription: the order's state, or its removal.
fn put(w: &mut ReverseWriter, names: &Names, filter: &mut Filter, change: &RouteChange) {
    let mut is_shown = |place: &Option<FeedRoute>| {
        let Some(FeedRoute { feed, instrument }) = place else { return false };
        filter.passes_feed(feed) && filter.passes(names, change.account, *instrument)
    };
    let (was_shown, is_shown) = (is_shown(&change.from), is_shown(&change.to));
    if was_shown || is_shown {
        let action = if is_shown { UpdateAction::Update } else { UpdateAction::Remove };
        encode::update_event(w, UpdateEventType::Order, action, |w| w.put(&change.state));
    }
}

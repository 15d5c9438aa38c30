//! Feed subscriptions at the desk: what the views found out, told behind everything else.
//!
//! A feed's orders are found by another stage, which may be behind this one. Until it has come to a task, a Feed
//! subscription has not been told of it, and a Synchronise of its connection waits.

use std::collections::VecDeque;

use ordo_core::encode;
use ordo_core::names::Names;
use ordo_core::proto::{SubscriptionType, UpdateAction, UpdateEventType};
use ordo_core::subscription::{FeedRoute, Filter, RouteChange};
use ordo_core::wire::ReverseWriter;

use super::Desk;
use super::subscribing::Mark;
use crate::subscription::feed_view::{FeedViewReceiver, Routed};

/// What the views have found out about feeds, and how far they are.
pub(in crate::publisher) struct FeedNews {
    pub(super) news: FeedViewReceiver,
    /// Not to be told yet: this stage is the one behind.
    waiting: VecDeque<Routed>,
    /// Bookmarks of the last round, and the tasks before them.
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

impl Desk {
    /// Tells Feed subscriptions what the views have found out in tasks told by now; how many updates. `viewed`: read
    /// before this is called, so that all found out until then is in the channel.
    pub(in crate::publisher) fn advance_feeds(&mut self, told: u64, viewed: u64) -> usize {
        while let Ok(routed) = self.feed_news.news.from.try_recv() {
            self.feed_news.waiting.push_back(routed);
        }
        let mut count = 0;
        while self.feed_news.waiting.front().is_some_and(|routed| routed.task < told) {
            let Some(routed) = self.feed_news.waiting.pop_front() else { break };
            self.tell_routed(&routed);
            count += 1;
        }
        if !self.live_by_view[SubscriptionType::Feed as usize].is_empty() {
            self.feeds_told_to(told.min(viewed));
        }
        count
    }

    fn tell_routed(&mut self, routed: &Routed) {
        let Desk { feed_news, names, live_by_view, connections, first, .. } = self;
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
                    subscription.set_told(routed.stamp.feed, routed.task);
                }
            }
            connection.subscriptions = subscriptions;
            touched.push(*conn);
        }
        touched.into_iter().for_each(|conn| self.touch(conn));
    }

    /// Feed subscriptions know of all before so many tasks: what waited for that goes out.
    fn feeds_told_to(&mut self, tasks: u64) {
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

/// Writes what a change is to a subscription: the order with its state, or that it is there no more.
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

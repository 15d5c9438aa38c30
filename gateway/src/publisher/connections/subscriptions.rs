//! Subscribing, unsubscribing, and the snapshots of subscriptions.

use ordo_core::names::FeedNo;
use ordo_core::proto::{
    EventMessage, EventMessageType, SubscriptionDetails, SubscriptionType, TimestampWithTimeZone, UpdatePosition,
};
use ordo_core::subscription::{Filter, is_same, message_head};
use prost::Message;

use super::Connections;
use crate::publisher::connection::{CLOSE_INTERNAL, Connection};
use crate::publisher::subscription::Subscription;
use crate::subscription::chunks::{Broken, chunks};
use crate::subscription::frames;
use crate::subscription::snapshots::Job;
use crate::wiring::slot::Slot;
use crate::wiring::task::{Answer, ConnNo};

/// The largest number of subscriptions of one connection.
const SUBSCRIPTIONS_MAX: usize = 256;

impl Connections {
    /// Accepts a subscription; false if it was refused, which has been answered.
    pub(super) fn subscribe(&mut self, task: u64, slot: &Slot, details: &SubscriptionDetails, answer: Answer) -> bool {
        let conn = slot.task.conn;
        let watch = (details.r#type() == SubscriptionType::Feed).then(|| self.feed_news.news.watchers.watch());
        let Some(caller) = self.connection(conn).map(|connection| connection.caller) else { return false };
        let accepted = match Filter::of(details, caller) {
            Err(code) => Err(code),
            Ok(filter) => match self.connection(conn) {
                None => return false,
                Some(connection) if connection.subscriptions.iter().any(|other| is_same(&other.details, details)) => {
                    Err("AlreadySubscribed")
                }
                Some(connection) if connection.subscriptions.len() >= SUBSCRIPTIONS_MAX => Err("Limited"),
                Some(connection) => {
                    connection.subscriptions.push(Subscription::new(details.clone(), filter, task, watch));
                    Ok(())
                }
            },
        };
        if let Err(code) = accepted {
            self.respond_with(slot, answer, [code].into_iter());
            return false;
        }
        self.held += 1;
        let live = &mut self.live_by_view[details.r#type as usize];
        if !live.contains(&conn) {
            live.push(conn);
        }
        true
    }

    /// Ends a subscription; false if there is none, which has been answered.
    pub(super) fn unsubscribe(&mut self, slot: &Slot, details: &SubscriptionDetails, answer: Answer) -> bool {
        let Some(connection) = self.connection(slot.task.conn) else { return false };
        let Some(at) = connection.subscriptions.iter().position(|other| is_same(&other.details, details)) else {
            self.respond_with(slot, answer, ["Operation"].into_iter());
            return false;
        };
        let ended = connection.subscriptions.remove(at);
        connection.release_deferred();
        if ended.is_held() {
            self.held -= 1;
        }
        true
    }

    /// Lists a connection under exactly the views that it subscribes to.
    pub(super) fn refresh_live(&mut self, conn: ConnNo) {
        let views: Vec<SubscriptionType> = self
            .connection(conn)
            .map(|connection| connection.subscriptions.iter().map(|subscription| subscription.view).collect())
            .unwrap_or_default();
        for (number, live) in self.live_by_view.iter_mut().enumerate() {
            if !views.iter().any(|view| *view as usize == number) {
                live.retain(|other| *other != conn);
            }
        }
    }

    /// Starts the encoding of snapshots for their subscriptions, and advances those in progress.
    pub(in crate::publisher) fn advance_snapshots(&mut self, published: u64) -> usize {
        while let Ok(taken) = self.taken.try_recv() {
            self.early.push_back(taken);
        }
        if self.held == 0 && self.early.is_empty() {
            return 0;
        }
        let mut moved = self.start_encoding(published);
        self.end_broken();
        for at in 0..self.connections.len() {
            let Some(connection) = self.connections[at].as_mut() else { continue };
            if !connection.is_holding() || !connection.wants_snapshot() {
                continue;
            }
            let conn = ConnNo(self.first + at as u32);
            let until = connection.deferred_from();
            let mut subscriptions = std::mem::take(&mut connection.subscriptions);
            let mut moved_here = 0;
            for subscription in subscriptions.iter_mut().filter(|subscription| subscription.is_held()) {
                moved_here += usize::from(subscription.advance_snapshot(connection.queue(), until));
                self.held -= usize::from(!subscription.is_held());
            }
            connection.subscriptions = subscriptions;
            connection.release_deferred();
            if moved_here > 0 {
                self.touch(conn);
                moved += moved_here;
            }
        }
        moved
    }

    /// Closes connections whose snapshot will not be completed, or behind whose snapshot too much waits.
    fn end_broken(&mut self) {
        for at in 0..self.connections.len() {
            let conn = ConnNo(self.first + at as u32);
            let Some(broken) = self.connections[at].as_ref().and_then(Connection::broken) else { continue };
            self.forget(conn);
            self.with(conn, |connection| match broken {
                Broken::Unread => connection.fall_behind(),
                Broken::HistoryLost => connection.end(CLOSE_INTERNAL, "missed updates cannot be read"),
            });
        }
    }

    fn start_encoding(&mut self, published: u64) -> usize {
        let mut started = 0;
        for _ in 0..self.early.len() {
            let Some(taken) = self.early.pop_front() else { break };
            let waiting = self.connections.iter_mut().flatten().find_map(|connection| {
                let form = connection.form;
                let mut subscriptions = connection.subscriptions.iter_mut();
                subscriptions.find(|subscription| subscription.awaits(taken.task)).map(|found| (found, form))
            });
            let Some((subscription, form)) = waiting else {
                // Its subscription was refused, has ended, or was not reached yet: only in the last case it is kept.
                if taken.task >= published {
                    self.early.push_back(taken);
                }
                continue;
            };
            let (to, from) = chunks();
            subscription.snapshot_comes(from);
            let (details, filter) = (subscription.details.clone(), subscription.filter.clone());
            started += 1;
            // The encoder ends after this stage; sending fails only when the hub has failed.
            let _ = self.jobs.send(Job { taken, details, filter, form, to });
        }
        started
    }

    /// Sends every subscriber a Bookmark for each sequence that advanced without an event for it, the newest last.
    pub(super) fn bookmark_subscribers(&mut self) {
        let (newest_task, marks) = (self.newest_task, self.marks());
        self.bookmark(&marks, newest_task, false);
        // Feed subscriptions get theirs when the views have reached the task.
        self.feed_news.marks = Some((newest_task, marks));
    }

    /// One round of Bookmarks: to Feed subscriptions, or to all others.
    pub(super) fn bookmark(&mut self, marks: &[Mark], newest_task: u64, to_feeds: bool) {
        let is_meant = |it: &&mut Subscription| !it.is_held() && (it.view == SubscriptionType::Feed) == to_feeds;
        for at in 0..self.connections.len() {
            let Some(connection) = self.connections[at].as_mut() else { continue };
            let form = connection.form;
            let mut subscriptions = std::mem::take(&mut connection.subscriptions);
            let before = connection.queue().len();
            for subscription in subscriptions.iter_mut().filter(is_meant) {
                let heads = marks.iter().filter(|mark| subscription.is_behind(mark.feed, mark.tasks));
                let mut head = None;
                for mark in heads {
                    let kind = EventMessageType::Bookmark;
                    let head = head.get_or_insert_with(|| message_head(kind, &subscription.details));
                    frames::put_message(connection.queue(), form, &[head, &mark.position]);
                }
                subscription.set_marked(newest_task);
            }
            connection.subscriptions = subscriptions;
            if connection.queue().len() > before {
                self.touch(ConnNo(self.first + at as u32));
            }
        }
    }

    /// The position of each sequence as a Bookmark holds it, ordered by their newest updates.
    fn marks(&self) -> Vec<Mark> {
        let moved = (0..).map(FeedNo).zip(&self.newest).filter(|(_, newest)| newest.tasks > 0);
        let mut marks: Vec<Mark> = moved
            .map(|(feed, newest)| {
                let executed_at = Some(TimestampWithTimeZone::from_unix_nanos(newest.time_ns));
                let sequence = self.names.feed(feed).to_owned();
                let position = Some(UpdatePosition { sequence, position: newest.position, executed_at });
                let message = EventMessage { position, ..EventMessage::default() };
                Mark { feed, tasks: newest.tasks, position: message.encode_to_vec() }
            })
            .collect();
        marks.sort_unstable_by_key(|mark| mark.tasks);
        marks
    }
}

/// The position of a sequence, as the end of a Bookmark message.
pub(super) struct Mark {
    feed: FeedNo,
    /// Number of tasks up to its newest update.
    tasks: u64,
    position: Vec<u8>,
}

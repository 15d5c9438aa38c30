//! `Subscription`: what it receives, the head of its messages, and its snapshot in progress.

use ordo_core::names::FeedNo;
use ordo_core::proto::{EventMessageType, SubscriptionDetails, SubscriptionType};
use ordo_core::subscription::{Filter, message_head};

use crate::subscription::chunks::{Broken, ChunkReceiver};
use crate::subscription::feed_view::Watch;
use crate::subscription::frames::{self, Form};

/// See the module.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) details: SubscriptionDetails,
    pub(super) view: SubscriptionType,
    pub(super) filter: Filter,
    /// Type and Subscription of its Update messages, encoded once.
    update_head: Vec<u8>,
    hold: Option<Hold>,
    /// The task that it was accepted with.
    pub(super) accepted: u64,
    /// For the Feed view: number of tasks whose routing changes it has been sent.
    pub(super) routed_to: u64,
    _watch: Option<Watch>,
    /// By feed number: number of tasks up to the last message that it was sent of that sequence.
    published: Vec<u64>,
    /// Number of tasks covered by the last round of Bookmarks that it took part in.
    marked: u64,
}

/// Live events, held back while the snapshot before them is sent.
#[derive(Debug)]
struct Hold {
    /// The task that it was accepted with, which is the position of its snapshot.
    task: u64,
    snapshot: Option<ChunkReceiver>,
    events: Vec<u8>,
}

impl Subscription {
    pub(super) fn new(details: SubscriptionDetails, filter: Filter, task: u64, watch: Option<Watch>) -> Subscription {
        let view = SubscriptionType::try_from(details.r#type).unwrap_or(SubscriptionType::Unknown);
        let update_head = message_head(EventMessageType::Update, &details);
        let hold = Some(Hold { task, snapshot: None, events: Vec::new() });
        Subscription {
            details,
            view,
            filter,
            update_head,
            hold,
            accepted: task,
            routed_to: if watch.is_some() { task } else { u64::MAX },
            _watch: watch,
            published: Vec::new(),
            marked: task,
        }
    }

    /// Notes that it was sent a message of a sequence.
    #[inline]
    pub(super) fn set_published(&mut self, feed: FeedNo, task: u64) {
        if self.published.len() <= feed.index() {
            self.published.resize(feed.index() + 1, 0);
        }
        self.published[feed.index()] = task + 1;
    }

    /// Whether an update of a sequence, the last of `tasks` tasks, is not covered by messages and Bookmarks sent to it.
    pub(super) fn is_behind(&self, feed: FeedNo, tasks: u64) -> bool {
        tasks > self.marked && self.published.get(feed.index()).is_none_or(|published| *published < tasks)
    }

    /// Notes that Bookmarks have covered all sequences up to a number of tasks.
    pub(super) fn set_marked(&mut self, tasks: u64) {
        self.marked = tasks;
    }

    /// Whether a task before `task` holds back its live events.
    pub(super) fn is_held_before(&self, task: u64) -> bool {
        self.routed_to < task || self.hold.as_ref().is_some_and(|hold| hold.task < task)
    }

    #[inline]
    pub(super) fn is_held(&self) -> bool {
        self.hold.is_some()
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.hold.as_ref().map_or(0, |hold| hold.events.len())
    }

    /// Whether its snapshot, which is still to come, belongs to `task`.
    pub(super) fn awaits(&self, task: u64) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.task == task && hold.snapshot.is_none())
    }

    pub(super) fn snapshot_comes(&mut self, chunks: ChunkReceiver) {
        if let Some(hold) = &mut self.hold {
            hold.snapshot = Some(chunks);
        }
    }

    /// Queues an Update message; `parts` follow the head.
    #[inline]
    pub(super) fn put_update(&mut self, queue: &mut Vec<u8>, form: Form, parts: [&[u8]; 2]) {
        let to = match &mut self.hold {
            None => queue,
            Some(hold) => &mut hold.events,
        };
        frames::put_message(to, form, &[&self.update_head, parts[0], parts[1]]);
    }

    /// Queues the next chunk of the snapshot, and behind the last one the live events; returns whether there was any.
    /// Nothing of tasks after `until` is queued.
    pub(super) fn advance_snapshot(&mut self, queue: &mut Vec<u8>, until: u64) -> bool {
        if self.hold.as_ref().is_some_and(|hold| hold.task >= until) {
            return false;
        }
        let Some(chunks) = self.hold.as_ref().and_then(|hold| hold.snapshot.as_ref()) else { return false };
        match chunks.try_recv() {
            Ok(chunk) => {
                queue.extend_from_slice(&chunk.frames);
                if chunk.is_last
                    && let Some(hold) = self.hold.take()
                {
                    queue.extend_from_slice(&hold.events);
                }
                true
            }
            // The sender ended early, and has set the reason, or the hub is stopping.
            Err(_) => false,
        }
    }

    /// Why its snapshot will not be completed.
    pub(super) fn broken(&self) -> Option<Broken> {
        self.hold.as_ref()?.snapshot.as_ref()?.broken()
    }
}

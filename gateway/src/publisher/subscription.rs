//! A subscription: what it gets, what stands at the head of each of its messages, and its snapshot in progress.

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
    /// The task it was accepted with.
    pub(super) accepted: u64,
    /// For one that watches a feed: the tasks before which it knows of everything.
    pub(super) routed_to: u64,
    _watch: Option<Watch>,
    /// By feed number: tasks before the last message of that sequence that it got, that message included.
    told: Vec<u64>,
    /// Tasks before the last round of Bookmarks that it took part in.
    marked: u64,
}

/// Live events wait here while the snapshot before them is on its way.
#[derive(Debug)]
struct Hold {
    /// The task it was accepted with: its snapshot is of exactly that point.
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
            told: Vec::new(),
            marked: task,
        }
    }

    /// It got a message of a sequence with a task.
    #[inline]
    pub(super) fn set_told(&mut self, feed: FeedNo, task: u64) {
        if self.told.len() <= feed.index() {
            self.told.resize(feed.index() + 1, 0);
        }
        self.told[feed.index()] = task + 1;
    }

    /// Whether it has not heard of an update of a sequence, told with the last of so many tasks.
    pub(super) fn is_behind(&self, feed: FeedNo, tasks: u64) -> bool {
        tasks > self.marked && self.told.get(feed.index()).is_none_or(|told| *told < tasks)
    }

    /// It has been told, one way or the other, how far every sequence was before so many tasks.
    pub(super) fn set_marked(&mut self, tasks: u64) {
        self.marked = tasks;
    }

    /// Whether a task from before `task` keeps it from being told what is new.
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

    /// The task that the missing snapshot belongs to.
    pub(super) fn awaits(&self, task: u64) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.task == task && hold.snapshot.is_none())
    }

    pub(super) fn snapshot_comes(&mut self, chunks: ChunkReceiver) {
        if let Some(hold) = &mut self.hold {
            hold.snapshot = Some(chunks);
        }
    }

    /// A live Update message: parts are what follows the head.
    #[inline]
    pub(super) fn put_update(&mut self, queue: &mut Vec<u8>, form: Form, parts: [&[u8]; 2]) {
        let to = match &mut self.hold {
            None => queue,
            Some(hold) => &mut hold.events,
        };
        frames::put_message(to, form, &[&self.update_head, parts[0], parts[1]]);
    }

    /// Moves on with the snapshot: frames that are ready go to the queue, and behind the last one the live events.
    /// Whether anything moved.
    /// What came after the task `until` may not be told yet.
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
            // One that has ended without its last chunk has said why, or the hub stops.
            Err(_) => false,
        }
    }

    /// Why its snapshot will never be whole.
    pub(super) fn broken(&self) -> Option<Broken> {
        self.hold.as_ref()?.snapshot.as_ref()?.broken()
    }
}

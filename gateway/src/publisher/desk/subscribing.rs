//! Subscriptions at the desk: taken and given up, and their snapshots on the way.

use ordo_core::outcome::Outcome;
use ordo_core::proto::{EventMessage, EventMessageType, SubscriptionType, UpdatePosition};
use prost::Message;

use super::Desk;
use crate::filter::Filter;
use crate::publisher::frames;
use crate::publisher::subscription::{Subscription, message_head};
use crate::slot::{ConnNo, Slot};
use crate::snapshots::{Job, chunks};

impl Desk {
    pub(super) fn subscribe(&mut self, task: u64, slot: &Slot, outcome: &Outcome) {
        let Some(details) = slot.subscription.as_deref() else { return };
        let accepted = match Filter::of(&details.targets) {
            Err(code) => Err(code),
            Ok(filter) => match self.connection(slot.conn) {
                None => return,
                Some(connection) if connection.subscriptions.iter().any(|other| other.details == *details) => {
                    Err("AlreadySubscribed")
                }
                Some(connection) => {
                    connection.subscriptions.push(Subscription::new(details.clone(), filter, task));
                    Ok(())
                }
            },
        };
        match accepted {
            Err(code) => self.respond_with(slot, [code].into_iter()),
            Ok(()) => {
                self.held += 1;
                self.respond(slot, outcome);
                let live = &mut self.live_by_view[details.r#type as usize];
                if !live.contains(&slot.conn) {
                    live.push(slot.conn);
                }
            }
        }
    }

    pub(super) fn unsubscribe(&mut self, slot: &Slot, outcome: &Outcome) {
        let Some(details) = slot.subscription.as_deref() else { return };
        let Some(connection) = self.connection(slot.conn) else { return };
        let Some(at) = connection.subscriptions.iter().position(|other| other.details == *details) else {
            return self.respond_with(slot, ["Operation"].into_iter());
        };
        let ended = connection.subscriptions.remove(at);
        connection.release_deferred();
        if ended.is_held() {
            self.held -= 1;
        }
        self.respond(slot, outcome);
        self.refresh_live(slot.conn);
    }

    /// Lists a connection under just the views it still subscribes to.
    fn refresh_live(&mut self, conn: ConnNo) {
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

    /// Pairs snapshots with the subscriptions they are for, and moves those in progress on.
    pub(in crate::publisher) fn advance_snapshots(&mut self, told: u64) -> usize {
        while let Ok(taken) = self.taken.try_recv() {
            self.early.push_back(taken);
        }
        if self.held == 0 && self.early.is_empty() {
            return 0;
        }
        let mut moved = self.start_encoding(told);
        for at in 0..self.connections.len() {
            let Some(connection) = self.connections[at].as_mut() else { continue };
            if !connection.is_holding() || !connection.wants_snapshot() {
                continue;
            }
            let conn = ConnNo(self.first + at as u32);
            let mut subscriptions = std::mem::take(&mut connection.subscriptions);
            let mut moved_here = 0;
            for subscription in subscriptions.iter_mut().filter(|subscription| subscription.is_held()) {
                moved_here += usize::from(subscription.advance_snapshot(connection.queue()));
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

    fn start_encoding(&mut self, told: u64) -> usize {
        let mut started = 0;
        for _ in 0..self.early.len() {
            let Some(taken) = self.early.pop_front() else { break };
            let waiting = self.connections.iter_mut().flatten().find_map(|connection| {
                let form = connection.form;
                let mut subscriptions = connection.subscriptions.iter_mut();
                subscriptions.find(|subscription| subscription.awaits(taken.task)).map(|found| (found, form))
            });
            let Some((subscription, form)) = waiting else {
                // Refused, gone, or not come to yet: only the last is worth keeping.
                if taken.task >= told {
                    self.early.push_back(taken);
                }
                continue;
            };
            let (to, from) = chunks();
            subscription.snapshot_comes(from);
            let (details, filter) = (subscription.details.clone(), subscription.filter.clone());
            started += 1;
            // The encoder ends after this stage; a failure to send is the end of the hub.
            let _ = self.jobs.send(Job { taken, details, filter, form, to });
        }
        started
    }

    pub(super) fn bookmark_subscribers(&mut self) {
        let Some((feed, position, time_ns)) = self.newest else { return };
        let executed_at = ordo_core::proto::TimestampWithTimeZone::from_unix_nanos(time_ns);
        let position =
            UpdatePosition { sequence: self.names.feed(feed).to_owned(), position, executed_at: Some(executed_at) };
        let tail = EventMessage { position: Some(position), ..EventMessage::default() }.encode_to_vec();
        for at in 0..self.connections.len() {
            let Some(connection) = self.connections[at].as_mut() else { continue };
            let newest_task = self.newest_task;
            let behind = |subscription: &&mut Subscription| !subscription.is_held() && subscription.told < newest_task;
            let mut heads: Vec<Vec<u8>> = Vec::new();
            for subscription in connection.subscriptions.iter_mut().filter(behind) {
                subscription.told = newest_task;
                heads.push(message_head(EventMessageType::Bookmark, &subscription.details));
            }
            let form = connection.form;
            for head in &heads {
                frames::put_message(connection.queue(), form, &[head, &tail]);
            }
            if !heads.is_empty() {
                self.touch(ConnNo(self.first + at as u32));
            }
        }
    }
}

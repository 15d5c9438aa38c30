//! What the views show of client requests: the state of every active one, and which feeds they are outstanding for.

use std::collections::{BTreeMap, BTreeSet};

use super::live::Live;
use super::{Record, Table, Views, of_account, set};
use crate::names::{AccountNo, FeedNo, request_key};
use crate::outcome::{Outcome, RequestEvent};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Requests {
    records: Table<Record>,
    keys: BTreeMap<u128, u32>,
    of_account: BTreeSet<(AccountNo, u32)>,
    feeds: BTreeMap<u32, FeedNo>,
    for_feed: BTreeSet<(FeedNo, u32)>,
}

impl Requests {
    pub(super) fn fold(&mut self, outcome: &Outcome, event: &RequestEvent, live: &mut Live) {
        let record = (!event.removed).then(|| Record {
            account: event.account,
            instrument: event.instrument,
            completed: event.completed,
            bytes: outcome.bytes_of(event.state).into(),
        });
        if event.removed {
            // A request that ended with its first update had no number.
            if self.keys.remove(&event.key) != Some(event.number) {
                return;
            }
        } else {
            self.keys.insert(event.key, event.number);
        }
        self.set_feed(event.number, event.feed.filter(|_| !event.removed));
        set(&mut self.records, &mut self.of_account, live, event.number, record);
    }

    fn set_feed(&mut self, number: u32, feed: Option<FeedNo>) {
        let old = match feed {
            Some(feed) => self.feeds.insert(number, feed),
            None => self.feeds.remove(&number),
        };
        old.map(|feed| self.for_feed.remove(&(feed, number)));
        feed.map(|feed| self.for_feed.insert((feed, number)));
    }
}

impl Views {
    /// ClientRequestState of every active request.
    pub fn requests(&self) -> &Table<Record> {
        &self.requests.records
    }

    pub fn requests_of(&self, account: AccountNo) -> impl Iterator<Item = &Record> {
        of_account(&self.requests.records, &self.requests.of_account, account)
    }

    /// An active request; one that ended is in the record only.
    pub fn request(&self, account: AccountNo, request_id: &str) -> Option<&Record> {
        let key = request_key(self.names.account(account).hash, request_id.as_bytes());
        self.requests.records.get(*self.requests.keys.get(&key)?)
    }

    /// The requests that are outstanding for a feed (Pending or Submitted there): ClientRequestStates.
    pub fn requests_for(&self, feed: FeedNo) -> impl Iterator<Item = &Record> {
        let numbers = self.requests.for_feed.range((feed, 0)..=(feed, u32::MAX));
        numbers.filter_map(|(_, number)| self.requests.records.get(*number))
    }

    /// The numbers of those requests, for a snapshot of [`Views::requests`].
    pub fn request_numbers_for(&self, feed: FeedNo) -> impl Iterator<Item = u32> {
        self.requests.for_feed.range((feed, 0)..=(feed, u32::MAX)).map(|(_, number)| *number)
    }
}

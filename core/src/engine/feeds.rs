//! Feeds: their status and their configuration. Recorded by the hub in `oms`, whoever said it.

use prost::Message;

use super::due::expiry_ns;
use super::{Engine, Input, executed_at};
use crate::names::{FeedNo, NameKind};
use crate::outcome::Outcome;
use crate::proto::{ConnectionStatus, FeedConfiguration, FeedDetails};
use crate::refusal::Code;

impl Engine {
    /// A feed's FeedDetails; the first makes the feed.
    #[cold]
    pub(super) fn set_status(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<bool, Code> {
        let mut details = FeedDetails::decode(input.request.status.of(input.bytes)).map_err(|_| Code::Data)?;
        details.timestamp.get_or_insert(executed_at(&input.stamp));
        let number = match self.state.feed_number(&details.feed_id) {
            Some(number) => number,
            None => FeedNo(self.state.number(NameKind::Feed, details.feed_id.as_bytes(), b"", out)),
        };
        let row = &mut self.state.feeds[number.index()];
        // Another connection supplies the feed: told by the hub, or it was not online.
        let is_opened = input.stamp.origin.is_dispatch || !is_online(row.details.as_ref());
        if row.details.as_ref() == Some(&details) && !input.stamp.origin.is_dispatch {
            return Ok(false);
        }
        let encoded = out.keep(&details.encode_to_vec());
        out.status = Some((number, encoded));
        let redelivers = is_opened && is_online(Some(&details));
        let expired_ns = expiry_ns(row);
        row.details = Some(details);
        let expires_ns = expiry_ns(row);
        self.state.due.feeds.reschedule(number, expired_ns, expires_ns);
        self.rehash_feed(number);
        if redelivers {
            self.redeliver(number, out);
        }
        Ok(true)
    }

    /// Gives a feed its number without anything else being known of it. For a fold that leaves out what made the feed.
    pub fn know_feed(&mut self, name: &str) -> FeedNo {
        let known = self.state.feed_number(name);
        known
            .unwrap_or_else(|| FeedNo(self.state.number(NameKind::Feed, name.as_bytes(), b"", &mut Outcome::default())))
    }

    /// A feed's FeedConfiguration, to be given back to whichever adapter opens the feed next.
    #[cold]
    pub(super) fn configure(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<(), Code> {
        let name = input.request.position.sequence.text(input.bytes);
        let number = self.state.feed_number(name).ok_or(Code::Data)?;
        let bytes = input.request.configuration.of(input.bytes);
        FeedConfiguration::decode(bytes).map_err(|_| Code::Data)?;
        self.state.feeds[number.index()].configuration = bytes.to_vec();
        out.configuration = out.keep(bytes);
        self.rehash_feed(number);
        Ok(())
    }

    /// The latest configuration of a feed, encoded; empty if none was sent.
    pub fn configuration(&self, feed: FeedNo) -> &[u8] {
        self.state.feeds.get(feed.index()).map_or(&[], |row| &row.configuration)
    }

    fn rehash_feed(&mut self, number: FeedNo) {
        let (old, new) = (self.state.feeds[number.index()].hash, self.state.hash_of_feed(number));
        self.state.feeds[number.index()].hash = new;
        self.state.rehash(old, new);
    }
}

fn is_online(details: Option<&FeedDetails>) -> bool {
    details.is_some_and(|details| details.status() == ConnectionStatus::Online)
}

//! Where a request goes: the feed behind the destination that it names.

use super::problems::Problems;
use crate::engine::state::State;
use crate::metadata::Route;
use crate::names::FeedNo;
use crate::names::NameKind;
use crate::outcome::Outcome;
use crate::proto::OwnerDetails;
use crate::refusal::Code;

/// A feed that a request goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    Feed(FeedNo),
    /// No update has named it yet: requests for it wait like those of any feed that is offline.
    Unseen(Box<str>),
}

impl Destination {
    /// Its number, given to a feed that had none.
    pub(super) fn number(self, state: &mut State, out: &mut Outcome) -> FeedNo {
        match self {
            Destination::Feed(feed) => feed,
            Destination::Unseen(name) => FeedNo(state.number(NameKind::Feed, name.as_bytes(), b"", out)),
        }
    }
}

impl State {
    /// Where orders for a destination on an exchange go.
    pub(super) fn order_route(
        &self,
        exchange: &str,
        ex_destination: &str,
        problems: &mut Problems,
    ) -> Option<Destination> {
        match self.metadata.route(exchange, ex_destination) {
            Route::Ambiguous => problems.push(Code::RouteAmbiguous),
            Route::To(route) => {
                let is_described = self.metadata.exchange(exchange).is_some();
                return self.destination(route, is_described, problems);
            }
        }
        None
    }

    /// Where cash transfers of an owner go.
    pub(super) fn cash_route(&self, owner: &str, ex_destination: &str, problems: &mut Problems) -> Option<Destination> {
        let destinations = |details: &'_ OwnerDetails| {
            details.destinations.iter().position(|known| known.ex_destination == ex_destination)
        };
        let details = self.metadata.owner(owner);
        let route = details.and_then(|details| Some(&*details.destinations[destinations(details)?].route));
        let is_described = route.is_some();
        self.destination(route.filter(|route| !route.is_empty()).unwrap_or(owner), is_described, problems)
    }

    /// A feed by name. Of a route that no metadata gives, only one that there is.
    fn destination(&self, name: &str, is_described: bool, problems: &mut Problems) -> Option<Destination> {
        let feed = self.feed_number(name);
        let is_there = feed.is_some_and(|feed| {
            let row = &self.feeds[feed.index()];
            row.details.is_some() || row.position != 0
        });
        if name.is_empty() || feed == Some(FeedNo::OMS) || !(is_there || is_described) {
            problems.push(Code::Route);
            return None;
        }
        Some(feed.map_or_else(|| Destination::Unseen(name.into()), Destination::Feed))
    }

    /// Whether an adapter supplies a feed, as far as the record says.
    #[inline]
    pub(super) fn is_online(&self, feed: FeedNo) -> bool {
        let details = self.feeds[feed.index()].details.as_ref();
        details.is_some_and(|details| details.status() == crate::proto::ConnectionStatus::Online)
    }
}

//! `Identity`: a caller's permissions, and every decision that is made of them. Pure: no clock, no state.
//!
//! Each decision is a boolean `may_...`, for filters, and a method with a `Result`, whose error has the class of the answer:
//! 403 if the request names an owner, feed or feature that the identity does not hold, 404 if it names a single record.

use ordo_core::proto::{ClientAuthority, IdentityType, Permissions};

use crate::feature::{Feature, Features};
use crate::refusal::{Reason, Refusal};
use crate::scope::Scope;

/// Code of the identity of callers without a token.
const UNCHECKED: &str = "dev";

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    permissions: Permissions,
    features: Features,
    owners: Scope,
    exchanges: Scope,
    feeds: Scope,
}

impl Identity {
    pub fn new(permissions: Permissions) -> Identity {
        Identity {
            features: Features::of(&permissions.features),
            owners: Scope::of(&permissions.owners),
            exchanges: Scope::of_or_all(&permissions.exchanges),
            feeds: Scope::of(&permissions.feeds),
            permissions,
        }
    }

    /// The identity of callers without a token while no identity source is registered: every permission.
    pub fn unchecked() -> Identity {
        let all = || vec!["*".to_owned()];
        Identity::new(Permissions {
            r#type: IdentityType::System as i32,
            identity: UNCHECKED.to_owned(),
            owners: all(),
            exchanges: all(),
            feeds: all(),
            features: Feature::ALL.map(|feature| feature.name().to_owned()).to_vec(),
            ..Permissions::default()
        })
    }

    /// A verified caller without registered permissions.
    pub(crate) fn unregistered(source: &str, code: &str) -> Identity {
        Identity::new(Permissions {
            identity: code.to_owned(),
            source: source.to_owned(),
            // An empty list of exchanges restricts nothing; without owners there is nothing to restrict.
            ..Permissions::default()
        })
    }

    /// As registered: the answer of `/identity/current`.
    pub fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    /// `Client:<client_id>` or `User:<sub>`.
    pub fn code(&self) -> &str {
        &self.permissions.identity
    }

    /// Code of its identity source.
    pub fn source(&self) -> &str {
        &self.permissions.source
    }

    /// The authority that client requests and transactions of this identity are stamped with.
    pub fn authority(&self) -> ClientAuthority {
        ClientAuthority {
            r#type: self.permissions.r#type,
            identity: self.permissions.identity.clone(),
            source: self.permissions.source.clone(),
            ..ClientAuthority::default()
        }
    }

    /// This refusal with the identity's name, for the log.
    pub fn refusal(&self, reason: Reason) -> Refusal {
        Refusal::of(reason, self.source(), self.code())
    }
}

/// Permissions to read. Every answer, event and snapshot is filtered by these.
impl Identity {
    pub fn has(&self, feature: Feature) -> bool {
        self.features.has(feature)
    }

    /// Whether it reads across all owners: lists of everybody's balances, holdings, orders.
    pub fn may_read_all_owners(&self) -> bool {
        self.has(Feature::Admin) || self.has(Feature::Operator)
    }

    /// Whether records of this owner exist for it. The empty owner is one like any other.
    pub fn may_read_owner(&self, owner: &str) -> bool {
        self.may_read_all_owners() || self.owners.covers(owner)
    }

    /// Whether a record exists for it. `exchange` is given for orders alone: nothing else is restricted by exchange.
    pub fn may_see(&self, owner: &str, exchange: Option<&str>) -> bool {
        self.may_read_owner(owner) && exchange.is_none_or(|exchange| self.may_see_exchange(exchange))
    }

    /// Whether orders on this exchange exist for it.
    pub fn may_see_exchange(&self, exchange: &str) -> bool {
        self.has(Feature::Admin) || self.exchanges.covers(exchange)
    }

    /// Whether `may_see` is true of every record: nothing has to be filtered.
    pub fn sees_everything(&self) -> bool {
        let sees_owners = self.may_read_all_owners() || self.owners.covers_all();
        sees_owners && (self.has(Feature::Admin) || self.exchanges.covers_all())
    }

    /// Whether the view Feed of this feed is shown whole, whatever the owners.
    pub fn sees_feed_whole(&self, feed: &str) -> bool {
        self.feeds.covers(feed)
    }

    pub fn may_query_feeds(&self) -> bool {
        self.has(Feature::Admin) || self.has(Feature::Query)
    }

    /// Whether it may read the updates that a feed submitted.
    pub fn may_read_updates_of(&self, feed: &str) -> bool {
        self.has(Feature::Audit) || self.feeds.covers(feed)
    }
}

/// Permissions to write.
impl Identity {
    pub fn may_open_feed(&self, feed: &str) -> bool {
        self.feeds.covers(feed)
    }

    /// Writes that name this owner, whether it exists or not.
    pub fn may_alter_owner(&self, owner: &str) -> bool {
        self.has(Feature::Alter) && (self.may_read_all_owners() || self.owners.covers(owner))
    }

    /// Writes that change records of every owner at once: a currency or symbol renamed.
    pub fn may_alter_all_owners(&self) -> bool {
        self.has(Feature::Alter) && (self.may_read_all_owners() || self.owners.covers_all())
    }

    /// Client requests for an account of this owner. Admin does not grant it.
    pub fn may_submit_for(&self, owner: &str) -> bool {
        self.has(Feature::Operator) || self.owners.covers(owner)
    }

    /// Release, refusal, replacement of queued requests.
    pub fn may_act_on_queue(&self) -> bool {
        self.has(Feature::Operator)
    }

    /// Halts of accounts, owners, exchanges.
    pub fn may_halt(&self) -> bool {
        self.has(Feature::Operator) || self.has(Feature::Admin)
    }

    /// Whether the authority that it gives under `Client` is kept: a front end that vets on behalf of its users.
    pub fn may_speak_for_others(&self) -> bool {
        self.permissions.r#type == IdentityType::Service as i32 && self.has(Feature::Operator)
    }
}

/// The same decisions as results.
impl Identity {
    /// Routes that need a feature.
    pub fn demand(&self, feature: Feature) -> Result<(), Refusal> {
        self.check(self.has(feature), Reason::FeatureMissing)
    }

    /// Lists across all owners.
    pub fn demand_all_owners(&self) -> Result<(), Refusal> {
        self.check(self.may_read_all_owners(), Reason::FeatureMissing)
    }

    pub fn demand_feed_queries(&self) -> Result<(), Refusal> {
        self.check(self.may_query_feeds(), Reason::FeatureMissing)
    }

    pub fn demand_halts(&self) -> Result<(), Refusal> {
        self.check(self.may_halt(), Reason::FeatureMissing)
    }

    /// `/balance/for`, `/holding/for`, and filters: an owner that is not held is refused, whether it exists or not.
    pub fn name_owner(&self, owner: &str) -> Result<(), Refusal> {
        self.check(self.may_read_owner(owner), Reason::OwnerNotHeld)
    }

    /// A single record by its id: not seen is not there. `exchange` as in `may_see`.
    pub fn find(&self, owner: &str, exchange: Option<&str>) -> Result<(), Refusal> {
        self.check(self.may_see(owner, exchange), Reason::RecordInvisible)
    }

    /// Orders on an exchange that is not seen are not there.
    pub fn find_exchange(&self, exchange: &str) -> Result<(), Refusal> {
        self.check(self.may_see_exchange(exchange), Reason::RecordInvisible)
    }

    pub fn alter_owner(&self, owner: &str) -> Result<(), Refusal> {
        self.demand(Feature::Alter)?;
        self.check(self.may_alter_owner(owner), Reason::OwnerNotHeld)
    }

    pub fn alter_all_owners(&self) -> Result<(), Refusal> {
        self.demand(Feature::Alter)?;
        self.check(self.may_alter_all_owners(), Reason::OwnerNotHeld)
    }

    pub fn submit_for(&self, owner: &str) -> Result<(), Refusal> {
        self.check(self.may_submit_for(owner), Reason::OwnerNotHeld)
    }

    pub fn open_feed(&self, feed: &str) -> Result<(), Refusal> {
        self.check(self.may_open_feed(feed), Reason::FeedNotHeld)
    }

    /// `/feed/byid/{feed}/updates`.
    pub fn read_updates_of(&self, feed: &str) -> Result<(), Refusal> {
        self.check(self.may_read_updates_of(feed), Reason::FeedNotHeld)
    }

    fn check(&self, is_allowed: bool, otherwise: Reason) -> Result<(), Refusal> {
        if is_allowed { Ok(()) } else { Err(self.refusal(otherwise)) }
    }
}

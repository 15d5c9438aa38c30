//! `Filter`: the targets of a subscription, as a test of records.
//!
//! A record passes if it matches any Owner or Account value, and one value of every other kind of target that is given;
//! records without an exchange pass `Exchange`. Order and repetition of targets and values do not matter: subscriptions
//! that differ in nothing else are equal.

use std::collections::{BTreeMap, BTreeSet};

use super::caller::{About, Caller};
use super::positions::resume_after;
use super::subject::Subject;
use crate::names::{AccountNo, InstrumentNo, Names};
use crate::proto::{SubscriptionDetails, SubscriptionType};

/// See the module. Results are cached by account and instrument number.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    caller: Caller,
    owners: Vec<String>,
    /// Owner and account.
    accounts: Vec<(String, String)>,
    exchanges: Vec<String>,
    feeds: Vec<String>,
    account_verdicts: Vec<Option<bool>>,
    instrument_verdicts: Vec<Option<bool>>,
    /// Nothing passes but what belongs to an owner or account that is listed.
    is_owned_only: bool,
}

impl Filter {
    /// # Errors
    /// The error code for invalid targets.
    pub fn of(details: &SubscriptionDetails, caller: Caller) -> Result<Filter, &'static str> {
        let mut filter = Filter { caller, ..Filter::default() };
        for target in &details.targets {
            // A target without values would let every record pass, which its sender does not mean.
            let is_empty = target.values.is_empty() && KINDS.contains(&target.name.as_str());
            if is_empty && !(target.name == "Feed" && details.r#type() == SubscriptionType::Feed) {
                return Err(BAD_VALUES);
            }
            match target.name.as_str() {
                "Owner" => filter.owners.extend_from_slice(&target.values),
                "Account" => {
                    for value in &target.values {
                        let (owner, account) = value.split_once('/').ok_or(BAD_VALUES)?;
                        filter.accounts.push((owner.to_owned(), account.to_owned()));
                    }
                }
                "Exchange" => filter.exchanges.extend_from_slice(&target.values),
                "Feed" => filter.feeds.extend_from_slice(&target.values),
                // `Position` selects the start, not records.
                "Position" => drop(resume_after(details).map_err(|_| BAD_VALUES)?),
                _ => return Err(BAD_NAME),
            }
        }
        if details.r#type() == SubscriptionType::Feed && filter.feeds.is_empty() {
            return Err(NO_FEED);
        }
        Ok(filter)
    }

    /// Where owners or accounts are listed, leaves out what belongs to none: feed statuses, exchanges, request statuses,
    /// owners themselves where accounts alone are listed.
    #[must_use]
    pub fn owned_only(mut self) -> Filter {
        self.is_owned_only = !self.owners.is_empty() || !self.accounts.is_empty();
        self
    }

    /// Whether every record passes, now and later.
    #[inline]
    pub fn passes_all(&self) -> bool {
        self.caller.sees_all()
            && self.owners.is_empty()
            && self.accounts.is_empty()
            && self.exchanges.is_empty()
            && self.feeds.is_empty()
    }

    /// Whether a feed passes. Only for views of feeds: in other views, a target `Feed` has no effect.
    pub fn passes_feed(&self, feed: &str) -> bool {
        self.caller.may_see(About::Feed(feed))
            && !self.is_owned_only
            && (self.feeds.is_empty() || self.feeds.iter().any(|wanted| wanted == feed))
    }

    /// Whether a definition or a transform passes.
    pub fn passes_subject(&self, subject: &Subject) -> bool {
        let Subject { owner, account, exchange } = subject;
        if !self.caller.may_see(About::Subject(subject)) {
            return false;
        }
        let Some(owner) = owner else { return !self.is_owned_only && self.passes_exchange(exchange.as_deref()) };
        let of_owner = self.owners.iter().any(|wanted| **wanted == **owner);
        let of_account = match account {
            Some(account) => self.accounts.iter().any(|(o, a)| **o == **owner && **a == **account),
            // An owner is not an account, so Account values alone do not select it.
            None => self.owners.is_empty() && !self.is_owned_only,
        };
        let all = self.owners.is_empty() && self.accounts.is_empty();
        (all || of_owner || of_account) && self.passes_exchange(exchange.as_deref())
    }

    fn passes_exchange(&self, exchange: Option<&str>) -> bool {
        let is_chosen = |exchange: &str| self.exchanges.is_empty() || self.exchanges.iter().any(|it| it == exchange);
        exchange.is_none_or(is_chosen)
    }

    #[inline]
    pub fn passes(&mut self, names: &Names, account: AccountNo, instrument: Option<InstrumentNo>) -> bool {
        self.caller.may_see(About::Account(names, account, instrument))
            && self.passes_account(names, account)
            && instrument.is_none_or(|no| self.passes_instrument(names, no))
    }

    fn passes_account(&mut self, names: &Names, no: AccountNo) -> bool {
        if self.owners.is_empty() && self.accounts.is_empty() {
            return true;
        }
        let Filter { owners, accounts, account_verdicts, .. } = self;
        kept(account_verdicts, no.index(), || {
            let name = names.account(no);
            owners.iter().any(|owner| **owner == *name.owner)
                || accounts.iter().any(|(owner, account)| **owner == *name.owner && **account == *name.account)
        })
    }

    fn passes_instrument(&mut self, names: &Names, no: InstrumentNo) -> bool {
        if self.exchanges.is_empty() {
            return true;
        }
        let Filter { exchanges, instrument_verdicts, .. } = self;
        kept(instrument_verdicts, no.index(), || {
            let exchange = &names.instrument(no).exchange;
            exchange.is_empty() || exchanges.iter().any(|wanted| **wanted == **exchange)
        })
    }
}

/// Whether two subscriptions are equal: the same view and the same targets, in any order.
pub fn is_same(left: &SubscriptionDetails, right: &SubscriptionDetails) -> bool {
    left == right || (left.r#type == right.r#type && values_by_name(left) == values_by_name(right))
}

fn values_by_name(details: &SubscriptionDetails) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for target in &details.targets {
        values.entry(&target.name).or_default().extend(target.values.iter().map(String::as_str));
    }
    values
}

const NO_FEED: &str = "Data.Deserialise Subscription.Targets.Feed";
/// Targets that select records.
const KINDS: [&str; 4] = ["Owner", "Account", "Exchange", "Feed"];
const BAD_NAME: &str = "Data.Deserialise Subscription.Targets.Name";
const BAD_VALUES: &str = "Data.Deserialise Subscription.Targets.Values";

fn kept(verdicts: &mut Vec<Option<bool>>, at: usize, decide: impl FnOnce() -> bool) -> bool {
    if verdicts.len() <= at {
        verdicts.resize(at + 1, None);
    }
    *verdicts[at].get_or_insert_with(decide)
}

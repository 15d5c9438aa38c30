//! `Metadata`: what was defined of owners, accounts, exchanges, request statuses, identities and their sources.
//!
//! The engine keeps one as part of its state, the views another, folded from the engine's outcomes. Cold everywhere:
//! definitions are few and change seldom. Kept in the order of their keys.

mod details;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use details::Details;

use crate::outcome::MetadataKind;
use crate::proto::{AccountDetails, ExchangeDetails, IdentitySource, OwnerDetails, Permissions, RequestStatusDetails};

/// A definition: its message, and that message encoded.
#[derive(Debug, Clone)]
pub struct MetadataRecord {
    pub details: Details,
    pub bytes: Arc<[u8]>,
}

impl MetadataRecord {
    pub fn new(details: Details) -> MetadataRecord {
        let bytes = details.encode().into();
        MetadataRecord { details, bytes }
    }
}

/// By the two parts of the key.
type Records = BTreeMap<Box<str>, BTreeMap<Box<str>, MetadataRecord>>;

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    /// By kind.
    records: [Records; MetadataKind::ALL.len()],
}

impl Metadata {
    pub fn get(&self, kind: MetadataKind, first: &str, second: &str) -> Option<&MetadataRecord> {
        self.of_kind(kind).get(first)?.get(second)
    }

    /// All records of a kind, in the order of their keys.
    pub fn all(&self, kind: MetadataKind) -> impl Iterator<Item = &MetadataRecord> {
        self.of_kind(kind).values().flat_map(BTreeMap::values)
    }

    /// The accounts of an owner, the identities of a source.
    pub fn all_under(&self, kind: MetadataKind, first: &str) -> impl Iterator<Item = &MetadataRecord> {
        self.of_kind(kind).get(first).into_iter().flat_map(BTreeMap::values)
    }

    pub fn owner(&self, owner: &str) -> Option<&OwnerDetails> {
        match &self.get(MetadataKind::Owner, owner, "")?.details {
            Details::Owner(details) => Some(details),
            _ => None,
        }
    }

    pub fn account(&self, owner: &str, account: &str) -> Option<&AccountDetails> {
        match &self.get(MetadataKind::Account, owner, account)?.details {
            Details::Account(details) => Some(details),
            _ => None,
        }
    }

    pub fn exchange(&self, exchange: &str) -> Option<&ExchangeDetails> {
        match &self.get(MetadataKind::Exchange, exchange, "")?.details {
            Details::Exchange(details) => Some(details),
            _ => None,
        }
    }

    pub fn request_status(&self, code: &str) -> Option<&RequestStatusDetails> {
        match &self.get(MetadataKind::RequestStatus, code, "")?.details {
            Details::RequestStatus(details) => Some(details),
            _ => None,
        }
    }

    pub fn identity(&self, source: &str, identity: &str) -> Option<&Permissions> {
        match &self.get(MetadataKind::Identity, source, identity)?.details {
            Details::Identity(details) => Some(details),
            _ => None,
        }
    }

    pub fn identity_source(&self, code: &str) -> Option<&IdentitySource> {
        match &self.get(MetadataKind::IdentitySource, code, "")?.details {
            Details::IdentitySource(details) => Some(details),
            _ => None,
        }
    }

    /// Whether a status completes an order there; none if the exchange does not define it.
    pub fn is_completed_status(&self, exchange: &str, status: &str) -> Option<bool> {
        let statuses = &self.exchange(exchange)?.order_statuses;
        statuses.iter().find(|known| known.code == status).map(|known| known.is_completed)
    }

    /// The feed that requests and orders for a destination on an exchange go to.
    pub fn route<'a>(&'a self, exchange: &'a str, ex_destination: &str) -> Route<'a> {
        let destinations = self.exchange(exchange).map_or(&[][..], |details| &details.destinations);
        let destination = match (ex_destination, destinations) {
            ("", [only]) => Some(only),
            ("", [_, _, ..]) => return Route::Ambiguous,
            _ => destinations.iter().find(|known| known.ex_destination == ex_destination),
        };
        let route = destination.map(|destination| &*destination.route).filter(|route| !route.is_empty());
        Route::To(route.unwrap_or(exchange))
    }

    /// Sets the record of its key; what it was.
    pub fn set(&mut self, record: MetadataRecord) -> Option<MetadataRecord> {
        let (first, second) = record.details.key();
        let (first, second): (Box<str>, Box<str>) = (first.into(), second.into());
        self.records[place(record.details.kind())].entry(first).or_default().insert(second, record)
    }

    /// Drops a record; what it was.
    pub fn remove(&mut self, kind: MetadataKind, first: &str, second: &str) -> Option<MetadataRecord> {
        let records = &mut self.records[place(kind)];
        let under = records.get_mut(first)?;
        let record = under.remove(second);
        if under.is_empty() {
            records.remove(first);
        }
        record
    }

    fn of_kind(&self, kind: MetadataKind) -> &Records {
        &self.records[place(kind)]
    }
}

/// Where a destination leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    To(&'a str),
    /// No destination was named, and the exchange has several.
    Ambiguous,
}

/// Kinds are numbered from 1.
fn place(kind: MetadataKind) -> usize {
    kind as usize - 1
}

#[cfg(test)]
mod tests;

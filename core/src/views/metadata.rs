//! What the views tell of definitions: records as encoded, and what follows from them.

use std::sync::Arc;

use super::Views;
use crate::metadata::{Details, Metadata, MetadataRecord, Route};
use crate::names::AccountNo;
use crate::outcome::{MetadataEvent, MetadataKind, Outcome};

impl Views {
    /// All definitions, parsed.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// OwnerDetails of every owner that was defined, by code; the other lists alike.
    pub fn owners(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.definitions(MetadataKind::Owner)
    }

    pub fn owner(&self, owner: &str) -> Option<&Arc<[u8]>> {
        self.definition(MetadataKind::Owner, owner, "")
    }

    /// AccountDetails. An account that was never defined has records all the same: see [`Views::account`].
    pub fn accounts(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.definitions(MetadataKind::Account)
    }

    pub fn account_details(&self, owner: &str, account: &str) -> Option<&Arc<[u8]>> {
        self.definition(MetadataKind::Account, owner, account)
    }

    /// AccountDetails of an owner's accounts.
    pub fn account_details_of(&self, owner: &str) -> impl Iterator<Item = &Arc<[u8]>> {
        self.metadata.all_under(MetadataKind::Account, owner).map(|record| &record.bytes)
    }

    pub fn exchanges(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.definitions(MetadataKind::Exchange)
    }

    pub fn exchange(&self, exchange: &str) -> Option<&Arc<[u8]>> {
        self.definition(MetadataKind::Exchange, exchange, "")
    }

    pub fn request_statuses(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.definitions(MetadataKind::RequestStatus)
    }

    pub fn request_status(&self, code: &str) -> Option<&Arc<[u8]>> {
        self.definition(MetadataKind::RequestStatus, code, "")
    }

    /// Permissions of every identity, by source and code.
    pub fn identities(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.definitions(MetadataKind::Identity)
    }

    pub fn identities_of(&self, source: &str) -> impl Iterator<Item = &Arc<[u8]>> {
        self.metadata.all_under(MetadataKind::Identity, source).map(|record| &record.bytes)
    }

    pub fn identity(&self, source: &str, identity: &str) -> Option<&Arc<[u8]>> {
        self.definition(MetadataKind::Identity, source, identity)
    }

    pub fn identity_sources(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.definitions(MetadataKind::IdentitySource)
    }

    pub fn identity_source(&self, code: &str) -> Option<&Arc<[u8]>> {
        self.definition(MetadataKind::IdentitySource, code, "")
    }

    /// Whether a status completes an order on an exchange; none if the exchange does not define it.
    pub fn is_completed_status(&self, exchange: &str, status: &str) -> Option<bool> {
        self.metadata.is_completed_status(exchange, status)
    }

    /// The feed that an order or request goes to. One that names no destination where there are several goes to the
    /// exchange's own.
    pub fn route<'a>(&'a self, exchange: &'a str, ex_destination: &str) -> &'a str {
        match self.metadata.route(exchange, ex_destination) {
            Route::To(route) => route,
            Route::Ambiguous => exchange,
        }
    }

    /// Whether an owner, or one of its accounts, is defined, or any live record names one.
    pub fn owner_exists(&self, owner: &str) -> bool {
        let defined = self.owner(owner).is_some() || self.account_details_of(owner).next().is_some();
        defined || self.live.has_owner(owner)
    }

    pub fn account_exists(&self, owner: &str, account: &str) -> bool {
        let is_live = |account| self.has_records(account);
        self.account_details(owner, account).is_some() || self.account(owner, account).is_some_and(is_live)
    }

    pub fn exchange_exists(&self, exchange: &str) -> bool {
        self.exchange(exchange).is_some() || self.live.has_exchange(exchange)
    }

    fn has_records(&self, account: AccountNo) -> bool {
        let (balance, holding) = (self.balances_of(account).next(), self.holdings_of(account).next());
        let trading = balance.or(holding).or_else(|| self.orders_of(account).next());
        trading.or_else(|| self.requests_of(account).next()).is_some()
    }

    pub(super) fn set_metadata(&mut self, outcome: &Outcome, event: &MetadataEvent) {
        if event.removed {
            let (first, second) = (event.first.text(&outcome.bytes), event.second.text(&outcome.bytes));
            self.metadata.remove(event.kind, first, second);
            return;
        }
        let bytes = outcome.bytes_of(event.details);
        let details = Details::decode(event.kind, bytes).expect("invariant: the engine encoded it");
        self.metadata.set(MetadataRecord { details, bytes: bytes.into() });
    }

    fn definitions(&self, kind: MetadataKind) -> impl Iterator<Item = &Arc<[u8]>> {
        self.metadata.all(kind).map(|record| &record.bytes)
    }

    fn definition(&self, kind: MetadataKind, first: &str, second: &str) -> Option<&Arc<[u8]>> {
        self.metadata.get(kind, first, second).map(|record| &record.bytes)
    }
}

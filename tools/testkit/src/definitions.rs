//! Definitions of owners, accounts, exchanges and request statuses, as Operations.

use ordo_core::metadata::Details;
use ordo_core::outcome::MetadataKind;
use ordo_core::proto::{AccountDetails, ExchangeDestination, ExchangeDetails, Operation, OwnerDetails};
use ordo_core::proto::{IdentitySource, Permissions, RequestStatusDetails};

use crate::actions::account;

pub fn owner(owner: &str, name: &str) -> Operation {
    Details::Owner(Box::new(OwnerDetails { owner_id: owner.into(), name: name.into(), ..Default::default() })).define()
}

pub fn owned(owner: &str, id: &str, name: &str) -> Operation {
    let account = Some(account(owner, id));
    Details::Account(Box::new(AccountDetails { account, name: name.into(), ..Default::default() })).define()
}

/// An exchange with destinations, each with the feed it goes to (empty: the exchange's own).
pub fn exchange(exchange: &str, destinations: &[(&str, &str)]) -> Operation {
    let destination = |(name, route): &(&str, &str)| ExchangeDestination {
        ex_destination: (*name).into(),
        route: (*route).into(),
        ..Default::default()
    };
    let destinations = destinations.iter().map(destination).collect();
    Details::Exchange(Box::new(ExchangeDetails { exchange: exchange.into(), destinations, ..Default::default() }))
        .define()
}

pub fn request_status(code: &str, name: &str) -> Operation {
    let details = RequestStatusDetails { code: code.into(), name: name.into(), ..Default::default() };
    Details::RequestStatus(Box::new(details)).define()
}

pub fn permissions(source: &str, identity: &str) -> Operation {
    let details = Permissions { source: source.into(), identity: identity.into(), ..Default::default() };
    Details::Identity(Box::new(details)).define()
}

pub fn identity_source(code: &str) -> Operation {
    Details::IdentitySource(Box::new(IdentitySource { code: code.into(), ..Default::default() })).define()
}

/// The operation that drops what another one defines.
pub fn dropped(define: &Operation) -> Operation {
    let kind = MetadataKind::ALL.into_iter().find(|kind| kind.define() == define.r#type()).expect("a definition");
    let details = Details::of_operation(kind, define).expect("its details");
    let (first, second) = details.key();
    Details::of_key(kind, first, second).undefine()
}

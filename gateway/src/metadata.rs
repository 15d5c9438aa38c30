//! What a filter asks about definitions and transforms.

use ordo_core::outcome::MetadataKind;
use ordo_core::proto::Operation;
use prost::Message;

use crate::filter::Named;

/// What a definition is about: `first` and `second` are the parts of its key.
pub(crate) fn subject(kind: MetadataKind, first: &str, second: &str) -> Named {
    match kind {
        MetadataKind::Owner => Named { owner: Some(first.into()), ..Named::default() },
        MetadataKind::Account => Named { owner: Some(first.into()), account: Some(second.into()), ..Named::default() },
        MetadataKind::Exchange => Named { exchange: Some(first.into()), ..Named::default() },
        MetadataKind::RequestStatus | MetadataKind::Identity | MetadataKind::IdentitySource => Named::default(),
    }
}

/// What a transform is about, as far as it says so: one of many accounts is about none of them.
pub(crate) fn subject_of_transform(operation: &[u8]) -> Named {
    let operation = Operation::decode(operation).unwrap_or_default();
    let mut subject = Named::default();
    if let Some(transform) = operation.transform.filter(|transform| !transform.exchange.is_empty()) {
        subject.exchange = Some(transform.exchange.into());
    }
    if let Some(account) = operation.account_transform.and_then(|transform| transform.account) {
        subject.owner = Some(account.owner_id.into());
        subject.account = Some(account.account_id.into());
    }
    if let Some(transform) = operation.owner_transform {
        subject.owner = Some(transform.owner_id.into());
    }
    subject
}

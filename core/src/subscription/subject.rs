//! `Subject`: the owner, account or exchange that a definition or a transform is about, as filters ask for it.

use prost::Message;

use crate::outcome::MetadataKind;
use crate::proto::Operation;

/// The subject of a record that belongs to no account's positions or orders. Filters ignore absent parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    pub owner: Option<Box<str>>,
    /// Given only with its owner.
    pub account: Option<Box<str>>,
    pub exchange: Option<Box<str>>,
}

impl Subject {
    /// The subject of a definition; `first` and `second` are the parts of its key.
    pub fn of_definition(kind: MetadataKind, first: &str, second: &str) -> Subject {
        match kind {
            MetadataKind::Owner => Subject { owner: Some(first.into()), ..Subject::default() },
            MetadataKind::Account => {
                Subject { owner: Some(first.into()), account: Some(second.into()), ..Subject::default() }
            }
            MetadataKind::Exchange => Subject { exchange: Some(first.into()), ..Subject::default() },
            MetadataKind::RequestStatus | MetadataKind::Identity | MetadataKind::IdentitySource => Subject::default(),
        }
    }

    /// The subject of a transform, as far as it names one: a transform of many accounts names none.
    pub fn of_transform(operation: &[u8]) -> Subject {
        let operation = Operation::decode(operation).unwrap_or_default();
        let mut subject = Subject::default();
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
}

//! `Details`: a definition of any kind as its message, with the key it is kept under and the operations that carry it.

use prost::{DecodeError, Message};

use crate::outcome::MetadataKind;
use crate::proto::{
    Account, AccountDetails, ExchangeDetails, IdentitySource, Operation, OperationType, OwnerDetails, Permissions,
    RequestStatusDetails,
};
use crate::refusal::Code;
use crate::wire::field;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub enum Details {
    Owner(Box<OwnerDetails>),
    Account(Box<AccountDetails>),
    Exchange(Box<ExchangeDetails>),
    RequestStatus(Box<RequestStatusDetails>),
    Identity(Box<Permissions>),
    IdentitySource(Box<IdentitySource>),
}

impl MetadataKind {
    /// Every kind, in the order of its number.
    pub const ALL: [MetadataKind; 6] = [
        MetadataKind::Owner,
        MetadataKind::Account,
        MetadataKind::Exchange,
        MetadataKind::RequestStatus,
        MetadataKind::Identity,
        MetadataKind::IdentitySource,
    ];

    /// Whether the Metadata view shows it: identities are for administrators, over REST alone.
    pub const fn is_in_view(self) -> bool {
        !matches!(self, MetadataKind::Identity | MetadataKind::IdentitySource)
    }

    /// The operation that makes or replaces such a record.
    pub const fn define(self) -> OperationType {
        match self {
            MetadataKind::Owner => OperationType::DefineOwner,
            MetadataKind::Account => OperationType::DefineAccount,
            MetadataKind::Exchange => OperationType::DefineExchange,
            MetadataKind::RequestStatus => OperationType::DefineRequestStatus,
            MetadataKind::Identity => OperationType::DefinePermissions,
            MetadataKind::IdentitySource => OperationType::DefineIdentitySource,
        }
    }

    /// The operation that drops such a record.
    pub const fn undefine(self) -> OperationType {
        match self {
            MetadataKind::Owner => OperationType::UndefineOwner,
            MetadataKind::Account => OperationType::UndefineAccount,
            MetadataKind::Exchange => OperationType::UndefineExchange,
            MetadataKind::RequestStatus => OperationType::UndefineRequestStatus,
            MetadataKind::Identity => OperationType::UndefinePermissions,
            MetadataKind::IdentitySource => OperationType::UndefineIdentitySource,
        }
    }

    /// The field of `Operation` that carries the record.
    pub const fn field(self) -> u32 {
        use field::operation as f;
        match self {
            MetadataKind::Owner => f::OWNER_DETAILS,
            MetadataKind::Account => f::ACCOUNT_DETAILS,
            MetadataKind::Exchange => f::EXCHANGE_DETAILS,
            MetadataKind::RequestStatus => f::REQUEST_STATUS,
            MetadataKind::Identity => f::PERMISSIONS,
            MetadataKind::IdentitySource => f::IDENTITY_SOURCE,
        }
    }
}

impl Details {
    /// # Errors
    /// If the bytes are no such message.
    pub fn decode(kind: MetadataKind, bytes: &[u8]) -> Result<Details, DecodeError> {
        Ok(match kind {
            MetadataKind::Owner => Details::Owner(Box::new(Message::decode(bytes)?)),
            MetadataKind::Account => Details::Account(Box::new(Message::decode(bytes)?)),
            MetadataKind::Exchange => Details::Exchange(Box::new(Message::decode(bytes)?)),
            MetadataKind::RequestStatus => Details::RequestStatus(Box::new(Message::decode(bytes)?)),
            MetadataKind::Identity => Details::Identity(Box::new(Message::decode(bytes)?)),
            MetadataKind::IdentitySource => Details::IdentitySource(Box::new(Message::decode(bytes)?)),
        })
    }

    /// Details that hold a key and nothing else, as an Undefine names its record.
    pub fn of_key(kind: MetadataKind, first: &str, second: &str) -> Details {
        let (first, second) = (first.to_owned(), second.to_owned());
        match kind {
            MetadataKind::Owner => Details::Owner(Box::new(OwnerDetails { owner_id: first, ..Default::default() })),
            MetadataKind::Account => {
                let account = Some(Account { owner_id: first, account_id: second });
                Details::Account(Box::new(AccountDetails { account, ..Default::default() }))
            }
            MetadataKind::Exchange => {
                Details::Exchange(Box::new(ExchangeDetails { exchange: first, ..Default::default() }))
            }
            MetadataKind::RequestStatus => {
                Details::RequestStatus(Box::new(RequestStatusDetails { code: first, ..Default::default() }))
            }
            MetadataKind::Identity => {
                Details::Identity(Box::new(Permissions { source: first, identity: second, ..Default::default() }))
            }
            MetadataKind::IdentitySource => {
                Details::IdentitySource(Box::new(IdentitySource { code: first, ..Default::default() }))
            }
        }
    }

    /// What an operation says of a record of that kind.
    pub fn of_operation(kind: MetadataKind, operation: &Operation) -> Option<Details> {
        Some(match kind {
            MetadataKind::Owner => Details::Owner(operation.owner_details.clone()?),
            MetadataKind::Account => Details::Account(operation.account_details.clone()?),
            MetadataKind::Exchange => Details::Exchange(operation.exchange_details.clone()?),
            MetadataKind::RequestStatus => Details::RequestStatus(operation.request_status.clone()?),
            MetadataKind::Identity => Details::Identity(operation.permissions.clone()?),
            MetadataKind::IdentitySource => Details::IdentitySource(operation.identity_source.clone()?),
        })
    }

    pub fn kind(&self) -> MetadataKind {
        match self {
            Details::Owner(_) => MetadataKind::Owner,
            Details::Account(_) => MetadataKind::Account,
            Details::Exchange(_) => MetadataKind::Exchange,
            Details::RequestStatus(_) => MetadataKind::RequestStatus,
            Details::Identity(_) => MetadataKind::Identity,
            Details::IdentitySource(_) => MetadataKind::IdentitySource,
        }
    }

    /// What the record is kept under. The second part is empty but for an account and an identity.
    pub fn key(&self) -> (&str, &str) {
        match self {
            Details::Owner(owner) => (&owner.owner_id, ""),
            Details::Account(details) => {
                details.account.as_ref().map_or(("", ""), |account| (&account.owner_id, &account.account_id))
            }
            Details::Exchange(exchange) => (&exchange.exchange, ""),
            Details::RequestStatus(status) => (&status.code, ""),
            Details::Identity(permissions) => (&permissions.source, &permissions.identity),
            Details::IdentitySource(source) => (&source.code, ""),
        }
    }

    /// What is missing of the key; an account alone needs no owner.
    pub(crate) fn problems(&self) -> impl Iterator<Item = Code> {
        let (first, second) = self.key();
        let missing = |part: &str, reject: Code| part.is_empty().then_some(reject);
        let problems = match self.kind() {
            MetadataKind::Owner => [missing(first, Code::Owner), None],
            MetadataKind::Account => [missing(second, Code::Account), None],
            MetadataKind::Exchange => [missing(first, Code::Exchange), None],
            MetadataKind::RequestStatus => [missing(first, Code::Status), None],
            MetadataKind::Identity => [missing(second, Code::Identity), missing(first, Code::IdentitySource)],
            MetadataKind::IdentitySource => [missing(first, Code::IdentitySource), None],
        };
        problems.into_iter().flatten()
    }

    /// The ids that the record is kept under, each with the code of what is wrong with it. Of those alone that a limit
    /// holds for: owners, accounts and exchanges.
    pub(crate) fn ids(&self) -> Vec<(&str, Code)> {
        let (first, second) = self.key();
        match self.kind() {
            MetadataKind::Owner => vec![(first, Code::Owner)],
            MetadataKind::Account => vec![(first, Code::Owner), (second, Code::Account)],
            MetadataKind::Exchange => vec![(first, Code::Exchange)],
            MetadataKind::RequestStatus | MetadataKind::Identity | MetadataKind::IdentitySource => Vec::new(),
        }
    }

    /// The message itself; the same content has the same bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Details::Owner(details) => details.encode_to_vec(),
            Details::Account(details) => details.encode_to_vec(),
            Details::Exchange(details) => details.encode_to_vec(),
            Details::RequestStatus(details) => details.encode_to_vec(),
            Details::Identity(details) => details.encode_to_vec(),
            Details::IdentitySource(details) => details.encode_to_vec(),
        }
    }

    /// The operation that defines this record.
    pub fn define(self) -> Operation {
        let kind = self.kind();
        self.operation(kind.define())
    }

    /// The operation that drops this record.
    pub fn undefine(self) -> Operation {
        let kind = self.kind();
        self.operation(kind.undefine())
    }

    fn operation(self, r#type: OperationType) -> Operation {
        let mut operation = Operation { r#type: r#type as i32, ..Default::default() };
        match self {
            Details::Owner(details) => operation.owner_details = Some(details),
            Details::Account(details) => operation.account_details = Some(details),
            Details::Exchange(details) => operation.exchange_details = Some(details),
            Details::RequestStatus(details) => operation.request_status = Some(details),
            Details::Identity(details) => operation.permissions = Some(details),
            Details::IdentitySource(details) => operation.identity_source = Some(details),
        }
        operation
    }
}

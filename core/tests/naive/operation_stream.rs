//! A seeded stream of actions with operations between them: an operator who defines, renames and removes while an
//! adapter goes on, and keeps up with the names.

use ordo_core::metadata::Details;
use ordo_core::outcome::MetadataKind;
use ordo_core::proto::{self, AccountTransformType, OperationType, OrderStatusDetails, OwnerTransformType};
use ordo_core::proto::{TimestampWithTimeZone, TransformType};
use ordo_core::record::Origin;

use super::model::{Account, Model};
use super::operations::Effect;
use super::stream::Stream;
use ordo_testkit::Random;

const ACCOUNTS: [(&str, &str); 8] =
    [("O", "A"), ("O", "B"), ("O", "C"), ("", "A"), ("P", "A"), ("O", "N1"), ("P", "N2"), ("Q", "A")];
const OWNERS: [&str; 4] = ["O", "P", "Q", "R"];
const CODES: [&str; 3] = ["BHP", "CBA", "BHPX"];
const CURRENCIES: [&str; 3] = ["AUD", "USD", "EUR"];
const STATUSES: [&str; 4] = ["", "OnMarket", "Filled", "Expired"];

/// What comes next.
pub(crate) enum Step {
    Action(proto::ExternalAction),
    Operation(proto::Operation, Origin),
    /// Nothing for so many seconds.
    Wait(u64),
}

/// See the module.
pub(crate) struct OperationStream {
    actions: Stream,
    rng: Random,
    next_id: u32,
    /// Transforms with an id that a feed sent, to be sent again.
    sent: Vec<proto::Operation>,
}

impl OperationStream {
    pub(crate) fn new(seed: u64) -> OperationStream {
        OperationStream { actions: Stream::new(seed), rng: Random::of(!seed), next_id: 0, sent: Vec::new() }
    }

    pub(crate) fn next(&mut self, now: u64) -> Step {
        match self.rng.below(100) {
            0..6 => {
                let origin = match self.rng.below(8) {
                    0 => Origin { is_forced: true, ..Origin::REST },
                    1 | 2 => Origin::REST,
                    _ => Origin::default(),
                };
                Step::Operation(self.operation(now, origin.is_rest), origin)
            }
            6 => Step::Wait(self.rng.below(4) as u64),
            7 => Step::Action(self.actions.twin()),
            _ => Step::Action(self.action(now)),
        }
    }

    /// The adapter learns what an operation did to its orders, and goes on with the new names.
    pub(crate) fn hear(&mut self, operation: &proto::Operation, origin: Origin, effect: Effect, model: &Model) {
        if effect != Effect::Refused && !origin.is_rest && !transform_id(operation).is_empty() {
            self.sent.push(operation.clone());
        }
        if effect == Effect::Changed {
            self.actions.rename(|order| renamed_order(operation, order));
            self.actions.hear(|account, id| model.orders.contains_key(&(account.clone(), id.to_owned())));
        }
    }

    /// An action of the other stream, with what operations go by.
    fn action(&mut self, now: u64) -> proto::ExternalAction {
        let mut action = self.actions.next();
        if let Some(order) = &mut action.order {
            order.status = self.rng.one_of(&STATUSES).into();
            order.group = self.rng.one_of(&["", "G1", "G2"]).into();
            if order.remove_after.is_none() && self.rng.one_in(8) {
                let seconds = self.rng.below(60) as u64;
                order.remove_after = Some(TimestampWithTimeZone::from_unix_nanos(now + seconds * 1_000_000_000));
            }
        }
        action
    }

    fn operation(&mut self, now: u64, is_rest: bool) -> proto::Operation {
        match self.rng.below(30) {
            0..5 => self.definition(),
            5..8 => self.drop_of_definition(),
            8..14 => self.restatement(now, is_rest),
            14..17 => self.removal(is_rest),
            17..21 => self.due_removal(now),
            21 => self.rename_symbol(is_rest),
            22 => self.rename_currency(is_rest),
            23..26 => self.rename_account(is_rest),
            26 => self.rename_owner(is_rest),
            27 => self.undefine_owner(),
            28 => self.flawed(),
            _ => match self.sent.len() {
                0 => self.definition(),
                count => self.sent[self.rng.below(count)].clone(),
            },
        }
    }

    fn details(&mut self, kind: MetadataKind) -> Details {
        let name = || ["", "x", "y"];
        let (owner, account) = self.rng.one_of(&ACCOUNTS);
        let mut details = match kind {
            MetadataKind::Owner => Details::of_key(kind, self.rng.one_of(&OWNERS), ""),
            MetadataKind::Account => Details::of_key(kind, owner, account),
            MetadataKind::Exchange => Details::of_key(kind, self.rng.one_of(&["XASX", "XNAS"]), ""),
            MetadataKind::RequestStatus => Details::of_key(kind, self.rng.one_of(&["Pending", "Queued"]), ""),
            MetadataKind::Identity => Details::of_key(kind, "idp", self.rng.one_of(&["User:1", "User:2"])),
            MetadataKind::IdentitySource => Details::of_key(kind, self.rng.one_of(&["idp", "other"]), ""),
        };
        match &mut details {
            Details::Owner(owner) => owner.name = self.rng.one_of(&name()).into(),
            Details::Account(account) => {
                account.name = self.rng.one_of(&name()).into();
                account.default_currency = self.rng.one_of(&[None, Some("AUD".into()), Some("USD".into())]);
            }
            Details::Exchange(exchange) => {
                for status in STATUSES {
                    if !self.rng.one_in(3) {
                        let is_completed = self.rng.one_in(2);
                        let status = OrderStatusDetails { code: status.into(), is_completed, ..Default::default() };
                        exchange.order_statuses.push(status);
                    }
                }
            }
            Details::RequestStatus(status) => status.is_normal = self.rng.one_in(2),
            Details::Identity(permissions) => {
                let mut owners = OWNERS;
                self.rng.shuffle(&mut owners);
                let count = self.rng.below(4);
                permissions.owners = owners[..count].iter().map(|owner| (*owner).to_owned()).collect();
            }
            Details::IdentitySource(source) => source.name = self.rng.one_of(&name()).into(),
        }
        details
    }

    fn definition(&mut self) -> proto::Operation {
        let kind = self.rng.one_of(&MetadataKind::ALL);
        self.details(kind).define()
    }

    /// Of anything but an owner, which takes more with it.
    fn drop_of_definition(&mut self) -> proto::Operation {
        let kind = self.rng.one_of(&MetadataKind::ALL[1..]);
        self.details(kind).undefine()
    }

    fn undefine_owner(&mut self) -> proto::Operation {
        Details::of_key(MetadataKind::Owner, self.rng.one_of(&OWNERS), "").undefine()
    }

    /// Mostly one that was never given; a caller over REST lets the hub make it, now and then.
    fn id(&mut self, is_rest: bool) -> String {
        self.next_id += 1;
        if self.rng.one_in(if is_rest { 2 } else { 5 }) { String::new() } else { format!("X{}", self.next_id) }
    }

    fn matching(&mut self, kind: TransformType, is_rest: bool) -> proto::Transform {
        proto::Transform {
            transform_id: self.id(is_rest),
            transform_type: kind as i32,
            exchange: self.rng.one_of(&["", "XASX", "XNAS"]).into(),
            group: self.rng.one_of(&["", "G1", "G2"]).into(),
            code: self.rng.one_of(&["", "", "BHP", "CBA"]).into(),
            order_status: self.rng.one_of(&STATUSES[1..]).into(),
            ..Default::default()
        }
    }

    fn restatement(&mut self, now: u64, is_rest: bool) -> proto::Operation {
        let mut transform = self.matching(TransformType::Restatement, is_rest);
        let seconds = |seconds: u64| Some(TimestampWithTimeZone::from_unix_nanos(seconds * 1_000_000_000));
        transform.not_after = match self.rng.below(3) {
            0 => None,
            1 => seconds(1_795_000_000 + self.rng.below(1_000_000) as u64),
            _ => Some(TimestampWithTimeZone::from_unix_nanos(now - 200_000)),
        };
        if self.rng.one_in(2) {
            transform.parameters.insert("FromStatus".into(), self.rng.one_of(&STATUSES).into());
        }
        if self.rng.one_in(4) {
            transform.text = "start of day".into();
        }
        transform.remove_after = match self.rng.below(4) {
            0 => seconds(now / 1_000_000_000 + self.rng.below(60) as u64),
            1 if self.rng.one_in(6) => Some(TimestampWithTimeZone::default()),
            _ => None,
        };
        of_transform(transform)
    }

    fn removal(&mut self, is_rest: bool) -> proto::Operation {
        let transform = self.matching(TransformType::Remove, is_rest);
        of_transform(transform)
    }

    /// As the hub itself sends it, without an id.
    fn due_removal(&mut self, now: u64) -> proto::Operation {
        let due_by = TimestampWithTimeZone::from_unix_nanos(now - self.rng.below(2) as u64 * 1_000_000_000);
        of_transform(proto::Transform {
            transform_type: TransformType::Remove as i32,
            parameters: [("DueBy".to_owned(), due_by.to_iso().expect("of our time"))].into(),
            ..Default::default()
        })
    }

    fn rename_symbol(&mut self, is_rest: bool) -> proto::Operation {
        let new_code = self.rng.one_of(&CODES);
        of_transform(proto::Transform {
            transform_id: self.id(is_rest),
            transform_type: TransformType::RenameSymbol as i32,
            exchange: self.rng.one_of(&["XASX", "XNAS"]).into(),
            code: self.rng.one_of(&CODES).into(),
            parameters: [("NewCode".to_owned(), new_code.to_owned())].into(),
            ..Default::default()
        })
    }

    fn rename_currency(&mut self, is_rest: bool) -> proto::Operation {
        let new_code = self.rng.one_of(&CURRENCIES);
        of_transform(proto::Transform {
            transform_id: self.id(is_rest),
            transform_type: TransformType::RenameCurrency as i32,
            code: self.rng.one_of(&CURRENCIES).into(),
            parameters: [("NewCode".to_owned(), new_code.to_owned())].into(),
            ..Default::default()
        })
    }

    fn rename_account(&mut self, is_rest: bool) -> proto::Operation {
        let ((owner_id, account_id), (new_owner, new_account)) =
            (self.rng.one_of(&ACCOUNTS), self.rng.one_of(&ACCOUNTS));
        let mut transform = proto::AccountTransform {
            r#type: AccountTransformType::Rename as i32,
            transform_id: self.id(is_rest),
            account: Some(proto::Account { owner_id: owner_id.into(), account_id: account_id.into() }),
            ..Default::default()
        };
        let says = self.rng.below(3);
        if says != 0 && !new_owner.is_empty() {
            transform.parameters.insert("NewOwner".into(), new_owner.into());
        }
        if says != 1 || transform.parameters.is_empty() {
            transform.parameters.insert("NewAccount".into(), new_account.into());
        }
        proto::Operation {
            r#type: OperationType::TransformAccount as i32,
            account_transform: Some(Box::new(transform)),
            ..Default::default()
        }
    }

    fn rename_owner(&mut self, is_rest: bool) -> proto::Operation {
        let new_owner = self.rng.one_of(&OWNERS);
        let transform = proto::OwnerTransform {
            r#type: OwnerTransformType::Rename as i32,
            transform_id: self.id(is_rest),
            owner_id: self.rng.one_of(&OWNERS).into(),
            parameters: [("NewOwner".to_owned(), new_owner.to_owned())].into(),
            ..Default::default()
        };
        proto::Operation {
            r#type: OperationType::TransformOwner as i32,
            owner_transform: Some(Box::new(transform)),
            ..Default::default()
        }
    }

    /// An operation that lacks what it needs.
    fn flawed(&mut self) -> proto::Operation {
        match self.rng.below(6) {
            0 => proto::Operation { r#type: 7, ..Default::default() },
            1 => {
                let kind = self.rng.one_of(&MetadataKind::ALL);
                Details::of_key(kind, "", "").define()
            }
            2 => {
                let mut operation = self.rename_symbol(false);
                operation.transform.as_mut().expect("it is one").parameters.clear();
                operation
            }
            3 => {
                let mut operation = self.rename_currency(false);
                operation.transform.as_mut().expect("it is one").code.clear();
                operation
            }
            4 => {
                let mut operation = self.rename_account(false);
                operation.account_transform.as_mut().expect("it is one").account = None;
                operation
            }
            _ => {
                let mut operation = self.rename_owner(false);
                operation.owner_transform.as_mut().expect("it is one").owner_id.clear();
                operation
            }
        }
    }
}

fn of_transform(transform: proto::Transform) -> proto::Operation {
    proto::Operation {
        r#type: OperationType::Transform as i32,
        transform: Some(Box::new(transform)),
        ..Default::default()
    }
}

/// The id of a transform; empty for other operations.
pub(crate) fn transform_id(operation: &proto::Operation) -> &str {
    let of_orders = operation.transform.as_ref().map(|it| &it.transform_id);
    let of_account = operation.account_transform.as_ref().map(|it| &it.transform_id);
    let of_owner = operation.owner_transform.as_ref().map(|it| &it.transform_id);
    of_orders.or(of_account).or(of_owner).map_or("", String::as_str)
}

/// What an account is called after a rename.
pub(crate) fn renamed_account(operation: &proto::Operation, account: &Account) -> Account {
    let mut account = account.clone();
    if let Some(transform) = &operation.account_transform
        && super::model::account_of(transform.account.as_ref()) == account
    {
        account.0.clone_from(transform.parameters.get("NewOwner").unwrap_or(&account.0.clone()));
        account.1.clone_from(transform.parameters.get("NewAccount").unwrap_or(&account.1.clone()));
    }
    if let Some(transform) = &operation.owner_transform
        && transform.owner_id == account.0
    {
        account.0.clone_from(&transform.parameters["NewOwner"]);
    }
    account
}

/// What an instrument is called after a rename.
pub(crate) fn renamed_instrument(operation: &proto::Operation, exchange: &str, code: &str) -> String {
    match operation.transform.as_deref() {
        Some(transform)
            if transform.transform_type() == TransformType::RenameSymbol
                && (&*transform.exchange, &*transform.code) == (exchange, code) =>
        {
            transform.parameters["NewCode"].clone()
        }
        _ => code.to_owned(),
    }
}

/// What a currency is called after a rename.
pub(crate) fn renamed_currency(operation: &proto::Operation, currency: &str) -> String {
    match operation.transform.as_deref() {
        Some(transform)
            if transform.transform_type() == TransformType::RenameCurrency && transform.code == currency =>
        {
            transform.parameters["NewCode"].clone()
        }
        _ => currency.to_owned(),
    }
}

fn renamed_order(operation: &proto::Operation, order: &mut proto::OrderState) {
    let (owner_id, account_id) = renamed_account(operation, &super::model::account_of(order.account.as_ref()));
    order.account = Some(proto::Account { owner_id, account_id });
    order.code = renamed_instrument(operation, &order.exchange, &order.code);
    order.currency = renamed_currency(operation, &order.currency);
}

//! Commands of the tables that are operations.
//!
//! ```text
//! restate Expired from OnMarket before 150 text Gone remove 5000
//! remove Expired exchange XASX group g
//! remove-due 6000
//! symbol BHP BHX
//! currency AUD AUX
//! account A P:B
//! owner O P
//! undefine O
//! ```
//!
//! `state A #1`: Status, Errors, RemoveAfter. After a rename the adapter states its orders under the new names.

use super::command::{account_of, unquoted};
use super::*;
use crate::metadata::Details;
use crate::outcome::MetadataKind;
use crate::proto::{
    AccountTransformType, OperationType, OrderStatusDetails, OwnerTransformType, TimestampWithTimeZone, TransformType,
};

/// The operation of a command; none if the command is an action.
pub(super) fn operation(command: &str) -> Option<proto::Operation> {
    let words: Vec<&str> = command.split_whitespace().collect();
    Some(match words[..] {
        ["restate", status, ref rest @ ..] => on_orders(TransformType::Restatement, status, rest),
        ["remove", status, ref rest @ ..] => on_orders(TransformType::Remove, status, rest),
        ["remove-due", by, ref rest @ ..] => {
            let mut operation = on_orders(TransformType::Remove, "", rest);
            let transform = operation.transform.as_mut().expect("made above");
            transform.parameters.insert("DueBy".into(), seconds(by).to_iso().expect("in range"));
            operation
        }
        ["symbol", code, new_code, ref rest @ ..] => {
            let mut operation = on_codes(TransformType::RenameSymbol, code, new_code, rest);
            let transform = operation.transform.as_mut().expect("made above");
            transform.exchange = if transform.exchange == "none" { String::new() } else { "XASX".into() };
            operation
        }
        ["currency", code, new_code, ref rest @ ..] => on_codes(TransformType::RenameCurrency, code, new_code, rest),
        ["account", from, to, ref rest @ ..] => rename_account(from, to, rest),
        ["owner", from, to, ref rest @ ..] => rename_owner(from, to, rest),
        ["undefine", owner] => Details::of_key(MetadataKind::Owner, &unquoted(owner), "").undefine(),
        ["exchange", exchange, ref statuses @ ..] => exchange_of(exchange, statuses).define(),
        _ => return None,
    })
}

fn seconds(text: &str) -> TimestampWithTimeZone {
    TimestampWithTimeZone { seconds: text.parse().expect("seconds"), nanoseconds: 0, tz_offset: 0 }
}

fn on_orders(kind: TransformType, status: &str, options: &[&str]) -> proto::Operation {
    let mut transform =
        proto::Transform { transform_type: kind as i32, order_status: unquoted(status), ..Default::default() };
    for option in options.chunks(2) {
        let [name, value] = *option else { panic!("{option:?} needs a value") };
        match name {
            "exchange" => transform.exchange = value.into(),
            "group" => transform.group = value.into(),
            "code" => transform.code = value.into(),
            "from" => drop(transform.parameters.insert("FromStatus".into(), unquoted(value))),
            "before" => transform.not_after = Some(seconds(value)),
            "remove" => transform.remove_after = Some(seconds(value)),
            "text" => transform.text = value.into(),
            "id" => transform.transform_id = value.into(),
            other => panic!("no such option: {other}"),
        }
    }
    proto::Operation {
        r#type: OperationType::Transform as i32,
        transform: Some(Box::new(transform)),
        ..Default::default()
    }
}

fn on_codes(kind: TransformType, code: &str, new_code: &str, options: &[&str]) -> proto::Operation {
    let mut operation = on_orders(kind, "", options);
    let transform = operation.transform.as_mut().expect("made above");
    transform.code = unquoted(code);
    if new_code != "none" {
        transform.parameters.insert("NewCode".into(), unquoted(new_code));
    }
    operation
}

fn rename_account(from: &str, to: &str, options: &[&str]) -> proto::Operation {
    let to = account_of(to).expect("an account");
    let mut transform = proto::AccountTransform {
        r#type: AccountTransformType::Rename as i32,
        account: account_of(from),
        ..Default::default()
    };
    transform.parameters.insert("NewOwner".into(), to.owner_id);
    transform.parameters.insert("NewAccount".into(), to.account_id);
    if let ["id", id] = options {
        transform.transform_id = (*id).into();
    }
    proto::Operation {
        r#type: OperationType::TransformAccount as i32,
        account_transform: Some(Box::new(transform)),
        ..Default::default()
    }
}

fn rename_owner(from: &str, to: &str, options: &[&str]) -> proto::Operation {
    let mut transform = proto::OwnerTransform {
        r#type: OwnerTransformType::Rename as i32,
        owner_id: unquoted(from),
        ..Default::default()
    };
    transform.parameters.insert("NewOwner".into(), unquoted(to));
    if let ["id", id] = options {
        transform.transform_id = (*id).into();
    }
    proto::Operation {
        r#type: OperationType::TransformOwner as i32,
        owner_transform: Some(Box::new(transform)),
        ..Default::default()
    }
}

/// An exchange with statuses: `Filled=done`, `OnMarket=open`.
fn exchange_of(exchange: &str, statuses: &[&str]) -> Details {
    let status = |text: &&str| {
        let (code, kind) = text.split_once('=').expect("code=kind");
        OrderStatusDetails { code: code.into(), is_completed: kind == "done", ..Default::default() }
    };
    Details::Exchange(Box::new(proto::ExchangeDetails {
        exchange: exchange.into(),
        order_statuses: statuses.iter().map(status).collect(),
        ..Default::default()
    }))
}

pub(super) fn request(operation: proto::Operation) -> proto::FeedRequest {
    let r#type = FeedRequestType::Operation as i32;
    proto::FeedRequest { r#type, operation: Some(Box::new(operation)), ..Default::default() }
}

impl Table {
    pub(super) fn operate(&mut self, operation: proto::Operation) {
        self.apply_bytes(&request(operation.clone()).encode_to_vec());
        if self.outcome.operation.is_some() {
            self.follow(&operation);
        }
    }

    /// Runs one more line of commands alone.
    pub(super) fn run(&mut self, command: &str) {
        match operation(command) {
            Some(operation) => self.operate(operation),
            None => {
                let action = self.action(command);
                self.apply(&action);
            }
        }
    }

    /// The adapter learns the new names of the orders it knows.
    fn follow(&mut self, operation: &proto::Operation) {
        for order in self.stated.values_mut() {
            let account = order.account.as_mut().expect("stated with one");
            if let Some(transform) = &operation.transform
                && let Some(new_code) = transform.parameters.get("NewCode")
            {
                let is_symbol = transform.transform_type == TransformType::RenameSymbol as i32;
                let code = if is_symbol { &mut order.code } else { &mut order.currency };
                if *code == transform.code {
                    code.clone_from(new_code);
                }
            }
            if let Some(transform) = &operation.account_transform
                && transform.account.as_ref() == Some(account)
            {
                account.owner_id.clone_from(&transform.parameters["NewOwner"]);
                account.account_id.clone_from(&transform.parameters["NewAccount"]);
            }
            if let Some(transform) = &operation.owner_transform
                && transform.owner_id == account.owner_id
            {
                account.owner_id.clone_from(&transform.parameters["NewOwner"]);
            }
        }
    }

    /// Status, errors and time of removal.
    pub(super) fn order_state(&self, account: &str, id: &str) -> String {
        let number = self.account(account);
        let Some(record) = self.views.order(number, id) else { return " gone".into() };
        let order = proto::OrderState::decode(&record.bytes[..]).unwrap();
        let status = if order.status.is_empty() { "none".into() } else { order.status };
        let at = order.remove_after.map(|at| format!("@{}", at.seconds));
        join([status].into_iter().chain(order.errors).chain(at))
    }

    pub(super) fn definitions(&self, kind: MetadataKind) -> String {
        let key = |record: &crate::metadata::MetadataRecord| {
            let (first, second) = record.details.key();
            format!("{first}:{second}")
        };
        let keys: Vec<String> = self.engine.metadata().all(kind).map(key).collect();
        let seen: Vec<String> = self.views.metadata().all(kind).map(key).collect();
        assert_eq!(keys, seen, "the view folds what the events tell");
        keys.join(" ")
    }

    pub(super) fn define(&mut self, details: Details) {
        self.apply_bytes(&request(details.define()).encode_to_vec());
        assert!(self.outcome.is_accepted());
    }

    pub(super) fn define_account(&mut self, account: &str, name: &str) {
        let account = account_of(account);
        self.define(Details::Account(Box::new(proto::AccountDetails {
            account,
            name: name.into(),
            ..Default::default()
        })));
    }

    pub(super) fn define_owner(&mut self, owner: &str, name: &str) {
        let (owner_id, name) = (owner.into(), name.into());
        self.define(Details::Owner(Box::new(proto::OwnerDetails { owner_id, name, ..Default::default() })));
    }

    /// The operation as the Updates view shows it.
    pub(super) fn told(&self) -> proto::Operation {
        let mut w = ReverseWriter::default();
        crate::encode::operation_event(&mut w, &self.outcome);
        let mut message = proto::EventMessage::decode(w.bytes()).expect("prost reads what the writer writes");
        *message.updates.remove(0).operation.expect("an operation")
    }
}

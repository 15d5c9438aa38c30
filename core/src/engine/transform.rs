//! Transforms: one operation that changes many records, and an owner undefined with all that is attached.
//!
//! Cold, on the engine's thread. A transform looks at every order, position and trade once: it costs what the state is
//! large, and the pipeline waits for it. All of it is worked out and every sum checked before anything is written; a
//! refused transform changes nothing.
//!
//! Events come in the order of the records' numbers. A record that goes to another key is shown once under the old one,
//! for the last time, and once under the new one.

mod matching;
mod metadata;
mod positions;
mod rename;
mod requests;
mod restate;
mod stored_order;
mod undefine;

use rename::Rename;

use super::ids::refuse_long_texts;
use super::{Engine, Input};
use crate::outcome::Outcome;
use crate::proto::{
    AccountTransform, AccountTransformType, Operation, OperationType, OwnerTransform, OwnerTransformType, Transform,
    TransformType,
};
use crate::record::DUE_BY;
use crate::refusal::Code;
use crate::wire::{ReverseWriter, Span, field, replace_fields};

/// What the events of one transform may take: places in an outcome are 32 bits. Some ten million orders; more are
/// transformed in parts.
const EVENT_BYTES_MAX: usize = 3 << 30;
const FROM_STATUS: &str = "FromStatus";
const NEW_ACCOUNT: &str = "NewAccount";
const NEW_CODE: &str = "NewCode";
const NEW_OWNER: &str = "NewOwner";

impl Engine {
    /// Applies a Transform, TransformAccount, TransformOwner or UndefineOwner; whether it changed anything.
    #[cold]
    pub(super) fn transform(
        &mut self,
        input: &Input<'_>,
        operation: &Operation,
        out: &mut Outcome,
    ) -> Result<bool, Code> {
        if operation.r#type == OperationType::UndefineOwner as i32 {
            return self.undefine_owner(input, operation, out);
        }
        let (message, field, id, id_field) = stated(operation)?;
        if !id.is_empty() && self.state.is_transform_applied(id, input.stamp.time_ns) {
            out.is_repeated = true;
            return Ok(false);
        }
        let changed = match message {
            Message::Orders(transform) => self.transform_orders(input, transform, out)?,
            Message::Account(transform) => self.transform_account(input, transform, out)?,
            Message::Owner(transform) => self.transform_owner(input, transform, out)?,
        };
        if !changed {
            return Ok(false);
        }
        let id = if id.is_empty() { made_id(input.stamp.sequence) } else { id.to_owned() };
        // The hub's own removals come every second and are never sent twice.
        let is_due_removal = matches!(message, Message::Orders(transform) if transform.parameters.contains_key(DUE_BY));
        if !is_due_removal {
            self.state.note_transform(&id, input.stamp.time_ns);
        }
        out.operation = Some(keep_completed(input, field, id_field, &id, out));
        Ok(true)
    }

    /// Refuses what would make more events than an outcome holds: `orders` are shown `times` times each.
    fn require_room(&self, orders: &[u32], times: usize) -> Result<(), Code> {
        let row = |number: &u32| self.state.orders.get(*number);
        let bytes: usize = orders.iter().map(|number| self.state.bytes.get(row(number).state).len()).sum();
        if bytes * times > EVENT_BYTES_MAX { Err(Code::Operation) } else { Ok(()) }
    }

    fn transform_orders(&mut self, input: &Input<'_>, transform: &Transform, out: &mut Outcome) -> Result<bool, Code> {
        let r#type = TransformType::try_from(transform.transform_type).map_err(|_| Code::OperationUnknown)?;
        match r#type {
            TransformType::Restatement => self.restate(input, transform, out),
            TransformType::Remove => self.remove_matching(transform, out),
            TransformType::RenameSymbol => {
                let new_code = parameter(&transform.parameters, NEW_CODE);
                require(&[(&transform.exchange, Code::Exchange)], out);
                require(&[(&transform.code, Code::Symbol), (new_code, Code::Symbol)], out);
                refuse_long_texts(input.stamp.rules, &[(new_code, Code::Symbol)], out);
                out.checked()?;
                let Some(rename) = Rename::of_symbol(&self.state, &transform.exchange, &transform.code, new_code)
                else {
                    return Ok(false);
                };
                self.rename(input, rename, out)
            }
            TransformType::RenameCurrency => {
                let new_code = parameter(&transform.parameters, NEW_CODE);
                require(&[(&transform.code, Code::Currency), (new_code, Code::Currency)], out);
                refuse_long_texts(input.stamp.rules, &[(new_code, Code::Currency)], out);
                out.checked()?;
                let Some(rename) = Rename::of_currency(&self.state, &transform.code, new_code) else {
                    return Ok(false);
                };
                self.rename(input, rename, out)
            }
        }
    }

    fn transform_account(
        &mut self,
        input: &Input<'_>,
        transform: &AccountTransform,
        out: &mut Outcome,
    ) -> Result<bool, Code> {
        if transform.r#type != AccountTransformType::Rename as i32 {
            return Err(Code::OperationUnknown);
        }
        let account = transform.account.clone().unwrap_or_default();
        let (owner, account) = (&*account.owner_id, &*account.account_id);
        // Not said: as it is. Said and empty: an account without an owner.
        let given = |name, present| transform.parameters.get(name).map_or(present, String::as_str);
        let (new_owner, new_account) = (given(NEW_OWNER, owner), given(NEW_ACCOUNT, account));
        require(&[(account, Code::Account), (new_account, Code::Account)], out);
        refuse_long_texts(input.stamp.rules, &[(new_owner, Code::Owner), (new_account, Code::Account)], out);
        out.checked()?;
        if (owner, account) == (new_owner, new_account) {
            return Ok(false);
        }
        self.rename(input, Rename::of_account(&self.state, [owner, account], [new_owner, new_account]), out)
    }

    fn transform_owner(
        &mut self,
        input: &Input<'_>,
        transform: &OwnerTransform,
        out: &mut Outcome,
    ) -> Result<bool, Code> {
        if transform.r#type != OwnerTransformType::Rename as i32 {
            return Err(Code::OperationUnknown);
        }
        let new_owner = parameter(&transform.parameters, NEW_OWNER);
        require(&[(&transform.owner_id, Code::Owner), (new_owner, Code::Owner)], out);
        refuse_long_texts(input.stamp.rules, &[(new_owner, Code::Owner)], out);
        out.checked()?;
        if transform.owner_id == new_owner {
            return Ok(false);
        }
        self.rename(input, Rename::of_owner(&self.state, &transform.owner_id, new_owner), out)
    }
}

/// The message of a transform, by what it is about.
enum Message<'a> {
    Orders(&'a Transform),
    Account(&'a AccountTransform),
    Owner(&'a OwnerTransform),
}

/// The message, its field in the operation, its id, and the field of that.
fn stated(operation: &Operation) -> Result<(Message<'_>, u32, &str, u32), Code> {
    use field::{account_transform, operation as f, owner_transform, transform};
    Ok(match OperationType::try_from(operation.r#type) {
        Ok(OperationType::Transform) => {
            let message = operation.transform.as_ref().ok_or(Code::Details)?;
            (Message::Orders(message), f::TRANSFORM, &message.transform_id, transform::TRANSFORM_ID)
        }
        Ok(OperationType::TransformAccount) => {
            let message = operation.account_transform.as_ref().ok_or(Code::Details)?;
            (Message::Account(message), f::ACCOUNT_TRANSFORM, &message.transform_id, account_transform::TRANSFORM_ID)
        }
        Ok(OperationType::TransformOwner) => {
            let message = operation.owner_transform.as_ref().ok_or(Code::Details)?;
            (Message::Owner(message), f::OWNER_TRANSFORM, &message.transform_id, owner_transform::TRANSFORM_ID)
        }
        _ => return Err(Code::OperationUnknown),
    })
}

/// The operation as received, with its id where it came without one.
fn keep_completed(input: &Input<'_>, message_field: u32, id_field: u32, id: &str, out: &mut Outcome) -> Span {
    let operation = input.request.operation.of(input.bytes);
    let mut w = ReverseWriter::default();
    w.text(id_field, id.as_bytes());
    let mut message = Vec::new();
    for occurrence in crate::wire::TopFields::of(operation).filter(|field| field.number == message_field) {
        message.extend_from_slice(occurrence.content);
    }
    let mut completed = Vec::new();
    replace_fields(&message, &[id_field], &w, &mut completed);
    w.clear();
    w.delimited(message_field, &completed);
    let mut whole = Vec::new();
    replace_fields(operation, &[message_field], &w, &mut whole);
    out.keep(&whole)
}

/// The id of a transform that came without one: 22 characters from its sequence, the same at every replay.
fn made_id(sequence: u64) -> String {
    format!("TR{sequence:020}")
}

fn parameter<'a>(parameters: &'a std::collections::BTreeMap<String, String>, name: &str) -> &'a str {
    parameters.get(name).map_or("", String::as_str)
}

/// Notes every text that is missing, each problem once.
fn require(texts: &[(&str, Code)], out: &mut Outcome) {
    for (_, problem) in texts.iter().filter(|(text, _)| text.is_empty()) {
        out.refuse(*problem);
    }
}

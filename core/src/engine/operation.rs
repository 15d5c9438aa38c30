//! Operations: definitions and transforms. Cold; read by prost.

use prost::Message;

use super::ids::refuse_long_texts;
use super::{Engine, Input};
use crate::metadata::Details;
use crate::outcome::{MetadataKind, Outcome};
use crate::proto::{Operation, OperationType};
use crate::refusal::Code;

impl Engine {
    /// Applies an operation; whether it changed anything.
    #[cold]
    pub(super) fn operate(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<bool, Code> {
        let span = input.request.operation;
        if !span.is_given() {
            return Err(Code::Details);
        }
        let operation = Operation::decode(span.of(input.bytes)).map_err(|_| Code::Data)?;
        let r#type = OperationType::try_from(operation.r#type).map_err(|_| Code::OperationUnknown)?;
        match r#type {
            OperationType::Unknown => Err(Code::OperationUnknown),
            // An owner goes with all that is attached: more than a definition.
            OperationType::Transform
            | OperationType::TransformAccount
            | OperationType::TransformOwner
            | OperationType::UndefineOwner => self.transform(input, &operation, out),
            _ => self.define_or_undefine(input, r#type, &operation, out),
        }
    }

    fn define_or_undefine(
        &mut self,
        input: &Input<'_>,
        r#type: OperationType,
        operation: &Operation,
        out: &mut Outcome,
    ) -> Result<bool, Code> {
        let mut kinds = MetadataKind::ALL.into_iter();
        let kind = kinds.find(|kind| kind.define() == r#type || kind.undefine() == r#type);
        let kind = kind.ok_or(Code::OperationUnknown)?;
        let details = Details::of_operation(kind, operation).ok_or(Code::Details)?;
        details.problems().for_each(|problem| out.refuse(problem));
        // What older rules let in can still be dropped.
        if kind.define() == r#type {
            refuse_long_texts(input.stamp.rules, &details.ids(), out);
        }
        out.checked()?;
        Ok(if kind.define() == r#type { self.define(details, out) } else { self.undefine(details, out) })
    }
}

//! Operations: definitions and transforms. Cold; read by prost.

use prost::Message;

use super::{Engine, Input};
use crate::metadata::Details;
use crate::outcome::{MetadataKind, Outcome, Reject};
use crate::proto::{Operation, OperationType};

impl Engine {
    /// Applies an operation; whether it changed anything.
    #[cold]
    pub(super) fn operate(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<bool, Reject> {
        let span = input.request.operation;
        if !span.is_given() {
            return Err(Reject::Details);
        }
        let operation = Operation::decode(span.of(input.bytes)).map_err(|_| Reject::Data)?;
        let r#type = OperationType::try_from(operation.r#type).map_err(|_| Reject::OperationUnknown)?;
        match r#type {
            OperationType::Unknown => Err(Reject::OperationUnknown),
            // An owner goes with all that is attached: more than a definition.
            OperationType::Transform
            | OperationType::TransformAccount
            | OperationType::TransformOwner
            | OperationType::UndefineOwner => self.transform(input, &operation, out),
            _ => self.define_or_undefine(r#type, &operation, out),
        }
    }

    fn define_or_undefine(
        &mut self,
        r#type: OperationType,
        operation: &Operation,
        out: &mut Outcome,
    ) -> Result<bool, Reject> {
        let mut kinds = MetadataKind::ALL.into_iter();
        let kind = kinds.find(|kind| kind.define() == r#type || kind.undefine() == r#type);
        let kind = kind.ok_or(Reject::OperationUnknown)?;
        let details = Details::of_operation(kind, operation).ok_or(Reject::Details)?;
        out.rejects.extend(details.problems());
        if let Some(problem) = out.rejects.first() {
            return Err(*problem);
        }
        Ok(if kind.define() == r#type { self.define(details, out) } else { self.undefine(details, out) })
    }
}

//! Transforms: one operation that changes many records, and an owner undefined with all that is attached.

use super::{Engine, Input};
use crate::outcome::{Outcome, Reject};
use crate::proto::Operation;

impl Engine {
    /// Applies a Transform, TransformAccount, TransformOwner or UndefineOwner; whether it changed anything. What it
    /// leaves in the draft is written behind it.
    #[cold]
    pub(super) fn transform(
        &mut self,
        _input: &Input<'_>,
        _operation: &Operation,
        _out: &mut Outcome,
    ) -> Result<bool, Reject> {
        Err(Reject::OperationUnknown)
    }
}

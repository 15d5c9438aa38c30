//! `BatchDraft`: several updates on their way into one frame of the journal, each encoded as it is read.
//!
//! The messages of a batch are never all in memory: a member is its bytes, once in the frame and once for the receiver.

use ordo_core::proto::{BigNumber, FeedRequest};
use ordo_core::record::BatchMember;
use prost::encoding;

use super::Shared;
use super::error::Refusal;
use crate::wiring::ingress::Body;

/// Fields of the recorded Batch.
const MEMBERS: u32 = 1;
const SETTLEMENT_ID: u32 = 2;

/// See the module.
pub(super) struct BatchDraft<'a> {
    shared: &'a Shared,
    frame: Vec<u8>,
    members: Vec<Vec<u8>>,
}

impl<'a> BatchDraft<'a> {
    pub(super) fn new(shared: &'a Shared) -> BatchDraft<'a> {
        BatchDraft { shared, frame: Vec::new(), members: Vec::new() }
    }

    /// One more member, and the booked balance that it expects.
    ///
    /// # Errors
    /// What the receiver would not take, and more than one frame takes.
    pub(super) fn push(&mut self, update: FeedRequest, expected_balance: Option<BigNumber>) -> Result<(), Refusal> {
        self.members.push(self.shared.body_of(&update)?);
        let member = BatchMember { update: Some(Box::new(update)), expected_balance };
        encoding::message::encode(MEMBERS, &member, &mut self.frame);
        self.check_size()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The batch, and the bytes that it takes. `settlement_id` is empty where it is no settlement.
    ///
    /// # Errors
    /// More than one frame takes.
    pub(super) fn finish(mut self, settlement_id: &str) -> Result<(Body, usize), Refusal> {
        if !settlement_id.is_empty() {
            encoding::string::encode(SETTLEMENT_ID, &settlement_id.to_owned(), &mut self.frame);
        }
        self.check_size()?;
        let bytes =
            self.frame.capacity() + self.members.iter().map(|member| member.capacity() + MEMBER_BYTES).sum::<usize>();
        Ok((Body::Batch { frame: self.frame, members: self.members }, bytes))
    }

    fn check_size(&self) -> Result<(), Refusal> {
        if self.frame.len() > self.shared.update_bytes_max { Err(Refusal::TooLarge) } else { Ok(()) }
    }
}

/// What a member takes beside its bytes, here and in the receiver's queue.
const MEMBER_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use ordo_core::record::Batch;
    use prost::Message;

    use super::*;

    #[test]
    fn members_one_by_one_are_the_bytes_of_the_batch_as_a_whole() {
        let update = |kind| FeedRequest { r#type: kind, ..FeedRequest::default() };
        let member = |kind| BatchMember { update: Some(Box::new(update(kind))), expected_balance: None };
        let batch = Batch { members: vec![member(300), member(0)], settlement_id: "S".into() };
        let mut frame = Vec::new();
        for member in &batch.members {
            encoding::message::encode(MEMBERS, member, &mut frame);
        }
        encoding::string::encode(SETTLEMENT_ID, &batch.settlement_id, &mut frame);
        assert_eq!(frame, batch.encode_to_vec());
    }
}

//! Batches: transfers of which all are booked or none.
//!
//! A batch is checked as a whole before its first member: every member is drafted on top of those before it, and
//! nothing is written. Then its members come one by one, as updates of their own with the sequence of the batch; those
//! of a batch that was refused, or is there already, do nothing. Cold.

use prost::Message;

use super::applied::{AppliedEntry, AppliedKind, applied_key};
use super::state::position_key;
use super::{Engine, Input};
use crate::dec::Dec;
use crate::names::{NameKind, name_hash};
use crate::outcome::{Outcome, Stamp};
use crate::proto::{ExternalActionType, FeedRequestType};
use crate::record::{Batch, BatchMember};
use crate::refusal::Code;
use crate::wire::FeedRequest;

/// A batch of which members are still to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenBatch {
    members: usize,
    /// How many have come.
    taken: usize,
    /// Whether they are to be applied.
    applies: bool,
}

impl Engine {
    /// Checks a batch, and says in `out` what is wrong with any of it: codes with the zero-based place of the member
    /// behind. The outcome takes no position either way; names may be new in it all the same. The
    /// members then go through [`Engine::apply`] with the batch's
    /// sequence, the first at its time or later, whether it was accepted or not.
    ///
    /// # Panics
    /// As [`Engine::apply`].
    pub(crate) fn open_batch(&mut self, stamp: Stamp, batch: &Batch, out: &mut Outcome) {
        self.begin(stamp, out);
        out.stamp.position = 0;
        let settlement = settlement_id(batch, stamp.time_ns);
        let is_done = settlement.is_some_and(|entry| self.state.applied(entry.key, stamp.time_ns).is_some());
        if !is_done {
            self.check_members(stamp, batch, out);
        }
        let applies = !is_done && out.is_accepted();
        if let Some(entry) = settlement.filter(|_| applies) {
            self.state.note_applied(entry);
        }
        self.oddities.refused += u64::from(!out.is_accepted());
        self.batch = Some(OpenBatch { members: batch.members.len(), taken: 0, applies });
        // The time of the batch is that of its first member.
        self.sequence = stamp.sequence;
    }

    /// Drafts each member on top of those before it. Nothing of that is left behind but names.
    fn check_members(&mut self, stamp: Stamp, batch: &Batch, out: &mut Outcome) {
        let mut refusals = Vec::new();
        for (index, member) in (0..).zip(&batch.members) {
            let bytes = member.update.as_ref().map(|update| update.encode_to_vec());
            let checked = match bytes.as_deref().map(FeedRequest::decode) {
                None => Err(Code::Details),
                Some(Err(_)) => Err(Code::Data),
                Some(Ok(request)) => {
                    let input = Input { stamp, bytes: bytes.as_deref().unwrap_or_default(), request: &request };
                    let balance = self.unexpected_balance(&input, member);
                    refusals.extend(balance.map(|actual| Code::ExpectedBalance.with(actual).at(index)));
                    self.check_member(&input, out)
                }
            };
            checked.err().into_iter().for_each(|problem| out.refuse(problem));
            refusals.extend(out.refusals.drain(..).map(|refusal| match refusal.code {
                Code::Value if !batch.settlement_id.is_empty() => Code::Settle.at(index),
                _ => refusal.at(index),
            }));
        }
        out.refusals = refusals;
        self.draft.clear();
        self.batch_ids.clear();
    }

    fn check_member(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<(), Code> {
        const TRANSFERS: [i32; 2] = [ExternalActionType::CashTransfer as i32, ExternalActionType::AssetTransfer as i32];
        let is_action = input.request.r#type == FeedRequestType::Action as i32;
        if !is_action || !TRANSFERS.contains(&input.request.action.r#type) {
            return Err(Code::Operation);
        }
        let drafted = self.draft_transfer(input, out)?;
        self.batch_ids.extend(drafted.and_then(|drafted| drafted.id));
        Ok(())
    }

    /// The booked balance just before a member, where it is not what the member expects.
    fn unexpected_balance(&self, input: &Input<'_>, member: &BatchMember) -> Option<Dec> {
        let expected = member.expected_balance?.dec();
        let action = &input.request.action;
        let (account, currency) = (&action.transaction.account, action.cash_transfer.currency.of(input.bytes));
        let (owner, id) = (account.owner_id.of(input.bytes), account.account_id.of(input.bytes));
        let actual = self.booked_balance(owner, id, currency).normalised();
        (actual != expected).then_some(actual)
    }

    /// As drafted so far.
    fn booked_balance(&self, owner: &[u8], account: &[u8], currency: &[u8]) -> Dec {
        let names = &self.state.name_numbers;
        let account = names.get(name_hash(NameKind::Account, owner, account));
        let currency = names.get(name_hash(NameKind::Currency, currency, b""));
        let number = account.zip(currency).and_then(|(a, c)| self.state.cash_numbers.get(position_key(a, c)));
        let Some(number) = number else { return Dec::ZERO };
        let drafted = self.draft.cash.iter().find(|draft| draft.number == number);
        drafted.map_or(self.state.cash.get(number).figures, |draft| draft.figures).balance
    }

    /// Admits the next update while a batch is open; whether it is to be applied.
    #[cold]
    pub(super) fn goes_on(&mut self, stamp: Stamp, out: &mut Outcome) -> bool {
        if stamp.sequence != self.sequence {
            self.batch = None;
            return true;
        }
        let batch = self.batch.as_mut().expect("asked only while one is open");
        batch.taken += 1;
        assert!(batch.taken <= batch.members, "invariant: a batch has the members it was checked with");
        let applies = batch.applies;
        // One sequence for all of it: each member comes after what stood before the batch.
        self.sequence -= 1;
        if !applies {
            self.begin(stamp, out);
            self.end_without_position(stamp, out);
        }
        applies
    }

    /// The place in its batch of the update that is being applied.
    pub(super) fn member_index(&self) -> Option<usize> {
        self.batch.map(|batch| batch.taken - 1)
    }
}

/// What names a settlement: its id, with a hash of its members.
fn settlement_id(batch: &Batch, time_ns: u64) -> Option<AppliedEntry> {
    if batch.settlement_id.is_empty() {
        return None;
    }
    let members = Batch { settlement_id: String::new(), ..batch.clone() }.encode_to_vec();
    let key = applied_key(AppliedKind::Settlement, &members, batch.settlement_id.as_bytes());
    Some(AppliedEntry { key, content: 0, time_ns })
}

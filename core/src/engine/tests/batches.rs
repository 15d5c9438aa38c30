//! Batches: all members are booked or none, and all problems are told at once.

use super::*;
use crate::record::{Batch, BatchMember};

/// Members as commands of the tables; a TransactionID before one with `=`, an expected balance behind with `?`.
fn batch(table: &mut Table, settlement_id: &str, members: &[&str]) -> Batch {
    let members = members.iter().map(|member| {
        let (member, expected) = member.split_once('?').unwrap_or((member, ""));
        let (id, command) = member.split_once('=').unwrap_or(("", member));
        let mut action = table.action(command);
        action.transaction.iter_mut().for_each(|transaction| transaction.transaction_id = id.into());
        let r#type = FeedRequestType::Action as i32;
        let update = proto::FeedRequest { r#type, action: Some(action), ..Default::default() };
        let expected_balance = (!expected.is_empty()).then(|| figure(expected));
        BatchMember { update: Some(Box::new(update)), expected_balance }
    });
    Batch { members: members.collect(), settlement_id: settlement_id.into() }
}

impl Table {
    fn open(&mut self, batch: &Batch) -> Stamp {
        let stamp = Stamp { origin: Origin::REST, ..self.next_stamp() };
        self.engine.open_batch(stamp, batch, &mut self.outcome);
        assert!(self.outcome.takes_no_position());
        self.views.fold(&self.outcome);
        stamp
    }

    /// Opens a batch and applies its members; the codes, and the position of each member.
    fn batch(&mut self, batch: &Batch) -> (Vec<String>, Vec<i64>) {
        let stamp = self.open(batch);
        let codes = self.outcome.codes().map(std::borrow::Cow::into_owned).collect();
        assert_eq!(self.engine.sequence(), stamp.sequence);
        let positions = (0..).zip(&batch.members).map(|(at, member)| {
            let bytes = member.update.as_ref().map(|update| update.encode_to_vec()).unwrap_or_default();
            self.apply_at(Stamp { time_ns: stamp.time_ns + at, ..stamp }, &bytes);
            self.outcome.stamp.position
        });
        let positions = positions.collect();
        assert_eq!(self.engine.sequence(), stamp.sequence);
        self.assert_image_is_whole();
        (codes, positions)
    }

    fn batch_of(&mut self, settlement_id: &str, members: &[&str]) -> (Vec<String>, Vec<i64>) {
        let batch = batch(self, settlement_id, members);
        self.batch(&batch)
    }
}

/// Worked example E23.
#[test]
fn a_settlement_that_expects_another_balance_is_refused() {
    let mut table = check("cash A 10000\ncash A -1005.95 unbooked");
    let (codes, positions) = table.batch_of("X", &["cash A -1005.95 settle?9999"]);
    assert_eq!((codes, positions), (vec!["ExpectedBalance 0 10000".into()], vec![0]));
    assert_eq!(table.cash("A"), "10000 -1005.95 0 0");
    let (codes, positions) = table.batch_of("X", &["cash A -1005.95 settle?10000.00"]);
    assert_eq!((codes, positions), (vec![], vec![3]));
    assert_eq!(table.cash("A"), "8994.05 0 0 0");
    let action = table.action("cash A 1");
    table.apply(&action);
    assert_eq!(table.outcome.stamp.position, 4, "updates go on after it");
}

#[test]
fn every_balance_is_that_just_before_its_member() {
    let mut table = check("cash A 100\ncash B 7");
    let members = ["cash A -30 settle?100", "cash B 1 settle?7", "cash A 5 settle?70", "cash C 1 settle?0"];
    assert_eq!(table.batch_of("X", &members), (vec![], vec![3, 4, 5, 6]));
    assert_eq!((table.cash("A"), table.cash("B")), ("75 25 0 0".into(), "8 -1 0 0".into()));
    let members = ["cash A 1 settle?75", "cash A 1 settle?75", "cash A 1 settle?78", "cash Z 1 settle?2"];
    let codes: Vec<String> =
        ["ExpectedBalance 1 76", "ExpectedBalance 2 77", "ExpectedBalance 3 0"].map(Into::into).into();
    assert_eq!(table.batch_of("Y", &members), (codes, vec![0; 4]));
    assert_eq!(table.cash("A"), "75 25 0 0");
}

#[test]
fn all_members_are_booked_or_none() {
    let mut table = check("cash A 100");
    let hash = table.engine.state.hash;
    let (codes, positions) =
        table.batch_of("", &["cash A 1", "stock B 2", "cash \"\" 3 currency \"\"", "cash A 4", "stock A 5 code \"\""]);
    assert_eq!(codes, ["Account 2", "Currency 2", "Symbol 4"]);
    assert_eq!(positions, [0; 5]);
    assert_eq!((table.cash("A"), table.held("B"), table.engine.state.hash), ("100 0 0 0".into(), "none".into(), hash));
    assert_eq!(table.engine.oddities().refused, 1);
    assert_eq!(table.batch_of("", &["cash A 1", "stock B 2", "cash A 4"]), (vec![], vec![2, 3, 4]));
    assert_eq!((table.cash("A"), table.held("B")), ("105 0 0 0".into(), "2 0 none".into()));
}

#[test]
fn a_sum_that_cannot_be_held_refuses_the_batch() {
    let mut table = Table::new();
    let most = "cash A 170141183460469231731687303715884105726";
    let (codes, _) = table.batch_of("", &[most, "cash A 1", "cash A 1", "cash B 1"]);
    assert_eq!(codes, ["NumberOutOfRange 2"]);
    assert_eq!(table.cash("A"), "none");
    assert_eq!(table.batch_of("", &[most, "cash A 1", "cash B 1"]).1, [1, 2, 3]);
}

#[test]
fn members_that_move_nothing_take_no_position() {
    let mut table = Table::new();
    assert_eq!(table.batch_of("", &["cash A 1", "cash A 0", "stock A 0", "cash A 1"]), (vec![], vec![1, 0, 0, 2]));
    assert_eq!(table.batch_of("", &["cash A 0"]), (vec![], vec![0]));
    assert_eq!(table.batch_of("", &[]), (vec![], vec![]));
    assert_eq!(table.cash("A"), "2 0 0 0");
}

#[test]
fn a_transaction_is_booked_once_within_a_batch_and_across() {
    let mut table = Table::new();
    let (codes, positions) = table.batch_of("", &["T1=cash A 1", "T1=cash A 1", "T1=cash B 1", "cash A 1"]);
    assert_eq!((codes, positions), (vec![], vec![1, 0, 2, 3]));
    let (codes, _) = table.batch_of("", &["T1=cash A 1", "T1=cash A 2", "T2=cash A 2", "T2=cash A 3"]);
    assert_eq!(codes, ["TransactionID.Duplicate 1", "TransactionID.Duplicate 3"]);
    assert_eq!(table.batch_of("", &["T2=cash A 3"]), (vec![], vec![4]), "a refused id is free");
    assert_eq!(table.cash("A"), "5 0 0 0");
}

#[test]
fn the_same_settlement_is_applied_once() {
    let mut table = check("cash A 100 unbooked");
    let members = ["cash A 60 settle?0", "cash A 40 settle?60"];
    assert_eq!(table.batch_of("X", &members), (vec![], vec![2, 3]));
    let hash = table.engine.state_hash();
    // Although its balances are no longer those expected.
    assert_eq!(table.batch_of("X", &members), (vec![], vec![0, 0]));
    assert_eq!((table.cash("A"), table.engine.state_hash()), ("100 0 0 0".into(), hash));
    table.engine = Engine::from_image(&table.engine.image()).expect("just made");
    assert_eq!(table.batch_of("X", &members), (vec![], vec![0, 0]), "an image remembers");
    // Other content under the id, and the same under another, are batches of their own.
    assert_eq!(table.batch_of("X", &["cash A 1 settle"]).1, [4]);
    assert_eq!(table.batch_of("Y", &["cash A 1 settle"]).1, [5]);
    assert_eq!(table.batch_of("", &["cash A 1 settle"]).1, [6]);
    assert_eq!(table.batch_of("", &["cash A 1 settle"]).1, [7], "without an id nothing is compared");
}

#[test]
fn a_batch_is_of_transfers_that_are_whole() {
    let mut table = check("buy A #1 100@10");
    let mut broken = batch(&mut table, "X", &["cash A 1", "cash A 1", "amend #1 50@10", "cash A 1"]);
    broken.members[0].update = None;
    let without_value = broken.members[3].update.as_mut().unwrap().action.as_mut().unwrap();
    without_value.cash_transfer.as_mut().unwrap().value = None;
    assert_eq!(table.batch(&broken).0, ["Details 0", "Operation 2", "Settle 3"]);
    broken.settlement_id.clear();
    assert_eq!(table.batch(&broken).0, ["Details 0", "Operation 2", "Value 3"]);
}

#[test]
fn each_member_has_a_transaction_id_of_its_own() {
    let mut table = Table::new();
    let made = batch(&mut table, "", &["cash A 1", "cash A 2"]);
    let stamp = table.open(&made);
    let ids = [0, 1].map(|at| {
        let bytes = made.members[at].update.as_ref().unwrap().encode_to_vec();
        table.apply_at(Stamp { time_ns: stamp.time_ns + at as u64, ..stamp }, &bytes);
        let id = table.outcome.transaction.expect("booked").id;
        String::from_utf8(table.outcome.bytes_of(id).to_vec()).unwrap()
    });
    assert_eq!(ids, ["TX00000000000000000001-0", "TX00000000000000000001-1"]);
}

#[test]
#[should_panic(expected = "a batch has the members it was checked with")]
fn a_member_too_many_breaks_the_record() {
    let mut table = Table::new();
    let made = batch(&mut table, "", &["cash A 1"]);
    let stamp = table.open(&made);
    let bytes = made.members[0].update.as_ref().unwrap().encode_to_vec();
    (0..2).for_each(|at| table.apply_at(Stamp { time_ns: stamp.time_ns + at, ..stamp }, &bytes));
}

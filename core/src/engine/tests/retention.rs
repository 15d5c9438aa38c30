//! Time: when orders are removed, how long trades outlive them, and what a Tick forgets.

use super::*;
use crate::proto::TimestampWithTimeZone;
use crate::record::Settings;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_000 * SECOND;

impl Table {
    /// Applies a command at an instant; RemoveAfter, if any, in seconds behind `until`.
    fn at(&mut self, time_ns: u64, command: &str) {
        let (command, until) = command.split_once(" until ").unwrap_or((command, ""));
        let mut action = self.action(command);
        if let (Some(order), Ok(seconds)) = (&mut action.order, until.parse()) {
            order.remove_after = Some(TimestampWithTimeZone { seconds, nanoseconds: 0, tz_offset: 0 });
        }
        let r#type = FeedRequestType::Action as i32;
        let bytes = proto::FeedRequest { r#type, action: Some(action), ..Default::default() }.encode_to_vec();
        self.apply_at(Stamp { time_ns, ..self.next_stamp() }, &bytes);
        assert!(self.outcome.is_accepted(), "{command}: {:?}", self.codes());
    }

    fn tick(&mut self, time_ns: u64) {
        let position = self.engine.feeds()[0].position;
        self.engine.tick(Stamp { time_ns, ..self.next_stamp() }, &mut self.outcome);
        assert!(self.outcome.takes_no_position() && self.engine.feeds()[0].position == position);
        assert_eq!(self.engine.time_ns(), time_ns);
        self.assert_image_is_whole();
    }

    fn settings(&mut self, settings: &Settings) {
        self.engine.set_settings(self.next_stamp(), settings, &mut self.outcome);
        assert!(self.outcome.takes_no_position());
        assert_eq!(self.engine.settings(), settings);
        self.assert_image_is_whole();
    }

    fn due(&self, by_ns: u64) -> Vec<u128> {
        let numbers = self.engine.state.orders_due(by_ns).into_iter();
        let keys = numbers.map(|number| self.engine.state.orders.get(number).key).collect();
        let loaded = Engine::from_image(&self.engine.image()).expect("just made");
        assert_eq!(loaded.next_removal_ns(), self.engine.next_removal_ns());
        keys
    }

    fn key(&self, id: &str) -> u128 {
        let account = self.views.account("O", "A").expect("named");
        crate::names::order_key(self.views.names().account(account).hash, id.as_bytes())
    }
}

#[test]
fn the_earliest_remove_after_is_the_next_removal() {
    let mut table = Table::new();
    assert_eq!(table.engine.next_removal_ns(), None);
    table.at(START, "buy A #1 1@1");
    assert_eq!(table.engine.next_removal_ns(), None);
    table.at(START + 1, "buy A #2 1@1 until 5000");
    table.at(START + 2, "buy A #3 1@1 done until 4000");
    assert_eq!(table.engine.next_removal_ns(), Some(4_000 * SECOND));
    assert!(table.due(4_000 * SECOND - 1).is_empty());
    assert_eq!(table.due(4_000 * SECOND), [table.key("#3")]);
    assert_eq!(table.due(u64::MAX), [table.key("#3"), table.key("#2")]);
    table.at(START + 3, "amend #2 1@2 until 3000");
    assert_eq!(table.due(u64::MAX), [table.key("#2"), table.key("#3")]);
    table.at(START + 4, "amend #2 1@3");
    assert_eq!(table.engine.next_removal_ns(), Some(4_000 * SECOND), "it says nothing any more");
    table.at(START + 5, "amend #3 1@3 until 0");
    assert_eq!((table.engine.next_removal_ns(), table.order("A", "#3")), (None, "gone".into()));
}

#[test]
fn an_order_that_moves_takes_its_time_of_removal_along() {
    let mut table = Table::new();
    table.at(START, "buy A #1 1@1 until 5000");
    table.at(START + 1, "amend #1 1@1 to B until 6000");
    assert_eq!(table.due(u64::MAX).len(), 1);
    assert_eq!(table.engine.next_removal_ns(), Some(6_000 * SECOND));
}

#[test]
fn a_completed_order_that_says_nothing_is_removed_as_the_settings_say() {
    let mut table = Table::new();
    let settings = |seconds| Settings { completed_order_retention_s: seconds, ..Settings::initial() };
    table.at(START, "buy A #1 1@1 done");
    assert_eq!(table.engine.next_removal_ns(), None);
    let hash = table.engine.state_hash();
    table.settings(&settings(60));
    assert_ne!(table.engine.state_hash(), hash);
    assert_eq!(table.engine.next_removal_ns(), Some(START + 60 * SECOND), "those before it too");
    table.at(START + SECOND, "amend #1 1@2 done");
    assert_eq!(table.engine.next_removal_ns(), Some(START + 60 * SECOND), "completed once");
    table.at(START + 2 * SECOND, "amend #1 2@2 open");
    assert_eq!(table.engine.next_removal_ns(), None);
    table.at(START + 3 * SECOND, "amend #1 2@2 done");
    assert_eq!(table.engine.next_removal_ns(), Some(START + 63 * SECOND));
    table.at(START + 4 * SECOND, "amend #1 2@2 done until 9000");
    assert_eq!(table.engine.next_removal_ns(), Some(9_000 * SECOND), "what it says itself goes first");
    table.at(START + 5 * SECOND, "amend #1 2@2 done");
    table.settings(&settings(0));
    assert_eq!(table.engine.next_removal_ns(), None);
    table.settings(&Settings::initial());
}

#[test]
fn a_late_bust_reverses_exactly_until_the_trades_are_forgotten() {
    let mut table = Table::new();
    table.settings(&Settings { trade_retention_s: 100, ..Settings::initial() });
    table.at(START, "buy A #1 100@10");
    table.at(START + SECOND, "trade #1 T1 40@10");
    table.at(START + 2 * SECOND, "trade #1 T2 60@11 done");
    assert_eq!(table.engine.next_prune_ns(), None, "an order keeps its trades");
    table.tick(START + 500 * SECOND);
    assert_eq!(table.engine.counts().trades, 2);
    table.at(START + 501 * SECOND, "amend #1 100@10 done remove");
    assert_eq!(table.engine.next_prune_ns(), Some(START + 102 * SECOND), "the later of both has passed");
    table.at(START + 502 * SECOND, "bust #1 T1 done");
    assert_eq!((table.held("A"), table.engine.oddities().unknown_trades), ("60 0 11".into(), 0));
    assert_eq!(table.engine.next_prune_ns(), None, "the bust brought the order back");
    table.tick(START + 503 * SECOND);
    table.at(START + 504 * SECOND, "amend #1 100@10 done remove");
    table.tick(START + 505 * SECOND);
    assert_eq!((table.engine.counts().trades, table.engine.next_prune_ns()), (0, None));
    table.at(START + 506 * SECOND, "bust #1 T2 done");
    assert_eq!((table.held("A"), table.engine.oddities().unknown_trades), ("60 0 11".into(), 1));
}

#[test]
fn the_trades_of_an_order_removed_early_are_kept_for_the_retention() {
    let mut table = Table::new();
    table.settings(&Settings { trade_retention_s: 100, ..Settings::initial() });
    table.at(START, "buy A #1 100@10");
    table.at(START + SECOND, "trade #1 T1 40@10 remove");
    assert_eq!(table.engine.next_prune_ns(), Some(START + 101 * SECOND));
    table.tick(START + 101 * SECOND - 1);
    assert_eq!(table.engine.counts().trades, 1);
    table.tick(START + 101 * SECOND);
    assert_eq!(table.engine.counts().trades, 0);
}

#[test]
fn an_order_that_moved_is_found_under_its_names_until_its_trades_are_forgotten() {
    let mut table = Table::new();
    table.settings(&Settings { trade_retention_s: 100, ..Settings::initial() });
    table.at(START, "buy A #1 100@10");
    table.at(START + SECOND, "trade #1 T1 40@10");
    table.at(START + 2 * SECOND, "amend #1 100@10 to B remove");
    assert_eq!(table.engine.state.lineages.len(), 1);
    table.at(START + 3 * SECOND, "bust #1 T1");
    assert_eq!((table.held("A"), table.engine.oddities().unknown_trades), ("none".into(), 0));
    table.at(START + 4 * SECOND, "amend #1 100@10 remove");
    table.tick(START + 103 * SECOND);
    assert_eq!(table.engine.state.lineages.len(), 1);
    table.tick(START + 104 * SECOND);
    assert_eq!((table.engine.state.lineages.len(), table.engine.counts().trades), (0, 0));
    assert_eq!((table.engine.next_prune_ns(), table.engine.state.lineage_keys.len()), (None, 0));
}

/// An order moves to where another one stands: the trades of that one are kept like those of an order removed.
#[test]
fn the_trades_of_an_order_displaced_are_kept_for_the_retention() {
    let mut table = Table::new();
    table.settings(&Settings { trade_retention_s: 100, ..Settings::initial() });
    table.at(START, "buy B #1 100@10");
    table.at(START + SECOND, "trade #1 T1 40@10");
    table.at(START + 2 * SECOND, "buy A #1 50@10");
    table.at(START + 3 * SECOND, "trade #1 T2 5@10");
    table.at(START + 4 * SECOND, "amend #1 50@10 to B");
    assert_eq!(table.engine.next_prune_ns(), Some(START + 101 * SECOND));
    table.tick(START + 101 * SECOND);
    assert_eq!(table.engine.counts().trades, 1, "its own trade stays with the order");
}

#[test]
fn ids_are_forgotten_when_they_are_no_longer_compared() {
    let mut table = Table::new();
    table.settings(&Settings { idempotency_retention_s: 60, ..Settings::initial() });
    let hash = table.engine.state_hash();
    for number in 0..5_000u64 {
        table.engine.state.note_transform(&number.to_string(), START + number);
    }
    assert!(table.engine.state.is_transform_applied("7", START + 60 * SECOND + 6));
    assert!(!table.engine.state.is_transform_applied("7", START + 60 * SECOND + 7));
    table.assert_image_is_whole();
    assert_eq!(table.engine.next_prune_ns(), Some(START + 60 * SECOND));
    table.tick(START + 61 * SECOND);
    assert_eq!(table.engine.state.applied.len(), 5_000 - 4_096, "a bounded part at a time");
    assert!(table.engine.next_prune_ns().is_some_and(|next| next <= table.engine.time_ns()));
    table.tick(START + 61 * SECOND + 1);
    assert_eq!((table.engine.next_prune_ns(), table.engine.state_hash()), (None, hash));
    // Noted again after it was forgotten, and while it is still known.
    table.engine.state.note_transform("7", START + 70 * SECOND);
    table.engine.state.note_transform("7", START + 80 * SECOND);
    table.tick(START + 130 * SECOND);
    assert!(table.engine.state.is_transform_applied("7", START + 130 * SECOND));
    table.tick(START + 140 * SECOND);
    assert_eq!((table.engine.next_prune_ns(), table.engine.state_hash()), (None, hash));
}

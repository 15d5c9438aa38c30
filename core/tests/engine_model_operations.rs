//! Engine and naive model over random streams of actions with operations between them: definitions, restatements,
//! removals, renames that merge, owners that go, and time that passes.

mod naive;

use std::collections::BTreeMap;

use naive::figure::Figure;
use naive::hub::Hub;
use naive::model::{Model, reservation};
use naive::operation_stream::{OperationStream, Step, renamed_account, renamed_currency, renamed_instrument};
use naive::operations::Effect;
use naive::records::Records;
use ordo_core::engine::Engine;
use ordo_core::proto::{Operation, OperationType};
use ordo_core::record::{Origin, Settings};
use ordo_core::views::Views;
use ordo_testkit::Random;
use ordo_testkit::seeds::{for_cases, given, number};

const UPDATES: usize = 10_000;

/// A hub, its model, and what drives both.
struct Twins {
    hub: Hub,
    model: Model,
    stream: OperationStream,
    /// What was applied last: told where a check fails, with all that names `ORDO_ABOUT`.
    last: String,
    /// How often which effect was had.
    effects: BTreeMap<(&'static str, &'static str), usize>,
}

impl Drop for Twins {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("after {} updates, the last of them {}", self.hub.log.len(), self.last);
            if let Some(about) = given("ORDO_ABOUT") {
                self.hub.tell_log(&about);
            }
        }
    }
}

impl Twins {
    fn new(seed: u64) -> Twins {
        let (mut hub, mut model) = (Hub::new(), Model::default());
        // Short, so that all of it comes due: the stream waits some hundreds of seconds.
        let (trade_retention_s, completed_order_retention_s, idempotency_retention_s) = (40, 25, 60);
        let settings =
            Settings { trade_retention_s, completed_order_retention_s, idempotency_retention_s, ..Settings::initial() };
        hub.set_settings(&settings);
        model.settings = settings;
        Twins { hub, model, stream: OperationStream::new(seed), last: String::new(), effects: BTreeMap::new() }
    }

    fn step(&mut self) {
        // As the hub does when something comes due.
        if self.hub.tick_if_due() {
            self.model.tick(self.hub.next_ns());
        }
        match self.stream.next(self.hub.next_ns()) {
            Step::Action(action) => {
                self.last = format!("{action:?}");
                let accepted = self.model.apply(&action, self.hub.next_time());
                assert_eq!(self.hub.apply_and_listen(&action), accepted, "{:?} {action:?}", self.hub.outcome.refusals);
            }
            Step::Operation(operation, origin) => self.operate(&operation, origin),
            Step::Wait(seconds) => self.hub.wait(seconds),
        }
    }

    fn operate(&mut self, operation: &Operation, origin: Origin) {
        // Two orders of one id that both had a trade of one id: as one order, they are beyond any rule.
        if self.model.trades_collide(|account| renamed_account(operation, account)) {
            return;
        }
        self.last = format!("{operation:?} {origin:?}");
        let effect = self.model.operate(operation, origin, self.hub.next_ns());
        let accepted = self.hub.operate(operation, origin);
        let outcome = &self.hub.outcome;
        let place = || format!("{effect:?}: {operation:?} {origin:?} {:?}", outcome.codes().collect::<Vec<_>>());
        assert_eq!(accepted, effect != Effect::Refused, "{}", place());
        let records = [outcome.orders.len(), outcome.balances.len(), outcome.holdings.len(), outcome.metadata.len()];
        if effect == Effect::Changed {
            assert!(!outcome.takes_no_position() && records != [0; 4], "{}", place());
            self.follow(operation);
        } else {
            assert_eq!(records, [0; 4], "{}", place());
            assert!(outcome.takes_no_position() || !origin.is_rest, "over REST it was never there: {}", place());
        }
        self.stream.hear(operation, origin, effect, &self.model);
        let effect = match effect {
            Effect::Refused => "refused",
            Effect::Nothing => "nothing",
            Effect::Changed => "changed",
        };
        let kind = match operation.transform.as_deref() {
            Some(transform) if transform.parameters.contains_key("DueBy") => "due",
            Some(transform) => transform.transform_type().as_str_name(),
            None => operation.r#type().as_str_name(),
        };
        *self.effects.entry((kind, effect)).or_default() += 1;
    }

    /// What was told of transactions goes by the names of now.
    fn follow(&mut self, operation: &Operation) {
        if operation.r#type() == OperationType::UndefineOwner {
            let owner = &operation.owner_details.as_ref().expect("it was accepted").owner_id;
            self.hub.booked.retain(|(account, _), _| account.0 != *owner);
            self.hub.moved.retain(|(account, _), _| account.0 != *owner);
        }
        for ((account, currency), sum) in std::mem::take(&mut self.hub.booked) {
            let key = (renamed_account(operation, &account), renamed_currency(operation, &currency));
            *self.hub.booked.entry(key).or_default() += &sum;
        }
        for ((account, (exchange, code)), sum) in std::mem::take(&mut self.hub.moved) {
            let code = renamed_instrument(operation, &exchange, &code);
            *self.hub.moved.entry((renamed_account(operation, &account), (exchange, code))).or_default() += &sum;
        }
    }

    /// What the events told, what the views hold, what an engine's views start with and what the model says are one
    /// and the same; and the sums come out.
    fn check(&self) {
        let records = self.hub.records();
        records.assert_same(&Records::of_model(&self.model));
        let mut told = self.hub.told.clone();
        told.orders = told.orders.into_values().map(naive::records::order).collect();
        records.assert_same(&told);
        self.check_reservations(&records);
        self.check_transactions(&records);
    }

    /// Per record: what its open orders, as they are shown, hold back.
    fn check_reservations(&self, records: &Records) {
        let (mut cash, mut stock): (BTreeMap<_, Figure>, BTreeMap<_, Figure>) = Default::default();
        for ((account, _), order) in &records.orders {
            let (held_cash, held_stock) = reservation(order);
            *cash.entry((account.clone(), order.currency.clone())).or_default() += &held_cash;
            *stock.entry((account.clone(), (order.exchange.clone(), order.code.clone()))).or_default() += &held_stock;
        }
        for (key, record) in &records.balances {
            assert_eq!(-&record.unfilled_buys, cash.remove(key).unwrap_or_default(), "{key:?}");
        }
        for (key, record) in &records.holdings {
            assert_eq!(-&record.unfilled_sells, stock.remove(key).unwrap_or_default(), "{key:?}");
        }
        assert!(cash.values().chain(stock.values()).all(Figure::is_zero), "held back and not shown");
    }

    fn check_transactions(&self, records: &Records) {
        for (key, sum) in &self.hub.booked {
            let shown = records.balances.get(key).map(|record| &record.balance + &record.unbooked).unwrap_or_default();
            assert_eq!(&shown, sum, "{key:?}");
        }
        for (key, sum) in &self.hub.moved {
            let shown = records.holdings.get(key).map(|record| record.quantity.clone()).unwrap_or_default();
            assert_eq!(&shown, sum, "{key:?}");
        }
    }

    /// Views of the engine's state start as the ones that were folded are; then all goes on with those of an image.
    fn restart(&mut self) {
        self.hub.records().assert_same(&Records::of_views(&Views::of(&self.hub.engine)));
        let (state, events) = (self.hub.engine.state_hash(), self.hub.engine.events_hash());
        self.hub.restart();
        assert_eq!((self.hub.engine.state_hash(), self.hub.engine.events_hash()), (state, events));
    }
}

fn hashes(engine: &Engine) -> (u128, u128) {
    (engine.state_hash(), engine.events_hash())
}

#[test]
fn every_record_is_what_the_naive_model_says_whatever_is_renamed_removed_or_forgotten() {
    let mut effects: BTreeMap<_, usize> = BTreeMap::new();
    // `ORDO_EVERY=1` finds the update that a difference began with.
    let every = number("ORDO_EVERY").map_or(64, |every| every as usize);
    for_cases(1_000, 2, |seed| {
        let (mut twins, mut places, mut trades_most) = (Twins::new(seed), Random::of(seed), 0);
        for at in 1..=UPDATES {
            twins.step();
            if places.one_in(700) {
                twins.restart();
            }
            if at % every == 0 || at == UPDATES {
                twins.check();
                trades_most = trades_most.max(twins.hub.engine.counts().trades);
            }
        }
        assert_eq!(hashes(&twins.hub.replayed()), hashes(&twins.hub.engine), "the same from the beginning");
        // At the end most of them may be forgotten.
        assert!(trades_most > 100, "{trades_most} trades at a time");
        std::mem::take(&mut twins.effects)
            .into_iter()
            .for_each(|(effect, times)| *effects.entry(effect).or_default() += times);
    });
    println!("{effects:#?}");
    for kind in ["RESTATEMENT", "REMOVE", "RENAME_SYMBOL", "RENAME_CURRENCY"] {
        let kind = format!("TRANSFORMTYPE_{kind}");
        assert!(effects.keys().any(|key| *key == (&*kind, "changed")), "{kind} in {effects:?}");
    }
}

//! `Heard`: everything that a subscriber of all views was told, from the first update on, and its naive fold.

use std::collections::BTreeMap;

use ordo_client::{self as client, Adapter, Form, Subscriber};
use ordo_core::proto::{AssetPosition, CashPosition, OrderState, UpdateAction, UpdateEvent};
use ordo_core::proto::{EventMessage, EventMessageType, SubscriptionType, TimestampWithTimeZone};

use ordo_testkit::hub::*;

/// An Update message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) message: EventMessage,
    pub(crate) bytes: Vec<u8>,
}

impl Told {
    pub(crate) fn view(&self) -> SubscriptionType {
        self.message.subscription.as_ref().expect("an Update names its subscription").r#type()
    }

    pub(crate) fn time_ns(&self) -> u64 {
        let position = self.message.position.as_ref().expect("a live Update has a position");
        position.executed_at.expect("and a time").unix_nanos().expect("that can be held")
    }

    pub(crate) fn place(&self) -> (&str, i64) {
        let position = self.message.position.as_ref().expect("a live Update has a position");
        (&position.sequence, position.position)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) told: Vec<Told>,
}

/// Times in order, each once.
pub(crate) fn times(told: &[Told]) -> Vec<u64> {
    let mut times: Vec<u64> = told.iter().map(Told::time_ns).collect();
    times.sort_unstable();
    times.dedup();
    times
}

impl Recording {
    /// Two feeds submit updates at random, taking turns, while a subscriber of every view listens.
    pub(crate) fn make(rig: &Rig, seed: u64, updates: i64) -> Recording {
        println!("seed {seed}");
        let mut recording = Recording { told: Vec::new() };
        let mut listener = listener(rig);
        recording.go_on(rig, &mut listener, seed, updates);
        recording
    }

    pub(crate) fn go_on(&mut self, rig: &Rig, listener: &mut Subscriber, seed: u64, updates: i64) {
        let mut random = Random::of(seed);
        let mut adapters = ["f", "g"].map(|feed| Adapter::open(rig.addr(), feed).expect("the feed is open"));
        for n in 0..updates {
            let adapter = &mut adapters[random.below(2) as usize];
            // Positions may skip.
            let position = adapter.last_submitted() + 1 + random.below(3) as i64;
            adapter.submit(position, any_update(&mut random, n)).expect("it is submitted");
            if n % 50 == 0 {
                adapter.wait_bookmark(position, PATIENCE).expect("it is durable");
            }
        }
        for adapter in adapters {
            adapter.close(PATIENCE).expect("all is written");
        }
        self.hear_all(listener);
    }

    pub(crate) fn hear_all(&mut self, listener: &mut Subscriber) {
        listener.connection().send(&client::messages::synchronise("sync")).expect("it is sent");
        loop {
            let (client::Heard::Other(frame) | client::Heard::View { frame, .. }) = next(listener);
            let message = frame.message().expect("a message");
            if word_of(&message) == "Response sync" {
                return;
            }
            if message.r#type() == EventMessageType::Update && message.position.is_some() {
                self.told.push(Told { message, bytes: frame.bytes().to_vec() });
            }
        }
    }

    /// The fold of what was told up to an instant, itself included.
    pub(crate) fn state_at(&self, time_ns: u64) -> State {
        self.fold(|told| told.time_ns() <= time_ns)
    }

    /// The fold of the updates that are held.
    pub(crate) fn fold(&self, is_held: impl Fn(&Told) -> bool) -> State {
        let mut state = State::default();
        self.told.iter().filter(|told| is_held(told)).for_each(|told| state.take(&told.message));
        state
    }
}

/// A subscriber of every view, its snapshots heard.
pub(crate) fn listener(rig: &Rig) -> Subscriber {
    let mut listener = rig.subscriber(Form::Binary);
    for view in VIEWS {
        listener.subscribe(view, Vec::new()).expect("it is accepted");
    }
    listener
}

/// Records by key.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct State {
    pub(crate) balances: BTreeMap<Vec<String>, CashPosition>,
    pub(crate) holdings: BTreeMap<Vec<String>, AssetPosition>,
    pub(crate) orders: BTreeMap<Vec<String>, OrderState>,
}

impl State {
    /// One Update message: upserts and removals.
    pub(crate) fn take(&mut self, message: &EventMessage) {
        for event in &message.updates {
            set(&mut self.balances, event, event.balance.as_deref());
            set(&mut self.holdings, event, event.holding.as_deref());
            set(&mut self.orders, event, event.order.as_deref());
        }
    }

    /// As REST answers with a query: `?asAt=...`.
    pub(crate) fn asked(rig: &Rig, query: &str) -> State {
        State { balances: asked(rig, query), holdings: asked(rig, query), orders: asked(rig, query) }
    }

    #[track_caller]
    pub(crate) fn assert_same(&self, other: &State, what: &str) {
        assert_eq!(self.balances, other.balances, "{what}");
        assert_eq!(self.holdings, other.holdings, "{what}");
        assert_eq!(self.orders, other.orders, "{what}");
    }
}

fn set<L: Listed>(records: &mut BTreeMap<Vec<String>, L>, event: &UpdateEvent, record: Option<&L>) {
    let Some(record) = record else { return };
    if event.update_action() == UpdateAction::Remove {
        records.remove(&record.key());
    } else {
        records.insert(record.key(), record.clone());
    }
}

fn asked<L: Listed>(rig: &Rig, query: &str) -> BTreeMap<Vec<String>, L> {
    let answer = rig.get(&format!("/{}{query}", L::ROUTE));
    let records: Vec<L> = answer.records(L::MESSAGE).expect("an array of records");
    records.into_iter().map(|record| (record.key(), record)).collect()
}

/// An instant as a query says it.
pub(crate) fn iso(time_ns: u64) -> String {
    TimestampWithTimeZone::from_unix_nanos(time_ns).to_iso().expect("a time that can be written")
}

//! The engine under test with what follows it: views folded from its outcomes, and its events decoded by prost.

use std::collections::BTreeMap;

use ordo_core::encode;
use ordo_core::engine::{Engine, Input};
use ordo_core::metadata::Details;
use ordo_core::names::FeedNo;
use ordo_core::outcome::MetadataKind;
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::proto::{self, FeedRequestType, TimestampWithTimeZone, UpdateAction};
use ordo_core::record::{Origin, Settings, Step};
use ordo_core::views::Views;
use ordo_core::wire::{FeedRequest, ReverseWriter};
use prost::Message;

use super::figure::Figure;
use super::model::{Account, account_of};
use super::records::{self, Records};
use super::stream::Stream;

pub(crate) struct Hub {
    pub(crate) engine: Engine,
    pub(crate) views: Views,
    pub(crate) outcome: Outcome,
    /// Records as the events alone told them.
    pub(crate) told: Records,
    /// Cash and stock by account, as the transactions alone told them.
    pub(crate) booked: BTreeMap<(Account, String), Figure>,
    pub(crate) moved: BTreeMap<(Account, (String, String)), Figure>,
    pub(crate) events: Vec<proto::UpdateEvent>,
    /// The last update's EventMessage, as written.
    pub(crate) written: Vec<u8>,
    /// Everything that was applied, to be applied again.
    pub(crate) log: Vec<Logged>,
    writer: ReverseWriter,
    sequence: u64,
    /// Nanoseconds that passed without an update.
    waited_ns: u64,
}

/// An entry of what was applied.
pub(crate) enum Logged {
    Update(Stamp, Vec<u8>),
    Tick(Stamp),
    Settings(Stamp, Settings),
}

/// When the n-th update was executed.
pub(crate) fn time_of(sequence: u64) -> u64 {
    1_795_323_845_000_000_000 + sequence * 1_001
}

/// An action as a feed sends it.
pub(crate) fn request(action: &proto::ExternalAction) -> Vec<u8> {
    let r#type = FeedRequestType::Action as i32;
    proto::FeedRequest { r#type, action: Some(action.clone()), ..Default::default() }.encode_to_vec()
}

/// An operation as a feed sends it.
fn operation_request(operation: &proto::Operation) -> Vec<u8> {
    let r#type = FeedRequestType::Operation as i32;
    let operation = Some(Box::new(operation.clone()));
    proto::FeedRequest { r#type, operation, ..Default::default() }.encode_to_vec()
}

impl Hub {
    pub(crate) fn new() -> Hub {
        Hub::with(Engine::new(0))
    }

    pub(crate) fn with(engine: Engine) -> Hub {
        Hub {
            views: Views::of(&engine),
            sequence: engine.sequence(),
            engine,
            outcome: Outcome::with_room(),
            told: Records::default(),
            booked: BTreeMap::new(),
            moved: BTreeMap::new(),
            events: Vec::new(),
            written: Vec::new(),
            log: Vec::new(),
            waited_ns: 0,
            writer: ReverseWriter::default(),
        }
    }

    /// Applies and folds an action; whether it was accepted.
    pub(crate) fn apply(&mut self, action: &proto::ExternalAction) -> bool {
        self.apply_bytes(&request(action))
    }

    /// The same, and its events decoded and held against what was known before.
    pub(crate) fn apply_and_listen(&mut self, action: &proto::ExternalAction) -> bool {
        let bytes = request(action);
        let accepted = self.apply_bytes(&bytes);
        self.encode_events(&bytes);
        self.listen();
        accepted
    }

    /// Applies what comes next.
    pub(crate) fn run(&mut self, stream: &mut Stream, updates: usize) {
        for _ in 0..updates {
            self.apply(&stream.next());
        }
    }

    /// Applies an operation and folds what it tells; whether it was accepted.
    pub(crate) fn operate(&mut self, operation: &proto::Operation, origin: Origin) -> bool {
        let bytes = operation_request(operation);
        let accepted = self.apply_from(&bytes, origin);
        if self.outcome.takes_no_position() {
            let outcome = &self.outcome;
            let told = (outcome.orders.len(), outcome.balances.len(), outcome.holdings.len(), outcome.metadata.len());
            assert_eq!(told, (0, 0, 0, 0), "an update without a position has no events");
            assert!(outcome.operation.is_none());
            self.events.clear();
        } else {
            self.encode_events(&bytes);
            self.listen();
        }
        accepted
    }

    pub(crate) fn apply_bytes(&mut self, bytes: &[u8]) -> bool {
        self.apply_from(bytes, Origin::default())
    }

    fn apply_from(&mut self, bytes: &[u8], origin: Origin) -> bool {
        let request = FeedRequest::decode(bytes).expect("written by prost");
        let stamp = Stamp { origin, ..self.next_stamp() };
        self.engine.apply(Input { stamp, bytes, request: &request }, &mut self.outcome);
        self.views.fold(&self.outcome);
        self.log.push(Logged::Update(stamp, bytes.to_vec()));
        self.outcome.is_accepted()
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.waited_ns += seconds * 1_000_000_000;
    }

    /// Forgets what need not be kept any longer; whether there was anything.
    pub(crate) fn tick_if_due(&mut self) -> bool {
        let mut ticked = false;
        while self.engine.next_prune_ns().is_some_and(|due| due <= self.next_ns()) {
            self.tick();
            ticked = true;
        }
        ticked
    }

    /// Prints every operation, and every action that names `about`: to find where a difference comes from.
    pub(crate) fn tell_log(&self, about: &str) {
        for entry in &self.log {
            match entry {
                Logged::Update(stamp, bytes) => {
                    let request = proto::FeedRequest::decode(&bytes[..]).expect("it was applied");
                    let told = request.action.as_ref().map(|it| format!("{it:?}"));
                    let told = told.filter(|told| told.contains(about));
                    let told = told.or(request.operation.map(|it| format!("{it:?} {:?}", stamp.origin)));
                    if let Some(told) = told {
                        eprintln!("{} {} {told}", stamp.sequence, stamp.time_ns);
                    }
                }
                Logged::Tick(stamp) => eprintln!("{} {} tick", stamp.sequence, stamp.time_ns),
                Logged::Settings(..) => {}
            }
        }
    }

    /// An engine that applied the same from the beginning.
    pub(crate) fn replayed(&self) -> Engine {
        let (mut engine, mut outcome) = (Engine::new(0), Outcome::with_room());
        for entry in &self.log {
            match entry {
                Logged::Update(stamp, bytes) => {
                    let request = FeedRequest::decode(bytes).expect("it was applied");
                    engine.apply(Input { stamp: *stamp, bytes, request: &request }, &mut outcome);
                }
                Logged::Tick(stamp) => engine.apply(Step::Tick(*stamp), &mut outcome),
                Logged::Settings(stamp, settings) => engine.apply(settings_step(*stamp, settings), &mut outcome),
            }
        }
        engine
    }

    /// Lets time pass: what is not kept for anything is forgotten.
    pub(crate) fn tick(&mut self) {
        let stamp = self.next_stamp();
        self.engine.apply(Step::Tick(stamp), &mut self.outcome);
        self.log.push(Logged::Tick(stamp));
        self.views.fold(&self.outcome);
    }

    pub(crate) fn set_settings(&mut self, settings: &Settings) {
        let stamp = self.next_stamp();
        self.engine.apply(settings_step(stamp, settings), &mut self.outcome);
        self.log.push(Logged::Settings(stamp, settings.clone()));
    }

    fn next_stamp(&mut self) -> Stamp {
        self.sequence += 1;
        let time_ns = time_of(self.sequence) + self.waited_ns;
        Stamp { sequence: self.sequence, time_ns, feed: FeedNo::OMS, ..Stamp::default() }
    }

    /// As after a stop: an engine of an image, views of that engine.
    pub(crate) fn restart(&mut self) {
        self.engine = Engine::from_image(&self.engine.image()).expect("just made");
        self.views = Views::of(&self.engine);
    }

    /// Two feeds with a status, one of them with a configuration. The last of these updates is a silent one.
    pub(crate) fn open_feeds(&mut self) {
        let feed = |r#type: FeedRequestType| proto::FeedRequest { r#type: r#type as i32, ..Default::default() };
        for name in ["XASX", "OTC"] {
            let status = proto::FeedDetails { feed_id: name.into(), status: 10, ..Default::default() };
            let request = proto::FeedRequest { status: Some(status), ..feed(FeedRequestType::Status) };
            assert!(self.apply_bytes(&request.encode_to_vec()));
        }
        let position = proto::FeedPosition { sequence: "OTC".into(), position: 0 };
        let configuration = proto::FeedConfiguration { name: "otc".into(), ..Default::default() };
        let request = proto::FeedRequest {
            position: Some(position),
            configuration: Some(Box::new(configuration)),
            ..feed(FeedRequestType::Configure)
        };
        assert!(self.apply_bytes(&request.encode_to_vec()));
    }

    /// An order that leaves nothing but its lineage behind, and a gap among the orders' numbers.
    pub(crate) fn move_and_remove_an_order(&mut self) {
        let account = |id: &str| Some(proto::Account { owner_id: "O".into(), account_id: id.into() });
        let order = |account, remove: bool| {
            let remove_after = remove.then(TimestampWithTimeZone::default);
            Some(Box::new(proto::OrderState { order_id: "moved".into(), account, remove_after, ..Default::default() }))
        };
        let action = proto::ExternalAction { r#type: 110, order: order(account("A"), false), ..Default::default() };
        assert!(self.apply(&action));
        let update = proto::OrderUpdate { previous_account: account("A"), ..Default::default() };
        let order = order(account("B"), true);
        assert!(self.apply(&proto::ExternalAction { order, update: Some(Box::new(update)), ..action }));
    }

    /// When the next update will have been executed.
    pub(crate) fn next_time(&self) -> TimestampWithTimeZone {
        TimestampWithTimeZone::from_unix_nanos(self.next_ns())
    }

    pub(crate) fn next_ns(&self) -> u64 {
        time_of(self.sequence + 1) + self.waited_ns
    }

    pub(crate) fn records(&self) -> Records {
        Records::of_views(&self.views)
    }

    /// All events of the last update, written as the publisher writes them (last to first) and read by prost.
    fn encode_events(&mut self, bytes: &[u8]) {
        let request = FeedRequest::decode(bytes).expect("it was applied");
        let (w, names, outcome) = (&mut self.writer, self.views.names(), &self.outcome);
        let input = Input { stamp: outcome.stamp, bytes, request: &request };
        w.clear();
        encode::transaction_event(w, names, &input, outcome);
        outcome.balances.iter().rev().for_each(|event| encode::balance_event(w, names, outcome, event));
        outcome.holdings.iter().rev().for_each(|event| encode::holding_event(w, names, event));
        outcome.orders.iter().rev().for_each(|event| encode::order_event(w, outcome, event));
        encode::action_event(w, &input, outcome);
        encode::operation_event(w, outcome);
        outcome.metadata.iter().rev().for_each(|event| encode::metadata_event(w, outcome, event));
        encode::position(w, names.feed(outcome.stamp.feed), outcome.stamp.position, outcome.stamp.time_ns);
        let message = proto::EventMessage::decode(w.bytes()).expect("prost reads what the writer writes");
        let position = message.position.as_ref().expect("it was written");
        assert_eq!((position.sequence.as_str(), position.position), ("oms", outcome.stamp.position));
        assert_eq!(position.executed_at, Some(TimestampWithTimeZone::from_unix_nanos(outcome.stamp.time_ns)));
        self.events = message.updates;
        self.written = w.bytes().to_vec();
    }

    /// Folds the events; none tells what was known, and none tells one record twice (but for a move's two keys).
    fn listen(&mut self) {
        let removed = |event: &proto::UpdateEvent| event.update_action == UpdateAction::Remove as i32;
        let (mut balances, mut holdings, mut orders) = (Vec::new(), Vec::new(), Vec::new());
        let mut definitions = Vec::new();
        for event in &self.events {
            if let Some(operation) = &event.operation {
                match definition_of(operation) {
                    Some(details) => {
                        let key = super::operations::definition_key(&details);
                        set(&mut self.told.definitions, &mut definitions, key, details, removed(event));
                    }
                    None => assert_ne!(super::operation_stream::transform_id(operation), "", "the hub makes one"),
                }
            }
            if let Some(position) = &event.balance {
                let (key, record) = records::balance(position);
                set(&mut self.told.balances, &mut balances, key, record, removed(event));
            }
            if let Some(position) = &event.holding {
                let (key, record) = records::holding(position);
                set(&mut self.told.holdings, &mut holdings, key, record, removed(event));
            }
            if let Some(state) = &event.order {
                let (key, _) = records::order((**state).clone());
                // To the letter: `10.5` is not `10.50`.
                set(&mut self.told.orders, &mut orders, key, (**state).clone(), removed(event));
            }
            if let Some(transaction) = &event.transaction {
                let (key, cash) = cash_of(transaction);
                *self.booked.entry(key).or_default() += &cash;
                let (key, stock) = stock_of(transaction);
                *self.moved.entry(key).or_default() += &stock;
            }
        }
    }
}

fn settings_step(stamp: Stamp, settings: &Settings) -> Step<'_> {
    Step::Settings { stamp, settings: std::borrow::Cow::Borrowed(settings) }
}

/// What an operation of the Metadata view is about; none for a transform.
fn definition_of(operation: &proto::Operation) -> Option<Details> {
    let mut kinds = MetadataKind::ALL.into_iter();
    let kind = kinds.find(|kind| [kind.define(), kind.undefine()].contains(&operation.r#type()))?;
    Details::of_operation(kind, operation)
}

fn set<K: Ord + Clone + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    told: &mut BTreeMap<K, V>,
    seen: &mut Vec<K>,
    key: K,
    record: V,
    removed: bool,
) {
    assert!(!seen.contains(&key), "two events for {key:?}");
    seen.push(key.clone());
    if removed {
        told.remove(&key);
    } else {
        assert_ne!(told.get(&key), Some(&record), "an event for {key:?}, which is as it was");
        told.insert(key, record);
    }
}

/// What a transaction moves between Balance and UnbookedTransactions on one side and the world on the other.
fn cash_of(transaction: &proto::ClientTransaction) -> ((Account, String), Figure) {
    let account = account_of(transaction.details.as_ref().expect("always there").account.as_ref());
    let mut sum = Figure::default();
    let mut currency = String::new();
    if let Some(adjustment) = &transaction.cash_adjustment {
        sum = Figure::of(adjustment.value);
        currency.clone_from(&adjustment.currency);
    }
    if let Some(transfer) = &transaction.cash_transfer {
        currency.clone_from(&transfer.currency);
        let settles = matches!(transfer.settlement, 2 | 3);
        if transfer.pool.as_deref().unwrap_or_default().is_empty() && !settles {
            let funds: Figure = transfer.additional_funds.values().map(|fund| Figure::of(Some(*fund))).sum();
            sum = &Figure::of(transfer.value) - &funds;
        }
    }
    ((account, currency), sum)
}

fn stock_of(transaction: &proto::ClientTransaction) -> ((Account, (String, String)), Figure) {
    let account = account_of(transaction.details.as_ref().expect("always there").account.as_ref());
    let (exchange, code, value) = match (&transaction.asset_adjustment, &transaction.asset_transfer) {
        (Some(adjustment), _) => (&adjustment.exchange, &adjustment.code, adjustment.value),
        (_, Some(transfer)) => (&transfer.exchange, &transfer.code, transfer.value),
        _ => return Default::default(),
    };
    ((account, (exchange.clone(), code.clone())), Figure::of(value))
}

//! A desk: an engine with what follows it, and the words in which clients, adapters and the hub itself speak to it.
#![allow(dead_code)] // Each test file uses a part of it.

use ordo_core::encode;
use ordo_core::engine::requests::{backlog_body, default_statuses, dispatch_body, timeout_body};
use ordo_core::engine::{Engine, Input};
use ordo_core::metadata::Details;
use ordo_core::names::{FeedNo, request_key};
use ordo_core::outcome::{Decision, Outcome, Stamp};
use ordo_core::proto::{
    self, Account, ClientQueue, ClientQueueUpdate, ClientQueueUpdateType, ClientRequest, ClientRequestResponse,
    ClientRequestState, ClientRequestType, ClientRequestUpdate, ConnectionStatus, ExternalAction, ExternalActionType,
    FeedDetails, FeedRequest, FeedRequestType, OrderNew, OrderState, OrderType, OrderUpdate, OrderUpdateReason, Side,
    UpdateAction,
};
use ordo_core::record::{Origin, Rules, Settings, Step};
use ordo_core::views::Views;
use ordo_core::wire::{self, ReverseWriter};
use prost::Message;

pub(crate) const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_795_323_845 * SECOND;

/// See the module.
pub(crate) struct Desk {
    pub(crate) engine: Engine,
    pub(crate) views: Views,
    pub(crate) outcome: Outcome,
    pub(crate) now_ns: u64,
    /// Everything that was applied.
    pub(crate) log: Vec<(Stamp, Vec<u8>)>,
}

/// An event of the Requests view.
#[derive(Debug, PartialEq)]
pub(crate) struct Shown {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) removed: bool,
    pub(crate) state: ClientRequestState,
}

impl Desk {
    /// With the hub's statuses defined, and the exchange XNAS, which has one destination.
    pub(crate) fn new() -> Desk {
        let mut desk = Desk::bare();
        default_statuses().into_iter().for_each(|status| desk.define(Details::RequestStatus(Box::new(status))));
        desk.define_exchange("XNAS", &[("", "XNAS")]);
        desk
    }

    pub(crate) fn bare() -> Desk {
        let (engine, views, outcome) = (Engine::new(0), Views::default(), Outcome::with_room());
        Desk { engine, views, outcome, now_ns: START, log: Vec::new() }
    }

    pub(crate) fn define(&mut self, details: Details) {
        let operation = Some(Box::new(details.define()));
        self.record(FeedRequest { r#type: FeedRequestType::Operation as i32, operation, ..Default::default() });
        assert!(self.outcome.is_accepted());
    }

    /// Destinations by name and route.
    pub(crate) fn define_exchange(&mut self, exchange: &str, destinations: &[(&str, &str)]) {
        let destinations = destinations.iter().map(|(name, route)| proto::ExchangeDestination {
            ex_destination: (*name).into(),
            route: (*route).into(),
            ..Default::default()
        });
        self.define(Details::Exchange(Box::new(proto::ExchangeDetails {
            exchange: exchange.into(),
            destinations: destinations.collect(),
            ..Default::default()
        })));
    }

    /// Records an operation or another update of the hub's own sequence.
    pub(crate) fn record(&mut self, request: FeedRequest) {
        self.apply(FeedNo::OMS, Origin::default(), &request.encode_to_vec());
    }

    pub(crate) fn apply(&mut self, feed: FeedNo, origin: Origin, bytes: &[u8]) {
        self.now_ns += 1000;
        let position = if feed == FeedNo::OMS { 0 } else { self.engine.feeds()[feed.index()].position + 1 };
        let sequence = self.engine.sequence() + 1;
        let stamp = Stamp { sequence, time_ns: self.now_ns, feed, position, origin, rules: Rules::CURRENT };
        let request = wire::FeedRequest::decode(bytes).expect("written by prost");
        self.engine.apply(Input { stamp, bytes, request: &request }, &mut self.outcome);
        self.views.fold(&self.outcome);
        self.log.push((stamp, bytes.to_vec()));
    }

    pub(crate) fn settings(&mut self, settings: &Settings) {
        self.now_ns += 1000;
        let stamp = Stamp { sequence: self.engine.sequence() + 1, time_ns: self.now_ns, ..Stamp::default() };
        let settings = std::borrow::Cow::Borrowed(settings);
        self.engine.apply(Step::Settings { stamp, settings }, &mut self.outcome);
    }

    pub(crate) fn tick(&mut self) {
        self.now_ns += 1000;
        let stamp = Stamp { sequence: self.engine.sequence() + 1, time_ns: self.now_ns, ..Stamp::default() };
        self.engine.apply(Step::Tick(stamp), &mut self.outcome);
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now_ns += seconds * SECOND;
    }

    // What the hub records of feeds and requests.

    pub(crate) fn feed(&self, name: &str) -> FeedNo {
        let number = self.engine.names().feeds.iter().position(|known| **known == *name).expect("a feed");
        FeedNo(number as u32)
    }

    pub(crate) fn feed_status(&mut self, name: &str, status: ConnectionStatus) {
        let details = FeedDetails { feed_id: name.into(), status: status as i32, ..Default::default() };
        let r#type = FeedRequestType::Status as i32;
        let request = FeedRequest { r#type, status: Some(details), ..Default::default() };
        self.apply(FeedNo::OMS, Origin::default(), &request.encode_to_vec());
    }

    pub(crate) fn online(&mut self, name: &str) {
        self.feed_status(name, ConnectionStatus::Online);
    }

    pub(crate) fn offline(&mut self, name: &str) {
        self.feed_status(name, ConnectionStatus::Disconnected);
    }

    pub(crate) fn dispatch(&mut self, id: &str) {
        self.apply(FeedNo::OMS, Origin::DISPATCH, &dispatch_body("O", "A", id));
    }

    pub(crate) fn backlog(&mut self, feed: &str) {
        self.apply(FeedNo::OMS, Origin::DISPATCH, &backlog_body(feed));
    }

    pub(crate) fn time_out(&mut self) {
        self.apply(FeedNo::OMS, Origin::DISPATCH, &timeout_body());
    }

    // Clients.

    pub(crate) fn submit(&mut self, request: &ClientRequest) -> ClientRequestResponse {
        let (r#type, request) = (FeedRequestType::Request as i32, Some(Box::new(request.clone())));
        let bytes = FeedRequest { r#type, request, ..Default::default() }.encode_to_vec();
        self.apply(FeedNo::OMS, Origin::CLIENT, &bytes);
        self.response()
    }

    pub(crate) fn response(&self) -> ClientRequestResponse {
        let mut w = ReverseWriter::default();
        encode::request_response(&mut w, &self.outcome);
        let message = proto::EventMessage::decode(w.bytes()).expect("an event message");
        *message.request_response.expect("every client request is answered")
    }

    pub(crate) fn decision(&self) -> Decision {
        self.outcome.answer.expect("every client request is answered").decision
    }

    /// Submits and delivers a request to a feed that is online.
    pub(crate) fn submit_and_dispatch(&mut self, request: &ClientRequest) {
        let response = self.submit(request);
        assert_eq!((&*response.status, &response.errors[..]), ("Pending", &[][..]));
        self.dispatch(&request.request_id);
        assert_eq!(self.outcome.deliveries.len(), 1);
    }

    /// A decision on a queued request.
    pub(crate) fn decide(&mut self, id: &str, target: &str, update: ClientRequestUpdate) -> ClientRequestResponse {
        let update = ClientRequestUpdate { request_id: target.into(), ..update };
        self.submit(&decision(id, ClientQueueUpdateType::Update, update))
    }

    // Adapters.

    pub(crate) fn progress(&mut self, feed: &str, id: &str, update: ClientRequestUpdate) {
        let update = ClientRequestUpdate { request_id: id.into(), account: account("A"), ..update };
        let (r#type, update) = (FeedRequestType::Update as i32, Some(Box::new(update)));
        let bytes = FeedRequest { r#type, update, ..Default::default() }.encode_to_vec();
        self.apply(self.feed(feed), Origin::default(), &bytes);
    }

    pub(crate) fn report(&mut self, feed: &str, request: &ClientRequest) {
        let (r#type, request) = (FeedRequestType::Request as i32, Some(Box::new(request.clone())));
        let bytes = FeedRequest { r#type, request, ..Default::default() }.encode_to_vec();
        self.apply(self.feed(feed), Origin::default(), &bytes);
    }

    pub(crate) fn act(&mut self, feed: &str, order: OrderState, reason: OrderUpdateReason) {
        let action = ExternalAction {
            r#type: ExternalActionType::Update as i32,
            order: Some(Box::new(order)),
            update: Some(Box::new(OrderUpdate { reason: reason as i32, ..Default::default() })),
            ..Default::default()
        };
        let r#type = FeedRequestType::Action as i32;
        let bytes = FeedRequest { r#type, action: Some(action), ..Default::default() }.encode_to_vec();
        self.apply(self.feed(feed), Origin::default(), &bytes);
        assert!(self.outcome.is_accepted(), "{:?}", self.outcome.refusals);
    }

    // What is shown.

    /// The last update's events of the Requests view.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let decode = |event| {
            let mut w = ReverseWriter::default();
            encode::request_event(&mut w, &self.outcome, event);
            let update = proto::EventMessage::decode(w.bytes()).expect("an event message").updates.remove(0);
            let state = *update.request.expect("a request event");
            let removed = update.update_action == UpdateAction::Remove as i32;
            let id = state.request.as_ref().expect("the request").request_id.clone();
            Shown { id, status: state.status.clone(), removed, state }
        };
        self.outcome.requests.iter().map(decode).collect()
    }

    /// The same in short: id, status, and `-` where it is removed.
    pub(crate) fn told(&self) -> String {
        let words = self.shown().into_iter().map(|it| {
            let removed = if it.removed { "-" } else { "" };
            format!("{} {}{removed}", it.id, it.status)
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// The state of an active request of account A, the same in the engine and in the views.
    pub(crate) fn state(&self, id: &str) -> Option<ClientRequestState> {
        let account = self.views.account("O", "A")?;
        let key = request_key(self.views.names().account(account).hash, id.as_bytes());
        let (active, viewed) = (self.engine.active_request(key), self.views.request(account, id));
        assert_eq!(active, viewed.map(|record| &*record.bytes), "the view is the state");
        active.map(|bytes| ClientRequestState::decode(bytes).expect("a state"))
    }

    pub(crate) fn status(&self, id: &str) -> String {
        self.state(id).map_or_else(|| "none".into(), |state| state.status)
    }

    /// The ids of all active requests, sorted.
    pub(crate) fn active(&self) -> Vec<String> {
        let mut ids: Vec<String> = self
            .views
            .requests()
            .iter()
            .map(|record| ClientRequestState::decode(&record.bytes[..]).expect("a state"))
            .map(|state| state.request.expect("the request").request_id)
            .collect();
        ids.sort();
        ids
    }

    /// The requests that were delivered with the last update: rpc and id.
    pub(crate) fn delivered(&self) -> Vec<(i64, String)> {
        let decode = |delivery: &ordo_core::outcome::Delivery| {
            let mut w = ReverseWriter::default();
            encode::delivery(&mut w, &self.outcome, delivery);
            let event = *proto::EventMessage::decode(w.bytes()).expect("an event message").feed.expect("a feed event");
            (event.request_id, event.request.expect("the request").request_id)
        };
        self.outcome.deliveries.iter().map(decode).collect()
    }

    /// An engine of an image is this one, and one that applies the record again.
    pub(crate) fn assert_same_again(&self) {
        let image = self.engine.image();
        let loaded = Engine::from_image(&image).expect("just made");
        assert_eq!(loaded.state_hash(), self.engine.state_hash());
        assert!(loaded.image() == image, "one image, byte for byte");
        assert_eq!(loaded.next_request_due(), self.engine.next_request_due());
        let shown = |views: &Views| -> Vec<Vec<u8>> {
            let mut all: Vec<Vec<u8>> = views.requests().iter().map(|record| record.bytes.to_vec()).collect();
            all.sort();
            all
        };
        assert_eq!(shown(&Views::of(&loaded)), shown(&self.views));
    }
}

pub(crate) fn account(id: &str) -> Option<Account> {
    Some(Account { owner_id: "O".into(), account_id: id.into() })
}

pub(crate) fn figure(text: &str) -> Option<proto::BigNumber> {
    Some(text.parse::<ordo_core::dec::Dec>().expect("a figure").into())
}

fn request(id: &str, r#type: ClientRequestType) -> ClientRequest {
    ClientRequest { r#type: r#type as i32, request_id: id.into(), account: account("A"), ..Default::default() }
}

/// Buy 100 AAPL at 10 on XNAS.
pub(crate) fn new(id: &str) -> ClientRequest {
    let new = OrderNew {
        code: "AAPL".into(),
        exchange: "XNAS".into(),
        side: Side::Buy as i32,
        order_type: OrderType::Limit as i32,
        price: figure("10"),
        quantity: figure("100"),
        ..Default::default()
    };
    ClientRequest { new: Some(Box::new(new)), ..request(id, ClientRequestType::New) }
}

pub(crate) fn queued(id: &str, queue: &str) -> ClientRequest {
    let queue = ClientQueue { queue_id: Some(queue.into()), ..Default::default() };
    ClientRequest { queue: Some(queue), ..new(id) }
}

pub(crate) fn amend(id: &str, order: &str) -> ClientRequest {
    let new = *new(id).new.expect("given");
    let amend = proto::OrderAmend {
        order_id: order.into(),
        code: new.code,
        exchange: new.exchange,
        side: new.side,
        order_type: new.order_type,
        price: figure("11"),
        quantity: figure("120"),
        ..Default::default()
    };
    ClientRequest { amend: Some(Box::new(amend)), ..request(id, ClientRequestType::Amend) }
}

pub(crate) fn cancel(id: &str, order: &str) -> ClientRequest {
    let cancel = proto::OrderCancel { order_id: order.into(), ..Default::default() };
    ClientRequest { cancel: Some(Box::new(cancel)), ..request(id, ClientRequestType::Cancel) }
}

/// From account A to B.
pub(crate) fn moved(id: &str, order: &str) -> ClientRequest {
    let moved = proto::OrderMove { order_id: order.into(), prev_account: account("A"), ..Default::default() };
    ClientRequest { r#move: Some(Box::new(moved)), account: account("B"), ..request(id, ClientRequestType::Move) }
}

pub(crate) fn cash(id: &str, value: &str) -> ClientRequest {
    let transfer = proto::ClientCashTransfer { currency: "USD".into(), value: figure(value), ..Default::default() };
    ClientRequest { cash_transfer: Some(Box::new(transfer)), ..request(id, ClientRequestType::CashTransfer) }
}

pub(crate) fn decision(id: &str, r#type: ClientQueueUpdateType, update: ClientRequestUpdate) -> ClientRequest {
    let update = ClientQueueUpdate { r#type: r#type as i32, update: Some(Box::new(update)) };
    ClientRequest { update: Some(update), ..request(id, ClientRequestType::Update) }
}

pub(crate) fn order(id: &str, request: &str) -> OrderState {
    OrderState {
        order_id: id.into(),
        request_id: request.into(),
        account: account("A"),
        code: "AAPL".into(),
        exchange: "XNAS".into(),
        currency: "USD".into(),
        side: Side::Buy as i32,
        order_type: OrderType::Limit as i32,
        price: figure("10"),
        quantity: figure("100"),
        ..Default::default()
    }
}

pub(crate) fn status(code: &str) -> ClientRequestUpdate {
    ClientRequestUpdate { status: Some(code.into()), ..Default::default() }
}

pub(crate) fn target(queue: Option<&str>) -> ClientRequestUpdate {
    let queue = ClientQueue { queue_id: queue.map(Into::into), ..Default::default() };
    ClientRequestUpdate { target: Some(queue), ..Default::default() }
}

//! A New, an Amend and a Cancel, their dispatches and their answers allocate nothing once the engine is warm.

mod allocations;
mod desk;

use allocations::allocations_during;
use desk::{Desk, SECOND, account, amend, cancel, new, order, status};
use ordo_core::engine::requests::dispatch_body;
use ordo_core::engine::{Engine, Input};
use ordo_core::names::FeedNo;
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::proto::{
    ClientRequest, ClientRequestUpdate, ExternalAction, ExternalActionType, FeedRequest, FeedRequestType, OrderState,
    OrderUpdate, OrderUpdateReason, TimestampWithTimeZone,
};
use ordo_core::record::{Origin, Rules, Step};
use ordo_core::wire;
use prost::Message;

struct Recorded {
    feed: FeedNo,
    origin: Origin,
    bytes: Vec<u8>,
    request: wire::FeedRequest,
}

fn recorded(feed: FeedNo, origin: Origin, bytes: Vec<u8>) -> Recorded {
    let request = wire::FeedRequest::decode(&bytes).expect("written by prost");
    Recorded { feed, origin, bytes, request }
}

fn submitted(request: &ClientRequest) -> [Recorded; 2] {
    let (r#type, id) = (FeedRequestType::Request as i32, &request.request_id);
    let body = FeedRequest { r#type, request: Some(Box::new(request.clone())), ..Default::default() }.encode_to_vec();
    [recorded(FeedNo::OMS, Origin::CLIENT, body), recorded(FeedNo::OMS, Origin::DISPATCH, dispatch_body("O", "A", id))]
}

fn action(feed: FeedNo, order: OrderState, reason: OrderUpdateReason) -> Recorded {
    let update = OrderUpdate { reason: reason as i32, ..Default::default() };
    let action = ExternalAction {
        r#type: ExternalActionType::Update as i32,
        order: Some(Box::new(order)),
        update: Some(Box::new(update)),
        ..Default::default()
    };
    let r#type = FeedRequestType::Action as i32;
    recorded(
        feed,
        Origin::default(),
        FeedRequest { r#type, action: Some(action), ..Default::default() }.encode_to_vec(),
    )
}

fn answer(feed: FeedNo, id: &str, code: &str) -> Recorded {
    let errors = if code == "Rejected" { vec!["TotalQuantity".to_owned()] } else { Vec::new() };
    let update = ClientRequestUpdate { request_id: id.into(), account: account("A"), errors, ..status(code) };
    let (r#type, update) = (FeedRequestType::Update as i32, Some(Box::new(update)));
    recorded(feed, Origin::default(), FeedRequest { r#type, update, ..Default::default() }.encode_to_vec())
}

/// What becomes of the n-th order, from its request to its removal.
fn round(feed: FeedNo, n: usize) -> Vec<Recorded> {
    let (id, n_id, a_id, c_id) = (format!("#{n:08}"), format!("N{n:08}"), format!("A{n:08}"), format!("C{n:08}"));
    let mut round: Vec<Recorded> = Vec::new();
    round.extend(submitted(&new(&n_id)));
    round.push(action(feed, order(&id, &n_id), OrderUpdateReason::New));
    round.push(answer(feed, &n_id, "Completed"));
    round.extend(submitted(&amend(&a_id, &id)));
    round.push(answer(feed, &a_id, "Rejected"));
    round.extend(submitted(&cancel(&c_id, &id)));
    let remove_after = Some(TimestampWithTimeZone::default());
    let cancelled = OrderState { is_completed: true, remove_after, ..order(&id, &c_id) };
    round.push(action(feed, cancelled, OrderUpdateReason::Cancel));
    round.push(answer(feed, &c_id, "Completed"));
    round
}

fn apply(engine: &mut Engine, outcome: &mut Outcome, updates: &[Recorded]) {
    for Recorded { feed, origin, bytes, request } in updates {
        let position = if *feed == FeedNo::OMS { 0 } else { engine.feeds()[feed.index()].position + 1 };
        let (sequence, time_ns) = (engine.sequence() + 1, engine.time_ns() + 1_000);
        let (feed, origin, rules) = (*feed, *origin, Rules::CURRENT);
        let stamp = Stamp { sequence, time_ns, feed, position, origin, rules };
        engine.apply(Input { stamp, bytes, request }, outcome);
        assert!(outcome.is_accepted() && !outcome.is_silent());
    }
}

#[test]
fn requests_and_their_answers_allocate_nothing_once_warm() {
    // Each table has its size by then: a quarter of that passes again.
    const WARM: usize = 4_000;
    const MEASURED: usize = 1_000;
    let mut desk = Desk::new();
    desk.online("XNAS");
    let feed = desk.feed("XNAS");
    let Desk { mut engine, mut outcome, .. } = desk;
    let warm: Vec<Recorded> = (0..WARM).flat_map(|n| round(feed, n)).collect();
    let measured: Vec<Recorded> = (WARM..WARM + MEASURED).flat_map(|n| round(feed, n)).collect();
    apply(&mut engine, &mut outcome, &warm);
    let mut time_ns = engine.time_ns() + 40 * 86_400 * SECOND;
    while engine.next_prune_ns().is_some() {
        time_ns += 1;
        let sequence = engine.sequence() + 1;
        engine.apply(Step::Tick(Stamp { sequence, time_ns, ..Stamp::default() }), &mut outcome);
    }
    assert_eq!(allocations_during(|| drop(std::hint::black_box(Box::new(1_u64)))), 1, "the counter counts");
    let allocations = allocations_during(|| apply(&mut engine, &mut outcome, &measured));
    assert_eq!(allocations, 0, "{} updates", measured.len());
}

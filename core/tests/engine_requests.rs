//! Client requests from their submission to their end, as clients, adapters and the hub's own records see them.

mod desk;

use desk::{Desk, SECOND, account, amend, cancel, cash, decision, figure, moved, new, order, queued, status, target};
use ordo_core::engine::DueKind;
use ordo_core::metadata::Details;
use ordo_core::outcome::Decision;
use ordo_core::proto::{
    ClientAuthority, ClientQueueUpdateType, ClientRequest, ClientRequestUpdate, Lifetime, OrderType, OrderUpdateReason,
    OwnerDetails, Side, TransferDestination,
};

#[test]
fn a_new_order_goes_from_pending_over_submitted_to_completed() {
    let mut desk = Desk::new();
    desk.online("XNAS");
    let response = desk.submit(&new("R1"));
    assert_eq!((&*response.status, &*response.request_id), ("Pending", "R1"));
    assert_eq!(desk.decision(), Decision::Routed(desk.feed("XNAS")));
    assert_eq!(desk.told(), "R1 Pending");
    assert!(desk.outcome.request().routed.is_some() && desk.outcome.deliveries.is_empty());
    desk.dispatch("R1");
    assert_eq!(desk.told(), "R1 Submitted");
    let sequence = desk.outcome.stamp.sequence as i64;
    assert_eq!(desk.delivered(), [(sequence, "R1".to_owned())]);
    assert_eq!(desk.state("R1").expect("active").route, "XNAS");
    desk.act("XNAS", order("#1", "R1"), OrderUpdateReason::New);
    assert_eq!(desk.told(), "", "the order itself is shown");
    desk.assert_same_again();
    desk.progress("XNAS", "R1", status("Completed"));
    assert_eq!(desk.told(), "R1 Completed-");
    let shown = desk.shown().remove(0).state;
    assert!(shown.is_completed && shown.order_id == "#1", "the order that appeared with it: {shown:?}");
    assert!(desk.active().is_empty());
    desk.assert_same_again();
}

#[test]
fn a_request_waits_for_its_feed_and_is_delivered_when_it_comes() {
    let mut desk = Desk::new();
    for id in ["R1", "R2", "R3"] {
        desk.submit(&new(id));
        desk.dispatch(id);
        assert!(desk.outcome.is_silent() && desk.outcome.deliveries.is_empty(), "nobody supplies the feed");
    }
    desk.online("XNAS");
    let due = desk.engine.next_request_due().expect("a backlog");
    assert_eq!((due.at_ns, due.kind), (0, DueKind::Dispatch { feed: desk.feed("XNAS"), requests: 3 }));
    for id in ["R1", "R2", "R3"] {
        desk.backlog("XNAS");
        assert_eq!(desk.delivered()[0].1, id, "first in, first out");
    }
    desk.backlog("XNAS");
    assert!(desk.outcome.is_silent());
    assert_eq!(desk.engine.next_request_due(), None);
}

#[test]
fn what_was_delivered_is_repeated_to_the_next_supplier_before_what_is_new() {
    let mut desk = Desk::new();
    desk.online("XNAS");
    desk.submit_and_dispatch(&new("R1"));
    let first = desk.delivered();
    desk.submit_and_dispatch(&new("R2"));
    let second = desk.delivered();
    desk.progress("XNAS", "R3", status("Completed"));
    assert!(!desk.outcome.is_accepted());
    desk.offline("XNAS");
    assert!(desk.delivered().is_empty());
    desk.submit(&new("R4"));
    desk.assert_same_again();
    desk.online("XNAS");
    assert_eq!(desk.delivered(), [first, second].concat(), "the same numbers, in the old order");
    assert!(desk.outcome.deliveries.iter().all(|delivery| delivery.is_repeated));
    desk.online("XNAS");
    assert!(desk.delivered().is_empty(), "a sign of life of the same supplier");
    desk.backlog("XNAS");
    assert_eq!(desk.delivered()[0].1, "R4");
}

#[test]
fn a_request_whose_feed_does_not_come_times_out() {
    let mut desk = Desk::new();
    desk.submit(&new("R1"));
    let due = desk.engine.next_request_due().expect("its time-out");
    assert_eq!((due.at_ns, due.kind), (desk.now_ns + 30 * SECOND, DueKind::RequestTimeout));
    desk.wait(29);
    desk.time_out();
    assert!(desk.outcome.is_silent(), "not yet");
    desk.wait(1);
    desk.time_out();
    assert_eq!(desk.told(), "R1 Rejected-");
    assert_eq!(desk.shown()[0].state.errors, ["Timeout"]);
    assert!(desk.outcome.request().update.is_some());
    desk.online("XNAS");
    desk.backlog("XNAS");
    assert!(desk.outcome.is_silent(), "what timed out is never delivered");
}

#[test]
fn a_submitted_request_never_times_out() {
    let mut desk = Desk::new();
    desk.online("XNAS");
    desk.submit_and_dispatch(&new("R1"));
    desk.wait(1_000);
    assert_eq!(desk.engine.next_request_due(), None);
    desk.time_out();
    assert_eq!((desk.outcome.is_silent(), &*desk.status("R1")), (true, "Submitted"));
}

#[test]
fn a_queued_request_expires_at_its_instant() {
    let mut desk = Desk::new();
    let mut request = queued("R1", "DTR");
    let expires_ns = desk.now_ns + 5 * SECOND;
    let at = ordo_core::proto::TimestampWithTimeZone::from_unix_nanos(expires_ns);
    request.queue.as_mut().expect("given").expire_after = Some(at);
    assert_eq!(desk.submit(&request).status, "Queued");
    assert_eq!(desk.decision(), Decision::Answered);
    desk.assert_same_again();
    assert_eq!(desk.engine.next_request_due().map(|due| due.at_ns), Some(expires_ns));
    desk.time_out();
    assert_eq!(desk.status("R1"), "Queued");
    desk.wait(5);
    desk.time_out();
    assert_eq!(desk.told(), "R1 Rejected-");
    assert_eq!(desk.shown()[0].state.errors, ["Timeout"]);
}

#[test]
fn a_repeated_id_is_recognised_and_another_request_under_it_refused() {
    let mut desk = Desk::new();
    desk.online("XNAS");
    desk.submit_and_dispatch(&new("R1"));
    let hash = desk.engine.state_hash();
    let mut other = new("R1");
    other.new.as_mut().expect("given").quantity = figure("101");
    assert_eq!(desk.submit(&new("R1")).status, "Submitted");
    assert_eq!((desk.decision(), desk.outcome.is_silent()), (Decision::Answered, true));
    assert_eq!(desk.submit(&other).errors, ["RequestID.Duplicate"]);
    assert_eq!((desk.decision(), desk.outcome.is_silent()), (Decision::Duplicate, true));
    assert_eq!(desk.engine.state_hash(), hash);
    desk.progress("XNAS", "R1", status("Completed"));
    let ended_ns = desk.now_ns;
    assert_eq!(desk.submit(&new("R1")).status, "Completed");
    assert_eq!(desk.decision(), Decision::Ended { at_ns: ended_ns });
    assert_eq!(desk.submit(&other).errors, ["RequestID.Duplicate"]);
    desk.assert_same_again();
}

#[test]
fn an_id_is_free_again_after_the_retention() {
    let mut desk = Desk::new();
    desk.online("XNAS");
    desk.submit_and_dispatch(&new("R1"));
    desk.progress("XNAS", "R1", status("Completed"));
    let before = desk.engine.state_hash();
    desk.wait(30 * 86_400);
    assert!(desk.engine.next_prune_ns().is_some_and(|due_ns| due_ns <= desk.now_ns));
    desk.tick();
    assert_ne!(desk.engine.state_hash(), before);
    assert_eq!(desk.engine.next_prune_ns(), None);
    assert_eq!(desk.submit(&new("R1")).status, "Pending");
}

#[test]
fn all_problems_of_a_new_order_come_at_once_and_end_it() {
    let mut desk = Desk::new();
    let mut request = new("R1");
    let new_order = request.new.as_mut().expect("given");
    (new_order.code, new_order.exchange) = (String::new(), String::new());
    (new_order.side, new_order.quantity, new_order.price) = (0, figure("0"), None);
    new_order.lifetime = Lifetime::GoodTillDate as i32;
    let response = desk.submit(&request);
    let problems = ["Symbol", "Exchange", "Side", "TotalQuantity", "LimitPrice.Missing", "ExpiryDate"];
    assert_eq!((&*response.status, &response.errors[..]), ("Rejected", &problems.map(str::to_owned)[..]));
    assert_eq!((desk.told(), desk.outcome.is_silent()), ("R1 Rejected-".into(), false), "recorded and shown");
    assert_eq!(desk.shown()[0].state.errors, problems);
    assert!(desk.outcome.is_accepted(), "the update was applied: its result is a refused request");
    assert_eq!(desk.submit(&request).status, "Rejected", "the refusal again");
    desk.assert_same_again();
}

/// What each type needs: the change to a request, and the codes that it has then.
#[test]
fn each_missing_or_bad_field_has_its_code() {
    let mut desk = Desk::new();
    desk.online("XNAS");
    desk.act("XNAS", order("#1", "R0"), OrderUpdateReason::New);
    type Change = fn(&mut ClientRequest);
    let cases: &[(ClientRequest, Change, &[&str])] = &[
        (new("a"), |it| it.new = None, &["Details"]),
        (new("b"), |it| it.r#type = 77, &["Operation.Unknown"]),
        (new("c"), |it| it.account = account(""), &["Account"]),
        (new("d"), |it| it.new.as_mut().expect("").order_type = 0, &["OrderType"]),
        (new("e"), |it| it.new.as_mut().expect("").order_type = OrderType::StopLimit as i32, &[]),
        (new("f"), |it| it.new.as_mut().expect("").quantity = figure("-1"), &["TotalQuantity"]),
        (new("g"), |it| it.new.as_mut().expect("").side = Side::Unknown as i32, &["Side"]),
        (new("h"), |it| it.new.as_mut().expect("").exchange = "XXXX".into(), &["Route"]),
        (amend("i", "#1"), |_| {}, &[]),
        (amend("j", "#2"), |_| {}, &["Order"]),
        (amend("k", "#1"), |it| it.amend.as_mut().expect("").quantity = None, &["TotalQuantity"]),
        (amend("l", "#1"), |it| it.amend.as_mut().expect("").code = "MSFT".into(), &["Symbol"]),
        (amend("m", "#1"), |it| it.amend.as_mut().expect("").prev_request_id = "R9".into(), &["Request.Stale"]),
        (amend("n", "#1"), |it| it.amend.as_mut().expect("").prev_request_id = "R0".into(), &[]),
        (cancel("o", "#1"), |_| {}, &[]),
        (cancel("p", ""), |_| {}, &["Order"]),
        (cancel("q", "#1"), |it| it.cancel.as_mut().expect("").quantity = figure("99"), &["TotalQuantity"]),
        (cancel("r", "#1"), |it| it.cancel.as_mut().expect("").quantity = figure("100.0"), &[]),
        (moved("s", "#1"), |_| {}, &[]),
        (moved("t", "#1"), |it| it.account = account("A"), &["Account"]),
        (moved("u", "#1"), |it| it.r#move.as_mut().expect("").prev_account = account("C"), &["Order"]),
        (cash("v", "5"), |_| {}, &["Route"]),
        (
            cash("w", "0"),
            |it| it.cash_transfer.as_mut().expect("").currency = "".into(),
            &["Currency", "Value", "Route"],
        ),
    ];
    for (request, change, expected) in cases {
        let mut request = request.clone();
        change(&mut request);
        let response = desk.submit(&request);
        assert_eq!(response.errors, *expected, "{}", request.request_id);
        assert_eq!(response.status, if expected.is_empty() { "Pending" } else { "Rejected" });
    }
    desk.assert_same_again();
}

#[test]
fn the_status_of_an_order_permits_what_the_exchange_says() {
    let mut desk = Desk::new();
    let status =
        ordo_core::proto::OrderStatusDetails { code: "OnMarket".into(), can_cancel: true, ..Default::default() };
    desk.define(Details::Exchange(Box::new(ordo_core::proto::ExchangeDetails {
        exchange: "XNAS".into(),
        order_statuses: vec![status],
        ..Default::default()
    })));
    desk.online("XNAS");
    let on_market = ordo_core::proto::OrderState { status: "OnMarket".into(), ..order("#1", "") };
    desk.act("XNAS", on_market, OrderUpdateReason::New);
    assert_eq!(desk.submit(&amend("R1", "#1")).errors, ["Order.Status"]);
    assert_eq!(desk.submit(&moved("R2", "#1")).errors, ["Order.Status"]);
    assert!(desk.submit(&cancel("R3", "#1")).errors.is_empty());
    let strange = ordo_core::proto::OrderState { status: "Strange".into(), ..order("#1", "") };
    desk.act("XNAS", strange, OrderUpdateReason::Status);
    assert!(desk.submit(&amend("R4", "#1")).errors.is_empty(), "a status that is not defined permits all");
}

#[test]
fn requests_go_where_their_destination_leads() {
    let mut desk = Desk::new();
    desk.define_exchange("XTWO", &[("LIT", "FEED1"), ("DARK", "")]);
    desk.online("XBARE");
    let to = |id: &str, exchange: &str, destination: &str| {
        let mut request = new(id);
        let new = request.new.as_mut().expect("given");
        (new.exchange, new.ex_destination) = (exchange.into(), destination.into());
        request
    };
    let cases = [
        ("a", "XNAS", "", Ok("XNAS")),
        ("b", "XNAS", "nowhere", Ok("XNAS")),
        ("c", "XTWO", "", Err("Route.Ambiguous")),
        ("d", "XTWO", "LIT", Ok("FEED1")),
        ("e", "XTWO", "DARK", Ok("XTWO")),
        ("f", "XBARE", "", Ok("XBARE")),
        ("g", "FEED1", "", Err("Route")),
        ("h", "oms", "", Err("Route")),
    ];
    for (id, exchange, destination, expected) in cases {
        let response = desk.submit(&to(id, exchange, destination));
        match expected {
            Ok(feed) => assert_eq!(desk.decision(), Decision::Routed(desk.feed(feed)), "{id}"),
            Err(code) => assert_eq!(response.errors, [code], "{id}"),
        }
    }
    desk.assert_same_again();
}

#[test]
fn cash_goes_where_the_owner_says() {
    let mut desk = Desk::new();
    let destination = TransferDestination { ex_destination: "BANK".into(), route: "PAY".into() };
    let details = OwnerDetails { owner_id: "O".into(), destinations: vec![destination], ..Default::default() };
    desk.define(Details::Owner(Box::new(details)));
    let mut request = cash("R1", "-5.5");
    request.cash_transfer.as_mut().expect("given").ex_destination = "BANK".into();
    desk.submit(&request);
    assert_eq!(desk.decision(), Decision::Routed(desk.feed("PAY")));
    assert_eq!(desk.submit(&cash("R2", "5")).errors, ["Route"], "nobody is named like the owner");
    desk.online("O");
    desk.submit(&cash("R3", "5"));
    assert_eq!(desk.decision(), Decision::Routed(desk.feed("O")));
}

#[test]
fn halts_refuse_what_would_rest_and_let_cancels_pass() {
    let mut desk = Desk::new();
    desk.online("XNAS");
    desk.act("XNAS", order("#1", ""), OrderUpdateReason::New);
    let on = || ("Halted".to_owned(), "TRUE".to_owned());
    let owner = |id: &str| OwnerDetails { owner_id: id.into(), metadata: [on()].into(), ..Default::default() };
    desk.define(Details::Account(Box::new(ordo_core::proto::AccountDetails {
        account: account("A"),
        attributes: [on()].into(),
        ..Default::default()
    })));
    desk.define(Details::Owner(Box::new(owner("O"))));
    desk.define(Details::Owner(Box::new(owner("*"))));
    desk.define(Details::Identity(Box::new(ordo_core::proto::Permissions {
        identity: "User:me".into(),
        source: "S".into(),
        metadata: [on()].into(),
        ..Default::default()
    })));
    let symbol = ("Halted.AAPL".to_owned(), "true".to_owned());
    desk.define(Details::Exchange(Box::new(ordo_core::proto::ExchangeDetails {
        exchange: "XNAS".into(),
        metadata: [on(), symbol, ("Halted.MSFT".into(), "no".into())].into(),
        ..Default::default()
    })));
    let client = ClientAuthority { identity: "User:me".into(), source: "S".into(), ..Default::default() };
    let by_me = |mut request: ClientRequest| {
        request.authorities.insert("Client".into(), client.clone());
        request
    };
    let all =
        ["account", "identity", "owner", "symbol", "exchange", "everybody"].map(|scope| format!("Halted {scope}"));
    assert_eq!(desk.submit(&by_me(new("R1"))).errors, all);
    assert_eq!(desk.submit(&by_me(amend("R2", "#1"))).errors, all);
    assert_eq!(desk.submit(&by_me(moved("R3", "#1"))).errors.len(), all.len());
    assert!(desk.submit(&by_me(cancel("R4", "#1"))).errors.is_empty());
    let mut bad = by_me(new("R5"));
    bad.new.as_mut().expect("given").quantity = None;
    assert_eq!(desk.submit(&bad).errors.first().map(String::as_str), Some("TotalQuantity"), "beside other problems");
}

#[test]
fn a_queued_request_is_authorised_by_an_operator() {
    let mut desk = Desk::new();
    desk.online("XNAS");
    desk.submit(&queued("R1", "DTR"));
    desk.dispatch("R1");
    assert!(desk.outcome.is_silent(), "not routed");
    let update = ClientRequestUpdate { request_id: "R1".into(), ..target(None) };
    let mut authorise = decision("D1", ClientQueueUpdateType::Update, update);
    let operator = ClientAuthority { identity: "User:boss".into(), ..Default::default() };
    authorise.authorities.insert("Client".into(), operator.clone());
    let response = desk.submit(&authorise);
    assert_eq!((&*response.status, response.errors.len()), ("Completed", 0));
    assert_eq!(desk.told(), "R1 Pending, D1 Completed-");
    assert!(desk.outcome.request().routed.is_some());
    let request = desk.state("R1").and_then(|state| state.request).expect("active");
    assert_eq!((request.authorities.get("Authoriser"), request.queue), (Some(&operator), None));
    desk.assert_same_again();
    desk.backlog("XNAS");
    assert_eq!(desk.told(), "R1 Submitted");
    let again = desk.decide("D2", "R1", target(None));
    assert_eq!((&*again.status, &again.errors[..]), ("Rejected", &["Status".to_owned()][..]), "not queued any more");
    assert_eq!(desk.submit(&queued("R1", "DTR")).status, "Submitted", "the client's own repetition is known");
}

#[test]
fn queues_move_refuse_and_replace() {
    let mut desk = Desk::new();
    for id in ["R1", "R2", "R3"] {
        desk.submit(&queued(id, "DTR"));
    }
    assert!(desk.decide("D1", "R1", target(Some("LATER"))).errors.is_empty());
    let queue = desk.state("R1").and_then(|it| it.request).and_then(|it| it.queue).expect("queued");
    assert_eq!((queue.queue_id.as_deref(), &*desk.status("R1")), (Some("LATER"), "Queued"));
    let refusal = ClientRequestUpdate {
        errors: vec!["Authority".into()],
        text: Some("no".into()),
        is_completed: true,
        ..status("Rejected")
    };
    assert!(desk.decide("D2", "R2", refusal).errors.is_empty());
    assert_eq!(desk.told(), "R2 Rejected-, D2 Completed-");
    assert_eq!(
        (&desk.shown()[0].state.errors[..], &*desk.shown()[0].state.text),
        (&["Authority".to_owned()][..], "no")
    );
    assert_eq!(desk.decide("D3", "R2", target(None)).errors, ["Status"]);
    assert_eq!(desk.decide("D4", "R9", target(None)).errors, ["RequestID"]);
    let mut replace = decision(
        "D5",
        ClientQueueUpdateType::Replace,
        ClientRequestUpdate { request_id: "R3".into(), ..Default::default() },
    );
    replace.new = new("x").new;
    replace.new.as_mut().expect("given").quantity = figure("7");
    assert!(desk.submit(&replace).errors.is_empty());
    let request = desk.state("R3").and_then(|it| it.request).expect("active");
    assert_eq!((request.new.expect("new").quantity, &*request.request_id), (figure("7"), "R3"));
    replace.request_id = "D6".into();
    replace.new.as_mut().expect("given").quantity = None;
    assert_eq!(desk.submit(&replace).errors, ["TotalQuantity"], "checked again");
    assert_eq!(desk.told(), "D6 Rejected-", "the target stays as it was");
    assert_eq!(desk.decide("D7", "R3", status("Completed")).errors, ["Status"], "only an adapter completes");
    desk.assert_same_again();
}

#[test]
fn a_release_that_is_refused_ends_the_request_with_the_same_errors() {
    let mut desk = Desk::new();
    desk.submit(&queued("R1", "DTR"));
    let metadata = [("Halted".to_owned(), "true".to_owned())].into();
    let owner = OwnerDetails { owner_id: "O".into(), metadata, ..Default::default() };
    desk.define(Details::Owner(Box::new(owner)));
    let response = desk.decide("D1", "R1", target(None));
    assert_eq!((&*response.status, &response.errors[..]), ("Rejected", &["Halted owner".to_owned()][..]));
    assert_eq!(desk.told(), "R1 Rejected-, D1 Rejected-");
    assert_eq!(desk.shown()[0].state.errors, ["Halted owner"]);
    assert!(desk.active().is_empty());
}

#[test]
fn an_adapter_ends_a_request_once() {
    let mut desk = Desk::new();
    desk.online("XNAS");
    desk.submit_and_dispatch(&new("R1"));
    desk.progress("XNAS", "R1", status("Working"));
    assert_eq!((desk.told(), &*desk.status("R1")), ("R1 Working".into(), "Working"));
    let rejection =
        ClientRequestUpdate { errors: vec!["Side".into()], external_id: Some("X1".into()), ..status("Rejected") };
    desk.progress("XNAS", "R1", rejection);
    assert_eq!(desk.told(), "R1 Rejected-");
    let state = desk.shown().remove(0).state;
    assert_eq!((&state.errors[..], &*state.external_id, state.is_completed), (&["Side".to_owned()][..], "X1", true));
    let hash = desk.engine.state_hash();
    desk.progress("XNAS", "R1", status("Completed"));
    assert!(desk.outcome.is_accepted() && !desk.outcome.is_silent(), "recorded");
    assert_eq!(desk.told(), "", "and changes nothing");
    assert_ne!(desk.engine.state_hash(), hash, "but the feed's position");
    desk.progress("XNAS", "R9", status("Completed"));
    assert_eq!(desk.outcome.codes().collect::<Vec<_>>(), ["RequestID"]);
}

#[test]
fn an_order_action_with_reason_rejected_ends_its_request() {
    let mut desk = Desk::new();
    desk.online("XNAS");
    desk.submit_and_dispatch(&new("R1"));
    let rejected =
        ordo_core::proto::OrderState { is_completed: true, errors: vec!["LimitPrice".into()], ..order("#1", "R1") };
    desk.act("XNAS", rejected, OrderUpdateReason::Rejected);
    assert_eq!(desk.told(), "R1 Rejected-");
    let state = desk.shown().remove(0).state;
    assert_eq!((&state.errors[..], &*state.order_id), (&["LimitPrice".to_owned()][..], "#1"));
    assert!(desk.outcome.request().update.is_some() && desk.outcome.orders.len() == 1);
}

#[test]
fn an_adapter_reports_requests_of_its_own() {
    let mut desk = Desk::new();
    desk.online("XNAS");
    desk.report("XNAS", &new("X1"));
    assert_eq!((desk.told(), desk.outcome.requests[0].feed), ("X1 Submitted".into(), None), "not echoed");
    assert_eq!(desk.state("X1").expect("active").route, "XNAS");
    desk.offline("XNAS");
    desk.online("XNAS");
    assert!(desk.delivered().is_empty(), "the adapter has it");
    desk.report("XNAS", &queued("X2", "DESK"));
    assert_eq!(desk.told(), "X2 Queued");
    let mut changed = new("X1");
    changed.new.as_mut().expect("given").quantity = figure("5");
    desk.report("XNAS", &changed);
    let request = desk.state("X1").and_then(|it| it.request).expect("active");
    assert_eq!((request.new.expect("new").quantity, &*desk.status("X1")), (figure("5"), "Submitted"));
    changed.properties.insert("Status".into(), "Completed".into());
    desk.report("XNAS", &changed);
    assert_eq!(desk.told(), "X1 Completed-");
    desk.report("XNAS", &new("X1"));
    assert_eq!(desk.told(), "", "it has ended");
    desk.report("XNAS", &ClientRequest { account: None, request_id: String::new(), ..new("") });
    assert_eq!(desk.outcome.codes().collect::<Vec<_>>(), ["Account", "RequestID"]);
    desk.assert_same_again();
}

#[test]
fn a_status_that_is_defined_to_complete_ends_a_request() {
    let mut desk = Desk::new();
    desk.define(Details::RequestStatus(Box::new(ordo_core::proto::RequestStatusDetails {
        code: "Parked".into(),
        is_completed: true,
        is_normal: true,
        ..Default::default()
    })));
    desk.online("XNAS");
    desk.submit_and_dispatch(&new("R1"));
    desk.progress("XNAS", "R1", status("Parked"));
    assert_eq!(desk.told(), "R1 Parked-");
    assert!(desk.shown()[0].state.is_completed);
}

#[test]
fn a_validation_checks_and_estimates_and_records_nothing() {
    use ordo_core::proto::ClientRequestResponse;
    use prost::Message;
    let mut desk = Desk::new();
    desk.online("XNAS");
    let (hash, validate) = (desk.engine.state_hash(), |desk: &Desk, request: &ClientRequest| {
        let validation = desk.engine.validate(&request.encode_to_vec()).expect("a request");
        let response = ClientRequestResponse::decode(&validation.response[..]).expect("a response");
        (validation.is_accepted, validation.feed, response)
    });
    let (is_accepted, feed, response) = validate(&desk, &new("R1"));
    assert_eq!((is_accepted, feed, &*response.status), (true, Some(desk.feed("XNAS")), "Completed"));
    let value = |name: &str| response.values.get(name).map(|value| value.dec().expect("exact").to_string());
    assert_eq!(value("EstimatedValue").as_deref(), Some("1000"));
    assert_eq!(value("EstimatedFees").as_deref(), Some("0"));
    assert_eq!(value("BuyingPowerAfter").as_deref(), Some("-1000"));
    let (is_accepted, feed, response) = validate(&desk, &amend("R2", "#9"));
    assert_eq!((is_accepted, feed, &response.errors[..]), (false, None, &["Order".to_owned()][..]));
    desk.offline("XNAS");
    assert_eq!(validate(&desk, &new("R1")).1, None);
    assert_eq!(desk.engine.counts().requests, 0);
    assert_ne!(hash, 0);
}

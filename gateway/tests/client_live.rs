//! The client against a real hub, in JSON and in binary.

#![allow(clippy::disallowed_methods)]

use ordo_core::json::message;
use ordo_core::proto::{CashPosition, ExternalAction, SubscriptionType};

use ordo_client::{Adapter, AdapterOptions, Form, Options, Subscriber, messages, rest};
use ordo_gateway::hub::{Config, Hub, Wait};
use ordo_testkit::{PATIENCE, actions};

fn deposit(account: &str, value: &str) -> ExternalAction {
    actions::deposit(&actions::account("XS", account), value)
}

fn start(data: &std::path::Path) -> Hub {
    let mut config = Config::new(data);
    config.dev = true;
    config.wait = Wait::Park;
    config.pin = false;
    Hub::start(config).expect("it starts")
}

fn options(form: Form) -> AdapterOptions {
    AdapterOptions { connection: Options { form, ..Options::default() }, ..AdapterOptions::default() }
}

#[test]
fn what_an_adapter_submits_in_json_a_subscriber_folds_in_binary_and_rest_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = start(folder.path());
    let mut subscriber = Subscriber::open(hub.addr(), Form::Binary).expect("it opens");
    let balances = subscriber.subscribe(SubscriptionType::Balances, vec![]).expect("it is allowed");
    let mut adapter = Adapter::open_with(hub.addr(), "f", options(Form::Json)).expect("it opens");
    for (position, value) in [(3, "10.50"), (4, "-0.25"), (9, "1")] {
        adapter.submit(position, deposit("A", value)).expect("it is taken");
    }
    assert_eq!(adapter.wait_bookmark(9, PATIENCE).expect("it is durable"), 9);
    subscriber.synchronise().expect("it is answered");
    let view = subscriber.view(balances);
    assert_eq!((view.position("f"), view.updates()), (9, 3));
    let folded = view.records::<CashPosition>().expect("they decode");
    assert_eq!(folded[0].balance.expect("given").dec().to_string(), "11.25");
    let answer = rest::get(hub.addr(), "/balance").expect("it is answered");
    assert_eq!(answer.records::<CashPosition>(message::CASH_POSITION).expect("they decode"), folded);
    assert_eq!(adapter.close(PATIENCE).expect("it closes"), 9);
    hub.stop().expect("it stops");
}

#[test]
fn an_adapter_goes_on_at_a_hub_that_was_started_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = start(folder.path());
    let mut adapter = Adapter::open_with(hub.addr(), "f", options(Form::Binary)).expect("it opens");
    adapter.submit(1, deposit("A", "1")).expect("it is taken");
    adapter.wait_bookmark(1, PATIENCE).expect("it is durable");
    hub.stop().expect("it stops");
    // Whether the first of them still finds the connection open is the kernel's to say.
    let submitted = [2, 3].map(|position| adapter.submit(position, deposit("A", "1")));
    assert_eq!(adapter.last_submitted(), 3, "{submitted:?}");
    let hub = start(folder.path());
    adapter.reconnect_to(hub.addr()).expect("the hub is back");
    assert_eq!(adapter.resumed(), 1);
    adapter.wait_bookmark(3, PATIENCE).expect("they are durable");
    let answer = rest::get(hub.addr(), "/balance/for/XS/A").expect("it is answered");
    let balances = answer.records::<CashPosition>(message::CASH_POSITION).expect("they decode");
    assert_eq!(balances[0].balance.expect("given").dec().to_string(), "3");
    hub.stop().expect("it stops");
}

#[test]
fn the_same_subscription_twice_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = start(folder.path());
    let mut subscriber = Subscriber::open(hub.addr(), Form::Json).expect("it opens");
    let only_a = || vec![messages::target("Account", &["XS/A"])];
    let first = subscriber.subscribe(SubscriptionType::Balances, only_a()).expect("it is allowed");
    let error = subscriber.subscribe(SubscriptionType::Balances, only_a()).expect_err("it is the same");
    assert_eq!(error.to_string(), "refused: AlreadySubscribed");
    let all = subscriber.subscribe(SubscriptionType::Balances, vec![]).expect("it is another");
    let mut adapter = Adapter::open(hub.addr(), "f").expect("it opens");
    for (position, account) in [(1, "A"), (2, "B")] {
        adapter.submit(position, deposit(account, "1")).expect("it is taken");
    }
    adapter.wait_bookmark(2, PATIENCE).expect("they are durable");
    subscriber.synchronise().expect("it is answered");
    assert_eq!((subscriber.view(first).len(), subscriber.view(all).len()), (1, 2));
    subscriber.unsubscribe(first).expect("it is there");
    hub.stop().expect("it stops");
}

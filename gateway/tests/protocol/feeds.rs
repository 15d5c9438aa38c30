//! Feeds: who supplies them, where they resume, what is kept for them.

use ordo_client::{Form, messages};
use ordo_core::proto::{ConnectionStatus, FeedConfiguration, FeedDetails, FeedEventType, SubscriptionType};

use ordo_testkit::hub::*;

fn one() -> ordo_core::proto::ExternalAction {
    deposit(&account("XS", "A"), "1")
}

#[test]
fn a_new_feed_is_answered_response_open_resume_at_zero() {
    let rig = Rig::start();
    for form in [Form::Binary, Form::Json] {
        let feed = format!("new-{form:?}");
        let mut line = FeedLine::connect(&rig, &feed, form);
        line.send(messages::open(&feed), "o1");
        let heard: Vec<_> = (0..3).map(|_| line.hear_message()).collect();
        assert_eq!(heard.iter().map(word_of).collect::<Vec<_>>(), ["Response o1", "Open", "Resume 0"]);
        for message in &heard[1..] {
            let place = message.feed.as_ref().unwrap().position.as_ref().expect("it says the feed");
            assert_eq!(place.sequence, feed);
        }
    }
}

#[test]
fn without_a_request_id_open_has_no_response() {
    let rig = Rig::start();
    let mut line = FeedLine::connect(&rig, "f", Form::Binary);
    line.send(messages::open("f"), "");
    assert_eq!(line.hear_all(2), ["Open", "Resume 0"]);
    line.hears_nothing_else();
}

#[test]
fn what_is_no_feed_name_is_refused_and_makes_no_feed() {
    let rig = Rig::start();
    let long = "x".repeat(65);
    let huge = "x".repeat(100_000);
    let names = ["", "oms", "a b", "a/b", "a\0b", "f\u{fc}", "f\u{202e}x", "e\u{301}", " f", "f\n", "*", &long, &huge];
    let mut line = FeedLine::connect(&rig, "", Form::Binary);
    for form in [Form::Binary, Form::Json] {
        line.connection.set_form(form);
        for name in names {
            line.send(messages::open(name), "");
            assert_eq!(line.hear(), "Response Feed", "{form:?} {:?}", &name[..name.len().min(70)]);
        }
    }
    assert_eq!(rig.get("/feed").text(), "[]");
    let longest = "Az09._-".repeat(10)[..64].to_owned();
    line.send(messages::open(&longest), "");
    assert_eq!(line.hear_all(2), ["Open", "Resume 0"]);
}

#[test]
fn open_without_a_position_names_no_feed() {
    let rig = Rig::start();
    let mut line = FeedLine::connect(&rig, "f", Form::Binary);
    let mut open = messages::open("f");
    open.position = None;
    line.send(open, "o");
    assert_eq!(line.hear(), "Response o Feed");
}

#[test]
fn names_differ_by_case() {
    let rig = Rig::start();
    let (mut upper, _) = FeedLine::open(&rig, "Feed", Form::Binary);
    upper.act(7, one());
    let (_, position) = FeedLine::open(&rig, "feed", Form::Binary);
    assert_eq!(position, 0);
}

#[test]
fn a_second_supplier_is_parked_and_takes_over_when_the_first_closes() {
    let rig = Rig::start();
    let (mut first, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut second = FeedLine::connect(&rig, "f", Form::Json);
    second.send(messages::open("f"), "p");
    assert_eq!(second.hear_all(2), ["Response p", "Suspend"]);
    assert_eq!(second.try_act(6, one()), ["Feed"], "a parked connection supplies nothing");
    first.act(5, one());
    first.send(messages::close("f"), "");
    assert_eq!(first.hear(), "Close");
    assert_eq!(second.hear_all(2), ["Open", "Resume 5"]);
    second.act(6, one());
    assert_eq!(first.try_act(7, one()), ["Feed"]);
}

#[test]
fn a_parked_supplier_takes_over_when_the_first_drops() {
    let rig = Rig::start();
    let (mut first, _) = FeedLine::open(&rig, "f", Form::Binary);
    first.act(5, one());
    let mut waiting: Vec<FeedLine> = (0..3).map(|_| FeedLine::connect(&rig, "f", Form::Binary)).collect();
    for line in &mut waiting {
        line.send(messages::open("f"), "");
        assert_eq!(line.hear(), "Suspend");
    }
    first.connection.cut();
    assert_eq!(waiting[0].hear_all(2), ["Open", "Resume 5"]);
    waiting[0].act(0, one());
    // The second in the queue has gone by then: the third has its turn.
    let gone = waiting.remove(1);
    gone.connection.close(PATIENCE).expect("it closes");
    waiting[0].connection.cut();
    assert_eq!(waiting[1].hear_all(2), ["Open", "Resume 6"]);
}

#[test]
fn a_parked_supplier_that_closes_is_not_promoted() {
    let rig = Rig::start();
    let (mut first, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut second = FeedLine::connect(&rig, "f", Form::Binary);
    second.send(messages::open("f"), "");
    assert_eq!(second.hear(), "Suspend");
    second.send(messages::close("f"), "c");
    assert_eq!(second.hear_all(2), ["Response c", "Close"]);
    first.send(messages::close("f"), "c");
    assert_eq!(first.hear_all(2), ["Response c", "Close"]);
    second.hears_nothing_else();
    let feed = rig.get("/feed/byid/f").text();
    assert!(feed.contains("CONNECTIONSTATUS_CLOSED"), "{feed}");
}

#[test]
fn opening_twice_parks_once_and_resumes_again() {
    let rig = Rig::start();
    let (mut first, _) = FeedLine::open(&rig, "f", Form::Binary);
    first.act(3, one());
    first.send(messages::open("f"), "again");
    assert_eq!(first.hear_all(3), ["Response again", "Open", "Resume 3"]);
    let mut second = FeedLine::connect(&rig, "f", Form::Binary);
    for _ in 0..2 {
        second.send(messages::open("f"), "");
        assert_eq!(second.hear(), "Suspend");
    }
    first.send(messages::close("f"), "");
    assert_eq!(second.hear_all(2), ["Open", "Resume 3"]);
    second.send(messages::close("f"), "");
    assert_eq!(second.hear(), "Close");
    second.hears_nothing_else();
}

#[test]
fn one_connection_supplies_several_feeds() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "a", Form::Binary);
    line.send(messages::open("b"), "");
    assert_eq!(line.hear_all(2), ["Open", "Resume 0"]);
    line.act(4, one());
    assert!(line.ask(messages::action("b", 9, one())).is_empty());
    let mut unnamed = messages::action("", 0, one());
    unnamed.position = None;
    assert_eq!(line.ask(unnamed), ["Feed"], "which of the two?");
    line.send(messages::close("a"), "");
    assert_eq!(line.hear(), "Close");
    assert_eq!(line.try_act(5, one()), ["Feed"]);
    assert!(line.ask(messages::action("b", 10, one())).is_empty(), "the other one goes on");
    line.connection.cut();
    let (_, a) = FeedLine::open(&rig, "a", Form::Binary);
    assert_eq!(a, 4);
}

#[test]
fn a_reconnected_adapter_resumes_at_the_last_position_recorded() {
    let mut rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    for position in [1, 2, 40] {
        line.act(position, one());
    }
    line.connection.cut();
    let (mut line, position) = reopened(&rig, "f");
    assert_eq!(position, 40);
    assert!(line.try_act(2, one()).is_empty(), "resent from before: acknowledged");
    line.act(41, one());
    rig.stop();
    rig.start_again();
    let (_, position) = FeedLine::open(&rig, "f", Form::Binary);
    assert_eq!(position, 41);
}

#[test]
fn a_bookmark_that_is_asked_for_says_the_last_position() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    for (position, id) in [(3, ""), (8, "b")] {
        line.send(messages::action("f", position, one()), "");
        line.send(messages::bookmark("f"), id);
        let mut words = Vec::new();
        while words.last() != Some(&format!("Bookmark {position}")) {
            words.push(word_of(&line.connection.receive_message(PATIENCE).expect("a message")));
        }
        if !id.is_empty() {
            assert_eq!(words[words.len() - 2], "Response b", "{words:?}");
        }
    }
    let (_, position) = {
        line.connection.cut();
        reopened(&rig, "f")
    };
    assert_eq!(position, 8, "a Bookmark takes no position");
}

#[test]
fn bookmarks_come_unasked_and_reach_every_position() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    for position in [1, 5, 6] {
        line.send(messages::action("f", position, one()), "");
        line.hear_bookmark(position);
    }
    // A refused update takes its position too.
    line.send(messages::action("f", 7, deposit(&account("XS", ""), "1")), "");
    line.hear_bookmark(7);
}

#[test]
fn close_comes_after_all_that_was_sent_before_is_written() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    for position in 1..=500 {
        let update = messages::feed_message(messages::action("f", position, one()), &position.to_string());
        line.connection.queue(&update).expect("it is queued");
    }
    line.send(messages::close("f"), "c");
    for position in 1..=500 {
        assert_eq!(line.hear(), format!("Response {position}"));
    }
    assert_eq!(line.hear_all(2), ["Response c", "Close"]);
    assert_eq!(rig.get("/balance/for/XS/A").text().matches("\"Balance\":500").count(), 1);
    assert_eq!(line.try_act(501, one()), ["Feed"]);
    line.send(messages::open("f"), "");
    assert_eq!(line.hear_all(2), ["Open", "Resume 500"]);
}

#[test]
fn what_was_never_opened_cannot_be_closed_or_bookmarked() {
    let rig = Rig::start();
    let mut line = FeedLine::connect(&rig, "f", Form::Binary);
    line.send(messages::close("f"), "c");
    line.send(messages::bookmark("f"), "b");
    line.send(messages::configure("f", 0, FeedConfiguration::default()), "g");
    line.send(messages::status("f", 0, FeedDetails::default()), "s");
    let words = line.hear_all(4);
    assert_eq!(words, ["Response c Feed", "Response b Feed", "Response g Feed", "Response s Feed"]);
    assert_eq!(rig.get("/feed").text(), "[]");
}

fn configuration(key: &str, value: &str) -> FeedConfiguration {
    FeedConfiguration {
        name: "f".into(),
        agent: "test 1".into(),
        settings: [(key.to_owned(), value.to_owned())].into(),
        ..FeedConfiguration::default()
    }
}

#[test]
fn a_configuration_is_given_back_on_resume_after_reconnect_and_restart() {
    let mut rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Json);
    line.act(3, one());
    assert!(line.ask(messages::configure("f", 0, configuration("Depth", "5"))).is_empty());
    assert!(line.ask(messages::configure("f", 0, configuration("Depth", "10"))).is_empty());
    line.connection.cut();
    for round in ["reconnect", "restart", "second restart"] {
        let mut line = FeedLine::connect(&rig, "f", Form::Binary);
        line.send(messages::open("f"), "");
        let mut event = line.hear_event();
        while event.r#type() != FeedEventType::Resume {
            event = line.hear_event();
        }
        assert_eq!(event.position.map(|place| place.position), Some(3), "{round}: it takes no position");
        assert_eq!(event.configuration.map(|it| *it), Some(configuration("Depth", "10")), "{round}");
        drop(line);
        rig.stop();
        rig.start_again();
    }
}

#[test]
fn a_parked_instance_gets_the_latest_configuration_when_it_takes_over() {
    let rig = Rig::start();
    let (mut first, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut second = FeedLine::connect(&rig, "f", Form::Binary);
    second.send(messages::open("f"), "");
    assert_eq!(second.hear(), "Suspend");
    assert!(first.ask(messages::configure("f", 0, configuration("Depth", "7"))).is_empty());
    first.send(messages::close("f"), "");
    assert_eq!(second.hear(), "Open");
    assert_eq!(second.hear_event().configuration.map(|it| *it), Some(configuration("Depth", "7")));
}

#[test]
fn the_status_view_follows_open_report_close_and_drop() {
    let rig = Rig::start();
    let mut watcher = rig.subscriber(Form::Json);
    let view = watcher.subscribe(SubscriptionType::Status, Vec::new()).expect("it is accepted");
    let mut next_status = || {
        let events = next_events(&mut watcher, view);
        assert_eq!(events.len(), 1, "one feed, one event");
        *events[0].status.clone().map(Box::new).expect("FeedDetails")
    };
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    assert_eq!(next_status().status(), ConnectionStatus::Online);
    let report = FeedDetails {
        feed_id: "somebody-else".into(),
        status: ConnectionStatus::Online as i32,
        timestamp: Some(instant(9)),
        expire_after: None,
    };
    line.send(messages::status("f", 0, report.clone()), "");
    assert_eq!(next_status(), FeedDetails { feed_id: "f".into(), ..report });
    line.send(messages::close("f"), "");
    assert_eq!(next_status().status(), ConnectionStatus::Closed);
    line.send(messages::open("f"), "");
    let online = next_status();
    assert_eq!((online.status(), &*online.feed_id), (ConnectionStatus::Online, "f"));
    line.connection.cut();
    assert_eq!(next_status().status(), ConnectionStatus::Disconnected);
    let answered: FeedDetails =
        rig.get("/feed/byid/f").record(ordo_core::json::message::FEED_DETAILS).expect("FeedDetails");
    assert_eq!(answered.status(), ConnectionStatus::Disconnected);
}

#[test]
fn a_feed_that_is_handed_over_ends_online() {
    let rig = Rig::start();
    let (mut first, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut second = FeedLine::connect(&rig, "f", Form::Binary);
    second.send(messages::open("f"), "");
    assert_eq!(second.hear(), "Suspend");
    first.connection.cut();
    assert_eq!(second.hear_all(2), ["Open", "Resume 0"]);
    assert!(rig.get("/feed/byid/f").text().contains("CONNECTIONSTATUS_ONLINE"));
}

#[test]
fn a_parked_connection_may_neither_configure_nor_report() {
    let rig = Rig::start();
    let (mut first, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut second = FeedLine::connect(&rig, "f", Form::Binary);
    second.send(messages::open("f"), "");
    assert_eq!(second.hear(), "Suspend");
    second.send(messages::configure("f", 0, configuration("Depth", "1")), "c");
    second.send(messages::status("f", 0, FeedDetails::default()), "s");
    second.send(messages::bookmark("f"), "b");
    assert_eq!(second.hear_all(3), ["Response c Feed", "Response s Feed", "Response b Feed"]);
    first.send(messages::close("f"), "");
    assert_eq!(second.hear(), "Open");
    assert_eq!(second.hear_event().configuration, None);
}

#[test]
fn every_feed_of_a_connection_that_drops_is_handed_over() {
    let rig = Rig::start_with(|config| config.ring_slots = 64);
    let names: Vec<String> = (0..20).map(|n| format!("f{n}")).collect();
    let mut first = FeedLine::connect(&rig, "", Form::Binary);
    let mut second = FeedLine::connect(&rig, "", Form::Binary);
    for name in &names {
        first.send(messages::open(name), "");
        assert_eq!(first.hear_all(2), ["Open", "Resume 0"]);
        second.send(messages::open(name), "");
        assert_eq!(second.hear(), "Suspend");
    }
    for name in &names {
        assert!(first.ask(messages::action(name, 3, one())).is_empty());
    }
    first.connection.cut();
    for name in &names {
        assert_eq!(second.hear(), "Open");
        let resume = second.hear_event().position.expect("Resume says where");
        assert_eq!((&resume.sequence, resume.position), (name, 3));
    }
    for name in &names {
        assert!(second.ask(messages::action(name, 4, one())).is_empty());
    }
    assert_eq!(rig.get("/feed").text().matches("CONNECTIONSTATUS_ONLINE").count(), 20);
}

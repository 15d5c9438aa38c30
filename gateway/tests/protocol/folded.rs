//! The test of every view: snapshot and events, folded, hold what REST answers at the same position; for every view and
//! filter, from the beginning or from the middle of the stream.

use ordo_client::{Form, Subscriber, ViewId, messages};
use ordo_core::json::message;
use ordo_core::metadata::Metadata;
use ordo_core::outcome::MetadataKind;
use ordo_core::proto::{Account, AccountTransform, AccountTransformType, AssetPosition, CashPosition, ExternalAction};
use ordo_core::proto::{FeedDetails, Operation, OperationType, OrderState, SubscriptionTarget, SubscriptionType};
use ordo_core::proto::{Transform, TransformType};
use ordo_history::replay::Replay;

use ordo_testkit::hub::*;

const UPDATES: u64 = 400;

/// What a record says of itself; none of what it has not.
#[derive(Default)]
struct Subject<'a> {
    owner: Option<&'a str>,
    account: Option<&'a str>,
    exchange: Option<&'a str>,
}

impl<'a> Subject<'a> {
    fn of(account: &'a Option<Account>, exchange: Option<&'a str>) -> Subject<'a> {
        let account = account.as_ref().expect("a record names its account");
        Subject { owner: Some(&account.owner_id), account: Some(&account.account_id), exchange }
    }

    /// The contract's rule, said plainly.
    fn passes(&self, targets: &[SubscriptionTarget]) -> bool {
        let of = |name: &str| -> Vec<&str> {
            let named = targets.iter().filter(|target| target.name == name);
            named.flat_map(|target| target.values.iter().map(String::as_str)).collect()
        };
        let (owners, accounts, exchanges) = (of("Owner"), of("Account"), of("Exchange"));
        let who = match (self.owner, self.account) {
            (Some(owner), Some(account)) => {
                let all = owners.is_empty() && accounts.is_empty();
                all || owners.contains(&owner) || accounts.contains(&&*format!("{owner}/{account}"))
            }
            (Some(owner), None) => owners.is_empty() || owners.contains(&owner),
            _ => true,
        };
        who && self.exchange.is_none_or(|it| it.is_empty() || exchanges.is_empty() || exchanges.contains(&it))
    }
}

fn filters() -> Vec<Vec<SubscriptionTarget>> {
    vec![
        vec![],
        vec![messages::target("Owner", &["XA"])],
        vec![messages::target("Account", &["XB/1", "XA/2", "XC/1"])],
        vec![messages::target("Exchange", &["XASX"])],
        vec![
            messages::target("Owner", &["XB"]),
            messages::target("Account", &["XA/1"]),
            messages::target("Exchange", &["XNZE"]),
        ],
    ]
}

const FOLDED: [SubscriptionType; 7] = [
    SubscriptionType::Balances,
    SubscriptionType::Holdings,
    SubscriptionType::Orders,
    SubscriptionType::Updates,
    SubscriptionType::Status,
    SubscriptionType::Metadata,
    SubscriptionType::Feed,
];

const FEEDS: [&str; 2] = ["chi", "XNZE"];

/// A connection that subscribes to every view with every filter.
struct Watcher {
    subscriber: Subscriber,
    views: Vec<(ViewId, SubscriptionType, Vec<SubscriptionTarget>)>,
    since: u64,
}

impl Watcher {
    fn new(rig: &Rig, form: Form, since: u64) -> Watcher {
        let mut subscriber = rig.subscriber(form);
        let mut views = Vec::new();
        for view in FOLDED {
            for targets in filters() {
                let mut asked = targets.clone();
                if view == SubscriptionType::Feed {
                    asked.push(messages::target("Feed", &FEEDS));
                }
                views.push((subscriber.subscribe(view, asked).expect("it is accepted"), view, targets));
            }
        }
        Watcher { subscriber, views, since }
    }

    /// `transformed`: the Updates view tells of a transform and not of the orders it changed.
    fn compare(&mut self, rig: &Rig, replay: &Replay, transformed: bool) {
        self.subscriber.synchronise().expect("it is answered");
        for (id, view, targets) in &self.views {
            let folded_view = self.subscriber.view(*id);
            let what = format!("{view:?} {targets:?} since {}", self.since);
            let orders = || -> Vec<OrderState> {
                let mut orders = listed::<OrderState>(rig.addr(), "");
                orders.retain(|it| Subject::of(&it.account, Some(&it.exchange)).passes(targets));
                orders
            };
            match view {
                SubscriptionType::Balances => {
                    let mut all = listed::<CashPosition>(rig.addr(), "");
                    all.retain(|it| Subject::of(&it.account, None).passes(targets));
                    assert_same(&folded(folded_view), &all, &what);
                }
                SubscriptionType::Holdings => {
                    let mut all = listed::<AssetPosition>(rig.addr(), "");
                    all.retain(|it| Subject::of(&it.account, Some(&it.exchange)).passes(targets));
                    assert_same(&folded(folded_view), &all, &what);
                }
                SubscriptionType::Orders => assert_same(&folded(folded_view), &orders(), &what),
                SubscriptionType::Updates if !transformed => assert_updates(folded_view, &orders(), &what),
                SubscriptionType::Updates => {}
                SubscriptionType::Feed => {
                    let mut routed = orders();
                    let views = replay.views();
                    let goes = |it: &OrderState| FEEDS.contains(&views.route(&it.exchange, &it.ex_destination));
                    routed.retain(|it| !it.is_completed && goes(it));
                    assert_same(&folded(folded_view), &routed, &what);
                }
                SubscriptionType::Status => {
                    let feeds: Vec<FeedDetails> = folded_view.records().expect("FeedDetails");
                    let listed = rig.get("/feed").records::<FeedDetails>(message::FEED_DETAILS).expect("FeedDetails");
                    assert_eq!(feeds.len(), listed.len(), "{what}");
                    assert!(feeds.iter().all(|details| listed.contains(details)), "{what}: {feeds:?}, {listed:?}");
                }
                _ => {
                    assert_definitions(folded_view.records().expect("Operations"), replay.engine().metadata(), targets)
                }
            }
        }
    }
}

/// The last action of an order says all of its state, but for an order that left the book: its action stays the last.
fn assert_updates(view: &ordo_client::FoldedView, orders: &[OrderState], what: &str) {
    let shown: Vec<OrderState> = folded(view);
    for order in orders {
        let is_same = |it: &&OrderState| it.order_id == order.order_id && it.account == order.account;
        assert_eq!(shown.iter().find(is_same), Some(order), "{what}");
    }
}

fn assert_definitions(mut shown: Vec<Operation>, metadata: &Metadata, targets: &[SubscriptionTarget]) {
    let mut expected = Vec::new();
    for kind in MetadataKind::ALL.into_iter().filter(|kind| kind.is_in_view()) {
        for record in metadata.all(kind) {
            let (first, second) = record.details.key();
            let subject = match kind {
                MetadataKind::Owner => Subject { owner: Some(first), ..Subject::default() },
                MetadataKind::Account => Subject { owner: Some(first), account: Some(second), exchange: None },
                MetadataKind::Exchange => Subject { exchange: Some(first), ..Subject::default() },
                _ => Subject::default(),
            };
            if subject.passes(targets) {
                expected.push(record.details.clone().define());
            }
        }
    }
    let by_key = |operation: &Operation| format!("{operation:?}");
    shown.sort_by_cached_key(by_key);
    expected.sort_by_cached_key(by_key);
    assert_eq!(shown, expected, "{targets:?}");
}

fn any<'a>(random: &mut Random, of: &[&'a str]) -> &'a str {
    of[random.below(of.len() as u64) as usize]
}

/// An order action with its place: the exchange mostly by its id, the destination at random.
fn any_action(random: &mut Random, n: i64) -> ExternalAction {
    let mut action = any_update(random, n);
    if let Some(order) = action.order.as_mut() {
        let id: u64 = order.order_id.parse().expect("a number");
        // Now and then an order turns up on the other exchange, or on none, and later goes back.
        let exchanges = if id.is_multiple_of(3) { ["XNZE", "XASX", ""] } else { ["XASX", "XNZE", ""] };
        order.exchange = exchanges[random.below(10usize).saturating_sub(7)].into();
        order.ex_destination = any(random, &["", "TM", "CP"]).into();
        order.is_completed |= random.below(6) == 0;
    }
    action
}

fn any_definition(random: &mut Random) -> Operation {
    let (code, name) = (any(random, &["XA", "XB"]), any(random, &["a", "b", "c"]));
    let id = random.below(3).to_string();
    let routes = [any(random, &["", "chi", "asx"]), any(random, &["chi", "asx"])];
    let define = match random.below(5) {
        0 => owned(code, &id, name),
        1 => request_status(any(random, &["Pending", "Queued"]), name),
        2 => permissions("dir", name),
        _ => exchange(any(random, &["XASX", "XNZE"]), &[("TM", routes[0]), ("CP", routes[1])]),
    };
    match random.below(10) {
        0..3 => dropped(&define),
        3 => owner(code, name),
        _ => define,
    }
}

fn any_transform(random: &mut Random) -> Operation {
    if random.below(3) == 0 {
        let transform = AccountTransform {
            r#type: AccountTransformType::Rename as i32,
            account: Some(account(any(random, &["XA", "XB", "XC"]), &random.below(3).to_string())),
            parameters: [("NewOwner".to_owned(), any(random, &["XA", "XB", "XC"]).to_owned())].into(),
            ..AccountTransform::default()
        };
        let r#type = OperationType::TransformAccount as i32;
        return Operation { r#type, account_transform: Some(transform.into()), ..Operation::default() };
    }
    let mut transform = Transform {
        exchange: any(random, &["XASX", "XNZE"]).into(),
        transform_type: TransformType::RenameSymbol as i32,
        ..Transform::default()
    };
    if random.below(2) == 0 {
        transform.transform_type = TransformType::Restatement as i32;
        transform.order_status = any(random, &["Expired", "OnMarket"]).into();
    } else {
        let codes = any(random, &["BHP RIO", "RIO BHP"]).split_once(' ').expect("two codes");
        transform.code = codes.0.into();
        transform.parameters = [("NewCode".to_owned(), codes.1.to_owned())].into();
    }
    let r#type = OperationType::Transform as i32;
    Operation { r#type, transform: Some(transform.into()), ..Operation::default() }
}

fn stream(seed: u64, has_transforms: bool) {
    println!("seed {seed}, transforms: {has_transforms}");
    let mut rig = Rig::start();
    let mut random = Random::of(seed);
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut watchers = vec![Watcher::new(&rig, Form::Binary, 0)];
    for n in 1..=UPDATES {
        let request = match random.below(20) {
            0..2 => messages::operation("f", 0, any_definition(&mut random)),
            2 if has_transforms && random.below(3) == 0 => messages::operation("f", 0, any_transform(&mut random)),
            _ => messages::action("f", 0, any_action(&mut random, n as i64)),
        };
        line.connection.queue(&messages::feed_message(request, "")).expect("it is queued");
        if n % 130 == 50 {
            // In the middle of what is on its way.
            line.connection.flush().expect("it is sent");
            let form = if random.below(2) == 0 { Form::Json } else { Form::Binary };
            watchers.push(Watcher::new(&rig, form, n));
        }
        if n % 200 == 0 {
            line.connection.send(&messages::synchronise("s")).expect("it is sent");
            while line.hear() != "Response s" {}
            let replay = rig.replay(false);
            watchers.iter_mut().for_each(|watcher| watcher.compare(&rig, &replay, has_transforms));
        }
    }
    let stopped = rig.stop();
    assert_eq!(rig.replay(false).engine().state_hash(), stopped.state_hash);
}

#[test]
fn every_view_with_every_filter_holds_what_rest_answers() {
    for seed in 1..=4 {
        stream(seed, false);
    }
}

#[test]
fn transforms_leave_every_view_as_rest_answers() {
    for seed in 101..=104 {
        stream(seed, true);
    }
}

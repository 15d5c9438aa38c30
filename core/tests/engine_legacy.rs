//! The older protocol's forms: what they become, and the events and transactions that are made of that.

mod desk;

use desk::{Desk, account, figure, new};
use ordo_core::encode;
use ordo_core::engine::Input;
use ordo_core::names::FeedNo;
use ordo_core::proto::{
    self, ClientTransaction, ClientTransactionType, ExternalAction, FeedRequest, FeedRequestType, OrderTradeType,
    OrderUpdateReason, RequestStatus, RequestUpdate, Side, Trade, Transaction, TransactionType, Update, UpdateType,
};
use ordo_core::record::Origin;
use ordo_core::wire::{self, ReverseWriter};
use prost::Message;

/// Applies a form; the events of the Updates and of the Transactions view.
fn apply(desk: &mut Desk, request: FeedRequest) -> (Option<ExternalAction>, Option<ClientTransaction>) {
    let bytes = request.encode_to_vec();
    desk.apply(desk.feed("XNAS"), Origin::default(), &bytes);
    let request = wire::FeedRequest::decode(&bytes).expect("written by prost");
    let input = Input { stamp: desk.outcome.stamp, bytes: &bytes, request: &request };
    let event = |write: &dyn Fn(&mut ReverseWriter)| {
        let mut w = ReverseWriter::default();
        write(&mut w);
        proto::EventMessage::decode(w.bytes()).expect("an event message").updates.pop()
    };
    let action = event(&|w| encode::action_event(w, &input, &desk.outcome)).and_then(|it| it.action);
    let transaction = event(&|w| encode::transaction_event(w, desk.engine.names(), &input, &desk.outcome));
    (action.map(|it| *Box::from(it)), transaction.and_then(|it| it.transaction).map(|it| *Box::from(it)))
}

fn update(kind: UpdateType) -> Update {
    Update {
        update_id: "U1".into(),
        account_id: "A".into(),
        owner_id: "O".into(),
        order_id: "#1".into(),
        request_id: "R1".into(),
        code: "AAPL".into(),
        exchange: "XNAS".into(),
        currency: "USD".into(),
        source_feed: "GROUP".into(),
        side: Side::Buy as i32,
        price: figure("10"),
        quantity: 100,
        remaining_quantity: 100,
        est_brokerage: figure("9.95"),
        update_type: kind as i32,
        ..Default::default()
    }
}

fn of_update(update: Update) -> FeedRequest {
    let (r#type, legacy_update) = (FeedRequestType::LegacyUpdate as i32, Some(Box::new(update)));
    FeedRequest { r#type, legacy_update, ..Default::default() }
}

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.online("XNAS");
    desk
}

#[test]
fn an_update_is_an_order_action() {
    let mut desk = desk();
    let (action, _) = apply(&mut desk, of_update(update(UpdateType::New)));
    let action = action.expect("an action");
    let order = action.order.expect("its order");
    assert_eq!((&*order.order_id, &*order.group, order.is_completed), ("#1", "GROUP", false));
    assert_eq!(order.additional_funds.get("Brokerage").copied(), figure("9.95"));
    assert_eq!(action.update.expect("why").reason, OrderUpdateReason::New as i32);
    let [balance] = desk.outcome.balances[..] else { panic!("one balance") };
    assert_eq!(balance.unfilled_buys.to_string(), "-1009.95");
    let done = Update { remaining_quantity: 0, ..update(UpdateType::Canceled) };
    assert!(apply(&mut desk, of_update(done)).0.expect("an action").order.expect("its order").is_completed);
}

#[test]
fn an_update_moves_an_order_and_a_rejected_one_ends_its_request() {
    let mut desk = desk();
    desk.submit_and_dispatch(&new("R1"));
    apply(&mut desk, of_update(Update { request_id: String::new(), ..update(UpdateType::New) }));
    let moved = Update { account_id: "B".into(), prev_account_id: "A".into(), ..update(UpdateType::Replace) };
    apply(&mut desk, of_update(moved));
    assert_eq!(desk.outcome.orders.len(), 2, "away from A, to B");
    let rejected = Update { order_id: "#2".into(), text: "no".into(), ..update(UpdateType::Rejected) };
    apply(&mut desk, of_update(rejected));
    assert_eq!(desk.told(), "R1 Rejected-");
    assert_eq!(desk.shown()[0].state.errors, ["no"]);
}

#[test]
fn trades_are_booked_corrected_and_cancelled() {
    let mut desk = desk();
    let trade = |kind: UpdateType, price: &str, id: &str, of: &str| {
        let state = Update { cum_qty: 40, avg_price: figure(price), remaining_quantity: 60, ..update(kind) };
        let trade = Trade {
            update: Some(Box::new(state)),
            last_price: figure(price),
            last_qty: 40,
            trade_id: id.into(),
            trade_id_ref: of.into(),
            brokerage: figure("1"),
            ..Default::default()
        };
        let (r#type, legacy_trade) = (FeedRequestType::LegacyTrade as i32, Some(Box::new(trade)));
        FeedRequest { r#type, legacy_trade, ..Default::default() }
    };
    let (action, transaction) = apply(&mut desk, trade(UpdateType::Trade, "9.90", "T1", ""));
    assert_eq!(action.and_then(|it| it.trade).expect("a trade").r#type, OrderTradeType::Trade as i32);
    let transaction = transaction.expect("a transaction");
    assert_eq!(transaction.cash_transfer.and_then(|it| it.value), figure("-396.00"));
    assert_eq!(desk.outcome.balances[0].unbooked.to_string(), "-397.00");
    let (_, transaction) = apply(&mut desk, trade(UpdateType::TradeCorrection, "9.80", "T2", "T1"));
    assert_eq!(transaction.expect("an adjustment").r#type, ClientTransactionType::Adjustment as i32);
    assert_eq!(desk.outcome.balances[0].unbooked.to_string(), "-393.00");
    apply(&mut desk, trade(UpdateType::TradeCancel, "9.80", "T1", ""));
    assert!(desk.outcome.balances[0].unbooked.is_zero());
    assert!(desk.outcome.is_accepted());
}

#[test]
fn a_request_update_is_progress() {
    let mut desk = desk();
    desk.submit_and_dispatch(&new("R1"));
    let failed = RequestUpdate {
        request_id: "R1".into(),
        account_id: "A".into(),
        owner_id: "O".into(),
        status: RequestStatus::Failed as i32,
        errors: vec!["Symbol".into()],
        ..Default::default()
    };
    let (r#type, legacy_request) = (FeedRequestType::LegacyRequest as i32, Some(Box::new(failed)));
    apply(&mut desk, FeedRequest { r#type, legacy_request, ..Default::default() });
    assert_eq!(desk.told(), "R1 Rejected-");
    assert_eq!(desk.shown()[0].state.errors, ["Symbol"]);
}

#[test]
fn transactions_are_transfers_and_their_corrections_adjustments() {
    let mut desk = desk();
    let mut transact = |kind: TransactionType, code: &str, value: &str, previous: &str| {
        let units = |text: &str| text.parse::<i64>().unwrap_or(0);
        let transaction = Transaction {
            update_id: "X1".into(),
            account_id: "A".into(),
            owner_id: "O".into(),
            code: code.into(),
            exchange: if code.is_empty() { String::new() } else { "XNAS".into() },
            currency: "USD".into(),
            transaction_type: kind as i32,
            value: figure(value),
            previous: figure(previous),
            quantity: units(value),
            previous_quantity: units(previous),
            ..Default::default()
        };
        let r#type = FeedRequestType::LegacyTransaction as i32;
        let request = FeedRequest { r#type, legacy_transaction: Some(Box::new(transaction)), ..Default::default() };
        let told = apply(&mut desk, request).1.expect("a transaction");
        assert_eq!(told.details.as_ref().expect("details").account, account("A"));
        let kind = ClientTransactionType::try_from(told.r#type).expect("known");
        let cash = told.cash_adjustment.map(|it| (it.value, it.reason));
        (kind, cash.or(told.asset_adjustment.map(|it| (it.value, it.reason))))
    };
    use ClientTransactionType::{Adjustment, AssetTransfer, CashTransfer};
    assert_eq!(transact(TransactionType::New, "", "100", "0"), (CashTransfer, None));
    let corrected = Some((figure("-20"), "Correction".to_owned()));
    assert_eq!(transact(TransactionType::Correction, "", "80", "100"), (Adjustment, corrected));
    assert_eq!(transact(TransactionType::Cancel, "", "80", "0"), (Adjustment, Some((figure("-80"), "Cancel".into()))));
    assert_eq!(transact(TransactionType::New, "AAPL", "7", "0"), (AssetTransfer, None));
    assert_eq!(
        transact(TransactionType::Cancel, "AAPL", "7", "0"),
        (Adjustment, Some((figure("-7"), "Cancel".into())))
    );
    assert!(desk.outcome.holdings[0].removed && desk.engine.feeds()[FeedNo(1).index()].position == 5);
}

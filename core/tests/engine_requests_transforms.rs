//! Open requests under renames, and of an owner that is undefined.

mod desk;

use desk::{Desk, account, cancel, cash, moved, new, order, queued, status};
use ordo_core::proto::{
    AccountTransform, AccountTransformType, FeedRequest, FeedRequestType, Operation, OperationType, OrderUpdateReason,
    OwnerDetails, OwnerTransform, OwnerTransformType, Transform, TransformType,
};
use ordo_core::refusal::Code;

fn operate(desk: &mut Desk, operation: Operation) {
    let r#type = FeedRequestType::Operation as i32;
    desk.record(FeedRequest { r#type, operation: Some(Box::new(operation)), ..Default::default() });
}

fn rename_account(desk: &mut Desk, from: &str, to: &str) {
    let transform = AccountTransform {
        r#type: AccountTransformType::Rename as i32,
        account: account(from),
        parameters: [("NewAccount".to_owned(), to.to_owned())].into(),
        ..Default::default()
    };
    let (r#type, account_transform) = (OperationType::TransformAccount as i32, Some(Box::new(transform)));
    operate(desk, Operation { r#type, account_transform, ..Default::default() });
}

fn transform(desk: &mut Desk, transform: Transform) {
    let (r#type, transform) = (OperationType::Transform as i32, Some(transform.into()));
    operate(desk, Operation { r#type, transform, ..Default::default() });
}

/// Requests of every phase, and an order that appeared with one.
fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.online("XNAS");
    desk.submit_and_dispatch(&new("R1"));
    desk.act("XNAS", order("#1", "R1"), OrderUpdateReason::New);
    desk.submit(&queued("R2", "DTR"));
    desk.offline("XNAS");
    desk.submit(&new("R3"));
    desk
}

#[test]
fn an_account_takes_its_open_requests_along() {
    let mut desk = desk();
    desk.submit(&moved("R4", "#1"));
    rename_account(&mut desk, "A", "Z");
    assert!(desk.outcome.is_accepted(), "{:?}", desk.outcome.refusals);
    let told = desk.told();
    for id in ["R1 Submitted", "R2 Queued", "R3 Pending"] {
        assert!(told.contains(&format!("{id}-, {id}")), "gone under the old name, there under the new one: {told}");
    }
    assert_eq!(desk.state("R1"), None);
    let account_z = desk.views.account("O", "Z").expect("named");
    assert_eq!(desk.views.requests_of(account_z).count(), 3);
    let requests: Vec<_> =
        desk.shown().into_iter().filter(|it| !it.removed).map(|it| it.state.request.expect("")).collect();
    assert!(requests.iter().all(|request| request.account == account("Z")));
    desk.assert_same_again();
    // The order that appeared with R1 is the same one still.
    let update =
        ordo_core::proto::ClientRequestUpdate { account: account("Z"), request_id: "R1".into(), ..status("Completed") };
    let r#type = FeedRequestType::Update as i32;
    desk.record(FeedRequest { r#type, update: Some(Box::new(update)), ..Default::default() });
    assert_eq!(desk.shown()[0].state.order_id, "#1");
}

#[test]
fn two_requests_of_one_id_are_not_merged() {
    let mut desk = desk();
    let mut other = new("R1");
    other.account = account("Z");
    desk.submit(&other);
    let (before, balances) = (desk.active(), desk.engine.counts());
    rename_account(&mut desk, "A", "Z");
    assert!(desk.outcome.refusals.iter().any(|refusal| *refusal == Code::RequestDuplicate));
    assert_eq!(desk.told(), "");
    assert_eq!((desk.active(), desk.engine.counts()), (before, balances), "nothing else changed");
}

#[test]
fn a_renamed_code_takes_along_queued_requests_only() {
    let mut desk = desk();
    transform(
        &mut desk,
        Transform {
            transform_type: TransformType::RenameSymbol as i32,
            exchange: "XNAS".into(),
            code: "AAPL".into(),
            parameters: [("NewCode".to_owned(), "APL".to_owned())].into(),
            ..Default::default()
        },
    );
    assert_eq!(desk.told(), "R2 Queued");
    let code = |id: &str| desk.state(id).and_then(|it| it.request).and_then(|it| it.new).map(|it| it.code);
    assert_eq!(["R1", "R2", "R3"].map(|id| code(id).expect("active")), ["AAPL", "APL", "AAPL"]);
    desk.assert_same_again();
}

#[test]
fn a_renamed_currency_takes_along_queued_transfers() {
    let mut desk = desk();
    desk.online("O");
    let mut waiting = cash("C1", "5");
    waiting.queue = queued("x", "DTR").queue;
    desk.submit(&waiting);
    desk.submit(&cash("C2", "5"));
    transform(
        &mut desk,
        Transform {
            transform_type: TransformType::RenameCurrency as i32,
            code: "USD".into(),
            parameters: [("NewCode".to_owned(), "USX".to_owned())].into(),
            ..Default::default()
        },
    );
    assert_eq!(desk.told(), "C1 Queued");
    let transfer = desk.state("C1").and_then(|it| it.request).and_then(|it| it.cash_transfer).expect("a transfer");
    assert_eq!(transfer.currency, "USX");
    desk.assert_same_again();
}

#[test]
fn an_owner_takes_all_along_when_renamed_and_when_undefined() {
    let mut desk = desk();
    let rename = OwnerTransform {
        r#type: OwnerTransformType::Rename as i32,
        owner_id: "O".into(),
        parameters: [("NewOwner".to_owned(), "P".to_owned())].into(),
        ..Default::default()
    };
    let (r#type, owner_transform) = (OperationType::TransformOwner as i32, Some(Box::new(rename)));
    operate(&mut desk, Operation { r#type, owner_transform, ..Default::default() });
    let account = desk.views.account("P", "A").expect("named");
    assert_eq!(desk.views.requests_of(account).count(), 3);
    let owner = OwnerDetails { owner_id: "P".into(), ..Default::default() };
    let (r#type, owner_details) = (OperationType::UndefineOwner as i32, Some(Box::new(owner)));
    operate(&mut desk, Operation { r#type, owner_details, ..Default::default() });
    assert!(desk.outcome.is_accepted(), "{:?}", desk.outcome.refusals);
    assert!(desk.shown().iter().all(|it| it.removed) && desk.shown().len() == 3);
    assert_eq!((desk.active().len(), desk.engine.counts().requests), (0, 0));
    desk.assert_same_again();
}

#[test]
fn a_cancel_of_a_renamed_order_finds_it() {
    let mut desk = desk();
    rename_account(&mut desk, "A", "Z");
    let mut request = cancel("R9", "#1");
    assert_eq!(desk.submit(&request).errors, ["Order"]);
    request.account = account("Z");
    assert!(desk.submit(&request).errors.is_empty());
}

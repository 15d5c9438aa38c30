use super::*;
use crate::engine::Engine;
use crate::outcome::Outcome;
use crate::proto;
use crate::record::BatchMember;

fn deposit(value: i64) -> proto::FeedRequest {
    let account = Some(proto::Account { owner_id: "O".into(), account_id: "A".into() });
    let transfer = proto::CashTransfer {
        currency: "AUD".into(),
        value: Some(crate::dec::Dec::whole(value).into()),
        ..Default::default()
    };
    let action = proto::ExternalAction {
        r#type: proto::ExternalActionType::CashTransfer as i32,
        transaction: Some(Box::new(proto::TransactionDetails { account, ..Default::default() })),
        cash_transfer: Some(Box::new(transfer)),
        ..Default::default()
    };
    let r#type = proto::FeedRequestType::Action as i32;
    proto::FeedRequest { r#type, action: Some(action), ..Default::default() }
}

fn header(kind: u8, sequence: u64) -> StepHeader {
    let rules = Rules::CURRENT.number();
    StepHeader { kind, rules, sequence, time_ns: sequence * 1_000, ..StepHeader::default() }
}

fn batch(values: &[i64]) -> Batch {
    let member = |value: &i64| BatchMember { update: Some(Box::new(deposit(*value))), expected_balance: None };
    Batch { members: values.iter().map(member).collect(), settlement_id: String::new() }
}

#[test]
fn every_frame_that_the_engine_applies_becomes_its_step_and_no_other_does() {
    let kinds: Vec<(u8, Option<StepKind>)> = (0..=u8::MAX).map(|kind| (kind, StepKind::of(kind, 0))).collect();
    let known: Vec<_> = kinds.into_iter().filter_map(|(number, kind)| Some((number, kind?))).collect();
    assert_eq!(known, [(4, StepKind::Settings), (5, StepKind::Update), (6, StepKind::Tick)]);
    assert_eq!(StepKind::of(StepKind::UPDATE_FRAME, BATCH | 1), Some(StepKind::OpenBatch));
    let mut request = FeedRequest::default();
    assert!(Step::read(&header(7, 1), b"a checkpoint", &mut request).is_ok_and(|step| step.is_none()));
}

#[test]
fn a_frame_under_rules_of_a_later_build_is_refused_by_their_number() {
    let mut request = FeedRequest::default();
    for rules in [0, Rules::CURRENT.number() + 1, u16::MAX] {
        let header = StepHeader { rules, ..header(StepKind::TICK_FRAME, 1) };
        let error = Step::read(&header, b"", &mut request).expect_err("nobody knows what it did");
        assert_eq!(error, StepError::Rules(UnknownRules(rules)));
        assert!(error.to_string().starts_with(&format!("rules version {rules} is not known")), "{error}");
    }
}

#[test]
fn damaged_bodies_are_no_steps() {
    let read = |header: &StepHeader| Step::read(header, &[0xff], &mut FeedRequest::default()).map(drop);
    assert_eq!(read(&header(StepKind::SETTINGS_FRAME, 1)), Err(StepError::Settings));
    assert_eq!(read(&header(StepKind::UPDATE_FRAME, 1)), Err(StepError::Update(DecodeError::Malformed)));
    let opening = StepHeader { flags: BATCH, ..header(StepKind::UPDATE_FRAME, 1) };
    assert_eq!(read(&opening), Err(StepError::Batch));
}

#[test]
fn steps_read_from_frames_do_what_the_same_steps_did_live() {
    let settings = Settings { trade_retention_s: 1, ..Settings::initial() };
    let (update, batch) = (deposit(5).encode_to_vec(), batch(&[7, -2]));
    let frames = [
        (header(StepKind::SETTINGS_FRAME, 1), settings.encode_to_vec()),
        (header(StepKind::UPDATE_FRAME, 2), update.clone()),
        (
            StepHeader { flags: BATCH | Origin::REST.flags(), ..header(StepKind::UPDATE_FRAME, 3) },
            batch.encode_to_vec(),
        ),
        (header(StepKind::TICK_FRAME, 4), Vec::new()),
    ];
    let (mut live, mut replayed, mut out) = (Engine::new(0), Engine::new(0), Outcome::with_room());
    let at = |sequence: u64| Stamp { sequence, time_ns: sequence * 1_000, ..Stamp::default() };
    let request = FeedRequest::decode(&update).expect("written by prost");
    live.set_settings(at(1), &settings, &mut out);
    live.apply(Input { stamp: at(2), bytes: &update, request: &request }, &mut out);
    let opening = Stamp { origin: Origin::REST, ..at(3) };
    live.open_batch(opening, &batch, &mut out);
    let members: Vec<_> = batch.updates(opening).collect();
    assert_eq!(members.iter().map(|(stamp, _)| stamp.time_ns).collect::<Vec<_>>(), [3_001, 3_002]);
    for (stamp, bytes) in &members {
        let request = FeedRequest::decode(bytes).expect("written by prost");
        live.apply(Input { stamp: *stamp, bytes, request: &request }, &mut out);
    }
    live.tick(at(4), &mut out);
    for (header, body) in &frames {
        let mut request = FeedRequest::default();
        let step = Step::read(header, body, &mut request).expect("a frame of this build").expect("a step");
        replayed.apply(step.clone(), &mut out);
        let Step::OpenBatch { stamp, batch } = step else { continue };
        for (stamp, bytes) in batch.updates(stamp) {
            let request = FeedRequest::decode(&bytes).expect("written by prost");
            replayed.apply(Input { stamp, bytes: &bytes, request: &request }, &mut out);
        }
    }
    assert_eq!(replayed.image(), live.image());
    assert_eq!(replayed.settings(), &settings);
}

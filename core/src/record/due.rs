//! What is recorded when something is due.
//!
//! The time of the record decides, not the time at which it was due: whatever became due since is done with it.

use prost::Message;

use super::{Origin, StepKind};
use crate::engine::DueKind;
use crate::engine::requests::{backlog_body, timeout_body};
use crate::names::FeedNo;
use crate::proto::{
    ConnectionStatus, FeedDetails, FeedRequest, FeedRequestType, Operation, OperationType, TimestampWithTimeZone,
    Transform, TransformType,
};

/// Parameter of the hub's own removals: all orders due at or before an instant, in ISO-8601.
pub const DUE_BY: &str = "DueBy";

/// A frame that is yet to be recorded, in the hub's own sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRecord {
    /// The number of the frame's kind.
    pub frame_kind: u8,
    /// Flags of the frame, by [`Origin::flags`].
    pub origin: Origin,
    pub body: Vec<u8>,
}

/// What to record for something that is due now. `feed_name` names the feed of an expiry or a dispatch; one dispatch
/// delivers one request.
///
/// # Panics
/// If the clock shows a year beyond 9999.
pub fn due(kind: DueKind, now_ns: u64, feed_name: impl FnOnce(FeedNo) -> String) -> DueRecord {
    let (frame_kind, origin, body) = match kind {
        DueKind::Removal => (StepKind::UPDATE_FRAME, Origin::default(), removal_body(now_ns)),
        DueKind::Forgetting => (StepKind::TICK_FRAME, Origin::default(), Vec::new()),
        DueKind::FeedExpiry(feed) => (StepKind::UPDATE_FRAME, Origin::default(), expiry_body(feed_name(feed))),
        DueKind::Dispatch { feed, .. } => (StepKind::UPDATE_FRAME, Origin::DISPATCH, backlog_body(&feed_name(feed))),
        DueKind::RequestTimeout => (StepKind::UPDATE_FRAME, Origin::DISPATCH, timeout_body()),
    };
    DueRecord { frame_kind, origin, body }
}

/// The status of a feed whose adapter was not heard of in time.
fn expiry_body(feed_id: String) -> Vec<u8> {
    let status = ConnectionStatus::Disconnected as i32;
    let details = FeedDetails { feed_id, status, ..FeedDetails::default() };
    let r#type = FeedRequestType::Status as i32;
    FeedRequest { r#type, status: Some(details), ..FeedRequest::default() }.encode_to_vec()
}

/// The removal of all orders due by an instant.
///
/// # Panics
/// As [`due`].
pub fn removal_body(by_ns: u64) -> Vec<u8> {
    let by = TimestampWithTimeZone::from_unix_nanos(by_ns);
    let by = by.to_iso().expect("invariant: the clock shows a year of four digits");
    let transform = Transform {
        transform_type: TransformType::Remove as i32,
        parameters: [(DUE_BY.to_owned(), by)].into(),
        ..Transform::default()
    };
    let operation = Operation {
        r#type: OperationType::Transform as i32,
        transform: Some(transform.into()),
        ..Operation::default()
    };
    let r#type = FeedRequestType::Operation as i32;
    FeedRequest { r#type, operation: Some(operation.into()), ..FeedRequest::default() }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Due, Engine, Input};
    use crate::outcome::{Outcome, Stamp};
    use crate::proto::{Account, ExternalAction, OrderState};
    use crate::record::{Step, StepHeader};
    use crate::wire;

    fn apply(engine: &mut Engine, time_ns: u64, frame_kind: u8, body: &[u8]) {
        let header = StepHeader {
            kind: frame_kind,
            rules: 2,
            sequence: engine.sequence() + 1,
            time_ns,
            ..StepHeader::default()
        };
        let mut request = wire::FeedRequest::default();
        let step: Step<'_> = Step::read(&header, body, &mut request).expect("a frame").expect("a step");
        engine.apply(step, &mut Outcome::with_room());
    }

    fn update(engine: &mut Engine, request: &FeedRequest) {
        let bytes = request.encode_to_vec();
        let request = wire::FeedRequest::decode(&bytes).expect("written by prost");
        let (sequence, time_ns) = (engine.sequence() + 1, engine.time_ns() + 1);
        let stamp = Stamp { sequence, time_ns, ..Stamp::default() };
        engine.apply(Input { stamp, bytes: &bytes, request: &request }, &mut Outcome::with_room());
    }

    fn online(expire_after: Option<u64>) -> FeedRequest {
        let expire_after = expire_after.map(TimestampWithTimeZone::from_unix_nanos);
        let status = ConnectionStatus::Online as i32;
        let details = FeedDetails { feed_id: "XASX".into(), status, expire_after, ..FeedDetails::default() };
        FeedRequest { r#type: FeedRequestType::Status as i32, status: Some(details), ..FeedRequest::default() }
    }

    fn order_removed_at(at_ns: u64) -> FeedRequest {
        let account = Some(Account { owner_id: "O".into(), account_id: "A".into() });
        let remove_after = Some(TimestampWithTimeZone::from_unix_nanos(at_ns));
        let order = OrderState { order_id: "#1".into(), account, remove_after, ..OrderState::default() };
        let action = ExternalAction { r#type: 110, order: Some(Box::new(order)), ..ExternalAction::default() };
        FeedRequest { r#type: FeedRequestType::Action as i32, action: Some(action), ..FeedRequest::default() }
    }

    #[test]
    fn the_earliest_is_due_first_and_its_record_does_it() {
        const SECOND: u64 = 1_000_000_000;
        let mut engine = Engine::new(0);
        assert_eq!(engine.next_due(), None);
        update(&mut engine, &online(Some(30 * SECOND)));
        update(&mut engine, &order_removed_at(20 * SECOND));
        assert_eq!(engine.next_due(), Some(Due { at_ns: 20 * SECOND, kind: DueKind::Removal }));
        let loaded = Engine::from_image(&engine.image()).expect("just made");
        assert_eq!(loaded.next_due(), engine.next_due());
        let mut seen = Vec::new();
        while let Some(next) = engine.next_due() {
            let record = due(next.kind, next.at_ns + 5, |feed| engine.names().feed(feed).to_owned());
            apply(&mut engine, next.at_ns + 5, record.frame_kind, &record.body);
            seen.push(next.kind);
        }
        assert_eq!(seen, [DueKind::Removal, DueKind::FeedExpiry(FeedNo(1))]);
        assert_eq!(engine.counts().orders, 0);
        let status = engine.feeds()[1].details.as_ref().map(FeedDetails::status);
        assert_eq!(status, Some(ConnectionStatus::Disconnected));
    }

    #[test]
    fn a_status_that_comes_in_time_moves_the_expiry() {
        let mut engine = Engine::new(0);
        update(&mut engine, &online(Some(30)));
        update(&mut engine, &online(Some(50)));
        assert_eq!(engine.next_due(), Some(Due { at_ns: 50, kind: DueKind::FeedExpiry(FeedNo(1)) }));
        update(&mut engine, &online(None));
        assert_eq!(engine.next_due(), None);
    }

    #[test]
    fn a_removal_says_by_when_to_the_nanosecond() {
        let request = FeedRequest::decode(&*removal_body(1_790_000_000_123_456_789)).expect("a FeedRequest");
        let transform = request.operation.and_then(|it| it.transform).expect("a Transform");
        assert_eq!(transform.parameters[DUE_BY], "2026-09-21T14:13:20.123456789Z");
    }
}

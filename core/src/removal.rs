//! The update that removes orders whose retention is over, as the hub records it.

use prost::Message;

use crate::proto::{
    FeedRequest, FeedRequestType, Operation, OperationType, TimestampWithTimeZone, Transform, TransformType,
};

/// The removal of all orders due by an instant, as the hub records it.
pub fn removal_body(by_ns: u64) -> Vec<u8> {
    let transform = Transform {
        transform_type: TransformType::Remove as i32,
        parameters: [("DueBy".to_owned(), iso(by_ns))].into(),
        ..Transform::default()
    };
    let operation = Operation {
        r#type: OperationType::Transform as i32,
        transform: Some(transform.into()),
        ..Operation::default()
    };
    FeedRequest {
        r#type: FeedRequestType::Operation as i32,
        operation: Some(operation.into()),
        ..FeedRequest::default()
    }
    .encode_to_vec()
}

/// In UTC, to the nanosecond.
fn iso(ns: u64) -> String {
    TimestampWithTimeZone::from_unix_nanos(ns).to_iso().expect("invariant: the clock shows a year of four digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_says_by_when_to_the_nanosecond() {
        let request = FeedRequest::decode(&*removal_body(1_790_000_000_123_456_789)).expect("a FeedRequest");
        let transform = request.operation.and_then(|it| it.transform).expect("a Transform");
        assert_eq!(transform.parameters["DueBy"], "2026-09-21T14:13:20.123456789Z");
    }
}

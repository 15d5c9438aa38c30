//! Writes: passed to the receiver, answered once published. While the hub is stopping or has failed, 503.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::TrySendError;
use hyper::StatusCode;
use ordo_core::proto::{ExternalAction, FeedRequest, FeedRequestType, Operation};
use ordo_core::record::Origin;
use ordo_core::subscription::Caller;
use ordo_core::wire::Span;
use prost::Message;

use super::Shared;
use super::batch::BatchDraft;
use super::error::Refusal;
use super::memory::Share;
use crate::wiring::ingress::{Body, Write};
use crate::wiring::task::Writer;
use crate::wiring::ticket::{Ticket, WriteResult};

/// How long a write waits for room in the queue.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
const QUEUE_PAUSE: Duration = Duration::from_millis(1);

/// Result of a valid write.
enum Done {
    /// Holds the order's new state, if that was asked for.
    Applied(Option<Vec<u8>>),
    Nothing {
        is_repeated: bool,
    },
}

/// An update with an action.
pub(super) fn of_action(action: ExternalAction) -> FeedRequest {
    FeedRequest { r#type: FeedRequestType::Action as i32, action: Some(action), ..FeedRequest::default() }
}

/// An update with an operation.
pub(super) fn of_operation(operation: Operation) -> FeedRequest {
    let kind = FeedRequestType::Operation as i32;
    FeedRequest { r#type: kind, operation: Some(Box::new(operation)), ..FeedRequest::default() }
}

impl Shared {
    /// Records an update; 204 once it is published.
    pub(super) async fn record(
        &self,
        caller: Caller,
        update: FeedRequest,
        origin: Origin,
    ) -> Result<StatusCode, Refusal> {
        let body = self.body_of(&update)?;
        self.hand_over(Body::Update(body), Writer { origin, caller }, Ticket::new()).await?;
        Ok(StatusCode::NO_CONTENT)
    }

    /// Records an update of one order; returns the order's new state if it changed.
    pub(super) async fn record_order(&self, caller: Caller, update: FeedRequest) -> Result<Option<Vec<u8>>, Refusal> {
        let body = self.body_of(&update)?;
        match self.hand_over(Body::Update(body), Writer { origin: Origin::REST, caller }, Ticket::for_order()).await? {
            Done::Applied(order) => Ok(order),
            Done::Nothing { .. } => Ok(None),
        }
    }

    /// Records a transform whose source does not exist: 204 if it was applied before under its id, otherwise 404.
    pub(super) async fn record_again(&self, caller: Caller, update: FeedRequest) -> Result<StatusCode, Refusal> {
        let body = self.body_of(&update)?;
        match self.hand_over(Body::Update(body), Writer { origin: Origin::REST, caller }, Ticket::new()).await? {
            Done::Nothing { is_repeated: false } => Err(Refusal::NotFound),
            Done::Applied(_) | Done::Nothing { .. } => Ok(StatusCode::NO_CONTENT),
        }
    }

    /// Records several updates, all or none. `settlement_id` is empty where they are no settlement; `share` is the
    /// request's.
    pub(super) async fn record_batch(
        &self,
        caller: Caller,
        batch: BatchDraft<'_>,
        settlement_id: &str,
        mut share: Share,
    ) -> Result<StatusCode, Refusal> {
        if !batch.is_empty() {
            let (body, bytes) = batch.finish(settlement_id)?;
            share.grow(bytes)?;
            self.hand_over(body, Writer { origin: Origin::REST, caller }, Ticket::new()).await?;
        }
        Ok(StatusCode::NO_CONTENT)
    }

    async fn hand_over(&self, body: Body, writer: Writer, ticket: Arc<Ticket>) -> Result<Done, Refusal> {
        let clock = self.history.clock();
        let since = clock.now();
        let mut write = Write { body, writer, ticket: ticket.clone() };
        while let Err(refused) = self.ingress.writes.try_send(write) {
            let TrySendError::Full(again) = refused else { return Err(Refusal::Unavailable) };
            if clock.since(since) >= QUEUE_TIMEOUT || self.progress.is_stopping() || self.progress.fault().is_some() {
                return Err(Refusal::Unavailable);
            }
            write = again;
            tokio::time::sleep(QUEUE_PAUSE).await;
        }
        match ticket.wait(&self.progress, clock).await {
            WriteResult::Applied(order) => Ok(Done::Applied(order)),
            WriteResult::Nothing { is_repeated } => Ok(Done::Nothing { is_repeated }),
            WriteResult::Refused(codes) => Err(Refusal::Unprocessable(codes)),
            WriteResult::Unavailable => Err(Refusal::Unavailable),
        }
    }

    /// Encodes an update and checks that the receiver can read it.
    pub(super) fn body_of(&self, update: &FeedRequest) -> Result<Vec<u8>, Refusal> {
        let body = self.fitting(update.encode_to_vec())?;
        let mut request = ordo_core::wire::FeedRequest::default();
        match request.receive_into(&body, Span::whole(&body)) {
            Ok(()) => Ok(body),
            Err(ordo_core::wire::DecodeError::NumberOutOfRange) => Err(Refusal::refused("NumberOutOfRange")),
            Err(_) => Err(Refusal::bad("the body cannot be read")),
        }
    }

    /// Refuses a body that is too large for a frame of the journal.
    fn fitting(&self, body: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        if body.len() > self.update_bytes_max { Err(Refusal::TooLarge) } else { Ok(body) }
    }
}

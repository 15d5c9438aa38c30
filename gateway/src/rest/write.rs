//! Writes: handed to the receiver, answered when the update may be told. A hub that stops or fails answers 503.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::TrySendError;
use hyper::StatusCode;
use ordo_core::proto::{ExternalAction, FeedRequest, FeedRequestType, Operation};
use ordo_core::record::{Batch, Origin};
use ordo_core::wire::Span;
use prost::Message;

use super::Shared;
use super::error::Refusal;
use crate::intake::{Body, Write};
use crate::ticket::{Ticket, Told};

/// How long a write waits for a place in the queue.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
const QUEUE_PAUSE: Duration = Duration::from_millis(1);

/// What became of a write that was in order.
enum Done {
    /// Holds the order's new state, where that was asked for.
    Applied(Option<Vec<u8>>),
    Nothing {
        is_repeated: bool,
    },
}

/// An update that carries an action.
pub(super) fn of_action(action: ExternalAction) -> FeedRequest {
    FeedRequest { r#type: FeedRequestType::Action as i32, action: Some(action), ..FeedRequest::default() }
}

/// An update that carries an operation.
pub(super) fn of_operation(operation: Operation) -> FeedRequest {
    let kind = FeedRequestType::Operation as i32;
    FeedRequest { r#type: kind, operation: Some(Box::new(operation)), ..FeedRequest::default() }
}

impl Shared {
    /// Records one update; 204 once it may be told.
    pub(super) async fn record(&self, update: FeedRequest, origin: Origin) -> Result<StatusCode, Refusal> {
        let body = self.body_of(&update)?;
        self.hand_over(Body::Update(body), origin, Ticket::new()).await?;
        Ok(StatusCode::NO_CONTENT)
    }

    /// Records an update of one order; the order's new state, where that changed.
    pub(super) async fn record_order(&self, update: FeedRequest) -> Result<Option<Vec<u8>>, Refusal> {
        let body = self.body_of(&update)?;
        match self.hand_over(Body::Update(body), Origin::REST, Ticket::for_order()).await? {
            Done::Applied(order) => Ok(order),
            Done::Nothing { .. } => Ok(None),
        }
    }

    /// Records a transform of what is not there (any more): 204 if that is so because it was applied before, 404 if
    /// there is nothing that it could be applied to.
    pub(super) async fn record_again(&self, update: FeedRequest) -> Result<StatusCode, Refusal> {
        let body = self.body_of(&update)?;
        match self.hand_over(Body::Update(body), Origin::REST, Ticket::new()).await? {
            Done::Nothing { is_repeated: false } => Err(Refusal::NotFound),
            Done::Applied(_) | Done::Nothing { .. } => Ok(StatusCode::NO_CONTENT),
        }
    }

    /// Records several, all or none.
    pub(super) async fn record_batch(&self, batch: Batch) -> Result<StatusCode, Refusal> {
        if !batch.members.is_empty() {
            let members = batch
                .members
                .iter()
                .map(|member| self.body_of(member.update.as_deref().unwrap_or(&FeedRequest::default())));
            let members = members.collect::<Result<_, _>>()?;
            let frame = self.fitting(batch.encode_to_vec())?;
            self.hand_over(Body::Batch { frame, members }, Origin::REST, Ticket::new()).await?;
        }
        Ok(StatusCode::NO_CONTENT)
    }

    async fn hand_over(&self, body: Body, origin: Origin, ticket: Arc<Ticket>) -> Result<Done, Refusal> {
        let since = Instant::now();
        let mut write = Write { body, origin, identity: 0, ticket: ticket.clone() };
        while let Err(refused) = self.doors.writes.try_send(write) {
            let TrySendError::Full(again) = refused else { return Err(Refusal::Unavailable) };
            if since.elapsed() >= QUEUE_TIMEOUT || self.progress.is_stopping() || self.progress.fault().is_some() {
                return Err(Refusal::Unavailable);
            }
            write = again;
            tokio::time::sleep(QUEUE_PAUSE).await;
        }
        match ticket.wait(&self.progress).await {
            Told::Applied(order) => Ok(Done::Applied(order)),
            Told::Nothing { is_repeated } => Ok(Done::Nothing { is_repeated }),
            Told::Refused(codes) => Err(Refusal::Unprocessable(codes)),
            Told::Unavailable => Err(Refusal::Unavailable),
        }
    }

    /// The update's bytes, checked to be what the receiver takes.
    fn body_of(&self, update: &FeedRequest) -> Result<Vec<u8>, Refusal> {
        let body = self.fitting(update.encode_to_vec())?;
        let mut request = ordo_core::wire::FeedRequest::default();
        match request.receive_into(&body, Span::whole(&body)) {
            Ok(()) => Ok(body),
            Err(ordo_core::wire::DecodeError::NumberOutOfRange) => Err(Refusal::refused("NumberOutOfRange")),
            Err(_) => Err(Refusal::bad("the body cannot be read")),
        }
    }

    /// One frame of the journal takes so much and no more.
    fn fitting(&self, body: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        if body.len() > self.update_bytes_max { Err(Refusal::TooLarge) } else { Ok(body) }
    }
}

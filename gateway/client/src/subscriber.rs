//! `Subscriber`: a connection with subscriptions, each folded into its view as messages are taken.
//!
//! Nothing is folded unless the caller takes messages: the hub closes a subscriber that falls 8 MiB behind (4408).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ordo_core::proto::{EventMessageType, RequestMessage, RequestMessageType};
use ordo_core::proto::{SubscriptionDetails, SubscriptionTarget, SubscriptionType};
use prost::Message;

use super::connection::{accepted, answers};
use super::{ClientError, Connection, FoldedView, Form, Frame, Options, Step};

/// A view of a subscriber; it stays the same while the subscriber lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewId(usize);

/// A message as it was taken.
#[derive(Debug)]
pub enum Heard {
    /// It was of a subscription, and is folded; the frame for whoever wants more than that.
    View { view: ViewId, step: Step, frame: Frame },
    /// It was none of the subscriptions': a Response, a Feed event.
    Other(Frame),
}

#[derive(Debug)]
struct Subscription {
    view: FoldedView,
    /// Its details as they stand in messages, so that most are told apart by their bytes.
    encoded: Vec<u8>,
    is_ended: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Subscriber {
    connection: Connection,
    subscriptions: Vec<Subscription>,
    requests: u64,
}

impl Subscriber {
    /// Connects; waits for that.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub fn open(addr: SocketAddr, form: Form) -> Result<Subscriber, ClientError> {
        Connection::open(addr, form).map(Subscriber::on)
    }

    /// # Errors
    /// As [`Connection::open`].
    pub fn open_with(addr: SocketAddr, options: Options) -> Result<Subscriber, ClientError> {
        Connection::open_with(addr, options).map(Subscriber::on)
    }

    /// Subscribes on a connection that exists.
    #[must_use]
    pub fn on(connection: Connection) -> Subscriber {
        Subscriber { connection, subscriptions: Vec::new(), requests: 0 }
    }

    /// For what the subscriber has no word for.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Subscribes; waits for response and snapshot, folding what comes for other subscriptions meanwhile.
    ///
    /// # Errors
    /// `Answered`, `TimedOut`, and as [`Connection::receive`].
    pub fn subscribe(
        &mut self,
        view: SubscriptionType,
        targets: Vec<SubscriptionTarget>,
    ) -> Result<ViewId, ClientError> {
        let details = SubscriptionDetails { r#type: view as i32, targets };
        let encoded = details.encode_to_vec();
        let view = FoldedView::new(details.clone());
        // Here before the response: the snapshot follows it at once.
        self.subscriptions.push(Subscription { view, encoded, is_ended: false });
        let id = ViewId(self.subscriptions.len() - 1);
        let subscribed = self.request(RequestMessageType::Subscribe, Some(details));
        if let Err(error) = subscribed {
            self.subscriptions[id.0].is_ended = true;
            return Err(error);
        }
        self.take_until("snapshot", |subscriber, _| Ok(subscriber.view(id).is_live()))?;
        Ok(id)
    }

    /// Ends a subscription; waits for the response. The view keeps what it had.
    ///
    /// # Errors
    /// `Answered`, `TimedOut`, and as [`Connection::receive`].
    pub fn unsubscribe(&mut self, view: ViewId) -> Result<(), ClientError> {
        let details = self.view(view).details().clone();
        self.request(RequestMessageType::Unsubscribe, Some(details))?;
        self.subscriptions[view.0].is_ended = true;
        Ok(())
    }

    /// Waits until every event is folded of each update that anybody had been told of when this was called.
    ///
    /// # Errors
    /// `TimedOut`, and as [`Connection::receive`].
    pub fn synchronise(&mut self) -> Result<(), ClientError> {
        self.request(RequestMessageType::Synchronise, None)
    }

    /// The next message, folded if it is a subscription's; waits for it up to `timeout`. None when that has passed.
    ///
    /// # Errors
    /// As [`Connection::receive`] and [`FoldedView::fold`]; `Unreadable`: a message of a subscription that this is not.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<Heard>, ClientError> {
        let Some(frame) = self.connection.receive(timeout)? else { return Ok(None) };
        let event = frame.event()?;
        let is_response = event.kind == EventMessageType::Response as u64;
        if event.subscription.is_empty() || is_response {
            return Ok(Some(Heard::Other(frame)));
        }
        let at = self.subscription(event.subscription)?;
        let step = self.subscriptions[at].view.fold_event(&event)?;
        Ok(Some(Heard::View { view: ViewId(at), step, frame }))
    }

    /// Takes messages until a view is at a position of a sequence, or past it.
    ///
    /// # Errors
    /// `TimedOut`, and as [`Subscriber::next`].
    pub fn wait_position(&mut self, view: ViewId, sequence: &str, position: i64) -> Result<(), ClientError> {
        if self.view(view).position(sequence) >= position {
            return Ok(());
        }
        let there = |subscriber: &Subscriber, _: &Heard| Ok(subscriber.view(view).position(sequence) >= position);
        self.take_until("event at the position", there)
    }

    /// A view as it is now.
    ///
    /// # Panics
    /// If the view is another subscriber's.
    #[must_use]
    pub fn view(&self, view: ViewId) -> &FoldedView {
        &self.subscriptions[view.0].view
    }

    /// Sends a request and takes messages until its response.
    fn request(
        &mut self,
        kind: RequestMessageType,
        subscription: Option<SubscriptionDetails>,
    ) -> Result<(), ClientError> {
        self.requests += 1;
        let request_id = format!("s{}", self.requests);
        let message =
            RequestMessage { r#type: kind as i32, request_id: request_id.clone(), subscription, ..Default::default() };
        self.connection.send(&message)?;
        let mut answer = None;
        self.take_until("response", |_, heard| {
            let Heard::Other(frame) = heard else { return Ok(false) };
            let is_mine = answers(frame, &request_id)?;
            if is_mine {
                answer = Some(frame.message()?);
            }
            Ok(is_mine)
        })?;
        accepted(answer.expect("invariant: it ended at the answer")).map(|_| ())
    }

    /// Takes messages until one is the last, for as long as the connection's patience.
    fn take_until(
        &mut self,
        what: &'static str,
        mut is_last: impl FnMut(&Subscriber, &Heard) -> Result<bool, ClientError>,
    ) -> Result<(), ClientError> {
        let after = self.connection.patience();
        let deadline = Instant::now() + after;
        while let Some(heard) = self.next(deadline.saturating_duration_since(Instant::now()))? {
            if is_last(self, &heard)? {
                return Ok(());
            }
        }
        Err(ClientError::TimedOut { what, after })
    }

    /// The subscription that a message names.
    fn subscription(&mut self, encoded: &[u8]) -> Result<usize, ClientError> {
        let is_live = |subscription: &Subscription| !subscription.is_ended;
        let same_bytes = |s: &Subscription| is_live(s) && s.encoded == encoded;
        if let Some(at) = self.subscriptions.iter().position(same_bytes) {
            return Ok(at);
        }
        let details = SubscriptionDetails::decode(encoded).map_err(|e| ClientError::Unreadable(e.to_string()))?;
        let same = |s: &Subscription| is_live(s) && *s.view.details() == details;
        let at = self.subscriptions.iter().position(same);
        let at = at.ok_or_else(|| ClientError::Unreadable(format!("a message of no subscription: {details:?}")))?;
        self.subscriptions[at].encoded = encoded.into();
        Ok(at)
    }
}

//! `Adapter`: supplies one feed over one connection.
//!
//! Updates are submitted ahead of the answers and kept until a Bookmark says that they are durable. After a drop,
//! [`Adapter::reconnect`] asks the hub where to go on and sends the rest again: nothing is lost, nothing is applied
//! twice. While the feed is suspended (another connection supplies it, or the hub cannot take more) updates are kept
//! and go out with the Resume.
//!
//! An adapter reads only while one of its calls runs: an idle one calls [`Adapter::poll`] every 30 s or so, else the
//! hub's pings stay unanswered and it drops the connection after 60 s.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ordo_core::proto::{EventMessageType, ExternalAction, FeedConfiguration, FeedEvent, FeedEventType, FeedRequest};
use prost::Message;

use super::limits::RESPONSES_MAX;
use super::unconfirmed::Unconfirmed;
use super::{ClientError, Connection, Frame, Options, messages};

/// How an adapter connects and what it keeps.
#[derive(Debug, Clone)]
pub struct AdapterOptions {
    pub connection: Options,
    /// Bytes of submitted updates that are kept for sending again. Full: submitting waits for a Bookmark. Larger: more
    /// in flight; smaller: less memory. Default 64 MiB.
    pub unconfirmed_bytes_max: usize,
}

impl Default for AdapterOptions {
    fn default() -> AdapterOptions {
        AdapterOptions { connection: Options::default(), unconfirmed_bytes_max: 64 << 20 }
    }
}

/// The hub's answer to one request: to every one with a RequestID, and to each that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Empty if the request had none.
    pub request_id: String,
    /// Error codes; none: applied, or recorded before.
    pub errors: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Supply {
    /// Open is sent; neither Resume nor Suspend has come.
    Opening,
    Active,
    Suspended,
    Closed,
}

/// How many updates are submitted between two looks at what has come in.
const SUBMITS_PER_POLL: u32 = 256;

/// See the module. Dropping it drops the connection, as a crash would: the feed counts as disconnected.
#[derive(Debug)]
pub struct Adapter {
    addr: SocketAddr,
    feed: String,
    options: AdapterOptions,
    connection: Connection,
    supply: Supply,
    unconfirmed: Unconfirmed,
    last_submitted: i64,
    resumed: i64,
    bookmark: i64,
    configuration: Option<FeedConfiguration>,
    responses: VecDeque<Response>,
    responses_dropped: u64,
    /// Requests and queries of the hub.
    events: VecDeque<FeedEvent>,
    submits_to_poll: u32,
}

impl Adapter {
    /// Connects and offers to supply a feed; waits until the hub resumes or suspends it.
    ///
    /// # Errors
    /// As [`Connection::open`]; `Answered`: not allowed; `TimedOut`.
    pub fn open(addr: SocketAddr, feed: &str) -> Result<Adapter, ClientError> {
        Adapter::open_with(addr, feed, AdapterOptions::default())
    }

    /// # Errors
    /// As [`Adapter::open`].
    pub fn open_with(addr: SocketAddr, feed: &str, options: AdapterOptions) -> Result<Adapter, ClientError> {
        let connection = Connection::open_with(addr, options.connection.clone())?;
        let mut adapter = Adapter {
            addr,
            feed: feed.into(),
            connection,
            supply: Supply::Opening,
            unconfirmed: Unconfirmed::new(options.unconfirmed_bytes_max),
            options,
            last_submitted: 0,
            resumed: 0,
            bookmark: 0,
            configuration: None,
            responses: VecDeque::new(),
            responses_dropped: 0,
            events: VecDeque::new(),
            submits_to_poll: SUBMITS_PER_POLL,
        };
        adapter.begin()?;
        Ok(adapter)
    }

    #[must_use]
    pub fn feed(&self) -> &str {
        &self.feed
    }

    /// Whether this connection supplies the feed now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.supply == Supply::Active
    }

    /// The position that the hub last resumed the feed at.
    #[must_use]
    pub fn resumed(&self) -> i64 {
        self.resumed
    }

    /// The configuration that came with it.
    #[must_use]
    pub fn configuration(&self) -> Option<&FeedConfiguration> {
        self.configuration.as_ref()
    }

    /// The last position submitted, or resumed at.
    #[must_use]
    pub fn last_submitted(&self) -> i64 {
        self.last_submitted
    }

    /// The position up to which everything is durable, as far as told: reads nothing.
    #[must_use]
    pub fn bookmark(&self) -> i64 {
        self.bookmark
    }

    /// How many updates are kept for sending again.
    #[must_use]
    pub fn unconfirmed(&self) -> usize {
        self.unconfirmed.len()
    }

    /// Submits an action at a position above the last one, without waiting for an answer. It leaves with the next
    /// flush, poll or wait, or when 64 KiB have come together. Waits only where a buffer is full.
    ///
    /// # Errors
    /// `Position`; `Suspended` or `TimedOut`: full for longer than the patience; `Closed`: reconnect, the update is
    /// kept and will be sent.
    pub fn submit(&mut self, position: i64, action: ExternalAction) -> Result<(), ClientError> {
        let request = messages::action(&self.feed, position, action);
        self.submit_request(request, "")
    }

    /// As [`Adapter::submit`], for any message that takes a position; one with a RequestID is answered
    /// ([`Adapter::take_responses`]).
    ///
    /// # Errors
    /// As [`Adapter::submit`].
    pub fn submit_request(&mut self, request: FeedRequest, request_id: &str) -> Result<(), ClientError> {
        let position = request.position.as_ref().map_or(0, |place| place.position);
        let update = messages::feed_message(request, request_id).encode_to_vec();
        self.submit_encoded(position, update.into())
    }

    /// As [`Adapter::submit`], for a whole RequestMessage that is encoded already.
    ///
    /// # Errors
    /// As [`Adapter::submit`].
    pub fn submit_encoded(&mut self, position: i64, update: Bytes) -> Result<(), ClientError> {
        if position <= self.last_submitted {
            return Err(ClientError::Position { position, last: self.last_submitted });
        }
        if !self.unconfirmed.has_room_for(&update) {
            self.make_room(&update)?;
        }
        self.last_submitted = position;
        self.unconfirmed.push(position, update);
        self.send_unsent()?;
        self.submits_to_poll -= 1;
        if self.submits_to_poll == 0 { self.poll() } else { Ok(()) }
    }

    /// Waits until the kernel has all that was submitted.
    ///
    /// # Errors
    /// As [`Connection::flush`].
    pub fn flush(&mut self) -> Result<(), ClientError> {
        self.connection.flush()
    }

    /// Sends what is queued and takes what has come in; waits for nothing more to come.
    ///
    /// # Errors
    /// As [`Connection::receive`]; `Lost`.
    pub fn poll(&mut self) -> Result<(), ClientError> {
        self.submits_to_poll = SUBMITS_PER_POLL;
        while let Some(frame) = self.connection.receive(Duration::ZERO)? {
            self.take(&frame)?;
        }
        Ok(())
    }

    /// Waits until the hub has said that everything up to a position is durable.
    ///
    /// # Errors
    /// `TimedOut`, and as [`Adapter::poll`].
    pub fn wait_bookmark(&mut self, position: i64, timeout: Duration) -> Result<i64, ClientError> {
        self.take_until("Bookmark", timeout, |adapter| adapter.bookmark >= position)?;
        Ok(self.bookmark)
    }

    /// Waits until this connection supplies the feed.
    ///
    /// # Errors
    /// `TimedOut`, and as [`Adapter::poll`].
    pub fn wait_active(&mut self, timeout: Duration) -> Result<(), ClientError> {
        self.take_until("Resume", timeout, Adapter::is_active)
    }

    /// Waits for the response to a RequestID; others are kept.
    ///
    /// # Errors
    /// `TimedOut`, and as [`Adapter::poll`].
    pub fn wait_response(&mut self, request_id: &str, timeout: Duration) -> Result<Response, ClientError> {
        let find = |adapter: &Adapter| adapter.responses.iter().position(|answer| answer.request_id == request_id);
        self.take_until("response", timeout, |adapter| find(adapter).is_some())?;
        let at = find(self).expect("invariant: it has come");
        Ok(self.responses.remove(at).expect("invariant: it is there"))
    }

    /// The responses that have come since the last call: every one that was asked for, and every refusal.
    pub fn take_responses(&mut self) -> Vec<Response> {
        self.responses.drain(..).collect()
    }

    /// Responses that went unread because too many had come.
    #[must_use]
    pub fn responses_dropped(&self) -> u64 {
        self.responses_dropped
    }

    /// What the hub wants of the adapter: client requests and queries.
    pub fn take_events(&mut self) -> Vec<FeedEvent> {
        self.events.drain(..).collect()
    }

    /// Sends a message that takes no position of the buffer: Configure, Status, answers to requests and queries.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub fn send(&mut self, request: FeedRequest, request_id: &str) -> Result<(), ClientError> {
        self.connection.send(&messages::feed_message(request, request_id))
    }

    /// Connects anew, opens the feed and sends again what the hub has not recorded; waits for the hub's Resume or
    /// Suspend, and for the kernel to take the rest. Bookmarks and responses on the old connection are gone.
    ///
    /// # Errors
    /// As [`Adapter::open`]; `Lost`: the hub has forgotten what it had said was durable.
    pub fn reconnect(&mut self) -> Result<(), ClientError> {
        self.reconnect_to(self.addr)
    }

    /// As [`Adapter::reconnect`], where the hub has a new address.
    ///
    /// # Errors
    /// As [`Adapter::reconnect`].
    pub fn reconnect_to(&mut self, addr: SocketAddr) -> Result<(), ClientError> {
        self.addr = addr;
        self.connection = Connection::open_with(addr, self.options.connection.clone())?;
        self.begin()?;
        self.flush()
    }

    /// Ends the supply: waits until everything is recorded, then for the connection's end. Returns the last Bookmark.
    ///
    /// # Errors
    /// `TimedOut`, and as [`Adapter::poll`].
    pub fn close(mut self, timeout: Duration) -> Result<i64, ClientError> {
        self.send(messages::close(&self.feed.clone()), "")?;
        self.take_until("Close", timeout, |adapter| adapter.supply == Supply::Closed)?;
        self.connection.close(timeout)?;
        Ok(self.bookmark)
    }

    /// Drops the connection at once, as a crash would; what is kept can go out after a reconnect.
    pub fn cut(&mut self) {
        self.connection.cut();
    }

    fn begin(&mut self) -> Result<(), ClientError> {
        self.supply = Supply::Opening;
        let patience = self.options.connection.patience;
        let open = messages::feed_message(messages::open(&self.feed), "open");
        self.connection.send(&open)?;
        let answer = self.wait_response("open", patience)?;
        if !answer.errors.is_empty() {
            return Err(ClientError::Answered { errors: answer.errors });
        }
        self.take_until("Resume or Suspend", patience, |adapter| adapter.supply != Supply::Opening)
    }

    fn take_until(
        &mut self,
        what: &'static str,
        timeout: Duration,
        is_there: impl Fn(&Adapter) -> bool,
    ) -> Result<(), ClientError> {
        let deadline = Instant::now() + timeout;
        while !is_there(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.connection.receive(left)? {
                Some(frame) => self.take(&frame)?,
                None => return Err(ClientError::TimedOut { what, after: timeout }),
            }
        }
        Ok(())
    }

    #[cold]
    fn make_room(&mut self, update: &Bytes) -> Result<(), ClientError> {
        let patience = self.options.connection.patience;
        match self.take_until("Bookmark", patience, |adapter| adapter.unconfirmed.has_room_for(update)) {
            Err(ClientError::TimedOut { .. }) if !self.is_active() => Err(ClientError::Suspended),
            result => result,
        }
    }

    fn send_unsent(&mut self) -> Result<(), ClientError> {
        while self.supply == Supply::Active
            && let Some(update) = self.unconfirmed.next_unsent()
        {
            self.connection.queue_bytes(update)?;
        }
        Ok(())
    }

    fn take(&mut self, frame: &Frame) -> Result<(), ClientError> {
        let event = frame.event()?;
        match EventMessageType::try_from(event.kind as i32) {
            Ok(EventMessageType::Feed) => {
                let event = FeedEvent::decode(event.feed).map_err(|e| ClientError::Unreadable(e.to_string()))?;
                self.take_event(event)
            }
            Ok(EventMessageType::Response) => {
                let details = frame.message()?.request.unwrap_or_default();
                self.keep_response(Response { request_id: details.request_id, errors: details.errors });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take_event(&mut self, event: FeedEvent) -> Result<(), ClientError> {
        let place = event.position.as_ref();
        if place.is_some_and(|place| place.sequence != self.feed) {
            return Ok(());
        }
        let position = place.map_or(0, |place| place.position);
        match FeedEventType::try_from(event.r#type) {
            Ok(FeedEventType::Resume) => return self.resume(position, event),
            Ok(FeedEventType::Suspend) => self.supply = Supply::Suspended,
            Ok(FeedEventType::Close) => self.supply = Supply::Closed,
            Ok(FeedEventType::Bookmark) => {
                self.bookmark = self.bookmark.max(position);
                self.unconfirmed.forget_until(self.bookmark);
            }
            Ok(FeedEventType::Request | FeedEventType::Query) if self.events.len() < RESPONSES_MAX => {
                self.events.push_back(event);
            }
            Ok(FeedEventType::Request | FeedEventType::Query) => return Err(ClientError::Full { what: "requests" }),
            Ok(FeedEventType::Open | FeedEventType::Unknown) | Err(_) => {}
        }
        Ok(())
    }

    fn resume(&mut self, position: i64, event: FeedEvent) -> Result<(), ClientError> {
        if position < self.bookmark {
            let (feed, bookmark) = (self.feed.clone(), self.bookmark);
            return Err(ClientError::Lost { feed, resumed: position, bookmark });
        }
        self.supply = Supply::Active;
        self.resumed = position;
        self.last_submitted = self.last_submitted.max(position);
        self.configuration = event.configuration.map(|configuration| *configuration);
        // The hub resumes at what is recorded durably: as good as a Bookmark, and no other follows for it.
        self.bookmark = position;
        self.unconfirmed.forget_until(position);
        self.unconfirmed.rewind_to(position);
        self.send_unsent()
    }

    fn keep_response(&mut self, response: Response) {
        if self.responses.len() >= RESPONSES_MAX {
            self.responses.pop_front();
            self.responses_dropped += 1;
        }
        self.responses.push_back(response);
    }
}

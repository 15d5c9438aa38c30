//! `Connection`: the protocol as it is. Frames out, messages in; the caller knows what to make of them.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ordo_core::json;
use ordo_core::proto::{EventMessage, EventMessageType, RequestDetails, RequestMessage};
use ordo_core::wire::field;
use prost::Message as _;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};

use super::fields::find;
use super::limits::{INBOX_FRAMES_MAX, OUT_BYTES_MAX};
use super::wire::Wire;
use super::{ClientError, Closed, Frame, upgrade};

/// What data frames hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// Protobuf.
    #[default]
    Binary,
    /// JSON text.
    Json,
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct Options {
    pub form: Form,
    /// Sent as `Authorization: Bearer`. None where the hub needs none (`--dev`).
    pub token: Option<String>,
    /// Short enum names in JSON (`X-OMS-Compact`).
    pub is_compact: bool,
    /// How long connecting may take, and every wait that a call has no timeout of its own for. Default 10 s.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options { form: Form::Binary, token: None, is_compact: false, patience: Duration::from_secs(10) }
    }
}

/// A send buffer that has this much is given to the kernel without waiting for a flush.
const PUSH_BYTES: usize = 64 << 10;

/// A WebSocket to a hub. Dropping it drops the connection without a close frame.
#[derive(Debug)]
pub struct Connection {
    socket: WebSocket<Wire>,
    options: Options,
    /// Read while a call waited for something else.
    inbox: VecDeque<Frame>,
    closed: Option<Closed>,
}

impl Connection {
    /// Connects and upgrades; waits for that, up to the default patience.
    ///
    /// # Errors
    /// `Connect`, `Refused`, `TimedOut`.
    pub fn open(addr: SocketAddr, form: Form) -> Result<Connection, ClientError> {
        Connection::open_with(addr, Options { form, ..Options::default() })
    }

    /// # Errors
    /// As [`Connection::open`].
    pub fn open_with(addr: SocketAddr, options: Options) -> Result<Connection, ClientError> {
        let wire = Wire::connect(addr, options.patience).map_err(|source| ClientError::Connect { addr, source })?;
        let socket = upgrade::upgrade(addr, wire, &options)?;
        Ok(Connection { socket, options, inbox: VecDeque::new(), closed: None })
    }

    #[must_use]
    pub fn form(&self) -> Form {
        self.options.form
    }

    /// The form of what is sent from now on; the hub answers in the form of the last frame it got.
    pub fn set_form(&mut self, form: Form) {
        self.options.form = form;
    }

    #[must_use]
    pub fn patience(&self) -> Duration {
        self.options.patience
    }

    /// Sends a request in the connection's form; waits until the kernel has it.
    ///
    /// # Errors
    /// `Closed`, `Io`, `TimedOut`.
    pub fn send(&mut self, request: &RequestMessage) -> Result<(), ClientError> {
        self.queue(request)?;
        self.flush()
    }

    /// Queues a request in the connection's form. Waits only where the send buffer is full.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub fn queue(&mut self, request: &RequestMessage) -> Result<(), ClientError> {
        self.queue_bytes(request.encode_to_vec().into())
    }

    /// Queues a request that is encoded already, as binary; in a JSON connection it is transcoded.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub fn queue_bytes(&mut self, request: Bytes) -> Result<(), ClientError> {
        match self.options.form {
            Form::Binary => self.queue_message(Message::Binary(request)),
            Form::Json => {
                let mut text = Vec::with_capacity(request.len() * 2);
                json::from_binary(json::message::REQUEST_MESSAGE, &request, json::Style::default(), &mut text)
                    .map_err(|error| ClientError::Unreadable(format!("the request itself: {error:?}")))?;
                let text = String::from_utf8(text).expect("invariant: JSON is UTF-8");
                self.queue_message(Message::Text(text.into()))
            }
        }
    }

    /// Sends a text frame of whatever text.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub fn send_text(&mut self, text: &str) -> Result<(), ClientError> {
        self.queue_message(Message::Text(text.into()))?;
        self.flush()
    }

    /// Sends a binary frame of whatever bytes.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.queue_message(Message::Binary(Bytes::copy_from_slice(bytes)))?;
        self.flush()
    }

    /// Sends any message of the protocol: a ping, fragments, a frame with odd bits.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub fn send_message(&mut self, message: Message) -> Result<(), ClientError> {
        self.queue_message(message)?;
        self.flush()
    }

    /// Sends bytes past the framing: what no client should ever send.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.check_open()?;
        self.socket.get_mut().put(bytes);
        self.flush()
    }

    /// Waits until the kernel has all that was queued, reading meanwhile.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub fn flush(&mut self) -> Result<(), ClientError> {
        self.drain_to(0)
    }

    /// The next message; waits for it up to `timeout`. None when that has passed.
    ///
    /// # Errors
    /// `Closed`: once all that came before was taken, again at every call. `Io`, `Protocol`, `Unreadable`.
    pub fn receive(&mut self, timeout: Duration) -> Result<Option<Frame>, ClientError> {
        if let Some(frame) = self.inbox.pop_front() {
            return Ok(Some(frame));
        }
        let deadline = Instant::now() + timeout;
        loop {
            self.push();
            if let Some(frame) = self.read()? {
                return Ok(Some(frame));
            }
            if let Some(closed) = &self.closed {
                return Err(ClientError::Closed(closed.clone()));
            }
            if !self.socket.get_mut().wait_until(deadline)? {
                return Ok(None);
            }
        }
    }

    /// As [`Connection::receive`], decoded.
    ///
    /// # Errors
    /// As [`Connection::receive`]; `TimedOut` where that says None.
    pub fn receive_message(&mut self, timeout: Duration) -> Result<EventMessage, ClientError> {
        match self.receive(timeout)? {
            Some(frame) => frame.message(),
            None => Err(ClientError::TimedOut { what: "message", after: timeout }),
        }
    }

    /// Sends a request and waits for the Response to its RequestID; other messages are kept for
    /// [`Connection::receive`].
    ///
    /// # Errors
    /// As [`Connection::send`] and [`Connection::receive`]; `TimedOut`; `Full` if too much else comes.
    pub fn ask(&mut self, request: &RequestMessage, timeout: Duration) -> Result<EventMessage, ClientError> {
        self.send(request)?;
        let deadline = Instant::now() + timeout;
        let mut passed = std::mem::take(&mut self.inbox);
        let answer = loop {
            match self.receive(deadline.saturating_duration_since(Instant::now())) {
                Ok(Some(frame)) if answers(&frame, &request.request_id)? => break frame.message(),
                Ok(Some(_)) if passed.len() >= INBOX_FRAMES_MAX => break Err(ClientError::Full { what: "messages" }),
                Ok(Some(frame)) => passed.push_back(frame),
                Ok(None) => break Err(ClientError::TimedOut { what: "response", after: timeout }),
                Err(error) => break Err(error),
            }
        };
        passed.append(&mut self.inbox);
        self.inbox = passed;
        answer
    }

    /// Sends a close frame and waits for the hub's; what comes before it is thrown away.
    ///
    /// # Errors
    /// `TimedOut`, `Io`.
    pub fn close(mut self, timeout: Duration) -> Result<Closed, ClientError> {
        let deadline = Instant::now() + timeout;
        self.inbox.clear();
        if self.closed.is_none() {
            let bye = CloseFrame { code: tungstenite::protocol::frame::coding::CloseCode::Normal, reason: "".into() };
            let sent = self.socket.close(Some(bye));
            self.note_end(sent)?;
        }
        loop {
            match self.receive(deadline.saturating_duration_since(Instant::now())) {
                Ok(Some(_)) => {}
                Ok(None) => return Err(ClientError::TimedOut { what: "close frame", after: timeout }),
                Err(ClientError::Closed(closed)) => return Ok(closed),
                Err(error) => return Err(error),
            }
        }
    }

    /// Cuts the connection, as a crash would; every later call says so.
    pub fn cut(&mut self) {
        // It may be gone already; then there is nothing to cut.
        let _ = self.socket.get_ref().shut_down();
    }

    fn queue_message(&mut self, message: Message) -> Result<(), ClientError> {
        self.check_open()?;
        let written = self.socket.write(message);
        self.note_end(written)?;
        match self.socket.get_ref().queued_bytes() {
            0..PUSH_BYTES => {}
            PUSH_BYTES..OUT_BYTES_MAX => self.push(),
            _ => self.drain_to(OUT_BYTES_MAX / 2)?,
        }
        Ok(())
    }

    /// Waits until at most `bytes` wait to be sent. Reads meanwhile, until the inbox is full.
    fn drain_to(&mut self, bytes: usize) -> Result<(), ClientError> {
        let patience = self.options.patience;
        let deadline = Instant::now() + patience;
        loop {
            self.push();
            if self.socket.get_ref().queued_bytes() <= bytes {
                return Ok(());
            }
            while self.inbox.len() < INBOX_FRAMES_MAX
                && let Some(frame) = self.read()?
            {
                self.inbox.push_back(frame);
            }
            self.check_open()?;
            if !self.socket.get_mut().wait_until(deadline)? {
                return Err(ClientError::TimedOut { what: "room to send", after: patience });
            }
        }
    }

    fn push(&mut self) {
        // An error is not told here: why the hub no longer listens is in what it sent before, which is read next.
        let _ = self.socket.get_mut().push();
    }

    /// The next message if it is here already.
    fn read(&mut self) -> Result<Option<Frame>, ClientError> {
        loop {
            if self.closed.is_some() {
                return Ok(None);
            }
            let message = match self.socket.read() {
                Ok(message) => message,
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(None);
                }
                Err(error) => {
                    self.note_end(Err(error))?;
                    continue;
                }
            };
            match message {
                Message::Binary(bytes) => return Ok(Some(Frame::binary(bytes))),
                Message::Text(text) => return Frame::json(text.as_str()).map(Some),
                Message::Close(frame) => {
                    self.closed = Some(closed_by(frame));
                    // tungstenite has the answer ready; whether it still arrives is the hub's concern.
                    let _ = self.socket.flush();
                }
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Takes an end of the connection for what it is; other errors pass.
    fn note_end(&mut self, result: tungstenite::Result<()>) -> Result<(), ClientError> {
        use tungstenite::Error;
        use tungstenite::error::ProtocolError;
        match result {
            Ok(()) => return Ok(()),
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => {
                self.closed.get_or_insert_with(|| Closed::dropped("closed"));
            }
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                self.closed.get_or_insert_with(|| Closed::dropped("without a close frame"));
            }
            Err(Error::Io(error)) => {
                self.closed.get_or_insert_with(|| Closed::dropped(error.to_string()));
            }
            Err(error) => return Err(ClientError::Protocol(error.to_string())),
        }
        Ok(())
    }

    fn check_open(&self) -> Result<(), ClientError> {
        match &self.closed {
            Some(closed) => Err(ClientError::Closed(closed.clone())),
            None => Ok(()),
        }
    }
}

fn closed_by(frame: Option<CloseFrame>) -> Closed {
    match frame {
        Some(frame) => Closed { code: Some(frame.code.into()), reason: frame.reason.as_str().into() },
        None => Closed { code: None, reason: "a close frame without code".into() },
    }
}

/// Whether a frame is the Response to a request.
pub(super) fn answers(frame: &Frame, request_id: &str) -> Result<bool, ClientError> {
    let event = frame.event()?;
    let is_response = event.kind == EventMessageType::Response as u64;
    Ok(is_response && find(event.request, field::request_details::REQUEST_ID)? == request_id.as_bytes())
}

/// The details of a Response without errors.
///
/// # Errors
/// `Answered` with its error codes.
pub(super) fn accepted(message: EventMessage) -> Result<RequestDetails, ClientError> {
    let details = message.request.unwrap_or_default();
    if details.errors.is_empty() { Ok(details) } else { Err(ClientError::Answered { errors: details.errors }) }
}

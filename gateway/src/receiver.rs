//! The receiver stage: from sockets to the ring.
//!
//! Hot path: one pinned thread, the only producer of the ring in. It reads frames, decodes each once into the slot,
//! refuses what is malformed or not allowed, and keeps the admission state (feed positions, duplicates). For a binary
//! feed update it makes no allocation and no system call but the read. JSON becomes binary here: behind the receiver
//! there is one form.
//!
//! Every message becomes a slot, refused or not: the ring's order is the order of the answers. Ring full: sockets are
//! not read, and TCP holds the senders back.

mod admission;
mod boundary;
mod feeds;
mod housekeeping;
mod pressure;
mod session;
mod writes;

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use mio::{Events, Interest, Poll, Token};
use ordo_core::engine::{Engine, FeedRow};
use ordo_core::json;
use ordo_core::names::FeedNo;
use ordo_core::proto::{ConnectionStatus, RequestMessageType, SubscriptionDetails, SubscriptionType};
use ordo_core::record::Settings;
use ordo_core::ring::{Filler, Stage};
use ordo_core::wire::{DecodeError, RequestMessage};
use ordo_journal::Kind;
use prost::Message;

use self::admission::{FollowUp, admit, status_body};
use self::feeds::Feeds;
use self::housekeeping::{Due, removal_body};
use self::pressure::{Change, Load, Pressure};
use self::session::{Heard, Session, Silence};
use self::writes::BatchSlot;
use crate::clock::Clock;
use crate::intake::{Intake, NewConnection};
use crate::progress::{Fault, Progress};
use crate::publisher::Writing;
use crate::slot::{ConnNo, Reply, Slot};

/// One message makes at most this many slots (a close that hands several feeds over takes them one by one).
const SLOTS_AHEAD: u64 = 8;
/// Messages of one connection before the next one's turn.
const TURN: usize = 64;
/// Under load sockets are looked at every so many polls, and whenever nothing is left to read.
const POLLS_BETWEEN_LOOKS: u32 = 16;
const TIMERS_EVERY: Duration = Duration::from_millis(500);
const CLOSE_GOING_AWAY: u16 = 1001;

/// See the module.
pub(crate) struct Receiver {
    ring: Filler<Slot>,
    ring_slots: u64,
    filled: u64,
    progress: Arc<Progress>,
    poll: Poll,
    events: Events,
    polls_since_look: u32,
    intake: Intake,
    writers: Sender<Writing>,
    /// By connection number; a gone one leaves a gap, its number is never given again.
    sessions: VecDeque<Option<Session>>,
    first_session: u32,
    ready: VecDeque<ConnNo>,
    feeds: Feeds,
    /// Hub-made updates and control frames that wait for a free slot, in order.
    owed: VecDeque<Owed>,
    /// Statuses that wait for room on the disk, in order.
    unrecorded: VecDeque<Owed>,
    pressure: Pressure,
    transcoded: Vec<u8>,
    timers_at: Instant,
    clock: Clock,
    housekept_at: Instant,
    removals: Due,
    prunings: Due,
    message_bytes_max: usize,
    is_closing: bool,
}

/// A slot that no message of a client fills.
#[derive(Debug)]
enum Owed {
    /// A feed's status, recorded; what the connection is told with it.
    Status {
        feed: FeedNo,
        status: ConnectionStatus,
        conn: ConnNo,
        reply: Reply,
    },
    Frame {
        conn: ConnNo,
        bytes: Vec<u8>,
    },
    Plain {
        conn: ConnNo,
        reply: Reply,
    },
    /// A supplier that was told to wait goes on.
    Resume {
        conn: ConnNo,
        feed: FeedNo,
    },
    /// Settings that are in force from here on.
    Settings(Settings),
    /// Of orders that were due at an instant.
    Removal {
        due_ns: u64,
    },
    /// A part of a batch: nothing of another sender comes between.
    Batch(BatchSlot),
    /// Something is to be forgotten since an instant.
    Tick {
        due_ns: u64,
    },
}

impl Receiver {
    pub(crate) fn new(
        ring: Filler<Slot>,
        ring_slots: usize,
        progress: Arc<Progress>,
        (intake, writers): (Intake, Sender<Writing>),
        engine: &Engine,
        settings: Settings,
        message_bytes_max: usize,
    ) -> io::Result<Receiver> {
        // Before anything else, so that all of this run is under them.
        let settings = (settings != *engine.settings()).then_some(Owed::Settings(settings));
        Ok(Receiver {
            ring,
            ring_slots: ring_slots as u64,
            filled: 0,
            progress,
            poll: Poll::new()?,
            events: Events::with_capacity(256),
            polls_since_look: 0,
            intake,
            writers,
            sessions: VecDeque::new(),
            first_session: 0,
            ready: VecDeque::with_capacity(256),
            feeds: Feeds::of(engine),
            owed: settings.into_iter().chain(left_online(engine)).collect(),
            unrecorded: VecDeque::new(),
            pressure: Pressure::default(),
            transcoded: Vec::with_capacity(4096),
            timers_at: Instant::now(),
            clock: Clock::WALL,
            housekept_at: Instant::now(),
            removals: Due::default(),
            prunings: Due::default(),
            message_bytes_max,
            is_closing: false,
        })
    }

    /// Whether the ring takes what one more message can make.
    #[inline]
    fn has_room(&self) -> bool {
        self.filled - self.done() + SLOTS_AHEAD <= self.ring_slots
    }

    /// Slots that all stages have let go of.
    #[inline]
    fn done(&self) -> u64 {
        self.progress.told.load_acquire().min(self.progress.viewed.load_acquire())
    }

    /// Fills the next slot; only called where `has_room`.
    #[inline]
    fn fill(&mut self, fill: impl FnOnce(&mut Slot)) {
        use disruptor::Producer;
        let filled = self.ring.try_publish(fill);
        assert!(filled.is_ok(), "invariant: room was checked");
        self.filled += 1;
    }

    fn place(&self, conn: ConnNo) -> Option<usize> {
        conn.0.checked_sub(self.first_session).map(|at| at as usize)
    }

    fn session(&mut self, conn: ConnNo) -> Option<&mut Session> {
        let at = self.place(conn)?;
        self.sessions.get_mut(at)?.as_mut()
    }

    /// Takes in new connections and what the system says of the others.
    fn look(&mut self) {
        self.polls_since_look = 0;
        while let Ok(new) = self.intake.connections.try_recv() {
            if let Err(error) = self.welcome(new) {
                tracing::warn!(%error, "a connection was lost while it was handed over");
            }
        }
        if let Err(error) = self.poll.poll(&mut self.events, Some(Duration::ZERO))
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.progress.fail(Fault::Failed(format!("epoll: {error}")));
            return;
        }
        for event in &self.events {
            let conn = ConnNo(event.token().0 as u32);
            let at = conn.0.wrapping_sub(self.first_session) as usize;
            if let Some(Some(session)) = self.sessions.get_mut(at)
                && !session.is_ready
            {
                session.is_ready = true;
                self.ready.push_back(conn);
            }
        }
        let now = Instant::now();
        self.feel_pressure(now);
        // What is due waits for room on the disk.
        if now.duration_since(self.housekept_at) >= housekeeping::EVERY && !self.feeds.is_storage_full {
            self.housekept_at = now;
            self.keep_house(now);
        }
        if now.duration_since(self.timers_at) >= TIMERS_EVERY {
            self.timers_at = now;
            self.run_timers(now);
        }
    }

    fn welcome(&mut self, new: NewConnection) -> io::Result<()> {
        let conn = ConnNo(self.first_session + self.sessions.len() as u32);
        new.stream.set_nonblocking(true)?;
        new.stream.set_nodelay(true)?;
        let writing = mio::net::TcpStream::from_std(new.stream.try_clone()?);
        let mut reading = mio::net::TcpStream::from_std(new.stream);
        self.poll.registry().register(&mut reading, Token(conn.0 as usize), Interest::READABLE)?;
        let gone = || io::Error::other("the publisher has stopped");
        self.writers.send(Writing { conn, stream: writing, compact: new.compact }).map_err(|_| gone())?;
        self.sessions.push_back(Some(Session::new(reading, new.already_read, conn, self.message_bytes_max)));
        // What was read behind the upgrade request raises no event.
        self.ready.push_back(conn);
        Ok(())
    }

    /// Suppliers are told to wait by the publisher, past the ring, which may be full; to go on, by a task.
    fn feel_pressure(&mut self, now: Instant) {
        let load = Load {
            slots: self.ring_slots,
            filled: self.filled,
            done: self.done(),
            has_room: self.has_room(),
            storage_full: self.feeds.is_storage_full,
        };
        match self.pressure.look(now, load) {
            None => {}
            Some(Change::Suspend) => {
                tracing::warn!(storage_full = load.storage_full, "feeds are told to wait");
                self.progress.set_holding_feeds(true);
            }
            Some(Change::Resume) => {
                tracing::info!("feeds are told to go on");
                self.progress.set_holding_feeds(false);
                self.owed.append(&mut self.unrecorded);
                self.owed.extend(self.feeds.supplied().map(|(feed, conn)| Owed::Resume { conn, feed }));
            }
        }
    }

    /// Sees to what the time of day has made due.
    fn keep_house(&mut self, now: Instant) {
        let wall_ns = self.clock.now_ns();
        while let Some(feed) = self.feeds.take_expired(wall_ns) {
            let (status, conn, reply) = (ConnectionStatus::Disconnected, ConnNo::default(), Reply::Nothing);
            self.owed.push_back(Owed::Status { feed, status, conn, reply });
        }
        let (due_ns, told) = (self.progress.next_removal_ns(), self.progress.told.load_acquire());
        if self.removals.is_to_be_asked(due_ns, wall_ns, now, told) {
            // Counted as asked when it has its slot; until then it is owed.
            self.removals.ask(due_ns, now, u64::MAX);
            self.owed.push_back(Owed::Removal { due_ns });
        }
        let due_ns = self.progress.next_prune_ns();
        if self.prunings.is_to_be_asked(due_ns, wall_ns, now, told) {
            self.prunings.ask(due_ns, now, u64::MAX);
            self.owed.push_back(Owed::Tick { due_ns });
        }
    }

    fn run_timers(&mut self, now: Instant) {
        let mut silent = Vec::new();
        for session in self.sessions.iter_mut().flatten() {
            let conn = session.conn;
            match session.silence(now) {
                Silence::Fine => {}
                Silence::Ping => self.owed.push_back(Owed::Plain { conn, reply: Reply::Ping }),
                Silence::Drop => silent.push(conn),
            }
        }
        for conn in silent {
            self.end_session(conn, Reply::Gone);
        }
    }

    /// Reads one connection for a turn; the number of messages.
    fn read_turn(&mut self, conn: ConnNo, budget: usize) -> usize {
        let mut messages = 0;
        let mut is_drained = false;
        while messages < budget.min(TURN) && self.owed.is_empty() && self.has_room() {
            let Some(session) = self.session(conn) else { return messages };
            let heard = session.read();
            if let Some(bytes) = session.take_written() {
                self.owed.push_back(Owed::Frame { conn, bytes });
            }
            match heard {
                Heard::Binary(bytes) => self.on_binary(conn, &bytes, false),
                Heard::Text(text) => self.on_text(conn, text.as_str()),
                Heard::Control => {}
                Heard::Pong => self.on_pong(conn),
                Heard::Later => {
                    is_drained = true;
                    break;
                }
                Heard::Broken(code) => {
                    self.end_session(conn, Reply::Close(code));
                    return messages;
                }
                Heard::Over => {
                    self.end_session(conn, Reply::Gone);
                    return messages;
                }
            }
            messages += 1;
        }
        let Some(session) = self.session(conn) else { return messages };
        if messages > 0 {
            session.heard(Instant::now());
        }
        session.is_ready = !is_drained;
        if !is_drained {
            self.ready.push_back(conn);
        }
        messages
    }

    /// What was told before the ping has been heard, a Resume among it.
    fn on_pong(&mut self, conn: ConnNo) {
        let Some(at) = self.place(conn) else { return };
        let Some(Some(session)) = self.sessions.get(at) else { return };
        for feed in &session.feeds {
            self.feeds.heard_resume(*feed, conn);
        }
    }

    /// JSON becomes binary; what cannot is answered with where it went wrong.
    fn on_text(&mut self, conn: ConnNo, text: &str) {
        let mut binary = std::mem::take(&mut self.transcoded);
        binary.clear();
        match json::to_binary(json::message::REQUEST_MESSAGE, text.as_bytes(), json::Read::default(), &mut binary) {
            Ok(()) => self.on_binary(conn, &binary, true),
            Err(error) => {
                let code = error.code();
                self.fill(|slot| {
                    slot.begin(Reply::Failure, conn);
                    slot.text = true;
                    slot.errors.push(code);
                });
            }
        }
        self.transcoded = binary;
    }

    fn on_binary(&mut self, conn: ConnNo, bytes: &[u8], text: bool) {
        if bytes.len() > self.message_bytes_max {
            // Its text was within the limit; the journal has room for so much and no more.
            return self.fail(conn, text, &RequestMessage::default(), &[], "Data");
        }
        let envelope = match RequestMessage::decode(bytes) {
            Ok(envelope) => envelope,
            Err(DecodeError::Unusual) => return self.on_unusual(conn, bytes, text),
            Err(error) => return self.fail(conn, text, &RequestMessage::default(), bytes, &error.to_string()),
        };
        match RequestMessageType::try_from(envelope.r#type) {
            Ok(RequestMessageType::FeedRequest) => self.on_feed_request(conn, &envelope, bytes, text),
            Ok(kind @ (RequestMessageType::Subscribe | RequestMessageType::Unsubscribe)) => {
                self.on_subscription(conn, kind, &envelope, bytes, text);
            }
            Ok(RequestMessageType::Synchronise) => self.fill(|slot| {
                slot.begin(Reply::Response, conn);
                slot.describe(&envelope, bytes, text);
            }),
            Ok(RequestMessageType::ClientRequest) => self.fail(conn, text, &envelope, bytes, "Operation"),
            Ok(RequestMessageType::Unknown) | Err(_) => self.fail(conn, text, &envelope, bytes, "Operation.Unknown"),
        }
    }

    /// A legal message of a shape that no encoder makes goes through prost once, and comes back in the usual one.
    #[cold]
    fn on_unusual(&mut self, conn: ConnNo, bytes: &[u8], text: bool) {
        let code = match ordo_core::proto::RequestMessage::decode(bytes) {
            Ok(message) => {
                let usual = message.encode_to_vec();
                if decodes(&usual) {
                    return self.on_binary(conn, &usual, text);
                }
                "Data"
            }
            Err(error) if ordo_core::proto::is_out_of_range(&error) => "NumberOutOfRange",
            Err(_) => "Data",
        };
        self.fail(conn, text, &RequestMessage::default(), bytes, code);
    }

    /// Answers a message with an error and records nothing.
    #[cold]
    fn fail(&mut self, conn: ConnNo, text: bool, envelope: &RequestMessage, bytes: &[u8], code: &str) {
        self.fill(|slot| {
            slot.begin(Reply::Failure, conn);
            slot.describe(envelope, bytes, text);
            slot.errors.push(code.to_owned());
        });
    }

    fn on_subscription(
        &mut self,
        conn: ConnNo,
        kind: RequestMessageType,
        envelope: &RequestMessage,
        bytes: &[u8],
        text: bool,
    ) {
        let Ok(details) = SubscriptionDetails::decode(envelope.subscription.of(bytes)) else {
            return self.fail(conn, text, envelope, bytes, "Data");
        };
        match SubscriptionType::try_from(details.r#type) {
            Ok(SubscriptionType::Unknown) | Err(_) => {
                return self.fail(conn, text, envelope, bytes, "Data.Deserialise Subscription.Type");
            }
            Ok(_) => {}
        }
        let subscribe = kind == RequestMessageType::Subscribe;
        self.fill(|slot| {
            slot.begin(if subscribe { Reply::Subscribed } else { Reply::Unsubscribed }, conn);
            slot.describe(envelope, bytes, text);
            slot.subscription = Some(Box::new(details));
        });
    }

    /// A feed request is decoded in its slot, and admitted there.
    fn on_feed_request(&mut self, conn: ConnNo, envelope: &RequestMessage, bytes: &[u8], text: bool) {
        use disruptor::Producer;
        let Some(at) = self.place(conn) else { return };
        let Some(Some(session)) = self.sessions.get_mut(at) else { return };
        let feeds = &mut self.feeds;
        let mut unusual = false;
        let mut follow_up = FollowUp::Nothing;
        let filled = self.ring.try_publish(|slot| {
            slot.begin(Reply::Response, conn);
            slot.describe(envelope, bytes, text);
            match slot.request.decode_into(&slot.bytes, envelope.feed) {
                Ok(()) => follow_up = admit(slot, session, feeds),
                Err(DecodeError::Unusual) => {
                    // The slot is taken: it goes by as a task without anything to do.
                    slot.begin(Reply::Nothing, conn);
                    unusual = true;
                }
                Err(error) => slot.refuse(&error.to_string()),
            }
        });
        assert!(filled.is_ok(), "invariant: room was checked");
        self.filled += 1;
        if unusual {
            self.on_unusual(conn, bytes, text);
        }
        match follow_up {
            FollowUp::Nothing => {}
            FollowUp::Left(feed) => self.hand_over(feed, conn),
        }
    }

    /// The feed that a connection let go of passes to the next one that waits for it.
    fn hand_over(&mut self, feed: FeedNo, conn: ConnNo) {
        if let Some(next) = self.feeds.leave(feed, conn) {
            let (status, reply) = (ConnectionStatus::Online, Reply::FeedOpened);
            self.owed.push_back(Owed::Status { feed, status, conn: next, reply });
        }
    }

    /// The connection is over, or ended by the hub: its feeds are without it, the publisher is told.
    fn end_session(&mut self, conn: ConnNo, last: Reply) {
        let Some(at) = self.place(conn) else { return };
        let Some(mut session) = self.sessions.get_mut(at).and_then(Option::take) else { return };
        let _ = self.poll.registry().deregister(session.stream());
        if last == Reply::Gone {
            let _ = session.stream().shutdown(Shutdown::Read);
        }
        for feed in std::mem::take(&mut session.feeds) {
            if self.feeds.get(feed).supplier == Some(conn) {
                let (status, reply) = (ConnectionStatus::Disconnected, Reply::Nothing);
                self.owed.push_back(Owed::Status { feed, status, conn, reply });
            }
            self.hand_over(feed, conn);
        }
        self.owed.push_back(Owed::Plain { conn, reply: last });
        while self.sessions.front().is_some_and(Option::is_none) {
            self.sessions.pop_front();
            self.first_session += 1;
        }
    }

    /// Fills slots with what the hub itself has to say, in order.
    fn pay(&mut self) -> usize {
        let mut paid = 0;
        while self.has_room()
            && let Some(owed) = self.owed.pop_front()
        {
            match owed {
                Owed::Plain { conn, reply } => self.fill(|slot| slot.begin(reply, conn)),
                Owed::Frame { conn, bytes } => self.fill(|slot| {
                    slot.begin(Reply::Frame, conn);
                    slot.bytes.extend_from_slice(&bytes);
                }),
                status @ Owed::Status { .. } if self.feeds.is_storage_full => self.unrecorded.push_back(status),
                Owed::Status { feed, status, conn, reply } => self.record_status(feed, status, conn, reply),
                Owed::Resume { conn, feed } => self.resume(conn, feed),
                Owed::Settings(settings) => self.fill(|slot| {
                    slot.begin(Reply::Nothing, ConnNo::default());
                    slot.record_word(Kind::Settings, &settings.encode_to_vec());
                }),
                Owed::Removal { due_ns } => self.record_removal(due_ns),
                Owed::Batch(part) => self.fill(|slot| slot.begin_batch_part(part)),
                Owed::Tick { due_ns } => {
                    self.fill(|slot| {
                        slot.begin(Reply::Nothing, ConnNo::default());
                        slot.record_word(Kind::Tick, &[]);
                    });
                    self.prunings.ask(due_ns, Instant::now(), self.filled);
                }
            }
            paid += 1;
        }
        paid
    }

    fn resume(&mut self, conn: ConnNo, feed: FeedNo) {
        let position = self.feeds.get(feed).last;
        self.fill(|slot| {
            slot.begin(Reply::FeedResumed, conn);
            slot.about = feed;
            slot.position = position;
        });
        // Its answer says that the Resume has been heard.
        self.owed.push_back(Owed::Plain { conn, reply: Reply::Ping });
    }

    fn record_status(&mut self, feed: FeedNo, status: ConnectionStatus, conn: ConnNo, reply: Reply) {
        let body = status_body(&mut self.feeds, feed, status);
        let position = self.feeds.get(feed).last;
        self.fill(|slot| {
            slot.begin(reply, conn);
            slot.record_in_oms(&body);
            slot.about = feed;
            slot.position = position;
        });
    }

    fn record_removal(&mut self, due_ns: u64) {
        let body = removal_body(self.clock.now_ns());
        self.fill(|slot| {
            slot.begin(Reply::Nothing, ConnNo::default());
            slot.record_in_oms(&body);
        });
        self.removals.ask(due_ns, Instant::now(), self.filled);
    }

    /// Ends every session once; the rings drain behind it.
    fn close_all(&mut self) {
        self.is_closing = true;
        while let Ok(new) = self.intake.connections.try_recv() {
            let _ = new.stream.shutdown(Shutdown::Both);
        }
        let open: Vec<ConnNo> = self.sessions.iter().flatten().map(|session| session.conn).collect();
        for conn in open {
            self.end_session(conn, Reply::Close(CLOSE_GOING_AWAY));
        }
    }
}

impl Stage for Receiver {
    fn name(&self) -> &'static str {
        "receiver"
    }

    fn poll(&mut self, budget: usize) -> usize {
        self.feeds.is_storage_full = self.progress.is_storage_full();
        let mut done = self.pay();
        if self.progress.is_stopping() {
            if !self.is_closing {
                self.close_all();
                done += 1 + self.pay();
            }
            self.refuse_writes();
            if self.owed.is_empty() {
                self.progress.end_at(self.filled);
            }
            return done;
        }
        self.polls_since_look += 1;
        if self.ready.is_empty() || self.polls_since_look >= POLLS_BETWEEN_LOOKS {
            self.look();
            done += self.take_writes();
        }
        for _ in 0..self.ready.len() {
            if done >= budget || !self.owed.is_empty() || !self.has_room() {
                break;
            }
            let Some(conn) = self.ready.pop_front() else { break };
            done += self.read_turn(conn, budget - done);
        }
        done
    }

    fn is_finished(&self) -> bool {
        self.is_closing && self.owed.is_empty()
    }
}

/// Feeds that a crash left Online in the record: nobody supplies them any more.
fn left_online(engine: &Engine) -> impl Iterator<Item = Owed> {
    let is_online = |row: &FeedRow| row.details.as_ref().is_some_and(|it| it.status() == ConnectionStatus::Online);
    let feeds = (0..).map(FeedNo).zip(engine.feeds()).filter(move |(_, row)| is_online(row));
    let (status, conn, reply) = (ConnectionStatus::Disconnected, ConnNo::default(), Reply::Nothing);
    feeds.map(move |(feed, _)| Owed::Status { feed, status, conn, reply })
}

/// Whether the flat decoder takes a message: what prost wrote it must, and if not, it is refused and not tried again.
fn decodes(bytes: &[u8]) -> bool {
    RequestMessage::decode(bytes).is_ok_and(|envelope| {
        let feed = envelope.feed;
        !feed.is_given() || ordo_core::wire::FeedRequest::default().decode_into(bytes, feed).is_ok()
    })
}

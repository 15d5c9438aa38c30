//! Connections on the receiver's side: accepted, read in turns, ended.
//!
//! Hot thread: the receiver's. A turn is bounded, so that one busy sender does not delay the others.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::time::Instant;

use mio::{Interest, Token};
use ordo_core::names::FeedNo;
use ordo_core::proto::ConnectionStatus;

use super::pending::Pending;
use super::session::{Received, Session, Silence};
use super::{Receiver, TURN};
use crate::publisher::Writing;
use crate::wiring::ingress::NewConnection;
use crate::wiring::task::{ConnNo, Reply};

/// Sessions by connection number. Numbers of ended sessions are not reused.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    sessions: VecDeque<Option<Session>>,
    first: u32,
}

impl Sessions {
    /// Number of the next connection.
    fn next(&self) -> ConnNo {
        ConnNo(self.first + self.sessions.len() as u32)
    }

    /// Adds the session of the next connection.
    fn push(&mut self, session: Session) {
        debug_assert!(session.conn == self.next(), "invariant: numbers are given in order");
        self.sessions.push_back(Some(session));
    }

    #[inline]
    pub(super) fn get(&mut self, conn: ConnNo) -> Option<&mut Session> {
        let at = conn.0.checked_sub(self.first)? as usize;
        self.sessions.get_mut(at)?.as_mut()
    }

    fn take(&mut self, conn: ConnNo) -> Option<Session> {
        let at = conn.0.checked_sub(self.first)? as usize;
        let taken = self.sessions.get_mut(at)?.take();
        while self.sessions.front().is_some_and(Option::is_none) {
            self.sessions.pop_front();
            self.first += 1;
        }
        taken
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().flatten()
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.sessions.iter_mut().flatten()
    }
}

impl Receiver {
    pub(super) fn welcome(&mut self, new: NewConnection) -> io::Result<()> {
        let conn = self.sessions.next();
        new.stream.set_nonblocking(true)?;
        new.stream.set_nodelay(true)?;
        let writing = mio::net::TcpStream::from_std(new.stream.try_clone()?);
        let mut reading = mio::net::TcpStream::from_std(new.stream);
        self.poll.registry().register(&mut reading, Token(conn.0 as usize), Interest::READABLE)?;
        let gone = || io::Error::other("the publisher has stopped");
        self.writers
            .send(Writing { conn, stream: writing, compact: new.compact, caller: new.caller })
            .map_err(|_| gone())?;
        self.sessions.push(Session::new(
            reading,
            new.already_read,
            (conn, new.caller, self.clock.clone(), new.place),
            self.message_bytes_max,
        ));
        // Bytes that came behind the upgrade request raise no event of epoll.
        self.ready.push_back(conn);
        Ok(())
    }

    /// Reads one connection for a turn; returns the number of messages.
    pub(super) fn read_turn(&mut self, conn: ConnNo, budget: usize) -> usize {
        let mut messages = 0;
        let mut is_drained = false;
        while messages < budget.min(TURN) && self.pending.is_empty() && self.has_room() {
            let Some(session) = self.sessions.get(conn) else { return messages };
            let received = session.read();
            if let Some(bytes) = session.take_written() {
                self.pending.push_back(Pending::Frame { conn, bytes });
            }
            match received {
                Received::Binary(bytes) => self.on_binary(conn, &bytes, false),
                Received::Text(text) => self.on_text(conn, text.as_str()),
                Received::Control => {}
                Received::Pong => self.on_pong(conn),
                Received::Later => {
                    is_drained = true;
                    break;
                }
                Received::Broken(code) => {
                    self.end_session(conn, Reply::Close(code));
                    return messages;
                }
                Received::Over => {
                    self.end_session(conn, Reply::Gone);
                    return messages;
                }
            }
            messages += 1;
        }
        let now = self.clock.now();
        let Some(session) = self.sessions.get(conn) else { return messages };
        if messages > 0 {
            session.received(now);
        }
        session.is_ready = !is_drained;
        if !is_drained {
            self.ready.push_back(conn);
        }
        messages
    }

    /// Everything sent before the ping has been received, a Resume included.
    fn on_pong(&mut self, conn: ConnNo) {
        let Some(session) = self.sessions.get(conn) else { return };
        for feed in &session.feeds {
            self.feeds.resume_received(*feed, conn);
        }
    }

    /// Pings silent connections and drops those that stay silent.
    pub(super) fn run_timers(&mut self, now: Instant) {
        let mut silent = Vec::new();
        for session in self.sessions.iter_mut() {
            let conn = session.conn;
            match session.silence(now) {
                Silence::Fine => {}
                Silence::Ping => self.pending.push_back(Pending::Reply { conn, reply: Reply::Ping }),
                Silence::Drop => silent.push(conn),
            }
        }
        for conn in silent {
            self.end_session(conn, Reply::Gone);
        }
    }

    /// Makes the next waiting connection the supplier of a feed that a connection left.
    pub(super) fn hand_over(&mut self, feed: FeedNo, conn: ConnNo) {
        if let Some(next) = self.feeds.leave(feed, conn) {
            let status = ConnectionStatus::Online;
            self.pending.push_back(Pending::Status { feed, status, supplier: Some(next) });
        }
    }

    /// Ends a session: takes it off its feeds and lets the publisher close the socket.
    pub(super) fn end_session(&mut self, conn: ConnNo, last: Reply) {
        let Some(mut session) = self.sessions.take(conn) else { return };
        let _ = self.poll.registry().deregister(session.stream());
        if matches!(last, Reply::Gone) {
            let _ = session.stream().shutdown(Shutdown::Read);
        }
        for feed in std::mem::take(&mut session.feeds) {
            if self.feeds.get(feed).supplier == Some(conn) {
                let status = ConnectionStatus::Disconnected;
                self.pending.push_back(Pending::Status { feed, status, supplier: None });
            }
            self.hand_over(feed, conn);
        }
        self.pending.push_back(Pending::Reply { conn, reply: last });
    }
}

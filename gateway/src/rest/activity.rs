//! `Activity`: what a connection has under way, and so when it is to end: without a first request in time, with nothing
//! under way for long, or with an answer on HTTP/2 whose reader takes nothing.
//!
//! On HTTP/1.1 such a reader stalls the socket, which ends the connection; on HTTP/2 it may stall its own stream alone.
//! The answer is then let go of, and its stream is reset once its reader goes on.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use ordo_history::clock::Clock;
use parking_lot::Mutex;

/// Between looks at whether a connection is to end, at most.
const PAUSE: Duration = Duration::from_millis(500);

/// When a connection ends for lack of activity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Without a request since it was made.
    pub(super) first_request: Duration,
    /// Without a request since the last was answered.
    pub(super) idle: Duration,
    /// Of an answer that nobody takes.
    pub(super) unread: Duration,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    clock: Clock,
}

#[derive(Debug)]
struct State {
    has_asked: bool,
    answers: Vec<Arc<Mutex<Answer>>>,
    /// Requests whose answer has not begun.
    waiting: usize,
    quiet_since: Instant,
}

/// An answer on its way.
#[derive(Debug)]
struct Answer {
    /// None once it was let go of.
    body: Option<Body>,
    /// Since when its next piece could be taken; none while it is waited for.
    ready_since: Option<Instant>,
}

impl Activity {
    pub(super) fn new(clock: Clock) -> Arc<Activity> {
        let state = State { has_asked: false, answers: Vec::new(), waiting: 0, quiet_since: clock.now() };
        Arc::new(Activity { state: Mutex::new(state), clock })
    }

    /// A request has come; it is under way until what is returned has ended.
    pub(super) fn begin(self: &Arc<Activity>) -> Underway {
        let mut state = self.state.lock();
        state.has_asked = true;
        state.waiting += 1;
        Underway { of: self.clone() }
    }

    /// Whether the connection is to end by now; lets go of answers that nobody takes.
    fn is_over(&self, patience: Patience, now: Instant) -> bool {
        let state = self.state.lock();
        state.answers.iter().for_each(|answer| answer.lock().let_go(patience.unread, now));
        let limit = if state.has_asked { patience.idle } else { patience.first_request };
        let is_quiet = state.waiting == 0 && state.answers.is_empty();
        is_quiet && now.saturating_duration_since(state.quiet_since) >= limit
    }
}

impl Activity {
    /// Until the connection is to end.
    pub(super) async fn over(&self, patience: Patience) {
        let pause = PAUSE.min(patience.first_request / 4).min(patience.unread / 4).max(Duration::from_millis(1));
        while !self.is_over(patience, self.clock.now()) {
            tokio::time::sleep(pause).await;
        }
    }
}

impl Answer {
    fn let_go(&mut self, patience: Duration, now: Instant) {
        if self.ready_since.is_some_and(|since| now.saturating_duration_since(since) >= patience) {
            self.body = None;
        }
    }
}

/// A request under way.
pub(super) struct Underway {
    of: Arc<Activity>,
}

impl Underway {
    /// The request's answer has begun, and is under way until its body has ended.
    pub(super) fn answer(self, response: Response) -> Response {
        response.map(|body| {
            let answer = Arc::new(Mutex::new(Answer { body: Some(body), ready_since: Some(self.of.clock.now()) }));
            self.of.state.lock().answers.push(answer.clone());
            Body::new(Tracked { answer, of: self.of.clone() })
        })
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let mut state = self.of.state.lock();
        state.waiting -= 1;
        state.quiet_since = self.of.clock.now();
    }
}

/// An answer's body, whose end is noticed.
struct Tracked {
    answer: Arc<Mutex<Answer>>,
    of: Arc<Activity>,
}

impl hyper::body::Body for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut answer = self.answer.lock();
        let Some(body) = &mut answer.body else {
            return Poll::Ready(Some(Err(axum::Error::new(io::Error::other("its reader took nothing")))));
        };
        let polled = Pin::new(body).poll_frame(cx);
        answer.ready_since = polled.is_ready().then(|| self.of.clock.now());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.answer.lock().body.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.answer.lock().body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let mut state = self.of.state.lock();
        state.answers.retain(|answer| !Arc::ptr_eq(answer, &self.answer));
        state.quiet_since = self.of.clock.now();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use hyper::body::Body as _;

    use super::*;

    const PATIENCE: Patience = Patience {
        first_request: Duration::from_secs(5),
        idle: Duration::from_secs(60),
        unread: Duration::from_secs(30),
    };

    fn after(seconds: u64) -> Instant {
        Clock::system().now() + Duration::from_secs(seconds)
    }

    #[test]
    fn a_connection_that_asks_nothing_ends_sooner_than_one_that_has_asked() {
        let activity = Activity::new(Clock::system());
        assert!(!activity.is_over(PATIENCE, after(4)) && activity.is_over(PATIENCE, after(6)));
        drop(activity.begin());
        assert!(!activity.is_over(PATIENCE, after(6)) && activity.is_over(PATIENCE, after(61)));
    }

    #[test]
    fn what_is_under_way_keeps_it() {
        let activity = Activity::new(Clock::system());
        let underway = activity.begin();
        assert!(!activity.is_over(PATIENCE, after(1000)), "no answer yet");
        let response = underway.answer(Response::new(Body::from("x")));
        assert!(!activity.is_over(PATIENCE, after(1000)), "an answer that is not sent");
        drop(response);
        assert!(activity.is_over(PATIENCE, after(61)));
    }

    #[test]
    fn an_answer_whose_next_piece_nobody_takes_is_let_go_of() {
        let activity = Activity::new(Clock::system());
        let mut body = activity.begin().answer(Response::new(Body::from("xy"))).into_body();
        let mut cx = Context::from_waker(Waker::noop());
        activity.is_over(PATIENCE, after(29));
        assert!(matches!(Pin::new(&mut body).poll_frame(&mut cx), Poll::Ready(Some(Ok(_)))));
        activity.is_over(PATIENCE, after(31));
        assert!(matches!(Pin::new(&mut body).poll_frame(&mut cx), Poll::Ready(Some(Err(_)))));
    }
}

//! The subscribers of the demo: one connection and thread a view, each folding what it hears.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ordo_client::{ClientError, FoldedView, Form, Heard, Step, Subscriber, ViewId};
use ordo_core::json::MessageId;
use ordo_core::proto::SubscriptionType;

use crate::Failure;
use crate::listed::Listed;

const VIEWS: [SubscriptionType; 4] =
    [SubscriptionType::Balances, SubscriptionType::Holdings, SubscriptionType::Orders, SubscriptionType::Transactions];

/// Positions whose latency can be kept: the opening and the paced part, with room.
const EXPECTED_MAX: usize = 1 << 16;
/// Anything slower counts as this: a minute.
const LATENCY_NS_MAX: u64 = 60_000_000_000;
/// A message is waited for this long before a watcher looks whether it is to finish.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// When each update of the paced part was due, for those who see its events.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    begun: Instant,
    /// Nanoseconds since `begun`, by position; 0: not measured.
    due_ns: Arc<[AtomicU64]>,
}

impl Clock {
    pub(super) fn start() -> Clock {
        Clock { begun: Instant::now(), due_ns: (0..EXPECTED_MAX).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Before the update is sent: the socket carries the order of the two.
    pub(super) fn expect(&self, position: i64, due: Instant) {
        if let Some(slot) = self.due_ns.get(position as usize) {
            slot.store((due - self.begun).as_nanos() as u64, Ordering::Release);
        }
    }

    /// Nanoseconds since the update at a position was due; none if it is not measured.
    fn latency_ns(&self, position: i64) -> Option<u64> {
        match self.due_ns.get(position as usize)?.load(Ordering::Acquire) {
            0 => None,
            due => Some((self.begun.elapsed().as_nanos() as u64).saturating_sub(due)),
        }
    }
}

/// The watchers while they run.
pub(super) struct Watchers {
    is_done: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<Seen, ClientError>>>,
}

/// What one watcher has seen.
struct Seen {
    subscriber: Subscriber,
    view: ViewId,
    latency_ns: Histogram<u64>,
}

impl Watchers {
    /// Subscribes to every view; returns when each has its snapshot.
    pub(super) fn start(addr: SocketAddr, clock: &Clock) -> Result<Watchers, Failure> {
        let is_done = Arc::new(AtomicBool::new(false));
        let threads = VIEWS.map(|kind| {
            let mut subscriber = Subscriber::open(addr, Form::Binary).map_err(Failure::new)?;
            let view = subscriber.subscribe(kind, vec![]).map_err(Failure::new)?;
            let (clock, is_done) = (clock.clone(), is_done.clone());
            let watch = move || Seen::new(subscriber, view).watch(&clock, &is_done);
            std::thread::Builder::new().name(format!("{kind:?}")).spawn(watch).map_err(Failure::new)
        });
        Ok(Watchers { is_done, threads: threads.into_iter().collect::<Result<_, _>>()? })
    }

    /// Waits until each has folded all that the hub has told anybody.
    pub(super) fn finish(self) -> Result<Watched, Failure> {
        self.is_done.store(true, Ordering::Release);
        let join = |thread: JoinHandle<_>| thread.join().expect("invariant: a panic ends the process");
        let seen = self.threads.into_iter().map(join).collect::<Result<Vec<Seen>, ClientError>>();
        Ok(Watched { seen: seen.map_err(Failure::new)? })
    }
}

impl Seen {
    fn new(subscriber: Subscriber, view: ViewId) -> Seen {
        let latency_ns = Histogram::new_with_max(LATENCY_NS_MAX, 3).expect("invariant: three digits are allowed");
        Seen { subscriber, view, latency_ns }
    }

    fn watch(mut self, clock: &Clock, is_done: &AtomicBool) -> Result<Seen, ClientError> {
        while !is_done.load(Ordering::Acquire) {
            if let Some(Heard::View { step: Step::Update { position, .. }, .. }) = self.subscriber.next(LOOK_EVERY)?
                && let Some(latency) = clock.latency_ns(position)
            {
                self.latency_ns.saturating_record(latency);
            }
        }
        self.subscriber.synchronise()?;
        Ok(self)
    }

    fn view(&self) -> &FoldedView {
        self.subscriber.view(self.view)
    }
}

/// What all watchers have seen.
pub(super) struct Watched {
    seen: Vec<Seen>,
}

impl Watched {
    /// A folded view's records, by key.
    pub(super) fn records<L: Listed>(&self) -> Result<Vec<L>, Failure> {
        self.of(kind_of(L::MESSAGE)).view().records().map_err(Failure::new)
    }

    /// Live events of a view.
    pub(super) fn events(&self, kind: SubscriptionType) -> u64 {
        self.of(kind).view().events()
    }

    /// Percentiles of the paced part, from when an update was due to when its order event was read.
    pub(super) fn latency_text(&self) -> String {
        let latency = &self.of(SubscriptionType::Orders).latency_ns;
        let us = |nanos: u64| format!("{:.0}", nanos as f64 / 1000.0);
        let points = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];
        let points = points.map(|(name, at)| format!("{name} {}", us(latency.value_at_quantile(at))));
        let count = latency.len();
        format!("order in to event out, us: {}, max {} ({count} measured)\n", points.join(", "), us(latency.max()))
    }

    fn of(&self, kind: SubscriptionType) -> &Seen {
        let is_kind = |seen: &&Seen| seen.view().details().r#type() == kind;
        self.seen.iter().find(is_kind).expect("invariant: it is one of VIEWS")
    }
}

fn kind_of(message: MessageId) -> SubscriptionType {
    use ordo_core::json::message as m;
    match message {
        m::CASH_POSITION => SubscriptionType::Balances,
        m::ASSET_POSITION => SubscriptionType::Holdings,
        _ => SubscriptionType::Orders,
    }
}

//! Reports on their way to another thread, as whoever acts on them gets them.
//!
//! A ring of words: a report takes as many as it has figures, so that as few cache lines as possible change cores (one
//! that does takes longer than matching an order). One writer, one reader; each knows the other's place by a counter on
//! a cache line of its own, and looks at it only when it must.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use ordo_core::venue::{Cancel, Event, Reject, Side, Sink};

/// 128 KiB.
const WORDS: u64 = 1 << 14;
/// Words of the longest report.
const LONGEST: u64 = 7;
/// Words that cross together at most, and one report.
const BATCH: u64 = 128;
/// Empty looks before the reader leaves its core to others.
const SPINS: u32 = 200;
/// In place of a report: there are no more.
const END: u64 = u64::MAX;

/// What the other thread saw. Engines that did the same work saw the same fills.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub reports: u64,
    pub fills: u64,
    pub volume: u64,
    /// Of all ids, so that every report is looked at.
    pub ids: u64,
}

impl Sink for Seen {
    #[inline]
    fn report(&mut self, event: Event) {
        self.reports += 1;
        match event {
            Event::Fill { resting, incoming, quantity, .. } => {
                self.fills += 1;
                self.volume += quantity;
                self.ids ^= resting ^ incoming;
            }
            Event::Accepted { id }
            | Event::Rejected { id, .. }
            | Event::Cancelled { id, .. }
            | Event::Amended { id, .. } => self.ids ^= id,
            _ => {}
        }
    }
}

/// Words written or read since the start.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counter(AtomicU64);

struct Ring {
    words: Box<[AtomicU64]>,
    written: Counter,
    read: Counter,
}

/// The end that reports go into. They cross in batches: when one is full, and when [`Reports::flush`] says so.
pub(super) struct Reports {
    ring: Arc<Ring>,
    at: u64,
    sent: u64,
    /// Where the reader must have read before this end writes on.
    free_until: u64,
    reader: JoinHandle<Seen>,
}

impl Reports {
    /// Starts the thread that reads.
    pub(super) fn start() -> Reports {
        let words = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
        let ring = Arc::new(Ring { words, written: Counter::default(), read: Counter::default() });
        let reader = std::thread::spawn({
            let ring = Arc::clone(&ring);
            move || read(&ring)
        });
        Reports { ring, at: 0, sent: 0, free_until: WORDS, reader }
    }

    /// Sends what is held back.
    #[inline]
    pub(super) fn flush(&mut self) {
        if self.sent != self.at {
            self.ring.written.0.store(self.at, Ordering::Release);
            self.sent = self.at;
        }
    }

    /// Ends, when all is read.
    pub(super) fn finish(mut self) -> Seen {
        self.put([END]);
        self.flush();
        self.reader.join().expect("the reader does not panic")
    }

    #[inline]
    fn put<const N: usize>(&mut self, words: [u64; N]) {
        if self.at + LONGEST > self.free_until {
            self.wait();
        }
        for (word, place) in words.into_iter().zip(self.at..) {
            self.ring.words[(place % WORDS) as usize].store(word, Ordering::Relaxed);
        }
        self.at += N as u64;
        if self.at - self.sent >= BATCH {
            self.flush();
        }
    }

    /// Full: the reader gets this core, if it has none.
    #[cold]
    fn wait(&mut self) {
        self.flush();
        loop {
            self.free_until = self.ring.read.0.load(Ordering::Acquire) + WORDS;
            if self.at + LONGEST <= self.free_until {
                return;
            }
            std::thread::yield_now();
        }
    }
}

impl Sink for Reports {
    /// Kinds of reports that a flow does not make are not sent.
    #[inline]
    fn report(&mut self, event: Event) {
        match event {
            Event::Accepted { id } => self.put([0, id]),
            Event::Rejected { id, reason } => self.put([1 | (reason as u64) << 8, id]),
            Event::Cancelled { id, left, reason } => self.put([2 | (reason as u64) << 8, id, left]),
            Event::Amended { id, price, left } => self.put([3, id, price as u64, left]),
            Event::Fill { resting, incoming, price, quantity, resting_left, incoming_left, side } => {
                let kind = 4 | (side as u64) << 8;
                self.put([kind, resting, incoming, price as u64, quantity, resting_left, incoming_left]);
            }
            _ => {}
        }
    }
}

/// Reads until the end.
fn read(ring: &Ring) -> Seen {
    let (mut seen, mut at, mut idle) = (Seen::default(), 0, 0);
    loop {
        let until = ring.written.0.load(Ordering::Acquire);
        if at == until {
            idle += 1;
            rest(idle);
            continue;
        }
        idle = 0;
        while at < until {
            let Some((event, words)) =
                decode(|word| ring.words[((at + word) % WORDS) as usize].load(Ordering::Relaxed))
            else {
                return seen;
            };
            seen.report(event);
            at += words;
        }
        ring.read.0.store(at, Ordering::Release);
    }
}

/// Between two looks at nothing. Soon the core is left to others: two virtual processors may well be one core.
fn rest(idle: u32) {
    if idle < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
}

/// The report and its words; `None` at the end.
#[inline]
fn decode(word: impl Fn(u64) -> u64) -> Option<(Event, u64)> {
    let kind = word(0);
    let id = word(1);
    Some(match kind & 0xff {
        0 => (Event::Accepted { id }, 2),
        1 => (Event::Rejected { id, reason: Reject::UnknownId }, 2),
        2 => (Event::Cancelled { id, left: word(2), reason: Cancel::Requested }, 3),
        3 => (Event::Amended { id, price: word(2) as i64, left: word(3) }, 4),
        4 => {
            let side = if kind >> 8 == Side::Buy as u64 { Side::Buy } else { Side::Sell };
            let (incoming, price, quantity, resting_left, incoming_left) =
                (word(2), word(3) as i64, word(4), word(5), word(6));
            (Event::Fill { resting: id, incoming, price, quantity, resting_left, incoming_left, side }, 7)
        }
        _ => return None,
    })
}

//! The memory that requests may take together, and the ceiling of the whole hub.
//!
//! A request takes a share as its body arrives, four times its bytes: the body, what it is transcoded to, and what is
//! made of that on the way to the journal. Shares come from one budget, an eighth of `memory_bytes_max`; a request for
//! which none is left is answered 503 with Retry-After. So is every body while the process as a whole is above the
//! ceiling: what the record holds is a part of it that no request can give back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ordo_history::clock::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Refusal;

/// A unit of the budget: permits are counted in 32 bits.
const UNIT_BYTES: usize = 1024;
/// What a request takes beside its body.
const REQUEST_BYTES: usize = 64 << 10;
const BYTES_A_BODY_BYTE: usize = 4;
const REQUESTS_OF_ALL: u64 = 8;
/// Between looks at what the process takes.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(crate) struct Memory {
    budget: Arc<Semaphore>,
    bytes_max: u64,
    clock: Clock,
    started: Instant,
    /// Milliseconds since the start at the last look, and what was found.
    looked_at_ms: AtomicU64,
    taken_bytes: AtomicU64,
}

impl Memory {
    /// `bytes_max` for the hub; the budget is large enough for at least one body of `body_bytes_max`.
    pub(crate) fn new(bytes_max: u64, body_bytes_max: usize, clock: Clock) -> Memory {
        let one = REQUEST_BYTES + body_bytes_max * BYTES_A_BODY_BYTE;
        let budget = usize::try_from(bytes_max / REQUESTS_OF_ALL).unwrap_or(usize::MAX).max(one);
        Memory {
            budget: Arc::new(Semaphore::new((budget / UNIT_BYTES + 1).min(Semaphore::MAX_PERMITS))),
            bytes_max,
            started: clock.now(),
            clock,
            looked_at_ms: AtomicU64::new(u64::MAX),
            taken_bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Bytes of the process that are in memory, as of a moment ago; 0 where the system does not say.
    pub(super) fn taken_bytes(&self) -> u64 {
        let now_ms = self.clock.since(self.started).as_millis() as u64;
        let looked_at_ms = self.looked_at_ms.load(Ordering::Relaxed);
        if looked_at_ms == u64::MAX || now_ms - looked_at_ms.min(now_ms) >= LOOK_EVERY.as_millis() as u64 {
            self.looked_at_ms.store(now_ms, Ordering::Relaxed);
            self.taken_bytes.store(resident_bytes().unwrap_or(0), Ordering::Relaxed);
        }
        self.taken_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn is_over(&self) -> bool {
        self.taken_bytes() > self.bytes_max
    }

    /// The share of a request whose body has, or is said to have, so many bytes. Only what it takes so far is taken from
    /// the budget: a client that announces much and sends nothing holds nothing.
    pub(super) fn share(&self, announced_bytes: usize) -> Result<Share, Refusal> {
        let has_room = self.budget.available_permits() >= units(announced_bytes * BYTES_A_BODY_BYTE + REQUEST_BYTES);
        if !has_room || self.is_over() {
            return Err(Refusal::OutOfMemory);
        }
        let mut share = Share { budget: self.budget.clone(), taken: None };
        share.grow(REQUEST_BYTES)?;
        Ok(share)
    }
}

/// What a request has of the budget; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// For so many more bytes of a body.
    pub(super) fn grow_by_body(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.grow(bytes * BYTES_A_BODY_BYTE)
    }

    /// For so many more bytes of memory.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let units = u32::try_from(units(bytes)).map_err(|_| Refusal::TooLarge)?;
        let more = self.budget.clone().try_acquire_many_owned(units).map_err(|_| Refusal::OutOfMemory)?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            taken => *taken = Some(more),
        }
        Ok(())
    }
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT_BYTES)
}

fn resident_bytes() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let resident: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    Some(resident * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY_BYTES_MAX: usize = 1 << 20;

    /// Room for one body of the largest size, and little more.
    fn small() -> Memory {
        let memory = Memory::new(u64::MAX, BODY_BYTES_MAX, Clock::system());
        let all = memory.budget.available_permits();
        let kept = units(REQUEST_BYTES * 3 + BODY_BYTES_MAX * BYTES_A_BODY_BYTE);
        memory.budget.forget_permits(all - kept);
        memory
    }

    #[test]
    fn a_request_that_finds_no_room_is_refused_and_finds_it_once_others_have_ended() {
        let memory = small();
        let mut first = memory.share(BODY_BYTES_MAX).expect("there is room");
        first.grow_by_body(BODY_BYTES_MAX).expect("as much as was announced");
        assert_eq!(memory.share(BODY_BYTES_MAX).map(drop), Err(Refusal::OutOfMemory));
        let mut second = memory.share(0).expect("a small one fits beside it");
        assert_eq!(second.grow_by_body(BODY_BYTES_MAX), Err(Refusal::OutOfMemory));
        drop(first);
        second.grow_by_body(BODY_BYTES_MAX).expect("there is room again");
    }

    #[test]
    fn what_is_announced_and_not_sent_takes_nothing() {
        let memory = small();
        let _silent = memory.share(BODY_BYTES_MAX).expect("there is room");
        memory.share(BODY_BYTES_MAX).expect("and still is");
    }

    #[test]
    fn a_process_above_its_ceiling_takes_no_body() {
        assert!(Memory::new(1, BODY_BYTES_MAX, Clock::system()).is_over());
        assert_eq!(Memory::new(1, BODY_BYTES_MAX, Clock::system()).share(0).map(drop), Err(Refusal::OutOfMemory));
        assert!(!Memory::new(u64::MAX, BODY_BYTES_MAX, Clock::system()).is_over());
    }
}

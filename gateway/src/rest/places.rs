//! How many connections there may be, so that descriptors are left for what must go on: the journal's next segment, a
//! snapshot, a look at the hub's health.
//!
//! One that comes when all places are taken gets one of a few beside them, where health alone is answered; one for which
//! there is not even that is closed. A descriptor's number says how many are open: the system gives the lowest.

use std::os::fd::AsRawFd;
use std::sync::Arc;

use rustix::process::{Resource, getrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// For health.
const PLACES_BESIDE: usize = 8;
/// Kept for files, at most; of few descriptors a quarter.
const DESCRIPTORS_KEPT: u64 = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Places {
    places: Arc<Semaphore>,
    beside: Arc<Semaphore>,
    /// Numbers of descriptors from here on are kept for other things.
    descriptor_end: u64,
}

/// A connection's place, given back when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
    /// Whether health alone is answered here.
    pub(super) is_beside: bool,
}

impl Places {
    pub(super) fn new(connections_max: usize) -> Places {
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let kept = DESCRIPTORS_KEPT.min(descriptors / 4);
        Places {
            places: Arc::new(Semaphore::new(connections_max)),
            beside: Arc::new(Semaphore::new(PLACES_BESIDE)),
            descriptor_end: descriptors - kept,
        }
    }

    /// A place for a connection; none: it is to be closed.
    pub(super) fn take(&self, stream: &impl AsRawFd) -> Option<Place> {
        let has_descriptors = (stream.as_raw_fd() as u64) < self.descriptor_end;
        let free = self.places.clone().try_acquire_owned().ok().filter(|_| has_descriptors);
        let is_beside = free.is_none();
        let permit = free.or_else(|| self.beside.clone().try_acquire_owned().ok())?;
        Some(Place { _permit: Arc::new(permit), is_beside })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_last_place_a_few_are_let_in_for_health() {
        let places = Places::new(2);
        let stream = std::io::stdin();
        let mut taken: Vec<Place> = (0..2 + PLACES_BESIDE).map(|_| places.take(&stream).expect("a place")).collect();
        assert_eq!(taken.iter().filter(|place| place.is_beside).count(), PLACES_BESIDE);
        assert!(places.take(&stream).is_none());
        taken.remove(0);
        assert!(places.take(&stream).is_some_and(|place| !place.is_beside));
    }

    #[test]
    fn descriptors_are_kept_for_files() {
        let places = Places { descriptor_end: 0, ..Places::new(2) };
        assert!(places.take(&std::io::stdin()).is_some_and(|place| place.is_beside));
    }
}

//! The rings between the stages, and what a stage is.
//!
//! ```text
//! receiver -> [in] -> journal -> engine -> publisher
//!                                   |  \-> views
//!                                   +-> [out] -> publisher, views
//! ```
//!
//! One slot of `in` is one task (an update, or something about a connection); the engine makes one slot of `out` for
//! each, so that publisher and views read the two rings in step. Rings are lock-free, of one producer, and bounded: a
//! slot is free again when publisher and views have both let go of it. Full: the receiver stops reading sockets.
//!
//! Stages are architecture, threads are deployment: whoever drives a stage calls `poll` and may drive several.

use disruptor::{
    BusySpin, EventPoller, MultiConsumerBarrier, SingleConsumerBarrier, SingleProducer, SingleProducerBarrier,
    build_single_producer,
};

/// The end of a ring that fills slots.
pub type Filler<S> = SingleProducer<S, MultiConsumerBarrier>;
/// A reader right behind the producer.
pub type First<S> = EventPoller<S, SingleProducerBarrier>;
/// A reader behind another reader.
pub type Behind<S> = EventPoller<S, SingleConsumerBarrier>;

/// The ring of tasks.
pub struct InRing<S> {
    pub receiver: Filler<S>,
    pub journal: First<S>,
    pub engine: Behind<S>,
    pub publisher: Behind<S>,
    pub views: Behind<S>,
}

/// The ring of outcomes, in step with the ring of tasks.
pub struct OutRing<O> {
    pub engine: Filler<O>,
    pub publisher: First<O>,
    pub views: First<O>,
}

/// One step of a stage: does at most `budget` tasks' worth of work and says how much it did. Never blocks.
pub trait Stage: Send {
    /// The word for it in threads, metrics and charts.
    fn name(&self) -> &'static str;

    fn poll(&mut self, budget: usize) -> usize;

    /// Whether the hub is stopping and this stage has nothing left to do.
    fn is_finished(&self) -> bool;
}

impl<S: Send + Sync + 'static> InRing<S> {
    /// # Panics
    /// If `slots` is not a power of two.
    pub fn new(slots: usize, empty: impl FnMut() -> S) -> InRing<S> {
        let (journal, ring) = build_single_producer(slots, empty, BusySpin).new_event_poller();
        let (engine, ring) = ring.and_then().new_event_poller();
        let (publisher, ring) = ring.and_then().new_event_poller();
        let (views, ring) = ring.new_event_poller();
        InRing { receiver: ring.build(), journal, engine, publisher, views }
    }
}

impl<O: Send + Sync + 'static> OutRing<O> {
    /// # Panics
    /// If `slots` is not a power of two.
    pub fn new(slots: usize, empty: impl FnMut() -> O) -> OutRing<O> {
        let (publisher, ring) = build_single_producer(slots, empty, BusySpin).new_event_poller();
        let (views, ring) = ring.new_event_poller();
        OutRing { engine: ring.build(), publisher, views }
    }
}

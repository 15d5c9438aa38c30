//! Resuming a subscription: instead of a snapshot, all events after a position that the subscriber knows, up to the task
//! with which it was accepted. Live events follow behind, as behind any snapshot.
//!
//! Each on a thread of its own that waits for its turn, so many resume at once, and for its subscriber: one that takes
//! nothing for too long is closed as slow. Where the history is gone a full snapshot is sent, which is as good to who
//! folds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::SendTimeoutError;
use ordo_core::proto::{EventMessage, EventMessageType, SubscriptionDetails, SubscriptionType};
use prost::Message;

use super::span::Unreached;
use super::tell::{EventTeller, Teller};
use super::walk::UPDATES_PER_LOOK;
use super::{History, HistoryError, Positions};
use crate::investigation::Place;
use crate::publisher::frames::put_message;
use crate::publisher::subscription::message_head;
use crate::replay::{Applied, Replay};
use crate::snapshots::{Broken, Chunk, Job};

const CHUNK_BYTES: usize = 64 * 1024;
/// Between looks at whether the hub still runs, while the subscriber has no room.
const SEND_PATIENCE: Duration = Duration::from_millis(50);
const DURABLE_PAUSE: Duration = Duration::from_millis(1);

/// The positions after which a subscription is to go on. None: it asks for a snapshot.
///
/// # Errors
/// Values that are no positions.
pub(crate) fn resume_after(details: &SubscriptionDetails) -> Result<Option<Positions>, ()> {
    let targets = details.targets.iter().filter(|target| target.name == "Position");
    let mut positions = Positions::new();
    for value in targets.flat_map(|target| &target.values) {
        let (sequence, position) = Place::separated(value, '=').filter(|(_, position)| *position >= 0).ok_or(())?;
        positions.insert(sequence.into(), position);
    }
    Ok((!positions.is_empty()).then_some(positions))
}

impl History {
    /// Sends a subscriber what it has missed; gives the job back if a snapshot is to be sent instead.
    pub(crate) fn resume(self: &Arc<Self>, job: Job, fall_back: impl FnOnce(Job) + Send + 'static) -> Option<Job> {
        let known = |after: &Positions| {
            let stands = |name: &str| job.taken.positions.iter().find(|(known, _)| **known == *name).map(|(_, at)| *at);
            after.iter().all(|(name, position)| *position <= stands(name).unwrap_or(0))
        };
        let after = match resume_after(&job.details) {
            // What was routed to a feed in the past is not kept.
            Ok(Some(after)) if known(&after) && job.details.r#type() != SubscriptionType::Feed => after,
            _ => return Some(job),
        };
        let history = self.clone();
        // The thread is the job's owner: one that cannot be started is one subscriber without an answer.
        let started = self.on_worker(move || {
            let place = history.resuming.take(|| job.to.is_wanted() && history.is_running());
            let Some(_place) = place else { return };
            match history.missed(after, job.taken.sequence) {
                Ok(missed) => match send_missed(&history, missed, &job) {
                    Ok(()) | Err(HistoryError::Unwanted | HistoryError::Stopping) => {}
                    Err(error) => {
                        tracing::error!(%error, "a subscription cannot be resumed");
                        job.to.break_off(Broken::Untold);
                    }
                },
                Err(error) => {
                    tracing::warn!(%error, "the history is gone: a subscriber that resumes gets a snapshot");
                    fall_back(job);
                }
            }
        });
        if let Err(error) = started {
            tracing::error!(%error, "a subscription cannot be resumed");
        }
        None
    }

    /// The updates after the newest of some positions, up to a place in the record.
    fn missed(&self, after: Positions, until: u64) -> Result<Missed, HistoryError> {
        while self.progress.durable_sequence.load_acquire() < until {
            self.check_running()?;
            std::thread::sleep(DURABLE_PAUSE);
        }
        let engine = self.saved.newest_where(|saved, info| {
            // One of the positions lies behind it, so the newest does.
            let is_before = |positions: Positions| {
                after.iter().any(|(name, position)| positions.get(name).copied().unwrap_or(0) < *position)
            };
            info.sequence <= until && saved.positions(info.sequence).is_some_and(is_before)
        })?;
        let replay = self.replay_from(engine, until)?;
        let unreached = Unreached::from(replay.engine(), &after);
        Ok(Missed { replay, after, unreached })
    }
}

/// See [`History::missed`].
struct Missed {
    replay: Replay,
    after: Positions,
    unreached: Unreached,
}

impl Missed {
    fn next(&mut self, is_wanted: impl Fn() -> bool) -> Result<Option<Applied<'_>>, HistoryError> {
        loop {
            if self.replay.updates().is_multiple_of(UPDATES_PER_LOOK) && !is_wanted() {
                return Err(HistoryError::Unwanted);
            }
            let Some(applied) = self.replay.next()? else { return Ok(None) };
            if applied.outcome.is_silent() {
                continue;
            }
            let stamp = &applied.outcome.stamp;
            let sequence = applied.names.feed(stamp.feed);
            let was_there = self.unreached.is_empty();
            self.unreached.reach(sequence, stamp.position);
            // A position that was never taken lies before the next one that was.
            let is_beyond = self.after.get(sequence).is_none_or(|after| stamp.position > *after);
            if was_there || (self.unreached.is_empty() && is_beyond) {
                break;
            }
        }
        Ok(self.replay.last())
    }
}

fn send_missed(history: &History, mut missed: Missed, job: &Job) -> Result<(), HistoryError> {
    let mut teller = EventTeller::of_subscription(&job.details, job.filter.clone());
    let start = EventMessage {
        r#type: EventMessageType::SnapshotStart as i32,
        subscription: Some(job.details.clone()),
        ..EventMessage::default()
    };
    let mut frames = Vec::new();
    put_message(&mut frames, job.form, &[&start.encode_to_vec()]);
    put_message(&mut frames, job.form, &[&message_head(EventMessageType::SnapshotFinish, &job.details)]);
    while let Some(applied) = missed.next(|| job.to.is_wanted() && history.is_running())? {
        let Some(message) = teller.tell(&applied) else { continue };
        put_message(&mut frames, job.form, &[message]);
        if frames.len() >= CHUNK_BYTES {
            send(history, job, Chunk { frames: std::mem::take(&mut frames), is_last: false })?;
        }
    }
    send(history, job, Chunk { frames, is_last: true })
}

/// Waits for the subscriber to have room, for a while.
fn send(history: &History, job: &Job, mut chunk: Chunk) -> Result<(), HistoryError> {
    let begun = Instant::now();
    loop {
        match job.to.send_timeout(chunk, SEND_PATIENCE) {
            Ok(()) => return Ok(()),
            Err(SendTimeoutError::Timeout(unsent)) => {
                history.check_running()?;
                if begun.elapsed() >= history.reader_patience {
                    job.to.break_off(Broken::Unread);
                    return Err(HistoryError::Unwanted);
                }
                chunk = unsent;
            }
            Err(SendTimeoutError::Disconnected(_)) => return Err(HistoryError::Unwanted),
        }
    }
}

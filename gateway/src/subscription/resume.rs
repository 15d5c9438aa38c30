//! Resuming a subscription: instead of a snapshot, all events after positions that the subscriber knows, up to the task
//! that it was accepted with. Live events follow, as behind any snapshot.
//!
//! Each runs on a worker thread, waits for a permit, and waits for its subscriber: one that takes nothing for too long
//! is closed as slow. Where the history is archived, a full snapshot is sent instead.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::SendTimeoutError;
use ordo_core::proto::{EventMessage, EventMessageType, SubscriptionType};
use ordo_core::subscription::{Positions, message_head, resume_after};
use ordo_history::service::MissedUpdates;
use ordo_history::service::messages::{EventMessages, UpdateEncoder};
use ordo_history::{History, HistoryError};
use prost::Message;

use super::chunks::{Broken, Chunk};
use super::frames::put_message;
use super::snapshots::Job;

const CHUNK_BYTES: usize = 64 * 1024;
/// Interval at which a worker checks whether the hub still runs, while the subscriber has no room.
const SEND_PATIENCE: Duration = Duration::from_millis(50);

/// Sends a subscriber the updates that it missed; returns the job if a snapshot is to be sent instead.
pub(super) fn resume(history: &Arc<History>, job: Job, fall_back: impl FnOnce(Job) + Send + 'static) -> Option<Job> {
    let known = |after: &Positions| {
        let stands = |name: &str| job.taken.positions.iter().find(|(known, _)| **known == *name).map(|(_, at)| *at);
        after.iter().all(|(name, position)| *position <= stands(name).unwrap_or(0))
    };
    let after = match resume_after(&job.details) {
        // Past routes of orders are not recorded, so the Feed view cannot be resumed.
        Ok(Some(after)) if known(&after) && job.details.r#type() != SubscriptionType::Feed => after,
        _ => return Some(job),
    };
    let worker = history.clone();
    // The thread owns the job: if it cannot be started, this subscriber gets no answer.
    let started = history.on_worker(move || {
        let place = worker.take_resume_permit(|| job.to.is_wanted() && worker.is_running());
        let Some(_place) = place else { return };
        match worker.missed(after, job.taken.sequence) {
            Ok(missed) => match send_missed(&worker, missed, &job) {
                Ok(()) | Err(HistoryError::Unwanted | HistoryError::Stopping) => {}
                Err(error) => {
                    tracing::error!(%error, "a subscription cannot be resumed");
                    job.to.break_off(Broken::HistoryLost);
                }
            },
            Err(error) => {
                tracing::warn!(%error, "the missed updates are not available: the subscriber gets a snapshot");
                fall_back(job);
            }
        }
    });
    if let Err(error) = started {
        tracing::error!(%error, "a subscription cannot be resumed");
    }
    None
}
fn send_missed(history: &History, mut missed: MissedUpdates, job: &Job) -> Result<(), HistoryError> {
    let mut encoder = EventMessages::of_subscription(&job.details, job.filter.clone());
    let start = EventMessage {
        r#type: EventMessageType::SnapshotStart as i32,
        subscription: Some(job.details.clone()),
        ..EventMessage::default()
    };
    let mut frames = Vec::new();
    put_message(&mut frames, job.form, &[&start.encode_to_vec()]);
    put_message(&mut frames, job.form, &[&message_head(EventMessageType::SnapshotFinish, &job.details)]);
    while let Some(applied) = missed.next(|| job.to.is_wanted() && history.is_running())? {
        let Some(message) = encoder.encode(&applied) else { continue };
        put_message(&mut frames, job.form, &[message]);
        if frames.len() >= CHUNK_BYTES {
            send(history, job, Chunk { frames: std::mem::take(&mut frames), is_last: false })?;
        }
    }
    send(history, job, Chunk { frames, is_last: true })
}

/// Sends a chunk, waiting for the subscriber up to the reader's patience.
fn send(history: &History, job: &Job, mut chunk: Chunk) -> Result<(), HistoryError> {
    let begun = history.clock().now();
    loop {
        match job.to.send_timeout(chunk, SEND_PATIENCE) {
            Ok(()) => return Ok(()),
            Err(SendTimeoutError::Timeout(unsent)) => {
                history.check_running()?;
                if history.clock().since(begun) >= history.reader_patience() {
                    job.to.break_off(Broken::Unread);
                    return Err(HistoryError::Unwanted);
                }
                chunk = unsent;
            }
            Err(SendTimeoutError::Disconnected(_)) => return Err(HistoryError::Unwanted),
        }
    }
}

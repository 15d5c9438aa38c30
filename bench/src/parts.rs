//! Parts of the hub alone, in memory: the codec beside prost, the engine, the replay. Rings, threads and sockets are not
//! included.

use std::hint::black_box;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use ordo_core::encode;
use ordo_core::engine::{Engine, Input};
use ordo_core::names::{FeedNo, Names};
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::views::Views;
use ordo_core::wire::{FeedRequest, RequestMessage, ReverseWriter};
use ordo_history::replay::{Options, Replay};
use prost::Message;

use crate::load;

/// Nanoseconds an update.
#[derive(Debug, Clone, Copy)]
pub struct Codec {
    /// A trade, from its bytes to the record that the engine reads.
    pub decode: f64,
    /// The same trade, from its bytes to prost's messages.
    pub decode_prost: f64,
    /// The four events of a trade, from the engine's outcome and the received bytes.
    pub encode: f64,
    /// The same events by prost, from messages that were built before: building them is not included.
    pub encode_prost: f64,
}

/// A trade as the engine reads it.
struct Recorded {
    bytes: Vec<u8>,
    request: FeedRequest,
}

impl Recorded {
    fn of(bytes: Vec<u8>) -> Recorded {
        let request = FeedRequest::decode(&bytes).expect("a request of the load decodes");
        Recorded { bytes, request }
    }
}

fn recorded(position: u64) -> Recorded {
    Recorded::of(encoded(position))
}

fn encoded(position: u64) -> Vec<u8> {
    load::trade(position).feed.map(|feed| feed.encode_to_vec()).unwrap_or_default()
}

fn stamp(position: u64) -> Stamp {
    Stamp {
        sequence: position,
        time_ns: 1_777_689_383_817_000_000 + position,
        feed: FeedNo(1),
        position: position as i64,
        ..Stamp::default()
    }
}

/// An engine with the feed of the load.
fn engine_with_feed() -> Engine {
    let mut engine = Engine::new(1 << 16);
    let status = ordo_core::proto::FeedRequest {
        r#type: ordo_core::proto::FeedRequestType::Status as i32,
        status: Some(ordo_core::proto::FeedDetails { feed_id: load::FEED.into(), ..Default::default() }),
        ..Default::default()
    }
    .encode_to_vec();
    let request = FeedRequest::decode(&status).expect("a status decodes");
    let stamp = Stamp { sequence: 1, time_ns: 1, feed: FeedNo::OMS, ..Stamp::default() };
    engine.apply(Input { stamp, bytes: &status, request: &request }, &mut Outcome::default());
    engine
}

/// Size of a state's image, and the times to write and load it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Image {
    pub bytes: usize,
    pub write: Duration,
    pub load: Duration,
    pub views: Duration,
}

/// Writes the image of a state that keeps `trades` trades, and loads it again.
pub fn image(trades: u64) -> Image {
    let mut engine = engine_with_feed();
    let mut outcome = Outcome::with_room();
    for position in 1..=trades {
        let trade = recorded(position);
        let stamp = Stamp { sequence: position + 1, ..stamp(position) };
        engine.apply(Input { stamp, bytes: &trade.bytes, request: &trade.request }, &mut outcome);
    }
    let timed = Instant::now();
    let image = engine.image();
    let write = timed.elapsed();
    drop(engine);
    let timed = Instant::now();
    let loaded = Engine::from_image(&image).expect("invariant: an image was made");
    let load = timed.elapsed();
    let timed = Instant::now();
    black_box(Views::of(&loaded));
    Image { bytes: image.len(), write, load, views: timed.elapsed() }
}

/// Trades that a state holds at the end of a round of [`engine`].
const ROUND_UPDATES: u64 = 500_000;

/// Trades a second that the engine alone applies, over at least `length` of applying; a fresh state every
/// 500,000 trades.
pub fn engine(length: Duration) -> f64 {
    engine_on(length, || Ok((1..=ROUND_UPDATES).map(encoded))).expect("invariant: a round has requests, from no file")
}

/// FeedRequests a second that the engine alone applies, over at least `length` of applying; a fresh state for each of
/// the rounds that `requests` begins.
///
/// # Errors
/// As `requests`, and if a round has none.
pub fn engine_on<R: Iterator<Item = Vec<u8>>>(
    length: Duration,
    requests: impl Fn() -> io::Result<R>,
) -> io::Result<f64> {
    let (mut applying, mut count) = (Duration::ZERO, 0);
    while count == 0 || applying < length {
        let (updates, took) = apply_all(requests()?);
        if updates == 0 {
            return Err(io::Error::other("a round without a request"));
        }
        (applying, count) = (applying + took, count + updates);
    }
    Ok(count as f64 / applying.as_secs_f64())
}

/// Applies requests at positions from 1 to a fresh state; how many, and the time of applying. Batches are decoded before
/// the clock runs, as the receiver does.
fn apply_all(mut requests: impl Iterator<Item = Vec<u8>>) -> (u64, Duration) {
    const BATCH: usize = 1_000;
    let mut engine = engine_with_feed();
    let mut outcome = Outcome::with_room();
    let (mut applying, mut count) = (Duration::ZERO, 0);
    loop {
        let batch: Vec<Recorded> = requests.by_ref().take(BATCH).map(Recorded::of).collect();
        if batch.is_empty() {
            return (count, applying);
        }
        let start = Instant::now();
        for update in &batch {
            count += 1;
            let stamp = Stamp { sequence: count + 1, ..stamp(count) };
            engine.apply(Input { stamp, bytes: &update.bytes, request: &update.request }, &mut outcome);
            black_box(&outcome);
        }
        applying += start.elapsed();
    }
}

/// One trade decoded and its four events encoded, each for `length`: generated codec and prost beside each other.
pub fn codec(length: Duration) -> Codec {
    let frames: Vec<Vec<u8>> = (1..=1_000).map(|position| load::trade(position).encode_to_vec()).collect();
    let mut request = FeedRequest::default();
    let decode = per_update(length, |at| {
        let bytes = &frames[at % 1_000];
        let envelope = RequestMessage::decode(bytes).expect("a trade decodes");
        request.decode_into(bytes, envelope.feed).expect("a trade decodes");
        black_box(&request);
    });
    let decode_prost = per_update(length, |at| {
        black_box(ordo_core::proto::RequestMessage::decode(&frames[at % 1_000][..]).expect("a trade decodes"));
    });
    let (names, inputs, outcomes) = applied();
    let mut w = ReverseWriter::with_capacity(8192);
    let encode = per_update(length, |at| {
        let (input, outcome) = (&inputs[at % 1_000], &outcomes[at % 1_000]);
        let stamp = outcome.stamp;
        let input = Input { stamp, bytes: &input.bytes, request: &input.request };
        w.clear();
        write_events(&mut w, &names, &input, outcome);
        black_box(w.bytes());
    });
    let decoded: Vec<ordo_core::proto::EventMessage> = inputs
        .iter()
        .zip(&outcomes)
        .map(|(input, outcome)| {
            w.clear();
            let input = Input { stamp: outcome.stamp, bytes: &input.bytes, request: &input.request };
            write_events(&mut w, &names, &input, outcome);
            ordo_core::proto::EventMessage::decode(w.bytes()).expect("events decode")
        })
        .collect();
    let mut buffer = Vec::with_capacity(8192);
    let encode_prost = per_update(length, |at| {
        buffer.clear();
        decoded[at % 1_000].encode(&mut buffer).expect("a Vec takes all bytes");
        black_box(&buffer);
    });
    Codec { decode, decode_prost, encode, encode_prost }
}

/// A thousand trades with their outcomes.
fn applied() -> (Names, Vec<Recorded>, Vec<Outcome>) {
    let inputs: Vec<Recorded> = (1..=1_000).map(recorded).collect();
    let mut engine = engine_with_feed();
    let outcomes = inputs
        .iter()
        .zip(1..)
        .map(|(trade, position)| {
            let mut outcome = Outcome::with_room();
            let stamp = Stamp { sequence: position + 1, ..stamp(position) };
            engine.apply(Input { stamp, bytes: &trade.bytes, request: &trade.request }, &mut outcome);
            outcome
        })
        .collect();
    (engine.names().clone(), inputs, outcomes)
}

fn write_events(w: &mut ReverseWriter, names: &Names, input: &Input<'_>, outcome: &Outcome) {
    encode::transaction_event(w, names, input, outcome);
    outcome.balances.iter().for_each(|event| encode::balance_event(w, names, outcome, event));
    outcome.holdings.iter().for_each(|event| encode::holding_event(w, names, event));
    outcome.orders.iter().for_each(|event| encode::order_event(w, outcome, event));
    encode::position(w, load::FEED, outcome.stamp.position, outcome.stamp.time_ns);
}

/// Nanoseconds of one of many calls, the mean over `length`.
fn per_update(length: Duration, mut run: impl FnMut(usize)) -> f64 {
    const CALLS: usize = 1_000;
    (0..CALLS).for_each(&mut run);
    let (start, mut count) = (Instant::now(), 0);
    loop {
        (0..CALLS).for_each(&mut run);
        count += CALLS;
        let elapsed = start.elapsed();
        if elapsed >= length {
            return elapsed.as_nanos() as f64 / count as f64;
        }
    }
}

/// Updates a second of replays of a folder from its beginning, again and again for at least `length`: frames read,
/// checked, decoded and applied to the engine. Views are not built.
///
/// # Errors
/// If the folder cannot be replayed.
pub fn replay(folder: &Path, length: Duration) -> io::Result<f64> {
    let (start, mut count) = (Instant::now(), 0);
    loop {
        let mut replay =
            Replay::open(folder, Options { snapshots: false, ..Options::default() }).map_err(io::Error::other)?;
        count += replay.run().map_err(io::Error::other)?;
        let elapsed = start.elapsed();
        if elapsed >= length {
            return Ok(count as f64 / elapsed.as_secs_f64());
        }
    }
}

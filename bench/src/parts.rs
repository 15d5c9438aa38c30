//! The parts alone, on one thread, in memory: codec against prost, engine, replay. What the pipeline adds is not in it.

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
use ordo_gateway::replay::{Options, Replay};
use prost::Message;

use crate::load;

/// Nanoseconds an update.
#[derive(Debug, Clone, Copy)]
pub struct Codec {
    pub decode: f64,
    pub decode_prost: f64,
    pub encode: f64,
    pub encode_prost: f64,
}

/// A recorded trade, as the engine gets it.
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

/// An engine that knows the feed of the load.
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

/// A state of so many kept trades as an image, and back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Image {
    pub bytes: usize,
    pub write: Duration,
    pub load: Duration,
    pub views: Duration,
}

/// What an image of so many kept trades takes.
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

/// Trades applied per second by the engine alone.
pub fn engine(count: u64) -> f64 {
    engine_on((1..=count).map(encoded))
}

/// FeedRequests applied per second by the engine alone, at positions from 1: batches are decoded before the clock runs,
/// as the receiver does it.
pub fn engine_on(mut requests: impl Iterator<Item = Vec<u8>>) -> f64 {
    const BATCH: usize = 1_000;
    let mut engine = engine_with_feed();
    let mut outcome = Outcome::with_room();
    let (mut applying, mut count) = (Duration::ZERO, 0);
    loop {
        let batch: Vec<Recorded> = requests.by_ref().take(BATCH).map(Recorded::of).collect();
        if batch.is_empty() {
            return count as f64 / applying.as_secs_f64();
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

/// One trade decoded, and its four events encoded: generated codec and prost beside each other.
pub fn codec(count: u64) -> Codec {
    let frames: Vec<Vec<u8>> = (1..=1_000).map(|position| load::trade(position).encode_to_vec()).collect();
    let mut request = FeedRequest::default();
    let decode = per_update(count, |at| {
        let bytes = &frames[at % 1_000];
        let envelope = RequestMessage::decode(bytes).expect("a trade decodes");
        request.decode_into(bytes, envelope.feed).expect("a trade decodes");
        black_box(&request);
    });
    let decode_prost = per_update(count / 4, |at| {
        black_box(ordo_core::proto::RequestMessage::decode(&frames[at % 1_000][..]).expect("a trade decodes"));
    });
    let (names, inputs, outcomes) = applied();
    let mut w = ReverseWriter::with_capacity(8192);
    let encode = per_update(count, |at| {
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
    let encode_prost = per_update(count / 4, |at| {
        buffer.clear();
        // An encoder without splicing builds the messages first.
        decoded[at % 1_000].clone().encode(&mut buffer).expect("a Vec takes all bytes");
        black_box(&buffer);
    });
    Codec { decode, decode_prost, encode, encode_prost }
}

/// A thousand trades with what they did.
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

fn per_update(count: u64, mut run: impl FnMut(usize)) -> f64 {
    (0..count as usize / 10).for_each(&mut run);
    let start = Instant::now();
    (0..count as usize).for_each(&mut run);
    start.elapsed().as_nanos() as f64 / count as f64
}

/// Replays a folder from the beginning; updates and the time it took, state rebuilt, views included.
///
/// # Errors
/// If the folder cannot be replayed.
pub fn replay(folder: &Path) -> io::Result<(u64, Duration)> {
    let start = Instant::now();
    let mut replay =
        Replay::open(folder, Options { snapshots: false, ..Options::default() }).map_err(io::Error::other)?;
    let updates = replay.run().map_err(io::Error::other)?;
    Ok((updates, start.elapsed()))
}

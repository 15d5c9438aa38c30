//! The flat decoder, prost and a naive reader on the same bytes: what a client may send as a RequestMessage, in any
//! spelling, with any flaw, broken or cut. All three find the same meaning, or refuse for the same reason. What was
//! read then goes to JSON and back, and by prost-reflect, and says the same still.
//!
//! `ORDO_SEED` and `ORDO_CASES` choose other messages; `perf/codec_fuzz.sh` runs millions.

#[path = "wire/broken.rs"]
mod broken;
mod plain;
#[path = "wire/random.rs"]
mod random;
#[path = "wire/rng.rs"]
mod rng;
#[path = "wire/same.rs"]
mod same;

use broken::broken;
use ordo_core::json::{self, message};
use ordo_core::proto::{self, is_out_of_range};
use ordo_core::wire::{DecodeError, FeedRequest, RequestMessage};
use plain::Running;
use plain::reader::{Reading, read};
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use random::{Flaw, Shape};
use rng::Rng;

/// Fields of a RequestMessage.
const SUBSCRIPTION: u32 = 10;
const FEED: u32 = 29;

#[derive(Debug, Default)]
struct Tally {
    read: usize,
    through_prost: usize,
    out_of_range: usize,
    malformed: usize,
    bytes: usize,
}

/// A feed request or a subscription in its envelope; a flaw, if any, of one kind.
fn random_bytes(rng: &mut Rng, request: &MessageDescriptor) -> Vec<u8> {
    let kind = rng.below(16);
    let flaw = match kind {
        0 => Flaw::Range,
        1 => Flaw::Time,
        2 => Flaw::Text,
        3..=5 => Flaw::Field,
        _ => Flaw::None,
    };
    let twice = rng.one_of(&[12, 60, usize::MAX]);
    let groups = rng.one_of(&[40, usize::MAX]);
    let mut shape = Shape { rng, flaw, twice, groups };
    let bytes = envelope(&mut shape, request);
    match kind {
        6..=9 => broken(rng, &bytes),
        10 => bytes[..rng.below(bytes.len() + 1)].to_vec(),
        11 => (0..rng.below(48)).map(|_| rng.next() as u8).collect(),
        _ => bytes,
    }
}

fn envelope(shape: &mut Shape<'_>, request: &MessageDescriptor) -> Vec<u8> {
    let mut parts = vec![b"\x10\x1e".to_vec(), b"\x1a\x02r1".to_vec()];
    for number in [SUBSCRIPTION, FEED] {
        let field = request.get_field(number).expect("declared");
        let inner = field.kind().as_message().expect("a message").clone();
        let times = match number {
            FEED => 1 + usize::from(shape.rng.one_in(shape.twice)),
            _ => usize::from(shape.rng.one_in(8)),
        };
        for _ in 0..times {
            let content = shape.message(&inner, 0);
            let mut part = Vec::new();
            prost::encoding::encode_varint(u64::from(number) << 3 | 2, &mut part);
            prost::encoding::encode_varint(content.len() as u64, &mut part);
            part.extend_from_slice(&content);
            parts.push(part);
        }
    }
    shape.rng.shuffle(&mut parts);
    parts.concat()
}

/// As the receiver reads it: flat, or once through prost and flat then.
fn check(bytes: &[u8], descriptor: &MessageDescriptor, case: u64, tally: &mut Tally) {
    let (plain, said) = (read(descriptor, bytes), proto::RequestMessage::decode(bytes));
    check_prost(&plain, &said, descriptor);
    tally.bytes += bytes.len();
    match (check_flat(bytes, said.as_ref().ok()), &said) {
        (Ok(()), Ok(_)) => {
            tally.read += 1;
            // A client request is prost's, which does not look at instants.
            let has_request = RequestMessage::decode(bytes).is_ok_and(|envelope| envelope.request.is_given());
            assert!(!plain.faults.has_bad_time || has_request, "an instant that is none was read");
            if case.is_multiple_of(8) {
                check_json(bytes, &plain, descriptor);
            }
            if case % 8 == 4 {
                check_reflect(bytes, &plain, descriptor);
            }
        }
        (Ok(()), Err(refused)) => panic!("read what prost refuses: {refused}"),
        (Err(DecodeError::Unusual), Ok(said)) => {
            tally.through_prost += 1;
            let again = said.encode_to_vec();
            match check_flat(&again, Some(said)) {
                Ok(()) => {}
                Err(DecodeError::Malformed) => assert!(plain.faults.has_bad_time, "prost's own bytes were refused"),
                Err(other) => panic!("prost's own bytes gave {other:?}"),
            }
        }
        // Prost then has the word, and refuses.
        (Err(DecodeError::Unusual), Err(_)) => tally.through_prost += 1,
        (Err(DecodeError::NumberOutOfRange), _) => {
            tally.out_of_range += 1;
            assert!(plain.faults.is_out_of_range, "every figure can be held");
        }
        (Err(DecodeError::Malformed), _) => {
            tally.malformed += 1;
            assert!(plain.result.is_err() || plain.faults.has_bad_time, "nothing is wrong with it: {said:?}");
        }
    }
}

fn check_prost(
    plain: &Reading,
    said: &Result<proto::RequestMessage, prost::DecodeError>,
    descriptor: &MessageDescriptor,
) {
    match (said, &plain.result, plain.faults.is_out_of_range) {
        (Ok(said), Ok(tree), false) => {
            let again = read(descriptor, &said.encode_to_vec());
            assert_eq!(again.result.as_ref(), Ok(tree), "the naive reader and prost differ");
        }
        (Err(refused), Ok(_), true) => assert!(is_out_of_range(refused), "{refused}"),
        // More than one thing may be wrong: the first one met is told.
        (Err(_), Err(_), _) => {}
        (said, result, out_of_range) => panic!("{said:?}\n{result:?} {out_of_range}"),
    }
}

/// The envelope, and each sub-message at its place in it.
fn check_flat(bytes: &[u8], said: Option<&proto::RequestMessage>) -> Result<(), DecodeError> {
    let envelope = RequestMessage::decode(bytes)?;
    let mut feed = FeedRequest::default();
    if envelope.feed.is_given() {
        feed.receive_into(bytes, envelope.feed)?;
    }
    // These two are prost's at once.
    let subscription = cold::<proto::SubscriptionDetails>(bytes, envelope.subscription)?;
    let request = cold::<proto::ClientRequest>(bytes, envelope.request)?;
    let Some(said) = said else { return Ok(()) };
    assert_eq!((envelope.version, envelope.r#type), (said.version, said.r#type));
    assert_eq!(envelope.request_id.text(bytes), said.request_id);
    assert_eq!(subscription.as_ref(), said.subscription.as_ref());
    assert_eq!(request.as_ref(), said.request.as_deref());
    assert_eq!(envelope.feed.is_given(), said.feed.is_some());
    if let Some(said) = &said.feed {
        same::feed_request(bytes, &feed, said);
    }
    Ok(())
}

fn cold<M: Message + Default>(bytes: &[u8], span: ordo_core::wire::Span) -> Result<Option<M>, DecodeError> {
    let decoded = span.is_given().then(|| M::decode(span.of(bytes))).transpose();
    decoded.map_err(
        |error| {
            if is_out_of_range(&error) { DecodeError::NumberOutOfRange } else { DecodeError::Malformed }
        },
    )
}

fn check_json(bytes: &[u8], plain: &Reading, descriptor: &MessageDescriptor) {
    let is_compact = bytes.len().is_multiple_of(2);
    let (mut text, mut again) = (Vec::new(), Vec::new());
    let written = json::from_binary(message::REQUEST_MESSAGE, bytes, json::Style { is_compact }, &mut text);
    if plain.faults.has_bad_time {
        return;
    }
    written.expect("what was read is written");
    let read_again = json::to_binary(message::REQUEST_MESSAGE, &text, json::Read::default(), &mut again);
    read_again.unwrap_or_else(|error| panic!("{} {}", error.code(), String::from_utf8_lossy(&text)));
    assert_eq!(read(descriptor, &again).result, plain.result, "{}", String::from_utf8_lossy(&text));
}

fn check_reflect(bytes: &[u8], plain: &Reading, descriptor: &MessageDescriptor) {
    let reflected = DynamicMessage::decode(descriptor.clone(), bytes).expect("prost read it too");
    assert_eq!(read(descriptor, &reflected.encode_to_vec()).result, plain.result);
}

fn run(seeds: impl Iterator<Item = u64>) -> Tally {
    let (pool, mut tally) = (plain::pool(), Tally::default());
    let descriptor = plain::descriptor(&pool, "RequestMessage");
    for seed in seeds {
        let running = Running(seed);
        let bytes = random_bytes(&mut Rng::new(seed), &descriptor);
        check(&bytes, &descriptor, seed, &mut tally);
        std::mem::forget(running);
    }
    tally
}

#[test]
fn three_readers_find_the_same_meaning_or_the_same_fault() {
    let (seed, cases) = plain::seed_and_cases(1, 100_000);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let shard = |worker: usize| (seed..seed + cases).skip(worker).step_by(workers);
        let running: Vec<_> = (0..workers).map(|worker| scope.spawn(move || run(shard(worker)))).collect();
        running.into_iter().map(|worker| worker.join().expect("the failure is printed above")).collect()
    });
    let sum = |part: fn(&Tally) -> usize| tallies.iter().map(part).sum::<usize>();
    let total = Tally {
        read: sum(|t| t.read),
        through_prost: sum(|t| t.through_prost),
        out_of_range: sum(|t| t.out_of_range),
        malformed: sum(|t| t.malformed),
        bytes: sum(|t| t.bytes),
    };
    println!("{total:?}");
    assert_eq!((total.read + total.through_prost + total.out_of_range + total.malformed) as u64, cases);
    if cases >= 10_000 {
        let tenth = cases as usize / 10;
        assert!(total.read > 2 * tenth && total.malformed > 2 * tenth, "{total:?}");
        assert!(total.through_prost > tenth / 2 && total.out_of_range > tenth / 20, "{total:?}");
    }
}

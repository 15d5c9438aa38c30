//! The engine's state as bytes, for snapshots: written in one order, read back to the same hashes and numbers.
//!
//! Everything is little-endian: counts as u32, texts and bytes with their length as u32 before them, figures as a
//! mantissa of 16 bytes and a scale. Records stand by number with their gaps, so that those who follow outcomes can
//! go on with the numbers they know. What can be derived (indexes, hashes, reservations' sums) is rebuilt and checked
//! against the hash in the header; a digest of all that stands before it ends the image.

mod bytes;
mod rebuild;
mod requests;
mod rows;

use bytes::{Reader, Writer};
use rebuild::{check_chains, check_keys, check_references, rebuild};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_128;

use super::applied::AppliedEntry;
use super::slab::Slab;
use super::state::{FeedRow, State};
use super::{Engine, Oddities, RULES_VERSION};
use crate::metadata::{Details, MetadataRecord};
use crate::names::{AccountNo, NameKind};
use crate::outcome::MetadataKind;
use crate::proto::FeedDetails;
use crate::record::{Rules, Settings, UnknownRules};

/// The form of images that this build writes.
pub const IMAGE_VERSION: u16 = 3;
/// The oldest form that is read: there were no client requests then, and their part is missing.
pub const IMAGE_VERSION_OLDEST: u16 = WITHOUT_REQUESTS;
const WITHOUT_REQUESTS: u16 = 2;

/// What an image says of itself before its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageHeader {
    pub sequence: u64,
    pub time_ns: u64,
    pub state_hash: u128,
    pub events_hash: u128,
}

/// Why bytes are no image. The caller falls back to an older one, or to the whole record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImageError {
    #[error("image version {0} is not known to this build (knows {IMAGE_VERSION_OLDEST} to {IMAGE_VERSION})")]
    Version(u16),
    #[error("image: {0}")]
    Rules(#[from] UnknownRules),
    #[error("image ends or contradicts itself at byte {0}")]
    Malformed(usize),
    #[error("image says state hash {said:032x}, its records give {found:032x}")]
    Hash { said: u128, found: u128 },
}

impl Engine {
    /// The header of an image made now.
    pub fn image_header(&self) -> ImageHeader {
        ImageHeader {
            sequence: self.sequence,
            time_ns: self.time_ns,
            state_hash: self.state_hash(),
            events_hash: self.events_hash,
        }
    }

    /// The whole state as bytes.
    pub fn image(&self) -> Vec<u8> {
        let mut w = Writer(Vec::with_capacity(1 << 16));
        let header = self.image_header();
        w.put(&IMAGE_VERSION.to_le_bytes());
        w.put(&RULES_VERSION.to_le_bytes());
        w.u64(header.sequence);
        w.u64(header.time_ns);
        w.u64(self.public_time_ns);
        w.u128(header.state_hash);
        w.u128(header.events_hash);
        let odd = self.oddities;
        [odd.refused, odd.duplicate_trades, odd.unknown_trades, odd.reconcile_mismatches]
            .into_iter()
            .for_each(|n| w.u64(n));
        let state = &self.state;
        write_names(&mut w, state);
        write_feeds(&mut w, state);
        write_slab(&mut w, &state.cash, rows::write_cash);
        write_slab(&mut w, &state.holdings, rows::write_holding);
        write_slab(&mut w, &state.orders, |w, row| rows::write_order(w, row, state));
        write_slab(&mut w, &state.trades, |w, row| rows::write_trade(w, row, state));
        w.count(state.lineages.len());
        state.lineages.iter().for_each(|(key, lineage)| {
            w.u128(*key);
            w.u128(*lineage);
        });
        write_slab(&mut w, &state.gone, rows::write_gone);
        write_roots(&mut w, state);
        write_rest(&mut w, state);
        requests::write_requests(&mut w, state);
        let digest = xxh3_128(&w.0);
        w.u128(digest);
        w.0
    }

    /// An engine as it was when the image was made.
    ///
    /// # Errors
    /// [`ImageError`]; an image that was cut, altered, or made by a build with other rules is none.
    pub fn from_image(bytes: &[u8]) -> Result<Engine, ImageError> {
        let mut r = Reader { bytes, at: 0 };
        let version = r.u16()?;
        if !(IMAGE_VERSION_OLDEST..=IMAGE_VERSION).contains(&version) {
            return Err(ImageError::Version(version));
        }
        // What older rules left is a state like any other: rules are those of a step.
        Rules::from_number(r.u16()?)?;
        r.take_digest()?;
        let (sequence, time_ns, public_time_ns) = (r.u64()?, r.u64()?, r.u64()?);
        let (said, events_hash) = (r.u128()?, r.u128()?);
        let oddities = Oddities {
            refused: r.u64()?,
            duplicate_trades: r.u64()?,
            unknown_trades: r.u64()?,
            reconcile_mismatches: r.u64()?,
        };
        let mut engine = Engine { sequence, time_ns, public_time_ns, events_hash, oddities, ..Engine::new(0) };
        let state = &mut engine.state;
        read_names(&mut r, state)?;
        read_feeds(&mut r, state)?;
        state.cash = read_slab(&mut r, rows::read_cash)?;
        state.holdings = read_slab(&mut r, rows::read_holding)?;
        state.orders = read_slab(&mut r, |r| rows::read_order(r, state))?;
        state.trades = read_slab(&mut r, |r| rows::read_trade(r, state))?;
        for _ in 0..r.u32()? {
            let (key, lineage) = (r.u128()?, r.u128()?);
            state.put_lineage(key, lineage);
        }
        state.gone = read_slab(&mut r, rows::read_gone)?;
        read_roots(&mut r, state)?;
        read_rest(&mut r, state)?;
        if version > WITHOUT_REQUESTS {
            requests::read_requests(&mut r, state)?;
        }
        if r.at != r.bytes.len() {
            return Err(ImageError::Malformed(r.at));
        }
        check_references(state, r.at)?;
        check_chains(state, r.at)?;
        rebuild(state);
        check_keys(state, r.at)?;
        let found = engine.state_hash();
        if found == said { Ok(engine) } else { Err(ImageError::Hash { said, found }) }
    }
}

fn write_roots(w: &mut Writer, state: &State) {
    w.count(state.roots.len());
    for (account, roots) in &state.roots {
        w.u32(account.0);
        w.count(roots.len());
        roots.iter().for_each(|root| w.u128(*root));
    }
}

fn read_roots(r: &mut Reader<'_>, state: &mut State) -> Result<(), ImageError> {
    for _ in 0..r.u32()? {
        let account = AccountNo(r.u32()?);
        let roots = (0..r.u32()?).map(|_| r.u128()).collect::<Result<Vec<u128>, _>>()?;
        if account.index() >= state.names.accounts.len() || roots.is_empty() {
            return Err(ImageError::Malformed(r.at));
        }
        state.set_roots(account, roots);
    }
    Ok(())
}

/// Settings, ids that were applied, definitions.
fn write_rest(w: &mut Writer, state: &State) {
    w.text(&prost::Message::encode_to_vec(&state.settings));
    w.count(state.applied.len());
    state.applied.iter().for_each(|entry| {
        w.u128(entry.key);
        w.u64(entry.content);
        w.u64(entry.time_ns);
    });
    for kind in MetadataKind::ALL {
        w.count(state.metadata.all(kind).count());
        state.metadata.all(kind).for_each(|record| w.text(&record.bytes));
    }
}

fn read_rest(r: &mut Reader<'_>, state: &mut State) -> Result<(), ImageError> {
    let settings: Settings = prost::Message::decode(r.bytes()?).map_err(|_| ImageError::Malformed(r.at))?;
    state.put_settings(settings);
    let mut latest_ns = 0;
    for _ in 0..r.u32()? {
        let entry = AppliedEntry { key: r.u128()?, content: r.u64()?, time_ns: r.u64()? };
        if entry.time_ns < latest_ns {
            return Err(ImageError::Malformed(r.at));
        }
        latest_ns = entry.time_ns;
        state.note_applied(entry);
    }
    for kind in MetadataKind::ALL {
        for _ in 0..r.u32()? {
            let details = Details::decode(kind, r.bytes()?).map_err(|_| ImageError::Malformed(r.at))?;
            state.set_metadata(MetadataRecord::new(details));
        }
    }
    Ok(())
}

fn write_names(w: &mut Writer, state: &State) {
    let names = &state.names;
    w.count(names.accounts.len());
    names.accounts.iter().for_each(|name| w.texts(&name.owner, &name.account));
    w.count(names.instruments.len());
    names.instruments.iter().for_each(|name| w.texts(&name.exchange, &name.code));
    // The empty currency and `oms` are there from the start.
    w.count(names.currencies.len() - 1);
    names.currencies[1..].iter().for_each(|code| w.text(code.as_bytes()));
    w.count(names.feeds.len() - 1);
    names.feeds[1..].iter().for_each(|name| w.text(name.as_bytes()));
}

fn read_names(r: &mut Reader<'_>, state: &mut State) -> Result<(), ImageError> {
    for kind in [NameKind::Account, NameKind::Instrument] {
        for number in 0..r.u32()? {
            let (first, second) = (r.text()?, r.text()?);
            state.names.learn(kind, number, first, second);
        }
    }
    for kind in [NameKind::Currency, NameKind::Feed] {
        for number in 1..=r.u32()? {
            let name = r.text()?;
            state.names.learn(kind, number, name, "");
        }
    }
    Ok(())
}

fn write_feeds(w: &mut Writer, state: &State) {
    for row in &state.feeds {
        w.u64(row.position as u64);
        w.text(&row.details.as_ref().map(prost::Message::encode_to_vec).unwrap_or_default());
        w.put(&[u8::from(row.details.is_some())]);
        w.text(&row.configuration);
    }
}

fn read_feeds(r: &mut Reader<'_>, state: &mut State) -> Result<(), ImageError> {
    state.feeds.clear();
    for _ in 0..state.names.feeds.len() {
        let position = r.u64()? as i64;
        let details: FeedDetails = prost::Message::decode(r.bytes()?).map_err(|_| ImageError::Malformed(r.at))?;
        let details = r.flag()?.then_some(details);
        state.feeds.push(FeedRow { position, details, configuration: r.bytes()?.to_vec(), hash: 0 });
    }
    Ok(())
}

fn write_slab<T>(w: &mut Writer, slab: &Slab<T>, mut write: impl FnMut(&mut Writer, &T)) {
    w.u32(slab.numbers());
    for (_, row) in slab.iter() {
        w.put(&[u8::from(row.is_some())]);
        row.into_iter().for_each(|row| write(w, row));
    }
    w.count(slab.free_numbers().len());
    slab.free_numbers().iter().for_each(|number| w.u32(*number));
}

fn read_slab<T>(
    r: &mut Reader<'_>,
    mut read: impl FnMut(&mut Reader<'_>) -> Result<T, ImageError>,
) -> Result<Slab<T>, ImageError> {
    let mut slab = Slab::new();
    let mut gaps = Vec::new();
    for _ in 0..r.u32()? {
        let row = if r.flag()? { Some(read(r)?) } else { None };
        let is_gap = row.is_none();
        let number = slab.push(row);
        gaps.extend(is_gap.then_some(number));
    }
    let free = (0..r.u32()?).map(|_| r.u32()).collect::<Result<Vec<u32>, _>>()?;
    let mut sorted = free.clone();
    sorted.sort_unstable();
    if sorted != gaps {
        return Err(ImageError::Malformed(r.at));
    }
    slab.set_free_numbers(free);
    Ok(slab)
}

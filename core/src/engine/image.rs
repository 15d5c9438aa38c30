//! The engine's state as bytes, for snapshots: written in one order, read back to the same hashes and numbers.
//!
//! Everything is little-endian: counts as u32, texts and bytes with their length as u32 before them, figures as a
//! mantissa of 16 bytes and a scale. Records stand by number with their gaps, so that those who follow outcomes can
//! go on with the numbers they know. What can be derived (indexes, hashes, reservations' sums) is rebuilt and checked
//! against the hash in the header; a digest of all that stands before it ends the image.

mod bytes;

use bytes::{Reader, Writer};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_128;

use super::applied::AppliedEntry;
use super::index::Index;
use super::retention::Gone;
use super::rows::{CashFigures, CashRow, HoldingRow, NO_TRADE, OrderRow, TradeRow};
use super::slab::Slab;
use super::state::{FeedRow, State, position_key};
use super::{Engine, Oddities, RULES_VERSION};
use crate::metadata::{Details, MetadataRecord};
use crate::names::{AccountNo, CurrencyNo, FeedNo, InstrumentNo, NameKind, name_hash};
use crate::outcome::MetadataKind;
use crate::proto::{FeedDetails, TimestampWithTimeZone};
use crate::record::Settings;
use crate::wire::OrderTrade;

/// The form of images: what an older build wrote is not read.
pub const IMAGE_VERSION: u16 = 2;

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
    #[error("image version {0} is not known to this build (knows {IMAGE_VERSION})")]
    Version(u16),
    #[error("image was made under rules {0}, this build has {RULES_VERSION}")]
    Rules(u16),
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
        write_slab(&mut w, &state.cash, write_cash);
        write_slab(&mut w, &state.holdings, write_holding);
        write_slab(&mut w, &state.orders, |w, row| write_order(w, row, state));
        write_slab(&mut w, &state.trades, |w, row| write_trade(w, row, state));
        w.count(state.lineages.len());
        state.lineages.iter().for_each(|(key, lineage)| {
            w.u128(*key);
            w.u128(*lineage);
        });
        write_slab(&mut w, &state.gone, write_gone);
        write_roots(&mut w, state);
        write_rest(&mut w, state);
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
        match r.u16()? {
            IMAGE_VERSION => {}
            other => return Err(ImageError::Version(other)),
        }
        match r.u16()? {
            RULES_VERSION => {}
            other => return Err(ImageError::Rules(other)),
        }
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
        state.cash = read_slab(&mut r, read_cash)?;
        state.holdings = read_slab(&mut r, read_holding)?;
        state.orders = read_slab(&mut r, |r| read_order(r, state))?;
        state.trades = read_slab(&mut r, |r| read_trade(r, state))?;
        for _ in 0..r.u32()? {
            let (key, lineage) = (r.u128()?, r.u128()?);
            state.put_lineage(key, lineage);
        }
        state.gone = read_slab(&mut r, read_gone)?;
        read_roots(&mut r, state)?;
        read_rest(&mut r, state)?;
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

/// Rows point at each other by number: an image that was altered must not make the engine panic.
fn check_references(state: &State, at: usize) -> Result<(), ImageError> {
    let names = &state.names;
    let account = |no: AccountNo| no.index() < names.accounts.len();
    let instrument = |no: InstrumentNo| no.index() < names.instruments.len();
    let currency = |no: CurrencyNo| no.index() < names.currencies.len();
    // Positions are never taken back.
    let no_gaps = state.cash.free_numbers().is_empty() && state.holdings.free_numbers().is_empty();
    let cash = state.cash.iter().filter_map(|(_, row)| row).all(|row| account(row.account) && currency(row.currency));
    let holdings = state
        .holdings
        .iter()
        .filter_map(|(_, row)| row)
        .all(|row| account(row.account) && instrument(row.instrument) && currency(row.currency));
    let booked = |cash: u32, holding: u32| {
        let is_there = cash < state.cash.numbers() && holding < state.holdings.numbers();
        (no_gaps && is_there).then(|| (state.cash.get(cash), state.holdings.get(holding)))
    };
    let orders = state.orders.iter().filter_map(|(_, row)| row).all(|row| {
        let is_of = |(cash, holding): (&CashRow, &HoldingRow)| {
            (cash.account, cash.currency) == (row.account, row.currency)
                && (holding.account, holding.instrument) == (row.account, row.instrument)
        };
        booked(row.cash, row.holding).is_some_and(is_of)
    });
    let trades = state
        .trades
        .iter()
        .filter_map(|(_, row)| row)
        .all(|row| booked(row.cash, row.holding).is_some_and(|(cash, holding)| cash.account == holding.account));
    if no_gaps && cash && holdings && orders && trades { Ok(()) } else { Err(ImageError::Malformed(at)) }
}

/// Every trade hangs on one order, or on what one has left, and on that once: a chain has an end.
fn check_chains(state: &State, at: usize) -> Result<(), ImageError> {
    let mut hangs = vec![false; state.trades.numbers() as usize];
    state.trades.free_numbers().iter().for_each(|number| hangs[*number as usize] = true);
    let orders = state.orders.iter().filter_map(|(_, row)| Some(row?.last_trade));
    let gone = state.gone.iter().filter_map(|(_, gone)| Some(gone?.last_trade));
    for last_trade in orders.chain(gone) {
        let mut next = last_trade;
        while next != NO_TRADE {
            match hangs.get_mut(next as usize) {
                Some(hangs) if !*hangs => *hangs = true,
                _ => return Err(ImageError::Malformed(at)),
            }
            next = state.trades.get(next).previous;
        }
    }
    let mut lineages: Vec<u128> = state.gone.iter().filter_map(|(_, gone)| Some(gone?.lineage)).collect();
    lineages.sort_unstable();
    let differ = lineages.windows(2).all(|pair| pair[0] != pair[1]);
    if differ && hangs.into_iter().all(|hangs| hangs) { Ok(()) } else { Err(ImageError::Malformed(at)) }
}

/// No two records have one key.
fn check_keys(state: &State, at: usize) -> Result<(), ImageError> {
    let counts = [
        (state.cash_numbers.len(), state.cash.live()),
        (state.holding_numbers.len(), state.holdings.live()),
        (state.order_numbers.len(), state.orders.live()),
        (state.trade_numbers.len(), state.trades.live()),
    ];
    if counts.iter().all(|(keys, records)| keys == records) { Ok(()) } else { Err(ImageError::Malformed(at)) }
}

/// Indexes and hashes, from the records.
fn rebuild(state: &mut State) {
    for (number, name) in state.names.accounts.iter().enumerate() {
        state.name_numbers.insert(name.hash, number as u32);
    }
    for (number, name) in state.names.instruments.iter().enumerate() {
        state.name_numbers.insert(name.hash, number as u32);
    }
    for (number, code) in state.names.currencies.iter().enumerate().skip(1) {
        state.name_numbers.insert(name_hash(NameKind::Currency, code.as_bytes(), b""), number as u32);
    }
    for (number, name) in state.names.feeds.iter().enumerate().skip(1) {
        state.name_numbers.insert(name_hash(NameKind::Feed, name.as_bytes(), b""), number as u32);
    }
    for number in 0..state.feeds.len() {
        let has_record = state.feeds[number].details.is_some() || !state.feeds[number].configuration.is_empty();
        let hash = if has_record { state.hash_of_feed(FeedNo(number as u32)) } else { 0 };
        state.feeds[number].hash = hash;
        state.rehash(0, hash);
    }
    rehash_rows(
        state,
        |state| &mut state.cash,
        |state, row| {
            row.hash = state.hash_of_cash(row);
            row.hash
        },
    );
    rehash_rows(
        state,
        |state| &mut state.holdings,
        |state, row| {
            row.hash = state.hash_of_holding(row);
            row.hash
        },
    );
    rehash_rows(
        state,
        |state| &mut state.orders,
        |state, row| {
            row.hash = state.hash_of_order(row);
            row.hash
        },
    );
    rehash_rows(
        state,
        |state| &mut state.trades,
        |state, row| {
            row.hash = state.hash_of_trade(row);
            row.hash
        },
    );
    state.cash_numbers = numbers_of(&state.cash, |row| position_key(row.account.0, row.currency.0));
    state.holding_numbers = numbers_of(&state.holdings, |row| position_key(row.account.0, row.instrument.0));
    state.order_numbers = numbers_of(&state.orders, |row| row.key);
    state.trade_numbers = numbers_of(&state.trades, |row| row.key);
    state.schedule_all();
    let gone: Vec<u32> = state.gone.iter().filter_map(|(number, gone)| gone.map(|_| number)).collect();
    gone.into_iter().for_each(|number| state.index_gone(number));
}

/// Hashes each record of a slab; meanwhile the state is without that slab.
fn rehash_rows<T>(state: &mut State, slab: impl Fn(&mut State) -> &mut Slab<T>, hash: impl Fn(&State, &mut T) -> u128) {
    let mut rows = std::mem::take(slab(state));
    for (_, row) in rows.iter_mut() {
        let hash = hash(state, row);
        state.rehash(0, hash);
    }
    *slab(state) = rows;
}

fn numbers_of<T>(rows: &Slab<T>, key: impl Fn(&T) -> u128) -> Index {
    Index::of(rows.iter().filter_map(|(number, row)| Some((key(row?), number))), rows.live())
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

fn write_cash(w: &mut Writer, row: &CashRow) {
    w.u32(row.account.0);
    w.u32(row.currency.0);
    let figures = &row.figures;
    [figures.balance, figures.unbooked, figures.unfilled_buys, figures.margin]
        .into_iter()
        .for_each(|figure| w.dec(figure));
    w.count(row.pools.len());
    for (pool, value) in &row.pools {
        w.text(pool.as_bytes());
        w.dec(*value);
    }
}

fn read_cash(r: &mut Reader<'_>) -> Result<CashRow, ImageError> {
    let (account, currency) = (AccountNo(r.u32()?), CurrencyNo(r.u32()?));
    let figures = CashFigures { balance: r.dec()?, unbooked: r.dec()?, unfilled_buys: r.dec()?, margin: r.dec()? };
    let pools = (0..r.u32()?).map(|_| Ok((r.text()?.into(), r.dec()?))).collect::<Result<_, ImageError>>()?;
    Ok(CashRow { account, currency, figures, pools, hash: 0 })
}

fn write_holding(w: &mut Writer, row: &HoldingRow) {
    [row.account.0, row.instrument.0, row.currency.0].into_iter().for_each(|number| w.u32(number));
    w.dec(row.quantity);
    w.dec(row.unfilled_sells);
    w.option(row.cost.is_some());
    row.cost.into_iter().for_each(|cost| w.dec(cost));
}

fn read_holding(r: &mut Reader<'_>) -> Result<HoldingRow, ImageError> {
    let (account, instrument) = (AccountNo(r.u32()?), InstrumentNo(r.u32()?));
    let currency = CurrencyNo(r.u32()?);
    let (quantity, unfilled_sells) = (r.dec()?, r.dec()?);
    let cost = if r.flag()? { Some(r.dec()?) } else { None };
    Ok(HoldingRow { account, instrument, quantity, unfilled_sells, cost, currency, hash: 0 })
}

fn write_order(w: &mut Writer, row: &OrderRow, state: &State) {
    w.u128(row.key);
    w.u128(row.lineage);
    [row.account.0, row.instrument.0, row.currency.0, row.cash, row.holding]
        .into_iter()
        .for_each(|number| w.u32(number));
    w.put(&[u8::from(row.completed), u8::from(row.has_executed_funds)]);
    [row.executed_quantity, row.executed_value, row.reserved_cash, row.reserved_stock]
        .into_iter()
        .for_each(|figure| w.dec(figure));
    w.u64(row.created.seconds);
    w.u32(row.created.nanoseconds);
    w.u32(row.created.tz_offset as u32);
    w.u64(row.completed_ns);
    w.u64(row.remove_ns);
    w.u32(row.last_trade);
    w.text(state.bytes.get(row.state));
}

fn read_order(r: &mut Reader<'_>, state: &mut State) -> Result<OrderRow, ImageError> {
    Ok(OrderRow {
        key: r.u128()?,
        lineage: r.u128()?,
        account: AccountNo(r.u32()?),
        instrument: InstrumentNo(r.u32()?),
        currency: CurrencyNo(r.u32()?),
        cash: r.u32()?,
        holding: r.u32()?,
        completed: r.flag()?,
        has_executed_funds: r.flag()?,
        executed_quantity: r.dec()?,
        executed_value: r.dec()?,
        reserved_cash: r.dec()?,
        reserved_stock: r.dec()?,
        created: TimestampWithTimeZone { seconds: r.u64()?, nanoseconds: r.u32()?, tz_offset: r.u32()? as i32 },
        completed_ns: r.u64()?,
        remove_ns: r.u64()?,
        last_trade: r.u32()?,
        state: state.bytes.insert(r.bytes()?),
        hash: 0,
    })
}

fn write_gone(w: &mut Writer, gone: &Gone) {
    w.u128(gone.lineage);
    w.u32(gone.last_trade);
    w.u64(gone.since_ns);
}

fn read_gone(r: &mut Reader<'_>) -> Result<Gone, ImageError> {
    Ok(Gone { lineage: r.u128()?, last_trade: r.u32()?, since_ns: r.u64()? })
}

fn write_trade(w: &mut Writer, row: &TradeRow, state: &State) {
    w.u128(row.key);
    [row.cash, row.holding, row.revisions].into_iter().for_each(|number| w.u32(number));
    w.put(&[u8::from(row.is_sale), u8::from(row.is_cancelled), u8::from(row.fund_entries.is_some())]);
    [row.price, row.quantity, row.funds].into_iter().for_each(|figure| w.dec(figure));
    row.fund_entries.into_iter().for_each(|entries| w.text(state.bytes.get(entries)));
    w.u64(row.time_ns);
    w.u32(row.previous);
}

fn read_trade(r: &mut Reader<'_>, state: &mut State) -> Result<TradeRow, ImageError> {
    let (key, cash, holding, revisions) = (r.u128()?, r.u32()?, r.u32()?, r.u32()?);
    let (is_sale, is_cancelled, has_entries) = (r.flag()?, r.flag()?, r.flag()?);
    let (price, quantity, funds) = (r.dec()?, r.dec()?, r.dec()?);
    let fund_entries = if has_entries {
        let (at, entries) = (r.at, r.bytes()?);
        OrderTrade::decode(entries).map_err(|_| ImageError::Malformed(at))?;
        Some(state.bytes.insert(entries))
    } else {
        None
    };
    let (time_ns, previous) = (r.u64()?, r.u32()?);
    Ok(TradeRow {
        key,
        cash,
        holding,
        is_sale,
        is_cancelled,
        revisions,
        price,
        quantity,
        funds,
        fund_entries,
        time_ns,
        previous,
        hash: 0,
    })
}

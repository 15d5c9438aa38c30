//! The engine: a pure step from one recorded update to the next state.
//!
//! Hot path: one thread. It knows no clock, file, socket, random number or thread: time and position come stamped on
//! the update, so that a replay of the record gives the same state, events and hashes. It says what happened
//! (`Outcome`); others encode, store and send it. Hot updates (order actions, trades, transfers) allocate nothing
//! once warm.
//!
//! An update is drafted with every sum checked, and only then written: a refused one changes nothing. Refusals are
//! results like any other.

mod applied;
mod batch;
mod byte_store;
mod cost;
mod describe;
mod draft;
mod due;
mod feeds;
mod funds;
mod ids;
mod image;
mod index;
mod legacy;
mod lineage;
mod metadata;
mod operation;
mod order;
mod orders;
pub mod requests;
mod retention;
mod rows;
mod settings;
mod slab;
mod state;
mod trade;
mod transfer;
mod transform;

pub use due::{Due, DueKind};
pub use image::{IMAGE_VERSION, IMAGE_VERSION_OLDEST, ImageError, ImageHeader};
pub use state::FeedRow;

use applied::AppliedEntry;
use batch::OpenBatch;
use draft::Draft;
use funds::FundSums;
use requests::Problems;
use rows::CashRow;
use state::State;

use crate::dec::Dec;
use crate::names::{FeedNo, Names};
use crate::outcome::{BalanceEvent, HoldingEvent, Outcome, Stamp};
use crate::proto::{ExternalActionType, FeedRequestType, TimestampWithTimeZone};
use crate::record::{Rules, Step};
use crate::refusal::Code;
use crate::wire::{FeedRequest, ReverseWriter, Span, field};

/// The number of the rules that this build records under; each step is applied by those of its stamp.
pub const RULES_VERSION: u16 = Rules::CURRENT.number();

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A recorded update as the engine gets it: its stamp, its bytes, and what the decoder made of them.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// `position` is that of a feed's update; for `oms` the engine gives it.
    pub stamp: Stamp,
    pub bytes: &'a [u8],
    pub request: &'a FeedRequest,
}

/// How often something odd but legal was seen. A feed is believed, and its oddities are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oddities {
    pub refused: u64,
    pub duplicate_trades: u64,
    pub unknown_trades: u64,
    /// Executed figures that an adapter gave and that differ from the sum of its trades.
    pub reconcile_mismatches: u64,
}

/// See the module. A clone goes on by itself from the same state.
#[derive(Debug, Clone)]
pub struct Engine {
    state: State,
    /// The sequence and time of the last update applied.
    sequence: u64,
    time_ns: u64,
    /// The time of the last one that took a position.
    public_time_ns: u64,
    /// Runs over every event made.
    events_hash: u128,
    oddities: Oddities,
    /// The batch whose members come next.
    batch: Option<OpenBatch>,
    // What follows is room to work in and holds nothing between updates.
    draft: Draft,
    funds: FundSums,
    scratch: ReverseWriter,
    /// TransactionIDs of a batch while it is checked.
    batch_ids: Vec<AppliedEntry>,
    /// Of the client request that is being checked.
    problems: Problems,
}

/// How many records there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub accounts: usize,
    pub balances: usize,
    pub holdings: usize,
    pub orders: usize,
    pub trades: usize,
    /// Client requests that have not ended.
    pub requests: usize,
    pub feeds: usize,
}

impl Engine {
    /// An engine at the beginning, with room for `orders_expected` before any table grows.
    pub fn new(orders_expected: usize) -> Engine {
        Engine {
            state: State::new(orders_expected),
            sequence: 0,
            time_ns: 0,
            public_time_ns: 0,
            events_hash: 0,
            oddities: Oddities::default(),
            batch: None,
            draft: Draft::default(),
            funds: FundSums::default(),
            scratch: ReverseWriter::with_capacity(1024),
            batch_ids: Vec::new(),
            problems: Problems::default(),
        }
    }

    /// Applies the next step of the record and puts what happened into `out`. Nothing else changes the state.
    ///
    /// # Panics
    /// If the step is not later than the last one (a batch and its members have one sequence): the record is broken, and
    /// going on would hide it.
    #[inline]
    pub fn apply<'a>(&mut self, step: impl Into<Step<'a>>, out: &mut Outcome) {
        match step.into() {
            Step::Update(input) => self.apply_update(&input, out),
            Step::OpenBatch { stamp, batch } => self.open_batch(stamp, &batch, out),
            Step::Tick(stamp) => self.tick(stamp, out),
            Step::Settings { stamp, settings } => self.set_settings(stamp, &settings, out),
        }
    }

    fn apply_update(&mut self, input: &Input<'_>, out: &mut Outcome) {
        if self.batch.is_some() && !self.goes_on(input.stamp, out) {
            return;
        }
        self.begin(input.stamp, out);
        let changed = match self.step(input, out) {
            Ok(changed) => changed,
            Err(reject) => {
                self.refuse(reject, out);
                false
            }
        };
        self.take_position(changed, out);
        self.sequence = input.stamp.sequence;
        self.time_ns = input.stamp.time_ns;
        if !out.takes_no_position() {
            self.public_time_ns = input.stamp.time_ns;
        }
    }

    #[inline]
    fn begin(&mut self, stamp: Stamp, out: &mut Outcome) {
        assert!(stamp.sequence > self.sequence, "invariant: sequences increase");
        assert!(stamp.time_ns > self.time_ns, "invariant: time increases");
        out.clear();
        out.stamp = stamp;
        self.state.now_ns = stamp.time_ns;
        self.draft.clear();
    }

    /// Ends a step that takes no position and has no event.
    fn end_without_position(&mut self, stamp: Stamp, out: &mut Outcome) {
        out.stamp.position = 0;
        self.sequence = stamp.sequence;
        self.time_ns = stamp.time_ns;
    }

    /// The state's hash: the same for a live hub, a replay of its record, and a snapshot with the rest replayed.
    pub fn state_hash(&self) -> u128 {
        self.state.feeds.iter().zip(&self.state.names.feeds).fold(self.state.hash, |hash, (feed, name)| {
            // A feed that has no position yet is not there.
            let weight = if feed.position == 0 { 0 } else { rows::bytes_hash(b'P', 0, name.as_bytes()) };
            hash.wrapping_add(weight.wrapping_mul(feed.position as u128))
        })
    }

    /// Runs over all events since the beginning.
    pub fn events_hash(&self) -> u128 {
        self.events_hash
    }

    /// The sequence of the last update applied; 0 at the beginning.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The time of the last update applied, in nanoseconds since 1970; 0 at the beginning.
    pub fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// The time of the last update that took a position: what views may tell.
    pub fn public_time_ns(&self) -> u64 {
        self.public_time_ns
    }

    pub fn names(&self) -> &Names {
        &self.state.names
    }

    /// By feed number, `oms` first.
    pub fn feeds(&self) -> &[FeedRow] {
        &self.state.feeds
    }

    pub fn oddities(&self) -> Oddities {
        self.oddities
    }

    pub fn counts(&self) -> Counts {
        Counts {
            accounts: self.state.names.accounts.len(),
            balances: self.state.cash.live(),
            holdings: self.state.holdings.live(),
            orders: self.state.orders.live(),
            trades: self.state.trades.live(),
            requests: self.state.requests.rows.live(),
            feeds: self.state.feeds.len() - 1,
        }
    }

    /// One update; whether anything changed (a feed's update takes its position even if not).
    fn step(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<bool, Code> {
        match FeedRequestType::try_from(input.request.r#type) {
            Ok(FeedRequestType::Action) => {
                if !self.act(input, out)? {
                    return Ok(false);
                }
            }
            Ok(FeedRequestType::Operation) => {
                if !self.operate(input, out)? {
                    return Ok(false);
                }
            }
            Ok(FeedRequestType::Request) if knows_requests(input) => {
                if !self.request(input, out)? {
                    return Ok(false);
                }
            }
            Ok(FeedRequestType::Update) if knows_requests(input) => {
                if !self.request_update(input, out)? {
                    return Ok(false);
                }
            }
            Ok(
                FeedRequestType::LegacyUpdate
                | FeedRequestType::LegacyTrade
                | FeedRequestType::LegacyRequest
                | FeedRequestType::LegacyTransaction,
            ) if knows_requests(input) => return self.translated(input, out),
            Ok(FeedRequestType::Status) => return self.set_status(input, out),
            Ok(FeedRequestType::Configure) => {
                self.configure(input, out)?;
                // Kept for the adapter's next connection; shown to nobody, so it takes no position.
                return Ok(false);
            }
            _ => return Err(Code::OperationUnknown),
        }
        self.write_draft(out);
        Ok(true)
    }

    fn act(&mut self, input: &Input<'_>, out: &mut Outcome) -> Result<bool, Code> {
        let action = &input.request.action;
        if !action.span.is_given() {
            return Err(Code::Details);
        }
        match ExternalActionType::try_from(action.r#type) {
            Ok(ExternalActionType::Update | ExternalActionType::Replace) => self.update_order(input, out),
            Ok(ExternalActionType::Trade) => self.trade(input, out),
            Ok(ExternalActionType::CashTransfer | ExternalActionType::AssetTransfer) => self.transfer(input, out),
            Ok(ExternalActionType::Unknown) | Err(_) => Err(Code::OperationUnknown),
        }
    }

    #[cold]
    fn refuse(&mut self, reject: Code, out: &mut Outcome) {
        assert!(self.batch.is_none(), "invariant: a member of an accepted batch is applied, not {}", reject.code());
        out.refuse(reject);
        self.oddities.refused += 1;
        out.orders.clear();
        out.metadata.clear();
        out.requests.clear();
        (out.action, out.operation, out.transaction) = (None, None, None);
    }

    /// `oms` counts here what was public; other feeds brought their own numbers.
    fn take_position(&mut self, changed: bool, out: &mut Outcome) {
        let feed = out.stamp.feed;
        if feed == FeedNo::OMS {
            let row = &mut self.state.feeds[FeedNo::OMS.index()];
            let takes = changed || !(out.is_accepted() || out.stamp.origin.is_rest);
            out.stamp.position = if takes { row.position + 1 } else { 0 };
            row.position += i64::from(takes);
        } else {
            let row = &mut self.state.feeds[feed.index()];
            row.position = out.stamp.position;
        }
    }

    /// Writes the drafted positions and makes their events: one a record, none for a record left as it was.
    fn write_draft(&mut self, out: &mut Outcome) {
        for i in 0..self.draft.cash.len() {
            self.write_cash(i, out);
        }
        for i in 0..self.draft.holdings.len() {
            self.write_holding(i, out);
        }
        for order in &out.orders {
            self.events_hash = mix(self.events_hash, order.key ^ u128::from(order.removed));
        }
        for request in &out.requests {
            self.events_hash = mix(self.events_hash, request.key ^ u128::from(request.removed));
        }
        self.events_hash = mix(self.events_hash, self.state.hash);
    }

    fn write_cash(&mut self, at: usize, out: &mut Outcome) {
        let draft = self.draft.cash[at];
        let row = self.state.cash.get_mut(draft.number);
        let has_pools = self.draft.pools.iter().any(|pool| pool.number == draft.number);
        if row.figures == draft.figures && !has_pools {
            return;
        }
        row.figures = draft.figures;
        for pool in self.draft.pools.iter().filter(|pool| pool.number == draft.number) {
            set_pool(row, &pool.pool, pool.value);
        }
        let old = row.hash;
        let new = self.state.hash_of_cash(self.state.cash.get(draft.number));
        if old == new {
            return;
        }
        self.state.cash.get_mut(draft.number).hash = new;
        self.state.rehash(old, new);
        let row = self.state.cash.get(draft.number);
        out.balances.push(cash_event(draft.number, row, &mut self.scratch, &mut out.bytes));
    }

    fn write_holding(&mut self, at: usize, out: &mut Outcome) {
        let draft = self.draft.holdings[at];
        if *self.state.holdings.get(draft.number) == draft.row {
            return;
        }
        let (old, new) = (draft.row.hash, self.state.hash_of_holding(&draft.row));
        // A record at zero is dropped, and its currency with it.
        let currency = if draft.row.is_zero() { Default::default() } else { draft.row.currency };
        *self.state.holdings.get_mut(draft.number) = rows::HoldingRow { hash: new, currency, ..draft.row };
        if old == new {
            return;
        }
        self.state.rehash(old, new);
        out.holdings.push(holding_event(draft.number, &draft.row));
    }
}

fn cash_event(number: u32, row: &CashRow, scratch: &mut ReverseWriter, bytes: &mut Vec<u8>) -> BalanceEvent {
    let CashRow { account, currency, figures, .. } = *row;
    BalanceEvent {
        number,
        account,
        currency,
        removed: figures.is_zero() && row.pools.is_empty(),
        balance: figures.balance,
        unbooked: figures.unbooked,
        unfilled_buys: figures.unfilled_buys,
        margin: figures.margin,
        values: pool_entries(row, scratch, bytes),
    }
}

/// The pools as encoded entries of `Values`.
fn pool_entries(row: &CashRow, scratch: &mut ReverseWriter, bytes: &mut Vec<u8>) -> Span {
    if row.pools.is_empty() {
        return Span::default();
    }
    scratch.clear();
    for (pool, value) in row.pools.iter().rev() {
        scratch.figure_entry(field::cash_position::VALUES, pool.as_bytes(), *value);
    }
    if bytes.is_empty() {
        bytes.push(0);
    }
    let span = Span { start: bytes.len() as u32, len: scratch.len() as u32 };
    bytes.extend_from_slice(scratch.bytes());
    span
}

fn holding_event(number: u32, row: &rows::HoldingRow) -> HoldingEvent {
    HoldingEvent {
        number,
        account: row.account,
        instrument: row.instrument,
        removed: row.is_zero(),
        quantity: row.quantity,
        unfilled_sells: row.unfilled_sells,
        cost: row.cost,
        currency: row.currency,
    }
}

fn set_pool(row: &mut CashRow, pool: &str, value: Dec) {
    match row.pools.binary_search_by(|(name, _)| (**name).cmp(pool)) {
        Ok(at) if value.is_zero() => drop(row.pools.remove(at)),
        Ok(at) => row.pools[at].1 = value,
        Err(_) if value.is_zero() => {}
        Err(at) => row.pools.insert(at, (pool.into(), value)),
    }
}

/// An order-dependent running hash: cheap, and any event left out, added or exchanged shows.
#[inline]
fn mix(hash: u128, value: u128) -> u128 {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    (hash ^ value).wrapping_mul(ODD).rotate_left(41)
}

/// Records of the first rules refused what requests are made of.
#[inline]
fn knows_requests(input: &Input<'_>) -> bool {
    input.stamp.rules >= Rules::V2
}

/// The instant of an update, in UTC.
#[inline]
fn executed_at(stamp: &Stamp) -> TimestampWithTimeZone {
    TimestampWithTimeZone::from_unix_nanos(stamp.time_ns)
}

#[cfg(test)]
mod tests;

//! `State`: everything the engine remembers. A fold of the record and nothing else.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use xxhash_rust::xxh3::xxh3_128;

use super::applied::Applied;
use super::byte_store::ByteStore;
use super::due::DueList;
use super::index::Index;
use super::requests::Requests;
use super::retention::Gone;
use super::rows::{
    CashFigures, CashRow, HoldingRow, OrderRow, TradeRow, bytes_hash, cash_hash, holding_hash, order_hash, trade_hash,
};
use super::slab::Slab;
use crate::dec::Dec;
use crate::metadata::Metadata;
use crate::names::{AccountNo, CurrencyNo, FeedNo, InstrumentNo, NameKind, Names, name_hash};
use crate::outcome::{NewName, Outcome};
use crate::proto::FeedDetails;
use crate::record::Settings;

/// A feed, or `oms`.
#[derive(Debug, Clone, Default)]
pub struct FeedRow {
    /// The last position recorded for it.
    pub position: i64,
    /// None until the feed has been opened or has said its status.
    pub details: Option<FeedDetails>,
    /// The latest FeedConfiguration, encoded; empty if none was sent.
    pub configuration: Vec<u8>,
    pub(super) hash: u128,
}

#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) names: Names,
    pub(super) name_numbers: Index,
    pub(super) cash: Slab<CashRow>,
    pub(super) cash_numbers: Index,
    pub(super) holdings: Slab<HoldingRow>,
    pub(super) holding_numbers: Index,
    pub(super) orders: Slab<OrderRow>,
    pub(super) order_numbers: Index,
    pub(super) trades: Slab<TradeRow>,
    pub(super) trade_numbers: Index,
    /// Lineage by home of orders that moved and then were removed: a late bust still finds their trades.
    pub(super) lineages: BTreeMap<u128, u128>,
    /// The same by lineage, then key.
    pub(super) lineage_keys: BTreeSet<(u128, u128)>,
    /// What orders that went have left, found by lineage, and in the order in which it is forgotten.
    pub(super) gone: Slab<Gone>,
    pub(super) gone_numbers: Index,
    /// By when they began to count, the oldest first; holds also what was taken up again since.
    pub(super) gone_since: BinaryHeap<Reverse<(u64, u32)>>,
    /// What new orders of an account begin under and what old ones began under, where its name does not say it.
    pub(super) roots: BTreeMap<AccountNo, Vec<u128>>,
    /// Client requests that are active, and what is kept of those that ended.
    pub(super) requests: Requests,
    pub(super) bytes: ByteStore,
    /// By feed number; `oms` is 0.
    pub(super) feeds: Vec<FeedRow>,
    pub(super) metadata: Metadata,
    pub(super) settings: Settings,
    /// Ids of transforms, transactions and settlements that were applied.
    pub(super) applied: Applied,
    /// When orders and feeds become due. Follows from them and the settings.
    pub(super) due: DueList,
    /// The time of the update that is being applied.
    pub(super) now_ns: u64,
    /// Sum of the hashes of all records: kept up to date, never computed over.
    pub(super) hash: u128,
}

impl State {
    pub(super) fn new(orders_expected: usize) -> State {
        State {
            names: Names::default(),
            name_numbers: Index::with_capacity(0),
            cash: Slab::new(),
            cash_numbers: Index::with_capacity(0),
            holdings: Slab::new(),
            holding_numbers: Index::with_capacity(0),
            orders: Slab::with_capacity(orders_expected),
            order_numbers: Index::with_capacity(orders_expected),
            trades: Slab::with_capacity(orders_expected),
            trade_numbers: Index::with_capacity(orders_expected),
            lineages: BTreeMap::new(),
            lineage_keys: BTreeSet::new(),
            gone: Slab::with_capacity(orders_expected),
            gone_numbers: Index::with_capacity(orders_expected),
            gone_since: BinaryHeap::with_capacity(orders_expected),
            roots: BTreeMap::new(),
            requests: Requests::default(),
            bytes: ByteStore::new(),
            feeds: vec![FeedRow::default()],
            metadata: Metadata::default(),
            settings: Settings::initial(),
            applied: Applied::default(),
            due: DueList::default(),
            now_ns: 0,
            hash: 0,
        }
    }

    #[inline]
    pub(super) fn rehash(&mut self, old: u128, new: u128) {
        self.hash = self.hash.wrapping_sub(old).wrapping_add(new);
    }

    /// The number of a name, a new one if it was never seen; the outcome tells those who follow.
    #[inline]
    pub(super) fn number(&mut self, kind: NameKind, first: &[u8], second: &[u8], out: &mut Outcome) -> u32 {
        let key = name_hash(kind, first, second);
        match self.name_numbers.get(key) {
            Some(number) => number,
            None => self.new_number(kind, first, second, key, out),
        }
    }

    #[cold]
    fn new_number(&mut self, kind: NameKind, first: &[u8], second: &[u8], key: u128, out: &mut Outcome) -> u32 {
        let number = match kind {
            NameKind::Account => self.names.accounts.len(),
            NameKind::Instrument => self.names.instruments.len(),
            NameKind::Currency => self.names.currencies.len(),
            NameKind::Feed => self.names.feeds.len(),
        } as u32;
        let text = |bytes| std::str::from_utf8(bytes).expect("invariant: names were decoded as texts");
        self.names.learn(kind, number, text(first), text(second));
        self.name_numbers.insert(key, number);
        if kind == NameKind::Feed {
            self.feeds.push(FeedRow::default());
        }
        let (first, second) = (out.keep(first), out.keep(second));
        out.names.push(NewName { kind, number, first, second });
        number
    }

    #[inline]
    pub(super) fn currency(&mut self, code: &[u8], out: &mut Outcome) -> CurrencyNo {
        // The empty currency has number 0 from the start.
        if code.is_empty() { CurrencyNo(0) } else { CurrencyNo(self.number(NameKind::Currency, code, b"", out)) }
    }

    pub(super) fn feed_number(&self, name: &str) -> Option<FeedNo> {
        if name == crate::names::OMS {
            return Some(FeedNo::OMS);
        }
        self.name_numbers.get(name_hash(NameKind::Feed, name.as_bytes(), b"")).map(FeedNo)
    }

    /// The cash position of an account in a currency, made (at zero, and so unseen) if there was none.
    #[inline]
    pub(super) fn cash_number(&mut self, account: AccountNo, currency: CurrencyNo) -> u32 {
        let key = position_key(account.0, currency.0);
        if let Some(number) = self.cash_numbers.get(key) {
            return number;
        }
        let row = CashRow { account, currency, figures: CashFigures::default(), pools: Vec::new(), hash: 0 };
        let number = self.cash.insert(row);
        self.cash_numbers.insert(key, number);
        number
    }

    /// The asset position of an account, made (at zero, and so unseen) if there was none.
    #[inline]
    pub(super) fn holding_number(&mut self, account: AccountNo, instrument: InstrumentNo) -> u32 {
        let key = position_key(account.0, instrument.0);
        if let Some(number) = self.holding_numbers.get(key) {
            return number;
        }
        let row = HoldingRow {
            account,
            instrument,
            quantity: Dec::ZERO,
            unfilled_sells: Dec::ZERO,
            cost: None,
            currency: CurrencyNo::default(),
            hash: 0,
        };
        let number = self.holdings.insert(row);
        self.holding_numbers.insert(key, number);
        number
    }

    pub(super) fn hash_of_cash(&self, row: &CashRow) -> u128 {
        cash_hash(self.names.account(row.account).hash, self.names.currency(row.currency), &row.figures, &row.pools)
    }

    pub(super) fn hash_of_holding(&self, row: &HoldingRow) -> u128 {
        let (account, instrument) = (self.names.account(row.account), self.names.instrument(row.instrument));
        holding_hash(account.hash, instrument.hash, self.names.currency(row.currency), row)
    }

    pub(super) fn hash_of_order(&self, row: &OrderRow) -> u128 {
        order_hash(row.key, row.lineage, row.completed_ns, self.bytes.get(row.state))
    }

    pub(super) fn hash_of_trade(&self, row: &TradeRow) -> u128 {
        let (cash, holding) = (self.cash.get(row.cash), self.holdings.get(row.holding));
        let (account, instrument) = (self.names.account(cash.account), self.names.instrument(holding.instrument));
        trade_hash(row, account.hash, instrument.hash, self.names.currency(cash.currency))
    }

    pub(super) fn hash_of_feed(&self, feed: FeedNo) -> u128 {
        let row = &self.feeds[feed.index()];
        let name = name_hash(NameKind::Feed, self.names.feed(feed).as_bytes(), b"");
        let details = row.details.as_ref().map(prost::Message::encode_to_vec).unwrap_or_default();
        let digest = xxh3_128(&details) ^ xxh3_128(&row.configuration).rotate_left(1);
        bytes_hash(b'F', name, &digest.to_le_bytes())
    }
}

#[inline]
pub(super) fn position_key(account: u32, other: u32) -> u128 {
    xxh3_128(&(u64::from(account) << 32 | u64::from(other)).to_le_bytes())
}

//! The records of the state, and what each adds to the state hash.
//!
//! A row's hash binds its names, never its numbers: two hubs that met the same names in another order (or one that
//! was loaded from an image) hash alike. A row of nothing but zeros hashes to nothing, as if it were not there.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::byte_store::Handle;
use crate::dec::Dec;
use crate::names::{AccountNo, CurrencyNo, InstrumentNo};
use crate::proto::TimestampWithTimeZone;

/// The four figures of a cash position.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CashFigures {
    pub(crate) balance: Dec,
    pub(crate) unbooked: Dec,
    /// Zero or negative: what open buys hold back.
    pub(crate) unfilled_buys: Dec,
    pub(crate) margin: Dec,
}

impl CashFigures {
    pub(crate) fn is_zero(&self) -> bool {
        self.balance.is_zero() && self.unbooked.is_zero() && self.unfilled_buys.is_zero() && self.margin.is_zero()
    }
}

/// Pools by name, sorted; none of them zero.
pub(crate) type Pools = Vec<(Box<str>, Dec)>;

#[derive(Debug, Clone)]
pub(crate) struct CashRow {
    pub(crate) account: AccountNo,
    pub(crate) currency: CurrencyNo,
    pub(crate) figures: CashFigures,
    pub(crate) pools: Pools,
    pub(crate) hash: u128,
}

/// An asset position. `cost` is exact, and none where no average price can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HoldingRow {
    pub(crate) account: AccountNo,
    pub(crate) instrument: InstrumentNo,
    pub(crate) quantity: Dec,
    /// Zero or negative: what open sells hold back.
    pub(crate) unfilled_sells: Dec,
    pub(crate) cost: Option<Dec>,
    pub(crate) currency: CurrencyNo,
    pub(crate) hash: u128,
}

impl HoldingRow {
    pub(crate) fn is_zero(&self) -> bool {
        self.quantity.is_zero() && self.unfilled_sells.is_zero()
    }
}

/// What the engine needs of an order at hand; the whole OrderState is bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OrderRow {
    pub(crate) key: u128,
    /// The key under which the order was first seen: its trades hang on that, whatever account it moves to.
    pub(crate) lineage: u128,
    pub(crate) account: AccountNo,
    pub(crate) instrument: InstrumentNo,
    pub(crate) currency: CurrencyNo,
    /// Numbers of the cash and asset position that the order reserves from and trades into.
    pub(crate) cash: u32,
    pub(crate) holding: u32,
    pub(crate) completed: bool,
    pub(crate) has_executed_funds: bool,
    /// Whether the OrderState has the figure: absent is another message than zero.
    pub(crate) has_executed_quantity: bool,
    pub(crate) has_executed_value: bool,
    /// Zero where absent.
    pub(crate) executed_quantity: Dec,
    pub(crate) executed_value: Dec,
    /// What the open order holds back, not negative; subtracted from the position's figure.
    pub(crate) reserved_cash: Dec,
    pub(crate) reserved_stock: Dec,
    pub(crate) created: TimestampWithTimeZone,
    /// When it was completed; 0 while it is open.
    pub(crate) completed_ns: u64,
    /// Its RemoveAfter; 0 if it says nothing.
    pub(crate) remove_ns: u64,
    /// The newest of its trades, or `NO_TRADE`: they are kept as long as it, and some time more.
    pub(crate) last_trade: u32,
    pub(crate) state: Handle,
    pub(crate) hash: u128,
}

/// No trade: the end of a chain.
pub(crate) const NO_TRADE: u32 = u32::MAX;

/// A trade as last booked. A cancelled one stays, at zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TradeRow {
    pub(crate) key: u128,
    /// Where it was booked.
    pub(crate) cash: u32,
    pub(crate) holding: u32,
    /// Of the stock leg: negative for a sale.
    pub(crate) is_sale: bool,
    pub(crate) is_cancelled: bool,
    /// Corrections and cancels so far.
    pub(crate) revisions: u32,
    pub(crate) price: Dec,
    pub(crate) quantity: Dec,
    /// Sum of AdditionalFunds; their entries are kept as bytes where there are any.
    pub(crate) funds: Dec,
    pub(crate) fund_entries: Option<Handle>,
    /// When it was first booked.
    pub(crate) time_ns: u64,
    /// The order's trade before this one, or `NO_TRADE`.
    pub(crate) previous: u32,
    pub(crate) hash: u128,
}

/// A small buffer of fixed fields for one hash.
struct Fields {
    bytes: [u8; 160],
    len: usize,
}

impl Fields {
    /// The hash of what is put in. All of it is inlined: places and lengths are then known when it is compiled.
    #[inline(always)]
    fn hash(put: impl FnOnce(&mut Fields)) -> u128 {
        let mut fields = Fields { bytes: [0; 160], len: 0 };
        put(&mut fields);
        xxh3_128(&fields.bytes[..fields.len])
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) -> &mut Fields {
        self.bytes[self.len..self.len + N].copy_from_slice(&bytes);
        self.len += N;
        self
    }

    #[inline(always)]
    fn dec(&mut self, value: Dec) -> &mut Fields {
        self.put(value.mantissa().to_le_bytes()).put([value.scale()])
    }
}

pub(crate) fn cash_hash(account: u128, currency: &str, figures: &CashFigures, pools: &Pools) -> u128 {
    if figures.is_zero() && pools.is_empty() {
        return 0;
    }
    let fixed = Fields::hash(|fields| {
        fields
            .put(*b"C")
            .put(account.to_le_bytes())
            .put(xxh3_128(currency.as_bytes()).to_le_bytes())
            .dec(figures.balance)
            .dec(figures.unbooked)
            .dec(figures.unfilled_buys)
            .dec(figures.margin);
    });
    pools.iter().fold(fixed, |hash, (pool, value)| {
        let pool = xxh3_128(pool.as_bytes());
        Fields::hash(|fields| {
            fields.put(hash.to_le_bytes()).put(pool.to_le_bytes()).dec(*value);
        })
    })
}

pub(crate) fn holding_hash(account: u128, instrument: u128, currency: &str, row: &HoldingRow) -> u128 {
    if row.is_zero() {
        return 0;
    }
    Fields::hash(|fields| {
        fields
            .put(*b"H")
            .put(account.to_le_bytes())
            .put(instrument.to_le_bytes())
            .put(xxh3_128(currency.as_bytes()).to_le_bytes())
            .dec(row.quantity)
            .dec(row.unfilled_sells);
        match row.cost {
            Some(cost) => fields.put([1]).dec(cost),
            None => fields.put([0]),
        };
    })
}

pub(crate) fn order_hash(key: u128, lineage: u128, completed_ns: u64, state: &[u8]) -> u128 {
    Fields::hash(|fields| {
        fields
            .put(*b"O")
            .put(key.to_le_bytes())
            .put(lineage.to_le_bytes())
            .put(completed_ns.to_le_bytes())
            .put(xxh3_128(state).to_le_bytes());
    })
}

pub(crate) fn trade_hash(row: &TradeRow, account: u128, instrument: u128, currency: &str) -> u128 {
    Fields::hash(|fields| {
        fields
            .put(*b"T")
            .put(row.key.to_le_bytes())
            // One word of each: the trade's own key already tells it from all others.
            .put((account as u64).to_le_bytes())
            .put((instrument as u64).to_le_bytes())
            .put(xxh3_64(currency.as_bytes()).to_le_bytes())
            .put([u8::from(row.is_sale), u8::from(row.is_cancelled)])
            .put(row.revisions.to_le_bytes())
            .put(row.time_ns.to_le_bytes())
            .dec(row.price)
            .dec(row.quantity)
            .dec(row.funds);
    })
}

pub(crate) fn lineage_hash(key: u128, lineage: u128) -> u128 {
    bytes_hash(b'L', key, &lineage.to_le_bytes())
}

/// Any record that is bytes under a key (feeds, and what later kinds keep whole).
pub(crate) fn bytes_hash(kind: u8, key: u128, bytes: &[u8]) -> u128 {
    Fields::hash(|fields| {
        fields.put([kind]).put(key.to_le_bytes()).put(xxh3_128(bytes).to_le_bytes());
    })
}

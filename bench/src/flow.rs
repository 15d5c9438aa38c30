//! The recorded order flow, as the updates that a feed adapter would submit.
//!
//! | Row | Update |
//! |---|---|
//! | created | Update, reason New |
//! | trade | two Trades, one for either order: TradeID = trade id + `B` or `S` |
//! | deleted, with volume left | Update, reason Cancel, completed |
//! | deleted, filled before | none |
//! | changed | none: the trade beside it is the update |
//! | deleted or traded, of an unknown order | none; counted |
//!
//! The order's account is its id modulo [`ACCOUNTS`]. Both files are read side by side, a millisecond at a time: memory
//! grows with the open orders, and not with the length of the recording.
//!
//! The recording is not checked: a fill beyond the order's quantity passes. Figures are parsed from their digits, never
//! through a float. Absent on purpose: positions, which the adapter assigns; matching.

mod order;
mod rounds;
mod rows;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use ordo_core::dec::{Dec, OutOfRange};
use ordo_core::proto::{Account, AssetTransfer, CashTransfer, ExternalAction, ExternalActionType};
use ordo_core::proto::{OrderUpdateReason, TransactionDetails};
use thiserror::Error;

use order::Order;
pub use rounds::Rounds;
use rows::{OrderRow, Row, Rows, TradeRow};

/// Number of accounts; orders are spread over them.
pub const ACCOUNTS: u64 = 50;
pub const OWNER: &str = "DEMO";
pub const EXCHANGE: &str = "XBTS";
pub const CODE: &str = "BTC";
pub const CURRENCY: &str = "USD";

/// Opening cash and stock of every account.
pub const OPENING_CASH: i64 = 10_000_000;
pub const OPENING_STOCK: i64 = 100;
/// The price of the opening stock.
const OPENING_PRICE: i64 = 78_300;

/// Why a flow cannot be played.
#[derive(Debug, Error)]
pub enum FlowError {
    #[error("{path}: {source}")]
    Open { path: PathBuf, source: std::io::Error },
    #[error("{path}: the name does not contain 'orders', which 'trades' replaces in the name of the file of trades")]
    Name { path: PathBuf },
    #[error("{file}, line {line}: {why}")]
    Row { file: &'static str, line: u64, why: String },
    #[error("order {order}: {source}")]
    Figure { order: u64, source: OutOfRange },
}

/// When a completed order is removed from the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Removal {
    /// With the update that completes it: memory stays bounded.
    #[default]
    AtOnce,
    /// Never.
    Never,
}

/// Numbers of rows by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlowCounts {
    pub created: u64,
    pub trade_legs: u64,
    pub cancelled: u64,
    /// Deletes of orders that were already filled.
    pub filled: u64,
    pub changed: u64,
    /// Deletes and trades that name an unknown order.
    pub unknown: u64,
}

impl FlowCounts {
    /// Number of updates.
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.created + self.trade_legs + self.cancelled
    }
}

/// See the module. Iterates over the actions; ends after an error.
#[derive(Debug)]
pub struct Flow {
    rows: Rows,
    /// Added to every order's id.
    id_offset: u64,
    /// Time of the last row.
    time_ms: u64,
    orders: BTreeMap<u64, Order>,
    removal: Removal,
    counts: FlowCounts,
    ready: VecDeque<ExternalAction>,
    is_broken: bool,
}

impl Flow {
    /// The extract of six minutes that is built into the program.
    #[must_use]
    pub fn shipped(removal: Removal) -> Flow {
        let orders: &[u8] = include_bytes!("../data/btcusd-orders.csv.gz");
        let trades: &[u8] = include_bytes!("../data/btcusd-trades.csv");
        let orders = rows::unpacked(orders, true);
        Flow::of(Rows::new(orders, Box::new(trades)).expect("invariant: the shipped files have their columns"), removal)
    }

    /// A recording: the file of orders; the file of trades lies beside it.
    ///
    /// # Errors
    /// If a file cannot be read, is not a regular file, or has other columns.
    pub fn open(orders: &Path, removal: Removal) -> Result<Flow, FlowError> {
        let trades = rows::trades_beside(orders)?;
        Ok(Flow::of(Rows::new(rows::read(orders)?, rows::read(&trades)?)?, removal))
    }

    fn of(rows: Rows, removal: Removal) -> Flow {
        Flow {
            rows,
            id_offset: 0,
            time_ms: 0,
            orders: BTreeMap::new(),
            removal,
            counts: FlowCounts::default(),
            ready: VecDeque::new(),
            is_broken: false,
        }
    }

    /// Counts of the rows read so far.
    #[must_use]
    pub fn counts(&self) -> FlowCounts {
        self.counts
    }

    /// Number of open orders.
    #[must_use]
    pub fn open_orders(&self) -> usize {
        self.orders.values().filter(|order| !order.is_completed).count()
    }

    /// Reads rows until one becomes an update, or none is left.
    fn read(&mut self) -> Result<(), FlowError> {
        while self.ready.is_empty()
            && let Some(row) = self.rows.next()?
        {
            self.time_ms = row.time_ms().unwrap_or(self.time_ms);
            match row {
                Row::Created(row) => self.create(&row),
                Row::Trade(row) => self.trade(&row)?,
                Row::Changed => self.counts.changed += 1,
                Row::Deleted(row) => self.delete(&row),
            }
        }
        Ok(())
    }

    /// Cancels the orders that are open after the last row; their number.
    fn cancel_open(&mut self) -> usize {
        let before = self.ready.len();
        for order in std::mem::take(&mut self.orders).values_mut().filter(|order| !order.is_completed) {
            order.is_completed = true;
            self.ready.push_back(order.update(self.time_ms, OrderUpdateReason::Cancel, self.removal));
        }
        self.ready.len() - before
    }

    fn create(&mut self, row: &OrderRow) {
        let order = Order::new(row, self.id_offset);
        self.ready.push_back(order.update(row.time_ms, OrderUpdateReason::New, self.removal));
        self.orders.insert(row.order_id, order);
        self.counts.created += 1;
    }

    fn trade(&mut self, row: &TradeRow) -> Result<(), FlowError> {
        for (order_id, side) in [(row.buy_order_id, 'B'), (row.sell_order_id, 'S')] {
            let Some(order) = self.orders.get_mut(&order_id) else {
                self.counts.unknown += 1;
                continue;
            };
            order.fill(row.price, row.amount).map_err(|source| FlowError::Figure { order: order_id, source })?;
            let trade_id = format!("{}{side}", row.trade_id);
            self.ready.push_back(order.trade(row, trade_id, self.removal));
            self.counts.trade_legs += 1;
        }
        Ok(())
    }

    fn delete(&mut self, row: &OrderRow) {
        match self.orders.remove(&row.order_id) {
            None => self.counts.unknown += 1,
            Some(order) if order.is_completed => self.counts.filled += 1,
            Some(mut order) => {
                order.is_completed = true;
                self.ready.push_back(order.update(row.time_ms, OrderUpdateReason::Cancel, self.removal));
                self.counts.cancelled += 1;
            }
        }
    }
}

impl Iterator for Flow {
    type Item = Result<ExternalAction, FlowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_broken {
            return None;
        }
        if let Err(error) = self.read() {
            self.is_broken = true;
            return Some(Err(error));
        }
        self.ready.pop_front().map(Ok)
    }
}

/// The account of a number.
#[must_use]
pub fn account(number: u64) -> Account {
    Account { account_id: format!("{number:02}"), owner_id: OWNER.into() }
}

/// Transfers of the opening cash and stock into every account.
#[must_use]
pub fn opening() -> Vec<ExternalAction> {
    (0..ACCOUNTS).flat_map(|number| [deposit(number), stock(number)]).collect()
}

fn deposit(number: u64) -> ExternalAction {
    let transfer = CashTransfer {
        currency: CURRENCY.into(),
        value: Some(Dec::whole(OPENING_CASH).into()),
        ..CashTransfer::default()
    };
    ExternalAction {
        r#type: ExternalActionType::CashTransfer as i32,
        transaction: Some(Box::new(details(number, "cash"))),
        cash_transfer: Some(Box::new(transfer)),
        ..ExternalAction::default()
    }
}

fn stock(number: u64) -> ExternalAction {
    let transfer = AssetTransfer {
        exchange: EXCHANGE.into(),
        code: CODE.into(),
        value: Some(Dec::whole(OPENING_STOCK).into()),
        ..AssetTransfer::default()
    };
    let mut details = details(number, "stock");
    details.values.insert("Price".into(), Dec::whole(OPENING_PRICE).into());
    ExternalAction {
        r#type: ExternalActionType::AssetTransfer as i32,
        transaction: Some(Box::new(details)),
        asset_transfer: Some(Box::new(transfer)),
        ..ExternalAction::default()
    }
}

fn details(number: u64, what: &str) -> TransactionDetails {
    TransactionDetails {
        transaction_id: format!("opening-{what}-{number:02}"),
        account: Some(account(number)),
        ..TransactionDetails::default()
    }
}

#[cfg(test)]
mod tests;

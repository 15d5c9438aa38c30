//! The recorded order flow, as the updates that a feed adapter would submit.
//!
//! | Row | Update |
//! |---|---|
//! | created | Update, reason New |
//! | trade | two Trades, one for either order: TradeID = trade id + `B` or `S` |
//! | deleted, with volume left | Update, reason Cancel, completed |
//! | deleted, filled before | none |
//! | changed | none: the trade says it |
//! | deleted or traded, of an order never seen | none; counted |
//!
//! The order's account is its id modulo [`ACCOUNTS`]. Both files are read side by side, a millisecond at a time, so a
//! recording of any length takes the memory of its open orders.
//!
//! A recording is believed: a fill beyond the order's quantity passes. Figures are made of their digits, never of a
//! float. Absent on purpose: positions, which are the adapter's to give; any matching.

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

/// Accounts that the orders are spread over.
pub const ACCOUNTS: u64 = 50;
pub const OWNER: &str = "DEMO";
pub const EXCHANGE: &str = "XBTS";
pub const CODE: &str = "BTC";
pub const CURRENCY: &str = "USD";

/// Cash and stock that every account begins with.
pub const OPENING_CASH: i64 = 10_000_000;
pub const OPENING_STOCK: i64 = 100;
/// What a unit of that stock is said to have cost.
const OPENING_PRICE: i64 = 78_300;

/// Why a flow cannot be played.
#[derive(Debug, Error)]
pub enum FlowError {
    #[error("{path}: {source}")]
    Open { path: PathBuf, source: std::io::Error },
    #[error("{path}: its name has no 'orders' that could be 'trades' for the file beside it")]
    Name { path: PathBuf },
    #[error("{file}, line {line}: {why}")]
    Row { file: &'static str, line: u64, why: String },
    #[error("order {order}: {source}")]
    Figure { order: u64, source: OutOfRange },
}

/// What becomes of a completed order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Removal {
    /// It leaves the book with the update that completes it: memory stays bounded.
    #[default]
    AtOnce,
    /// It stays for ever.
    Never,
}

/// How many rows became what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlowCounts {
    pub created: u64,
    pub trade_legs: u64,
    pub cancelled: u64,
    /// Deletes of orders that were filled before.
    pub filled: u64,
    pub changed: u64,
    /// Deletes and trades that name an order never seen.
    pub unknown: u64,
}

impl FlowCounts {
    /// Updates made of them.
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
    /// Of the last row.
    time_ms: u64,
    orders: BTreeMap<u64, Order>,
    removal: Removal,
    counts: FlowCounts,
    ready: VecDeque<ExternalAction>,
    is_broken: bool,
}

impl Flow {
    /// The six minutes that the program carries.
    #[must_use]
    pub fn shipped(removal: Removal) -> Flow {
        let orders: &[u8] = include_bytes!("../data/btcusd-orders.csv.gz");
        let trades: &[u8] = include_bytes!("../data/btcusd-trades.csv");
        let orders = rows::unpacked(orders, true);
        Flow::of(Rows::new(orders, Box::new(trades)).expect("invariant: the shipped files have their columns"), removal)
    }

    /// A recording: the file of the orders; that of the trades lies beside it.
    ///
    /// # Errors
    /// A file that is not there, or that has other columns.
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

    /// What has been read so far.
    #[must_use]
    pub fn counts(&self) -> FlowCounts {
        self.counts
    }

    /// Orders that are open now.
    #[must_use]
    pub fn open_orders(&self) -> usize {
        self.orders.values().filter(|order| !order.is_completed).count()
    }

    /// Reads on until there is an update, or no more rows.
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

    /// Cancels what is still open, for those who come to the end of the rows; how many.
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

/// The name of an account by its number.
#[must_use]
pub fn account(number: u64) -> Account {
    Account { account_id: format!("{number:02}"), owner_id: OWNER.into() }
}

/// Cash and stock into every account, so that the flow has something to move.
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

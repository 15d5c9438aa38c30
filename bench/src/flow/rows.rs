//! The two files of a recording as one stream of rows.
//!
//! Order within a millisecond: created, then trades, then changed and deleted; else as in the file. The exchange publishes
//! a fill after its orders are created and before they are deleted; the files alone do not show that.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use csv::StringRecord;
use flate2::read::MultiGzDecoder;
use ordo_core::dec::Dec;

use super::FlowError;

const ORDER_COLUMNS: [&str; 6] = ["time_ms", "order_id", "action", "side", "price_usd", "volume_btc"];
const TRADE_COLUMNS: [&str; 7] =
    ["time_ms", "trade_id", "buy_order_id", "sell_order_id", "taker_side", "price_usd", "amount_btc"];

/// A row that names one order.
#[derive(Debug, Clone)]
pub(super) struct OrderRow {
    pub(super) time_ms: u64,
    pub(super) order_id: u64,
    pub(super) is_buy: bool,
    pub(super) price: Dec,
    pub(super) volume: Dec,
}

#[derive(Debug, Clone)]
pub(super) struct TradeRow {
    pub(super) time_ms: u64,
    pub(super) trade_id: u64,
    pub(super) buy_order_id: u64,
    pub(super) sell_order_id: u64,
    pub(super) price: Dec,
    pub(super) amount: Dec,
}

#[derive(Debug, Clone)]
pub(super) enum Row {
    Created(OrderRow),
    Trade(TradeRow),
    Changed,
    Deleted(OrderRow),
}

impl Row {
    /// The time of a row that becomes an update.
    pub(super) fn time_ms(&self) -> Option<u64> {
        match self {
            Row::Created(row) | Row::Deleted(row) => Some(row.time_ms),
            Row::Trade(row) => Some(row.time_ms),
            Row::Changed => None,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Rows {
    orders: Source,
    trades: Source,
    /// The rows of one millisecond, in order.
    ready: VecDeque<Row>,
}

impl Rows {
    pub(super) fn new(orders: Box<dyn Read + Send>, trades: Box<dyn Read + Send>) -> Result<Rows, FlowError> {
        Ok(Rows {
            orders: Source::new("orders", orders, &ORDER_COLUMNS)?,
            trades: Source::new("trades", trades, &TRADE_COLUMNS)?,
            ready: VecDeque::new(),
        })
    }

    pub(super) fn next(&mut self) -> Result<Option<Row>, FlowError> {
        if self.ready.is_empty() {
            self.read_millisecond()?;
        }
        Ok(self.ready.pop_front())
    }

    fn read_millisecond(&mut self) -> Result<(), FlowError> {
        let times = [self.orders.next_ms(), self.trades.next_ms()];
        let Some(time_ms) = times.into_iter().flatten().min() else { return Ok(()) };
        let mut last = Vec::new();
        while self.orders.next_ms() == Some(time_ms) {
            let (action, row) = self.orders.order_row()?;
            match action {
                'c' => self.ready.push_back(Row::Created(row)),
                'u' => last.push(Row::Changed),
                _ => last.push(Row::Deleted(row)),
            }
        }
        while self.trades.next_ms() == Some(time_ms) {
            self.ready.push_back(Row::Trade(self.trades.trade_row()?));
        }
        self.ready.extend(last);
        Ok(())
    }
}

/// A file, read one row ahead.
struct Source {
    file: &'static str,
    reader: csv::Reader<Box<dyn Read + Send>>,
    next: StringRecord,
    next_ms: Option<u64>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("file", &self.file).field("next", &self.next).finish_non_exhaustive()
    }
}

impl Source {
    fn new(file: &'static str, read: Box<dyn Read + Send>, columns: &[&str]) -> Result<Source, FlowError> {
        let mut reader = csv::Reader::from_reader(read);
        let refuse = |why: String| FlowError::Row { file, line: 1, why };
        let header = reader.headers().map_err(|error| refuse(error.to_string()))?;
        if header.iter().ne(columns.iter().copied()) {
            return Err(refuse(format!("the columns must be {}", columns.join(","))));
        }
        let mut source = Source { file, reader, next: StringRecord::new(), next_ms: Some(0) };
        source.advance()?;
        Ok(source)
    }

    fn next_ms(&self) -> Option<u64> {
        self.next_ms
    }

    fn order_row(&mut self) -> Result<(char, OrderRow), FlowError> {
        let action = self.one_of(2, &['c', 'u', 'd'])?;
        let row = OrderRow {
            time_ms: self.field(0)?,
            order_id: self.field(1)?,
            is_buy: self.one_of(3, &['b', 's'])? == 'b',
            price: self.field(4)?,
            volume: self.field(5)?,
        };
        self.advance()?;
        Ok((action, row))
    }

    fn trade_row(&mut self) -> Result<TradeRow, FlowError> {
        let row = TradeRow {
            time_ms: self.field(0)?,
            trade_id: self.field(1)?,
            buy_order_id: self.field(2)?,
            sell_order_id: self.field(3)?,
            price: self.field(5)?,
            amount: self.field(6)?,
        };
        self.advance()?;
        Ok(row)
    }

    fn advance(&mut self) -> Result<(), FlowError> {
        let is_row = self.reader.read_record(&mut self.next).map_err(|error| self.refuse(error.to_string()))?;
        let time_ms = if is_row { Some(self.field::<u64>(0)?) } else { None };
        if time_ms.is_some_and(|time_ms| Some(time_ms) < self.next_ms) {
            return Err(self.refuse("its time is before that of the row before".into()));
        }
        self.next_ms = time_ms;
        Ok(())
    }

    fn field<T: std::str::FromStr>(&self, at: usize) -> Result<T, FlowError> {
        let text = self.next.get(at).unwrap_or_default();
        text.parse().map_err(|_| self.refuse(format!("column {}: '{text}'", at + 1)))
    }

    fn one_of(&self, at: usize, known: &[char]) -> Result<char, FlowError> {
        let found: char = self.field(at)?;
        if known.contains(&found) { Ok(found) } else { Err(self.refuse(format!("column {}: '{found}'", at + 1))) }
    }

    #[cold]
    fn refuse(&self, why: String) -> FlowError {
        let line = self.next.position().map_or(0, csv::Position::line);
        FlowError::Row { file: self.file, line, why }
    }
}

/// The content of a regular file, decompressed if its name ends in `.gz`.
pub(super) fn read(path: &Path) -> Result<Box<dyn Read + Send>, FlowError> {
    let failed = |source| FlowError::Open { path: path.into(), source };
    // Asked before it is opened: a device has no end, and opening a pipe waits for its writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(std::io::Error::other("not a regular file")));
    }
    let file = File::open(path).map_err(failed)?;
    Ok(unpacked(file, path.extension().is_some_and(|extension| extension == "gz")))
}

pub(super) fn unpacked(read: impl Read + Send + 'static, is_packed: bool) -> Box<dyn Read + Send> {
    if is_packed { Box::new(MultiGzDecoder::new(read)) } else { Box::new(read) }
}

/// The file of trades beside `x-orders.csv.gz`: `x-trades.csv.gz`, or else `x-trades.csv`.
pub(super) fn trades_beside(orders: &Path) -> Result<PathBuf, FlowError> {
    let name = orders.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (before, after) = name.rsplit_once("orders").ok_or_else(|| FlowError::Name { path: orders.into() })?;
    let packed = orders.with_file_name(format!("{before}trades{after}"));
    let plain = orders.with_file_name(format!("{before}trades{}", after.trim_end_matches(".gz")));
    Ok(if packed.exists() { packed } else { plain })
}

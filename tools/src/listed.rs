//! Records that commands list. Their columns have the field names of the schema.

use ordo_core::json::{MessageId, message};
use ordo_core::proto::{Account, AssetPosition, BigNumber, CashPosition, OrderState, OrderType, Side};

use crate::table::Table;

/// A record as a row.
pub(crate) trait Listed: prost::Message + Default + PartialEq {
    const MESSAGE: MessageId;
    const COLUMNS: &'static [&'static str];
    const FIGURES: &'static [&'static str];

    fn account(&self) -> Account;

    fn row(&self) -> Vec<String>;
}

/// A table of records.
pub(crate) fn table<'a, L: Listed + 'a>(records: impl IntoIterator<Item = &'a L>) -> Table {
    let mut table = Table::new(L::COLUMNS, L::FIGURES);
    records.into_iter().for_each(|record| table.push(record.row()));
    table
}

impl Listed for CashPosition {
    const MESSAGE: MessageId = message::CASH_POSITION;
    const COLUMNS: &'static [&'static str] =
        &["OwnerID", "AccountID", "Currency", "Balance", "UnbookedTransactions", "UnfilledBuys", "Margin"];
    const FIGURES: &'static [&'static str] = &["Balance", "UnbookedTransactions", "UnfilledBuys", "Margin"];

    fn account(&self) -> Account {
        self.account.clone().unwrap_or_default()
    }

    fn row(&self) -> Vec<String> {
        let Account { owner_id, account_id } = self.account();
        let figures = [self.balance, self.unbooked_transactions, self.unfilled_buys, self.margin].map(figure);
        [owner_id, account_id, self.currency.clone()].into_iter().chain(figures).collect()
    }
}

impl Listed for AssetPosition {
    const MESSAGE: MessageId = message::ASSET_POSITION;
    const COLUMNS: &'static [&'static str] =
        &["OwnerID", "AccountID", "Exchange", "Code", "Quantity", "UnfilledSells", "AveragePrice", "Currency"];
    const FIGURES: &'static [&'static str] = &["Quantity", "UnfilledSells", "AveragePrice"];

    fn account(&self) -> Account {
        self.account.clone().unwrap_or_default()
    }

    fn row(&self) -> Vec<String> {
        let Account { owner_id, account_id } = self.account();
        let figures = [self.quantity, self.unfilled_sells, self.average_price].map(figure);
        let names = [owner_id, account_id, self.exchange.clone(), self.code.clone()];
        names.into_iter().chain(figures).chain([self.currency.clone()]).collect()
    }
}

impl Listed for OrderState {
    const MESSAGE: MessageId = message::ORDER_STATE;
    const COLUMNS: &'static [&'static str] = &[
        "OwnerID",
        "AccountID",
        "OrderID",
        "Exchange",
        "Code",
        "Side",
        "OrderType",
        "Price",
        "Quantity",
        "ExecutedQuantity",
        "ExecutedValue",
        "IsCompleted",
        "Status",
    ];
    const FIGURES: &'static [&'static str] = &["Price", "Quantity", "ExecutedQuantity", "ExecutedValue"];

    fn account(&self) -> Account {
        self.account.clone().unwrap_or_default()
    }

    fn row(&self) -> Vec<String> {
        let Account { owner_id, account_id } = self.account();
        let side = Side::try_from(self.side).unwrap_or_default().as_str_name();
        let kind = OrderType::try_from(self.order_type).unwrap_or_default().as_str_name();
        let names = [owner_id, account_id, self.order_id.clone(), self.exchange.clone(), self.code.clone()];
        let figures = [self.price, self.quantity, self.executed_quantity, self.executed_value].map(figure);
        let kinds = [side.to_owned(), kind.to_owned()];
        let state = [self.is_completed.to_string(), self.status.clone()];
        names.into_iter().chain(kinds).chain(figures).chain(state).collect()
    }
}

fn figure(number: Option<BigNumber>) -> String {
    number.map_or_else(String::new, |number| number.dec().to_string())
}

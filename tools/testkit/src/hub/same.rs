//! Whether a view folded from a stream holds what REST answers.

use std::net::SocketAddr;

use ordo_client::{FoldedView, rest};
use ordo_core::json::{MessageId, message};
use ordo_core::proto::{Account, AssetPosition, CashPosition, OrderState};
use prost::Message;

/// A record of a view, as REST lists it.
pub trait Listed: Message + Default + Clone + PartialEq + std::fmt::Debug {
    const MESSAGE: MessageId;
    const ROUTE: &'static str;

    fn key(&self) -> Vec<String>;
}

fn parts(account: Option<&Account>, rest: &[&str]) -> Vec<String> {
    let account = account.expect("a record names its account");
    [&account.owner_id, &account.account_id]
        .into_iter()
        .map(|part| &**part)
        .chain(rest.iter().copied())
        .map(Into::into)
        .collect()
}

impl Listed for CashPosition {
    const MESSAGE: MessageId = message::CASH_POSITION;
    const ROUTE: &'static str = "balance";

    fn key(&self) -> Vec<String> {
        parts(self.account.as_ref(), &[&self.currency])
    }
}

impl Listed for AssetPosition {
    const MESSAGE: MessageId = message::ASSET_POSITION;
    const ROUTE: &'static str = "holding";

    fn key(&self) -> Vec<String> {
        parts(self.account.as_ref(), &[&self.exchange, &self.code])
    }
}

impl Listed for OrderState {
    const MESSAGE: MessageId = message::ORDER_STATE;
    const ROUTE: &'static str = "order";

    fn key(&self) -> Vec<String> {
        parts(self.account.as_ref(), &[&self.order_id])
    }
}

/// The records that REST lists, by key; `of` is empty for all, else `/for/OWNER` and the like.
pub fn listed<L: Listed>(addr: SocketAddr, of: &str) -> Vec<L> {
    let answer = rest::get(addr, &format!("/{}{of}", L::ROUTE)).expect("an answer");
    if answer.status == 404 {
        return Vec::new();
    }
    sorted(answer.records(L::MESSAGE).expect("an array of records"))
}

/// The records of a folded view, by key.
pub fn folded<L: Listed>(view: &FoldedView) -> Vec<L> {
    sorted(view.records().expect("records of the view"))
}

fn sorted<L: Listed>(mut records: Vec<L>) -> Vec<L> {
    records.sort_by_cached_key(Listed::key);
    assert!(records.windows(2).all(|pair| pair[0].key() != pair[1].key()), "a record is listed twice");
    records
}

/// Compares record by record, so that a failure names the record.
#[track_caller]
pub fn assert_same<L: Listed>(left: &[L], right: &[L], what: &str) {
    let keys = |records: &[L]| records.iter().map(Listed::key).collect::<Vec<_>>();
    assert_eq!(keys(left), keys(right), "{what}: other {}s", L::ROUTE);
    for (left, right) in left.iter().zip(right) {
        assert_eq!(left, right, "{what}: {} {:?}", L::ROUTE, left.key());
    }
}

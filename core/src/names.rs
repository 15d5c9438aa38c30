//! The names behind the small numbers that records carry: accounts, instruments, currencies, feeds.
//!
//! The engine hands out numbers in the order in which names are first seen and never takes one back; whoever follows
//! its outcomes (publisher, views, history) learns the same names in the same order. Order, trade and request ids
//! are no names: they do not repeat enough to be worth a number.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use crate::wire::{ReverseWriter, field};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub u32);
        impl $name {
            #[inline]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

number!(
    /// An account of an owner.
    AccountNo
);
number!(
    /// A code on an exchange.
    InstrumentNo
);
number!(
    /// A currency; 0 is the empty one.
    CurrencyNo
);
number!(
    /// A feed, that is a sequence; 0 is the hub's own, `oms`.
    FeedNo
);

impl FeedNo {
    /// The sequence of what comes through REST and of what the hub itself records.
    pub const OMS: FeedNo = FeedNo(0);
}

/// The name of the hub's own sequence.
pub const OMS: &str = "oms";

/// What a name names. The number on the wire of journals and images: never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum NameKind {
    /// Owner, account.
    Account = 1,
    /// Exchange, code.
    Instrument = 2,
    Currency = 3,
    Feed = 4,
}

/// An account's two codes, and its `Account` message encoded once for all events that carry it.
#[derive(Debug, Clone)]
pub struct AccountName {
    pub owner: Box<str>,
    pub account: Box<str>,
    pub encoded: Box<[u8]>,
    pub hash: u128,
}

#[derive(Debug, Clone)]
pub struct InstrumentName {
    pub exchange: Box<str>,
    pub code: Box<str>,
    pub hash: u128,
}

/// Numbers to names. See the module.
#[derive(Debug, Clone)]
pub struct Names {
    pub accounts: Vec<AccountName>,
    pub instruments: Vec<InstrumentName>,
    pub currencies: Vec<Box<str>>,
    pub feeds: Vec<Box<str>>,
}

impl Default for Names {
    fn default() -> Names {
        Names { accounts: Vec::new(), instruments: Vec::new(), currencies: vec!["".into()], feeds: vec![OMS.into()] }
    }
}

impl Names {
    /// Adds the next name of its kind.
    ///
    /// # Panics
    /// If `number` is not the next of its kind: whoever follows outcomes has missed one.
    pub fn learn(&mut self, kind: NameKind, number: u32, first: &str, second: &str) {
        let next = match kind {
            NameKind::Account => self.accounts.len(),
            NameKind::Instrument => self.instruments.len(),
            NameKind::Currency => self.currencies.len(),
            NameKind::Feed => self.feeds.len(),
        };
        assert!(number as usize == next, "invariant: names arrive in order, {kind:?} {number} after {next}");
        match kind {
            NameKind::Account => self.accounts.push(AccountName::new(first, second)),
            NameKind::Instrument => self.instruments.push(InstrumentName {
                exchange: first.into(),
                code: second.into(),
                hash: name_hash(NameKind::Instrument, first.as_bytes(), second.as_bytes()),
            }),
            NameKind::Currency => self.currencies.push(first.into()),
            NameKind::Feed => self.feeds.push(first.into()),
        }
    }

    #[inline]
    pub fn account(&self, no: AccountNo) -> &AccountName {
        &self.accounts[no.index()]
    }

    #[inline]
    pub fn instrument(&self, no: InstrumentNo) -> &InstrumentName {
        &self.instruments[no.index()]
    }

    #[inline]
    pub fn currency(&self, no: CurrencyNo) -> &str {
        &self.currencies[no.index()]
    }

    #[inline]
    pub fn feed(&self, no: FeedNo) -> &str {
        &self.feeds[no.index()]
    }
}

impl AccountName {
    fn new(owner: &str, account: &str) -> AccountName {
        let mut w = ReverseWriter::default();
        w.text(field::account::OWNER_ID, owner.as_bytes());
        w.text(field::account::ACCOUNT_ID, account.as_bytes());
        AccountName {
            owner: owner.into(),
            account: account.into(),
            encoded: w.bytes().into(),
            hash: name_hash(NameKind::Account, owner.as_bytes(), account.as_bytes()),
        }
    }
}

/// A name's 128-bit key, the same in every run and build.
#[inline]
pub fn name_hash(kind: NameKind, first: &[u8], second: &[u8]) -> u128 {
    bound_hash(u128::from(xxh3_64(first)) | u128::from(kind as u8) << 64, second)
}

/// The key of an order: its account's key and its id.
#[inline]
pub fn order_key(account_hash: u128, order_id: &[u8]) -> u128 {
    bound_hash(account_hash, order_id)
}

/// The key of a client request: its account's key and its RequestID. Keys of orders and of requests are never compared.
#[inline]
pub fn request_key(account_hash: u128, request_id: &[u8]) -> u128 {
    bound_hash(account_hash, request_id)
}

/// The key of a trade: that of the order as first seen, and the trade's id.
#[inline]
pub(crate) fn trade_key(lineage: u128, trade_id: &[u8]) -> u128 {
    bound_hash(lineage, trade_id)
}

/// The hash of bytes under an owner's: all 128 bits of both are in it, and no buffer is put together for it.
#[inline]
fn bound_hash(owner: u128, bytes: &[u8]) -> u128 {
    const ODD: u128 = 0xd6e8_feb8_6659_fd93_a5a3_564e_27f8_8645;
    let folded = (owner as u64) ^ ((owner >> 64) as u64).rotate_left(23);
    xxh3_128_with_seed(bytes, folded) ^ owner.wrapping_mul(ODD).rotate_left(64)
}

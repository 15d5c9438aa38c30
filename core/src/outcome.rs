//! `Outcome`: what one update did, as small typed events. The engine writes it; publisher, views and history read it.
//!
//! Events carry numbers, figures and spans into the outcome's own bytes; encoding them is the reader's business
//! (`encode`), so that a view nobody reads costs nothing. One outcome holds at most one event per record, with the
//! state after the whole update.

mod request;

pub use request::{Decision, Delivery, RequestAnswer, RequestEvent, RequestOutcome, RequestUpdateEvent, RoutedRequest};

use std::borrow::Cow;

use crate::dec::Dec;
use crate::engine::Input;
use crate::names::{AccountNo, CurrencyNo, FeedNo, InstrumentNo, NameKind};
use crate::record::{Origin, Rules};
use crate::refusal::{Code, Refusal};
use crate::wire::{FeedRequest, Span};

/// Where an update stands in the record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Its place in the journal, over all feeds. Not public: see `position`.
    pub sequence: u64,
    /// Nanoseconds since 1970 UTC; strictly increasing over all updates.
    pub time_ns: u64,
    /// The public sequence it counts in.
    pub feed: FeedNo,
    /// Its public position there; the engine gives it for `oms`, 0 if it took none.
    pub position: i64,
    pub origin: Origin,
    /// The rules that it was recorded under and is applied by.
    pub rules: Rules,
}

/// A name first seen with this update; comes before any event that uses its number.
#[derive(Debug, Clone, Copy)]
pub struct NewName {
    pub kind: NameKind,
    pub number: u32,
    pub first: Span,
    pub second: Span,
}

/// An order after the update; `removed`: shown one last time.
#[derive(Debug, Clone, Copy)]
pub struct OrderEvent {
    pub number: u32,
    pub key: u128,
    pub account: AccountNo,
    pub instrument: InstrumentNo,
    pub removed: bool,
    pub completed: bool,
    /// The whole OrderState, in the outcome's bytes.
    pub state: Span,
    /// Only where this update gave the order another exchange. Its key stays, so that it is one event all the same; but
    /// who may see the old exchange alone is shown it for the last time.
    pub former: Option<FormerOrder>,
}

/// An order as it was on the exchange that it left.
#[derive(Debug, Clone, Copy)]
pub struct FormerOrder {
    pub instrument: InstrumentNo,
    /// The whole OrderState, in the outcome's bytes.
    pub state: Span,
}

/// A cash position after the update.
#[derive(Debug, Clone, Copy)]
pub struct BalanceEvent {
    pub number: u32,
    pub account: AccountNo,
    pub currency: CurrencyNo,
    pub removed: bool,
    pub balance: Dec,
    pub unbooked: Dec,
    pub unfilled_buys: Dec,
    pub margin: Dec,
    /// The pools, as encoded `Values` entries in the outcome's bytes.
    pub values: Span,
}

/// An asset position after the update.
#[derive(Debug, Clone, Copy)]
pub struct HoldingEvent {
    pub number: u32,
    pub account: AccountNo,
    pub instrument: InstrumentNo,
    pub removed: bool,
    pub quantity: Dec,
    pub unfilled_sells: Dec,
    /// Exact; the average price is this over the quantity. None where no cost is known.
    pub cost: Option<Dec>,
    pub currency: CurrencyNo,
}

/// Places of an average price.
const AVERAGE_PLACES: u8 = 8;

impl HoldingEvent {
    /// The average price as it is shown, rounded half-even. The one division there is: done by whoever shows it.
    pub fn average_price(&self) -> Option<Dec> {
        let average = self.cost?.times_ratio(Dec::whole(1), self.quantity, AVERAGE_PLACES).ok()?;
        Some(average.normalised())
    }
}

/// What kind of transaction an update was, with the figures that are not in its message.
#[derive(Debug, Clone, Copy)]
pub enum Booking {
    /// A trade: value of the cash leg without funds, and of the stock leg.
    Trade {
        cash: Dec,
        stock: Dec,
    },
    /// A trade corrected or cancelled: what that moved.
    Adjustment {
        cash: Dec,
        stock: Dec,
        cancel: bool,
    },
    CashTransfer,
    AssetTransfer,
    /// A transfer of the older protocol corrected or cancelled: the transfer in the message is the difference.
    TransferAdjustment {
        cancel: bool,
    },
}

/// A transaction, booked to an account that need not be the order's present one.
#[derive(Debug, Clone, Copy)]
pub struct TransactionEvent {
    pub booking: Booking,
    pub account: AccountNo,
    /// None for cash alone.
    pub instrument: Option<InstrumentNo>,
    pub currency: CurrencyNo,
    /// The TransactionID where it is not simply that of the message; in the outcome's bytes.
    pub id: Span,
}

/// An order action, for the Updates view.
#[derive(Debug, Clone, Copy)]
pub struct ActionEvent {
    pub account: AccountNo,
    pub instrument: InstrumentNo,
    /// The completed OrderState, in the outcome's bytes.
    pub state: Span,
}

/// What a metadata record defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MetadataKind {
    Owner = 1,
    Account = 2,
    Exchange = 3,
    RequestStatus = 4,
    /// Permissions of an identity.
    Identity = 5,
    IdentitySource = 6,
}

/// A definition that was made, changed or dropped.
#[derive(Debug, Clone, Copy)]
pub struct MetadataEvent {
    pub kind: MetadataKind,
    /// Owner, exchange, status or source; of an account its owner, of an identity its source. In the outcome's bytes.
    pub first: Span,
    /// The account, or the identity; empty for the other kinds.
    pub second: Span,
    pub removed: bool,
    /// The details' message as defined; as it was last, where removed.
    pub details: Span,
    /// The whole Operation as the Metadata view shows it: a Define, or an Undefine where removed.
    pub operation: Span,
}

/// See the module. Buffers keep their room from one update to the next: nothing is allocated once warm.
#[derive(Debug, Default)]
pub struct Outcome {
    pub stamp: Stamp,
    /// Empty: applied. All problems at once.
    pub refusals: Vec<Refusal>,
    pub names: Vec<NewName>,
    pub orders: Vec<OrderEvent>,
    pub balances: Vec<BalanceEvent>,
    pub holdings: Vec<HoldingEvent>,
    pub transaction: Option<TransactionEvent>,
    pub action: Option<ActionEvent>,
    /// A transform, for the Updates view: the Operation as completed, in the bytes.
    pub operation: Option<Span>,
    pub metadata: Vec<MetadataEvent>,
    /// A feed whose status changed: its FeedDetails, in the bytes.
    pub status: Option<(FeedNo, Span)>,
    /// A transform whose id was applied before: nothing was done, and nothing is wrong with it.
    pub is_repeated: bool,
    /// Client requests after the update, at most one event a request.
    pub requests: Vec<RequestEvent>,
    /// Requests to be sent to the supplier of their feed once the update is durable.
    pub deliveries: Vec<Delivery>,
    /// Apart, so that an update that concerns no request leaves its memory alone.
    request: Box<RequestOutcome>,
    is_request: bool,
    /// Of an update in a form of the older protocol: the same in a form of today, which the events refer to.
    pub translated: Option<Box<Translated>>,
    /// A FeedConfiguration to be given back on Resume, in the bytes.
    pub configuration: Span,
    pub bytes: Vec<u8>,
}

/// A FeedRequest that stands for another one, with its own bytes.
#[derive(Debug)]
pub struct Translated {
    pub bytes: Vec<u8>,
    pub request: FeedRequest,
}

/// Room kept from one update to the next; what a rare large one took beyond it is given back.
const BYTES_KEPT: usize = 16 * 1024;
const EVENTS_KEPT: usize = 64;

impl Outcome {
    /// An outcome with room for every hot update, so that the pipeline starts warm.
    pub fn with_room() -> Outcome {
        Outcome {
            refusals: Vec::with_capacity(4),
            names: Vec::with_capacity(4),
            orders: Vec::with_capacity(2),
            balances: Vec::with_capacity(4),
            holdings: Vec::with_capacity(4),
            requests: Vec::with_capacity(2),
            deliveries: Vec::with_capacity(2),
            bytes: Vec::with_capacity(4096),
            ..Outcome::default()
        }
    }

    pub fn clear(&mut self) {
        self.stamp = Stamp::default();
        self.transaction = None;
        self.action = None;
        self.operation = None;
        self.status = None;
        self.is_repeated = false;
        if std::mem::take(&mut self.is_request) {
            *self.request = RequestOutcome::default();
        }
        self.translated = None;
        self.configuration = Span::default();
        self.refusals.clear();
        self.metadata.clear();
        self.names.clear();
        clear_keeping(&mut self.orders, EVENTS_KEPT);
        clear_keeping(&mut self.balances, EVENTS_KEPT);
        clear_keeping(&mut self.holdings, EVENTS_KEPT);
        clear_keeping(&mut self.requests, EVENTS_KEPT);
        clear_keeping(&mut self.deliveries, EVENTS_KEPT);
        clear_keeping(&mut self.bytes, BYTES_KEPT);
    }

    /// What the update did to the one client request that it is about; none of it for any other update.
    #[inline]
    pub fn request(&self) -> &RequestOutcome {
        &self.request
    }

    #[inline]
    pub(crate) fn request_mut(&mut self) -> &mut RequestOutcome {
        self.is_request = true;
        &mut self.request
    }

    /// The update as the events refer to it: another than the one received only in forms of the older protocol.
    #[inline]
    pub fn read_as<'a>(&'a self, input: &Input<'a>) -> Input<'a> {
        match &self.translated {
            Some(translated) => Input { bytes: &translated.bytes, request: &translated.request, ..*input },
            None => *input,
        }
    }

    /// Whether the update was applied.
    #[inline]
    pub fn is_accepted(&self) -> bool {
        self.refusals.is_empty()
    }

    /// The error codes of a refused update, all problems at once.
    pub fn codes(&self) -> impl DoubleEndedIterator<Item = Cow<'static, str>> {
        self.refusals.iter().map(Refusal::shown)
    }

    /// Notes a problem, once.
    #[cold]
    pub(crate) fn refuse(&mut self, refusal: impl Into<Refusal>) {
        let refusal = refusal.into();
        if !self.refusals.contains(&refusal) {
            self.refusals.push(refusal);
        }
    }

    /// # Errors
    /// The first problem that was noted.
    #[inline]
    pub(crate) fn checked(&self) -> Result<(), Code> {
        self.refusals.first().map_or(Ok(()), |refusal| Err(refusal.code))
    }

    /// Whether the step made no public change: it has no position and no event.
    pub fn takes_no_position(&self) -> bool {
        self.stamp.position == 0
    }

    /// The former name of [`Outcome::takes_no_position`].
    #[doc(hidden)]
    pub fn is_silent(&self) -> bool {
        self.takes_no_position()
    }

    /// Adds bytes and says where they are.
    #[inline]
    pub fn keep(&mut self, bytes: &[u8]) -> Span {
        // 0 says absent, so nothing starts there.
        if self.bytes.is_empty() {
            self.bytes.push(0);
        }
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        Span { start, len: bytes.len() as u32 }
    }

    /// Adds two runs of bytes as one.
    #[inline]
    pub fn keep_joined(&mut self, first: &[u8], second: &[u8]) -> Span {
        let span = self.keep(first);
        self.bytes.extend_from_slice(second);
        Span { start: span.start, len: span.len + second.len() as u32 }
    }

    #[inline]
    pub fn bytes_of(&self, span: Span) -> &[u8] {
        span.of(&self.bytes)
    }
}

#[inline]
fn clear_keeping<T>(vec: &mut Vec<T>, kept: usize) {
    vec.clear();
    if vec.capacity() > kept {
        vec.shrink_to(kept);
    }
}

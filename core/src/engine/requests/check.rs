//! The checks of a client request: all its problems at once, and what is found on the way.
//!
//! Hot path: engine thread. Reads the state and changes nothing, so that a validation runs the same checks.

use super::bytes::{authority, text_of};
use super::halt::Scope;
use super::problems::Problems;
use super::route::Destination;
use crate::dec::Dec;
use crate::engine::state::State;
use crate::names::{InstrumentNo, NameKind, name_hash, order_key};
use crate::proto::{ClientRequestType, Lifetime, OrderStatusDetails, OrderType, Side, TimestampWithTimeZone};
use crate::refusal::Code;
use crate::wire::{Account, ClientRequest, OrderState, Span, field};

/// What the checks found; complete only where they found no problem.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) destination: Option<Destination>,
    /// The order that is amended, cancelled or moved.
    pub(super) order: Option<u32>,
    /// The exchange and code of a new order, to be given a number.
    pub(super) symbol: Option<(Span, Span)>,
}

/// One request under check.
pub(super) struct Check<'a> {
    pub(super) state: &'a State,
    pub(super) request: &'a ClientRequest,
    /// What the request's spans point into.
    pub(super) bytes: &'a [u8],
    pub(super) problems: &'a mut Problems,
}

/// What New and Amend say of an order.
struct Terms {
    code: Span,
    exchange: Span,
    side: i32,
    order_type: i32,
    price: Option<Dec>,
    quantity: Option<Dec>,
    lifetime: i32,
    expiry_date: Option<TimestampWithTimeZone>,
}

/// An order as it stands.
struct Standing<'a> {
    number: u32,
    order: OrderState,
    bytes: &'a [u8],
    remaining: Option<Dec>,
}

impl<'a> Check<'a> {
    /// Checks a request of any type but a decision.
    pub(super) fn run(mut self) -> Checked {
        self.problems.require(!self.request.account.account_id.is_empty(), Code::Account);
        let body = match ClientRequestType::try_from(self.request.r#type) {
            Ok(ClientRequestType::New) => self.request.new.span,
            Ok(ClientRequestType::Amend) => self.request.amend.span,
            Ok(ClientRequestType::Cancel) => self.request.cancel.span,
            Ok(ClientRequestType::Move) => self.request.r#move.span,
            Ok(ClientRequestType::CashTransfer) => self.request.cash_transfer.span,
            _ => {
                self.problems.push(Code::OperationUnknown);
                return Checked::default();
            }
        };
        if !body.is_given() {
            self.problems.push(Code::Details);
            return Checked::default();
        }
        match ClientRequestType::try_from(self.request.r#type) {
            Ok(ClientRequestType::New) => self.new_order(),
            Ok(ClientRequestType::Amend) => self.amend(),
            Ok(ClientRequestType::Cancel) => self.cancel(),
            Ok(ClientRequestType::Move) => self.move_order(),
            _ => self.cash_transfer(),
        }
    }

    fn new_order(&mut self) -> Checked {
        let new = &self.request.new;
        self.terms(&Terms {
            code: new.code,
            exchange: new.exchange,
            side: new.side,
            order_type: new.order_type,
            price: new.price,
            quantity: new.quantity,
            lifetime: new.lifetime,
            expiry_date: new.expiry_date,
        });
        let (exchange, code) = (new.exchange.text(self.bytes), new.code.text(self.bytes));
        self.halts(&self.request.account, exchange, code);
        let destination = if exchange.is_empty() {
            None
        } else {
            self.state.order_route(exchange, new.ex_destination.text(self.bytes), self.problems)
        };
        let symbol = (!exchange.is_empty() && !code.is_empty()).then_some((new.exchange, new.code));
        Checked { destination, order: None, symbol }
    }

    fn amend(&mut self) -> Checked {
        let amend = &self.request.amend;
        self.terms(&Terms {
            code: amend.code,
            exchange: amend.exchange,
            side: amend.side,
            order_type: amend.order_type,
            price: amend.price,
            quantity: amend.quantity,
            lifetime: amend.lifetime,
            expiry_date: amend.expiry_date,
        });
        let Some(order) = self.order(&self.request.account, amend.order_id) else {
            self.halts(&self.request.account, amend.exchange.text(self.bytes), amend.code.text(self.bytes));
            return Checked::default();
        };
        // An amendment that names another instrument would be another order.
        self.problems.require(self.is_same(amend.code, &order, order.order.code), Code::Symbol);
        self.problems.require(self.is_same(amend.exchange, &order, order.order.exchange), Code::Exchange);
        self.permitted(&order, |status| status.can_amend);
        self.not_stale(&order, amend.prev_request_id);
        self.halts_of(&order, &self.request.account);
        self.routed_as(&order)
    }

    fn cancel(&mut self) -> Checked {
        let cancel = &self.request.cancel;
        let Some(order) = self.order(&self.request.account, cancel.order_id) else { return Checked::default() };
        self.permitted(&order, |status| status.can_cancel);
        self.not_stale(&order, cancel.prev_request_id);
        let is_remaining = cancel.quantity.is_none_or(|quantity| Some(quantity) == order.remaining);
        self.problems.require(is_remaining, Code::TotalQuantity);
        self.routed_as(&order)
    }

    fn move_order(&mut self) -> Checked {
        let moved = &self.request.r#move;
        let from = &moved.prev_account;
        let is_another = account_hash(from, self.bytes) != account_hash(&self.request.account, self.bytes);
        self.problems.require(!from.account_id.is_empty() && is_another, Code::Account);
        let Some(order) = self.order(from, moved.order_id) else {
            self.halts(&self.request.account, moved.exchange.text(self.bytes), moved.code.text(self.bytes));
            return Checked::default();
        };
        self.permitted(&order, |status| status.can_move);
        self.not_stale(&order, moved.prev_request_id);
        self.halts_of(&order, &self.request.account);
        self.halts_of(&order, from);
        self.routed_as(&order)
    }

    fn cash_transfer(&mut self) -> Checked {
        let transfer = &self.request.cash_transfer;
        self.problems.require(!transfer.currency.is_empty(), Code::Currency);
        self.problems.require(transfer.value.is_some_and(|value| !value.is_zero()), Code::Value);
        let owner = self.request.account.owner_id.text(self.bytes);
        let destination = self.state.cash_route(owner, transfer.ex_destination.text(self.bytes), self.problems);
        Checked { destination, ..Checked::default() }
    }

    fn terms(&mut self, terms: &Terms) {
        let problems = &mut *self.problems;
        problems.require(!terms.code.is_empty(), Code::Symbol);
        problems.require(!terms.exchange.is_empty(), Code::Exchange);
        problems.require(Side::try_from(terms.side).is_ok_and(|side| side != Side::Unknown), Code::Side);
        let order_type = OrderType::try_from(terms.order_type).ok().filter(|known| *known != OrderType::Unknown);
        problems.require(order_type.is_some(), Code::OrderType);
        let is_positive = terms.quantity.is_some_and(|quantity| !quantity.is_zero() && !quantity.is_negative());
        problems.require(is_positive, Code::TotalQuantity);
        let needs_price = matches!(order_type, Some(OrderType::Limit | OrderType::StopLimit));
        problems.require(!needs_price || terms.price.is_some(), Code::LimitPriceMissing);
        let needs_date = terms.lifetime == Lifetime::GoodTillDate as i32;
        problems.require(!needs_date || terms.expiry_date.is_some(), Code::ExpiryDate);
    }

    /// The order of an account, noted as unknown where there is none.
    fn order(&mut self, account: &Account, order_id: Span) -> Option<Standing<'a>> {
        let key = order_key(account_hash(account, self.bytes), order_id.of(self.bytes));
        let number = self.state.order_numbers.get(key).filter(|_| !order_id.is_empty());
        let Some(number) = number else {
            self.problems.push(Code::Order);
            return None;
        };
        let row = self.state.orders.get(number);
        let bytes = self.state.bytes.get(row.state);
        let order = OrderState::decode(bytes).expect("invariant: a stored OrderState was decoded before");
        let remaining = order.quantity.unwrap_or_default().minus(row.executed_quantity).ok().map(Dec::max_zero);
        Some(Standing { number, order, bytes, remaining })
    }

    fn is_same(&self, given: Span, order: &Standing<'_>, standing: Span) -> bool {
        given.is_empty() || given.of(self.bytes) == standing.of(order.bytes)
    }

    /// Whether the order's status permits it; one that the exchange does not define permits all.
    fn permitted(&mut self, order: &Standing<'_>, permits: fn(&OrderStatusDetails) -> bool) {
        let status = order.order.status.text(order.bytes);
        let exchange = self.state.metadata.exchange(order.order.exchange.text(order.bytes));
        let known = exchange.and_then(|details| details.order_statuses.iter().find(|known| known.code == status));
        self.problems.require(known.is_none_or(permits), Code::OrderStatus);
    }

    /// Whether the sender knows the order's last request.
    fn not_stale(&mut self, order: &Standing<'_>, prev_request_id: Span) {
        let last = order.order.request_id.of(order.bytes);
        let is_known = prev_request_id.is_empty() || prev_request_id.of(self.bytes) == last;
        self.problems.require(is_known, Code::RequestStale);
    }

    fn halts_of(&mut self, order: &Standing<'_>, account: &Account) {
        self.halts(account, order.order.exchange.text(order.bytes), order.order.code.text(order.bytes));
    }

    fn halts(&mut self, account: &Account, exchange: &str, code: &str) {
        let client = authority(self.request.span.of(self.bytes), b"Client");
        let text = |authority, number| std::str::from_utf8(text_of(authority, number)).unwrap_or_default();
        let identity = client.map(|client| {
            use field::client_authority as f;
            (text(client, f::SOURCE), text(client, f::IDENTITY))
        });
        let (owner, account) = (account.owner_id.text(self.bytes), account.account_id.text(self.bytes));
        self.state.check_halts(Scope { owner, account, identity, exchange, code }, self.problems);
    }

    /// An order's own destination.
    fn routed_as(&mut self, order: &Standing<'_>) -> Checked {
        let exchange = order.order.exchange.text(order.bytes);
        let ex_destination = order.order.ex_destination.text(order.bytes);
        let destination = self.state.order_route(exchange, ex_destination, self.problems);
        Checked { destination, order: Some(order.number), symbol: None }
    }
}

impl Checked {
    /// The instrument that is known of the request so far.
    pub(super) fn known_instrument(&self, state: &State) -> Option<InstrumentNo> {
        self.order.map(|number| state.orders.get(number).instrument)
    }
}

/// The hash of an account's name, whether a record names it or not.
#[inline]
pub(super) fn account_hash(account: &Account, bytes: &[u8]) -> u128 {
    name_hash(NameKind::Account, account.owner_id.of(bytes), account.account_id.of(bytes))
}

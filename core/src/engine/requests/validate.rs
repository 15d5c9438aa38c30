//! A request that is only to be checked: the state answers, and nothing is recorded. Cold, and it allocates.

use prost::Message;

use super::Phase;
use super::bytes::{Asked, Errors, write_response};
use super::check::{Check, account_hash};
use super::problems::Problems;
use super::route::Destination;
use crate::dec::{Dec, OutOfRange};
use crate::engine::Engine;
use crate::engine::order::{Sign, trade_sign};
use crate::engine::state::position_key;
use crate::names::{FeedNo, NameKind, name_hash};
use crate::proto::{self, ClientRequestType};
use crate::wire::{ClientRequest, DecodeError, OrderState, ReverseWriter, Span, field};

/// The answer to a request that is only to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    /// The whole ClientRequestResponse: `Completed` with estimates, or `Rejected` with all problems.
    pub response: Vec<u8>,
    pub is_accepted: bool,
    /// Of an accepted one: its feed, where that is online and so can be asked too.
    pub feed: Option<FeedNo>,
}

/// What an order would cost, in the order's currency.
struct Estimate {
    value: Dec,
    fees: Dec,
    buying_power_after: Dec,
}

impl Engine {
    /// Checks a ClientRequest against the present state, as it would be checked when it is submitted.
    ///
    /// # Errors
    /// If the bytes are no ClientRequest.
    pub fn validate(&self, request: &[u8]) -> Result<Validation, DecodeError> {
        let decoded = ClientRequest::decode(request, Span::whole(request));
        if decoded.as_ref().is_err_and(|error| *error == DecodeError::Unusual) {
            let normal = proto::ClientRequest::decode(request).map_err(|_| DecodeError::Malformed)?.encode_to_vec();
            return Ok(self.validated(&ClientRequest::decode(&normal, Span::whole(&normal))?, &normal));
        }
        Ok(self.validated(&decoded?, request))
    }

    fn validated(&self, request: &ClientRequest, bytes: &[u8]) -> Validation {
        let mut problems = Problems::default();
        let checked = Check { state: &self.state, request, bytes, problems: &mut problems }.run();
        let is_accepted = problems.is_empty();
        let estimate = if is_accepted { self.estimate(request, bytes, checked.order) } else { None };
        let phase = if is_accepted { Phase::Completed } else { Phase::Rejected };
        let mut w = ReverseWriter::default();
        if let Some(estimate) = estimate {
            use field::client_request_response::VALUES;
            w.figure_entry(VALUES, b"EstimatedValue", estimate.value);
            w.figure_entry(VALUES, b"EstimatedFees", estimate.fees);
            w.figure_entry(VALUES, b"BuyingPowerAfter", estimate.buying_power_after);
        }
        let asked = Asked {
            r#type: request.r#type,
            request_id: request.request_id.of(bytes),
            account: request.account.span.of(bytes),
        };
        write_response(asked, b"", phase.code().as_bytes(), Errors::Found(&problems), &mut w);
        let feed = match checked.destination {
            Some(Destination::Feed(feed)) if is_accepted && self.state.is_online(feed) => Some(feed),
            _ => None,
        };
        Validation { response: w.bytes().to_vec(), is_accepted, feed }
    }

    /// None for what costs nothing, and where the figures are beyond range.
    fn estimate(&self, request: &ClientRequest, bytes: &[u8], order: Option<u32>) -> Option<Estimate> {
        let (side, price, quantity) = match ClientRequestType::try_from(request.r#type) {
            Ok(ClientRequestType::New) => (request.new.side, request.new.price, request.new.quantity?),
            Ok(ClientRequestType::Amend) => (request.amend.side, request.amend.price, request.amend.quantity?),
            _ => return None,
        };
        let reserve =
            request.values(bytes).find(|(name, _)| *name == b"ReservePrice").and_then(|(_, price)| price.ok());
        let value = price.or(reserve).unwrap_or_default().times(quantity).ok()?;
        let fees = self.expected_fees(order).ok()?;
        let is_buy = trade_sign(side) == Some(Sign::Buy);
        let increase = if is_buy { self.increase(value, fees, order).ok()? } else { Dec::ZERO };
        let available = self.available(request, bytes, order).ok()?;
        Some(Estimate { value, fees, buying_power_after: available.minus(increase).ok()? })
    }

    /// The fees that the order's adapter expects; a new order has none yet.
    fn expected_fees(&self, order: Option<u32>) -> Result<Dec, OutOfRange> {
        let Some(number) = order else { return Ok(Dec::ZERO) };
        let bytes = self.state.bytes.get(self.state.orders.get(number).state);
        let order = OrderState::decode(bytes).expect("invariant: a stored OrderState was decoded before");
        order.additional_funds(bytes).try_fold(Dec::ZERO, |sum, (_, fund)| sum.plus(fund))
    }

    /// What a buy would hold back beyond what it does.
    fn increase(&self, value: Dec, fees: Dec, order: Option<u32>) -> Result<Dec, OutOfRange> {
        let total = value.plus(fees)?;
        let Some(row) = order.map(|number| self.state.orders.get(number)) else { return Ok(total) };
        let executed = row.executed_value;
        total.minus(executed)?.max_zero().minus(row.reserved_cash)
    }

    /// Available cash of the account in the order's currency: the sum of the four figures.
    fn available(&self, request: &ClientRequest, bytes: &[u8], order: Option<u32>) -> Result<Dec, OutOfRange> {
        let state = &self.state;
        let number = match order {
            Some(number) => Some(state.orders.get(number).cash),
            None => {
                let (owner, id) = (request.account.owner_id.text(bytes), request.account.account_id.text(bytes));
                let details = state.metadata.account(owner, id);
                let code = details.and_then(|details| details.default_currency.as_deref()).unwrap_or_default();
                let account = state.name_numbers.get(account_hash(&request.account, bytes));
                let known = || state.name_numbers.get(name_hash(NameKind::Currency, code.as_bytes(), b""));
                let currency = if code.is_empty() { Some(0) } else { known() };
                account.zip(currency).and_then(|(a, c)| state.cash_numbers.get(position_key(a, c)))
            }
        };
        let Some(number) = number else { return Ok(Dec::ZERO) };
        let figures = state.cash.get(number).figures;
        figures.balance.plus(figures.unbooked)?.plus(figures.unfilled_buys)?.plus(figures.margin)
    }
}

//! Refusals: why an update, a request or a message was not accepted, as a code of the API and its values.
//!
//! A refusal is a business result: recorded with its update, repeated by every replay, and answered as `Code` or
//! `Code value...`. The codes stand in one table, each with a sentence for logs and for people.

use std::borrow::Cow;
use std::fmt;

use crate::dec::{Dec, OutOfRange};

macro_rules! codes {
    ($($name:ident $code:literal $text:literal)*) => {
        /// The error codes of the API. See the module.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $text] $name,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// As it is answered.
            pub const fn code(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// One sentence for logs and people; not part of the API.
            pub const fn text(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }
        }
    };
}

codes! {
    Details "Details" "The message has no body."
    Data "Data" "The message cannot be read, or a field that it needs is missing."
    DataDeserialise "Data.Deserialise" "The JSON does not fit the message at the place that is named."
    Error "Error" "The request failed for a reason that has no code."
    Retry "Retry" "The request can be sent again."
    Timeout "Timeout" "The request was not answered in time and was not passed on."
    Submitted "Submitted" "The request was passed on, and its outcome is unknown."
    Limited "Limited" "More requests in a second than the limit allows."
    Authority "Authority" "The identity may not do this."
    Operation "Operation" "The operation is not supported here."
    OperationUnknown "Operation.Unknown" "The type of the message or operation is not known."
    OperationTimeout "Operation.Timeout" "The adapter did not answer in time."
    InternalError "Internal.Error" "The hub failed."
    InternalUnavailable "Internal.Unavailable" "The hub is not ready, or is stopping."
    Account "Account" "The account is missing, too long, or another one than the path names."
    AccountNotFound "Account.NotFound" "The account is not defined."
    AccountInactive "Account.Inactive" "The account is not active."
    Owner "Owner" "The owner is missing or too long."
    OwnerInUse "Owner.InUse" "The owner has open orders or positions, and the caller did not insist."
    Exchange "Exchange" "The exchange is missing, too long or not known."
    ExchangeNotFound "Exchange.NotFound" "The exchange is not defined."
    Symbol "Symbol" "The instrument's code is missing, too long or not known."
    SymbolAuthority "Symbol.Authority" "The identity may not trade the instrument."
    SymbolStatus "Symbol.Status" "The instrument does not trade now."
    Currency "Currency" "The currency is missing or too long."
    Order "Order" "The order is missing, too long or not known."
    OrderStatus "Order.Status" "The order's status does not allow this."
    OrderDuplicate "Order.Duplicate" "Two orders would have the same key."
    RequestId "RequestID" "The request is too long an id or not known."
    RequestDuplicate "RequestID.Duplicate" "The RequestID was given to another request of the account."
    RequestStale "Request.Stale" "The order has changed since the request that the sender names."
    Status "Status" "The status is missing, or is not one that allows this."
    Queue "Queue" "The queue is missing or not known."
    Feed "Feed" "The feed is missing, not known, or not supplied by this connection."
    FeedUnavailable "Feed.Unavailable" "Nobody supplies the feed now."
    FeedSequence "Feed.Sequence" "The position leaves a gap, which the feed does not allow."
    Identity "Identity" "The identity is missing or not known."
    IdentitySource "IdentitySource" "The identity's source is missing or not known."
    TransactionDuplicate "TransactionID.Duplicate" "The TransactionID was given to another transaction of the account."
    TradeId "TradeID" "The trade's id is too long."
    NumberOutOfRange "NumberOutOfRange" "A figure, or the result of one, cannot be held exactly."
    AlreadySubscribed "AlreadySubscribed" "The connection has that subscription."
    StorageFull "Storage.Full" "The disk has no room for more updates."
    PositionOverflow "Position.Overflow" "The feed's positions are used up."
    Route "Route" "No destination takes the request."
    RouteAmbiguous "Route.Ambiguous" "Several destinations could take the request."
    RouteMarket "Route.Market" "The destination does not serve the market."
    RouteSymbol "Route.Symbol" "The destination does not trade the instrument."
    Side "Side" "The side is missing or cannot trade."
    SideMaximum "Side.Maximum" "Too many open orders of the account on this side of the instrument."
    OrderType "OrderType" "The order type is missing or not supported."
    OrderTypeMarket "OrderType.Market" "A market order needs a price to be checked against, and none is known."
    OrderTypeSymbol "OrderType.Symbol" "The instrument does not take this order type."
    LimitPrice "LimitPrice" "The price is off the tick, or not valid."
    LimitPriceMissing "LimitPrice.Missing" "The order type needs a price."
    LimitPriceGiven "LimitPrice.Given" "The order type takes no price."
    LimitPriceMinimum "LimitPrice.Minimum" "The price is below the limit."
    LimitPriceMaximum "LimitPrice.Maximum" "The price is above the limit."
    LimitPriceDistance "LimitPrice.Distance" "The price is too far from the market."
    TotalQuantity "TotalQuantity" "The quantity is missing, negative, off the lot, or not the one that remains."
    TotalQuantityMinimum "TotalQuantity.Minimum" "The quantity is below the limit."
    TotalQuantityMaximum "TotalQuantity.Maximum" "The quantity is above the limit."
    TotalQuantityHoldings "TotalQuantity.Holdings" "The account holds too little to sell."
    TotalValueBalance "TotalValue.Balance" "The account has too little cash."
    TotalValueMaximum "TotalValue.Maximum" "The value is above the limit."
    Validity "Validity" "The lifetime is not supported."
    ExpiryDate "ExpiryDate" "The expiry date is missing or has passed."
    ExpiryDateMaximum "ExpiryDate.Maximum" "The expiry date is beyond the limit."
    AccountDailyGross "Account.DailyGross" "The account's traded value of the day would exceed the limit."
    AccountDailyNet "Account.DailyNet" "The account's net value of the day would exceed the limit."
    PositionMaximum "Position.Maximum" "The position would exceed the limit."
    Halted "Halted" "Trading is halted for the scope that is named."
    Value "Value" "The transfer has no value."
    Settlement "Settlement" "The settlement is not known."
    Pool "Pool" "The pool's name is reserved."
    ExpectedBalance "ExpectedBalance" "The balance is not the one that the caller expects."
    Settle "Settle" "The settlement has no value."
}

impl Code {
    /// The code of that spelling.
    pub fn from_code(code: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|known| known.code() == code)
    }

    /// The code with the zero-based index of the array element that it is about.
    pub fn at(self, index: u32) -> Refusal {
        Refusal { code: self, values: Values { index: Some(index), ..Values::default() } }
    }

    /// The code with a figure.
    pub fn with(self, figure: Dec) -> Refusal {
        Refusal { code: self, values: Values { figure: Some(figure), ..Values::default() } }
    }

    /// The code with a name: a scope, or a place in a message.
    pub fn about(self, name: &str) -> Refusal {
        Refusal { code: self, values: Values { name: Some(name.into()), ..Values::default() } }
    }
}

impl From<OutOfRange> for Code {
    #[cold]
    fn from(_: OutOfRange) -> Code {
        Code::NumberOutOfRange
    }
}

/// See the module. Its `Display` is what is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub values: Values,
}

/// What stands behind a code, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values {
    /// Zero-based, of the array element that is refused.
    pub index: Option<u32>,
    pub figure: Option<Dec>,
    pub name: Option<Box<str>>,
}

impl Values {
    pub const fn is_empty(&self) -> bool {
        self.index.is_none() && self.figure.is_none() && self.name.is_none()
    }
}

impl Refusal {
    /// The same about an array element.
    #[must_use]
    pub fn at(self, index: u32) -> Refusal {
        Refusal { values: Values { index: Some(index), ..self.values }, ..self }
    }

    /// What is answered; allocated only where there are values.
    pub fn shown(&self) -> Cow<'static, str> {
        if self.values.is_empty() { Cow::Borrowed(self.code.code()) } else { Cow::Owned(self.to_string()) }
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Refusal {
        Refusal { code, values: Values::default() }
    }
}

/// A code without values.
impl PartialEq<Code> for Refusal {
    fn eq(&self, code: &Code) -> bool {
        self.code == *code && self.values.is_empty()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.code())?;
        let Values { index, figure, name } = &self.values;
        index.iter().try_for_each(|index| write!(f, " {index}"))?;
        figure.iter().try_for_each(|figure| write!(f, " {figure}"))?;
        name.iter().try_for_each(|name| write!(f, " {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_spelt_once_and_found_again() {
        for code in Code::ALL {
            assert_eq!(Code::from_code(code.code()), Some(*code));
            assert!(code.text().ends_with('.') && code.text().len() > 10, "{code:?} is explained");
        }
        assert_eq!(Code::from_code("Operation.unknown"), None);
    }

    #[test]
    fn values_stand_behind_the_code_in_their_order() {
        let balance: Dec = "8994.05".parse().expect("a figure");
        assert_eq!(Code::ExpectedBalance.with(balance).at(3).shown(), "ExpectedBalance 3 8994.05");
        assert_eq!(Code::Settle.at(0).shown(), "Settle 0");
        assert_eq!(Code::Halted.about("account").shown(), "Halted account");
        assert!(matches!(Refusal::from(Code::Side).shown(), Cow::Borrowed("Side")));
        let (plain, indexed) = (Refusal::from(Code::Side), Code::Side.at(1));
        assert!(plain == Code::Side && indexed != Code::Side, "a code alone has no values");
    }
}

//! What is refused, and with which reason: the first that applies, in the order in which the checks stand here.

use super::book::{STOPS, can_stand, side_of};
use super::{Book, Kind, Life, NewOrder, PRICE_MAX, PRICE_MIN, Phase, Reject, Rules, Side};

impl Book {
    #[inline]
    pub(super) fn check_new(&self, order: &NewOrder) -> Result<(), Reject> {
        self.check_open()?;
        if self.phase == Phase::Auction && !can_stand(order) {
            return Err(Reject::Phase);
        }
        self.check_order(order)?;
        match order.kind {
            Kind::Limit { price } | Kind::StopLimit { price, .. } => self.check_collar(price),
            _ => Ok(()),
        }
    }

    pub(super) fn check_restored(&self, order: &NewOrder) -> Result<(), Reject> {
        if !can_stand(order) {
            return Err(Reject::Phase);
        }
        self.check_order(order)
    }

    #[inline]
    pub(super) fn check_amend(&self, id: u64, price: i64, left: u64) -> Result<u32, Reject> {
        self.check_open()?;
        let slot = self.live.find(id).ok_or(Reject::UnknownId)?;
        let order = &self.live.orders[slot];
        let ladder = order.place.ladder();
        if ladder >= STOPS {
            return Err(Reject::Waiting);
        }
        self.check_quantity(side_of(ladder), left, order.left)?;
        if price != self.ladders[ladder].price_of(order.place.level()) {
            self.check_price(price)?;
            self.check_collar(price)?;
        }
        Ok(slot)
    }

    /// Anything but a cancel needs an open market.
    #[inline]
    pub(super) fn check_open(&self) -> Result<(), Reject> {
        if matches!(self.phase, Phase::PreOpen | Phase::Closed) {
            return Err(Reject::Phase);
        }
        if self.halted {
            return Err(Reject::Halted);
        }
        Ok(())
    }

    #[inline]
    fn check_order(&self, order: &NewOrder) -> Result<(), Reject> {
        if self.live.find(order.id).is_some() {
            return Err(Reject::DuplicateId);
        }
        self.check_quantity(order.side, order.quantity, 0)?;
        match order.kind {
            Kind::Limit { price } => self.check_price(price)?,
            Kind::Stop { trigger } => self.check_price(trigger)?,
            Kind::StopLimit { trigger, price } => {
                self.check_price(trigger)?;
                self.check_price(price)?;
            }
            Kind::Market | Kind::MarketToLimit => {}
        }
        if matches!(order.life, Life::GoodTill(instant) if instant <= self.now) {
            return Err(Reject::Expiry);
        }
        if self.live.orders.live() >= self.rules.orders_max {
            return Err(Reject::Full);
        }
        Ok(())
    }

    /// `before`: what an order that is amended has in the side's sum already.
    #[inline]
    pub(super) fn check_quantity(&self, side: Side, quantity: u64, before: u64) -> Result<(), Reject> {
        let open = self.ladders[side as usize].open + self.ladders[STOPS + side as usize].open - before;
        if quantity == 0 || open.checked_add(quantity).is_none() {
            return Err(Reject::Quantity);
        }
        if self.rules.lot != 1 && !quantity.is_multiple_of(self.rules.lot) {
            return Err(Reject::Lot);
        }
        Ok(())
    }

    #[inline]
    pub(super) fn check_price(&self, price: i64) -> Result<(), Reject> {
        if !(PRICE_MIN..=PRICE_MAX).contains(&price) {
            return Err(Reject::Price);
        }
        if self.rules.tick != 1 && price % self.rules.tick != 0 {
            return Err(Reject::Tick);
        }
        Ok(())
    }

    #[inline]
    pub(super) fn check_collar(&self, price: i64) -> Result<(), Reject> {
        let Rules { collar_low, collar_high, .. } = self.rules;
        if (collar_low..=collar_high).contains(&price) { Ok(()) } else { Err(Reject::Collar) }
    }
}

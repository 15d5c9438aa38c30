//! The checks, in their order.

use ordo_core::venue::{Kind, Life, NewOrder, PRICE_MAX, PRICE_MIN, Phase, Reject, Side};

use super::{Market, Open, can_be_open};

impl Market {
    pub(super) fn check_open(&self) -> Result<(), Reject> {
        match (self.phase, self.halted) {
            (Phase::PreOpen | Phase::Closed, _) => Err(Reject::Phase),
            (_, true) => Err(Reject::Halted),
            _ => Ok(()),
        }
    }

    pub(super) fn check_new(&self, order: &NewOrder) -> Result<(), Reject> {
        self.check_open()?;
        if self.phase == Phase::Auction && !can_be_open(order) {
            return Err(Reject::Phase);
        }
        self.check_any(order)?;
        match Open::of(order).kind {
            Kind::Limit { price } if self.outside_collar(price) => Err(Reject::Collar),
            _ => Ok(()),
        }
    }

    pub(super) fn check_any(&self, order: &NewOrder) -> Result<(), Reject> {
        if self.find(order.id).is_ok() {
            return Err(Reject::DuplicateId);
        }
        self.check_quantity(order.side, order.quantity, order.id)?;
        let open = Open::of(order);
        open.trigger.map_or(Ok(()), |trigger| self.check_price(trigger))?;
        if let Kind::Limit { price } = open.kind {
            self.check_price(price)?;
        }
        if matches!(order.life, Life::GoodTill(instant) if instant <= self.now) {
            return Err(Reject::Expiry);
        }
        if self.open.len() >= self.rules.orders_max as usize {
            return Err(Reject::Full);
        }
        Ok(())
    }

    pub(super) fn check_amend(&self, id: u64, price: i64, left: u64) -> Result<(), Reject> {
        self.check_open()?;
        let open = &self.open[self.find(id)?];
        if open.trigger.is_some() {
            return Err(Reject::Waiting);
        }
        self.check_quantity(open.side, left, id)?;
        if open.price() == price {
            return Ok(());
        }
        self.check_price(price)?;
        if self.outside_collar(price) { Err(Reject::Collar) } else { Ok(()) }
    }

    pub(super) fn check_amend_stop(&self, id: u64, trigger: i64, price: Option<i64>, left: u64) -> Result<(), Reject> {
        self.check_open()?;
        let open = &self.open[self.find(id)?];
        if open.trigger.is_none() {
            return Err(Reject::Waiting);
        }
        self.check_quantity(open.side, left, id)?;
        self.check_price(trigger)?;
        let Some(price) = price else { return Ok(()) };
        if open.kind == Kind::Market {
            return Err(Reject::Price);
        }
        self.check_price(price)?;
        if self.outside_collar(price) { Err(Reject::Collar) } else { Ok(()) }
    }

    /// The order itself does not count if it is open.
    fn check_quantity(&self, side: Side, quantity: u64, id: u64) -> Result<(), Reject> {
        let others = self.open.iter().filter(|it| it.side == side && it.id != id);
        let sum: u128 = others.map(|it| u128::from(it.left)).sum();
        if quantity == 0 || sum + u128::from(quantity) > u128::from(u64::MAX) {
            return Err(Reject::Quantity);
        }
        if !quantity.is_multiple_of(self.rules.lot) { Err(Reject::Lot) } else { Ok(()) }
    }

    fn check_price(&self, price: i64) -> Result<(), Reject> {
        if !(PRICE_MIN..=PRICE_MAX).contains(&price) {
            return Err(Reject::Price);
        }
        if price % self.rules.tick != 0 { Err(Reject::Tick) } else { Ok(()) }
    }

    fn outside_collar(&self, price: i64) -> bool {
        price < self.rules.collar_low || price > self.rules.collar_high
    }
}

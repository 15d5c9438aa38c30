//! A holding of the naive model: quantity and cost, leg by leg.

use super::figure::Figure;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) quantity: Figure,
    pub(crate) cost: Option<Figure>,
    pub(crate) currency: String,
}

impl Position {
    /// A trade (with its currency) or a transfer at a price (without): signed quantity `q` at `p`.
    pub(crate) fn leg(&mut self, q: &Figure, p: &Figure, currency: Option<&str>) {
        if q.is_zero() {
            return;
        }
        let (old, new) = (self.quantity.clone(), &self.quantity + q);
        let foreign = currency.is_some_and(|currency| !self.currency.is_empty() && self.currency != currency);
        self.cost = match (old.sign(), new.sign()) {
            (_, 0) => None,
            (0, _) => Some(q * p),
            (before, after) if before != after => Some(&new * p),
            _ if foreign => None,
            (before, _) if before == q.sign() => self.cost.take().map(|cost| &cost + &(q * p)),
            _ => self.cost.take().map(|cost| cost.ratio(&new, &old, 12)),
        };
        if let Some(currency) = currency {
            self.currency = currency.to_owned();
        }
        self.quantity = new;
    }

    /// Stock that came or went without a price.
    pub(crate) fn unpriced(&mut self, q: &Figure) {
        let (old, new) = (self.quantity.clone(), &self.quantity + q);
        if !q.is_zero() {
            let flat = old.is_zero() || new.is_zero();
            self.cost = self.cost.take().filter(|_| !flat).map(|cost| cost.ratio(&new, &old, 12));
        }
        self.quantity = new;
    }

    /// A leg of `q` at `p` taken back.
    pub(crate) fn bust(&mut self, q: &Figure, p: &Figure) {
        if q.is_zero() {
            return;
        }
        let (old, new) = (self.quantity.clone(), &self.quantity - q);
        self.cost = match (old.sign(), new.sign()) {
            (0, _) | (_, 0) => None,
            (before, after) if before != after => None,
            (before, _) if before == q.sign() => self.cost.take().map(|cost| &cost - &(q * p)),
            _ => self.cost.take().map(|cost| cost.ratio(&new, &old, 12)),
        };
        self.quantity = new;
    }

    /// One position of two: the average weighted by quantity, where both are known and of one currency.
    pub(crate) fn merged(self, other: Position) -> Position {
        if other.quantity.is_zero() {
            return self;
        }
        if self.quantity.is_zero() {
            return other;
        }
        let quantity = &self.quantity + &other.quantity;
        // One that nothing was traded into has no currency yet, as with a trade.
        let differ =
            ![&self.currency, &other.currency].iter().any(|it| it.is_empty()) && self.currency != other.currency;
        let cost = self.cost.zip(other.cost).filter(|_| !differ && !quantity.is_zero()).map(|(one, two)| &one + &two);
        let currency = if self.currency.is_empty() { other.currency } else { self.currency };
        Position { quantity, cost, currency }
    }

    pub(crate) fn average(&self) -> Option<Figure> {
        Some(self.cost.as_ref()?.ratio(&Figure::from(1), &self.quantity, 8))
    }
}

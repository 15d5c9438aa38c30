//! An exact figure of any size.

use std::fmt;
use std::ops::{Add, AddAssign, Mul, Neg, Sub};

use num_bigint::BigInt;
use ordo_core::dec::Dec;
use ordo_core::proto::BigNumber;

/// `digits` x 10^-`places`, without zeros at the end, so that equal values are equal structs.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Figure {
    digits: BigInt,
    places: u32,
}

fn ten(power: u32) -> BigInt {
    BigInt::from(10).pow(power)
}

impl Figure {
    fn new(mut digits: BigInt, mut places: u32) -> Figure {
        while places > 0 && &digits % 10 == BigInt::ZERO {
            digits /= 10;
            places -= 1;
        }
        Figure { digits, places }
    }

    pub(crate) fn of(number: Option<BigNumber>) -> Figure {
        number.map_or_else(Figure::default, |number| number.dec().into())
    }

    pub(crate) fn number(&self) -> BigNumber {
        let mantissa = i128::try_from(&self.digits).expect("figures of the tests fit");
        Dec::new(mantissa, self.places).expect("figures of the tests fit").into()
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.digits == BigInt::ZERO
    }

    /// -1, 0 or 1.
    pub(crate) fn sign(&self) -> i32 {
        match self.digits.sign() {
            num_bigint::Sign::Minus => -1,
            num_bigint::Sign::NoSign => 0,
            num_bigint::Sign::Plus => 1,
        }
    }

    /// Its digits at that many places, not fewer than it has.
    fn scaled(&self, places: u32) -> BigInt {
        &self.digits * ten(places - self.places)
    }

    pub(crate) fn or_zero(self) -> Figure {
        if self.sign() < 0 { Figure::default() } else { self }
    }

    /// `self` x `numerator` / `denominator`, to `places`, a half to the even neighbour.
    pub(crate) fn ratio(&self, numerator: &Figure, denominator: &Figure, places: u32) -> Figure {
        let mut above = &self.digits * &numerator.digits * ten(places + denominator.places);
        let mut below = &denominator.digits * ten(self.places + numerator.places);
        if denominator.sign() < 0 {
            (above, below) = (-above, -below);
        }
        // The floor, and what is left of it.
        let mut whole = &above / &below;
        if &whole * &below > above {
            whole -= 1;
        }
        let twice = (above - &whole * &below) * 2;
        let odd = &whole % 2 != BigInt::ZERO;
        if twice > below || (twice == below && odd) {
            whole += 1;
        }
        Figure::new(whole, places)
    }
}

impl From<Dec> for Figure {
    fn from(dec: Dec) -> Figure {
        Figure::new(dec.mantissa().into(), dec.scale().into())
    }
}

impl From<i64> for Figure {
    fn from(whole: i64) -> Figure {
        Figure::new(whole.into(), 0)
    }
}

impl Add for &Figure {
    type Output = Figure;

    fn add(self, other: &Figure) -> Figure {
        let places = self.places.max(other.places);
        Figure::new(self.scaled(places) + other.scaled(places), places)
    }
}

impl Sub for &Figure {
    type Output = Figure;

    fn sub(self, other: &Figure) -> Figure {
        self + &-other
    }
}

impl Mul for &Figure {
    type Output = Figure;

    fn mul(self, other: &Figure) -> Figure {
        Figure::new(&self.digits * &other.digits, self.places + other.places)
    }
}

impl Neg for &Figure {
    type Output = Figure;

    fn neg(self) -> Figure {
        Figure { digits: -&self.digits, places: self.places }
    }
}

impl AddAssign<&Figure> for Figure {
    fn add_assign(&mut self, other: &Figure) {
        *self = &*self + other;
    }
}

impl std::iter::Sum for Figure {
    fn sum<I: Iterator<Item = Figure>>(figures: I) -> Figure {
        figures.fold(Figure::default(), |sum, figure| &sum + &figure)
    }
}

impl fmt::Debug for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}e-{}", self.digits, self.places)
    }
}

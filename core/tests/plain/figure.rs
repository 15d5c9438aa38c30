//! A figure as the wire has it: sign, magnitude of any size, scale of any size.

use num_bigint::BigUint;

/// Bits of the largest magnitude that is held, and the largest scale.
const BITS_MAX: u64 = 127;
const SCALE_MAX: u32 = 38;

/// Of a number that is carried: bits of what has 1,024 digits, in whole bytes, and its places.
const CARRIED_BITS_MAX: u64 = 426 * 8;
const CARRIED_SCALE_MAX: u32 = 1_024;

#[derive(Debug, Clone, Default)]
pub(crate) struct Figure {
    pub(crate) scale: u32,
    pub(crate) is_negative: bool,
    pub(crate) magnitude: BigUint,
    /// Whether no rule computes with it, so that it may be larger. Not part of what it says.
    pub(crate) is_carried: bool,
}

impl PartialEq for Figure {
    fn eq(&self, other: &Figure) -> bool {
        (self.scale, self.is_negative, &self.magnitude) == (other.scale, other.is_negative, &other.magnitude)
    }
}

impl Figure {
    /// Whether it can be held exactly; zeros at the end may be shed for that, as long as the scale is too large.
    pub(crate) fn is_held(&self) -> bool {
        let fits = self.magnitude.bits() <= CARRIED_BITS_MAX && self.scale <= CARRIED_SCALE_MAX;
        self.shed().is_some() || (self.is_carried && fits)
    }

    /// As it is shown and sent on: no minus before zero, a scale within range.
    pub(crate) fn canonical(&self) -> Figure {
        self.shed().unwrap_or_else(|| self.clone())
    }

    fn shed(&self) -> Option<Figure> {
        let (mut scale, mut magnitude) = (self.scale, self.magnitude.clone());
        let zero = BigUint::default();
        if magnitude == zero {
            return Some(Figure {
                scale: scale.min(SCALE_MAX),
                is_negative: false,
                magnitude,
                is_carried: self.is_carried,
            });
        }
        if magnitude.bits() > BITS_MAX {
            return None;
        }
        while scale > SCALE_MAX {
            if &magnitude % 10u8 != zero {
                return None;
            }
            magnitude /= 10u8;
            scale -= 1;
        }
        Some(Figure { scale, magnitude, is_negative: self.is_negative, is_carried: self.is_carried })
    }

    /// All its digits: `-10.50`.
    pub(crate) fn digits(&self) -> String {
        let mut digits = self.magnitude.to_string();
        let scale = self.scale as usize;
        if scale > 0 {
            digits = format!("{}{digits}", "0".repeat((scale + 1).saturating_sub(digits.len())));
            digits.insert(digits.len() - scale, '.');
        }
        if self.is_negative { format!("-{digits}") } else { digits }
    }
}

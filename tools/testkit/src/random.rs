//! Numbers at random, the same in every run of a seed and in every build.

/// SplitMix64. Its seed is printed by the test that chooses it.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Random {
        Random(seed)
    }

    /// Any 64 bits.
    #[expect(clippy::should_implement_trait, reason = "it never ends: an iterator would promise an Option")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// At least 0 and less than `bound`.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below<N: Bound>(&mut self, bound: N) -> N {
        N::narrowed(self.next() % bound.widened())
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of several.
    ///
    /// # Panics
    /// If there are none.
    pub fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// Puts items in another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// A type of whole numbers that has a bound for [`Random::below`]: lengths and counts alike.
pub trait Bound: Copy {
    /// The bound as 64 bits.
    fn widened(self) -> u64;
    /// What is less than a bound of this type.
    fn narrowed(below: u64) -> Self;
}

macro_rules! bounds {
    ($($whole:ty),*) => {$(
        impl Bound for $whole {
            fn widened(self) -> u64 {
                self as u64
            }

            fn narrowed(below: u64) -> Self {
                below as Self
            }
        }
    )*};
}

bounds!(u8, u32, u64, usize, i32, i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_in_every_build() {
        let mut random = Random::of(0);
        assert_eq!([random.next(), random.next()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let (mut random, mut items) = (Random::of(3), Vec::from_iter(0..100));
        random.shuffle(&mut items);
        assert!(!items.is_sorted());
        items.sort_unstable();
        assert_eq!(items, Vec::from_iter(0..100));
    }
}

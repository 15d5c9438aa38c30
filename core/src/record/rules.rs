//! `Rules`: the version of the rules that a step was recorded under, and is applied by for ever.

use thiserror::Error;

/// Each version decides as the build that recorded under it did, so that old records keep their state hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Rules {
    V1 = 1,
    /// Executed figures that an Update or Replace leaves out stay as they were, and derived ones are not below zero.
    #[default]
    V2 = 2,
}

/// A rules version of a later build: this build cannot know what the step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("rules version {0} is not known to this build (it knows 1 to {current})", current = Rules::CURRENT.number())]
pub struct UnknownRules(pub u16);

impl Rules {
    /// What this build records under.
    pub const CURRENT: Rules = Rules::V2;

    /// As it stands in a frame.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// # Errors
    /// If this build does not know the version.
    pub const fn from_number(number: u16) -> Result<Rules, UnknownRules> {
        match number {
            1 => Ok(Rules::V1),
            2 => Ok(Rules::V2),
            _ => Err(UnknownRules(number)),
        }
    }
}

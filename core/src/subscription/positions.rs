//! `SequencePosition`: a position in a sequence, and its text form.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::proto::SubscriptionDetails;

/// A position for each named sequence.
pub type Positions = BTreeMap<Box<str>, i64>;

/// As `oms:12`. See the module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SequencePosition {
    pub sequence: String,
    pub position: i64,
}

impl SequencePosition {
    /// Splits at the last `sign`; the name of a sequence may contain it too.
    pub fn separated(text: &str, sign: char) -> Option<(&str, i64)> {
        let (sequence, position) = text.rsplit_once(sign)?;
        Some((sequence, position.parse().ok()?)).filter(|_| !sequence.is_empty())
    }
}

/// The error is the text that could not be read.
impl FromStr for SequencePosition {
    type Err = String;

    fn from_str(text: &str) -> Result<SequencePosition, String> {
        let (sequence, position) = SequencePosition::separated(text, ':').ok_or_else(|| text.to_owned())?;
        Ok(SequencePosition { sequence: sequence.to_owned(), position })
    }
}

impl fmt::Display for SequencePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.position)
    }
}

/// A value of a `Position` target that is not `sequence=position` with a position of 0 or larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadPosition;

/// The positions after which a subscription resumes. None: it starts with a snapshot.
///
/// # Errors
/// [`BadPosition`].
pub fn resume_after(details: &SubscriptionDetails) -> Result<Option<Positions>, BadPosition> {
    let targets = details.targets.iter().filter(|target| target.name == "Position");
    let mut positions = Positions::new();
    for value in targets.flat_map(|target| &target.values) {
        let (sequence, position) =
            SequencePosition::separated(value, '=').filter(|(_, position)| *position >= 0).ok_or(BadPosition)?;
        positions.insert(sequence.into(), position);
    }
    Ok((!positions.is_empty()).then_some(positions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_sequence_and_a_position() {
        assert_eq!("a:b:7".parse(), Ok(SequencePosition { sequence: "a:b".into(), position: 7 }));
        for wrong in ["", "7", ":7", "oms", "oms:", "oms:x", "oms=7"] {
            assert!(wrong.parse::<SequencePosition>().is_err(), "{wrong}");
        }
        assert_eq!(SequencePosition::separated("oms=7", '='), Some(("oms", 7)));
    }
}

//! `Place`: a position in a sequence, and the texts that name one.

use std::fmt;
use std::str::FromStr;

/// As `oms:12`. See the module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub sequence: String,
    pub position: i64,
}

impl Place {
    /// A sequence and a position with a sign between them; a sequence's name may hold that sign too.
    pub(crate) fn separated(text: &str, sign: char) -> Option<(&str, i64)> {
        let (sequence, position) = text.rsplit_once(sign)?;
        Some((sequence, position.parse().ok()?)).filter(|_| !sequence.is_empty())
    }
}

/// What could not be read.
impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let (sequence, position) = Place::separated(text, ':').ok_or_else(|| text.to_owned())?;
        Ok(Place { sequence: sequence.to_owned(), position })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_sequence_and_a_position() {
        assert_eq!("a:b:7".parse(), Ok(Place { sequence: "a:b".into(), position: 7 }));
        for wrong in ["", "7", ":7", "oms", "oms:", "oms:x", "oms=7"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
        assert_eq!(Place::separated("oms=7", '='), Some(("oms", 7)));
    }
}

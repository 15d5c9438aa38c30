//! Why a JSON text is no message, and what the client is told of it.

use thiserror::Error;

/// A text that is refused. Its `Display` is its wire code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonError {
    /// No JSON at all: not UTF-8, not one value, a lone surrogate.
    #[error("Data")]
    Syntax,
    /// JSON, but not this message: an unknown name, a name twice, a value of another kind. Holds where:
    /// `Feed.Action.Order.Price`, elements by their index, map entries by their key.
    #[error("Data.Deserialise {0}")]
    Mismatch(String),
    /// A number that cannot be held exactly.
    #[error("NumberOutOfRange")]
    NumberOutOfRange,
}

/// A name that a client made up is shown up to here.
const SHOWN_BYTES_MAX: usize = 64;

impl JsonError {
    /// What a client is told: `Data`, `Data.Deserialise <path>` or `NumberOutOfRange`.
    #[must_use]
    pub fn code(&self) -> String {
        self.to_string()
    }

    #[cold]
    pub(super) fn mismatch() -> JsonError {
        JsonError::Mismatch(String::new())
    }

    /// The same error seen from one level further out. The path is made on the way out, so that a text without
    /// faults pays nothing for it.
    #[cold]
    pub(super) fn within(self, step: &str) -> JsonError {
        match self {
            JsonError::Mismatch(path) if path.is_empty() => JsonError::Mismatch(shown(step).to_owned()),
            JsonError::Mismatch(path) => JsonError::Mismatch(format!("{}.{path}", shown(step))),
            other => other,
        }
    }

    /// The root has no name of its own: a fault right there is said of the message.
    pub(super) fn or_within(self, message: &str) -> JsonError {
        match self {
            JsonError::Mismatch(path) if path.is_empty() => JsonError::Mismatch(message.to_owned()),
            other => other,
        }
    }
}

fn shown(step: &str) -> &str {
    if step.is_empty() {
        return "\"\"";
    }
    &step[..step.floor_char_boundary(SHOWN_BYTES_MAX)]
}

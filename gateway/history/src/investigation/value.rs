//! `Value`: the content of a field with its kind, so that texts that look like figures stay texts.

use std::fmt;

use ordo_core::dec::Dec;
use serde_json::value::RawValue;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Value {
    /// The record does not exist, or has no such field.
    #[default]
    Absent,
    /// With all digits.
    Figure(Dec),
    Flag(bool),
    Text(String),
    /// A list, as JSON text.
    List(String),
}

impl Value {
    /// The value of a JSON member that is not an object.
    pub(super) fn of_json(json: &RawValue) -> Value {
        let text = json.get();
        match text.as_bytes()[0] {
            b'"' => Value::Text(serde_json::from_str(text).unwrap_or_default()),
            b't' => Value::Flag(true),
            b'f' => Value::Flag(false),
            b'[' => Value::List(text.to_owned()),
            _ => text.parse().map_or(Value::Absent, Value::Figure),
        }
    }

    pub fn is_absent(&self) -> bool {
        *self == Value::Absent
    }

    pub fn figure(&self) -> Option<Dec> {
        if let Value::Figure(figure) = self { Some(*figure) } else { None }
    }

    /// As a JSON value: figures are numbers with all digits, texts are strings, `Absent` is null.
    pub fn json(&self) -> String {
        match self {
            Value::Absent => "null".to_owned(),
            Value::Figure(_) | Value::Flag(_) | Value::List(_) => self.to_string(),
            Value::Text(text) => serde_json::Value::from(&**text).to_string(),
        }
    }
}

/// As the text of a table cell; empty for `Absent`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Absent => Ok(()),
            Value::Figure(figure) => figure.fmt(f),
            Value::Flag(flag) => flag.fmt(f),
            Value::Text(text) | Value::List(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_look_like_figures_stay_texts() {
        let read = |json: &str| Value::of_json(serde_json::from_str(json).expect("JSON"));
        for (json, cell) in [("\"0005\"", "0005"), ("\"+5\"", "+5"), ("\"7203\"", "7203"), ("\"true\"", "true")] {
            assert_eq!(read(json), Value::Text(cell.into()));
            assert_eq!((read(json).json(), read(json).to_string()), (json.into(), cell.into()));
        }
        for json in ["10.50", "-3", "true", "[\"a\",1]"] {
            assert_eq!((read(json).json(), read(json).to_string()), (json.into(), json.into()));
            assert!(!matches!(read(json), Value::Text(_) | Value::Absent));
        }
    }
}

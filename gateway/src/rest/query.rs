//! Query strings: pairs decoded, and the instants, numbers, booleans and positions in them.

use ordo_core::proto::TimestampWithTimeZone;
use ordo_core::timestamp::TimestampError;
use percent_encoding::percent_decode_str;

use super::error::Refusal;

/// The pairs of a query, in order, both sides decoded. A name is in lower case up to its bracket; a pair whose value is
/// empty is omitted.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, Refusal> {
    let given = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(_, value)| !value.is_empty());
    given.map(|(key, value)| Ok((name(decoded(key)?), decoded(value)?))).collect()
}

/// The name of a sequence, in brackets, keeps its case.
fn name(mut key: String) -> String {
    let end = key.find('[').unwrap_or(key.len());
    key[..end].make_ascii_lowercase();
    key
}

fn decoded(text: &str) -> Result<String, Refusal> {
    let bad = || Refusal::bad(format!("'{text}' is not percent-encoded UTF-8"));
    if has_broken_escape(text) {
        return Err(bad());
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map(|text| text.into_owned()).map_err(|_| bad())
}

/// The decoder leaves a percent sign without two hexadecimal digits as it is; here it is an error.
fn has_broken_escape(text: &str) -> bool {
    let is_escape = |after: &str| after.as_bytes().get(..2).is_some_and(|it| it.iter().all(u8::is_ascii_hexdigit));
    text.split('%').skip(1).any(|after| !is_escape(after))
}

/// An instant in ISO 8601, in nanoseconds since 1970 UTC, limited to the range of a `u64`.
pub(super) fn instant(name: &str, text: &str) -> Result<u64, Refusal> {
    let bad = || Refusal::bad(format!("{name}: '{text}' is no ISO-8601 date, nor one with a time"));
    let complete = with_plus(text);
    match complete.parse::<TimestampWithTimeZone>() {
        Ok(instant) => Ok(instant.unix_nanos().unwrap_or(u64::MAX)),
        Err(TimestampError::OutOfRange) if complete.get(..4).is_some_and(|year| year < "1970") => {
            // A date outside of that range is validated as the same day of a leap year inside of it.
            let later = format!("2000{}", &complete[4..]);
            later.parse::<TimestampWithTimeZone>().map(|_| 0).map_err(|_| bad())
        }
        Err(_) => Err(bad()),
    }
}

/// A plus that was not encoded is a space in a query; the one in front of an offset is meant.
fn with_plus(text: &str) -> String {
    match text.rfind(' ') {
        Some(at) if at > DATE_BYTES => format!("{}+{}", &text[..at], &text[at + 1..]),
        _ => text.to_owned(),
    }
}

/// Behind a date of this length a space may stand for the `T`.
const DATE_BYTES: usize = "2025-01-01".len();

/// `true`, `false`, `1` or `0`, in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" => Some(true),
        "0" => Some(false),
        _ => text.to_ascii_lowercase().parse().ok(),
    }
}

/// A whole number, 0 or larger.
pub(super) fn number(name: &str, text: &str) -> Result<i64, Refusal> {
    let number = text.parse::<i64>().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| Refusal::bad(format!("{name}: '{text}' is no whole number from 0 on")))
}

/// The sequence in `from[sequence]`.
pub(super) fn subscript<'a>(key: &'a str, name: &str) -> Option<&'a str> {
    key.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_may_come_encoded() {
        let pairs = pairs("from%5Bf%5D=1&To[Oms]=2&&flag&count=&OWNER=A%2FB+C").unwrap();
        let named = |at: usize| (pairs[at].0.as_str(), pairs[at].1.as_str());
        assert_eq!([named(0), named(1), named(2)], [("from[f]", "1"), ("to[Oms]", "2"), ("owner", "A/B C")]);
        assert_eq!(pairs.len(), 3, "what is empty is omitted");
        assert_eq!(subscript(&pairs[0].0, "from"), Some("f"));
        assert_eq!(subscript("from", "from"), None);
        assert!(super::pairs("a=%zz").is_err() && super::pairs("a=%2").is_err() && super::pairs("%ff=1").is_err());
    }

    #[test]
    fn instants_come_in_both_forms_and_at_both_ends_of_time() {
        let same = [
            "20250101T000000Z",
            "2025-01-01T00:00:00Z",
            "2025-01-01T10:00:00+10:00",
            "2025-01-01T10:00:00 10:00",
            "2025-01-01",
            "20250101",
            "2025-01-01T00:00:00",
            "2025-01-01T00:00:00.0000000",
            "2025-01-01 00:00:00",
            "20250101T000000",
        ];
        for text in same {
            assert_eq!(instant("asAt", text).unwrap(), 1_735_689_600_000_000_000, "{text}");
        }
        assert_eq!(instant("asAt", "0001-01-01T00:00:00Z").unwrap(), 0);
        assert_eq!(instant("asAt", "0001-01-01").unwrap(), 0);
        assert_eq!(instant("asAt", "9999-12-31T23:59:59Z").unwrap(), u64::MAX);
        for text in ["", "yesterday", "2025-13-01T00:00:00Z", "0001-13-01T00:00:00Z", "2025-01-0", "2025-02-30"] {
            assert!(instant("asAt", text).is_err(), "{text}");
        }
    }
    #[test]
    fn booleans_come_in_any_case_and_as_digits() {
        for (text, expected) in [("True", true), ("true", true), ("1", true), ("FALSE", false), ("0", false)] {
            assert_eq!(boolean(text), Some(expected), "{text}");
        }
        assert!(["yes", "2", "on", "tru"].iter().all(|text| boolean(text).is_none()));
    }
}

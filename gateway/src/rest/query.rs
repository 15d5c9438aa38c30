//! Query strings: pairs decoded, and the instants, numbers and positions in them.

use ordo_core::proto::TimestampWithTimeZone;
use ordo_core::timestamp::TimestampError;

use super::error::Refusal;

/// The pairs of a query, in order, both sides decoded.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, Refusal> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(key)?, decoded(value)?))
        })
        .collect()
}

fn decoded(text: &str) -> Result<String, Refusal> {
    let bad = || Refusal::bad(format!("'{text}' is not percent-encoded UTF-8"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(bad)?;
                bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
                rest = &rest[2..];
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

/// An instant in ISO-8601, as nanoseconds since 1970. One before 1970 is before everything, one that nanoseconds do not
/// reach is after everything.
pub(super) fn instant(name: &str, text: &str) -> Result<u64, Refusal> {
    // A plus that was not encoded says space in a query; no instant has one.
    let text = text.replace(' ', "+");
    let bad = || Refusal::bad(format!("{name}: '{text}' is no ISO-8601 date and time with offset"));
    match text.parse::<TimestampWithTimeZone>() {
        Ok(instant) => Ok(instant.unix_nanos().unwrap_or(u64::MAX)),
        Err(TimestampError::OutOfRange) if text.get(..4).is_some_and(|year| year < "1970") => {
            // The same day of a leap year that can be held: whether it is a date at all.
            let later = format!("2000{}", &text[4..]);
            later.parse::<TimestampWithTimeZone>().map(|_| 0).map_err(|_| bad())
        }
        Err(_) => Err(bad()),
    }
}

/// A whole number from 0 on.
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
        let pairs = pairs("from%5Bf%5D=1&to[oms]=2&&flag&owner=A%2FB+C").unwrap();
        let named = |at: usize| (pairs[at].0.as_str(), pairs[at].1.as_str());
        assert_eq!([named(0), named(1)], [("from[f]", "1"), ("to[oms]", "2")]);
        assert_eq!([named(2), named(3)], [("flag", ""), ("owner", "A/B C")]);
        assert_eq!(subscript(&pairs[0].0, "from"), Some("f"));
        assert_eq!(subscript("from", "from"), None);
        assert!(super::pairs("a=%zz").is_err() && super::pairs("a=%2").is_err() && super::pairs("%ff=1").is_err());
    }

    #[test]
    fn instants_come_in_both_forms_and_at_both_ends_of_time() {
        let both = [
            "20250101T000000Z",
            "2025-01-01T00:00:00Z",
            "2025-01-01T10:00:00+10:00",
            "2025-01-01T10:00:00 10:00",
            "2025-01-01",
            "2025-01-01T00:00:00",
        ];
        for text in both {
            assert_eq!(instant("asAt", text).unwrap(), 1_735_689_600_000_000_000, "{text}");
        }
        assert_eq!(instant("asAt", "0001-01-01T00:00:00Z").unwrap(), 0);
        assert_eq!(instant("asAt", "9999-12-31T23:59:59Z").unwrap(), u64::MAX);
        for text in ["", "yesterday", "2025-13-01T00:00:00Z", "0001-13-01T00:00:00Z", "2025-01"] {
            assert!(instant("asAt", text).is_err(), "{text}");
        }
    }
}

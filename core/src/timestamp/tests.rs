use super::*;

fn at(seconds: u64, nanoseconds: u32, tz_offset: i32) -> TimestampWithTimeZone {
    TimestampWithTimeZone { seconds, nanoseconds, tz_offset }
}

#[test]
fn every_day_up_to_the_year_9999_counts_one_up_and_converts_back() {
    let mut day = unix_day(1969, 12, 31);
    assert_eq!(day, -1);
    for year in 1970..=9999u32 {
        for month in 1..=12 {
            for of_month in 1..=days_of_month(year, month) {
                day += 1;
                let date = (i64::from(year), i64::from(month), i64::from(of_month));
                assert_eq!(unix_day(date.0, date.1, date.2), day);
                assert_eq!(civil_date(day), date);
            }
        }
    }
    assert_eq!(day * SECONDS_PER_DAY + SECONDS_PER_DAY - 1, LOCAL_SECONDS_MAX);
}

#[test]
fn texts_that_are_written_as_they_were_read() {
    for (text, instant) in [
        ("1970-01-01T00:00:00Z", at(0, 0, 0)),
        ("2026-11-22T15:04:05.123456789+10:00", at(1_795_323_845, 123_456_789, 600)),
        ("2000-02-29T23:59:59.500Z", at(951_868_799, 500_000_000, 0)),
        ("2000-02-29T23:59:59.000001-03:30", at(951_881_399, 1_000, -210)),
        ("1969-12-31T14:00:00-10:00", at(0, 0, -600)),
        ("1970-01-01T18:00:00+18:00", at(0, 0, 1080)),
        ("9999-12-31T23:59:59.999999999Z", at(253_402_300_799, 999_999_999, 0)),
    ] {
        assert_eq!(text.parse(), Ok(instant), "{text}");
        assert_eq!(instant.to_iso().as_deref(), Ok(text));
    }
}

#[test]
fn other_forms_are_read() {
    for (text, written) in [
        ("20250101T000000Z", "2025-01-01T00:00:00Z"),
        ("20250101T103000.25+1030", "2025-01-01T10:30:00.250+10:30"),
        ("2025-01-01T00:00:00+10", "2025-01-01T00:00:00+10:00"),
        ("2025-01-01T00:00:00.1-0000", "2025-01-01T00:00:00.100Z"),
        ("2025-01-01", "2025-01-01T00:00:00Z"),
        ("20250101", "2025-01-01T00:00:00Z"),
        ("2025-01-01T10:00:00", "2025-01-01T10:00:00Z"),
        ("2025-01-01T10:00:00.1234567", "2025-01-01T10:00:00.123456700Z"),
        ("2025-01-01T10:30Z", "2025-01-01T10:30:00Z"),
        ("2025-01-01T10:30+10:00", "2025-01-01T10:30:00+10:00"),
        ("2025-01-01 10:00:00+00:00", "2025-01-01T10:00:00Z"),
        ("2025-01-01t10:00:00z", "2025-01-01T10:00:00Z"),
        ("20250101T1030", "2025-01-01T10:30:00Z"),
        // Odd offsets: the instant counts, the offset is not kept.
        ("2025-01-01T00:00:00+18:01", "2024-12-31T05:59:00Z"),
        ("2025-01-01T00:00:00-23:00", "2025-01-01T23:00:00Z"),
    ] {
        assert_eq!(text.parse::<TimestampWithTimeZone>().unwrap().to_iso().unwrap(), written);
    }
}

#[test]
fn texts_that_are_refused() {
    use TimestampError::{Malformed, OutOfRange};
    for (text, why) in [
        ("", Malformed),
        ("2025-01", Malformed),
        ("2025-01-01T", Malformed),
        ("2025-01-01Z", Malformed),
        ("2025-01-01T10", Malformed),
        ("2025-01-01T1000:00", Malformed),
        ("2025-01-01  00:00:00Z", Malformed),
        ("2025-0101T00:00:00Z", Malformed),
        ("20250101T00:00:00Z", Malformed),
        ("2025-01-01T00:00:00.Z", Malformed),
        ("2025-01-01T00:00:00Z ", Malformed),
        ("2025-01-01T00:00:00+1", Malformed),
        ("2025-01-01T00:00:00+10:0", Malformed),
        ("+025-01-01T00:00:00Z", Malformed),
        ("２025-01-01T00:00:00Z", Malformed),
        ("2025-00-01T00:00:00Z", OutOfRange),
        ("2025-13-01T00:00:00Z", OutOfRange),
        ("2025-02-29T00:00:00Z", OutOfRange),
        ("1900-02-29T00:00:00Z", OutOfRange),
        ("2025-01-01T24:00:00Z", OutOfRange),
        ("2025-01-01T00:60:00Z", OutOfRange),
        ("2025-01-01T00:00:60Z", OutOfRange),
        ("2025-01-01T00:00:00.1234567890Z", OutOfRange),
        ("2025-01-01T00:00:00+10:60", OutOfRange),
        ("1969-12-31T23:59:59Z", OutOfRange),
        ("1970-01-01T09:59:59+10:00", OutOfRange),
    ] {
        assert_eq!(text.parse::<TimestampWithTimeZone>(), Err(why), "{text}");
    }
}

#[test]
fn messages_out_of_range_are_neither_written_nor_counted() {
    for instant in [
        at(0, 1_000_000_000, 0),
        at(253_402_300_800, 0, 0),
        at(253_402_300_799, 0, 1),
        at(u64::MAX, 0, 0),
        at(i64::MAX as u64, 0, 1080),
    ] {
        assert_eq!(instant.to_iso(), Err(TimestampError::OutOfRange), "{instant:?}");
        assert_eq!(instant.unix_nanos(), Err(TimestampError::OutOfRange), "{instant:?}");
    }
}

#[test]
fn nanoseconds_since_1970_go_both_ways_up_to_the_last_u64() {
    for nanos in [0, 1, 999_999_999, 1_000_000_000, 1_795_323_845_123_456_789, u64::MAX] {
        assert_eq!(TimestampWithTimeZone::from_unix_nanos(nanos).unix_nanos(), Ok(nanos));
    }
    // The offset does not move the instant.
    assert_eq!(at(5, 7, -600).unix_nanos(), Ok(5_000_000_007));
    // One nanosecond past u64::MAX.
    assert_eq!(at(18_446_744_073, 709_551_616, 0).unix_nanos(), Err(TimestampError::OutOfRange));
}

#[test]
fn an_odd_offset_is_seconds_or_none_and_never_costs_the_instant() {
    for (offset, minutes) in [(1080, 600 + 480), (1081, 0), (36_000, 600), (-12_600, -210), (64_800, 1080), (64_860, 0)]
    {
        assert_eq!(at(100_000, 7, offset).checked(), Ok(at(100_000, 7, minutes)), "{offset}");
        assert_eq!(at(5, 0, offset).unix_nanos(), Ok(5_000_000_000));
    }
    for offset in [i32::MIN, i32::MAX, -1081] {
        assert_eq!(at(100_000, 0, offset).to_iso().as_deref(), Ok("1970-01-02T03:46:40Z"), "{offset}");
    }
}

#[test]
fn what_is_received_ends_with_the_year_2261() {
    let last: TimestampWithTimeZone = "2261-12-31T23:59:59.999999999Z".parse().expect("an instant");
    assert_eq!((last.seconds, last.received()), (TimestampWithTimeZone::SECONDS_MAX, Ok(last)));
    // As one counted from the year 1 would be.
    for seconds in [last.seconds + 1, 63_900_000_000, u64::MAX] {
        assert_eq!(at(seconds, 0, 0).received(), Err(TimestampError::OutOfRange));
    }
    assert!(at(last.seconds + 1, 0, 0).checked().is_ok(), "older records may hold it");
}

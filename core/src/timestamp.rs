//! Instants as the wire has them: `TimestampWithTimeZone`, to and from nanoseconds and ISO-8601 text.
//!
//! The instant is in UTC; the offset, in minutes east, only says which local time to write. There is no clock here:
//! time comes stamped in the input. No leap seconds, no time zones by name, nothing
//! before 1970 and nothing whose local time is beyond the year 9999.

use std::io::Write;
use std::str::FromStr;

use thiserror::Error;

use crate::proto::TimestampWithTimeZone;

/// Why a text or a message is no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TimestampError {
    #[error("not an ISO-8601 date or time")]
    Malformed,
    /// A month 13, an hour 24, an instant too late, more than nine digits of a second.
    #[error("date, time or offset out of range")]
    OutOfRange,
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const OFFSET_MINUTES_MAX: u32 = 18 * 60;
/// 9999-12-31T23:59:59.
const LOCAL_SECONDS_MAX: i64 = 253_402_300_799;
const SECONDS_PER_DAY: i64 = 86_400;

impl TimestampWithTimeZone {
    /// In UTC. Every u64 is an instant before the year 2555.
    #[must_use]
    pub const fn from_unix_nanos(nanos: u64) -> TimestampWithTimeZone {
        let nanoseconds = (nanos % NANOS_PER_SECOND) as u32;
        TimestampWithTimeZone { seconds: nanos / NANOS_PER_SECOND, nanoseconds, tz_offset: 0 }
    }

    /// The instant, without its offset.
    ///
    /// # Errors
    /// As [`TimestampWithTimeZone::checked`]; `OutOfRange` also beyond what a u64 holds (the year 2554).
    pub fn unix_nanos(self) -> Result<u64, TimestampError> {
        let TimestampWithTimeZone { seconds, nanoseconds, .. } = self.checked()?;
        let whole = seconds.checked_mul(NANOS_PER_SECOND).ok_or(TimestampError::OutOfRange)?;
        whole.checked_add(u64::from(nanoseconds)).ok_or(TimestampError::OutOfRange)
    }

    /// The seconds of the last instant that is received: 2261-12-31T23:59:59Z. One counted from the year 1 lies beyond.
    pub const SECONDS_MAX: u64 = 9_214_646_399;

    /// Itself with an offset of minutes, if the instant is in range and its local time can be written. An odd offset never
    /// costs the instant: see [`TimestampWithTimeZone::offset_minutes`].
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn checked(self) -> Result<TimestampWithTimeZone, TimestampError> {
        let checked = TimestampWithTimeZone { tz_offset: self.offset_minutes(), ..self };
        let is_fraction = u64::from(self.nanoseconds) < NANOS_PER_SECOND;
        if is_fraction && checked.local_seconds().is_some() { Ok(checked) } else { Err(TimestampError::OutOfRange) }
    }

    /// As [`TimestampWithTimeZone::checked`], and not past the year 2261: what a client may send.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn received(self) -> Result<TimestampWithTimeZone, TimestampError> {
        if self.seconds > TimestampWithTimeZone::SECONDS_MAX { Err(TimestampError::OutOfRange) } else { self.checked() }
    }

    /// The offset in minutes east of UTC, within 18 hours. One beyond that is seconds where those are whole minutes within
    /// 18 hours, else none.
    fn offset_minutes(self) -> i32 {
        let is_offset = |minutes: u32| minutes <= OFFSET_MINUTES_MAX;
        match self.tz_offset {
            minutes if is_offset(minutes.unsigned_abs()) => minutes,
            seconds if seconds % 60 == 0 && is_offset((seconds / 60).unsigned_abs()) => seconds / 60,
            _ => 0,
        }
    }

    /// `2026-11-22T15:04:05.123456789+10:00`: local time and offset, `Z` for none; the fraction with 0, 3, 6 or 9
    /// digits.
    ///
    /// # Errors
    /// As [`TimestampWithTimeZone::checked`]; nothing is written then.
    pub fn write_iso(self, out: &mut Vec<u8>) -> Result<(), TimestampError> {
        let checked = self.checked()?;
        let TimestampWithTimeZone { nanoseconds, tz_offset, .. } = checked;
        let local = checked.local_seconds().ok_or(TimestampError::OutOfRange)?;
        let (year, month, day) = civil_date(local.div_euclid(SECONDS_PER_DAY));
        let second_of_day = local.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        put(out, format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"));
        match nanoseconds {
            0 => {}
            n if n % 1_000_000 == 0 => put(out, format_args!(".{:03}", n / 1_000_000)),
            n if n % 1_000 == 0 => put(out, format_args!(".{:06}", n / 1_000)),
            n => put(out, format_args!(".{n:09}")),
        }
        match tz_offset {
            0 => out.push(b'Z'),
            offset => {
                let (sign, size) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
                put(out, format_args!("{sign}{:02}:{:02}", size / 60, size % 60));
            }
        }
        Ok(())
    }

    /// As [`TimestampWithTimeZone::write_iso`].
    ///
    /// # Errors
    /// As [`TimestampWithTimeZone::checked`].
    pub fn to_iso(self) -> Result<String, TimestampError> {
        let mut out = Vec::with_capacity(36);
        self.write_iso(&mut out)?;
        Ok(String::from_utf8(out).expect("invariant: digits and punctuation"))
    }

    /// Seconds of the local time, counted as if it were UTC; none beyond the year 9999.
    fn local_seconds(self) -> Option<i64> {
        let local = i64::try_from(self.seconds).ok()?.checked_add(i64::from(self.tz_offset) * 60)?;
        (local <= LOCAL_SECONDS_MAX).then_some(local)
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a Vec takes all bytes");
}

impl FromStr for TimestampWithTimeZone {
    type Err = TimestampError;

    /// The extended form (`2025-01-01T00:00:00Z`) or the basic one (`20250101T000000Z`), never half of each. UTC where
    /// there is no offset (`Z`, `+10:00`, `+1000`, `+10`), the first instant of the day where there is no time, a full
    /// minute where there are no seconds; a space may stand for the `T`. An offset beyond 18 hours counts for the
    /// instant and is not kept.
    fn from_str(text: &str) -> Result<TimestampWithTimeZone, TimestampError> {
        let mut text = Text { rest: text.as_bytes() };
        let year = text.digits(4)?;
        let is_extended = text.rest.first() == Some(&b'-');
        let separator = |text: &mut Text<'_>, byte| if is_extended { text.expect(byte) } else { Ok(()) };
        separator(&mut text, b'-')?;
        let month = text.digits(2)?;
        separator(&mut text, b'-')?;
        let day = text.digits(2)?;
        let (hour, minute, second, nanoseconds) = if text.rest.is_empty() {
            (0, 0, 0, 0)
        } else {
            text.expect_one_of(b"Tt ")?;
            text.time_of_day(is_extended)?
        };
        let tz_offset = text.offset()?;
        if !text.rest.is_empty() {
            return Err(TimestampError::Malformed);
        }
        let is_date = (1..=12).contains(&month) && (1..=days_of_month(year, month)).contains(&day);
        if !is_date || hour > 23 || minute > 59 || second > 59 {
            return Err(TimestampError::OutOfRange);
        }
        let second_of_day = i64::from(hour * 3600 + minute * 60 + second);
        let local = unix_day(year.into(), month.into(), day.into()) * SECONDS_PER_DAY + second_of_day;
        let seconds = u64::try_from(local - i64::from(tz_offset) * 60).map_err(|_| TimestampError::OutOfRange)?;
        let is_kept = tz_offset.unsigned_abs() <= OFFSET_MINUTES_MAX;
        let tz_offset = if is_kept { tz_offset } else { 0 };
        TimestampWithTimeZone { seconds, nanoseconds, tz_offset }.checked()
    }
}

struct Text<'a> {
    rest: &'a [u8],
}

impl Text<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Result<(), TimestampError> {
        if self.next() == Some(byte) { Ok(()) } else { Err(TimestampError::Malformed) }
    }

    fn expect_one_of(&mut self, bytes: &[u8]) -> Result<(), TimestampError> {
        if self.next().is_some_and(|byte| bytes.contains(&byte)) { Ok(()) } else { Err(TimestampError::Malformed) }
    }

    /// Hour, minute, second and nanoseconds.
    fn time_of_day(&mut self, is_extended: bool) -> Result<(u32, u32, u32, u32), TimestampError> {
        let separator = |text: &mut Text<'_>| if is_extended { text.expect(b':') } else { Ok(()) };
        let hour = self.digits(2)?;
        separator(self)?;
        let minute = self.digits(2)?;
        let has_seconds = self.rest.first().is_some_and(|byte| *byte == b':' || byte.is_ascii_digit());
        if !has_seconds {
            return Ok((hour, minute, 0, 0));
        }
        separator(self)?;
        let second = self.digits(2)?;
        Ok((hour, minute, second, self.fraction()?))
    }

    fn digits(&mut self, count: usize) -> Result<u32, TimestampError> {
        let mut value = 0;
        for _ in 0..count {
            let digit = self.next().filter(u8::is_ascii_digit).ok_or(TimestampError::Malformed)?;
            value = value * 10 + u32::from(digit - b'0');
        }
        Ok(value)
    }

    /// Nanoseconds of `.123`; zero where there is no point.
    fn fraction(&mut self) -> Result<u32, TimestampError> {
        if self.rest.first() != Some(&b'.') {
            return Ok(0);
        }
        self.next();
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match count {
            0 => Err(TimestampError::Malformed),
            // A tenth digit could only be dropped.
            1..=9 => Ok(self.digits(count)? * 10u32.pow(9 - count as u32)),
            _ => Err(TimestampError::OutOfRange),
        }
    }

    /// Minutes east of UTC.
    fn offset(&mut self) -> Result<i32, TimestampError> {
        let sign = match self.next() {
            None | Some(b'Z' | b'z') => return Ok(0),
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Err(TimestampError::Malformed),
        };
        let hours = self.digits(2)?;
        let minutes = match self.rest.first() {
            None => 0,
            Some(b':') => {
                self.next();
                self.digits(2)?
            }
            Some(_) => self.digits(2)?,
        };
        if minutes > 59 {
            return Err(TimestampError::OutOfRange);
        }
        Ok(sign * (hours * 60 + minutes) as i32)
    }
}

fn days_of_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

const DAYS_PER_ERA: i64 = 146_097;
/// From 0000-03-01, where eras of 400 years begin here, to 1970-01-01. A year that begins in March has its leap day last.
const DAYS_TO_EPOCH: i64 = 719_468;

/// Days since 1970-01-01 of a date of the Gregorian calendar.
fn unix_day(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH
}

/// The inverse: year, month and day.
fn civil_date(unix_day: i64) -> (i64, i64, i64) {
    let day = unix_day + DAYS_TO_EPOCH;
    let (era, day_of_era) = (day.div_euclid(DAYS_PER_ERA), day.rem_euclid(DAYS_PER_ERA));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests;

//! A point in time as an event carries it: UTC, with 3, 6 or 9 digits after the second.

use std::fmt;

/// A point in time in UTC that remembers how many digits its second has.
///
/// Ordered by time first, so `12:00:00.000Z` and `12:00:00.000000Z` differ only when all else is equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    at: jiff::Timestamp,
    digits: u8,
}

/// Why a text is not a time that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text is not an RFC 3339 date and time.
    #[error("must be a date and time as RFC 3339 writes them, such as 2026-01-15T12:00:00.000Z")]
    Malformed,
    /// The time has no zone.
    #[error("must end in Z or an offset such as +01:00")]
    NoZone,
    /// More than nine digits after the second.
    #[error("must have at most nine digits after the second")]
    TooFine,
}

impl Timestamp {
    /// Reads an RFC 3339 date and time. One to three digits after the second are kept as 3, up to six as 6, up to nine
    /// as 9. What lies after the last time that there is, in the last hours of the year 9999, is cut to it.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let bytes = text.as_bytes();
        let shape = |at: usize, b: u8| bytes.get(at) == Some(&b);
        if !(text.is_ascii() && shape(4, b'-') && shape(7, b'-') && matches!(bytes.get(10), Some(b'T' | b't' | b' '))) {
            return Err(TimeError::Malformed);
        }
        if !(shape(13, b':') && shape(16, b':')) {
            return Err(TimeError::Malformed);
        }
        let after_second = text.get(19..).ok_or(TimeError::Malformed)?;
        if !after_second.contains(['Z', 'z', '+', '-']) {
            return Err(TimeError::NoZone);
        }
        if after_second.contains(['[', ',']) {
            return Err(TimeError::Malformed);
        }
        let fraction =
            after_second.strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
        let digits = match fraction {
            0..=3 => 3,
            4..=6 => 6,
            7..=9 => 9,
            _ => return Err(TimeError::TooFine),
        };
        let at = text.parse().ok().or_else(|| after_the_last(text)).ok_or(TimeError::Malformed)?;
        Ok(Self { at, digits })
    }

    /// The time so many milliseconds after 1970-01-01T00:00:00Z, with 3 digits. Times that no calendar has are cut to
    /// the nearest that it has.
    pub fn from_millis(millis: i64) -> Self {
        let nearest = if millis < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        Self { at: jiff::Timestamp::from_millisecond(millis).unwrap_or(nearest), digits: 3 }
    }

    /// The time so many nanoseconds after 1970-01-01T00:00:00Z, with 9 digits.
    pub fn from_nanos(nanos: i64) -> Self {
        let at = jiff::Timestamp::from_nanosecond(i128::from(nanos));
        Self { at: at.unwrap_or(jiff::Timestamp::UNIX_EPOCH), digits: 9 }
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z; times beyond the years 1677 and 2262 are cut to the range of `i64`.
    pub fn nanos(&self) -> i64 {
        let nanos = self.at.as_nanosecond();
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, rounded toward the past.
    pub fn millis(&self) -> i64 {
        self.nanos().div_euclid(1_000_000)
    }
}

/// Writes a time in nanoseconds since 1970 as canonical bytes have it, with 3, 6 or 9 digits after the second. Digits
/// that do not fit are cut off.
pub fn write_nanos(nanos: i64, digits: u8, out: &mut Vec<u8>) {
    const DAY_SECONDS: i64 = 86_400;
    let seconds = nanos.div_euclid(1_000_000_000);
    let (days, second) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS) as u64);
    // From <https://howardhinnant.github.io/date_algorithms.html>: years begin in March, eras have 400 of them.
    let shifted = (days + 719_468) as u64;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let fraction = nanos.rem_euclid(1_000_000_000) as u64;
    let (width, fraction) = match digits {
        3 => (3, fraction / 1_000_000),
        6 => (6, fraction / 1_000),
        _ => (9, fraction),
    };
    let parts = [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (second / 3_600, 2, b':'),
        (second / 60 % 60, 2, b':'),
        (second % 60, 2, b'.'),
        (fraction, width, b'Z'),
    ];
    for (number, width, end) in parts {
        write_digits(number, width, out);
        out.push(end);
    }
}

fn write_digits(mut number: u64, width: usize, out: &mut Vec<u8>) {
    let mut text = [b'0'; 9];
    for slot in text.iter_mut().rev() {
        *slot = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(text.get(9 - width..).unwrap_or_default());
}

/// The last time that there is, for a text that is right but for lying after it: `jiff` ends on 9999-12-30T22:00:00Z,
/// so that every offset can be added, and `9999-12-31T23:59:59Z` is what many write for "no end".
fn after_the_last(text: &str) -> Option<jiff::Timestamp> {
    let rest = text.strip_prefix("9999-12-3")?;
    format!("9998-12-3{rest}").parse::<jiff::Timestamp>().ok().map(|_| jiff::Timestamp::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.digits {
            3 => write!(f, "{:.3}", self.at),
            6 => write!(f, "{:.6}", self.at),
            _ => write!(f, "{:.9}", self.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TimeError, Timestamp, write_nanos};

    fn shown(text: &str) -> Result<String, TimeError> {
        Timestamp::parse(text).map(|t| t.to_string())
    }

    #[test]
    fn digits_are_kept_as_three_six_or_nine() {
        assert_eq!(shown("2026-01-15T12:00:00Z").unwrap(), "2026-01-15T12:00:00.000Z");
        assert_eq!(shown("2026-01-15T12:00:00.5Z").unwrap(), "2026-01-15T12:00:00.500Z");
        assert_eq!(shown("2026-01-15T12:00:00.1234Z").unwrap(), "2026-01-15T12:00:00.123400Z");
        assert_eq!(shown("2026-01-15T12:00:00.123456789Z").unwrap(), "2026-01-15T12:00:00.123456789Z");
    }

    #[test]
    fn nanoseconds_are_written_as_a_timestamp_shows_itself() {
        let mut nanos =
            vec![0, 1, -1, 999_999_999, i64::MAX, i64::MIN, 1_709_251_199_999_999_999, 951_782_400_000_000_000];
        nanos.extend((0..20_000).map(|i: i64| i.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(12_345)));
        for nanos in nanos {
            for digits in [3, 6, 9] {
                let mut text = Vec::new();
                write_nanos(nanos, digits, &mut text);
                let at = Timestamp { at: jiff::Timestamp::from_nanosecond(i128::from(nanos)).unwrap(), digits: 9 };
                let want = at.to_string();
                let cut = format!("{}Z", &want[..20 + usize::from(digits)]);
                assert_eq!(String::from_utf8(text).unwrap(), cut, "{nanos}");
            }
        }
    }

    #[test]
    fn offsets_become_utc() {
        assert_eq!(shown("2026-01-15T12:00:00+01:00").unwrap(), "2026-01-15T11:00:00.000Z");
        assert_eq!(shown("2026-01-15t12:00:00z").unwrap(), "2026-01-15T12:00:00.000Z");
        assert_eq!(shown("2024-02-29 23:59:60Z").unwrap(), "2024-02-29T23:59:59.000Z", "a leap second is its second");
    }

    #[test]
    fn the_last_hours_of_the_year_9999_are_cut() {
        let last = "9999-12-30T22:00:00.999Z";
        assert_eq!(shown("9999-12-30T22:00:00Z").unwrap(), "9999-12-30T22:00:00.000Z");
        for text in ["9999-12-30T22:00:01Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(shown(text).unwrap(), last, "{text}");
        }
        for text in ["9999-12-32T00:00:00Z", "9999-12-31T24:00:00Z", "9999-12-31T23:59:59.Z"] {
            assert_eq!(shown(text), Err(TimeError::Malformed), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        assert_eq!(shown("2026-01-15T12:00:00"), Err(TimeError::NoZone));
        assert_eq!(shown("2026-01-15T12:00:00.1234567891Z"), Err(TimeError::TooFine));
        let malformed = [
            "",
            "yesterday",
            "2026-02-30T12:00:00Z",
            "2026-01-15",
            "2026-01-15T25:00:00Z",
            "é026-01-15T12:00:00Z",
            "2026-01-15T12:00:00,123456789Z",
            "2026-01-15T12:00:00Z[UTC]",
            "2026-01-15T12:00Z",
            "-02026-01-15T12:00:00Z",
        ];
        for text in malformed {
            assert_eq!(shown(text), Err(TimeError::Malformed), "{text}");
        }
    }

    #[test]
    fn nanoseconds_beyond_their_range_are_cut() {
        assert_eq!(Timestamp::parse("9999-12-31T23:59:59Z").unwrap().nanos(), i64::MAX);
        assert_eq!(Timestamp::parse("0001-01-01T00:00:00Z").unwrap().nanos(), i64::MIN);
    }
}

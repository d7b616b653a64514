//! Times as people read them: in the time zone of the visitor's browser, with UTC beside it.
//!
//! The browser tells its zone in a cookie, so that pages come in local time at once; without it they are in UTC.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::visit::Visit;

/// The cookie that a script of the pages sets: the IANA name of the browser's time zone.
const COOKIE: &str = "trailbook-zone";

/// The time zone of a visitor, and what time it is.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    zone: TimeZone,
    now: Zoned,
}

/// A moment in the words of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    /// For machines: RFC 3339 in UTC.
    pub(super) utc: String,
    /// `21 Nov 09:41:03.221`, with the year where it is another one.
    pub(super) local: String,
    /// `21 Nov 2026 09:41:03.221 +01:00 (08:41:03Z)`
    pub(super) full: String,
    /// `3 minutes ago`
    pub(super) relative: String,
}

impl Moment {
    /// `21 Nov 09:41`: as exact as most pages need it.
    pub(super) fn minute(&self) -> &str {
        self.local.rsplit_once(':').map_or(self.local.as_str(), |(minute, _)| minute)
    }
}

impl Clock {
    /// For whoever opens a page.
    pub(super) fn of(visit: &Visit, now_ms: i64) -> Self {
        let name = visit.cookie(COOKIE).and_then(|name| percent_encoding::percent_decode_str(name).decode_utf8().ok());
        Self::new(name.as_deref().unwrap_or("UTC"), now_ms)
    }

    /// In a zone of this IANA name; in UTC if there is none.
    pub(super) fn new(zone: &str, now_ms: i64) -> Self {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let now = Timestamp::from_millisecond(now_ms).unwrap_or_default().to_zoned(zone.clone());
        Self { zone, now }
    }

    /// The zone.
    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The name of the zone, or its distance from UTC.
    pub(super) fn zone_name(&self) -> String {
        self.zone.iana_name().map_or_else(|| self.now.offset().to_string(), str::to_owned)
    }

    /// What time it is, in milliseconds since 1970.
    pub(super) fn now_ms(&self) -> i64 {
        self.now.timestamp().as_millisecond()
    }

    /// A time of this zone.
    pub(super) fn at_ns(&self, nanos: i64) -> Zoned {
        Timestamp::from_nanosecond(nanos.into()).unwrap_or_default().to_zoned(self.zone.clone())
    }

    /// A time of this zone, written as `2026-11-21T09:41` with seconds or without, in UTC; nothing if it is none.
    pub(super) fn utc_of_local(&self, text: &str) -> Option<String> {
        let local: jiff::civil::DateTime = text.parse().ok()?;
        let at = local.to_zoned(self.zone.clone()).ok()?;
        Some(trailbook_event::Timestamp::from_millis(at.timestamp().as_millisecond()).to_string())
    }

    /// A moment, in nanoseconds since 1970, to the millisecond.
    pub(super) fn moment(&self, nanos: i64) -> Moment {
        let at = self.at_ns(nanos);
        let day = if at.year() == self.now.year() { "%-d %b" } else { "%-d %b %Y" };
        let format = |format: &str| at.strftime(format).to_string();
        let utc = at.timestamp().to_zoned(TimeZone::UTC);
        let full = format!(
            "{} ({}Z)",
            format("%-d %b %Y %H:%M:%S.%3f %:z"),
            utc.strftime(if utc.date() == at.date() { "%H:%M:%S" } else { "%-d %b %H:%M:%S" }),
        );
        Moment {
            utc: trailbook_event::Timestamp::from_nanos(nanos).to_string(),
            local: format(&format!("{day} %H:%M:%S.%3f")),
            full,
            relative: self.relative(nanos),
        }
    }

    /// The same of a time as the API writes it; the text itself if it is none.
    pub(super) fn moment_of(&self, text: &str) -> Moment {
        match trailbook_event::Timestamp::parse(text) {
            Ok(time) => self.moment(time.nanos()),
            Err(_) => {
                let text = || text.to_owned();
                Moment { utc: text(), local: text(), full: text(), relative: String::new() }
            }
        }
    }

    /// `3 minutes ago`, `in 2 days`
    fn relative(&self, nanos: i64) -> String {
        let seconds = self.now_ms().div_euclid(1_000) - nanos.div_euclid(1_000_000_000);
        let (count, unit) = match seconds.abs() {
            0..=1 => return "now".to_owned(),
            seconds @ 2..=59 => (seconds, "second"),
            seconds @ 60..=3_599 => (seconds / 60, "minute"),
            seconds @ 3_600..=86_399 => (seconds / 3_600, "hour"),
            seconds => (seconds / 86_400, "day"),
        };
        let plural = if count == 1 { "" } else { "s" };
        match seconds > 0 {
            true => format!("{count} {unit}{plural} ago"),
            false => format!("in {count} {unit}{plural}"),
        }
    }
}

/// A number with its thousands apart: `1,204`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Clock, grouped};

    const NOW_MS: i64 = 1_795_250_463_221; // 2026-11-21T08:41:03.221Z

    #[test]
    fn a_moment_is_local_and_utc_and_relative() {
        let clock = Clock::new("Europe/Berlin", NOW_MS);
        let moment = clock.moment((NOW_MS - 180_000) * 1_000_000);
        assert_eq!(moment.local, "21 Nov 09:38:03.221");
        assert_eq!(moment.full, "21 Nov 2026 09:38:03.221 +01:00 (08:38:03Z)");
        assert_eq!(moment.relative, "3 minutes ago");
        assert_eq!(clock.moment(0).local, "1 Jan 1970 01:00:00.000");
        assert_eq!(clock.moment((NOW_MS + 172_800_000) * 1_000_000).relative, "in 2 days");
        let tokyo = Clock::new("Asia/Tokyo", NOW_MS).moment((NOW_MS + 36_000_000) * 1_000_000);
        assert_eq!(clock.utc_of_local("2026-11-21T09:41").as_deref(), Some("2026-11-21T08:41:00.000Z"));
        assert_eq!(clock.utc_of_local("2026-11-21T09:41Z"), None);
        assert_eq!(tokyo.full, "22 Nov 2026 03:41:03.221 +09:00 (21 Nov 18:41:03Z)");
    }

    #[test]
    fn a_zone_that_is_none_is_utc() {
        assert_eq!(Clock::new("Mars/Olympus", NOW_MS).zone_name(), "UTC");
        assert_eq!(Clock::new("../../etc/passwd", NOW_MS).zone_name(), "UTC");
    }

    #[test]
    fn thousands_are_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_204, "1,204"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}

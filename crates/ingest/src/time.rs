//! Times as records write them.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use serde::Deserialize;

use crate::json::Json;

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TimeFormat {
    /// RFC 3339 text, text without a zone taken as UTC, or a number whose size tells its unit.
    #[default]
    Auto,
    /// Seconds since 1970, with or without a fraction.
    EpochS,
    /// Milliseconds since 1970.
    EpochMs,
    /// Microseconds since 1970.
    EpochUs,
    /// Nanoseconds since 1970.
    EpochNs,
    /// .NET ticks: 100 ns since year 1.
    Ticks,
}

/// Ticks from year 1 to 1970.
const TICKS_1970: i128 = 621_355_968_000_000_000;

/// The time that `json` writes, if it does.
pub(crate) fn read(json: &Json<'_>, format: TimeFormat) -> Option<Timestamp> {
    let text = match json {
        Json::Number(n) | Json::Text(n) => n.trim(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => return None,
    };
    let nanos = match format {
        TimeFormat::Auto => return auto(text),
        TimeFormat::EpochS => scaled(text, 9)?,
        TimeFormat::EpochMs => scaled(text, 6)?,
        TimeFormat::EpochUs => scaled(text, 3)?,
        TimeFormat::EpochNs => scaled(text, 0)?,
        TimeFormat::Ticks => scaled(text, 0)?.checked_sub(TICKS_1970)?.checked_mul(100)?,
    };
    Timestamp::from_nanosecond(nanos).ok()
}

/// The month that an English short name stands for, from 1.
pub(crate) fn month(name: &str) -> Option<i8> {
    const NAMES: &str = "janfebmaraprmayjunjulaugsepoctnovdec";
    if name.len() != 3 || !name.is_ascii() {
        return None;
    }
    let at = NAMES.find(&name.to_ascii_lowercase())?;
    at.is_multiple_of(3).then_some(at as i8 / 3 + 1)
}

/// A time without a year, as RFC 3164 writes it (`Mar  2 08:00:00`): in UTC, in the year that
/// puts it at most a day after `received`.
pub(crate) fn without_year(json: &Json<'_>, received: Timestamp) -> Option<Timestamp> {
    let mut words = json.text()?.split_ascii_whitespace();
    let month = month(words.next()?)?;
    let day: i8 = words.next()?.parse().ok()?;
    let clock: jiff::civil::Time = words.next()?.parse().ok()?;
    if words.next().is_some() {
        return None;
    }
    let latest = received.checked_add(SignedDuration::from_hours(24)).ok()?;
    let year = TimeZone::UTC.to_datetime(latest).year();
    // The 29th of February may lie several years back.
    (0..8).find_map(|back| {
        let date = jiff::civil::Date::new(year - back, month, day).ok()?;
        let time = TimeZone::UTC.to_timestamp(date.to_datetime(clock)).ok()?;
        (time <= latest).then_some(time)
    })
}

fn auto(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if let Some(whole) = scaled(text, 0) {
        // Below these bounds lie the years 1973 to 5138 in each unit.
        let digits = match whole.unsigned_abs() {
            0..100_000_000_000 => 9,
            100_000_000_000..100_000_000_000_000 => 6,
            100_000_000_000_000..100_000_000_000_000_000 => 3,
            _ => 0,
        };
        return Timestamp::from_nanosecond(scaled(text, digits)?).ok();
    }
    // No zone: UTC.
    let civil = text.parse::<DateTime>().ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

/// A decimal number times ten to the `digits`, exact; what is beyond is cut off.
fn scaled(text: &str, digits: u32) -> Option<i128> {
    if text.bytes().any(|b| matches!(b, b'e' | b'E')) {
        let number: f64 = text.parse().ok()?;
        let scaled = number * 10f64.powi(i32::try_from(digits).ok()?);
        // Far beyond any time, and far inside what the integer holds.
        return (scaled.abs() < 1e30).then_some(scaled as i128);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || whole.len() > 25 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let negative = whole.starts_with('-');
    let mut value: i128 = whole.parse().ok()?;
    let mut fraction = fraction.bytes();
    for _ in 0..digits {
        let digit = i128::from(fraction.next().map_or(0, |b| b - b'0'));
        value = value
            .checked_mul(10)?
            .checked_add(if negative { -digit } else { digit })?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_year_lies_in_the_past() {
        let received: Timestamp = "2027-03-02T08:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("Mar  2 08:00:00", Some("2027-03-02T08:00:00Z")),
            ("Mar  3 07:59:59.5", Some("2027-03-03T07:59:59.5Z")),
            ("Mar  4 08:00:00", Some("2026-03-04T08:00:00Z")),
            ("dec 31 23:59:59", Some("2026-12-31T23:59:59Z")),
            ("Feb 29 00:00:00", Some("2024-02-29T00:00:00Z")),
            ("Feb 30 00:00:00", None),
            ("Mar  2", None),
            ("anf  2 08:00:00", None),
        ] {
            let time = without_year(&Json::Text(text.into()), received);
            assert_eq!(time, expected.map(|t| t.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn times_as_records_write_them() {
        use TimeFormat::{Auto, EpochMs, EpochNs, EpochS, Ticks};
        for (text, format, expected) in [
            ("2027-03-02T08:02:00Z", Auto, "2027-03-02T08:02:00Z"),
            (
                "2027-03-02T09:02:00.5+01:00",
                Auto,
                "2027-03-02T08:02:00.5Z",
            ),
            (
                "2025-05-15 14:17:22.000000000",
                Auto,
                "2025-05-15T14:17:22Z",
            ),
            ("1795390215.9619088", Auto, "2026-11-22T23:30:15.9619088Z"),
            ("1795390215961", Auto, "2026-11-22T23:30:15.961Z"),
            ("1795390215961000000", Auto, "2026-11-22T23:30:15.961Z"),
            ("1795390215961000000", EpochNs, "2026-11-22T23:30:15.961Z"),
            ("1795390215961", EpochMs, "2026-11-22T23:30:15.961Z"),
            ("1795390215", EpochS, "2026-11-22T23:30:15Z"),
            ("638000000000000000", Ticks, "2022-09-28T22:13:20Z"),
        ] {
            let time = read(&Json::Text(text.into()), format);
            assert_eq!(time, Some(expected.parse().unwrap()), "{text}");
        }
        for bad in [
            "",
            "yesterday",
            "1e400",
            "-1e400",
            "-1e39",
            "1e38",
            "nan",
            "-9e99",
            "99999999999999999999999999",
            "-9999999999999999999999999",
        ] {
            for format in [Auto, EpochS, EpochMs, EpochNs, Ticks] {
                assert_eq!(
                    read(&Json::Text(bad.into()), format),
                    None,
                    "{bad} {format:?}"
                );
            }
        }
    }
}

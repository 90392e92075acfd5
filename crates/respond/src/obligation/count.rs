//! How periods are counted.
//!
//! Every period has two dates: [`Reading::Safe`], the most conservative, and [`Reading::Outer`],
//! the latest that can be defended. Where a calendar does not cover a year, its days count as
//! working days, which can only make a date earlier, and the gap is reported.

use jiff::{
    SignedDuration, Span, Timestamp, ZonedDateTime,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

use super::{
    Counting, Reading,
    calendar::{Calendar, Day, day},
    expr::{Period, TimeOfDay, Unit},
};

/// In which zone, with which calendar and by which rules periods are counted.
#[derive(Clone)]
pub(crate) struct Rules<'c> {
    pub(crate) zone: TimeZone,
    pub(crate) calendar: Option<&'c Calendar>,
    pub(crate) counting: Counting,
}

/// A moment that was counted, how, and what could not be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) at: Timestamp,
    pub(crate) how: String,
    pub(crate) gaps: Vec<String>,
}

/// `period` after `at`. None where the result lies outside the range of dates.
pub(crate) fn add(
    at: Timestamp,
    period: Period,
    reading: Reading,
    rules: &Rules<'_>,
) -> Option<Counted> {
    let n = i64::from(period.count);
    match period.unit {
        Unit::Hours => hours(at, n, reading, rules),
        Unit::Days => calendar_period(at, Span::new().try_days(n).ok()?, period, reading, rules),
        Unit::Weeks => calendar_period(at, Span::new().try_weeks(n).ok()?, period, reading, rules),
        Unit::Months => {
            calendar_period(at, Span::new().try_months(n).ok()?, period, reading, rules)
        }
        Unit::Years => calendar_period(at, Span::new().try_years(n).ok()?, period, reading, rules),
        Unit::BusinessDays => business_days(at, period.count, reading, rules),
    }
}

fn hours(at: Timestamp, n: i64, reading: Reading, rules: &Rules<'_>) -> Option<Counted> {
    let period = SignedDuration::try_from_hours(n)?;
    let (from, how) = match (rules.counting, reading) {
        (Counting::Eu1182, Reading::Outer) => (
            next_hour(at, &rules.zone)?,
            format!(
                "{n} hours from the next full hour: the hour of the event is not counted \
                 (Regulation 1182/71, Article 3(1))"
            ),
        ),
        (Counting::Eu1182, Reading::Safe)
        | (Counting::Plain | Counting::BusinessDays, Reading::Safe | Reading::Outer) => {
            (at, format!("{n} hours of elapsed time"))
        }
    };
    Some(Counted {
        at: from.checked_add(period).ok()?,
        how,
        gaps: Vec::new(),
    })
}

/// The beginning of the hour after the one that `at` lies in, on the clocks of `zone`.
fn next_hour(at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let offset = i64::from(zone.to_offset(at).seconds());
    let local = at.as_second().checked_add(offset)?;
    Timestamp::from_second(local.div_euclid(3600).checked_add(1)? * 3600 - offset).ok()
}

fn calendar_period(
    at: Timestamp,
    span: Span,
    period: Period,
    reading: Reading,
    rules: &Rules<'_>,
) -> Option<Counted> {
    let start = at.to_zoned_datetime(rules.zone.clone());
    let plain = start.checked_add(span).ok()?;
    match (rules.counting, reading) {
        (Counting::Eu1182, Reading::Outer) => eu_outer(&start, &plain, period, rules),
        (Counting::Eu1182, Reading::Safe)
        | (Counting::Plain | Counting::BusinessDays, Reading::Safe | Reading::Outer) => {
            Some(Counted {
                at: plain.timestamp(),
                how: format!("{period}, to the same time of the day"),
                gaps: Vec::new(),
            })
        }
    }
}

/// Regulation (EEC, Euratom) No 1182/71, Article 3(2), (4) and (5).
fn eu_outer(
    start: &ZonedDateTime,
    plain: &ZonedDateTime,
    period: Period,
    rules: &Rules<'_>,
) -> Option<Counted> {
    let mut walk = Walk::new(rules);
    let mut how = vec![format!(
        "{period} without the day of the event, to the last hour of the last day \
         (Regulation 1182/71, Article 3(1) and (2))"
    )];
    let mut last = plain.date();
    if !walk.works(last) {
        last = walk.next_working(last)?;
        how.push(format!(
            "the last day is not a working day, so the next one, {last} (Article 3(4))"
        ));
    }
    let two_days_or_more = period.unit != Unit::Days || period.count >= 2;
    if two_days_or_more {
        // Longer periods hold two working days anyway; looking at the first fortnight is enough.
        let mut day = start.date();
        let mut working = 0;
        while day < last && working < 2 {
            day = day.tomorrow().ok()?;
            working += u8::from(walk.works(day));
        }
        while working < 2 {
            last = walk.next_working(last)?;
            working += 1;
            how.push(format!(
                "extended to {last} so that it holds two working days (Article 3(5))"
            ));
        }
    }
    Some(Counted {
        at: end_of_day(last, &rules.zone)?,
        how: how.join("; "),
        gaps: walk.gaps,
    })
}

fn business_days(at: Timestamp, n: u16, reading: Reading, rules: &Rules<'_>) -> Option<Counted> {
    let mut walk = Walk::new(rules);
    let start = at.to_zoned_datetime(rules.zone.clone());
    let mut last = start.date();
    let mut off = Vec::new();
    for _ in 0..n {
        loop {
            last = last.tomorrow().ok()?;
            match walk.day(last) {
                Day::Working | Day::Uncovered => break,
                Day::Off(name) => {
                    if name != "Saturday" && name != "Sunday" {
                        off.push(format!("{last} {name}"));
                    }
                }
            }
        }
    }
    let first = start.date();
    let how = if off.is_empty() {
        format!("{n} business days after {first}, which is day 0")
    } else {
        let off = off.join(", ");
        format!("{n} business days after {first}, which is day 0; not counted: {off}")
    };
    let at = match (rules.counting, reading) {
        (Counting::Eu1182, Reading::Safe) => {
            local(last.to_datetime(start.time()), &rules.zone)?.timestamp()
        }
        (Counting::Eu1182, Reading::Outer)
        | (Counting::Plain | Counting::BusinessDays, Reading::Safe | Reading::Outer) => {
            end_of_day(last, &rules.zone)?
        }
    };
    Some(Counted {
        at,
        how,
        gaps: walk.gaps,
    })
}

/// The last second of the day that `at` lies in.
pub(crate) fn end_of_its_day(at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    end_of_day(at.to_zoned_datetime(zone.clone()).date(), zone)
}

/// The last second of the year that `at` lies in.
pub(crate) fn end_of_its_year(at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    end_of_day(
        at.to_zoned_datetime(zone.clone()).date().last_of_year(),
        zone,
    )
}

/// `at` at another time of its day. A time that clocks skip moves forward, one that they show
/// twice is the first.
pub(crate) fn at_time(at: Timestamp, time: TimeOfDay, zone: &TimeZone) -> Option<Timestamp> {
    let date = at.to_zoned_datetime(zone.clone()).date();
    let time = Time::new(time.hour, time.minute, 0, 0).ok()?;
    Some(local(date.to_datetime(time), zone)?.timestamp())
}

/// The last second of the first working day after the day of `at`, and calendar gaps.
pub(crate) fn next_working_day(
    at: Timestamp,
    rules: &Rules<'_>,
) -> Option<(Timestamp, Vec<String>)> {
    let mut walk = Walk::new(rules);
    let next = walk.next_working(at.to_zoned_datetime(rules.zone.clone()).date())?;
    Some((end_of_day(next, &rules.zone)?, walk.gaps))
}

/// Whether the day of `at` is not a working day, and calendar gaps.
pub(crate) fn is_nonworking(at: Timestamp, rules: &Rules<'_>) -> (bool, Vec<String>) {
    let mut walk = Walk::new(rules);
    let off = !walk.works(at.to_zoned_datetime(rules.zone.clone()).date());
    (off, walk.gaps)
}

fn local(at: DateTime, zone: &TimeZone) -> Option<ZonedDateTime> {
    zone.to_ambiguous_zoned_datetime(at).compatible().ok()
}

/// The second before the next day begins: clocks that skip midnight do not matter then.
fn end_of_day(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let next = local(date.tomorrow().ok()?.to_datetime(Time::midnight()), zone)?;
    next.timestamp()
        .checked_sub(SignedDuration::from_secs(1))
        .ok()
}

/// Looks up days and remembers what could not be looked up.
struct Walk<'r> {
    calendar: Option<&'r Calendar>,
    gaps: Vec<String>,
}

impl<'r> Walk<'r> {
    fn new(rules: &Rules<'r>) -> Self {
        Self {
            calendar: rules.calendar,
            gaps: Vec::new(),
        }
    }
    fn day(&mut self, date: Date) -> Day {
        let found = day(self.calendar, date);
        if found == Day::Uncovered {
            let gap = match self.calendar {
                Some(calendar) => format!(
                    "the calendar `{}` does not cover {}: its holidays are not taken into account",
                    calendar.id,
                    date.year()
                ),
                None => {
                    "there is no calendar: public holidays are not taken into account".to_owned()
                }
            };
            if !self.gaps.contains(&gap) {
                self.gaps.push(gap);
            }
        }
        found
    }
    fn works(&mut self, date: Date) -> bool {
        match self.day(date) {
            Day::Working | Day::Uncovered => true,
            Day::Off(_) => false,
        }
    }
    /// The first working day after `date`.
    fn next_working(&mut self, date: Date) -> Option<Date> {
        let mut next = date.tomorrow().ok()?;
        while !self.works(next) {
            next = next.tomorrow().ok()?;
        }
        Some(next)
    }
}

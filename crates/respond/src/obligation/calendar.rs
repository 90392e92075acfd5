//! Calendars of days that are not working days: reviewed data with the years it covers.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};

use super::Source;

/// Days besides Saturday and Sunday on which nobody works, for the years that somebody checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Its id: `us-federal`, or a member state in lower case: `ie`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Who looks after it here.
    pub owner: String,
    /// First year covered.
    pub from: i16,
    /// Last year covered.
    pub to: i16,
    /// Where the days come from.
    pub sources: Vec<Source>,
    /// The days, with their names.
    pub days: BTreeMap<Date, String>,
}

/// Whether people work on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Day {
    Working,
    /// Why not.
    Off(String),
    /// A weekday of a year that no calendar covers; nobody knows.
    Uncovered,
}

/// Whether people work on `date`; without a calendar every weekday is uncovered.
pub(crate) fn day(calendar: Option<&Calendar>, date: Date) -> Day {
    match date.weekday() {
        Weekday::Saturday => return Day::Off("Saturday".to_owned()),
        Weekday::Sunday => return Day::Off("Sunday".to_owned()),
        Weekday::Monday
        | Weekday::Tuesday
        | Weekday::Wednesday
        | Weekday::Thursday
        | Weekday::Friday => {}
    }
    match calendar {
        Some(calendar) if (calendar.from..=calendar.to).contains(&date.year()) => calendar
            .days
            .get(&date)
            .map_or(Day::Working, |name| Day::Off(name.clone())),
        Some(_) | None => Day::Uncovered,
    }
}

//! Properties of the arithmetic, and the calendars against the rules they come from.

use std::{collections::BTreeSet, sync::LazyLock};

use jiff::{
    SignedDuration, Span,
    civil::{Time, Weekday},
};
use proptest::prelude::*;

use super::{
    super::calendar::{Day, day},
    *,
};

// The second source of the calendars: the rules, not the table.

fn nth(year: i16, month: i8, weekday: Weekday, n: i8) -> Date {
    Date::new(year, month, 1)
        .unwrap()
        .nth_weekday_of_month(n, weekday)
        .unwrap()
}

fn easter(year: i16) -> Date {
    // Butcher's form of the Gregorian computus.
    let golden = i32::from(year) % 19;
    let century = i32::from(year) / 100;
    let rest = i32::from(year) % 100;
    let moon = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - moon + 15) % 30;
    let sunday = (32 + 2 * (century % 4) + 2 * (rest / 4) - epact - rest % 4) % 7;
    let late = (golden + 11 * epact + 22 * sunday) / 451;
    let day = epact + sunday - 7 * late + 114;
    Date::new(year, (day / 31) as i8, (day % 31 + 1) as i8).unwrap()
}

#[test]
fn the_calendars_are_what_the_rules_give() {
    let library = library();
    for (id, rule) in [
        (
            "us-federal",
            (|year: i16| {
                let observed = |month, day| {
                    let date = Date::new(year, month, day).unwrap();
                    match date.weekday() {
                        Weekday::Saturday => date.yesterday().unwrap(),
                        Weekday::Sunday => date.tomorrow().unwrap(),
                        _ => date,
                    }
                };
                vec![
                    observed(1, 1),
                    nth(year, 1, Weekday::Monday, 3),
                    nth(year, 2, Weekday::Monday, 3),
                    nth(year, 5, Weekday::Monday, -1),
                    observed(6, 19),
                    observed(7, 4),
                    nth(year, 9, Weekday::Monday, 1),
                    nth(year, 10, Weekday::Monday, 2),
                    observed(11, 11),
                    nth(year, 11, Weekday::Thursday, 4),
                    observed(12, 25),
                ]
            }) as fn(i16) -> Vec<Date>,
        ),
        ("ie", |year| {
            let brigid = Date::new(year, 2, 1).unwrap();
            vec![
                Date::new(year, 1, 1).unwrap(),
                if brigid.weekday() == Weekday::Friday {
                    brigid
                } else {
                    nth(year, 2, Weekday::Monday, 1)
                },
                Date::new(year, 3, 17).unwrap(),
                easter(year).tomorrow().unwrap(),
                nth(year, 5, Weekday::Monday, 1),
                nth(year, 6, Weekday::Monday, 1),
                nth(year, 8, Weekday::Monday, 1),
                nth(year, 10, Weekday::Monday, -1),
                Date::new(year, 12, 25).unwrap(),
                Date::new(year, 12, 26).unwrap(),
            ]
        }),
    ] {
        let calendar = &library.calendars[id];
        let expected: BTreeSet<Date> = (calendar.from - 1..=calendar.to + 1)
            .flat_map(rule)
            .filter(|date| (calendar.from..=calendar.to).contains(&date.year()))
            .collect();
        let table: BTreeSet<Date> = calendar.days.keys().copied().collect();
        assert_eq!(table, expected, "{id}");
    }
    assert_eq!(easter(2027), "2027-03-28".parse().unwrap());
}

#[test]
fn the_published_example_of_two_days_holds_two_working_days() {
    // MDCG 2023-3 Rev.2, question 14, applied to two, ten and fifteen days.
    let library = library();
    let rules = Rules {
        zone: zone("Europe/Dublin").unwrap(),
        calendar: library.calendars.get("ie"),
        counting: Counting::Eu1182,
    };
    let days = |from: &str, count| {
        let period = Period {
            count,
            unit: Unit::Days,
        };
        add(moment(from), period, Reading::Outer, &rules)
            .unwrap()
            .at
            .to_string()
    };
    assert_eq!(days("2026-11-20T15:20:00Z", 2), "2026-11-24T23:59:59Z");
    assert_eq!(days("2026-11-20T15:20:00Z", 10), "2026-11-30T23:59:59Z");
    assert_eq!(days("2026-11-20T15:20:00Z", 15), "2026-12-07T23:59:59Z");
    // Thursday 24 December; 25 is a holiday, 26 and 27 the weekend: Monday and Tuesday.
    assert_eq!(days("2026-12-24T15:00:00Z", 2), "2026-12-29T23:59:59Z");
}

const ZONES: &[&str] = &[
    "UTC",
    "Europe/Dublin",
    "America/New_York",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Apia",
    "America/Santiago",
];

prop_compose! {
    /// A moment of the years that the calendars cover, in a zone, counted in some way.
    fn case()(second in 1_798_000_000_i64..2_050_000_000, zone_index in 0..ZONES.len(),
              counting in 0..3_usize, table in prop_oneof![Just("us-federal"), Just("ie")])
        -> (Timestamp, &'static str, Counting, &'static str) {
        (Timestamp::from_second(second).unwrap(), ZONES[zone_index], Counting::ALL[counting], table)
    }
}

pub(super) fn rules<'l>(
    library: &'l Library,
    zone_name: &str,
    counting: Counting,
    table: &str,
) -> Rules<'l> {
    Rules {
        zone: zone(zone_name).unwrap(),
        calendar: library.calendars.get(table),
        counting,
    }
}

fn period(count: u16, unit: Unit) -> Period {
    Period { count, unit }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn hours_are_elapsed_time_and_the_zone_of_display_changes_nothing(
        (at, zone_name, counting, table) in case(), n in 1_u16..2000,
    ) {
        let library = &*LIBRARY;
        let safe = add(at, period(n, Unit::Hours), Reading::Safe, &rules(library, zone_name, counting, table)).unwrap().at;
        prop_assert_eq!(safe.duration_since(at), SignedDuration::from_hours(i64::from(n)));
        let outer = add(at, period(n, Unit::Hours), Reading::Outer, &rules(library, zone_name, counting, table)).unwrap().at;
        let more = outer.duration_since(safe);
        match counting {
            Counting::Eu1182 => {
                prop_assert!(more > SignedDuration::ZERO && more <= SignedDuration::from_hours(1));
                // The period begins with a full hour on the clocks there.
                let start = (outer - SignedDuration::from_hours(i64::from(n))).to_zoned_datetime(zone(zone_name).unwrap());
                prop_assert_eq!((start.minute(), start.second()), (0, 0));
            }
            Counting::Plain | Counting::BusinessDays => prop_assert_eq!(more, SignedDuration::ZERO),
        }
    }

    #[test]
    fn days_keep_the_time_of_the_day_but_for_gaps(
        (at, zone_name, counting, table) in case(), n in 1_u16..400,
    ) {
        let library = &*LIBRARY;
        let zone = zone(zone_name).unwrap();
        let safe = add(at, period(n, Unit::Days), Reading::Safe, &rules(library, zone_name, counting, table)).unwrap().at;
        let (before, after) = (at.to_zoned_datetime(zone.clone()), safe.to_zoned_datetime(zone.clone()));
        let wanted = before.datetime().checked_add(Span::new().days(i64::from(n))).unwrap();
        if zone.to_ambiguous_zoned_datetime(wanted).is_ambiguous() {
            prop_assert!(after.datetime() >= wanted);
        } else {
            prop_assert_eq!(after.datetime(), wanted);
        }
    }

    #[test]
    fn months_end_with_the_same_numbered_day_or_the_last(
        (at, zone_name, counting, table) in case(), n in 1_u16..30,
    ) {
        let library = &*LIBRARY;
        let zone = zone(zone_name).unwrap();
        let safe = add(at, period(n, Unit::Months), Reading::Safe, &rules(library, zone_name, counting, table)).unwrap().at;
        let (before, after) = (at.to_zoned_datetime(zone.clone()).date(), safe.to_zoned_datetime(zone).date());
        let months = |date: Date| i32::from(date.year()) * 12 + i32::from(date.month());
        prop_assert_eq!(months(after), months(before) + i32::from(n));
        prop_assert_eq!(after.day(), before.day().min(after.days_in_month()));
    }

    #[test]
    fn business_days_are_counted_one_by_one(
        (at, zone_name, counting, table) in case(), n in 1_u16..60, extra in 1_i64..80,
    ) {
        let library = &*LIBRARY;
        let mut rules = rules(library, zone_name, counting, table);
        let due = |rules: &Rules<'_>, at: Timestamp| add(at, period(n, Unit::BusinessDays), Reading::Outer, rules).unwrap().at;
        let last = due(&rules, at).to_zoned_datetime(rules.zone.clone()).date();
        let first = at.to_zoned_datetime(rules.zone.clone()).date();
        prop_assert_eq!(day(rules.calendar, last), Day::Working);
        let mut date = first;
        let mut working = 0;
        while date < last {
            date = date.tomorrow().unwrap();
            working += u16::from(day(rules.calendar, date) == Day::Working);
        }
        prop_assert_eq!(working, n);
        // Later events are never due earlier.
        prop_assert!(due(&rules, at + SignedDuration::from_hours(extra)) >= due(&rules, at));
        // One more holiday never makes it earlier.
        let before = due(&rules, at);
        let mut more = library.calendars[table].clone();
        more.days.insert(first.checked_add(Span::new().days(extra)).unwrap(), "extra".to_owned());
        rules.calendar = Some(&more);
        prop_assert!(due(&rules, at) >= before);
    }

    #[test]
    fn a_friday_and_the_saturday_after_it_are_the_same(week in 0_i64..400, n in 1_u16..20) {
        let library = &*LIBRARY;
        let rules = rules(library, "America/New_York", Counting::BusinessDays, "us-federal");
        let friday: Date = "2027-01-08".parse::<Date>().unwrap().checked_add(Span::new().weeks(week)).unwrap();
        let due = |date: Date| {
            let noon = date.to_datetime(Time::constant(12, 0, 0, 0)).to_zoned_datetime(rules.zone.clone()).unwrap();
            add(noon.timestamp(), period(n, Unit::BusinessDays), Reading::Safe, &rules).unwrap().at
        };
        prop_assert_eq!(due(friday), due(friday.tomorrow().unwrap()));
    }

    #[test]
    fn european_periods_end_with_a_working_day_and_hold_two(
        (at, zone_name, _, table) in case(), n in 2_u16..40,
    ) {
        let library = &*LIBRARY;
        let rules = rules(library, zone_name, Counting::Eu1182, table);
        let safe = add(at, period(n, Unit::Days), Reading::Safe, &rules).unwrap().at;
        let outer = add(at, period(n, Unit::Days), Reading::Outer, &rules).unwrap().at;
        prop_assert!(outer >= safe);
        let end = outer.to_zoned_datetime(rules.zone.clone());
        prop_assert_eq!(day(rules.calendar, end.date()), Day::Working);
        let next = (outer + SignedDuration::from_secs(1)).to_zoned_datetime(rules.zone.clone());
        prop_assert!(next.date() > end.date());
        let mut date = at.to_zoned_datetime(rules.zone.clone()).date();
        let mut working = 0;
        while date < end.date() {
            date = date.tomorrow().unwrap();
            working += u8::from(day(rules.calendar, date) == Day::Working);
        }
        prop_assert!(working >= 2);
    }

    #[test]
    fn the_safe_date_is_never_after_the_outer_one(
        (at, zone_name, counting, table) in case(), n in 1_u16..40, unit in 0..Unit::ALL.len(),
    ) {
        let rules = rules(&LIBRARY, zone_name, counting, table);
        let safe = add(at, period(n, Unit::ALL[unit]), Reading::Safe, &rules).unwrap().at;
        let outer = add(at, period(n, Unit::ALL[unit]), Reading::Outer, &rules).unwrap().at;
        prop_assert!(at < safe && safe <= outer, "{safe} {outer}");
    }
}

pub(super) static LIBRARY: LazyLock<Library> = LazyLock::new(library);

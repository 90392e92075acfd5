//! Files to regimes, calendars and a profile. What is wrong is said with a place; one broken file
//! never hides the others. A clock without a source does not load.

mod place;
mod regime;
mod wire;

pub(super) use place::Report;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use watchfloor_types::{Diagnostic, FactName, RegimeId};

use self::wire::Scalar;
use super::{Calendar, Example, Profile, Regime, Source};
use crate::incident::FactValue;

/// Everything that `content/obligations` holds.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// Regimes by id.
    pub regimes: BTreeMap<RegimeId, Regime>,
    /// Calendars by id.
    pub calendars: BTreeMap<String, Calendar>,
    /// Worked examples of all regimes.
    pub examples: Vec<Example>,
}

/// Reads `(path, text)` pairs: `…/calendars/<id>.yml` is a calendar, `…/<id>/regime.yml` a regime.
/// Other files are left alone.
#[must_use]
pub fn load(files: &[(String, String)]) -> (Library, Vec<Diagnostic>) {
    let mut library = Library::default();
    let mut found = Vec::new();
    for (path, text) in files {
        if path.contains("/calendars/") && is_yaml(path) {
            let mut report = Report::new(path, text);
            if let Some(calendar) = calendar(&mut report) {
                library.calendars.insert(calendar.id.clone(), calendar);
            }
            found.append(&mut report.found);
        }
    }
    let mut stages = BTreeMap::new();
    for (path, text) in files {
        if path.ends_with("/regime.yml") {
            let mut report = Report::new(path, text);
            if let Some((regime, examples)) =
                regime::read(&mut report, &library.calendars, &mut stages)
            {
                library.regimes.insert(regime.id.clone(), regime);
                library.examples.extend(examples);
            }
            found.append(&mut report.found);
        }
    }
    (library, found)
}

/// Warns of calendars that end within a year of `today`.
#[must_use]
pub fn coverage(calendars: &BTreeMap<String, Calendar>, today: Date) -> Vec<Diagnostic> {
    calendars
        .values()
        .filter(|calendar| calendar.to <= today.year() || calendar.from > today.year())
        .map(|calendar| {
            Diagnostic::warning(
                "O010",
                format!(
                    "calendar `{}` covers {} to {}; dates after that are computed without holidays",
                    calendar.id, calendar.from, calendar.to
                ),
            )
            .help("add the coming years from the sources that the calendar names")
        })
        .collect()
}

/// Reads the profile of the organisation.
#[must_use]
pub fn load_profile(path: &str, text: &str) -> (Option<Profile>, Vec<Diagnostic>) {
    let mut report = Report::new(path, text);
    let profile = report.parse::<wire::Profile>().map(|wire| {
        let mut facts = BTreeMap::new();
        for (name, scalar) in wire.facts {
            let place = report.place_of(&scalar);
            match name.parse::<FactName>() {
                Ok(fact) if name.starts_with("entity.") => {
                    if let Some(value) = value(&name, &scalar.value) {
                        facts.insert(fact, value);
                    } else {
                        report.error_at(place, "O014", format!("`{name}` is not a moment"), None);
                    }
                }
                Ok(_) | Err(_) => report.error_at(
                    place,
                    "O014",
                    format!("`{name}` is not the name of a fact about the organisation"),
                    Some("names begin with `entity.`"),
                ),
            }
        }
        Profile {
            name: wire.name,
            facts,
        }
    });
    (profile, report.found)
}

fn is_yaml(path: &str) -> bool {
    std::path::Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "yml" || extension == "yaml")
}

/// A scalar as a fact: a name that ends with `_at` holds a moment.
fn value(name: &str, scalar: &Scalar) -> Option<FactValue> {
    Some(match scalar {
        Scalar::Truth(truth) => FactValue::Bool(*truth),
        Scalar::Count(count) => FactValue::Int(*count),
        Scalar::Text(text) if name.ends_with("_at") => FactValue::Time(text.parse().ok()?),
        Scalar::Text(text) => FactValue::Text(text.clone()),
        Scalar::List(items) => FactValue::List(items.clone()),
    })
}

fn calendar(report: &mut Report<'_>) -> Option<Calendar> {
    let wire: wire::Calendar = report.parse()?;
    let sources = sources(report, &wire.sources);
    if sources.is_empty() {
        report.error(
            &wire.id,
            "O003",
            "a calendar without a source does not load",
            Some("say under `sources` where the days come from and when that was checked"),
        );
        return None;
    }
    let mut days = BTreeMap::new();
    for day in &wire.days {
        let Some(date) = report.date(&day.date) else {
            continue;
        };
        if !(wire.from..=wire.to).contains(&date.year()) {
            let text = format!("{date} lies outside the years {} to {}", wire.from, wire.to);
            report.error(&day.date, "O008", text, None);
        } else if days.insert(date, day.name.clone()).is_some() {
            report.error(&day.date, "O008", format!("{date} is named twice"), None);
        }
    }
    let years: BTreeSet<i16> = days.keys().map(|date: &Date| date.year()).collect();
    for year in wire.from..=wire.to {
        if !years.contains(&year) {
            report.error(
                &wire.id,
                "O008",
                format!("the calendar claims to cover {year} and names no day of it"),
                Some("narrow `from` and `to`, or add the days"),
            );
        }
    }
    report.clean().then(|| Calendar {
        id: wire.id.value.clone(),
        title: wire.title,
        owner: wire.owner,
        from: wire.from,
        to: wire.to,
        sources,
        days,
    })
}

/// Sources that are complete: a citation, what it says, when it was checked and how well.
fn sources(report: &mut Report<'_>, wires: &[serde_saphyr::Spanned<wire::Source>]) -> Vec<Source> {
    let mut all: Vec<Source> = Vec::new();
    for wire in wires {
        let source = &wire.value;
        let checked = report.date(&source.checked);
        let confidence = report.word(&source.confidence);
        if source.cite.trim().is_empty() {
            report.error(&source.id, "O004", "this source cites nothing", None);
        } else if source.quote.is_none() && source.says.is_none() {
            report.error(
                &source.id,
                "O004",
                "this source says nothing",
                Some("quote the text under `quote`, or put it in your own words under `says`"),
            );
        } else if all.iter().any(|other| other.id == source.id.value) {
            let text = format!("there are two sources `{}`", source.id.value);
            report.error(&source.id, "O004", text, None);
        } else if let (Some(checked), Some(confidence)) = (checked, confidence) {
            if confidence == super::Confidence::Memory {
                report.warning(
                    &source.confidence,
                    "O013",
                    "nobody has read this source; it stands here from memory",
                );
            }
            all.push(Source {
                id: source.id.value.clone(),
                cite: source.cite.clone(),
                quote: source.quote.clone(),
                says: source.says.clone(),
                checked,
                confidence,
            });
        }
    }
    all
}

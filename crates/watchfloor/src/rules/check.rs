//! What can be said of a text before it is kept: diagnostics, samples, and what it would have found
//! in the newest events.

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use watchfloor_detect::{
    Correlator, Document, Hit, Limits, Options, SampleOutcome, Scope, Scratch, allowances, remarks,
};
use watchfloor_lake::{Query, Tenants, Watch};
use watchfloor_types::{
    Diagnostic, Event, EventId, Finding, Level, MatchedField, SignedDuration, Timestamp,
};

use super::{
    admit::TEXT,
    unit::{Unit, is_called, one},
};
use crate::{
    api::backtest::narrow, api::problem::Problem, floor::Floor, rulebook::Rulebook, search,
};

/// Most events that are read.
const MOST_EVENTS: u64 = 20_000;
/// Longest that they are read.
const LONGEST: Duration = Duration::from_secs(2);
/// Matches that are shown.
const SHOWN: usize = 20;
/// Events that a correlation is told.
const MOST_COUNTED: usize = 5_000;
/// How far back events are looked for, hours: the newest first.
const WINDOWS: &[i64] = &[0, 1, 6, 24, 7 * 24, 30 * 24];

/// What was found out.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// What is wrong with the text or could be better.
    pub diagnostics: Vec<Diagnostic>,
    /// The rule, where it can be read.
    pub unit: Option<Unit>,
    /// Its samples.
    pub samples: Vec<SampleOutcome>,
    /// Newest matches first.
    pub matches: Option<Matches>,
}

/// What the text found in stored events.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// The newest, at most 20.
    pub shown: Vec<Shown>,
    /// How many there were.
    pub count: u64,
    /// Events that were read.
    pub events: u64,
    /// Back to when.
    pub from: Option<Timestamp>,
    /// Whether it ended before everything of that time was read.
    pub cut: bool,
}

/// One match.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Time of the event.
    pub time: Timestamp,
    /// The last event.
    pub event: Option<EventId>,
    /// Why.
    pub matched: Vec<MatchedField>,
}

impl Checked {
    /// Whether it could be kept.
    pub(crate) fn is_fine(&self) -> bool {
        self.unit.is_some() && self.diagnostics.iter().all(|d| d.level != Level::Error)
    }

    /// As programs get it.
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.unit.as_ref().map(|u| &u.id), "title": self.unit.as_ref().map(|u| &u.title), "hash": self.unit.as_ref().map(|u| &u.hash),
            "diagnostics": self.diagnostics,
            "samples": self.samples.iter().map(|s| json!({"name": s.name, "passed": s.passed(), "matched": s.matched})).collect::<Vec<_>>(),
            "matches": self.matches.as_ref().map(|m| json!({
                "count": m.count, "events": m.events, "from": m.from, "cut": m.cut,
                "newest": m.shown.iter().map(|s| json!({"time": s.time, "event": s.event, "matched": s.matched})).collect::<Vec<_>>(),
            })),
        })
    }
}

/// Reads a text, says what is wrong with it or could be better, runs its samples and, where it can
/// be run, looks for it in stored events.
pub(crate) async fn check(floor: &Arc<Floor>, text: &str) -> Result<Checked, Problem> {
    let (mut checked, book) = read(text, &floor.rulebook(), &floor.units.options);
    let better = remarks(TEXT, text, Scope::Own);
    let mut all = std::mem::take(&mut checked.diagnostics);
    all.extend(better.into_iter().map(|remark| remark.diagnostic));
    checked.diagnostics = allowances(TEXT, text).apply(all);
    let line = |d: &Diagnostic| d.place.as_ref().map_or(0, |p| p.line);
    checked
        .diagnostics
        .sort_by_key(|d| (std::cmp::Reverse(d.level), line(d)));
    let Some(book) = book else {
        return Ok(checked);
    };
    let permit = search::turn().await?;
    let floor = Arc::clone(floor);
    let stop = search::Stop(Arc::new(Watch::new()));
    let watch = Arc::clone(&stop.0);
    let found = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        recent(&floor, &book, &checked, &watch).map(|matches| Checked {
            matches: Some(matches),
            ..checked
        })
    })
    .await
    .map_err(|e| Problem::internal(&e))?;
    drop(stop);
    found
}

/// The same without events.
pub(crate) fn read(text: &str, book: &Rulebook, options: &Options) -> (Checked, Option<Rulebook>) {
    let (unit, diagnostics) = one(TEXT, text, options);
    let mut checked = Checked {
        diagnostics,
        ..Checked::default()
    };
    let Some(unit) = unit else {
        return (checked, None);
    };
    let own = unit.documents.clone();
    let borrowed = borrowed(&own, book.engine.documents());
    // Filters in force are a part of what a rule finds.
    let filters = book
        .running
        .values()
        .filter(|(_, other)| other.id != unit.id)
        .flat_map(|(_, other)| other.documents.iter().filter(|d| d.is_filter()).cloned());
    let documents = own.into_iter().chain(borrowed).chain(filters).collect();
    let alone = Rulebook::build(documents, Vec::new(), None);
    let about_text = |d: &&Diagnostic| d.place.as_ref().is_none_or(|p| p.file == TEXT);
    checked
        .diagnostics
        .extend(alone.diagnostics.iter().filter(about_text).cloned());
    for document in &unit.documents {
        if alone.engine.document(document.meta().id()).is_some() {
            checked.samples.extend(alone.engine.run_samples(document));
        }
    }
    checked.unit = Some(unit);
    let fine = checked.is_fine();
    (checked, fine.then_some(alone))
}

/// Rules in force that `own` refers to, directly or through others.
fn borrowed(own: &[Document], known: &[Document]) -> Vec<Document> {
    let mut out: Vec<Document> = Vec::new();
    let mut open: Vec<Document> = own.to_vec();
    while let Some(document) = open.pop() {
        for reference in document.references() {
            if own.iter().chain(&out).any(|d| is_called(d, reference)) {
                continue;
            }
            if let Some(found) = known.iter().find(|d| is_called(d, reference)) {
                out.push(found.clone());
                open.push(found.clone());
            }
        }
    }
    out
}

fn recent(
    floor: &Floor,
    book: &Rulebook,
    checked: &Checked,
    watch: &Watch,
) -> Result<Matches, Problem> {
    let engine = &book.engine;
    let own: BTreeSet<_> = checked
        .unit
        .iter()
        .flat_map(|u| u.documents.iter().map(|d| d.meta().id().clone()))
        .collect();
    let filter = narrow(book)?;
    let now = floor.clock.now();
    let began = Instant::now();
    let mut seen = Matches::default();
    let mut scratch = Scratch::new();
    let (mut hits, mut findings): (Vec<Hit>, Vec<Finding>) = (Vec::new(), Vec::new());
    let mut counted: Vec<(Event, Vec<Hit>)> = Vec::new();
    for (newer, older) in WINDOWS.iter().zip(WINDOWS.iter().skip(1)) {
        let ago = |hours: i64| {
            now.saturating_sub(SignedDuration::from_hours(hours))
                .unwrap_or(now)
        };
        let until = if *newer == 0 {
            now.saturating_add(SignedDuration::from_mins(5))
                .unwrap_or(now)
        } else {
            ago(*newer)
        };
        let query = Query {
            filter: filter.clone(),
            from: ago(*older),
            until,
            tenants: Tenants::All,
        };
        let mut cut = false;
        floor
            .lake
            .scan(&query, watch, &mut |rows| {
                for row in rows {
                    seen.events += 1;
                    engine.detect(
                        &row.event,
                        &mut scratch,
                        row.event.time,
                        &mut hits,
                        &mut findings,
                    );
                    if hits.iter().any(|h| engine.is_counted(*h)) && counted.len() < MOST_COUNTED {
                        counted.push((row.event, hits.clone()));
                    }
                }
                take(&mut seen, &own, &mut findings);
                cut = seen.events >= MOST_EVENTS || began.elapsed() >= LONGEST;
                if cut {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .map_err(|e| Problem::bad(e.to_string()))?;
        seen.from = Some(query.from);
        seen.cut = cut;
        if cut || began.elapsed() >= LONGEST {
            break;
        }
    }
    counted.sort_by_key(|(event, _)| (event.time, event.id));
    let mut correlator = Correlator::new(engine, Limits::default());
    for (event, hits) in &counted {
        correlator.feed(event, hits, &mut findings, event.time);
    }
    take(&mut seen, &own, &mut findings);
    seen.shown.sort_by_key(|s| std::cmp::Reverse(s.time));
    seen.shown.truncate(SHOWN);
    Ok(seen)
}

fn take(seen: &mut Matches, own: &BTreeSet<watchfloor_types::RuleId>, findings: &mut Vec<Finding>) {
    for finding in findings.drain(..).filter(|f| own.contains(&f.rule.id)) {
        seen.count += 1;
        seen.shown.push(Shown {
            time: finding.time,
            event: finding.events.last().copied(),
            matched: finding.matched,
        });
    }
    if seen.shown.len() > 4 * SHOWN {
        seen.shown.sort_by_key(|s| std::cmp::Reverse(s.time));
        seen.shown.truncate(SHOWN);
    }
}

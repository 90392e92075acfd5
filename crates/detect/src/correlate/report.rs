//! From a window whose condition holds to a finding, and to what it contributes further out.

use std::sync::Arc;

use jiff::Timestamp;
use watchfloor_types::{EventId, Finding, FindingKind, MatchedField, Tlp, Value};

use super::{
    facts::{Origin, time_of},
    group::{Group, Ready},
    judge::present,
    plan::Planned,
    tally::Tally,
    window::{Entry, Window},
};
use crate::{
    finding::{self, ENTITY_FIELDS, MAX_EVENTS, capped},
    rule::{Aggregate, Judged},
};

/// Most entities of one finding.
const MAX_ENTITIES: usize = 64;

/// A correlation that fired, on its way to those that refer to it.
#[derive(Debug)]
pub(super) struct Fired {
    pub(super) at: usize,
    pub(super) time: i64,
    pub(super) events: Vec<EventId>,
    pub(super) origin: Arc<Origin>,
    pub(super) entities: Vec<(String, Value)>,
    /// As the correlation's outlet names them.
    pub(super) values: Vec<Option<Box<str>>>,
}

/// Makes the finding, if the correlation gives any of its own, and what it contributes.
pub(super) fn report(
    correlation: &Planned,
    group: &Group,
    ready: &Ready,
    now: Timestamp,
    out: &mut Vec<Finding>,
) -> Option<Fired> {
    let (used, figure, before) = used(correlation, group, ready)?;
    let (first, last) = (used.first()?, used.last()?);
    let mut events: Vec<EventId> = Vec::with_capacity(used.len().min(MAX_EVENTS));
    for event in used.iter().flat_map(|e| e.events()) {
        if events.len() >= MAX_EVENTS {
            break;
        }
        events.push(*event);
    }
    dedup(&mut events);
    let entities = entities(group, first.time, last.time);
    let mark = finding::common_mark(used.iter().map(|e| e.origin.mark.as_ref()));
    let meta = &correlation.meta;
    if correlation.emits {
        let time = time_of(last.time);
        out.push(Finding {
            id: finding::id(meta, time, &events),
            kind: FindingKind::Correlation,
            rule: finding::rule_ref(meta),
            severity: meta.severity,
            tenant: last.origin.tenant.clone(),
            source: last.origin.source.clone(),
            time,
            detected: now,
            events: events.clone(),
            matched: matched(correlation, group, &used, figure, before),
            techniques: meta.techniques.clone(),
            entities: entities.clone(),
            runbook: meta.runbook.as_ref().map(ToString::to_string),
            tlp: Tlp::Clear,
            mark: mark.clone(),
        });
    }
    if correlation.outlet.to.is_empty() {
        return None;
    }
    let passed = last
        .more
        .as_ref()
        .map(|m| m.passed.as_ref())
        .unwrap_or_default();
    let values = correlation
        .outlet
        .names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let own = passed.get(at).and_then(Option::as_ref);
            // A correlation further out may group by a name that is an alias in this one.
            own.cloned().or_else(|| {
                let place = correlation
                    .spec
                    .group_by
                    .iter()
                    .position(|g| **g == **name)?;
                group.shown.get(place).cloned()
            })
        })
        .collect();
    Some(Fired {
        at: group.at,
        time: last.time,
        events,
        origin: Arc::new(Origin {
            tenant: last.origin.tenant.clone(),
            source: last.origin.source.clone(),
            mark,
        }),
        entities,
        values,
    })
}

type Used<'a> = (Vec<&'a Entry>, f64, Option<&'a str>);

/// The contributions that made it up.
fn used<'a>(correlation: &Planned, group: &'a Group, ready: &'a Ready) -> Option<Used<'a>> {
    match ready {
        Ready::Window { at, figure } => {
            let window = group.windows.get(*at)?;
            Some((of_window(correlation, window), *figure, None))
        }
        Ready::Over { window, figure } => Some((of_window(correlation, window), *figure, None)),
        Ready::Ahead {
            from,
            until,
            figure,
        } => {
            let entries = &group.windows.first()?.entries;
            let used = entries.iter().skip(*from).take_while(|e| e.time <= *until);
            Some((used.collect(), *figure, None))
        }
        Ready::Memory { before } => {
            let window = group.windows.first()?;
            Some((window.entries.iter().collect(), 1.0, before.as_deref()))
        }
    }
}

fn of_window<'a>(correlation: &Planned, window: &'a Window) -> Vec<&'a Entry> {
    let chain = match (&correlation.spec.aggregate, &correlation.spec.condition) {
        (Aggregate::TemporalOrdered, Judged::Figure(_)) => {
            window.chain(&vec![1; correlation.spec.rules.len()])
        }
        (Aggregate::TemporalOrdered, Judged::Expression(..)) => {
            window.chain(&present(&correlation.wants, |p| window.count(p)))
        }
        _ => None,
    };
    if let Some(chain) = chain {
        return chain;
    }
    match &window.tally {
        Tally::Near(near) => window
            .entries
            .iter()
            .filter(|e| near.is_near(e.value))
            .collect(),
        Tally::Count
        | Tally::Values(_)
        | Tally::Numbers(_)
        | Tally::Places(_)
        | Tally::Ordered(_) => window.entries.iter().collect(),
    }
}

/// Keeps the first of equal events.
fn dedup(events: &mut Vec<EventId>) {
    let mut seen = hashbrown::HashSet::with_capacity(events.len());
    events.retain(|event| seen.insert(*event));
}

/// The entities seen between two times, newest first.
fn entities(group: &Group, from: i64, until: i64) -> Vec<(String, Value)> {
    let mut within: Vec<_> = group
        .entities
        .iter()
        .filter(|e| (from..=until).contains(&e.time))
        .collect();
    within.sort_by_key(|e| (std::cmp::Reverse(e.time), e.rank));
    within
        .iter()
        .take(MAX_ENTITIES)
        .filter_map(|e| {
            let name = ENTITY_FIELDS.get(usize::from(e.rank))?;
            Some(((*name).to_owned(), e.value.clone()))
        })
        .collect()
}

/// The group, the figure, and the first matches that made it up.
fn matched(
    correlation: &Planned,
    group: &Group,
    used: &[&Entry],
    figure: f64,
    before: Option<&str>,
) -> Vec<MatchedField> {
    let Some(event) = used.last().and_then(|e| e.events().last()).copied() else {
        return Vec::new();
    };
    let spec = &correlation.spec;
    let mut out = Vec::new();
    for (name, value) in spec.group_by.iter().zip(&group.shown) {
        out.push(MatchedField {
            field: name.clone(),
            value: capped(value).to_owned(),
            predicate: "group-by".to_owned(),
            event,
        });
    }
    let fields = spec.aggregate.fields();
    let value = match (&spec.aggregate, &group.memory) {
        (Aggregate::NewValue { .. } | Aggregate::ChangedValue(_), Some(memory)) => {
            let new = memory.newest.as_deref().map(readable).unwrap_or_default();
            match before {
                Some(before) => format!("{} → {new}", readable(before)),
                None => new,
            }
        }
        _ => figure.to_string(),
    };
    out.push(MatchedField {
        field: if fields.is_empty() {
            "(events)".to_owned()
        } else {
            fields.join(", ")
        },
        value: capped(&value).to_owned(),
        predicate: correlation.words.clone(),
        event,
    });
    for entry in used.iter().take(16) {
        if let Some(event) = entry.events().first() {
            let title = correlation.titles.get(usize::from(entry.place));
            out.push(MatchedField {
                field: "(rule)".to_owned(),
                value: capped(title.map_or("", |t| t)).to_owned(),
                predicate: "matched".to_owned(),
                event: *event,
            });
        }
    }
    out
}

/// The values in a key, for people: every second part is one.
fn readable(key: &str) -> String {
    let parts: Vec<&str> = key.split('\u{1f}').skip(1).step_by(2).collect();
    parts.join(", ")
}

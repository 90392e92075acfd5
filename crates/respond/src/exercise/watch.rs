//! Sees in the entries of all modules that something was done which an inject expects.
//!
//! Entries are compared in their JSON form. That form is a promise to journals already written, so
//! that content may name it, and a new kind of act needs no code here.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use watchfloor_types::{AlertId, ExerciseId, IncidentId, UserId};

use super::{About, Entry, EntryPattern, Expected, Play, Shown};
use crate::{Decision, State, alert::Alert};

pub(super) fn react(state: &State, entry: &crate::Entry, now: Timestamp) -> Decision {
    let mut all = Decision::nothing();
    let mut seen = None;
    for play in state.exercises.live() {
        // Read once, and only if somebody plays.
        let seen = seen.get_or_insert_with(|| Seen::new(state, entry));
        if seen.exercise == Some(play.id) {
            all.entries.extend(met(state, play, seen, now));
        }
    }
    all
}

/// An entry as patterns see it.
struct Seen {
    module: String,
    kind: String,
    /// The entry, and under `alert`, `draft` and `run` what the thing it names is.
    fields: Value,
    about: Value,
    exercise: Option<ExerciseId>,
    alert: Option<AlertId>,
}

impl Seen {
    fn new(state: &State, entry: &crate::Entry) -> Self {
        let mut json = serde_json::to_value(entry).unwrap_or_default();
        let text =
            |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let module = text(json.get("module"));
        let fields = json.get_mut("entry").map(Value::take).unwrap_or_default();
        let subject = super::subject::of(state, &fields);
        Self {
            module,
            kind: text(fields.get("type")),
            exercise: subject.exercise,
            alert: subject.alert,
            about: subject.about,
            fields,
        }
    }

    /// What stands at a dotted path in what the entry is about, else in the entry.
    fn get(&self, path: &str) -> Option<&Value> {
        let walk = |root| {
            path.split('.')
                .try_fold(root, |value: &Value, key| value.get(key))
        };
        walk(&self.about).or_else(|| walk(&self.fields))
    }
}

fn met<'p>(
    state: &'p State,
    play: &'p Play,
    seen: &'p Seen,
    now: Timestamp,
) -> impl Iterator<Item = crate::Entry> + 'p {
    play.progress
        .iter()
        .filter_map(|(id, progress)| Some((play.plan.inject(id)?, progress)))
        .flat_map(move |(inject, progress)| {
            inject
                .expects
                .iter()
                .filter(move |expected| !progress.met.contains_key(&expected.id))
                .filter(move |expected| match &expected.what {
                    Expected::Entry { patterns } => patterns
                        .iter()
                        .any(|pattern| fits(state, play, inject, pattern, seen)),
                    Expected::Finding { .. } | Expected::Quiet | Expected::Judgement => false,
                })
                .map(move |expected| {
                    let after = play.clock.play_time(now).saturating_sub(inject.at);
                    crate::Entry::Exercise(Entry::Met {
                        exercise: play.id,
                        inject: inject.id.clone(),
                        expectation: expected.id.clone(),
                        after: after.max(SignedDuration::ZERO),
                        shown_by: shown(seen),
                    })
                })
        })
}

fn fits(
    state: &State,
    play: &Play,
    inject: &super::Inject,
    pattern: &EntryPattern,
    seen: &Seen,
) -> bool {
    pattern.module == seen.module
        && pattern.kind == seen.kind
        && pattern
            .fields
            .iter()
            .all(|(path, wanted)| seen.get(path).is_some_and(|found| equal(found, wanted)))
        && match pattern.about {
            About::Exercise => true,
            About::Inject => seen
                .alert
                .and_then(|alert| state.alerts.get(alert))
                .is_some_and(|alert| holds(play, inject, alert)),
        }
}

/// Equal, or the one value that is wanted is among those found.
fn equal(found: &Value, wanted: &Value) -> bool {
    found == wanted
        || found.as_array().is_some_and(|items| items.contains(wanted))
        || matches!((found, wanted), (Value::String(a), Value::String(b)) if a.trim() == b.trim())
}

/// Whether the alert holds an event of the inject.
pub(super) fn holds(play: &Play, inject: &super::Inject, alert: &Alert) -> bool {
    let events = play.events(&inject.id);
    alert
        .findings
        .iter()
        .any(|finding| finding.events.iter().any(|id| events.contains(id)))
}

fn shown(seen: &Seen) -> Shown {
    const IDS: &[&str] = &[
        "alert", "decision", "draft", "incident", "inject", "item", "run", "stage", "step",
    ];
    let by = ["by", "author"]
        .iter()
        .find_map(|key| seen.fields.get(key))
        .or_else(|| seen.fields.pointer("/fact/by"))
        .or_else(|| seen.fields.pointer("/determination/by"))
        .or_else(|| seen.fields.pointer("/filing/by"))
        .and_then(|by| by.get("user"))
        .and_then(Value::as_str);
    Shown {
        entry: format!("{}/{}", seen.module, seen.kind),
        ids: IDS
            .iter()
            .filter_map(|key| {
                let id = seen.fields.get(key)?.as_str()?;
                Some(((*key).to_owned(), id.to_owned()))
            })
            .collect(),
        by: by.and_then(|user| user.parse::<UserId>().ok()),
    }
}

/// The incident of an exercise: the oldest that is open, else the oldest.
pub(super) fn incident_of(state: &State, exercise: ExerciseId) -> Option<IncidentId> {
    let mut ours = state
        .incidents
        .iter()
        .filter(|incident| incident.exercise == Some(exercise) && incident.merged_into.is_none());
    let first = ours.next()?;
    if first.is_open() {
        return Some(first.id);
    }
    ours.find(|incident| incident.is_open())
        .map_or(Some(first.id), |incident| Some(incident.id))
}

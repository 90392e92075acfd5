//! What is wrong with an exercise: the text by itself, and its references to other content.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use serde_saphyr::Location;
use uuid::Uuid;
use watchfloor_types::{Diagnostic, ExerciseId, ObligationId, Place, RuleId, RunbookId, SourceId};

use super::{
    InjectKind, Plan,
    fill::fill,
    read::{Kind, Wire, WireExpectation, WireInject, minutes, place, record_text, split_entry},
};

/// An inject that is not a jump may move the story by this much, to start on the full hour.
const DRIFT: SignedDuration = SignedDuration::from_mins(10);

/// Ids of other content that an exercise may name.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Rules.
    pub rules: BTreeSet<RuleId>,
    /// Runbooks.
    pub runbooks: BTreeSet<RunbookId>,
    /// Sources.
    pub sources: BTreeSet<SourceId>,
    /// Stages of obligations.
    pub clocks: BTreeSet<ObligationId>,
}

/// References of `plan` to content that is not there: `E006` to `E009`.
#[must_use]
pub fn lint(plan: &Plan, known: &Known) -> Vec<Diagnostic> {
    let places = &plan.places;
    let mut found = Vec::new();
    unknown("E006", "rule", &places.rules, &known.rules, &mut found);
    unknown(
        "E007",
        "runbook",
        &places.runbooks,
        &known.runbooks,
        &mut found,
    );
    unknown(
        "E008",
        "source",
        &places.sources,
        &known.sources,
        &mut found,
    );
    unknown(
        "E009",
        "obligation stage",
        &places.clocks,
        &known.clocks,
        &mut found,
    );
    found
}

fn unknown<Id: Ord + std::fmt::Display>(
    code: &str,
    what: &str,
    named: &BTreeMap<Id, Place>,
    known: &BTreeSet<Id>,
    found: &mut Vec<Diagnostic>,
) {
    for (id, place) in named.iter().filter(|(id, _)| !known.contains(id)) {
        let help = known
            .iter()
            .map(|k| (distance(&k.to_string(), &id.to_string()), k))
            .filter(|(distance, _)| *distance <= 3)
            .min_by_key(|(distance, _)| *distance)
            .map_or_else(
                || format!("there are {} of them in content/", known.len()),
                |(_, near)| format!("did you mean `{near}`?"),
            );
        found.push(
            Diagnostic::error(code, format!("no {what} `{id}`"))
                .at(place.clone())
                .help(help),
        );
    }
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = i;
        let mut left = i + 1;
        for (slot, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let here = (before + usize::from(x != y)).min(*slot + 1).min(left + 1);
            before = *slot;
            *slot = here;
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// What is wrong with the text by itself.
pub(super) fn lint_text(file: &str, wire: &Wire) -> Vec<Diagnostic> {
    let mut lint = Lint {
        file,
        found: Vec::new(),
    };
    lint.points(wire);
    lint.order(wire);
    lint.ids(wire);
    lint.references(wire);
    for inject in wire.injects.iter().chain(&wire.distractors) {
        lint.inject(inject);
    }
    lint.story(wire);
    lint.script(wire);
    lint.found
        .sort_by_key(|d| d.place.as_ref().map(|p| (p.line, p.column)));
    lint.found
}

struct Lint<'t> {
    file: &'t str,
    found: Vec<Diagnostic>,
}

impl Lint<'_> {
    fn error(&mut self, code: &str, at: Location, message: String, help: &str) {
        let at = place(self.file, at);
        self.found
            .push(Diagnostic::error(code, message).at(at).help(help));
    }

    /// `E002`: points of injects add up to those of their group, those of groups to 100.
    fn points(&mut self, wire: &Wire) {
        let mut all = 0;
        for group in &wire.groups {
            let sum: u32 = wire
                .injects
                .iter()
                .filter(|inject| inject.group.as_ref().map(|g| &g.value) == Some(&group.id.value))
                .flat_map(|inject| &inject.expect)
                .map(|expected| expected.points)
                .sum();
            all += group.points.value;
            if sum != group.points.value {
                self.error(
                    "E002",
                    group.points.referenced,
                    format!(
                        "group `{}` has {} points, its injects have {sum}",
                        group.id.value, group.points.value
                    ),
                    "make the two equal",
                );
            }
        }
        if all != 100
            && let Some(last) = wire.groups.last()
        {
            self.error(
                "E002",
                last.points.referenced,
                format!("the groups have {all} points together"),
                "an exercise is worth 100 points",
            );
        }
    }

    /// `E003`: injects are in the order of play time and within its length.
    fn order(&mut self, wire: &Wire) {
        for list in [&wire.injects, &wire.distractors] {
            let mut last = 0;
            for inject in list {
                if inject.minute.value < last {
                    self.error(
                        "E003",
                        inject.minute.referenced,
                        format!("minute {} stands after minute {last}", inject.minute.value),
                        "put injects in the order of play time",
                    );
                }
                last = inject.minute.value.max(last);
            }
        }
        for minute in wire
            .injects
            .iter()
            .chain(&wire.distractors)
            .map(|inject| &inject.minute)
            .chain(wire.players.iter().map(|act| &act.minute))
            .filter(|minute| minute.value > wire.length.value)
        {
            self.error(
                "E003",
                minute.referenced,
                format!("minute {} is after the end", minute.value),
                &format!("the play is {} minutes long", wire.length.value),
            );
        }
    }

    /// `E004`: an id stands once.
    fn ids(&mut self, wire: &Wire) {
        let objectives = wire
            .objectives
            .iter()
            .map(|o| (&*o.id.value, o.id.referenced));
        let groups = wire.groups.iter().map(|g| (&*g.id.value, g.id.referenced));
        let roles = wire.roles.iter().map(|r| (&*r.id.value, r.id.referenced));
        let injects = wire
            .injects
            .iter()
            .chain(&wire.distractors)
            .map(|i| (i.id.value.as_str(), i.id.referenced));
        self.once("objective", objectives);
        self.once("group", groups);
        self.once("role", roles);
        self.once("inject", injects);
        for inject in wire.injects.iter().chain(&wire.distractors) {
            let expected = inject
                .expect
                .iter()
                .map(|e| (&*e.id.value, e.id.referenced));
            self.once("expectation", expected);
        }
    }

    fn once<'i>(&mut self, what: &str, ids: impl Iterator<Item = (&'i str, Location)>) {
        let mut seen = BTreeSet::new();
        for (id, at) in ids {
            if !seen.insert(id) {
                let message = format!("there are two of {what} `{id}`");
                self.error("E004", at, message, "rename one");
            }
        }
    }

    /// `E005`: objectives, groups and roles are those of the plan.
    fn references(&mut self, wire: &Wire) {
        let objectives: Vec<&str> = wire.objectives.iter().map(|o| &*o.id.value).collect();
        let groups: Vec<&str> = wire.groups.iter().map(|g| &*g.id.value).collect();
        let roles: Vec<&str> = wire.roles.iter().map(|r| &*r.id.value).collect();
        for inject in wire.injects.iter().chain(&wire.distractors) {
            if let Some(objective) = &inject.objective {
                self.one_of(
                    "objective",
                    &objective.value,
                    objective.referenced,
                    &objectives,
                );
            }
            if let Some(group) = &inject.group {
                self.one_of("group", &group.value, group.referenced, &groups);
            }
            let worth = inject.expect.iter().map(|e| e.points).sum::<u32>();
            if inject.group.is_none() && worth > 0 {
                self.error(
                    "E005",
                    inject.id.referenced,
                    format!("inject `{}` has points and no group", inject.id.value),
                    "name the group that they count in",
                );
            }
        }
        for act in &wire.players {
            self.one_of("role", &act.role.value, act.role.referenced, &roles);
        }
    }

    fn one_of(&mut self, what: &str, id: &str, at: Location, known: &[&str]) {
        if !known.contains(&id) {
            let message = format!("no {what} `{id}` in this exercise");
            self.error("E005", at, message, &format!("one of {}", known.join(", ")));
        }
    }

    fn inject(&mut self, inject: &WireInject) {
        let sends = match inject.kind.value {
            InjectKind::Telemetry | InjectKind::Distractor => true,
            InjectKind::Context
            | InjectKind::Message
            | InjectKind::Decision
            | InjectKind::Clock
            | InjectKind::Jump => false,
        };
        if sends == inject.emit.is_empty() {
            let (message, help) = if sends {
                ("sends nothing", "add `emit` with a source and records")
            } else {
                ("sends records", "only telemetry and distractors do")
            };
            self.error(
                "E010",
                inject.id.referenced,
                format!(
                    "inject `{}` of type {} {message}",
                    inject.id.value, inject.kind.value
                ),
                help,
            );
        }
        for record in inject.emit.iter().flat_map(|emission| &emission.records) {
            self.record(&record_text(&record.value), record.referenced);
        }
        for expected in &inject.expect {
            self.expectation(inject, expected);
        }
        let wanted = match inject.kind.value {
            InjectKind::Telemetry => Some(Kind::Finding),
            InjectKind::Distractor => Some(Kind::Quiet),
            InjectKind::Context
            | InjectKind::Message
            | InjectKind::Decision
            | InjectKind::Clock
            | InjectKind::Jump => None,
        };
        if let Some(wanted) = wanted
            && inject
                .expect
                .iter()
                .filter(|e| e.is.value == wanted)
                .count()
                != 1
        {
            self.error(
                "E010",
                inject.id.referenced,
                format!(
                    "inject `{}` of type {} needs exactly one expectation of its kind",
                    inject.id.value, inject.kind.value
                ),
                "telemetry expects a `finding`, a distractor `quiet`",
            );
        }
    }

    /// `E011`: a record is a JSON object once its placeholders are filled in. `E016`: it does not
    /// say that it is of an exercise, or a rule could see it.
    fn record(&mut self, record: &str, at: Location) {
        let nobody = ExerciseId::from_uuid(Uuid::nil());
        match fill(record, nobody, Timestamp::UNIX_EPOCH) {
            Err(error) => self.error(
                "E011",
                at,
                error.to_string(),
                "docs/exercises.md lists the placeholders",
            ),
            Ok(filled) => match serde_json::from_str::<serde_json::Value>(&filled) {
                Ok(serde_json::Value::Object(_)) => {}
                Ok(_) => self.error(
                    "E011",
                    at,
                    "a record is not a JSON object".to_owned(),
                    "write { … }",
                ),
                Err(error) => self.error(
                    "E011",
                    at,
                    format!("a record is not JSON: {error}"),
                    "write a map, or JSON in a block text",
                ),
            },
        }
        let lower = record.to_lowercase();
        for word in ["exercise", "drill", "watchfloor", "inject_id"] {
            if lower.contains(word) {
                self.error(
                    "E016",
                    at,
                    format!("a record says `{word}`"),
                    "the mark is in the envelope; a record must look like a real one",
                );
            }
        }
    }

    fn expectation(&mut self, inject: &WireInject, expected: &WireExpectation) {
        let here = expected.id.referenced;
        let id = &expected.id.value;
        if !expected.within.value.is_positive() {
            let message = format!("the limit of `{id}` is not positive");
            self.error(
                "E014",
                expected.within.referenced,
                message,
                "write `2m` or `90s`",
            );
        }
        let (rules, patterns) = (!expected.rules.is_empty(), !expected.any_of.is_empty());
        let (need_rules, need_patterns) = match expected.is.value {
            Kind::Finding => (true, false),
            Kind::Entry => (false, true),
            Kind::Quiet | Kind::Judgement => (false, false),
        };
        if (rules, patterns) != (need_rules, need_patterns) {
            self.error(
                "E014",
                here,
                format!(
                    "`{id}` of inject `{}` does not say what shows it",
                    inject.id.value
                ),
                "`finding` has `rules`, `entry` has `any-of`, `quiet` and `judgement` have neither",
            );
        }
        for pattern in &expected.any_of {
            let (module, kind) = split_entry(&pattern.entry.value);
            if let Err(help) = known_entry(module, kind) {
                let message = format!("no entry `{}`", pattern.entry.value);
                self.error("E013", pattern.entry.referenced, message, &help);
            }
        }
    }

    /// `E012`: the story never goes back, and goes forward by a jump.
    fn story(&mut self, wire: &Wire) {
        let mut jumped = SignedDuration::ZERO;
        for inject in &wire.injects {
            let running = wire
                .start
                .saturating_add(minutes(inject.minute.value))
                .and_then(|at| at.saturating_add(jumped))
                .unwrap_or(wire.start);
            let Some(scenario) = &inject.scenario else {
                if inject.kind.value == InjectKind::Jump {
                    self.error(
                        "E012",
                        inject.id.referenced,
                        format!("jump `{}` does not say where to", inject.id.value),
                        "give `scenario`",
                    );
                }
                continue;
            };
            let ahead = scenario.value.duration_since(running);
            let is_jump = inject.kind.value == InjectKind::Jump;
            if ahead.is_negative() {
                self.error(
                    "E012",
                    scenario.referenced,
                    format!("the story is at {running} by then"),
                    "time in the story does not go back",
                );
            } else if ahead > DRIFT && !is_jump {
                self.error(
                    "E012",
                    scenario.referenced,
                    format!("the story is at {running} by then and would jump"),
                    "put an inject of type jump before",
                );
            } else {
                jumped = jumped.saturating_add(ahead);
            }
        }
    }

    /// `E015`: the script is in order and names injects of the plan.
    fn script(&mut self, wire: &Wire) {
        let mut last = 0;
        for scripted in &wire.players {
            if scripted.minute.value < last {
                self.error(
                    "E015",
                    scripted.minute.referenced,
                    format!(
                        "minute {} stands after minute {last}",
                        scripted.minute.value
                    ),
                    "put acts in the order of play time",
                );
            }
            last = scripted.minute.value.max(last);
            if let Some(named) = scripted.act.inject() {
                let given = wire
                    .injects
                    .iter()
                    .chain(&wire.distractors)
                    .find(|inject| inject.id.value == *named);
                match given {
                    None => self.error(
                        "E015",
                        scripted.role.referenced,
                        format!("no inject `{named}` in this exercise"),
                        "name an inject by its id",
                    ),
                    Some(inject) if inject.minute.value > scripted.minute.value => self.error(
                        "E015",
                        scripted.minute.referenced,
                        format!(
                            "inject `{named}` is given only at minute {}",
                            inject.minute.value
                        ),
                        "act after the inject",
                    ),
                    Some(_) => {}
                }
            }
        }
    }
}

/// Whether the journal knows entries of this module and type; else what it knows.
fn known_entry(module: &str, kind: &str) -> Result<(), String> {
    // The journal's own reader is asked, so that the list cannot go stale. Fields are missing on
    // purpose: only a complaint about the names counts.
    let probe = json!({"module": module, "entry": {"type": kind}});
    match serde_json::from_value::<crate::Entry>(probe) {
        Ok(_) => Ok(()),
        Err(error) => {
            let said = error.to_string();
            match said.strip_prefix("unknown variant ") {
                Some(rest) => Err(rest
                    .split_once(", ")
                    .map_or(rest, |(_, list)| list)
                    .to_owned()),
                None => Ok(()),
            }
        }
    }
}

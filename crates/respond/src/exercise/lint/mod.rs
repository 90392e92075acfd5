//! What is wrong with an exercise: the text by itself, and its references to other content.

mod inject;

use std::collections::{BTreeMap, BTreeSet};

use serde_saphyr::Location;
use watchfloor_types::{Diagnostic, ObligationId, Place, RuleId, RunbookId, SourceId};

use super::{
    Plan,
    read::{Wire, place},
};

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
}

#[cfg(test)]
mod tests;

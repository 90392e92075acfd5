//! `content/exercises/<id>/exercise.yml` to a [`Plan`].

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};
use watchfloor_types::{
    Diagnostic, ExercisePlanId, InjectId, ObligationId, Place, Role, RuleId, RunbookId, SourceId,
    TenantId, UserId,
};

use super::{
    About, Act, Emission, EntryPattern, Expectation, Expected, Group, Inject, InjectKind,
    Objective, Plan, PlanRole, Points, Scripted, lint::lint_text, plan::Places,
};

/// Reads an exercise. The plan is there whenever the text has the right shape; what else is wrong
/// is in the diagnostics, and a plan with an error among them must not be played.
#[must_use]
pub fn parse(file: &str, text: &str) -> (Option<Plan>, Vec<Diagnostic>) {
    match serde_saphyr::from_str::<Wire>(text) {
        Ok(wire) => {
            let found = lint_text(file, &wire);
            (Some(plan(file, text, wire)), found)
        }
        Err(error) => (None, vec![shape(file, &error)]),
    }
}

fn shape(file: &str, error: &serde_saphyr::Error) -> Diagnostic {
    let message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    let first = message.lines().next().unwrap_or_default().to_owned();
    let said = Diagnostic::error("E001", first)
        .help("docs/exercises.md lists the keys and what each may hold");
    match error.location() {
        Some(location) => said.at(place(file, location)),
        None => said,
    }
}

pub(in crate::exercise) fn place(file: &str, location: Location) -> Place {
    Place {
        file: file.to_owned(),
        line: (location.line() as u32).max(1),
        column: (location.column() as u32).max(1),
        length: (location.span().len() as u32).max(1),
    }
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::exercise) struct Wire {
    id: ExercisePlanId,
    version: String,
    title: String,
    summary: String,
    owner: UserId,
    #[serde(default)]
    references: Vec<String>,
    atlas: String,
    pub(in crate::exercise) start: Timestamp,
    /// Minutes of play time.
    pub(in crate::exercise) length: Spanned<u32>,
    pub(in crate::exercise) objectives: Vec<WireObjective>,
    pub(in crate::exercise) groups: Vec<WireGroup>,
    pub(in crate::exercise) roles: Vec<WireRole>,
    pub(in crate::exercise) injects: Vec<WireInject>,
    #[serde(default)]
    pub(in crate::exercise) distractors: Vec<WireInject>,
    #[serde(default)]
    pub(in crate::exercise) players: Vec<WireScripted>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::exercise) struct WireObjective {
    pub(in crate::exercise) id: Spanned<String>,
    title: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::exercise) struct WireGroup {
    pub(in crate::exercise) id: Spanned<String>,
    title: String,
    pub(in crate::exercise) points: Spanned<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::exercise) struct WireRole {
    pub(in crate::exercise) id: Spanned<String>,
    title: String,
    roles: Vec<Role>,
    user: UserId,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::exercise) struct WireInject {
    pub(in crate::exercise) id: Spanned<InjectId>,
    #[serde(rename = "type")]
    pub(in crate::exercise) kind: Spanned<InjectKind>,
    /// Minutes of play time.
    pub(in crate::exercise) minute: Spanned<u32>,
    pub(in crate::exercise) scenario: Option<Spanned<Timestamp>>,
    title: String,
    from: String,
    pub(in crate::exercise) to: Spanned<String>,
    #[serde(default)]
    delivery: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    techniques: Vec<String>,
    pub(in crate::exercise) objective: Option<Spanned<String>>,
    pub(in crate::exercise) group: Option<Spanned<String>>,
    runbook: Option<Spanned<RunbookId>>,
    clock: Option<Spanned<ObligationId>>,
    hint: Option<String>,
    #[serde(default)]
    pub(in crate::exercise) emit: Vec<WireEmission>,
    #[serde(default)]
    pub(in crate::exercise) expect: Vec<WireExpectation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::exercise) struct WireEmission {
    source: Spanned<SourceId>,
    tenant: Option<TenantId>,
    /// JSON objects, or JSON texts where the bytes matter.
    pub(in crate::exercise) records: Vec<Spanned<serde_json::Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::exercise) struct WireExpectation {
    pub(in crate::exercise) id: Spanned<String>,
    text: String,
    pub(in crate::exercise) is: Spanned<Kind>,
    #[serde(default)]
    pub(in crate::exercise) rules: Vec<Spanned<RuleId>>,
    #[serde(default)]
    pub(in crate::exercise) any_of: Vec<WirePattern>,
    pub(in crate::exercise) within: Spanned<SignedDuration>,
    #[serde(default)]
    pub(in crate::exercise) points: u32,
}

/// What shows an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::exercise) enum Kind {
    Finding,
    Quiet,
    Entry,
    Judgement,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::exercise) struct WirePattern {
    /// `module/type`.
    pub(in crate::exercise) entry: Spanned<String>,
    about: Option<About>,
    #[serde(default, rename = "where")]
    fields: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::exercise) struct WireScripted {
    /// Minutes of play time.
    pub(in crate::exercise) minute: Spanned<u32>,
    #[serde(rename = "as")]
    pub(in crate::exercise) role: Spanned<String>,
    #[serde(rename = "do")]
    pub(in crate::exercise) act: Act,
}

fn plan(file: &str, text: &str, wire: Wire) -> Plan {
    let mut places = Places::default();
    let mut number = 0;
    let injects = wire
        .injects
        .into_iter()
        .map(|inject| {
            number += 1;
            self::inject(file, inject, Some(number), &mut places)
        })
        .collect();
    let distractors = wire
        .distractors
        .into_iter()
        .map(|inject| self::inject(file, inject, None, &mut places))
        .collect();
    Plan {
        id: wire.id,
        version: wire.version,
        title: wire.title,
        summary: wire.summary,
        owner: wire.owner,
        references: wire.references,
        atlas: wire.atlas,
        start: wire.start,
        length: minutes(wire.length.value),
        objectives: wire
            .objectives
            .into_iter()
            .map(|o| Objective {
                id: o.id.value,
                title: o.title,
            })
            .collect(),
        groups: wire
            .groups
            .into_iter()
            .map(|g| Group {
                id: g.id.value,
                title: g.title,
                points: Points::whole(g.points.value),
            })
            .collect(),
        roles: wire
            .roles
            .into_iter()
            .map(|r| PlanRole {
                id: r.id.value,
                title: r.title,
                roles: r.roles,
                user: r.user,
            })
            .collect(),
        injects,
        distractors,
        script: wire
            .players
            .into_iter()
            .enumerate()
            .map(|(index, act)| Scripted {
                id: format!("p{:02}", index + 1),
                at: minutes(act.minute.value),
                role: act.role.value,
                act: act.act,
            })
            .collect(),
        text: Arc::from(text),
        places,
    }
}

fn inject(file: &str, wire: WireInject, number: Option<u32>, places: &mut Places) -> Inject {
    let keep = |location: Location| place(file, location);
    if let Some(runbook) = &wire.runbook {
        places
            .runbooks
            .entry(runbook.value.clone())
            .or_insert_with(|| keep(runbook.referenced));
    }
    if let Some(clock) = &wire.clock {
        places
            .clocks
            .entry(clock.value.clone())
            .or_insert_with(|| keep(clock.referenced));
    }
    for emission in &wire.emit {
        places
            .sources
            .entry(emission.source.value.clone())
            .or_insert_with(|| keep(emission.source.referenced));
    }
    for rule in wire.expect.iter().flat_map(|e| &e.rules) {
        places
            .rules
            .entry(rule.value.clone())
            .or_insert_with(|| keep(rule.referenced));
    }
    Inject {
        id: wire.id.value,
        number,
        kind: wire.kind.value,
        at: minutes(wire.minute.value),
        scenario: wire.scenario.map(|s| s.value),
        title: wire.title,
        from: wire.from,
        to: wire.to.value,
        delivery: wire.delivery,
        text: wire.text,
        techniques: wire.techniques,
        objective: wire.objective.map(|o| o.value),
        group: wire.group.map(|g| g.value),
        runbook: wire.runbook.map(|r| r.value),
        clock: wire.clock.map(|c| c.value),
        hint: wire.hint,
        emits: wire
            .emit
            .into_iter()
            .map(|emission| Emission {
                source: emission.source.value,
                tenant: emission.tenant,
                records: emission
                    .records
                    .into_iter()
                    .map(|record| record_text(&record.value))
                    .collect(),
            })
            .collect(),
        expects: wire.expect.into_iter().map(expectation).collect(),
    }
}

/// The text of a record: as written where it is text, else as JSON.
pub(in crate::exercise) fn record_text(record: &serde_json::Value) -> String {
    match record {
        serde_json::Value::String(text) => text.trim_end().to_owned(),
        other => other.to_string(),
    }
}

fn expectation(wire: WireExpectation) -> Expectation {
    let what = match wire.is.value {
        Kind::Finding => Expected::Finding {
            rules: wire.rules.into_iter().map(|rule| rule.value).collect(),
        },
        Kind::Quiet => Expected::Quiet,
        Kind::Entry => Expected::Entry {
            patterns: wire.any_of.into_iter().map(pattern).collect(),
        },
        Kind::Judgement => Expected::Judgement,
    };
    Expectation {
        id: wire.id.value,
        text: wire.text,
        what,
        within: wire.within.value,
        points: Points::whole(wire.points),
    }
}

fn pattern(wire: WirePattern) -> EntryPattern {
    let (module, kind) = split_entry(&wire.entry.value);
    EntryPattern {
        module: module.to_owned(),
        kind: kind.to_owned(),
        fields: wire.fields.into_iter().collect(),
        about: wire.about.unwrap_or(About::Exercise),
    }
}

pub(in crate::exercise) fn split_entry(entry: &str) -> (&str, &str) {
    entry.split_once('/').unwrap_or((entry, ""))
}

pub(in crate::exercise) fn minutes(minutes: u32) -> SignedDuration {
    SignedDuration::from_mins(i64::from(minutes))
}

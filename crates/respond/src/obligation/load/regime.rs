//! A regime file to a [`Regime`].

use std::collections::{BTreeMap, BTreeSet};

use serde_saphyr::Spanned;
use watchfloor_types::{FactName, ObligationId, RegimeId};

use super::{Report, sources, value, wire};
use crate::obligation::{
    Answer, Calendar, Counting, DecisionSpec, Example, FactKind, FactSpec, InForce, Regime, Stage,
    expr::{self, Expr, Scope},
    zone,
};

/// Reads a regime and its worked examples. `taken` holds the stages of other regimes with the
/// files that they stand in, and receives those of this one.
pub(super) fn read(
    report: &mut Report<'_>,
    calendars: &BTreeMap<String, Calendar>,
    taken: &mut BTreeMap<ObligationId, String>,
) -> Option<(Regime, Vec<Example>)> {
    let wire: wire::Regime = report.parse()?;
    let id = report.name::<RegimeId>(&wire.id);
    let folder = report.path().rsplit('/').nth(1).unwrap_or_default();
    if wire.id.value != folder {
        let text = format!("the id is `{}`, the folder `{folder}`", wire.id.value);
        report.error(&wire.id, "O002", text, Some("they have to agree"));
    }
    let all_sources = sources(report, &wire.sources);
    let cited: BTreeMap<String, _> = all_sources
        .into_iter()
        .map(|source| (source.id.clone(), source))
        .collect();
    let facts = facts(report, &wire.facts);
    let decisions = decisions(
        report,
        &wire.decisions,
        &facts,
        &cited.keys().cloned().collect(),
    );
    named(report, &wire, &facts, calendars);
    let status = report.word::<InForce>(&wire.status);
    let counting = report.word::<Counting>(&wire.counting);
    let from = report.date(&wire.from);
    let to = wire.to.as_ref().and_then(|to| report.date(to));
    let mut before = BTreeSet::new();
    let mut stages = Vec::new();
    for wire_stage in &wire.stages {
        let scope = Scope {
            facts: &facts,
            decisions: &decisions,
            stages: &before,
            calendar: match wire.calendar {
                Some(_) => expr::Calendar::Named,
                None => expr::Calendar::Missing,
            },
        };
        let Some(stage) = stage(report, wire_stage, &scope, &cited) else {
            continue;
        };
        if let Some(other) = taken.insert(stage.id.clone(), report.path().to_owned()) {
            let text = format!("the stage `{}` stands in {other} too", stage.id);
            report.error(
                &wire_stage.value.id,
                "O002",
                text,
                Some("stage ids are unique over all regimes"),
            );
        }
        before.insert(stage.id.clone());
        stages.push(stage);
    }
    if wire.stages.is_empty() {
        report.error(
            &wire.id,
            "O002",
            "a regime without a stage does nothing",
            None,
        );
    }
    let id = id?;
    let examples: Vec<Example> = wire
        .examples
        .iter()
        .filter_map(|example| read_example(report, &id, example, &before))
        .collect();
    if !report.clean() {
        return None;
    }
    let regime = Regime {
        id,
        title: wire.title,
        version: wire.version,
        owner: wire.owner,
        jurisdiction: wire.jurisdiction,
        status: status?,
        from: from?,
        to,
        zone: wire.zone.value.clone(),
        calendar: wire.calendar.map(|calendar| calendar.value.clone()),
        counting: counting?,
        facts,
        decisions,
        sources: cited,
        stages,
    };
    Some((regime, examples))
}

/// The zone and the calendar have to exist, or be named by a declared fact.
fn named(
    report: &mut Report<'_>,
    wire: &wire::Regime,
    facts: &BTreeMap<FactName, FactSpec>,
    calendars: &BTreeMap<String, Calendar>,
) {
    let declared = |name: &str| {
        name.parse::<FactName>()
            .ok()
            .and_then(|name| facts.get(&name))
            .is_some_and(|spec| spec.kind == FactKind::Text)
    };
    let zone_name = &wire.zone.value;
    if zone_name.starts_with("entity.") {
        if !declared(zone_name) {
            let text = format!("the fact `{zone_name}` is not declared as a text");
            report.error(&wire.zone, "O009", text, None);
        }
    } else if zone(zone_name).is_none() {
        let text = format!("there is no time zone `{zone_name}`");
        report.error(
            &wire.zone,
            "O009",
            text,
            Some("use an IANA name such as Europe/Dublin"),
        );
    }
    let Some(calendar) = &wire.calendar else {
        return;
    };
    match calendar.value.strip_prefix("ms:") {
        Some(fact) if !declared(fact) => {
            let text = format!("the fact `{fact}` is not declared as a text");
            report.error(calendar, "O009", text, None);
        }
        None if !calendars.contains_key(&calendar.value) => {
            let known: Vec<&str> = calendars.keys().map(String::as_str).collect();
            let text = format!(
                "there is no calendar `{}`; there are {}",
                calendar.value,
                known.join(", ")
            );
            report.error(
                calendar,
                "O009",
                text,
                Some("calendars stand in content/obligations/calendars"),
            );
        }
        Some(_) | None => {}
    }
}

fn facts(report: &mut Report<'_>, wires: &[wire::Fact]) -> BTreeMap<FactName, FactSpec> {
    let mut facts = BTreeMap::new();
    for wire in wires {
        let name = report.name::<FactName>(&wire.name);
        let kind = report.word::<FactKind>(&wire.kind);
        let candidate = wire.candidate.as_ref().and_then(|c| report.name(c));
        if wire.question.trim().is_empty() {
            report.error(
                &wire.name,
                "O011",
                "a fact needs the question to ask while it is unknown",
                None,
            );
        }
        if let (Some(name), Some(kind)) = (name, kind) {
            let spec = FactSpec {
                name: name.clone(),
                kind,
                question: wire.question.trim().to_owned(),
                candidate,
            };
            if facts.insert(name, spec).is_some() {
                report.error(&wire.name, "O002", "this fact is declared twice", None);
            }
        }
    }
    facts
}

fn decisions(
    report: &mut Report<'_>,
    wires: &[Spanned<wire::DecisionQuestion>],
    facts: &BTreeMap<FactName, FactSpec>,
    cited: &BTreeSet<String>,
) -> BTreeMap<FactName, DecisionSpec> {
    let mut decisions = BTreeMap::new();
    for wire in wires {
        let wire = &wire.value;
        let name = report.name::<FactName>(&wire.name);
        let roles: Vec<_> = wire.roles.iter().filter_map(|r| report.word(r)).collect();
        if roles.is_empty() {
            report.error(
                &wire.name,
                "O011",
                "a decision needs the roles that may make it",
                Some("for example `roles: [privacy, legal]`"),
            );
        }
        let establishes = wire.establishes.as_ref().and_then(|fact| {
            let name = report.name::<FactName>(fact)?;
            let moment = facts.get(&name).is_some_and(|s| s.kind == FactKind::Moment);
            if !moment {
                let text = format!("`{name}` is not declared as a moment");
                report.error(fact, "O011", text, None);
            }
            Some(name)
        });
        for source in &wire.sources {
            if !cited.contains(&source.value) {
                let text = format!("there is no source `{}`", source.value);
                report.error(source, "O004", text, None);
            }
        }
        if let Some(name) = name {
            decisions.insert(
                name.clone(),
                DecisionSpec {
                    name,
                    question: wire.question.trim().to_owned(),
                    roles,
                    consider: wire
                        .consider
                        .iter()
                        .filter_map(|f| report.name(f))
                        .collect(),
                    establishes,
                    proposed: wire
                        .proposed
                        .iter()
                        .filter_map(|f| report.name(f))
                        .collect(),
                    sources: wire.sources.iter().map(|s| s.value.clone()).collect(),
                },
            );
        }
    }
    decisions
}

fn stage(
    report: &mut Report<'_>,
    wire: &Spanned<wire::Stage>,
    scope: &Scope<'_>,
    cited: &BTreeMap<String, crate::obligation::Source>,
) -> Option<Stage> {
    let wire = &wire.value;
    let id = report.name::<ObligationId>(&wire.id);
    if wire.sources.is_empty() {
        report.error(
            &wire.id,
            "O003",
            "a clock without a source does not load",
            Some("name under `sources` the article that sets it"),
        );
    }
    for source in wire.sources.iter().chain(&wire.hold) {
        if !cited.contains_key(&source.value) {
            let text = format!("there is no source `{}`", source.value);
            report.error(source, "O004", text, None);
        }
    }
    let roles: Vec<_> = wire.roles.iter().filter_map(|r| report.word(r)).collect();
    if roles.is_empty() {
        report.error(
            &wire.id,
            "O011",
            "a stage needs the roles that may file it",
            None,
        );
    }
    let applies = expression(report, &wire.applies, FactKind::Truth, scope);
    let due = expression(report, &wire.due, FactKind::Moment, scope);
    Some(Stage {
        id: id?,
        title: wire.title.clone(),
        applies: applies?,
        due: due?,
        recipient: wire.recipient.clone(),
        roles,
        hold: wire.hold.as_ref().map(|source| source.value.clone()),
        content: wire.content.clone(),
        sources: wire.sources.iter().map(|s| s.value.clone()).collect(),
    })
}

fn expression(
    report: &mut Report<'_>,
    text: &Spanned<String>,
    want: FactKind,
    scope: &Scope<'_>,
) -> Option<Expr> {
    match expr::parse(&text.value) {
        Ok(expr) => {
            let errors = expr::check(&expr.root, want, scope);
            let sound = errors.is_empty();
            for error in errors {
                let place = report.part(text, error.span);
                report.error_at(place, "O006", error.message, error.help.as_deref());
            }
            sound.then_some(expr)
        }
        Err(error) => {
            let place = report.part(text, error.span);
            report.error_at(place, "O005", error.message, error.help.as_deref());
            None
        }
    }
}

fn read_example(
    report: &mut Report<'_>,
    regime: &RegimeId,
    wire: &Spanned<wire::Example>,
    stages: &BTreeSet<ObligationId>,
) -> Option<Example> {
    let place = report.place_of(wire);
    let wire = &wire.value;
    let moment = |report: &mut Report<'_>, text: &str| {
        let at = text.parse::<jiff::Timestamp>().ok();
        if at.is_none() {
            let text = format!("`{text}` is not a moment such as 2027-03-02T08:09:00Z");
            report.error_at(place.clone(), "O012", text, None);
        }
        at
    };
    let stage = report.name::<ObligationId>(&wire.stage)?;
    if !stages.contains(&stage) {
        let text = format!("there is no stage `{stage}`");
        report.error(&wire.stage, "O012", text, None);
        return None;
    }
    let now = moment(report, &wire.now.value)?;
    let mut facts = BTreeMap::new();
    for (name, scalar) in &wire.facts {
        let parsed = name.parse::<FactName>().ok().zip(value(name, scalar));
        let Some((fact, value)) = parsed else {
            let text = format!("`{name}` does not hold a fact");
            report.error_at(place.clone(), "O012", text, None);
            return None;
        };
        facts.insert(fact, value);
    }
    let mut decided = BTreeMap::new();
    for (name, decision) in &wire.decided {
        let effective = match &decision.effective {
            Some(text) => moment(report, text)?,
            None => now,
        };
        let parsed = name
            .parse::<FactName>()
            .ok()
            .zip(decision.answer.parse::<Answer>().ok());
        let Some((name, answer)) = parsed else {
            let text = format!("`{name}` does not hold a decision");
            report.error_at(place.clone(), "O012", text, None);
            return None;
        };
        decided.insert(name, (answer, effective));
    }
    let mut submitted = BTreeMap::new();
    for (stage, at) in &wire.submitted {
        submitted.insert(stage.parse::<ObligationId>().ok()?, moment(report, at)?);
    }
    Some(Example {
        name: wire.name.clone(),
        regime: regime.clone(),
        stage,
        now,
        facts,
        decided,
        submitted,
        hold_until: match &wire.hold_until {
            Some(text) => Some(moment(report, text)?),
            None => None,
        },
        status: wire.status.value.clone(),
        safe: match &wire.safe {
            Some(text) => Some(moment(report, &text.value)?),
            None => None,
        },
        outer: match &wire.outer {
            Some(text) => Some(moment(report, &text.value)?),
            None => None,
        },
        place,
    })
}

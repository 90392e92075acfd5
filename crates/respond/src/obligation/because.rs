//! Why a clock says what it says: questions, articles, facts, steps of the arithmetic.

use std::collections::BTreeSet;

use jiff::{Timestamp, tz::TimeZone};
use watchfloor_types::FactName;

use super::{
    Citation, ClockStatus, Ground, Question, QuestionKind, Regime, Stage, Step,
    eval::{Missing, Out, World, determination},
    expr::Node,
};

/// What to ask so that the clock can be decided.
pub(super) fn questions(regime: &Regime, status: &ClockStatus, outs: [&Out; 2]) -> Vec<Question> {
    if !status.is_open() {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let mut questions = Vec::new();
    let fact = |name: &FactName| {
        regime.facts.get(name).map(|spec| Question {
            name: name.clone(),
            question: spec.question.clone(),
            roles: Vec::new(),
            kind: if name.as_str().starts_with("entity.") {
                QuestionKind::Profile
            } else {
                QuestionKind::Fact
            },
        })
    };
    for out in outs {
        for missing in &out.missing {
            if !seen.insert(missing.clone()) {
                continue;
            }
            match missing {
                Missing::Fact(name) => questions.extend(fact(name)),
                Missing::Decision(name) => {
                    questions.extend(regime.decisions.get(name).map(|spec| Question {
                        name: name.clone(),
                        question: spec.question.clone(),
                        roles: spec.roles.clone(),
                        kind: QuestionKind::Determination,
                    }));
                }
                // A filing is not a question: the clock waits for it.
                Missing::Filing(_) => {}
            }
        }
        questions.extend(
            out.assumed
                .iter()
                .filter(|name| seen.insert(Missing::Fact((*name).clone())))
                .filter_map(fact),
        );
    }
    questions
}

pub(super) fn citations(regime: &Regime, stage: &Stage) -> Vec<Citation> {
    let mut ids: Vec<String> = stage.sources.clone();
    ids.extend(stage.hold.clone());
    ids.extend(
        regime
            .decisions
            .values()
            .filter(|spec| names(&[&stage.applies.root, &stage.due.root]).contains(&spec.name))
            .flat_map(|spec| spec.sources.clone()),
    );
    let mut seen = BTreeSet::new();
    ids.iter()
        .filter(|id| seen.insert((*id).clone()))
        .filter_map(|id| regime.sources.get(id))
        .map(|source| Citation {
            cite: source.cite.clone(),
            quote: source.quote.clone(),
            says: source.says.clone(),
            checked: source.checked.to_string(),
            confidence: source.confidence,
        })
        .collect()
}

/// Names of the facts and decisions that expressions read, in order, each once.
pub(super) fn names(nodes: &[&Node]) -> Vec<FactName> {
    fn walk(node: &Node, found: &mut Vec<FactName>) {
        if let Some(name) = node.name()
            && !found.contains(name)
        {
            found.push(name.clone());
        }
        for child in node.children() {
            walk(child, found);
        }
    }
    let mut found = Vec::new();
    for node in nodes {
        walk(node, &mut found);
    }
    found
}

pub(super) fn grounds(world: &World<'_>, stage: &Stage) -> Vec<Ground> {
    let mut all = names(&[&stage.applies.root, &stage.due.root]);
    let candidates: Vec<FactName> = all
        .iter()
        .filter_map(|name| world.regime.facts.get(name)?.candidate.clone())
        .filter(|name| world.fact(name).0.is_some() && !all.contains(name))
        .collect();
    all.extend(candidates);
    all.into_iter()
        .map(|name| {
            if world.regime.decisions.contains_key(&name) {
                return decision_ground(world, name);
            }
            let (value, recorded) = world.fact(&name);
            Ground {
                value: value.map_or_else(|| "unknown".to_owned(), ToString::to_string),
                known_at: recorded.map(|fact| fact.known_at),
                by: match (recorded, value) {
                    (Some(fact), _) => fact.by.to_string(),
                    (None, Some(_)) => "profile".to_owned(),
                    (None, None) => String::new(),
                },
                note: recorded.map(|fact| fact.note.clone()).unwrap_or_default(),
                finding: recorded.and_then(|fact| fact.finding),
                determination: None,
                name,
            }
        })
        .collect()
}

pub(super) fn decision_ground(world: &World<'_>, name: FactName) -> Ground {
    let found = determination(world.determinations, &name);
    Ground {
        value: found.map_or_else(|| "unknown".to_owned(), |d| d.answer.to_string()),
        known_at: found.map(|d| d.at),
        by: found.map(|d| d.by.to_string()).unwrap_or_default(),
        note: found.map(|d| d.rationale.clone()).unwrap_or_default(),
        finding: None,
        determination: found.map(|d| d.id),
        name,
    }
}

/// Says so where somebody confirmed a moment that lies after the one that was proposed.
pub(super) fn late_awareness(world: &World<'_>, stage: &Stage) -> Vec<String> {
    names(&[&stage.due.root])
        .into_iter()
        .filter_map(|name| {
            let candidate = world.regime.facts.get(&name)?.candidate.as_ref()?;
            let confirmed = world.facts.time(name.as_str()).value()?;
            let proposed = world.facts.time(candidate.as_str()).value()?;
            (confirmed > proposed).then(|| {
                format!(
                    "`{name}` is {confirmed}, later than `{candidate}` {proposed}: be ready to say why"
                )
            })
        })
        .collect()
}

pub(super) fn localised(step: &Step, zone: &TimeZone) -> Step {
    Step {
        local: step.at.map(|at| shown(at, zone)),
        from: step.from.iter().map(|step| localised(step, zone)).collect(),
        ..step.clone()
    }
}

/// A moment as people in `zone` read it: `2027-03-02 08:09:00 GMT`.
pub(super) fn shown(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S %Z")
        .to_string()
}

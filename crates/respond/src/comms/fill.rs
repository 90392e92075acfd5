//! Fills templates. Everything filled in is data: it is never read as a template again, every part
//! of it carries its evidence, and what is unknown says so.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use minijinja::{
    Environment, UndefinedBehavior,
    value::{Object, ObjectRepr, Value},
};
use watchfloor_types::{FactName, ObligationId};

use super::{Block, BlockKind, Evidence, Span, Template, text};
use crate::{
    State,
    incident::{Fact, FactValue, Incident},
    obligation::{self, ClockStatus, ClockView, Profile},
};

/// What a template may name.
pub(super) const NAMES: &[&str] = &[
    "fact",
    "known",
    "truth",
    "items",
    "incident",
    "organisation",
    "clocks",
    "decisions",
    "alerts",
];

/// Begin, middle and end of a filled part. No template and nothing filled in holds one of them.
const OPEN: char = '\u{1}';
const MIDDLE: char = '\u{2}';
const CLOSE: char = '\u{3}';

/// Steps that one template may take.
const FUEL: u64 = 500_000;
/// Most items of one list that are filled in.
const MAX_ITEMS: usize = 50;

/// A template that could not be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot fill the template {template}: {reason}")]
pub(crate) struct FillError {
    template: String,
    reason: String,
}

/// Title and text of a draft from `template`, as far as things are known at `now`.
pub(crate) fn fill(
    state: &State,
    incident: &Incident,
    template: &Template,
    now: Timestamp,
) -> Result<(String, Vec<Block>), FillError> {
    let failed = |error: minijinja::Error| FillError {
        template: template.id.to_string(),
        reason: error
            .detail()
            .map_or_else(|| error.kind().to_string(), str::to_owned),
    };
    let collected: Arc<Mutex<Vec<Evidence>>> = Arc::default();
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_formatter({
        let collected = Arc::clone(&collected);
        move |out, _, value| {
            let write = match value.downcast_object_ref::<Part>() {
                Some(part) => {
                    let mut all = collected.lock().unwrap_or_else(PoisonError::into_inner);
                    all.push(part.evidence.clone());
                    write!(
                        out,
                        "{OPEN}{}{MIDDLE}{}{CLOSE}",
                        all.len() - 1,
                        text::filled(&part.text)
                    )
                }
                None => out.write_str(&text::filled(&value.to_string())),
            };
            write.map_err(minijinja::Error::from)
        }
    });
    add_facts(&mut env, state, incident, template);
    env.add_global("organisation", organisation(&state.content.profile));
    env.add_global("incident", about(incident));
    env.add_global("clocks", clocks(state, incident, now));
    env.add_global("decisions", decisions(incident));
    env.add_global("alerts", alerts(state, incident));
    let subject = env.render_str(&template.subject, ()).map_err(failed)?;
    let body = env.render_str(&template.body, ()).map_err(failed)?;
    let evidence = collected.lock().unwrap_or_else(PoisonError::into_inner);
    let title = spans(subject.trim(), &evidence)
        .into_iter()
        .map(|span| span.text)
        .collect();
    Ok((title, blocks(&body, &evidence)))
}

/// A filled part with its evidence.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    text: String,
    evidence: Evidence,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Object for Part {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn part(text: impl Into<String>, evidence: Evidence) -> Value {
    Value::from_object(Part {
        text: text.into(),
        evidence,
    })
}

/// What is known under one name.
#[derive(Debug, Clone)]
struct Answer {
    /// What to write.
    text: String,
    /// Its items, where it is a list.
    items: Vec<String>,
    /// Yes or no, where it is that.
    truth: Option<bool>,
    evidence: Evidence,
}

impl Answer {
    fn is_known(&self) -> bool {
        !matches!(self.evidence, Evidence::Unknown { .. })
    }
}

fn add_facts(env: &mut Environment<'_>, state: &State, incident: &Incident, template: &Template) {
    let answers: Arc<BTreeMap<String, Answer>> = Arc::new(
        template
            .facts
            .iter()
            .map(|(name, question)| (name.to_string(), answer(state, incident, name, question)))
            .collect(),
    );
    let find = move |answers: &BTreeMap<String, Answer>, name: &str| {
        answers.get(name).cloned().ok_or_else(|| {
            minijinja::Error::new(
                minijinja::ErrorKind::InvalidOperation,
                format!("the fact `{name}` is not declared"),
            )
        })
    };
    let all = Arc::clone(&answers);
    env.add_function(
        "fact",
        move |name: &str| -> Result<Value, minijinja::Error> {
            let answer = find(&all, name)?;
            Ok(part(answer.text, answer.evidence))
        },
    );
    let all = Arc::clone(&answers);
    env.add_function(
        "known",
        move |name: &str| -> Result<bool, minijinja::Error> { Ok(find(&all, name)?.is_known()) },
    );
    let all = Arc::clone(&answers);
    env.add_function(
        "truth",
        move |name: &str| -> Result<bool, minijinja::Error> {
            Ok(find(&all, name)?.truth == Some(true))
        },
    );
    env.add_function(
        "items",
        move |name: &str| -> Result<Vec<Value>, minijinja::Error> {
            let answer = find(&answers, name)?;
            if answer.items.is_empty() {
                return Ok(vec![part(answer.text, answer.evidence)]);
            }
            Ok(answer
                .items
                .iter()
                .map(|item| part(item.as_str(), answer.evidence.clone()))
                .collect())
        },
    );
}

/// What is known under `name`: a determination, a fact of the organisation or of the incident.
fn answer(state: &State, incident: &Incident, name: &FactName, question: &str) -> Answer {
    if let Some(found) = state.obligations.determined(incident.id, name) {
        return Answer {
            text: found.answer.to_string(),
            items: Vec::new(),
            truth: Some(found.answer == obligation::Answer::Yes),
            evidence: Evidence::Determination {
                question: name.clone(),
                id: found.id,
            },
        };
    }
    if let Some(value) = state.content.profile.facts.get(name) {
        return known(value, Evidence::Profile);
    }
    match incident.facts.get(name.as_str()) {
        Some(fact) => known(&fact.value, evidence(fact)),
        None => Answer {
            text: text::unknown(question),
            items: Vec::new(),
            truth: None,
            evidence: Evidence::Unknown {
                name: name.clone(),
                question: question.to_owned(),
            },
        },
    }
}

fn known(value: &FactValue, evidence: Evidence) -> Answer {
    let (text, items, truth) = match value {
        FactValue::Bool(truth) => (value.to_string(), Vec::new(), Some(*truth)),
        FactValue::Time(at) => (moment(*at), Vec::new(), None),
        FactValue::List(items) => {
            let mut shown: Vec<String> = items.iter().take(MAX_ITEMS).cloned().collect();
            if items.len() > MAX_ITEMS {
                shown.push(format!("and {} more", items.len() - MAX_ITEMS));
            }
            (shown.join(", "), shown, None)
        }
        FactValue::Int(_) | FactValue::Text(_) | FactValue::NotApplicable => {
            (value.to_string(), Vec::new(), None)
        }
    };
    Answer {
        text,
        items,
        truth,
        evidence,
    }
}

fn evidence(fact: &Fact) -> Evidence {
    Evidence::Fact {
        name: fact.name.clone(),
        known_at: Some(fact.known_at),
        finding: fact.finding,
        events: fact.events.clone(),
    }
}

/// A moment as messages show it.
fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn organisation(profile: &Profile) -> Value {
    if profile.name.trim().is_empty() {
        let question = "What is the organisation called?";
        return match "entity.name".parse() {
            Ok(name) => part(
                text::unknown(question),
                Evidence::Unknown {
                    name,
                    question: question.to_owned(),
                },
            ),
            Err(_) => Value::from(text::unknown(question)),
        };
    }
    part(profile.name.clone(), Evidence::Profile)
}

fn map<const N: usize>(entries: [(&'static str, Value); N]) -> Value {
    entries.into_iter().collect::<BTreeMap<_, _>>().into()
}

fn about(incident: &Incident) -> Value {
    let of = |text: String| part(text, Evidence::Incident);
    map([
        ("name", of(incident.name.clone())),
        ("title", of(incident.title.clone())),
        ("severity", of(incident.severity.to_string())),
        ("status", of(incident.status.to_string())),
        ("opened", of(moment(incident.opened))),
        ("alerts", of(incident.members.len().to_string())),
        ("findings", of(incident.findings.len().to_string())),
        (
            "first_finding",
            of(incident
                .span
                .map_or_else(|| "no finding yet".to_owned(), |(first, _)| moment(first))),
        ),
        ("exercise", Value::from(incident.exercise.is_some())),
    ])
}

/// Clocks that may bind, with their dates.
fn clocks(state: &State, incident: &Incident, now: Timestamp) -> Value {
    obligation::clocks(state, incident.id, now)
        .iter()
        .filter(|view| match view.status {
            ClockStatus::Candidate
            | ClockStatus::Running
            | ClockStatus::PastSafe { .. }
            | ClockStatus::Held { .. }
            | ClockStatus::Met { .. }
            | ClockStatus::Late { .. }
            | ClockStatus::Missed { .. } => true,
            ClockStatus::Unknown | ClockStatus::NotStarted | ClockStatus::NotApplicable { .. } => {
                false
            }
        })
        .map(clock)
        .collect::<Vec<Value>>()
        .into()
}

fn clock(view: &ClockView) -> Value {
    let stage: ObligationId = view.stage.clone();
    let of = move |text: String| {
        part(
            text,
            Evidence::Clock {
                stage: stage.clone(),
            },
        )
    };
    let date = |at: Option<Timestamp>| at.map_or_else(|| "without undue delay".to_owned(), moment);
    let status = match &view.status {
        ClockStatus::Candidate => "awaits confirmation".to_owned(),
        ClockStatus::Met { at, .. } => format!("filed at {}", moment(*at)),
        ClockStatus::Late { at, .. } => format!("filed late at {}", moment(*at)),
        ClockStatus::Held { until } => format!("delayed until {}", moment(*until)),
        ClockStatus::Missed { .. } => "missed".to_owned(),
        ClockStatus::PastSafe { .. } => "past its safe date".to_owned(),
        ClockStatus::Running => "runs".to_owned(),
        ClockStatus::Unknown | ClockStatus::NotStarted | ClockStatus::NotApplicable { .. } => {
            view.status.as_str().to_owned()
        }
    };
    map([
        ("regime", of(view.regime_title.clone())),
        ("title", of(view.title.clone())),
        ("recipient", of(view.recipient.clone())),
        ("status", of(status)),
        ("safe", of(date(view.safe))),
        ("outer", of(date(view.outer))),
    ])
}

fn decisions(incident: &Incident) -> Value {
    incident
        .decisions
        .iter()
        .map(|decision| {
            let of = |text: String| part(text, Evidence::Decision { id: decision.id });
            map([
                ("question", of(decision.question.clone())),
                ("answer", of(decision.answer.clone())),
                ("reason", of(decision.reason.clone())),
                ("by", of(decision.by.to_string())),
                ("at", of(moment(decision.at))),
            ])
        })
        .collect::<Vec<Value>>()
        .into()
}

fn alerts(state: &State, incident: &Incident) -> Value {
    incident
        .alerts()
        .take(MAX_ITEMS)
        .filter_map(|id| state.alerts.get(id))
        .map(|alert| {
            let of = |text: String| part(text, Evidence::Alert { alert: alert.id });
            map([
                ("title", of(alert.title.clone())),
                ("severity", of(alert.severity.to_string())),
                ("at", of(moment(alert.first_seen))),
            ])
        })
        .collect::<Vec<Value>>()
        .into()
}

/// Rendered text to blocks. Only the words of the template can start a heading or a point, because
/// whatever was filled in begins with [`OPEN`] and holds no line break.
fn blocks(rendered: &str, evidence: &[Evidence]) -> Vec<Block> {
    let mut all: Vec<(BlockKind, String)> = Vec::new();
    let mut open = false;
    for line in rendered.lines() {
        let line = line.trim();
        if line.is_empty() {
            open = false;
            continue;
        }
        let (kind, words) = match (line.strip_prefix("# "), line.strip_prefix("- ")) {
            (Some(words), _) => (BlockKind::Heading, words),
            (None, Some(words)) => (BlockKind::Item, words),
            (None, None) => (BlockKind::Paragraph, line),
        };
        match all.last_mut() {
            Some((BlockKind::Paragraph | BlockKind::Item, text))
                if open && kind == BlockKind::Paragraph =>
            {
                text.push(' ');
                text.push_str(words.trim());
            }
            Some(_) | None => all.push((kind, words.trim().to_owned())),
        }
        open = true;
    }
    all.into_iter()
        .map(|(kind, text)| Block {
            kind,
            spans: spans(&text, evidence),
        })
        .collect()
}

fn spans(marked: &str, evidence: &[Evidence]) -> Vec<Span> {
    let mut all = Vec::new();
    let mut rest = marked;
    let bare = |text: &str, all: &mut Vec<Span>| {
        if !text.is_empty() {
            all.push(Span {
                text: text.to_owned(),
                evidence: None,
            });
        }
    };
    while let Some((before, after)) = rest.split_once(OPEN) {
        bare(before, &mut all);
        let (index, after) = after.split_once(MIDDLE).unwrap_or((after, ""));
        let (text, after) = after.split_once(CLOSE).unwrap_or((after, ""));
        if !text.is_empty() {
            all.push(Span {
                text: text.to_owned(),
                evidence: index
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| evidence.get(index).cloned()),
            });
        }
        rest = after;
    }
    bare(rest, &mut all);
    all
}

//! Rules: list, one with its life and figures, its texts, another text, and findings without an alert.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use watchfloor_detect::Document;
use watchfloor_respond::{
    Input,
    rule::{self, Because, Standing, Tally, What},
};
use watchfloor_types::{Finding, RuleId, SuppressionId, Timestamp};

use super::{problem::Problem, suppressions};
use crate::{
    floor::Floor,
    rulebook::Rulebook,
    rules::{self, Fallen},
    web::{DecidedView, decide, session::Caller},
};

type Answer<T> = Result<Json<T>, Problem>;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Wanted {
    /// At this stage only.
    stage: String,
}

/// Rules and correlations: those that run in the order of their files, then those that do not. `stage` keeps those at one stage.
#[utoipa::path(get, path = "/api/v1/rules", tag = "rules", params(("stage" = Option<String>, Query, description = "`draft`, `testing`, `enabled` or `retired`")), responses((status = 200, body = Vec<Object>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn list(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Query(wanted): Query<Wanted>,
) -> Answer<Vec<Value>> {
    let stage = match wanted.stage.as_str() {
        "" => None,
        word => Some(
            word.parse::<rule::Stage>()
                .map_err(|e| Problem::bad(e.to_string()))?,
        ),
    };
    let book = floor.rulebook();
    let state = floor.state();
    let mut all = Vec::new();
    for document in book.engine.documents() {
        let id = document.meta().id();
        if let Some(standing) = state.rule(id) {
            all.push(line(document, &standing, &book));
        }
    }
    let there: BTreeSet<&RuleId> = book
        .engine
        .documents()
        .iter()
        .map(|d| d.meta().id())
        .collect();
    for standing in state.all_rules().iter().filter(|s| !there.contains(&s.id)) {
        if let Some(document) = document_of(&floor, &state, standing) {
            all.push(line(&document, standing, &book));
        }
    }
    if let Some(stage) = stage {
        all.retain(|rule| rule.get("stage").and_then(Value::as_str) == Some(stage.as_str()));
    }
    Ok(Json(all))
}

/// The document of a rule, whether it runs or not: of the text in force, or of a draft that has none.
pub(crate) fn document_of(
    floor: &Floor,
    state: &watchfloor_respond::State,
    standing: &Standing<'_>,
) -> Option<Document> {
    if let Some((_, unit)) = floor.rulebook().running.get(&standing.id) {
        return unit.head().cloned();
    }
    if standing.version == 0 {
        return floor.units.get(&standing.id)?.head().cloned();
    }
    let text = state.rules.text_of(&standing.id, standing.version)?;
    rules::one("rule.yml", text, &floor.units.options)
        .0?
        .head()
        .cloned()
}

fn line(document: &Document, standing: &Standing<'_>, book: &Rulebook) -> Value {
    let m = document.meta();
    let part_of = (*m.id() != standing.id).then_some(&standing.id);
    json!({
        "id": m.id(), "title": m.title(), "severity": m.severity(), "stage": standing.stage, "version": standing.version,
        "draft": standing.life.and_then(|l| l.draft), "waiting": standing.life.is_some_and(|l| l.request.is_some()),
        "part_of": part_of, "fallen": book.fallen.get(&standing.id).map(fallen),
        "logsource": m.logsource(), "techniques": m.techniques(), "tags": m.tags(), "owner": m.owner(), "runbook": m.runbook(),
        "samples": m.samples().len(), "correlation": document.is_correlation(),
        "family": standing.base.and_then(|b| b.family.as_ref()), "file": m.place().file,
    })
}

fn fallen(f: &Fallen) -> Value {
    json!({"wanted": f.wanted, "running": f.running, "why": f.why})
}

/// One rule: its text in force, versions, history, samples, volume, verdicts, suppressions.
#[utoipa::path(get, path = "/api/v1/rules/{id}", tag = "rules", params(("id" = String, Path)), responses((status = 200, body = Object), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Path(id): Path<String>,
) -> Answer<Value> {
    let missing = || Problem::missing("rule", &id);
    let rule: RuleId = id.parse().map_err(|_| missing())?;
    let now = floor.clock.now();
    let book = floor.rulebook();
    let state = floor.state();
    let standing = state.rule(&rule).ok_or_else(missing)?;
    let text = text_of(&floor, &state, &standing.id, standing.version);
    let document = document_of(&floor, &state, &standing);
    let mut value = document
        .as_ref()
        .map_or_else(|| json!({"id": standing.id, "title": standing.title, "stage": standing.stage, "version": standing.version}), |d| line(d, &standing, &book));
    let tally = rule::tally(&state).remove(&standing.id).unwrap_or_default();
    let samples = text.as_deref().map(|text| {
        rules::check::read(text, &book, &floor.units.options)
            .0
            .json()
            .get("samples")
            .cloned()
    });
    let more = json!({
        "asked": rule, "text": text, "hash": standing.hash,
        "request": standing.life.and_then(|l| l.request.as_ref()).map(|r| json!({"to": r.to, "version": r.version, "hash": r.hash, "reason": r.reason, "by": r.by.to_string(), "at": r.at})),
        "running": book.running.get(&standing.id).map(|(n, _)| n),
        "next": standing.stage.next(),
        "versions": versions(&standing), "history": history(&standing), "sample_results": samples,
        "counts": counts(&tally),
        "suppressions": state.suppressions_of(&standing.id).into_iter().map(|s| suppressions::view(s, now)).collect::<Vec<_>>(),
    });
    if let (Some(into), Value::Object(more)) = (value.as_object_mut(), more) {
        into.extend(more);
    }
    Ok(Json(value))
}

/// Every text of a rule; 0 is the file's.
fn versions(standing: &Standing<'_>) -> Vec<Value> {
    let file = standing
        .base
        .map(|b| json!({"version": 0, "hash": b.hash, "title": b.title, "reason": "its file", "by": null, "at": null}));
    let written = standing.life.into_iter().flat_map(|l| &l.versions);
    file.into_iter()
        .chain(written.map(|v| json!({"version": v.number, "hash": v.hash, "title": v.title, "reason": v.reason, "by": v.by.to_string(), "at": v.at})))
        .collect()
}

fn history(standing: &Standing<'_>) -> Vec<Value> {
    let changes = standing.life.into_iter().flat_map(|l| &l.history);
    changes
        .map(|c| {
            let (what, from, to, asked_by) = match &c.what {
                What::Written => ("written", None, None, None),
                What::Asked { from, to } => ("asked", Some(from), Some(to), None),
                What::Staged { from, to, asked_by } => {
                    ("staged", Some(from), Some(to), asked_by.as_ref())
                }
                What::Rejected { to } => ("rejected", None, Some(to), None),
            };
            json!({"at": c.at, "what": what, "from": from, "to": to, "version": c.version, "hash": c.hash, "reason": c.reason, "by": c.by.to_string(), "asked_by": asked_by.map(ToString::to_string)})
        })
        .collect()
}

/// What came of a rule; `days` are dates in UTC.
pub(crate) fn counts(tally: &Tally) -> Value {
    json!({
        "alerted": tally.alerted, "testing": tally.testing, "suppressed": tally.suppressed, "exercised": tally.exercised,
        "first": tally.first, "last": tally.last, "open_alerts": tally.open, "closed_alerts": tally.closed(),
        "verdicts": tally.verdicts.iter().map(|(v, n)| (v.to_string(), json!(n))).collect::<serde_json::Map<_, _>>(),
        "days": tally.days.iter().map(|(day, n)| json!([date(*day), n])).collect::<Vec<_>>(),
    })
}

/// `2026-11-24` for days since 1970.
pub(crate) fn date(day: i64) -> String {
    Timestamp::from_second(day * 86_400)
        .map(|t| t.strftime("%Y-%m-%d").to_string())
        .unwrap_or_default()
}

/// One of a rule's texts; 0 is the file's.
pub(crate) fn text_of(
    floor: &Floor,
    state: &watchfloor_respond::State,
    rule: &RuleId,
    version: u32,
) -> Option<Arc<str>> {
    match version {
        0 => floor.units.get(rule).map(|u| Arc::clone(&u.text)),
        number => state.rules.text_of(rule, number).cloned(),
    }
}

/// The text behind a number, `file`, or the beginning of a hash.
fn chosen(
    floor: &Floor,
    state: &watchfloor_respond::State,
    rule: &RuleId,
    wanted: &str,
) -> Result<(u32, Arc<str>), Problem> {
    let standing = state
        .rule(rule)
        .ok_or_else(|| Problem::missing("rule", rule))?;
    let file = standing.base.map(|b| (0, b.hash.as_str()));
    let written = standing.life.into_iter().flat_map(|l| &l.versions);
    let number = if wanted == "file" {
        Some(0)
    } else if let Ok(number) = wanted.parse::<u32>() {
        Some(number)
    } else if wanted.len() >= 8 {
        file.into_iter()
            .chain(written.map(|v| (v.number, v.hash.as_str())))
            .find(|(_, hash)| hash.starts_with(wanted))
            .map(|(n, _)| n)
    } else {
        None
    };
    number
        .and_then(|n| Some((n, text_of(floor, state, &standing.id, n)?)))
        .ok_or_else(|| Problem::missing("version of this rule", wanted))
}

/// One of a rule's texts: by number, `file`, or the first eight or more digits of its hash.
#[utoipa::path(get, path = "/api/v1/rules/{id}/versions/{version}", tag = "rules", params(("id" = String, Path), ("version" = String, Path)), responses((status = 200, body = Object), (status = 404, body = Problem)))]
pub(crate) async fn version(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Path((id, version)): Path<(String, String)>,
) -> Answer<Value> {
    let rule: RuleId = id.parse().map_err(|_| Problem::missing("rule", &id))?;
    let state = floor.state();
    let (number, text) = chosen(&floor, &state, &rule, &version)?;
    Ok(Json(
        json!({"id": state.rule_head(&rule), "version": number, "hash": rule::hash(&text), "text": text}),
    ))
}

#[derive(Deserialize)]
pub(crate) struct Between {
    from: String,
    to: String,
}

/// What differs between two texts of a rule.
#[utoipa::path(get, path = "/api/v1/rules/{id}/diff", tag = "rules", params(("id" = String, Path), ("from" = String, Query), ("to" = String, Query)), responses((status = 200, body = Object), (status = 404, body = Problem)))]
pub(crate) async fn diff(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Path(id): Path<String>,
    Query(between): Query<Between>,
) -> Answer<Value> {
    let rule: RuleId = id.parse().map_err(|_| Problem::missing("rule", &id))?;
    let state = floor.state();
    let (from, old) = chosen(&floor, &state, &rule, &between.from)?;
    let (to, new) = chosen(&floor, &state, &rule, &between.to)?;
    Ok(Json(
        json!({"from": from, "to": to, "diff": rules::diff::text(&old, &new)}),
    ))
}

/// A text of a rule.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Text {
    /// The text: one rule, or a correlation with the rules that only it needs.
    text: String,
    /// Why; needed where it is kept.
    #[serde(default)]
    reason: String,
}

/// Says what is wrong with a text, runs its samples, and lists what it would have found in the newest events. Nothing is kept.
#[utoipa::path(post, path = "/api/v1/rules/check", tag = "rules", request_body = Text, responses((status = 200, body = Object), (status = 401, body = Problem)))]
pub(crate) async fn check(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Json(ask): Json<Text>,
) -> Answer<Value> {
    Ok(Json(rules::check::check(&floor, &ask.text).await?.json()))
}

/// Keeps a text as the newest version of its rule, as a draft. What runs stays as it is. A text with errors is refused.
#[utoipa::path(post, path = "/api/v1/rules", tag = "rules", request_body = Text, responses((status = 200, body = DecidedView), (status = 400, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn push(
    State(floor): State<Arc<Floor>>,
    Caller(who): Caller,
    Json(ask): Json<Text>,
) -> Answer<DecidedView> {
    let input = rules::admit::push(&floor, &ask.text, &ask.reason)?;
    let decided = decide(&floor, &who, Input::Rule(input)).await?;
    Ok(Json(DecidedView::of(&decided)))
}

/// Which findings.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Ask {
    rule: String,
    suppression: String,
    held: String,
    q: String,
    limit: Option<usize>,
}

/// Findings, newest first: those in alerts, and those that raised none because of a stage or a suppression.
#[utoipa::path(get, path = "/api/v1/findings", tag = "alerts",
    params(("rule" = Option<String>, Query), ("suppression" = Option<String>, Query, description = "Hidden by this suppression"), ("held" = Option<String>, Query, description = "`yes`: without an alert; `no`: in alerts"), ("q" = Option<String>, Query, description = "Words of rule, entities and matched values"), ("limit" = Option<usize>, Query, description = "1 to 1000")),
    responses((status = 200, body = Vec<Object>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn findings(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Query(ask): Query<Ask>,
) -> Answer<Vec<Value>> {
    let suppression = match ask.suppression.as_str() {
        "" => None,
        text => Some(
            text.parse::<SuppressionId>()
                .map_err(|e| Problem::bad(e.to_string()))?,
        ),
    };
    let words: Vec<String> = ask
        .q
        .to_lowercase()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let fits =
        |f: &Finding| (ask.rule.is_empty() || f.rule.id.as_str() == ask.rule) && says(f, &words);
    let state = floor.state();
    let mut found: Vec<(Timestamp, Value)> = Vec::new();
    if ask.held != "no" {
        found.extend(
            state
                .rules
                .held()
                .filter(|h| match (&h.because, suppression) {
                    (_, None) => true,
                    (Because::Suppression { suppression }, Some(wanted)) => *suppression == wanted,
                    (Because::Stage { .. }, Some(_)) => false,
                })
                .filter(|h| fits(&h.finding))
                .map(|h| {
                    (
                        h.finding.time,
                        json!({"finding": h.finding, "alert": null, "held": h.because}),
                    )
                }),
        );
    }
    if ask.held != "yes" && suppression.is_none() {
        for alert in state.alerts.iter() {
            let own = alert.findings.iter().filter(|f| fits(f));
            found.extend(own.map(|f| {
                (
                    f.time,
                    json!({"finding": f, "alert": alert.id, "held": null}),
                )
            }));
        }
    }
    found.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    found.truncate(ask.limit.unwrap_or(100).clamp(1, 1_000));
    Ok(Json(found.into_iter().map(|(_, value)| value).collect()))
}

/// Whether every word stands in what a finding says.
fn says(finding: &Finding, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let mut text = format!("{} {} ", finding.rule.id, finding.rule.title);
    for (_, value) in &finding.entities {
        text.push_str(&format!("{value} "));
    }
    for matched in &finding.matched {
        text.push_str(&format!("{} ", matched.value));
    }
    let text = text.to_lowercase();
    words.iter().all(|word| text.contains(word))
}

//! What a rule would have found in the events that are there.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use watchfloor_detect::{Correlator, Hit, Limits, Scratch};
use watchfloor_lake::{Filter, Query, Tenants, Watch};
use watchfloor_types::{Finding, Level, Logsource, RuleId, SignedDuration, Timestamp};

use super::problem::Problem;
use crate::{
    floor::Floor,
    rulebook::Rulebook,
    search::{LONGEST, Stop, moment, turn},
    web::session::Caller,
};

/// A rule to try on the past.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Backtest {
    /// The text of a rule file; it may hold several documents.
    text: String,
    /// From this time on: RFC 3339, or `24h`, `7d` before now.
    #[serde(default)]
    from: String,
    /// Up to this time; now where empty.
    #[serde(default)]
    until: String,
}

/// Bars of the answer.
const BARS: i64 = 60;

/// Findings that are shown of each rule.
const SHOWN: usize = 10;

/// Runs rules over stored events: how often each would have fired, when, and on what. Nothing is kept.
#[utoipa::path(post, path = "/api/v1/rules/backtest", tag = "rules", request_body = Backtest, responses((status = 200, body = Object), (status = 400, body = Problem)))]
pub(crate) async fn backtest(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Json(ask): Json<Backtest>,
) -> Result<Json<Value>, Problem> {
    let now = floor.clock.now();
    let from = moment(
        if ask.from.is_empty() {
            "24h"
        } else {
            &ask.from
        },
        now,
    )?;
    let until = if ask.until.is_empty() {
        now.saturating_add(SignedDuration::from_mins(1))
            .unwrap_or(now)
    } else {
        moment(&ask.until, now)?
    };
    if from >= until {
        return Err(Problem::bad(format!(
            "from ({from}) is not before until ({until})"
        )));
    }
    let rulebook = Rulebook::compile(&[("rule.yml".to_owned(), ask.text)]);
    if let Some(error) = rulebook
        .diagnostics
        .iter()
        .find(|d| d.level == Level::Error)
    {
        return Err(Problem::bad(error.to_string()));
    }
    let permit = turn().await?;
    let stop = Stop(Arc::new(Watch::new()));
    let watch = Arc::clone(&stop.0);
    let work = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        look(&floor, &rulebook, from, until, &watch)
    });
    tokio::time::timeout(LONGEST, work)
        .await
        .map_err(|_| {
            Problem::bad(format!(
                "the events of that time take longer than {} s to read; narrow it",
                LONGEST.as_secs()
            ))
        })?
        .map_err(|e| Problem::internal(&e))?
        .map(Json)
}

#[derive(Default)]
struct Hits {
    count: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    bars: BTreeMap<Timestamp, u64>,
    shown: Vec<Value>,
}

fn look(
    floor: &Floor,
    rulebook: &Rulebook,
    from: Timestamp,
    until: Timestamp,
    watch: &Watch,
) -> Result<Value, Problem> {
    let engine = &rulebook.engine;
    let query = Query {
        filter: narrow(rulebook)?,
        from,
        until,
        tenants: Tenants::All,
    };
    let width = until.duration_since(from).as_secs().div_euclid(BARS).max(1);
    let mut scratch = Scratch::new();
    let mut correlator = Correlator::new(engine, Limits::default());
    let (mut hits, mut findings): (Vec<Hit>, Vec<Finding>) = (Vec::new(), Vec::new());
    let mut by_rule: BTreeMap<RuleId, Hits> = BTreeMap::new();
    let mut events = 0u64;
    floor
        .lake
        .scan(&query, watch, &mut |rows| {
            for row in rows {
                events += 1;
                let event = &row.event;
                // The past is judged by its own clock.
                engine.detect(event, &mut scratch, event.time, &mut hits, &mut findings);
                if !hits.is_empty() {
                    correlator.feed(event, &hits, &mut findings, event.time);
                }
            }
            for finding in findings.drain(..) {
                note(
                    by_rule.entry(finding.rule.id.clone()).or_default(),
                    &finding,
                    width,
                );
            }
            ControlFlow::Continue(())
        })
        .map_err(|e| Problem::bad(e.to_string()))?;
    let rules = engine.documents().iter().map(|d| {
        let found = by_rule.remove(d.meta().id()).unwrap_or_default();
        json!({
            "id": d.meta().id(), "title": d.meta().title(), "findings": found.count, "first": found.first, "last": found.last,
            "histogram": {"width_seconds": width, "buckets": found.bars.iter().map(|(at, n)| json!([at, n])).collect::<Vec<_>>()},
            "newest": found.shown,
        })
    });
    Ok(
        json!({"from": from, "until": until, "events": events, "rules": rules.collect::<Vec<_>>(), "diagnostics": rulebook.diagnostics}),
    )
}

fn note(into: &mut Hits, finding: &Finding, width: i64) {
    into.count += 1;
    into.first = Some(into.first.map_or(finding.time, |t| t.min(finding.time)));
    into.last = Some(into.last.map_or(finding.time, |t| t.max(finding.time)));
    let start = finding.time.as_second().div_euclid(width) * width;
    if let Ok(start) = Timestamp::from_second(start) {
        *into.bars.entry(start).or_default() += 1;
    }
    if into.shown.len() == SHOWN {
        into.shown.remove(0);
    }
    into.shown.push(json!({"time": finding.time, "events": finding.events, "matched": finding.matched, "entities": finding.entities}));
}

/// One rule's logsource narrows what is read; several read everything.
pub(crate) fn narrow(rulebook: &Rulebook) -> Result<Filter, Problem> {
    let [only] = rulebook.engine.documents() else {
        return Ok(Filter::all());
    };
    let Logsource {
        product,
        category,
        service,
    } = only.meta().logsource();
    let parts: Vec<String> = [
        ("product", product),
        ("category", category),
        ("service", service),
    ]
    .into_iter()
    .filter_map(|(name, value)| {
        Some(format!(
            "{name}: \"{}\"",
            value.as_ref()?.replace('\\', "\\\\").replace('"', "\\\"")
        ))
    })
    .collect();
    parts
        .join(" and ")
        .parse()
        .map_err(|e: watchfloor_lake::FilterError| Problem::bad(e.to_string()))
}

//! The SOC-integration dossier: what the floor sees, detects and does, who answers for it, and figures.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::PoisonError,
};

use serde::Deserialize;
use watchfloor_press::{Block, CalloutKind, Document, Span, time};
use watchfloor_respond::{
    State,
    alert::{Status, Verdict},
    obligation::{ClockStatus, clocks},
};
use watchfloor_types::{SignedDuration, Timestamp, Tlp};

use super::{heading, meta, paragraph, table};
use crate::floor::Floor;

/// The dossier at a journal number.
pub(crate) fn build(floor: &Floor, journal: u64, now: Timestamp) -> Document {
    let state = floor.state();
    let mut blocks = vec![
        paragraph(
            "Generated from live state. Each table says what is there, not what was planned; what is missing is shown as missing.",
        ),
        heading("1 Source register"),
        sources(floor),
        heading("2 Detection catalogue"),
        catalogue(floor, &state),
        heading("3 Coverage"),
    ];
    blocks.extend(coverage(floor));
    blocks.push(heading("4 Runbook register"));
    blocks.push(runbooks(&state));
    blocks.push(heading("5 Regimes and clocks"));
    blocks.push(regimes(&state));
    blocks.push(heading("6 Who does what"));
    blocks.extend(raci(floor));
    blocks.push(heading("7 Key figures"));
    blocks.extend(kpis(&state, now));
    blocks.push(heading("8 Exercises"));
    blocks.push(exercises(&state));
    blocks.push(heading("9 Outputs"));
    blocks.push(outputs(floor));
    Document {
        title: "SOC integration dossier for AI systems".to_owned(),
        subtitle: Some(format!("Data cut: journal entry {journal}, {}", time(now))),
        meta: meta(
            Some("security operations"),
            None,
            journal,
            now,
            Tlp::AmberStrict,
            false,
        ),
        blocks,
        evidence: Vec::new(),
    }
}

/// Where findings, alerts and incidents go.
fn outputs(floor: &Floor) -> Block {
    let rows = floor.outputs.iter().map(|line| {
        let settings = &line.settings;
        let kinds: Vec<&str> = settings.wants.kinds.iter().map(|k| k.as_str()).collect();
        vec![
            settings.name.clone(),
            settings.to.shown(),
            format!("{}, {}", settings.kind.as_str(), settings.format),
            kinds.join(", "),
            settings.wants.min_severity.to_string(),
            settings.wants.max_tlp.to_string(),
            line.state().to_owned(),
        ]
    });
    table(
        "Where findings, alerts and incidents go",
        &[
            "Output",
            "To",
            "Kind, format",
            "Gets",
            "From",
            "Up to",
            "State",
        ],
        rows.collect(),
    )
}

fn sources(floor: &Floor) -> Block {
    let figures = floor.figures.lock().unwrap_or_else(PoisonError::into_inner);
    let rows = floor.sources.iter().map(|s| {
        let f = figures.get(s.id()).copied().unwrap_or_default();
        let health = match f.last {
            None => "nothing came".to_owned(),
            Some(_) if f.leaves > 0 && f.unknown * 20 > f.leaves => format!(
                "drifted: {:.1} % of leaves unknown",
                f.unknown as f64 / f.leaves as f64 * 100.0
            ),
            Some(at) => format!("healthy, last {}", time(at)),
        };
        vec![
            s.id().to_string(),
            s.title().to_owned(),
            s.owner().to_owned(),
            f.events.to_string(),
            f.dead.to_string(),
            health,
        ]
    });
    table(
        "Sources, since the server started",
        &[
            "Source",
            "Title",
            "Owner",
            "#Events",
            "#Dead letters",
            "Health",
        ],
        rows.collect(),
    )
}

fn catalogue(floor: &Floor, state: &State) -> Block {
    let rulebook = floor.rulebook();
    let mut fired: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    for alert in state.alerts.iter() {
        for finding in &alert.findings {
            let slot = fired.entry(finding.rule.id.as_str()).or_default();
            slot.0 += 1;
            if let Status::Closed { verdict, .. } = &alert.status {
                match verdict {
                    Verdict::TruePositive => slot.1 += 1,
                    Verdict::FalsePositive => slot.2 += 1,
                    _other => {}
                }
            }
        }
    }
    let rows = rulebook.engine.documents().iter().map(|d| {
        let m = d.meta();
        let outcomes = rulebook.engine.run_samples(d);
        let holds = outcomes.iter().filter(|o| o.passed()).count();
        let tested = if outcomes.is_empty() {
            "no samples".to_owned()
        } else {
            format!("{holds} of {} hold", outcomes.len())
        };
        let (n, tp, fp) = fired.get(m.id().as_str()).copied().unwrap_or_default();
        let precision = if tp + fp == 0 {
            "not adjudicated".to_owned()
        } else {
            format!("{tp} of {}", tp + fp)
        };
        vec![
            m.title().to_owned(),
            m.severity().to_string(),
            m.techniques().join(" "),
            m.owner().unwrap_or("nobody").to_owned(),
            tested,
            n.to_string(),
            precision,
        ]
    });
    table(
        "Rules and correlations in force",
        &[
            "Rule",
            "Severity",
            "Techniques",
            "Owner",
            "Samples",
            "#Findings",
            "Precision",
        ],
        rows.collect(),
    )
}

fn coverage(floor: &Floor) -> Vec<Block> {
    let rulebook = floor.rulebook();
    let mut tested: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut tagged: BTreeSet<String> = BTreeSet::new();
    for d in rulebook.engine.documents() {
        let outcomes = rulebook.engine.run_samples(d);
        let holds = !outcomes.is_empty()
            && outcomes
                .iter()
                .all(watchfloor_detect::SampleOutcome::passed);
        for technique in d
            .meta()
            .techniques()
            .iter()
            .filter(|t| t.starts_with("AML."))
        {
            tagged.insert(technique.clone());
            if holds {
                tested
                    .entry(technique.clone())
                    .or_default()
                    .insert(d.meta().title().to_owned());
            }
        }
    }
    let only_tagged: Vec<String> = tagged
        .iter()
        .filter(|t| !tested.contains_key(*t))
        .cloned()
        .collect();
    let rows = tested
        .iter()
        .map(|(t, rules)| {
            vec![
                t.clone(),
                rules.len().to_string(),
                rules.iter().cloned().collect::<Vec<_>>().join("; "),
            ]
        })
        .collect();
    vec![
        paragraph(format!(
            "{} MITRE ATLAS techniques and sub-techniques have a rule whose samples hold. A rule that only carries the tag does not count.",
            tested.len()
        )),
        table(
            "ATLAS techniques with a tested rule",
            &["Technique", "#Rules", "Which"],
            rows,
        ),
        if only_tagged.is_empty() {
            paragraph("No technique is only tagged.")
        } else {
            paragraph(format!(
                "Only tagged, not tested: {}.",
                only_tagged.join(", ")
            ))
        },
    ]
}

fn runbooks(state: &State) -> Block {
    let rows = state.content.runbooks.values().map(|r| {
        let runs: Vec<_> = state
            .runs
            .iter()
            .filter(|run| run.runbook.id == r.id)
            .collect();
        let done = runs.iter().filter(|run| !run.is_active()).count();
        vec![
            r.id.to_string(),
            r.name.clone(),
            r.steps.len().to_string(),
            runs.len().to_string(),
            done.to_string(),
        ]
    });
    table(
        "Runbooks",
        &["Runbook", "Name", "#Steps", "#Runs", "#Ended"],
        rows.collect(),
    )
}

fn regimes(state: &State) -> Block {
    let rows = state.content.regimes.values().flat_map(|r| {
        r.stages.iter().map(move |s| {
            vec![
                r.title.clone(),
                s.id.to_string(),
                s.title.clone(),
                s.recipient.clone(),
                r.sources
                    .values()
                    .map(|c| format!("{} (checked {})", c.cite, c.checked))
                    .collect::<Vec<_>>()
                    .join("; "),
            ]
        })
    });
    table(
        "Obligations that are loaded, with their source",
        &["Regime", "Stage", "Filing", "To", "Source"],
        rows.collect(),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raci {
    columns: Vec<String>,
    owners: BTreeMap<String, String>,
    rows: Vec<RaciRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RaciRow {
    activity: String,
    raci: BTreeMap<String, String>,
}

fn raci(floor: &Floor) -> Vec<Block> {
    let text = floor.files.text("dossier/raci.yml").unwrap_or_default();
    let raci: Raci = match serde_saphyr::from_str(&text) {
        Ok(raci) => raci,
        Err(error) => {
            return vec![Block::Callout {
                kind: CalloutKind::Warning,
                body: vec![vec![Span::text(format!(
                    "content/dossier/raci.yml cannot be read: {error}"
                ))]],
            }];
        }
    };
    let mut columns = vec!["Activity"];
    columns.extend(raci.columns.iter().map(String::as_str));
    let rows = raci.rows.iter().map(|row| {
        std::iter::once(row.activity.clone())
            .chain(
                raci.columns
                    .iter()
                    .map(|c| row.raci.get(c).cloned().unwrap_or_default()),
            )
            .collect()
    });
    let mut blocks = vec![table(
        "R does it, A answers for it, C is asked, I is told",
        &columns,
        rows.collect(),
    )];
    let wrong: Vec<String> = raci
        .rows
        .iter()
        .filter(|r| r.raci.values().filter(|v| v.as_str() == "A").count() != 1)
        .map(|r| r.activity.clone())
        .collect();
    let nobody: Vec<String> = raci
        .columns
        .iter()
        .filter(|c| raci.owners.get(*c).is_none_or(String::is_empty))
        .cloned()
        .collect();
    if !wrong.is_empty() {
        blocks.push(Block::Callout {
            kind: CalloutKind::Warning,
            body: vec![vec![Span::text(format!(
                "Without exactly one A: {}.",
                wrong.join("; ")
            ))]],
        });
    }
    if !nobody.is_empty() {
        blocks.push(Block::Callout {
            kind: CalloutKind::Open,
            body: vec![vec![Span::text(format!(
                "No person is named for: {}. Name them in content/dossier/raci.yml.",
                nobody.join(", ")
            ))]],
        });
    }
    blocks
}

/// One figure: how many were measured, median, 90th percentile, how many could not be.
struct Figure {
    name: &'static str,
    from: &'static str,
    seconds: Vec<i64>,
    missing: usize,
}

fn kpis(state: &State, now: Timestamp) -> Vec<Block> {
    let span = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs();
    let mut detect = Figure {
        name: "Time to detect",
        from: "earliest finding's event to alert opened",
        seconds: Vec::new(),
        missing: 0,
    };
    let mut acknowledge = Figure {
        name: "Time to acknowledge",
        from: "alert opened to acknowledged",
        seconds: Vec::new(),
        missing: 0,
    };
    let mut conclude = Figure {
        name: "Time to conclude",
        from: "alert opened to verdict",
        seconds: Vec::new(),
        missing: 0,
    };
    let mut margin = Figure {
        name: "Margin of filings",
        from: "filing to safe date; negative is late",
        seconds: Vec::new(),
        missing: 0,
    };
    let mut exercises = 0;
    for alert in state.alerts.iter() {
        if alert.exercise().is_some() {
            exercises += 1;
            continue;
        }
        detect.seconds.push(span(alert.first_seen, alert.opened));
        match &alert.status {
            Status::Acknowledged { at, .. } => acknowledge.seconds.push(span(alert.opened, *at)),
            Status::Closed { at, .. } => conclude.seconds.push(span(alert.opened, *at)),
            Status::New => {
                acknowledge.missing += 1;
                conclude.missing += 1;
            }
            Status::Merged { .. } => {}
        }
    }
    for incident in state.incidents.iter().filter(|i| i.exercise.is_none()) {
        for clock in clocks(state, incident.id, now) {
            match (&clock.status, clock.safe) {
                (ClockStatus::Met { early, .. }, _) => margin.seconds.push(early.as_secs()),
                (ClockStatus::Late { at, .. }, Some(safe)) => margin.seconds.push(span(*at, safe)),
                (
                    ClockStatus::Running
                    | ClockStatus::PastSafe { .. }
                    | ClockStatus::Missed { .. },
                    _,
                ) => margin.missing += 1,
                _other => {}
            }
        }
    }
    let rows = [detect, acknowledge, conclude, margin]
        .into_iter()
        .map(|mut f| {
            f.seconds.sort_unstable();
            let at = |q: f64| {
                f.seconds
                    .get(((f.seconds.len().saturating_sub(1)) as f64 * q).round() as usize)
                    .map_or_else(
                        || "none".to_owned(),
                        |s| format!("{:#}", SignedDuration::from_secs(*s)),
                    )
            };
            vec![
                f.name.to_owned(),
                f.from.to_owned(),
                f.seconds.len().to_string(),
                at(0.5),
                at(0.9),
                f.missing.to_string(),
            ]
        });
    vec![
        table(
            "Real alerts and incidents only",
            &[
                "Figure",
                "Measured from",
                "#n",
                "#Median",
                "#p90",
                "#Missing",
            ],
            rows.collect(),
        ),
        paragraph(format!(
            "{exercises} alerts of exercises are not counted above."
        )),
    ]
}

fn exercises(state: &State) -> Block {
    let rows = state.exercises.iter().map(|play| {
        let score = watchfloor_respond::exercise::score(play);
        vec![
            play.plan.title.clone(),
            time(play.started),
            play.status_word().to_owned(),
            format!("{} of {}", score.points, score.of),
        ]
    });
    table(
        "Exercises played",
        &["Exercise", "Started", "Status", "#Score"],
        rows.collect(),
    )
}

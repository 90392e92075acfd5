//! The after-action report of an exercise (HSEEP 2020, AAR/IP).

use watchfloor_press::{Block, Document, ListStyle, Span, time};
use watchfloor_respond::{State, exercise::report};
use watchfloor_types::{ExerciseId, Timestamp, Tlp};

use super::{heading, meta, paragraph, table};

/// The report as a document; none where there is no such exercise.
pub(crate) fn build(
    state: &State,
    exercise: ExerciseId,
    journal: u64,
    now: Timestamp,
) -> Option<Document> {
    let r = report(state, exercise)?;
    let mut blocks = vec![
        heading("Summary"),
        paragraph(r.summary.clone()),
        Block::KeyValues(vec![
            (
                "Score".to_owned(),
                vec![
                    Span::Strong(format!("{} of {} points", r.score.points, r.score.of)),
                    Span::text(if r.score.is_final { "" } else { " so far" }),
                ],
            ),
            (
                "Played".to_owned(),
                vec![Span::text(format!(
                    "{} to {}",
                    time(r.started),
                    r.ended.map_or_else(|| "now".to_owned(), time)
                ))],
            ),
            (
                "Plan".to_owned(),
                vec![Span::text(format!("{} version {}", r.title, r.version))],
            ),
            (
                "Techniques".to_owned(),
                vec![Span::text(format!("MITRE ATLAS {}", r.atlas))],
            ),
            (
                "Incidents".to_owned(),
                vec![Span::text(
                    r.incidents
                        .iter()
                        .filter_map(|i| state.incidents.get(*i))
                        .map(|i| i.name.clone())
                        .collect::<Vec<_>>()
                        .join(", "),
                )],
            ),
        ]),
        table(
            "Points by group",
            &["Group", "#Points", "#Of"],
            r.score
                .groups
                .iter()
                .map(|g| vec![g.title.clone(), g.points.to_string(), g.of.to_string()])
                .collect(),
        ),
        heading("Objectives"),
        table(
            "How each objective was performed",
            &["Objective", "Performance", "#Points", "#Of"],
            r.objectives
                .iter()
                .map(|o| {
                    vec![
                        format!("{} {}", o.id, o.title),
                        o.performance
                            .map_or("not scored".to_owned(), |p| p.to_string()),
                        o.points.to_string(),
                        o.of.to_string(),
                    ]
                })
                .collect(),
        ),
        heading("Injects: expected and observed"),
    ];
    let rows = r.rows.iter().chain(&r.distractors).flat_map(|row| {
        row.lines.iter().enumerate().map(move |(i, line)| {
            vec![
                if i == 0 {
                    row.number.map_or(String::new(), |n| n.to_string())
                } else {
                    String::new()
                },
                if i == 0 {
                    row.title.clone()
                } else {
                    String::new()
                },
                line.expected.clone(),
                format!("{}: {}", line.status, line.observed),
                format!("{} of {}", line.points, line.of),
            ]
        })
    });
    blocks.push(table(
        "By inject",
        &["No.", "Inject", "Expected", "Observed", "#Points"],
        rows.collect(),
    ));
    for (title, said) in [("Strengths", &r.strengths), ("Gaps", &r.gaps)] {
        blocks.push(heading(title));
        if said.is_empty() {
            blocks.push(paragraph("None was entered."));
        } else {
            blocks.push(Block::List {
                style: ListStyle::Bullet,
                items: said
                    .iter()
                    .map(|s| {
                        vec![
                            Span::text(format!("{} ", s.text)),
                            Span::Emphasis(format!("({})", s.by)),
                        ]
                    })
                    .collect(),
            });
        }
    }
    blocks.push(heading("Improvement plan"));
    if r.items.is_empty() {
        blocks.push(paragraph("Nothing was found that has to be improved."));
    } else {
        blocks.push(table(
            "Action items",
            &["Item", "Owner", "Due", "From"],
            r.items
                .iter()
                .map(|i| {
                    vec![
                        i.title.clone(),
                        i.owner.to_string(),
                        time(i.due),
                        i.by.clone(),
                    ]
                })
                .collect(),
        ));
    }
    if !r.refused.is_empty() {
        blocks.push(heading("What the script could not do"));
        blocks.push(table(
            "Refused acts",
            &["Act", "Reason"],
            r.refused
                .iter()
                .map(|(a, why)| vec![a.clone(), why.clone()])
                .collect(),
        ));
    }
    Some(Document {
        title: format!("After-action report: {}", r.title),
        subtitle: Some(format!("{} of {} points", r.score.points, r.score.of)),
        meta: meta(
            Some("exercise participants"),
            None,
            journal,
            now,
            Tlp::Amber,
            true,
        ),
        blocks,
        evidence: Vec::new(),
    })
}

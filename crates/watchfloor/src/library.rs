//! Content that decisions read: runbooks, escalation policies, regimes, templates, exercises.

use std::sync::Arc;

use watchfloor_respond::{Content, comms, exercise, obligation, oncall, runbook};
use watchfloor_types::{Diagnostic, Level, RunbookId};

use watchfloor_ingest::Sources;

use crate::{content::Files, rulebook::Rulebook};

/// Reads all of it. An item with an error is left out and reported.
pub(crate) fn load(files: &Files) -> (Content, Vec<Diagnostic>) {
    let mut content = Content::default();
    let mut all = Vec::new();
    for (path, text) in yaml(files, "runbooks") {
        let Some(id) = folder(&path).and_then(|f| f.parse::<RunbookId>().ok()) else {
            continue;
        };
        let (found, wrong) = runbook::parse(&id, &path, &text);
        if let Some(runbook) = keep(found, wrong, &mut all) {
            content.runbooks.insert(id, Arc::new(runbook));
        }
    }
    for (path, text) in yaml(files, "escalations") {
        let (found, wrong) = oncall::parse(&path, &text);
        if let Some(policy) = keep(found, wrong, &mut all) {
            content.escalations.insert(policy.id.clone(), policy);
        }
    }
    let (library, wrong) = obligation::load(&files.of("obligations"));
    all.extend(wrong);
    all.extend(obligation::run_examples(&library));
    content.regimes = library.regimes;
    content.calendars = library.calendars;
    if let Some(text) = files.text("obligations/profile.yml") {
        let (profile, wrong) = obligation::load_profile("content/obligations/profile.yml", &text);
        all.extend(wrong);
        content.profile = profile.unwrap_or_default();
    }
    let (templates, wrong) = comms::load(&files.of("templates"));
    all.extend(wrong);
    content.templates = templates;
    for (path, text) in yaml(files, "exercises") {
        let (found, wrong) = exercise::parse(&path, &text);
        if let Some(plan) = keep(found, wrong, &mut all) {
            content.exercises.insert(plan.id.clone(), plan);
        }
    }
    (content, all)
}

fn yaml(files: &Files, kind: &str) -> Vec<(String, String)> {
    files
        .of(kind)
        .into_iter()
        .filter(|(p, _)| [".yml", ".yaml", ".json"].iter().any(|e| p.ends_with(e)))
        .collect()
}

/// The folder of `content/<kind>/<folder>/file.yml`.
fn folder(path: &str) -> Option<&str> {
    path.rsplit('/').nth(1)
}

fn keep<T>(found: Option<T>, wrong: Vec<Diagnostic>, all: &mut Vec<Diagnostic>) -> Option<T> {
    let fine = wrong.iter().all(|d| d.level != Level::Error);
    all.extend(wrong);
    found.filter(|_| fine)
}

/// What content says about other content: exercises that name rules, sources, runbooks and clocks.
pub(crate) fn check(content: &Content, sources: &Sources, rulebook: &Rulebook) -> Vec<Diagnostic> {
    let known = exercise::Known {
        rules: rulebook
            .engine
            .documents()
            .iter()
            .map(|d| d.meta().id().clone())
            .collect(),
        sources: sources.iter().map(|s| s.id().clone()).collect(),
        runbooks: content.runbooks.keys().cloned().collect(),
        clocks: content
            .regimes
            .values()
            .flat_map(|r| r.stages.iter().map(|s| s.id.clone()))
            .collect(),
    };
    content
        .exercises
        .values()
        .flat_map(|plan| exercise::lint(plan, &known))
        .collect()
}

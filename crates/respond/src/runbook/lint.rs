//! What a schema cannot check: the graph of steps, exclusive properties, variables.

use std::collections::{BTreeMap, BTreeSet};

use watchfloor_types::{Diagnostic, Place, StepId};

use super::{
    Job, Runbook, Step, StepKind,
    node::Node,
    parse::{Out, at},
};

/// Adds what is wrong with `runbook`, whose text is `root`.
pub(super) fn check(runbook: &Runbook, root: &Node, out: &mut Out) {
    let source = Source { root };
    starts(runbook, &source, out);
    let mut whole = true;
    for step in runbook.steps.values() {
        exclusive(step, &source, out);
        ends(step, &source, out);
        variables(runbook, step, &source, out);
        for (property, target) in step.references() {
            if runbook.step(target).is_none() {
                whole = false;
                source.dangling(target, source.property(&step.id, property), out);
            }
        }
    }
    if whole {
        loops(runbook, &source, out);
        unreachable(runbook, &source, out);
    }
}

struct Source<'n> {
    root: &'n Node,
}

impl Source<'_> {
    fn step(&self, id: &StepId) -> Place {
        self.root
            .get("workflow")
            .map_or(&[][..], Node::entries)
            .iter()
            .find(|(key, _, _)| key == id.as_str())
            .map_or_else(|| self.root.place.clone(), |(_, place, _)| place.clone())
    }
    fn node(&self, id: &StepId) -> Option<&Node> {
        self.root.get("workflow")?.get(id.as_str())
    }
    /// Says that `target` is missing, unless it is there and only could not be read.
    fn dangling(&self, target: &StepId, place: Place, out: &mut Out) {
        if self.node(target).is_none() {
            out.push(Diagnostic::error("B004", format!("there is no step `{target}`")).at(place));
        }
    }
    fn property(&self, id: &StepId, property: &str) -> Place {
        let Some(node) = self.node(id) else {
            return self.root.place.clone();
        };
        let named = match property {
            // One field holds both in the runbook as read.
            "on_success" if node.get("on_success").is_none() => "on_completion",
            other => other,
        };
        match node.get(named) {
            Some(found) => found.place.clone(),
            None => self.step(id),
        }
    }
}

fn starts(runbook: &Runbook, source: &Source<'_>, out: &mut Out) {
    match runbook.step(&runbook.start) {
        None => source.dangling(&runbook.start, at(source.root, "workflow_start"), out),
        Some(step) if step.kind != StepKind::Start => out.push(
            Diagnostic::error("B015", "`workflow_start` has to name a `start` step")
                .at(at(source.root, "workflow_start")),
        ),
        Some(_) => {}
    }
    if let Some(exception) = &runbook.exception
        && runbook.step(exception).is_none()
    {
        source.dangling(exception, at(source.root, "workflow_exception"), out);
    }
    if !runbook
        .steps
        .values()
        .any(|step| step.kind == StepKind::End)
    {
        out.push(
            Diagnostic::error("B007", "there is no `end` step").at(at(source.root, "workflow")),
        );
    }
}

/// CACAO 2.0, section 4: `on_completion` excludes the other two, and they are not for start and end.
fn exclusive(step: &Step, source: &Source<'_>, out: &mut Out) {
    let Some(node) = source.node(&step.id) else {
        return;
    };
    for property in ["on_success", "on_failure"] {
        let Some(value) = node.get(property) else {
            continue;
        };
        let plain = matches!(step.kind, StepKind::Start | StepKind::End);
        if plain || node.get("on_completion").is_some() {
            let why = if plain {
                "not for `start` and `end` steps"
            } else {
                "not together with `on_completion`"
            };
            out.push(
                Diagnostic::error("B008", format!("`{property}` is {why}")).at(value.place.clone()),
            );
        }
    }
    if step.kind == StepKind::End
        && let Some(value) = node.get("on_completion")
    {
        out.push(Diagnostic::error("B008", "an `end` step goes nowhere").at(value.place.clone()));
    }
    if let StepKind::Parallel(branches) = &step.kind
        && branches.len() < 2
    {
        out.push(
            Diagnostic::error("B002", "`next_steps` names at least two steps")
                .at(source.property(&step.id, "next_steps")),
        );
    }
}

/// Every way has to come to an `end` step.
fn ends(step: &Step, source: &Source<'_>, out: &mut Out) {
    let goes_on = match step.kind {
        // After the branches of a choice the branch around it may be over.
        StepKind::End | StepKind::If { .. } | StepKind::Parallel(_) => true,
        StepKind::Start | StepKind::Action(_) | StepKind::NotExecutable(_) => {
            step.on_success.is_some()
        }
    };
    if !goes_on {
        out.push(
            Diagnostic::error(
                "B007",
                "this step leads nowhere; every way comes to an `end` step",
            )
            .at(source.step(&step.id))
            .help("add `on_completion`"),
        );
    }
}

fn variables(runbook: &Runbook, step: &Step, source: &Source<'_>, out: &mut Out) {
    let mut used: BTreeSet<String> = step.out_args.iter().cloned().collect();
    used.extend(step.more.capture.keys().cloned());
    match &step.kind {
        StepKind::If { condition, .. } => {
            used.extend(condition.variables().into_iter().map(str::to_owned));
        }
        StepKind::Action(jobs) => {
            for job in jobs {
                match job {
                    Job::Manual { text } => used.extend(text.variables().map(str::to_owned)),
                    Job::HttpApi {
                        path,
                        headers,
                        body,
                        ..
                    } => {
                        used.extend(path.variables().map(str::to_owned));
                        for (_, value) in headers {
                            used.extend(value.variables().map(str::to_owned));
                        }
                        used.extend(body.iter().flat_map(super::Body::variables));
                    }
                    Job::NotExecutable(_) => {}
                }
            }
        }
        StepKind::Start | StepKind::End | StepKind::Parallel(_) | StepKind::NotExecutable(_) => {}
    }
    for name in used {
        if !runbook.variables.contains_key(&name) && !step.variables.contains_key(&name) {
            out.push(
                Diagnostic::error("B011", format!("the variable `{name}` is not defined"))
                    .at(source.step(&step.id))
                    .help("define it in `playbook_variables`"),
            );
        }
    }
}

/// A step that leads back to itself would run for ever: only bounded loops end by themselves, and
/// `while-condition` is not executed.
fn loops(runbook: &Runbook, source: &Source<'_>, out: &mut Out) {
    let mut done: BTreeMap<&StepId, Mark> = BTreeMap::new();
    for id in runbook.steps.keys() {
        let mut path = vec![(id, 0usize)];
        while let Some((id, at)) = path.pop() {
            if at == 0 && done.contains_key(id) {
                continue;
            }
            done.insert(id, Mark::Open);
            let next = runbook
                .step(id)
                .map(Step::references)
                .unwrap_or_default()
                .into_iter()
                .nth(at);
            match next {
                Some((property, target)) => {
                    path.push((id, at + 1));
                    match done.get(target) {
                        Some(Mark::Open) => out.push(
                            Diagnostic::error(
                                "B006",
                                format!("this leads back to `{target}`; a run would not end"),
                            )
                            .at(source.property(id, property)),
                        ),
                        Some(Mark::Closed) => {}
                        None => path.push((target, 0)),
                    }
                }
                None => {
                    done.insert(id, Mark::Closed);
                }
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Open,
    Closed,
}

fn unreachable(runbook: &Runbook, source: &Source<'_>, out: &mut Out) {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&StepId> = std::iter::once(&runbook.start)
        .chain(&runbook.exception)
        .collect();
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            next.extend(
                runbook
                    .step(id)
                    .map(Step::references)
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(_, target)| target),
            );
        }
    }
    for step in runbook.steps.values() {
        if !seen.contains(&step.id) {
            out.push(
                Diagnostic::warning("B005", format!("no way leads to `{}`", step.id))
                    .at(source.step(&step.id)),
            );
        }
    }
}

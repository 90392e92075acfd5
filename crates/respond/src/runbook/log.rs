//! What a run leaves on the timeline of its incident.

use jiff::Timestamp;

use super::{At, Entry, Purpose, Wait};
use crate::{
    State,
    incident::{Link, TimelineItem, TimelineKind},
};

/// Adds a line to the timeline of the incident for what a person wants to see there.
pub(super) fn log(state: &mut State, entry: &Entry, now: Timestamp) {
    let line = |kind, text: String| TimelineItem::new(now, kind, text);
    if let Entry::Suggested {
        incident,
        runbook,
        reason,
    } = entry
    {
        let text = format!("runbook {runbook} suggested: {reason}");
        state
            .incidents
            .log(*incident, line(TimelineKind::Run, text));
        return;
    }
    if let Entry::Started {
        run,
        incident,
        runbook,
        mode,
        reason,
        by,
        ..
    } = entry
    {
        let text = format!("run of {runbook} started ({mode}): {reason}");
        let item = line(TimelineKind::Run, text).by(by).link(Link::Run(*run));
        state.incidents.log(*incident, item);
        return;
    }
    let Some((id, _)) = entry.place() else { return };
    let Some(run) = state.runs.get(id) else {
        return;
    };
    let name = |at: &At| run.step_name(&at.step).to_owned();
    let item = match entry {
        Entry::Waiting {
            at,
            wait: Wait::Effect { effect, .. },
            ..
        } => line(TimelineKind::Effect, format!("{}: asked for", name(at)))
            .link(Link::Effect(effect.key.clone())),
        Entry::Waiting {
            at,
            wait: Wait::Approval { .. },
            ..
        } => line(
            TimelineKind::Run,
            format!("{}: waits for approval", name(at)),
        ),
        Entry::Waiting {
            at,
            wait: Wait::Values { names },
            ..
        } => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let text = format!("{}: waits for {}", name(at), names.join(", "));
            line(TimelineKind::Run, text)
        }
        Entry::Approved { at, by, .. } => {
            line(TimelineKind::Run, format!("{}: approved", name(at))).by(by)
        }
        Entry::JobDone { at, detail, by, .. } => {
            line(TimelineKind::Run, format!("{}: {detail}", name(at))).by(by)
        }
        Entry::InDoubt { at, detail, .. } => line(
            TimelineKind::Effect,
            format!("{}: in doubt, {detail}", name(at)),
        ),
        Entry::StepFailed { at, reason, by } => {
            line(TimelineKind::Run, format!("{}: failed, {reason}", name(at))).by(by)
        }
        Entry::BranchOpened {
            purpose: purpose @ (Purpose::Undo | Purpose::Exception),
            first,
            by,
            reason,
            ..
        } => {
            let step = run.step_name(first);
            line(TimelineKind::Run, format!("{purpose}: {step} ({reason})")).by(by)
        }
        Entry::ValueSet { name, by, .. } => {
            line(TimelineKind::Run, format!("{name} was given")).by(by)
        }
        Entry::Finished {
            result, reason, by, ..
        } => line(
            TimelineKind::Run,
            format!("run of {} {result}: {reason}", run.runbook.id),
        )
        .by(by),
        Entry::Suggested { .. }
        | Entry::Started { .. }
        | Entry::StepStarted { .. }
        | Entry::StepFinished { .. }
        | Entry::BranchOpened { .. }
        | Entry::BranchClosed { .. }
        | Entry::Waiting {
            wait: Wait::Until { .. } | Wait::Person { .. },
            ..
        } => return,
    };
    let incident = run.incident;
    state.incidents.log(incident, item.link(Link::Run(id)));
}

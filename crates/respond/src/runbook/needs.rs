//! What runs need from people.

use jiff::Timestamp;
use watchfloor_types::Role;

use super::{Mode, Phase, Run, RunResult, Runs, Wait};
use crate::{Need, NeedKind, State, need::Needs, permit::WORKERS};

impl Needs for Runs {
    fn needs(&self, state: &State, _now: Timestamp) -> Vec<Need> {
        let mut needs: Vec<Need> = self.active().flat_map(of_run).collect();
        needs.extend(self.iter().filter_map(|run| failed(state, run)));
        needs
    }
}

fn of_run(run: &Run) -> Vec<Need> {
    run.doing()
        .filter_map(|(_, doing)| {
            let name = run.step_name(&doing.step);
            let (kind, title, roles, due) = match &doing.phase {
                Phase::Waiting(Wait::Person { text, roles, due }) => (
                    NeedKind::ManualStep,
                    format!("{name}: {text}"),
                    roles.clone(),
                    *due,
                ),
                Phase::Waiting(Wait::Approval { text, roles, due }) => (
                    NeedKind::Approval,
                    format!("approve {name}: {text}"),
                    roles.clone(),
                    *due,
                ),
                Phase::Waiting(Wait::Values { names }) => {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    let title = format!("{name}: give {}", names.join(", "));
                    (NeedKind::ManualStep, title, WORKERS.to_vec(), None)
                }
                Phase::InDoubt(detail) => (
                    NeedKind::InDoubt,
                    format!("{name}: did it happen? {detail}"),
                    WORKERS.to_vec(),
                    None,
                ),
                Phase::Ready | Phase::Waiting(Wait::Until { .. } | Wait::Effect { .. }) => {
                    return None;
                }
            };
            Some(need(run, kind, title, roles, due))
        })
        .collect()
}

/// A failed run asks until its incident ends or the runbook is started again.
fn failed(state: &State, run: &Run) -> Option<Need> {
    let end = run.end.as_ref()?;
    let open = state
        .incidents
        .get(run.incident)
        .is_some_and(crate::incident::Incident::is_open);
    let again = state.runs.of_incident(run.incident).any(|other| {
        other.runbook.id == run.runbook.id && other.mode == run.mode && other.started > run.started
    });
    (end.result == RunResult::Failed && open && !again).then(|| {
        let title = format!("run of {} failed: {}", run.runbook.name, end.reason);
        need(run, NeedKind::FailedRun, title, WORKERS.to_vec(), None)
    })
}

fn need(
    run: &Run,
    kind: NeedKind,
    title: String,
    roles: Vec<Role>,
    due: Option<Timestamp>,
) -> Need {
    let mark = match (run.mode, run.exercise) {
        (Mode::Rehearsal, None) => "dry run: ",
        (Mode::Rehearsal | Mode::Live, _) => "",
    };
    Need {
        kind,
        title: format!("{mark}{title}"),
        roles,
        due,
        link: format!("/runs/{}", run.id),
        incident: Some(run.incident),
        exercise: run.exercise.is_some(),
    }
}

//! The interpreter: what comes next in a branch. It only reads the state, so that it can be asked
//! again at any time: after a restart, after an entry, on a tick.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{Actor, Effect, EffectKey, EffectKind};

use super::{
    At, BindError, Body, Branch, Doing, Entry, IncidentProperty, Job, Mode, Phase, Position,
    Purpose, Run, RunResult, Source, Step, StepKind, Template, Wait, bind, expr::Verdict,
};
use crate::{Decision, State, entity, oncall};

/// How long a request may take where the step does not say.
const REQUEST_TIMEOUT: SignedDuration = SignedDuration::from_secs(30);

/// What comes next in branch `number`; nothing where it waits.
pub(super) fn advance(state: &State, run: &Run, number: u32, now: Timestamp) -> Decision {
    let Some(branch) = run.branch(number) else {
        return Decision::nothing();
    };
    match &branch.position {
        Position::Closed => Decision::nothing(),
        Position::Next(step) => begin(run, number, step, run.attempt_of(step) + 1),
        Position::After(step) => after(run, number, branch, step),
        Position::Failed(step, reason) => failed(run, number, branch, step, reason),
        Position::In(doing) => match &doing.phase {
            Phase::Ready => work(state, run, number, doing, now),
            Phase::Waiting(Wait::Until { at }) if *at <= now => {
                work(state, run, number, doing, now)
            }
            Phase::Waiting(Wait::Values { names }) => {
                let step = run.runbook.step(&doing.step);
                let known = |name: &String| {
                    step.is_some_and(|step| value(state, run, step, name).is_some())
                };
                if names.iter().all(known) {
                    work(state, run, number, doing, now)
                } else {
                    Decision::nothing()
                }
            }
            Phase::Waiting(
                Wait::Until { .. }
                | Wait::Person { .. }
                | Wait::Approval { .. }
                | Wait::Effect { .. },
            )
            | Phase::InDoubt(_) => Decision::nothing(),
        },
    }
}

/// Begins a step.
pub(super) fn begin(
    run: &Run,
    branch: u32,
    step: &watchfloor_types::StepId,
    attempt: u32,
) -> Decision {
    entry(Entry::StepStarted {
        at: At {
            run: run.id,
            branch,
            step: step.clone(),
            attempt,
        },
    })
}

fn entry(entry: Entry) -> Decision {
    Decision::nothing().entry(crate::Entry::Run(entry))
}

/// After a step: the next one, or the end of the branch.
fn after(run: &Run, number: u32, branch: &Branch, step: &watchfloor_types::StepId) -> Decision {
    let next = run
        .runbook
        .step(step)
        .filter(|_| branch.purpose != Purpose::Undo)
        .and_then(|step| step.on_success.as_ref());
    match next {
        Some(next) => begin(run, number, next, run.attempt_of(next) + 1),
        None => close(run, number, branch),
    }
}

/// The end of a branch. The end of the flow and of the way for exceptions is the end of the run,
/// in one entry: a crash cannot come between the two.
fn close(run: &Run, number: u32, branch: &Branch) -> Decision {
    let end = |result, reason| Decision::nothing().entry(finished(run, result, reason));
    match (branch.purpose, branch.parent) {
        (Purpose::Flow, None) => end(RunResult::Done, "every way came to its end"),
        (Purpose::Exception, _) => end(
            RunResult::Failed,
            "a step failed; the way for exceptions came to its end",
        ),
        (Purpose::Flow, Some(_)) | (Purpose::Undo, _) => entry(Entry::BranchClosed {
            run: run.id,
            branch: number,
        }),
    }
}

fn finished(run: &Run, result: RunResult, reason: &str) -> crate::Entry {
    crate::Entry::Run(Entry::Finished {
        run: run.id,
        result,
        reason: reason.to_owned(),
        by: Actor::System,
    })
}

/// After a failure: the step's own way, the runbook's way for exceptions, or the end.
fn failed(
    run: &Run,
    number: u32,
    branch: &Branch,
    step: &watchfloor_types::StepId,
    reason: &str,
) -> Decision {
    if branch.purpose == Purpose::Undo {
        return close(run, number, branch);
    }
    let own = run.runbook.step(step).and_then(|s| s.on_failure.as_ref());
    if let Some(next) = own {
        return begin(run, number, next, run.attempt_of(next) + 1);
    }
    let reason = format!("{} failed: {reason}", run.step_name(step));
    let in_exception = run
        .branches
        .iter()
        .any(|branch| branch.purpose == Purpose::Exception);
    match &run.runbook.exception {
        Some(first) if !in_exception => entry(Entry::BranchOpened {
            run: run.id,
            branch: run.next_branch(),
            parent: None,
            purpose: Purpose::Exception,
            first: first.clone(),
            by: Actor::System,
            reason,
        }),
        Some(_) | None => Decision::nothing().entry(finished(run, RunResult::Failed, &reason)),
    }
}

/// Moves a step on.
fn work(state: &State, run: &Run, number: u32, doing: &Doing, now: Timestamp) -> Decision {
    let at = At {
        run: run.id,
        branch: number,
        step: doing.step.clone(),
        attempt: doing.attempt,
    };
    let Some(step) = run.runbook.step(&doing.step) else {
        return fail(at, "there is no such step");
    };
    let until = doing.since + step.delay;
    if until > now {
        let wait = Wait::Until { at: until };
        return waiting(at, doing.jobs_done, doing, wait);
    }
    match &step.kind {
        StepKind::Start | StepKind::End => done(at, ""),
        StepKind::NotExecutable(reason) => fail(at, reason),
        StepKind::Parallel(branches) => {
            let missing = branches.get(doing.children.len()..).unwrap_or_default();
            if missing.is_empty() {
                return join(run, at, doing, "every branch came to its end");
            }
            let mut all = Decision::nothing();
            for (offset, first) in (0u32..).zip(missing) {
                all.extend(open(run, &at, run.next_branch() + offset, first, ""));
            }
            all
        }
        StepKind::If {
            condition,
            on_true,
            on_false,
        } => {
            if !doing.children.is_empty() {
                return join(run, at, doing, "the branch came to its end");
            }
            let verdict = condition.eval(&|name| value(state, run, step, name));
            match (verdict, on_false) {
                (Verdict::Yes, _) => {
                    open(run, &at, run.next_branch(), on_true, "the condition holds")
                }
                (Verdict::No, Some(on_false)) => {
                    let why = "the condition does not hold";
                    open(run, &at, run.next_branch(), on_false, why)
                }
                (Verdict::No, None) => done(at, "the condition does not hold"),
                (Verdict::Unknown(names), _) => waiting(at, 0, doing, Wait::Values { names }),
            }
        }
        StepKind::Action(jobs) => action(state, run, step, jobs, at, doing, now),
    }
}

/// The step around branches: done when all of them are closed.
fn join(run: &Run, at: At, doing: &Doing, detail: &str) -> Decision {
    let closed = |number: &u32| {
        run.branch(*number)
            .is_none_or(|branch| branch.position == Position::Closed)
    };
    if doing.children.iter().all(closed) {
        done(at, detail)
    } else {
        Decision::nothing()
    }
}

fn open(
    run: &Run,
    at: &At,
    branch: u32,
    first: &watchfloor_types::StepId,
    reason: &str,
) -> Decision {
    entry(Entry::BranchOpened {
        run: run.id,
        branch,
        parent: Some(at.branch),
        purpose: Purpose::Flow,
        first: first.clone(),
        by: Actor::System,
        reason: reason.to_owned(),
    })
}

fn action(
    state: &State,
    run: &Run,
    step: &Step,
    jobs: &[Job],
    at: At,
    doing: &Doing,
    now: Timestamp,
) -> Decision {
    let number = doing.jobs_done;
    let Some(job) = usize::try_from(number).ok().and_then(|n| jobs.get(n)) else {
        return done(at, "");
    };
    let value = |name: &str| value(state, run, step, name);
    let missing: BTreeSet<String> = needed(job)
        .into_iter()
        .filter(|name| value(name).is_none())
        .collect();
    if !missing.is_empty() {
        return waiting(at, number, doing, Wait::Values { names: missing });
    }
    let due = step.timeout.map(|timeout| now + timeout);
    if !step.more.approval.is_empty() && doing.approved.is_none() {
        let wait = Wait::Approval {
            text: preview(step, jobs, &value),
            roles: step.more.approval.clone(),
            due,
        };
        return waiting(at, number, doing, wait);
    }
    match job {
        Job::NotExecutable(reason) => fail(at, reason),
        Job::Manual { text } => match text.shown(&told(&value)) {
            Err(error) => fail(at, &error.to_string()),
            Ok(text) => match &step.more.page {
                Some(policy) => page(state, run, at, number, policy, &text, now),
                None => {
                    let wait = Wait::Person {
                        text,
                        roles: step.more.roles.clone(),
                        due,
                    };
                    waiting(at, number, doing, wait)
                }
            },
        },
        Job::HttpApi { .. } => match request(job, &value) {
            Err(error) => fail(at, &error.to_string()),
            Ok(kind) => {
                let effect = Effect {
                    key: effect_key(&at, number, jobs.len()),
                    class: step.more.class,
                    kind,
                    incident: Some(run.incident),
                    run: Some(run.id),
                    rehearsal: run.mode == Mode::Rehearsal,
                    at: now,
                    deadline: now + step.timeout.unwrap_or(REQUEST_TIMEOUT),
                };
                ask(at, number, effect, 1)
            }
        },
    }
}

/// Asks for an effect.
pub(super) fn ask(at: At, job: u32, effect: Effect, tries: u32) -> Decision {
    entry(Entry::Waiting {
        at,
        job,
        wait: Wait::Effect {
            effect: Box::new(effect.clone()),
            tries,
        },
    })
    .effect(effect)
}

/// `run/step/attempt`, and the number of the command where the step has several.
fn effect_key(at: &At, job: u32, jobs: usize) -> EffectKey {
    EffectKey(if jobs > 1 {
        format!("{}/{}/{}/{job}", at.run, at.step, at.attempt)
    } else {
        format!("{}/{}/{}", at.run, at.step, at.attempt)
    })
}

fn page(
    state: &State,
    run: &Run,
    at: At,
    job: u32,
    policy: &watchfloor_types::EscalationId,
    text: &str,
    now: Timestamp,
) -> Decision {
    let cause = format!("{}/{}", at.run, at.step);
    // The page may be in the journal already, with the end of the step missing after a crash.
    let paged = if state.oncall.by_cause(&cause).is_some() {
        Decision::nothing()
    } else {
        match oncall::page(state, policy, run.incident, text, &cause, now) {
            Some(decision) => decision,
            None => return fail(at, &format!("there is no escalation policy `{policy}`")),
        }
    };
    paged.entry(crate::Entry::Run(Entry::JobDone {
        at,
        job,
        detail: format!("paged {policy}"),
        values: BTreeMap::new(),
        by: Actor::System,
    }))
}

/// The request of a job with its values.
fn request(job: &Job, value: &dyn Fn(&str) -> Option<String>) -> Result<EffectKind, BindError> {
    match job {
        Job::HttpApi {
            target,
            method,
            path,
            headers,
            body,
        } => Ok(EffectKind::HttpApi {
            target: target.clone(),
            method: method.clone(),
            path: path.path(value)?,
            headers: headers
                .iter()
                .map(|(name, text)| Ok((name.clone(), text.header(value)?)))
                .collect::<Result<_, BindError>>()?,
            body: body.as_ref().map(|body| body.fill(value)).transpose()?,
        }),
        Job::Manual { .. } | Job::NotExecutable(_) => Err(BindError::Missing(BTreeSet::new())),
    }
}

/// What an approver is shown: every request as it will be sent.
fn preview(step: &Step, jobs: &[Job], value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for job in jobs {
        lines.push(match request(job, value) {
            Ok(EffectKind::HttpApi {
                target,
                method,
                path,
                body,
                ..
            }) => bind::visible(&format!(
                "{method} {path} at {target} {}",
                body.unwrap_or_default()
            )),
            Ok(EffectKind::Webhook { .. }) | Err(_) => match job {
                Job::Manual { text } => text.shown(&told(value)).unwrap_or_default(),
                Job::HttpApi { path, .. } => path.shown(value).unwrap_or_default(),
                Job::NotExecutable(reason) => reason.clone(),
            },
        });
    }
    if !step.description.is_empty() {
        lines.push(step.description.clone());
    }
    lines.join("; ").trim().to_owned()
}

/// The same values for a person's eyes: what is not known says so.
fn told(value: &dyn Fn(&str) -> Option<String>) -> impl Fn(&str) -> Option<String> {
    move |name| Some(value(name).unwrap_or_else(|| "(not known)".to_owned()))
}

fn needed(job: &Job) -> BTreeSet<String> {
    match job {
        // A person can work with what is known.
        Job::Manual { .. } | Job::NotExecutable(_) => BTreeSet::new(),
        Job::HttpApi {
            path,
            headers,
            body,
            ..
        } => path
            .variables()
            .chain(
                headers
                    .iter()
                    .flat_map(|(_, value)| Template::variables(value)),
            )
            .map(str::to_owned)
            .chain(body.iter().flat_map(Body::variables))
            .collect(),
    }
}

/// The value of a variable: of the step, then given in the run, then from its source, then its own.
pub(super) fn value(state: &State, run: &Run, step: &Step, name: &str) -> Option<String> {
    if let Some(value) = step.variables.get(name).or_else(|| run.values.get(name)) {
        return Some(value.clone());
    }
    let variable = run.runbook.variables.get(name)?;
    variable
        .source
        .as_ref()
        .and_then(|source| read(state, run, source))
        .or_else(|| variable.value.clone())
}

fn read(state: &State, run: &Run, source: &Source) -> Option<String> {
    let incident = state.incidents.current(run.incident)?;
    match source {
        Source::Incident(IncidentProperty::Name) => Some(incident.name.clone()),
        Source::Incident(IncidentProperty::Title) => Some(incident.title.clone()),
        Source::Incident(IncidentProperty::Severity) => Some(incident.severity.to_string()),
        Source::Incident(IncidentProperty::Link) => Some(format!("/incidents/{}", incident.name)),
        Source::Entity(fields) => {
            let findings: Vec<_> = incident
                .alerts()
                .filter_map(|alert| state.alerts.get(alert))
                .flat_map(|alert| &alert.findings)
                .collect();
            fields.iter().find_map(|field| {
                findings
                    .iter()
                    .find_map(|finding| entity::values(finding, field).into_iter().next())
            })
        }
        Source::Fact(name) => match &incident.facts.get(name.as_str())?.value {
            crate::incident::FactValue::NotApplicable => None,
            value => Some(value.to_string()),
        },
        Source::Known(name) => Some(incident.facts.get(name.as_str()).is_some().to_string()),
    }
}

fn waiting(at: At, job: u32, doing: &Doing, wait: Wait) -> Decision {
    if doing.phase == Phase::Waiting(wait.clone()) {
        return Decision::nothing();
    }
    entry(Entry::Waiting { at, job, wait })
}

fn done(at: At, detail: &str) -> Decision {
    entry(Entry::StepFinished {
        at,
        detail: detail.to_owned(),
    })
}

pub(super) fn fail(at: At, reason: &str) -> Decision {
    entry(Entry::StepFailed {
        at,
        reason: reason.to_owned(),
        by: Actor::System,
    })
}

impl Run {
    pub(super) fn attempt_of(&self, step: &watchfloor_types::StepId) -> u32 {
        self.attempts.get(step).copied().unwrap_or(0)
    }
    pub(super) fn next_branch(&self) -> u32 {
        u32::try_from(self.branches.len()).unwrap_or(u32::MAX)
    }
}

//! What detection made of an inject: findings are joined to the ids of the emitted events.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{AlertId, EventId, Finding};

use super::{Entry, Expected, Inject, Play, Progress, Proof, Verdict};
use crate::{Decision, State, alert};

/// Findings and receipts give verdicts at once.
pub(super) fn react(state: &State, entry: &crate::Entry) -> Decision {
    let mut all = Decision::nothing();
    match entry {
        crate::Entry::Alert(
            alert::Entry::Opened { finding, .. } | alert::Entry::FindingAdded { finding, .. },
        ) => {
            let play = finding
                .mark
                .as_ref()
                .and_then(|mark| state.exercises.get(mark.exercise));
            if let Some(play) = play {
                for inject in play.progress.keys().filter_map(|id| play.plan.inject(id)) {
                    all.entries.extend(now_judged(state, play, inject));
                }
            }
        }
        // Detection may be faster than the receipt.
        crate::Entry::Exercise(Entry::Emitted(receipt)) => {
            if let Some(play) = state.exercises.get(receipt.exercise)
                && let Some(inject) = play.plan.inject(&receipt.inject)
            {
                all.entries.extend(now_judged(state, play, inject));
            }
        }
        crate::Entry::Alert(_)
        | crate::Entry::Incident(_)
        | crate::Entry::Run(_)
        | crate::Entry::Oncall(_)
        | crate::Entry::Obligation(_)
        | crate::Entry::Comms(_)
        | crate::Entry::Exercise(_)
        | crate::Entry::Rule(_)
        | crate::Entry::Suppression(_) => {}
    }
    all
}

pub(super) fn judged(play: &Play, inject: &Inject, verdict: Verdict) -> crate::Entry {
    crate::Entry::Exercise(Entry::Judged {
        exercise: play.id,
        inject: inject.id.clone(),
        verdict,
    })
}

fn now_judged(state: &State, play: &Play, inject: &Inject) -> Option<crate::Entry> {
    let progress = play.progress.get(&inject.id)?;
    let final_already = match &progress.verdict {
        Some(Verdict::Detected { .. } | Verdict::Late { .. } | Verdict::FalseAlarm { .. }) => true,
        // A finding that comes after all is better than none, and a play never hides it.
        Some(Verdict::Missed { .. } | Verdict::Inconclusive { .. } | Verdict::Quiet { .. })
        | None => false,
    };
    if final_already {
        return None;
    }
    by_finding(state, play, inject, progress).map(|verdict| judged(play, inject, verdict))
}

/// The verdict that a finding on an emitted event gives.
fn by_finding(state: &State, play: &Play, inject: &Inject, progress: &Progress) -> Option<Verdict> {
    let events = play.events(&inject.id);
    let on_it = || {
        state
            .alerts
            .iter()
            .filter(|alert| alert.exercise() == Some(play.id))
            .flat_map(|alert| alert.findings.iter().map(|finding| (alert.id, finding)))
            .filter(|(_, finding)| finding.events.iter().any(|id| events.contains(id)))
    };
    let earliest = |found: &(AlertId, &Finding)| (found.1.detected, found.1.id);
    if inject.expects_quiet() {
        let (alert, finding) = on_it().min_by_key(earliest)?;
        return Some(Verdict::FalseAlarm {
            finding: finding.id,
            alert,
            rule: finding.rule.id.clone(),
        });
    }
    let (rules, limit) = inject.detection()?;
    let (alert, finding) = on_it()
        .filter(|(_, finding)| rules.contains(&finding.rule.id))
        .min_by_key(earliest)?;
    let delay = delay(progress, finding);
    let finding = finding.id;
    Some(if delay <= limit {
        Verdict::Detected {
            finding,
            alert,
            delay,
        }
    } else {
        Verdict::Late {
            finding,
            alert,
            delay,
        }
    })
}

/// Real time between the moment at which the last event of the finding was accepted and the
/// finding; nought where the finding was faster than the acknowledgement.
fn delay(progress: &Progress, finding: &Finding) -> SignedDuration {
    let of_finding: BTreeSet<EventId> = finding.events.iter().copied().collect();
    progress
        .receipts
        .values()
        .filter(|receipt| receipt.events.iter().any(|id| of_finding.contains(id)))
        .filter_map(|receipt| receipt.accepted_at)
        .max()
        .map_or(SignedDuration::ZERO, |accepted| {
            finding
                .detected
                .duration_since(accepted)
                .max(SignedDuration::ZERO)
        })
}

/// When waiting for a finding ends; none where nothing is waited for, or a verdict stands.
pub(super) fn deadline(play: &Play, inject: &Inject, progress: &Progress) -> Option<Timestamp> {
    let patience = patience(inject)?;
    match &progress.verdict {
        Some(
            Verdict::Detected { .. }
            | Verdict::Late { .. }
            | Verdict::FalseAlarm { .. }
            | Verdict::Missed { .. }
            | Verdict::Quiet { .. },
        ) => return None,
        // More may have become known.
        Some(Verdict::Inconclusive { proof, .. }) if *proof == play.proof(inject) => return None,
        Some(Verdict::Inconclusive { .. }) | None => {}
    }
    let accepted = progress
        .receipts
        .values()
        .filter_map(|receipt| receipt.accepted_at)
        .max()
        .unwrap_or(progress.due);
    accepted.max(progress.due).saturating_add(patience).ok()
}

/// Twice the limit for a detection, the limit itself for quiet.
fn patience(inject: &Inject) -> Option<SignedDuration> {
    inject
        .expects
        .iter()
        .find_map(|expected| match expected.what {
            Expected::Finding { .. } => Some(expected.within * 2),
            Expected::Quiet => Some(expected.within),
            Expected::Entry { .. } | Expected::Judgement => None,
        })
}

/// The verdict that time gives when no finding came.
pub(super) fn by_time(
    play: &Play,
    inject: &Inject,
    progress: &Progress,
    now: Timestamp,
) -> Option<Verdict> {
    if now < deadline(play, inject, progress)? {
        return None;
    }
    let proof = play.proof(inject);
    Some(
        match (missing_link(&proof, progress), inject.expects_quiet()) {
            (Some(reason), _) => Verdict::Inconclusive { proof, reason },
            (None, false) => Verdict::Missed { proof },
            (None, true) => Verdict::Quiet { proof },
        },
    )
}

/// The first link of the chain sent, received, parsed, evaluated that does not hold.
fn missing_link(proof: &Proof, progress: &Progress) -> Option<String> {
    let problem = progress
        .receipts
        .values()
        .find_map(|receipt| receipt.problem.as_deref())
        .map_or_else(String::new, |problem| format!(": {problem}"));
    let Proof {
        planned,
        sent,
        received,
        parsed,
        rules_expected,
        rules_evaluated,
    } = *proof;
    if sent < planned {
        Some(format!("{sent} of {planned} records were sent{problem}"))
    } else if received < sent {
        Some(format!(
            "ingest acknowledged {received} of {sent} records{problem}"
        ))
    } else if parsed < received {
        Some(format!(
            "{parsed} of {received} records became events{problem}"
        ))
    } else if progress.evaluated.is_none() {
        Some("nobody said that the rules have seen the events".to_owned())
    } else if rules_evaluated < rules_expected {
        Some(format!(
            "{rules_evaluated} of {rules_expected} expected rules are loaded"
        ))
    } else {
        None
    }
}

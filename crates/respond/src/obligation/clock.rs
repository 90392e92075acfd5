//! Clocks computed anew from the facts, never stored: a fact may move a date either way.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use watchfloor_types::{IncidentId, ObligationId};

use super::{
    Calendar, ClockStatus, ClockView, Determination, Explanation, Filing, Hold, InForce, NOTICE,
    Profile, Question, Reading, Regime, Stage, Step,
    because::{citations, grounds, late_awareness, localised, questions, shown},
    count::Rules,
    eval::{Out, World, eval},
    expr::{Kind, Node},
    zone,
};
use crate::{
    State,
    incident::{Facts, Known},
};

/// The clocks of `incident` at `now`: one for each filing of each regime, the earliest safe date
/// first, then what has none. An incident that went to another one has none of its own.
#[must_use]
pub fn clocks(state: &State, incident: IncidentId, now: Timestamp) -> Vec<ClockView> {
    let Some(found) = state.incidents.get(incident) else {
        return Vec::new();
    };
    if found.merged_into.is_some() {
        return Vec::new();
    }
    let filings = |stage: &ObligationId| state.obligations.filings(incident, stage);
    let case = Case {
        facts: &found.facts,
        profile: &state.content.profile,
        calendars: &state.content.calendars,
        determinations: state.obligations.determinations(incident),
        filings: &filings,
        now,
    };
    let mut views: Vec<ClockView> = state
        .content
        .regimes
        .values()
        .flat_map(|regime| regime.stages.iter().map(move |stage| (regime, stage)))
        .map(|(regime, stage)| {
            let hold = state.obligations.hold(incident, &stage.id);
            let result = assess(&case, regime, stage, hold);
            ClockView {
                incident,
                exercise: found.exercise.is_some(),
                regime: regime.id.clone(),
                regime_title: regime.title.clone(),
                jurisdiction: regime.jurisdiction.clone(),
                stage: stage.id.clone(),
                title: stage.title.clone(),
                recipient: recipient(stage, &state.content.profile),
                roles: stage.roles.clone(),
                left: result.safe.map(|safe| safe.duration_since(now)),
                status: result.status,
                from: result.from,
                safe: result.safe,
                outer: result.outer,
                target: result.target,
                zone: result.zone,
                missing: result.missing,
                content: stage.content.clone(),
                filings: filings(&stage.id).to_vec(),
                because: result.because,
                notice: NOTICE,
            }
        })
        .collect();
    views.sort_by(|a, b| {
        (a.safe.is_none(), a.safe, &a.regime, &a.stage).cmp(&(
            b.safe.is_none(),
            b.safe,
            &b.regime,
            &b.stage,
        ))
    });
    views
}

fn recipient(stage: &Stage, profile: &Profile) -> String {
    if stage.recipient.starts_with("entity.") {
        profile.text(&stage.recipient).map_or_else(
            || format!("[unknown: the profile does not name `{}`]", stage.recipient),
            str::to_owned,
        )
    } else {
        stage.recipient.clone()
    }
}

/// What a clock is computed from.
pub(super) struct Case<'s> {
    pub(super) facts: &'s Facts,
    pub(super) profile: &'s Profile,
    pub(super) calendars: &'s BTreeMap<String, Calendar>,
    pub(super) determinations: &'s [Determination],
    pub(super) filings: &'s dyn Fn(&ObligationId) -> &'s [Filing],
    pub(super) now: Timestamp,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assessment {
    pub(super) status: ClockStatus,
    pub(super) from: Option<Timestamp>,
    pub(super) safe: Option<Timestamp>,
    pub(super) outer: Option<Timestamp>,
    pub(super) target: Option<Timestamp>,
    pub(super) zone: String,
    pub(super) missing: Vec<Question>,
    pub(super) because: Explanation,
}

pub(super) fn assess<'s>(
    case: &Case<'s>,
    regime: &'s Regime,
    stage: &Stage,
    hold: Option<&Hold>,
) -> Assessment {
    let mut remarks = Vec::new();
    let (zone_name, zone) = zone_of(regime, case.profile, &mut remarks);
    let world = World {
        regime,
        facts: case.facts,
        profile: case.profile,
        determinations: case.determinations,
        filings: case.filings,
        rules: Rules {
            zone: zone.clone(),
            calendar: calendar_of(regime, case, &mut remarks),
            counting: regime.counting,
        },
    };
    let applies = eval(&stage.applies.root, &world, Reading::Safe);
    let readings = [
        eval(&stage.due.root, &world, Reading::Safe),
        eval(&stage.due.root, &world, Reading::Outer),
    ];
    let [safe_out, outer_out] = &readings;
    // A branch that only one reading takes must not turn the two dates round.
    let dates = safe_out.moment().zip(outer_out.moment());
    let mut safe = dates.map(|(a, b)| a.min(b));
    let mut outer = dates.map(|(a, b)| a.max(b));
    let mut target = None;
    if matches!(stage.due.root.kind, Kind::Soft(_)) {
        target = safe.take();
        outer = None;
        remarks.push(
            "the law says without undue delay and names no period; the date is a target of the \
             house"
                .to_owned(),
        );
    }
    if let Some(hold) = hold {
        safe = safe.map(|at| at.max(hold.until));
        outer = outer.map(|at| at.max(hold.until));
        remarks.push(format!(
            "{} allows a delay until {}: {}",
            hold.authority,
            shown(hold.until, &zone),
            hold.basis
        ));
    }
    let from = anchor(&stage.due.root, safe_out);
    let in_force = in_force(regime, from.unwrap_or(case.now), &zone);
    let status = status(&Seen {
        case,
        stage,
        applies: &applies,
        due: safe_out,
        safe,
        outer,
        soft: target,
        hold,
        out_of_force: in_force,
    });
    let missing = questions(regime, &status, [&applies, safe_out]);
    for out in [&applies, safe_out, outer_out] {
        for remark in &out.remarks {
            if !remarks.contains(remark) {
                remarks.push(remark.clone());
            }
        }
    }
    for name in safe_out.assumed.iter().chain(&applies.assumed) {
        let remark = format!("`{name}` is assumed; a person has to confirm it");
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
    remarks.extend(late_awareness(&world, stage));
    let step = |out: &Out| Some(localised(&out.step, &zone));
    Assessment {
        status,
        from,
        safe,
        outer,
        target,
        zone: zone_name,
        missing,
        because: Explanation {
            sources: citations(regime, stage),
            applies: stage.applies.text().to_owned(),
            due: stage.due.text().to_owned(),
            grounds: grounds(&world, stage),
            safe: step(safe_out),
            outer: step(outer_out),
            remarks,
            version: format!("{} {}", regime.id, regime.version),
        },
    }
}

/// The zone by name or by a fact of the profile. Where it is not known, days are counted in UTC
/// and the clock says so.
fn zone_of(regime: &Regime, profile: &Profile, remarks: &mut Vec<String>) -> (String, TimeZone) {
    let name = if regime.zone.starts_with("entity.") {
        profile.text(&regime.zone)
    } else {
        Some(regime.zone.as_str())
    };
    if let Some(found) = name.and_then(|name| Some((name.to_owned(), zone(name)?))) {
        return found;
    }
    remarks.push(format!(
        "the time zone `{}` is not known; days are counted in UTC",
        regime.zone
    ));
    ("UTC".to_owned(), TimeZone::UTC)
}

fn calendar_of<'s>(
    regime: &Regime,
    case: &Case<'s>,
    remarks: &mut Vec<String>,
) -> Option<&'s Calendar> {
    let named = regime.calendar.as_deref()?;
    let id = match named.strip_prefix("ms:") {
        Some(fact) => case.profile.text(fact).map(str::to_ascii_lowercase),
        None => Some(named.to_owned()),
    };
    let found = id.as_ref().and_then(|id| case.calendars.get(id));
    if found.is_none() {
        remarks.push(match id {
            Some(id) => format!(
                "there is no calendar `{id}`: public holidays are not taken into account, which can \
                 only make a date earlier"
            ),
            None => format!("the calendar `{named}` is not known: the profile does not say"),
        });
    }
    found
}

/// The moment from which a due date counts: the first moment that the arithmetic rests on.
fn anchor(node: &Node, out: &Out) -> Option<Timestamp> {
    fn first(step: &Step) -> Option<Timestamp> {
        step.from
            .iter()
            .filter(|step| step.at.is_some())
            .find_map(first)
            .or(step.at)
    }
    let at = out.moment()?;
    // Of several legs, the one that gave the date.
    match out.step.from.iter().find(|step| step.at == Some(at)) {
        Some(leg) if node.chooses() => first(leg),
        Some(_) | None => first(&out.step),
    }
}

/// Why the regime does not bind at `at`, if it does not.
fn in_force(regime: &Regime, at: Timestamp, zone: &TimeZone) -> Option<String> {
    let day = at.to_zoned_datetime(zone.clone()).date();
    match regime.status {
        InForce::Proposed => Some("it is only proposed".to_owned()),
        InForce::InForce | InForce::Adopted | InForce::Repealed | InForce::Contract => {
            if day < regime.from {
                Some(format!("it binds from {}", regime.from))
            } else {
                regime
                    .to
                    .filter(|to| day > *to)
                    .map(|to| format!("it bound until {to}"))
            }
        }
    }
}

/// What the status depends on.
struct Seen<'a, 's> {
    case: &'a Case<'s>,
    stage: &'a Stage,
    applies: &'a Out,
    due: &'a Out,
    safe: Option<Timestamp>,
    outer: Option<Timestamp>,
    soft: Option<Timestamp>,
    hold: Option<&'a Hold>,
    out_of_force: Option<String>,
}

fn status(seen: &Seen<'_, '_>) -> ClockStatus {
    let filed = (seen.case.filings)(&seen.stage.id)
        .iter()
        .map(|filing| filing.submitted)
        .min();
    let now = seen.case.now;
    let applies = seen.applies.truth();
    if let Some(at) = filed {
        return match (seen.safe, seen.outer) {
            (_, Some(outer)) if at > outer => ClockStatus::Late {
                at,
                by: at.duration_since(outer),
            },
            (Some(safe), _) => ClockStatus::Met {
                at,
                early: safe.duration_since(at),
            },
            (None, _) => ClockStatus::Met {
                at,
                early: SignedDuration::ZERO,
            },
        };
    }
    if let Some(reason) = &seen.out_of_force {
        return ClockStatus::NotApplicable {
            reason: reason.clone(),
        };
    }
    if applies == Some(false) {
        let reason = match seen.applies.because.as_slice() {
            [] => format!("`{}` does not hold", seen.stage.applies.text()),
            because => because.join("; "),
        };
        return ClockStatus::NotApplicable { reason };
    }
    if seen.due.value == Known::NotApplicable {
        return ClockStatus::NotApplicable {
            reason: seen.due.because.join("; "),
        };
    }
    let dated = seen.safe.is_some() || seen.soft.is_some();
    match applies {
        Some(_) if dated && seen.due.assumed.is_empty() && seen.applies.assumed.is_empty() => {
            running(seen, now)
        }
        Some(_) if !dated => ClockStatus::NotStarted,
        Some(_) | None if dated => ClockStatus::Candidate,
        Some(_) | None => ClockStatus::Unknown,
    }
}

fn running(seen: &Seen<'_, '_>, now: Timestamp) -> ClockStatus {
    if let Some(hold) = seen.hold.filter(|hold| hold.until > now) {
        return ClockStatus::Held { until: hold.until };
    }
    match (seen.safe, seen.outer) {
        (_, Some(outer)) if now > outer => ClockStatus::Missed {
            by: now.duration_since(outer),
        },
        (Some(safe), _) if now > safe => ClockStatus::PastSafe {
            by: now.duration_since(safe),
        },
        (Some(_) | None, _) => ClockStatus::Running,
    }
}

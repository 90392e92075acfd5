//! What an entry changes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use watchfloor_types::{AlertId, Finding, IncidentId};

use super::{
    DecisionRecord, Entry, Facts, Incident, Incidents, Link, Membership, Status, TimelineItem,
    TimelineKind, fact_name,
};
use crate::{
    State,
    entity::{self, Entity},
};

pub(crate) fn apply(state: &mut State, entry: &Entry, at: Timestamp) {
    let line = |kind, text: String| TimelineItem::new(at, kind, text);
    match entry {
        Entry::Opened {
            incident,
            name,
            title,
            severity,
            exercise,
            reason,
            by,
        } => {
            let item = line(TimelineKind::Incident, format!("{name} opened: {reason}")).by(by);
            state.incidents.by_name.insert(name.clone(), *incident);
            state.incidents.all.insert(
                *incident,
                Incident {
                    id: *incident,
                    name: name.clone(),
                    title: title.clone(),
                    severity: *severity,
                    status: Status::New,
                    resolution: None,
                    merged_into: None,
                    exercise: *exercise,
                    opened: at,
                    status_since: at,
                    opened_by: by.clone(),
                    reason: reason.clone(),
                    roles: BTreeMap::new(),
                    members: Vec::new(),
                    facts: Facts::default(),
                    decisions: Vec::new(),
                    entities: BTreeSet::new(),
                    findings: Vec::new(),
                    span: None,
                    timeline: vec![item],
                    detached: BTreeSet::new(),
                },
            );
        }
        Entry::Renamed {
            incident,
            title,
            by,
        } => change(state, *incident, |i| {
            i.title.clone_from(title);
            i.timeline
                .push(line(TimelineKind::Incident, format!("renamed to: {title}")).by(by));
        }),
        Entry::AlertJoined {
            incident,
            alert,
            reason,
            by,
        } => {
            let Some(joined) = state.alerts.get(*alert) else {
                return;
            };
            let findings = joined.findings.clone();
            let item = line(
                TimelineKind::Alert,
                format!("alert joined: {} ({reason})", joined.title),
            )
            .by(by)
            .link(Link::Alert(*alert));
            state.incidents.by_alert.insert(*alert, *incident);
            change(state, *incident, |i| {
                i.detached.remove(alert);
                i.members.push(Membership {
                    alert: *alert,
                    since: at,
                    reason: reason.clone(),
                    by: by.clone(),
                });
                i.timeline.push(item);
            });
            for finding in &findings {
                take(state, *incident, *alert, finding, at);
            }
        }
        Entry::FindingJoined {
            incident,
            alert,
            finding,
        } => {
            let found = state
                .alerts
                .get(*alert)
                .and_then(|a| a.findings.iter().rev().find(|f| f.id == *finding))
                .cloned();
            if let Some(found) = found {
                take(state, *incident, *alert, &found, at);
            }
        }
        Entry::AlertDetached {
            incident,
            alert,
            reason,
            by,
        } => {
            state.incidents.by_alert.remove(alert);
            change(state, *incident, |i| {
                i.members.retain(|member| member.alert != *alert);
                i.detached.insert(*alert);
                i.timeline.push(
                    line(TimelineKind::Alert, format!("alert taken out: {reason}"))
                        .by(by)
                        .link(Link::Alert(*alert)),
                );
            });
            recount(state, *incident);
        }
        Entry::SeverityChanged {
            incident,
            from,
            to,
            reason,
            by,
        } => change(state, *incident, |i| {
            i.severity = *to;
            let text = format!("severity {from} to {to}: {reason}");
            i.timeline.push(line(TimelineKind::Incident, text).by(by));
        }),
        Entry::StatusChanged {
            incident,
            from,
            to,
            reason,
            by,
        } => change(state, *incident, |i| {
            i.status = *to;
            i.status_since = at;
            i.resolution = (!to.is_open()).then(|| reason.clone());
            let text = format!("status {from} to {to}: {reason}");
            i.timeline.push(line(TimelineKind::Incident, text).by(by));
        }),
        Entry::RoleSet {
            incident,
            role,
            user,
            by,
        } => change(state, *incident, |i| {
            let text = match user {
                Some(user) => {
                    i.roles.insert(*role, user.clone());
                    format!("{user} is {role}")
                }
                None => {
                    i.roles.remove(role);
                    format!("nobody is {role} any more")
                }
            };
            i.timeline.push(line(TimelineKind::Role, text).by(by));
        }),
        Entry::FactRecorded { incident, fact } => change(state, *incident, |i| {
            let note = if fact.note.is_empty() {
                String::new()
            } else {
                format!(" ({})", fact.note)
            };
            let mut item = line(
                TimelineKind::Fact,
                format!("{} = {}{note}", fact.name, fact.value),
            )
            .by(&fact.by)
            .link(Link::Fact(fact.name.clone()));
            item.links.extend(fact.finding.map(Link::Finding));
            item.links
                .extend(fact.events.iter().copied().map(Link::Event));
            if fact.known_at != at {
                item = item.happened(fact.known_at);
            }
            i.timeline.push(item);
            i.facts.record(fact.clone());
        }),
        Entry::Noted { incident, text, by } => change(state, *incident, |i| {
            i.timeline
                .push(line(TimelineKind::Note, text.clone()).by(by));
        }),
        Entry::Decided {
            incident,
            decision,
            question,
            answer,
            reason,
            by,
        } => change(state, *incident, |i| {
            i.decisions.push(DecisionRecord {
                id: *decision,
                at,
                by: by.clone(),
                question: question.clone(),
                answer: answer.clone(),
                reason: reason.clone(),
            });
            let text = format!("{question}: {answer}, because {reason}");
            i.timeline.push(line(TimelineKind::Decision, text).by(by));
        }),
        Entry::Merged {
            from,
            into,
            reason,
            by,
        } => {
            let item = line(TimelineKind::Incident, String::new()).by(by);
            merge(&mut state.incidents, *from, *into, reason, &item);
        }
    }
}

fn change(state: &mut State, incident: IncidentId, change: impl FnOnce(&mut Incident)) {
    if let Some(incident) = state.incidents.all.get_mut(&incident) {
        change(incident);
    }
}

/// Takes a finding into the incident: its entities, its time, a line of the timeline.
fn take(state: &mut State, id: IncidentId, alert: AlertId, finding: &Finding, at: Timestamp) {
    let Some(incident) = state.incidents.all.get_mut(&id) else {
        return;
    };
    widen(incident, finding);
    let mut item = TimelineItem::new(at, TimelineKind::Finding, finding.rule.title.clone())
        .happened(finding.time)
        .link(Link::Finding(finding.id))
        .link(Link::Alert(alert));
    item.links
        .extend(finding.events.iter().copied().map(Link::Event));
    incident.timeline.push(item);
    incident.findings.push(finding.id);
    for entity in entity::strong(finding) {
        state
            .incidents
            .by_entity
            .entry(entity)
            .or_default()
            .insert(id);
    }
}

fn widen(incident: &mut Incident, finding: &Finding) {
    incident.entities.extend(entity::strong(finding));
    let (first, last) = incident.span.unwrap_or((finding.time, finding.time));
    incident.span = Some((first.min(finding.time), last.max(finding.time)));
}

/// Recomputes what depends on the findings after an alert has left.
fn recount(state: &mut State, id: IncidentId) {
    let Some(incident) = state.incidents.all.get_mut(&id) else {
        return;
    };
    let before: BTreeSet<Entity> = std::mem::take(&mut incident.entities);
    incident.span = None;
    incident.findings.clear();
    for member in incident.members.clone() {
        for finding in state
            .alerts
            .get(member.alert)
            .map_or(&[][..], |alert| alert.findings.as_slice())
        {
            widen(incident, finding);
            incident.findings.push(finding.id);
        }
    }
    for entity in before.difference(&incident.entities) {
        if let Some(ids) = state.incidents.by_entity.get_mut(entity) {
            ids.remove(&id);
        }
    }
}

fn merge(
    incidents: &mut Incidents,
    from: IncidentId,
    into: IncidentId,
    reason: &str,
    item: &TimelineItem,
) {
    let Some(mut old) = incidents.all.remove(&from) else {
        return;
    };
    let Some(new) = incidents.all.get_mut(&into) else {
        incidents.all.insert(from, old);
        return;
    };
    for fact in old.facts.all() {
        let keep = match (new.facts.get(fact.name.as_str()), &fact.value) {
            (None, _) => true,
            (Some(known), super::FactValue::Time(at))
                if fact.name.as_str() == fact_name::AWARE_AT =>
            {
                // Two incidents that turn out to be one were known when the first was.
                matches!(&known.value, super::FactValue::Time(other) if at < other)
            }
            (Some(_), _) => false,
        };
        if keep {
            new.facts.record(fact.clone());
        }
    }
    for member in old.members.drain(..) {
        incidents.by_alert.insert(member.alert, into);
        new.members.push(member);
    }
    for entity in &old.entities {
        let ids = incidents.by_entity.entry(entity.clone()).or_default();
        ids.remove(&from);
        ids.insert(into);
    }
    new.entities.append(&mut old.entities);
    new.findings.append(&mut old.findings);
    new.decisions.append(&mut old.decisions);
    new.decisions.sort_by_key(|decision| decision.at);
    new.severity = new.severity.max(old.severity);
    new.span = match (new.span, old.span) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (one, other) => one.or(other),
    };
    new.timeline.append(&mut old.timeline.clone());
    new.timeline.sort_by_key(|line| line.at);
    new.timeline.push(TimelineItem {
        text: format!("took over {}: {reason}", old.name),
        ..item.clone()
    });
    old.timeline.push(TimelineItem {
        text: format!("merged into {}: {reason}", new.name),
        ..item.clone()
    });
    old.merged_into = Some(into);
    old.status = Status::Closed;
    old.status_since = item.at;
    old.resolution = Some(format!("merged into {}: {reason}", new.name));
    incidents.all.insert(from, old);
}

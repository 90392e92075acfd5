//! What an entry changes.

use jiff::Timestamp;
use watchfloor_types::{Finding, RuleId};

use super::{
    Because, Change, DAYS_KEPT, Entry, HELD_KEPT, HELD_KNOWN, Held, Life, Request, Rules, Stage,
    Version, What, suppression_of,
};
use crate::{State, suppression};

pub(crate) fn apply(state: &mut State, entry: &Entry, at: Timestamp) {
    match entry {
        Entry::Pushed {
            rule,
            version,
            hash,
            title,
            parts,
            text,
            reason,
            by,
        } => {
            // A rule that only its file knows keeps its stage.
            let stage = state.content.rules.get(rule).map(|b| b.stage);
            let rules = &mut state.rules;
            if let Some(text) = text {
                rules.texts.insert(hash.clone(), text.as_str().into());
            }
            for part in parts {
                rules.heads.insert(part.clone(), rule.clone());
            }
            let life = of(rules, rule, stage);
            life.versions.push(Version {
                number: *version,
                hash: hash.clone(),
                title: title.clone(),
                parts: parts.clone(),
                reason: reason.clone(),
                by: by.clone(),
                at,
            });
            // Of a rule that has no text yet the first one is in force, which for a draft means nothing.
            if stage.is_none() && life.versions.len() == 1 {
                life.version = *version;
            } else {
                life.draft = Some(*version);
            }
            life.history.push(Change {
                at,
                what: What::Written,
                version: *version,
                hash: hash.clone(),
                reason: reason.clone(),
                by: by.clone(),
            });
        }
        Entry::Asked {
            rule,
            from,
            to,
            version,
            hash,
            reason,
            by,
        } => {
            let base = state.content.rules.get(rule).map(|b| b.stage);
            let life = of(&mut state.rules, rule, base);
            life.request = Some(Request {
                to: *to,
                version: *version,
                hash: hash.clone(),
                reason: reason.clone(),
                by: by.clone(),
                at,
            });
            life.history.push(Change {
                at,
                what: What::Asked {
                    from: *from,
                    to: *to,
                },
                version: *version,
                hash: hash.clone(),
                reason: reason.clone(),
                by: by.clone(),
            });
        }
        Entry::Staged {
            rule,
            from,
            to,
            version,
            hash,
            reason,
            by,
            asked_by,
        } => {
            let life = of(&mut state.rules, rule, Some(*from));
            if life.stage.runs() && life.ran.last() != Some(&life.version) {
                life.ran.push(life.version);
            }
            life.stage = *to;
            life.version = *version;
            life.request = None;
            if life.draft == Some(*version) {
                life.draft = None;
            }
            life.history.push(Change {
                at,
                what: What::Staged {
                    from: *from,
                    to: *to,
                    asked_by: asked_by.clone(),
                },
                version: *version,
                hash: hash.clone(),
                reason: reason.clone(),
                by: by.clone(),
            });
        }
        Entry::Rejected {
            rule,
            to,
            reason,
            by,
        } => {
            let life = of(&mut state.rules, rule, None);
            let request = life.request.take();
            life.history.push(Change {
                at,
                what: What::Rejected { to: *to },
                version: request.as_ref().map_or(life.version, |r| r.version),
                hash: request.map(|r| r.hash).unwrap_or_default(),
                reason: reason.clone(),
                by: by.clone(),
            });
        }
        Entry::Held { finding, because } => {
            hold(&mut state.rules, finding, because, at);
            if let Some(id) = suppression_of(because) {
                suppression::count(&mut state.suppressions, id, finding, at);
            }
        }
    }
}

/// The record of a rule; made where there is none.
fn of<'r>(rules: &'r mut Rules, rule: &RuleId, stage: Option<Stage>) -> &'r mut Life {
    rules.lives.entry(rule.clone()).or_insert_with(|| Life {
        stage: stage.unwrap_or(Stage::Draft),
        version: 0,
        draft: None,
        request: None,
        versions: Vec::new(),
        history: Vec::new(),
        ran: Vec::new(),
    })
}

/// Days since 1970.
fn day_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(86_400)
}

fn hold(rules: &mut Rules, finding: &Finding, because: &Because, at: Timestamp) {
    if !rules.known.insert(finding.id) {
        return;
    }
    rules.known_order.push_back(finding.id);
    if rules.known_order.len() > HELD_KNOWN
        && let Some(oldest) = rules.known_order.pop_front()
    {
        rules.known.remove(&oldest);
    }
    // What an exercise emitted says nothing about the rule's volume.
    if finding.mark.is_none() {
        let days = rules.quiet.entry(finding.rule.id.clone()).or_default();
        let quiet = days.entry(day_of(finding.time)).or_default();
        match because {
            Because::Stage { .. } => quiet.testing += 1,
            Because::Suppression { .. } => quiet.suppressed += 1,
        }
        let oldest = day_of(at) - DAYS_KEPT;
        while days.first_key_value().is_some_and(|(day, _)| *day < oldest) {
            days.pop_first();
        }
    }
    rules.held.push_back(Held {
        finding: finding.clone(),
        because: because.clone(),
        at,
    });
    if rules.held.len() > HELD_KEPT {
        rules.held.pop_front();
    }
}

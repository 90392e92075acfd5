//! Filters from false positives (`rule tune`): what they have in common, the true positives have not, and an attacker
//! cannot easily have.
//!
//! The proposal is only made of what holds for every false positive and for no true positive. The engine then runs
//! the rule with it over all of them: the caller sees what was proved, not what was meant.

mod candidate;
mod feature;
mod trust;
mod write;

pub use trust::Trust;

use watchfloor_types::{Event, View};

use crate::{
    Document, Engine, Options, Scratch,
    rule::{Body, Expect, parse_rules},
};
use candidate::Candidate;
use feature::{Features, features, of_event};

/// Most predicates of one filter.
const MAX_PREDICATES: usize = 4;

/// How the filter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A selection `filter_main_…` in the rule, and `not` in its condition.
    Selection,
    /// A Sigma filter document of its own (Sigma 2.1, filters specification).
    Filter,
}

/// A predicate of the proposal and why it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The field, with its modifier: `Image|startswith`.
    pub field: String,
    /// Its values.
    pub values: Vec<String>,
    /// How hard it is for an attacker to have it.
    pub trust: Trust,
    /// Why it was chosen, and why it is as wide as it is.
    pub reason: String,
    /// How many of the true positives and samples have it by itself.
    pub true_positives: usize,
}

/// A common property that was not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The field.
    pub field: String,
    /// Why not.
    pub reason: String,
}

/// A filter that the engine has tried.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The rule's file with the filter in it; as it was where the filter is a document of its own.
    pub rule: String,
    /// The selection, or the filter document, as YAML.
    pub filter: String,
    /// The rule with the filter as a selection, whichever form was asked for: what was tried.
    pub tried: String,
    /// What it asks.
    pub predicates: Vec<Evidence>,
    /// What it could have asked.
    pub refused: Vec<Refused>,
    /// Samples in the rule that must match, and still do.
    pub samples: usize,
}

/// Why there is no proposal; lower case, with a way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoProposal {
    /// The reason.
    pub reason: String,
    /// Common properties that were looked at.
    pub refused: Vec<Refused>,
}

/// Proposes a filter for the rule `id` in the file `text`.
///
/// # Errors
/// Why there is none: the rule cannot be tuned, an event does not match it, or nothing safe tells the two kinds apart.
pub fn tune(
    path: &str,
    text: &str,
    id: &str,
    false_positives: &[Event],
    true_positives: &[Event],
    form: Form,
) -> Result<Proposal, NoProposal> {
    let fail = |reason: String| NoProposal {
        reason,
        refused: Vec::new(),
    };
    let before = Tried::new(path, text, id).map_err(fail)?;
    let meta = before.document.meta();
    if before.document.is_correlation() {
        return Err(fail(
            "a correlation counts what its rules match; tune one of those".to_owned(),
        ));
    }
    if false_positives.is_empty() {
        return Err(fail("no false positive was chosen".to_owned()));
    }
    for (events, word) in [(false_positives, "false"), (true_positives, "true")] {
        if let Some(at) = events.iter().position(|e| !before.matches(e)) {
            return Err(fail(format!(
                "{word} positive {} does not match the rule; `watchfloor rule explain` says why",
                at + 1
            )));
        }
    }
    let view = meta.logsource().view();
    let bad: Vec<Features> = false_positives.iter().map(|e| of_event(e, view)).collect();
    let mut good: Vec<Features> = true_positives.iter().map(|e| of_event(e, view)).collect();
    let positives = meta.samples().iter().filter(|s| s.expect == Expect::Match);
    let samples: Vec<_> = positives.flat_map(|s| &s.events).collect();
    good.extend(samples.iter().map(|e| features(&e.fields)));
    let fixed = demanded(&before.document);
    let (candidates, refused) = candidate::candidates(&bad, &good, &fixed);
    let chosen = choose(&candidates, good.len()).ok_or_else(|| NoProposal {
        reason: why_not(&candidates, good.len()),
        refused: refused.clone(),
    })?;
    let name = write::name(text, &chosen);
    let selection = write::selection(&name, &chosen, 4);
    let tried = write::into_rule(path, text, id, &name, &chosen).map_err(fail)?;
    prove(path, &tried, id, false_positives, true_positives).map_err(|reason| NoProposal {
        reason,
        refused: refused.clone(),
    })?;
    let (rule, filter) = match form {
        Form::Selection => (tried.clone(), selection),
        Form::Filter => (text.to_owned(), write::filter(meta, &chosen)),
    };
    Ok(Proposal {
        rule,
        filter,
        tried,
        predicates: chosen
            .iter()
            .map(|c| Evidence {
                field: c.key(),
                values: c.values.clone(),
                trust: c.trust,
                reason: c.reason.clone(),
                true_positives: c.good.iter().filter(|g| **g).count(),
            })
            .collect(),
        refused,
        samples: samples.len(),
    })
}

/// Fields that the rule itself compares with one value: they say nothing about false positives.
fn demanded(document: &Document) -> Vec<String> {
    use crate::rule::{Field, Selection};
    let Body::Detection(detection) = &document.body else {
        return Vec::new();
    };
    let mut out = Vec::new();
    let mut open: Vec<&Selection> = detection
        .selections
        .iter()
        .filter(|(name, _)| !name.starts_with("filter"))
        .map(|(_, s)| s)
        .collect();
    while let Some(selection) = open.pop() {
        match selection {
            Selection::All(parts) | Selection::Any(parts) => open.extend(parts),
            Selection::Item(item) => {
                if let Field::Named(name) = &item.field {
                    out.push(name.to_string());
                }
            }
        }
    }
    out
}

/// The safest predicates that together hold for no true positive.
fn choose(candidates: &[Candidate], good: usize) -> Option<Vec<Candidate>> {
    let mut left: Vec<bool> = vec![true; good];
    let mut chosen: Vec<Candidate> = Vec::new();
    let hits =
        |c: &Candidate, left: &[bool]| c.good.iter().zip(left).filter(|(g, l)| **g && **l).count();
    while chosen.len() < MAX_PREDICATES {
        let now = left.iter().filter(|l| **l).count();
        let separated = chosen.iter().any(|c| c.trust.stands_alone()) || chosen.len() > 1;
        if now == 0 && separated {
            break;
        }
        let best = candidates
            .iter()
            .filter(|c| chosen.iter().all(|o| o.field != c.field))
            // With true positives left only what rules some of them out helps; with none, only what is specific by
            // itself: the name of a log or a host's time zone is the same in all events.
            .filter(|c| {
                if now == 0 {
                    c.is_specific()
                } else {
                    hits(c, &left) < now
                }
            })
            .min_by_key(|c| {
                (
                    hits(c, &left),
                    c.trust,
                    c.width,
                    c.values.len(),
                    c.field.len(),
                )
            });
        let Some(best) = best else { break };
        for (slot, has) in left.iter_mut().zip(&best.good) {
            *slot &= *has;
        }
        chosen.push(best.clone());
    }
    let separated = left.iter().all(|l| !*l);
    // Without a true positive to compare with, what stands alone or two together is the least.
    let safe = chosen.iter().any(|c| c.trust.stands_alone())
        || chosen.iter().filter(|c| c.is_specific()).count() > 1;
    (separated && safe && !chosen.is_empty()).then(|| {
        chosen.sort_by_key(|c| (c.trust, c.field.clone()));
        chosen
    })
}

fn why_not(candidates: &[Candidate], good: usize) -> String {
    if candidates.is_empty() {
        return "the false positives have nothing in common that is stable and that an attacker does not choose; tune them in smaller groups that share a cause, or narrow the rule itself".to_owned();
    }
    let all = (0..good).any(|at| candidates.iter().all(|c| c.good.get(at) == Some(&true)));
    let fields: Vec<&str> = candidates
        .iter()
        .take(4)
        .map(|c| c.field.as_str())
        .collect();
    if all {
        format!(
            "a true positive has everything that the false positives have in common ({}); a filter would hide it, too",
            fields.join(", ")
        )
    } else {
        format!(
            "what tells the two apart ({}) is too weak to be a filter by itself",
            fields.join(", ")
        )
    }
}

/// One rule of a file, ready to be run.
struct Tried {
    engine: Engine,
    document: Document,
}

impl Tried {
    fn new(path: &str, text: &str, id: &str) -> Result<Self, String> {
        let (documents, mut found) = parse_rules(path, text, &Options::default());
        let (engine, more) = Engine::new(documents);
        found.extend(more);
        let document = engine
            .documents()
            .iter()
            .find(|d| d.meta().id().as_str() == id)
            .cloned();
        document
            .map(|document| Self { engine, document })
            .ok_or_else(|| {
                found.first().map_or_else(
                    || format!("{path} has no rule `{id}`"),
                    |d| format!("the rule does not load: {}", d.message),
                )
            })
    }
    fn matches(&self, event: &Event) -> bool {
        let mut hits = Vec::new();
        self.engine
            .match_event(event, &mut Scratch::new(), &mut hits);
        hits.into_iter()
            .filter_map(|hit| self.engine.meta(hit))
            .any(|m| m.id() == self.document.meta().id())
    }
}

/// Runs the tuned rule over everything that it must and must not match.
fn prove(
    path: &str,
    text: &str,
    id: &str,
    false_positives: &[Event],
    true_positives: &[Event],
) -> Result<(), String> {
    let after = Tried::new(path, text, id)?;
    if let Some(at) = false_positives.iter().position(|e| after.matches(e)) {
        return Err(format!(
            "the filter does not silence false positive {}",
            at + 1
        ));
    }
    if let Some(at) = true_positives.iter().position(|e| !after.matches(e)) {
        return Err(format!("the filter would hide true positive {}", at + 1));
    }
    let failed = after
        .engine
        .run_samples(&after.document)
        .into_iter()
        .find(|o| !o.passed());
    match failed {
        Some(outcome) => Err(format!("the rule's sample `{}` would fail", outcome.name)),
        None => Ok(()),
    }
}

/// Whether the rule `id` in `text` matches each of `events`; for what a filter would hide.
///
/// # Errors
/// The rule does not load.
pub fn matching(path: &str, text: &str, id: &str, events: &[Event]) -> Result<Vec<bool>, String> {
    let tried = Tried::new(path, text, id)?;
    Ok(events.iter().map(|e| tried.matches(e)).collect())
}

/// The fields of an event as a rule with this view sees them, flat; for showing what a filter hides.
#[must_use]
pub fn fields_of(event: &Event, view: View) -> Vec<(String, String)> {
    of_event(event, view)
        .0
        .into_iter()
        .flat_map(|(field, values)| values.into_iter().map(move |v| (field.clone(), v.text)))
        .collect()
}

#[cfg(test)]
mod tests;

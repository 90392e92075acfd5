//! Which rules feed which correlations, resolved from names and ids.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use jiff::SignedDuration;
use watchfloor_types::{Diagnostic, View};

use crate::{
    diagnostics::{code, did_you_mean},
    engine::Paths,
    modifier::short,
    rule::{Aggregate, Body, Correlation, Document, RuleMeta},
};

/// All correlations of an engine.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(super) correlations: Vec<Planned>,
    /// For each rule: the correlations it feeds, and its place in them.
    pub(super) by_rule: HashMap<u32, Feeds>,
    suppressed: HashSet<u32>,
}

/// What one rule feeds, and the fields of its events that the correlations read.
#[derive(Debug)]
pub(super) struct Feeds {
    pub(super) to: Vec<(usize, usize)>,
    pub(super) view: View,
    pub(super) title: Arc<str>,
    pub(super) names: Vec<Arc<str>>,
    pub(super) paths: Paths,
}

/// One correlation.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) meta: Arc<RuleMeta>,
    pub(super) spec: Arc<Correlation>,
    /// For each of its rules, the field behind each `group-by` name.
    pub(super) group_by: Vec<Vec<Arc<str>>>,
    /// For each of its rules, the field behind each counted field.
    pub(super) counted: Vec<Vec<Arc<str>>>,
    /// Correlations that this one feeds.
    pub(super) to: Vec<(usize, usize)>,
    pub(super) emits: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Rule(u32),
    Correlation(usize),
}

impl Plan {
    pub(crate) fn longest_timespan(&self) -> Option<SignedDuration> {
        self.correlations.iter().map(|c| c.spec.timespan).max()
    }
    pub(crate) fn counts(&self, rule: u32) -> bool {
        self.by_rule.contains_key(&rule)
    }

    /// Resolves references; correlations that cannot be resolved are left out and reported.
    pub(crate) fn new(
        documents: Vec<Document>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> (Self, Vec<Document>) {
        let mut documents = documents;
        // Leaving one out may break another: until nothing changes.
        loop {
            let broken = broken(&documents, diagnostics);
            if broken.is_empty() {
                break;
            }
            let mut at = 0;
            documents.retain(|_| {
                at += 1;
                !broken.contains(&(at - 1))
            });
        }
        (Self::resolved(&documents), documents)
    }

    fn resolved(documents: &[Document]) -> Self {
        let targets = targets(documents);
        let mut plan = Self::default();
        for document in documents {
            if let Body::Correlation(spec) = &document.body {
                plan.correlations.push(Planned {
                    meta: document.meta.clone(),
                    spec: spec.clone(),
                    group_by: spec
                        .rules
                        .iter()
                        .map(|r| fields(spec, &r.text, &spec.group_by))
                        .collect(),
                    counted: spec
                        .rules
                        .iter()
                        .map(|r| match &spec.aggregate {
                            Aggregate::ValueCount(names) => fields(spec, &r.text, names),
                            Aggregate::EventCount
                            | Aggregate::Temporal
                            | Aggregate::TemporalOrdered => Vec::new(),
                        })
                        .collect(),
                    to: Vec::new(),
                    emits: true,
                });
            }
        }
        let mut generated: HashSet<u32> = HashSet::new();
        let mut shown: HashSet<usize> = HashSet::new();
        let mut hidden: HashSet<usize> = HashSet::new();
        let mut rule_feeds: HashMap<u32, Vec<(usize, usize)>> = HashMap::new();
        let specs: Vec<Arc<Correlation>> =
            plan.correlations.iter().map(|c| c.spec.clone()).collect();
        for (at, spec) in specs.iter().enumerate() {
            for (place, reference) in spec.rules.iter().enumerate() {
                match targets.get(reference.text.as_str()) {
                    Some(Target::Rule(rule)) => {
                        rule_feeds.entry(*rule).or_default().push((at, place));
                        if spec.generate {
                            generated.insert(*rule);
                        } else {
                            plan.suppressed.insert(*rule);
                        }
                    }
                    Some(Target::Correlation(inner)) => {
                        if let Some(inner) = plan.correlations.get_mut(*inner) {
                            inner.to.push((at, place));
                        }
                        if spec.generate {
                            shown.insert(*inner)
                        } else {
                            hidden.insert(*inner)
                        };
                    }
                    None => {}
                }
            }
        }
        plan.suppressed.retain(|rule| !generated.contains(rule));
        for (at, correlation) in plan.correlations.iter_mut().enumerate() {
            correlation.emits = shown.contains(&at) || !hidden.contains(&at);
        }
        let rules: Vec<&Document> = documents.iter().filter(|d| !d.is_correlation()).collect();
        for (rule, to) in rule_feeds {
            let names = plan.names_above(&to);
            let mut paths = Paths::default();
            for (at, name) in names.iter().enumerate() {
                paths.add(name, at as u32);
            }
            if let Some(document) = rules.get(rule as usize) {
                let view = document.meta.logsource.view();
                plan.by_rule.insert(
                    rule,
                    Feeds {
                        to,
                        view,
                        title: document.meta.title.as_str().into(),
                        names,
                        paths,
                    },
                );
            }
        }
        plan
    }

    /// Every field that the correlations fed, and those they feed, read.
    fn names_above(&self, to: &[(usize, usize)]) -> Vec<Arc<str>> {
        let mut out: Vec<Arc<str>> = Vec::new();
        let mut open: Vec<(usize, usize)> = to.to_vec();
        let mut seen: HashSet<(usize, usize)> = HashSet::new();
        while let Some((at, place)) = open.pop() {
            if !seen.insert((at, place)) {
                continue;
            }
            let Some(correlation) = self.correlations.get(at) else {
                continue;
            };
            let group = correlation.group_by.get(place).into_iter().flatten();
            for name in group.chain(correlation.counted.get(place).into_iter().flatten()) {
                if !out.contains(name) {
                    out.push(name.clone());
                }
            }
            open.extend(&correlation.to);
        }
        out
    }

    /// Whether the rule at this position gives findings of its own.
    pub(crate) fn emits(&self, rule: u32) -> bool {
        !self.suppressed.contains(&rule)
    }
}

/// The field behind each name, for one rule: aliases first ("Field Name Aliases").
fn fields(spec: &Correlation, rule: &str, names: &[String]) -> Vec<Arc<str>> {
    names
        .iter()
        .map(|name| {
            spec.aliases
                .iter()
                .find(|(alias, of, _)| alias == name && of == rule)
                .map_or(name.as_str(), |(_, _, field)| field.as_str())
                .into()
        })
        .collect()
}

fn targets(documents: &[Document]) -> HashMap<&str, Target> {
    let mut out = HashMap::new();
    let (mut rules, mut correlations) = (0, 0);
    for document in documents {
        let target = if document.is_correlation() {
            correlations += 1;
            Target::Correlation(correlations - 1)
        } else {
            rules += 1;
            Target::Rule(rules - 1)
        };
        out.insert(document.meta.id.as_str(), target);
        if let Some(name) = &document.meta.name {
            out.insert(name, target);
        }
    }
    out
}

/// Positions of documents whose references lead nowhere or round in a circle.
fn broken(documents: &[Document], diagnostics: &mut Vec<Diagnostic>) -> HashSet<usize> {
    let targets = targets(documents);
    let mut out = HashSet::new();
    let mut edges: Vec<(usize, Vec<usize>)> = Vec::new();
    for (position, document) in documents.iter().enumerate() {
        let Body::Correlation(spec) = &document.body else {
            continue;
        };
        let mut to = Vec::new();
        for reference in &spec.rules {
            match targets.get(reference.text.as_str()) {
                Some(Target::Rule(_)) => {}
                Some(Target::Correlation(at)) => to.push(*at),
                None => {
                    out.insert(position);
                    let near = did_you_mean(&reference.text, targets.keys().copied());
                    diagnostics.push(
                        Diagnostic::error(
                            code::UNKNOWN_RULE,
                            format!(
                                "there is no rule with the id or name `{}`",
                                short(&reference.text)
                            ),
                        )
                        .at(reference.place.clone())
                        .help(if near.is_empty() {
                            "load the rule it refers to, or correct the reference".to_owned()
                        } else {
                            near
                        }),
                    );
                }
            }
        }
        edges.push((position, to));
    }
    if !out.is_empty() {
        return out;
    }
    // Take away, again and again, those that refer only to what is settled; the rest is circles.
    let mut settled: HashSet<usize> = HashSet::new();
    loop {
        let before = settled.len();
        for (at, (_, to)) in edges.iter().enumerate() {
            if to.iter().all(|t| settled.contains(t)) {
                settled.insert(at);
            }
        }
        if settled.len() == before {
            break;
        }
    }
    for (at, (position, _)) in edges.iter().enumerate() {
        if !settled.contains(&at)
            && let Some(document) = documents.get(*position)
        {
            out.insert(*position);
            diagnostics.push(
                Diagnostic::error(
                    code::REFERENCE_CYCLE,
                    "the correlation refers to itself, directly or through others",
                )
                .at(document.meta.place.clone())
                .help("break the circle"),
            );
        }
    }
    out
}

//! Which rules feed which correlations, resolved from names and ids.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use jiff::SignedDuration;
use watchfloor_types::{Diagnostic, View};

use crate::{
    diagnostics::{code, did_you_mean},
    engine::Paths,
    modifier::short,
    rule::{Body, Correlation, Document, Judged, RuleMeta, Timing, WindowMode},
};

/// The field whose distinct values are tenants.
const TENANT_FIELD: &str = "ai.tenant.id";

/// All correlations of an engine.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(super) correlations: Vec<Planned>,
    /// For each rule: the correlations it feeds, and its place in them.
    pub(super) by_rule: HashMap<u32, Feeds>,
    suppressed: HashSet<u32>,
}

/// What one rule feeds, and how the fields of its events are read.
#[derive(Debug)]
pub(super) struct Feeds {
    pub(super) outlet: Outlet,
    pub(super) view: View,
    pub(super) paths: Paths,
}

/// Correlations that a rule or correlation feeds, and the names of all fields that they, and
/// those that they feed, read.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    pub(super) names: Vec<Arc<str>>,
    pub(super) to: Vec<Feed>,
}

/// One correlation that is fed. Fields are given by their position in [`Outlet::names`].
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) at: usize,
    pub(super) place: u16,
    pub(super) key: Vec<usize>,
    pub(super) counted: Vec<usize>,
    /// The fields that the correlation's own outlet names.
    pub(super) passed: Vec<usize>,
}

/// One correlation.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) meta: Arc<RuleMeta>,
    pub(super) spec: Arc<Correlation>,
    /// Titles of its rules.
    pub(super) titles: Vec<Arc<str>>,
    /// Correlations that this one feeds.
    pub(super) outlet: Outlet,
    pub(super) emits: bool,
    pub(super) shape: Shape,
    pub(super) timing: Timing,
    /// The timespan, nanoseconds.
    pub(super) span: i64,
    /// Tenants are what is counted, so groups span them.
    pub(super) across_tenants: bool,
    /// For an expression: how many matches of each rule it asks for.
    pub(super) wants: Vec<usize>,
    /// The condition in words.
    pub(super) words: String,
}

/// How a correlation cuts its contributions into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The timespan before the newest, judged at every contribution.
    Back,
    /// A timespan from a first contribution on, the next after it; judged when over.
    Chained,
    /// A timespan after every contribution that the condition asks for; judged when over.
    Ahead,
    /// Timespans since 1970.
    Tumbling,
    /// Ended by a gap, nanoseconds.
    Session { gap: i64 },
    /// No window: values are remembered.
    Memory,
}

fn shape(spec: &Correlation) -> Shape {
    if spec.aggregate.is_memory() {
        return Shape::Memory;
    }
    match (spec.window, spec.timing(), &spec.condition) {
        (WindowMode::Tumbling, ..) => Shape::Tumbling,
        (WindowMode::Session { gap }, ..) => Shape::Session { gap: nanos(gap) },
        (WindowMode::Sliding, Timing::Early, _) => Shape::Back,
        (WindowMode::Sliding, Timing::End, Judged::Expression(..)) => Shape::Ahead,
        (WindowMode::Sliding, Timing::End, Judged::Figure(_)) => Shape::Chained,
    }
}

/// A duration in nanoseconds; timespans are at most a year, which fits.
pub(super) fn nanos(span: SignedDuration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
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
        let titles = titles(documents);
        let mut plan = Self::default();
        for document in documents {
            if let Body::Correlation(spec) = &document.body {
                let wants = match &spec.condition {
                    Judged::Expression(expression, _) => expression.wants(spec.rules.len()),
                    Judged::Figure(_) => Vec::new(),
                };
                plan.correlations.push(Planned {
                    meta: document.meta.clone(),
                    titles: spec
                        .rules
                        .iter()
                        .map(|r| {
                            titles
                                .get(r.text.as_str())
                                .copied()
                                .unwrap_or_default()
                                .into()
                        })
                        .collect(),
                    outlet: Outlet::default(),
                    emits: true,
                    shape: shape(spec),
                    timing: spec.timing(),
                    span: nanos(spec.timespan),
                    across_tenants: spec.aggregate.fields().iter().any(|f| f == TENANT_FIELD),
                    wants,
                    words: spec.words(),
                    spec: spec.clone(),
                });
            }
        }
        let mut generated: HashSet<u32> = HashSet::new();
        let mut shown: HashSet<usize> = HashSet::new();
        let mut hidden: HashSet<usize> = HashSet::new();
        let mut rule_feeds: HashMap<u32, Vec<(usize, usize)>> = HashMap::new();
        let mut inner_feeds: Vec<Vec<(usize, usize)>> = vec![Vec::new(); plan.correlations.len()];
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
                        if let Some(to) = inner_feeds.get_mut(*inner) {
                            to.push((at, place));
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
        let outlets: Vec<Outlet> = inner_feeds
            .iter()
            .map(|to| plan.outlet(to, &inner_feeds))
            .collect();
        let rule_outlets: Vec<(u32, Outlet)> = rule_feeds
            .iter()
            .map(|(rule, to)| (*rule, plan.outlet(to, &inner_feeds)))
            .collect();
        for (correlation, outlet) in plan.correlations.iter_mut().zip(outlets) {
            correlation.outlet = outlet;
        }
        let rules: Vec<&Document> = documents.iter().filter(|d| !d.is_correlation()).collect();
        for (rule, outlet) in rule_outlets {
            let mut paths = Paths::default();
            for (at, name) in outlet.names.iter().enumerate() {
                paths.add(name, at as u32);
            }
            if let Some(document) = rules.get(rule as usize) {
                let view = document.meta.logsource.view();
                plan.by_rule.insert(
                    rule,
                    Feeds {
                        outlet,
                        view,
                        paths,
                    },
                );
            }
        }
        plan
    }

    /// Who is fed, with every field resolved to its position.
    fn outlet(&self, to: &[(usize, usize)], inner: &[Vec<(usize, usize)>]) -> Outlet {
        let names = self.names_above(to, inner);
        let position = |name: &Arc<str>| names.iter().position(|n| n == name);
        let feeds = to
            .iter()
            .filter_map(|(at, place)| {
                let spec = &self.correlations.get(*at)?.spec;
                let above = inner.get(*at).map(Vec::as_slice).unwrap_or_default();
                Some(Feed {
                    at: *at,
                    place: u16::try_from(*place).ok()?,
                    key: fields(spec, *place, &spec.group_by)
                        .iter()
                        .filter_map(position)
                        .collect(),
                    counted: fields(spec, *place, spec.aggregate.fields())
                        .iter()
                        .filter_map(position)
                        .collect(),
                    passed: self
                        .names_above(above, inner)
                        .iter()
                        .filter_map(position)
                        .collect(),
                })
            })
            .collect();
        Outlet { names, to: feeds }
    }

    /// Every field that the correlations fed, and those they feed, read.
    fn names_above(&self, to: &[(usize, usize)], inner: &[Vec<(usize, usize)>]) -> Vec<Arc<str>> {
        let mut out: Vec<Arc<str>> = Vec::new();
        let mut open: Vec<(usize, usize)> = to.to_vec();
        let mut seen: HashSet<(usize, usize)> = HashSet::new();
        while let Some((at, place)) = open.pop() {
            if !seen.insert((at, place)) {
                continue;
            }
            let Some(spec) = self.correlations.get(at).map(|c| &c.spec) else {
                continue;
            };
            let counted = fields(spec, place, spec.aggregate.fields());
            for name in fields(spec, place, &spec.group_by)
                .into_iter()
                .chain(counted)
            {
                if !out.contains(&name) {
                    out.push(name);
                }
            }
            open.extend(inner.get(at).into_iter().flatten());
        }
        out
    }

    /// Whether the rule at this position gives findings of its own.
    pub(crate) fn emits(&self, rule: u32) -> bool {
        !self.suppressed.contains(&rule)
    }
}

/// The field behind each name, for the rule at one place: aliases first ("Field Name Aliases").
fn fields(spec: &Correlation, place: usize, names: &[String]) -> Vec<Arc<str>> {
    let rule = spec.rules.get(place).map_or("", |r| r.text.as_str());
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

/// The title behind every id and name.
fn titles(documents: &[Document]) -> HashMap<&str, &str> {
    let mut out = HashMap::new();
    for document in documents {
        let meta = &document.meta;
        out.insert(meta.id.as_str(), meta.title.as_str());
        if let Some(name) = &meta.name {
            out.insert(name, &meta.title);
        }
    }
    out
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

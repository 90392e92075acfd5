//! From files and decisions to the rules in force. A rule that was enabled never silently stops:
//! where its text cannot be run, the last one that could runs on, and everybody is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use watchfloor_detect::Document;
use watchfloor_respond::{State, rule::Stage};
use watchfloor_types::{Diagnostic, Level, RuleId};

use super::unit::{Unit, Units, one};
use crate::rulebook::Rulebook;

/// A rule that shall run, with its texts: the one in force, then what to fall back to.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The rule.
    pub id: RuleId,
    /// Number and text; 0 is the file's.
    pub texts: Vec<(u32, Arc<str>)>,
}

/// A rule whose text in force cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fallen {
    /// The text that should run.
    pub wanted: u32,
    /// The text that runs instead; none where none can.
    pub running: Option<u32>,
    /// What is wrong.
    pub why: String,
}

/// What shall run, by the state: cheap to make, so that the lock is held only for that.
pub(crate) fn wanted(state: &State, units: &Units) -> Vec<Wanted> {
    let text = |id: &RuleId, number: u32| match number {
        0 => units.get(id).map(|u| Arc::clone(&u.text)),
        number => state.rules.text_of(id, number).cloned(),
    };
    let mut all = Vec::new();
    let written = state
        .rules
        .lives()
        .map(|(id, _)| id)
        .filter(|id| units.get(id).is_none());
    for id in units.order().iter().chain(written) {
        let Some(found) = state.rule(id).filter(|s| s.stage.runs()) else {
            continue;
        };
        let mut numbers = vec![found.version];
        if let Some(life) = found.life {
            numbers.extend(life.ran.iter().rev());
            numbers.push(0);
        }
        let mut seen = BTreeSet::new();
        numbers.retain(|n| seen.insert(*n));
        all.push(Wanted {
            id: id.clone(),
            texts: numbers
                .into_iter()
                .filter_map(|n| Some((n, text(id, n)?)))
                .collect(),
        });
    }
    all
}

/// The same with one rule otherwise: what would be if it were put at `to` with text `version`.
pub(crate) fn wanted_if(
    state: &State,
    units: &Units,
    rule: &RuleId,
    to: Stage,
    version: u32,
) -> Vec<Wanted> {
    let mut all = wanted(state, units);
    let text = match version {
        0 => units.get(rule).map(|u| Arc::clone(&u.text)),
        number => state.rules.text_of(rule, number).cloned(),
    };
    let new = text.filter(|_| to.runs()).map(|text| Wanted {
        id: rule.clone(),
        texts: vec![(version, text)],
    });
    match (all.iter().position(|w| w.id == *rule), new) {
        (Some(at), Some(new)) => {
            if let Some(slot) = all.get_mut(at) {
                *slot = new;
            }
        }
        (Some(at), None) => drop(all.remove(at)),
        (None, Some(new)) => all.push(new),
        (None, None) => {}
    }
    all
}

/// One rule on its way into the engine.
struct Candidate {
    id: RuleId,
    /// Texts left, the next one first.
    texts: std::vec::IntoIter<(u32, Arc<str>)>,
    wanted: u32,
    /// What runs as things stand.
    now: Option<(u32, Unit)>,
    /// What was wrong with the texts that were given up.
    wrong: Vec<Diagnostic>,
}

impl Candidate {
    /// Takes the next text that can be read.
    fn next(&mut self, units: &Units, before: Option<&Rulebook>) {
        self.now = None;
        for (number, text) in self.texts.by_ref() {
            // A file's text was read already.
            if let (0, Some(unit)) = (number, units.get(&self.id)) {
                self.now = Some((0, unit.clone()));
                return;
            }
            // So was that of a text that runs.
            if let Some((_, unit)) = before
                .and_then(|book| book.running.get(&self.id))
                .filter(|(n, unit)| *n == number && unit.text == text)
            {
                self.now = Some((number, unit.clone()));
                return;
            }
            let (unit, wrong) = one(
                &format!("rule {} version {number}", self.id),
                &text,
                &units.options,
            );
            match unit.filter(|unit| unit.id == self.id) {
                Some(unit) => {
                    self.now = Some((number, unit));
                    return;
                }
                None => self
                    .wrong
                    .extend(wrong.into_iter().filter(|d| d.level == Level::Error)),
            }
        }
    }
}

/// Builds the rules in force; what is the same `before` is taken from there.
pub(crate) fn assemble(wanted: Vec<Wanted>, units: &Units, before: Option<&Rulebook>) -> Rulebook {
    let mut all: Vec<Candidate> = wanted
        .into_iter()
        .map(|wanted| {
            let mut candidate = Candidate {
                wanted: wanted.texts.first().map_or(0, |(n, _)| *n),
                id: wanted.id,
                texts: wanted.texts.into_iter(),
                now: None,
                wrong: Vec::new(),
            };
            candidate.next(units, before);
            candidate
        })
        .collect();
    loop {
        let mut documents: Vec<Document> = all
            .iter()
            .filter_map(|c| c.now.as_ref())
            .flat_map(|(_, unit)| unit.documents.iter().cloned())
            .collect();
        documents.extend(units.repeats.iter().cloned());
        let mut book = Rulebook::build(documents, units.diagnostics.clone(), before);
        let there: BTreeSet<(&RuleId, &str)> = book
            .engine
            .documents()
            .iter()
            .map(|d| (d.meta().id(), d.meta().version()))
            .collect();
        let mut again = false;
        for candidate in &mut all {
            let Some((_, unit)) = &candidate.now else {
                continue;
            };
            let whole = unit
                .documents
                .iter()
                .all(|d| d.is_filter() || there.contains(&(d.meta().id(), d.meta().version())));
            if whole {
                continue;
            }
            let last = candidate.texts.len() == 0;
            let own: BTreeSet<&str> = unit
                .documents
                .iter()
                .map(|d| d.meta().place().file.as_str())
                .collect();
            candidate.wrong.extend(
                book.diagnostics
                    .iter()
                    .filter(|d| {
                        d.level == Level::Error
                            && d.place
                                .as_ref()
                                .is_some_and(|p| own.contains(p.file.as_str()))
                    })
                    .cloned(),
            );
            if candidate.wrong.is_empty() {
                candidate.wrong.push(Diagnostic::error(
                    "V004",
                    "it cannot be run beside the other rules: an id or name is taken, or a rule that it counts is gone",
                ));
            }
            if last {
                continue;
            }
            again = true;
            candidate.next(units, before);
        }
        if again {
            continue;
        }
        drop(there);
        settle(&mut book, all);
        return book;
    }
}

/// Notes what runs and what does not as it should.
fn settle(book: &mut Rulebook, all: Vec<Candidate>) {
    let mut running = BTreeMap::new();
    for candidate in all {
        let number = candidate.now.as_ref().map(|(n, _)| *n);
        if number != Some(candidate.wanted) || !candidate.wrong.is_empty() {
            let why = candidate
                .wrong
                .first()
                .map_or_else(|| "its text cannot be read".to_owned(), ToString::to_string);
            book.fallen.insert(
                candidate.id.clone(),
                Fallen {
                    wanted: candidate.wanted,
                    running: number.filter(|n| *n != candidate.wanted),
                    why,
                },
            );
        }
        if let Some((number, unit)) = candidate.now {
            running.insert(candidate.id, (number, unit));
        }
    }
    book.running = running;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Files;

    fn rule(id: &str, value: &str) -> Arc<str> {
        format!("title: T {value}\nid: {id}\nlogsource: {{category: gen_ai}}\ndetection: {{s: {{a: {value}}}, condition: s}}\n").into()
    }

    fn want(id: &str, texts: &[(u32, Arc<str>)]) -> Wanted {
        Wanted {
            id: id.parse().unwrap(),
            texts: texts.to_vec(),
        }
    }

    #[test]
    fn a_broken_text_leaves_the_last_good_one_running_and_the_others_alone() {
        let units = Units::default();
        let broken: Arc<str> = rule("a", "x")
            .replace("condition: s", "condition: gone")
            .into();
        let book = assemble(
            vec![
                want(
                    "a",
                    &[
                        (3, broken.clone()),
                        (2, broken.clone()),
                        (1, rule("a", "good")),
                    ],
                ),
                want("b", &[(1, rule("b", "y"))]),
                want("c", &[(1, broken)]),
            ],
            &units,
            None,
        );
        let titles: Vec<&str> = book
            .engine
            .documents()
            .iter()
            .map(|d| d.meta().title())
            .collect();
        assert_eq!(titles, ["T good", "T y"]);
        let fallen = |id: &str| book.fallen.get(&id.parse::<RuleId>().unwrap());
        assert_eq!(
            fallen("a").map(|f| (f.wanted, f.running)),
            Some((3, Some(1)))
        );
        assert!(
            fallen("a").unwrap().why.contains("gone"),
            "{:?}",
            fallen("a")
        );
        assert_eq!(fallen("c").map(|f| (f.wanted, f.running)), Some((1, None)));
        assert_eq!(fallen("b"), None);
    }

    #[test]
    fn a_text_that_only_clashes_with_others_falls_back_too() {
        // The second text of `a` brings a part whose id `b` has.
        let clash: Arc<str> = format!(
            "{}---\ntitle: C\nid: a\ncorrelation: {{type: event_count, rules: [b], timespan: 5m, condition: {{gte: 3}}}}\n",
            rule("b", "z")
        )
        .into();
        let book = assemble(
            vec![
                want("b", &[(1, rule("b", "y"))]),
                want("a", &[(2, clash), (1, rule("a", "good"))]),
            ],
            &Units::default(),
            None,
        );
        let titles: Vec<&str> = book
            .engine
            .documents()
            .iter()
            .map(|d| d.meta().title())
            .collect();
        assert_eq!(titles, ["T y", "T good"]);
        assert_eq!(book.fallen.len(), 1);
    }

    #[test]
    fn the_built_in_rules_run_as_their_files_say() {
        let files = Files::load(None).unwrap();
        let units = Units::load(&files);
        let content = watchfloor_respond::Content {
            rules: units.bases(),
            rule_heads: units.heads(),
            ..Default::default()
        };
        let state = State::new(Arc::new(content));
        let book = assemble(wanted(&state, &units), &units, None);
        let plain = Rulebook::load(&files);
        assert!(book.fallen.is_empty(), "{:?}", book.fallen);
        let ids = |book: &Rulebook| -> Vec<String> {
            book.engine
                .documents()
                .iter()
                .map(|d| d.meta().id().to_string())
                .collect()
        };
        assert_eq!(ids(&book), ids(&plain));
        assert!(
            units.heads().len() > 3,
            "correlations bring rules of their own"
        );
    }
}

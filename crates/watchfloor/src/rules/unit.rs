//! Units: what shares one life. A rule by itself, or a correlation with the rules that only its text has.

use std::{collections::BTreeMap, sync::Arc};

use watchfloor_detect::{Document, Options, Status, parse_rules};
use watchfloor_respond::rule::{self, Base, Stage};
use watchfloor_types::{Diagnostic, Level, RuleId};

use crate::{content::Files, rulebook::Fitting};

/// A text with the documents in it.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// The id whose life they share.
    pub id: RuleId,
    /// Title of the document with that id.
    pub title: String,
    /// The text.
    pub text: Arc<str>,
    /// SHA-256 of the text.
    pub hash: String,
    /// Every document.
    pub documents: Vec<Document>,
    /// The stage that `status` asks for.
    pub stage: Stage,
    /// Folder under `content/rules`.
    pub family: Option<String>,
}

impl Unit {
    /// The document with the unit's id.
    pub(crate) fn head(&self) -> Option<&Document> {
        self.documents.iter().find(|d| *d.meta().id() == self.id)
    }

    /// Ids of the other documents.
    pub(crate) fn parts(&self) -> Vec<RuleId> {
        self.documents
            .iter()
            .map(|d| d.meta().id().clone())
            .filter(|id| *id != self.id)
            .collect()
    }
}

/// The rules of the content files.
#[derive(Debug, Default)]
pub(crate) struct Units {
    by_id: BTreeMap<RuleId, Unit>,
    /// In the order of the files.
    order: Vec<RuleId>,
    /// Documents whose id another file has already; the engine refuses and reports them.
    pub repeats: Vec<Document>,
    /// What is wrong with the texts, and with what fits them.
    pub diagnostics: Vec<Diagnostic>,
    /// What fits rules to the estate: lists and pipelines of the content.
    pub options: Options,
}

impl Units {
    /// Reads every rule file of `files`.
    pub(crate) fn load(files: &Files) -> Self {
        let (options, diagnostics) = Fitting::of(files).options();
        let mut all = Self {
            diagnostics,
            options,
            ..Self::default()
        };
        for (path, text) in files.of("rules").iter().filter(|(path, _)| {
            std::path::Path::new(path)
                .extension()
                .is_some_and(|e| e.eq_ignore_ascii_case("yml") || e.eq_ignore_ascii_case("yaml"))
        }) {
            let (units, wrong) = read(path, text, &all.options);
            all.diagnostics.extend(wrong);
            for unit in units {
                if all.by_id.contains_key(&unit.id) {
                    all.repeats.extend(unit.documents);
                } else {
                    all.order.push(unit.id.clone());
                    all.by_id.insert(unit.id.clone(), unit);
                }
            }
        }
        all
    }

    /// The rule of a file.
    pub(crate) fn get(&self, id: &RuleId) -> Option<&Unit> {
        self.by_id.get(id)
    }

    /// Ids in the order of the files.
    pub(crate) fn order(&self) -> &[RuleId] {
        &self.order
    }

    /// What decisions need to know of the files.
    pub(crate) fn bases(&self) -> BTreeMap<RuleId, Base> {
        self.by_id
            .values()
            .map(|unit| {
                let base = Base {
                    title: unit.title.clone(),
                    family: unit.family.clone(),
                    hash: unit.hash.clone(),
                    stage: unit.stage,
                    parts: unit.parts(),
                };
                (unit.id.clone(), base)
            })
            .collect()
    }

    /// Which rule the others in its text belong to.
    pub(crate) fn heads(&self) -> BTreeMap<RuleId, RuleId> {
        self.by_id
            .values()
            .flat_map(|unit| unit.parts().into_iter().map(|part| (part, unit.id.clone())))
            .collect()
    }
}

/// The one unit of a text, or what is wrong with it.
pub(crate) fn one(path: &str, text: &str, options: &Options) -> (Option<Unit>, Vec<Diagnostic>) {
    let (mut units, mut diagnostics) = read(path, text, options);
    if diagnostics.iter().any(|d| d.level == Level::Error) {
        return (None, diagnostics);
    }
    if units.len() > 1 {
        let titles: Vec<&str> = units.iter().map(|u| u.title.as_str()).collect();
        diagnostics.push(
            Diagnostic::error(
                "V001",
                format!(
                    "the text holds {} rules that do not belong together: {}",
                    units.len(),
                    titles.join("; ")
                ),
            )
            .help("keep one rule, or one correlation with the rules that only it needs"),
        );
        return (None, diagnostics);
    }
    let Some(mut unit) = units.pop() else {
        diagnostics.push(
            Diagnostic::error("V002", "the text holds no rule")
                .help("begin with `title:`; `watchfloor rule new` prints one to fill in"),
        );
        return (None, diagnostics);
    };
    if unit
        .head()
        .is_some_and(|d| d.meta().id().as_str() == format!("rule-{}", d.meta().version()))
    {
        diagnostics.push(
            Diagnostic::error(
                "V003",
                "a rule that is kept here needs an id that stays the same",
            )
            .help(format!("add `id:` with a random UUID to `{}`", unit.title)),
        );
        return (None, diagnostics);
    }
    // The whole text, with the comments between documents.
    unit.text = text.into();
    unit.hash = rule::hash(text);
    (Some(unit), diagnostics)
}

/// Every unit of a text.
fn read(path: &str, text: &str, options: &Options) -> (Vec<Unit>, Vec<Diagnostic>) {
    let (documents, diagnostics) = parse_rules(path, text, options);
    let groups = groups(&documents);
    let whole = groups.len() == 1;
    let family = family(path);
    let units = groups
        .into_iter()
        .filter_map(|group| {
            let documents: Vec<Document> = group
                .into_iter()
                .filter_map(|at| documents.get(at).cloned())
                .collect();
            let head = head(&documents)?.clone();
            let text: Arc<str> = if whole {
                text.into()
            } else {
                let texts: Vec<&str> = documents.iter().map(|d| d.meta().text()).collect();
                format!("{}\n", texts.join("\n---\n")).into()
            };
            Some(Unit {
                id: head.meta().id().clone(),
                title: head.meta().title().to_owned(),
                hash: rule::hash(&text),
                text,
                stage: stage(head.meta().status()),
                family: family.clone(),
                documents,
            })
        })
        .collect();
    (units, diagnostics)
}

/// Documents that refer to each other, each group in the order of the text.
fn groups(documents: &[Document]) -> Vec<Vec<usize>> {
    let mut of: Vec<usize> = (0..documents.len()).collect();
    for (at, document) in documents.iter().enumerate() {
        for reference in document.references() {
            let Some(to) = documents.iter().position(|d| is_called(d, reference)) else {
                continue;
            };
            let (Some(a), Some(b)) = (of.get(at).copied(), of.get(to).copied()) else {
                continue;
            };
            for group in &mut of {
                if *group == b {
                    *group = a;
                }
            }
        }
    }
    let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
    for (at, group) in of.into_iter().enumerate() {
        match groups.iter_mut().find(|(g, _)| *g == group) {
            Some((_, members)) => members.push(at),
            None => groups.push((group, vec![at])),
        }
    }
    groups.into_iter().map(|(_, members)| members).collect()
}

/// The correlation that no other one of the group counts, else the first document.
fn head(group: &[Document]) -> Option<&Document> {
    group
        .iter()
        .find(|d| {
            d.is_correlation()
                && !group
                    .iter()
                    .any(|other| other.references().iter().any(|r| is_called(d, r)))
        })
        .or(group.first())
}

/// Whether a reference means this document.
pub(super) fn is_called(document: &Document, reference: &str) -> bool {
    let meta = document.meta();
    meta.id().as_str() == reference || meta.name() == Some(reference)
}

/// What a rule of a file does as long as nobody says otherwise (Sigma 2.1, "Status"): what may be
/// noisy is tested, what is replaced or cannot be used is not run.
fn stage(status: Option<Status>) -> Stage {
    match status {
        None | Some(Status::Stable | Status::Test) => Stage::Enabled,
        Some(Status::Experimental) => Stage::Testing,
        Some(Status::Deprecated | Status::Unsupported) => Stage::Retired,
    }
}

/// `agent` for `content/rules/agent/loop.yml`.
fn family(path: &str) -> Option<String> {
    let (folder, _) = path.strip_prefix("content/rules/")?.split_once('/')?;
    Some(folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "title: T\nid: ID\nname: NAME\nlogsource: {category: gen_ai}\ndetection: {s: {a: b}, condition: s}\n";
    const COUNT: &str = "title: C\nid: count\ncorrelation: {type: event_count, rules: [b], timespan: 5m, group-by: [x], condition: {gte: 3}}\n";

    fn rule(id: &str) -> String {
        RULE.replace("ID", id).replace("NAME", id)
    }

    fn ids(text: &str) -> Vec<(String, usize)> {
        let (units, wrong) = read("content/rules/agent/x.yml", text, &Options::default());
        assert!(wrong.iter().all(|d| d.level != Level::Error), "{wrong:?}");
        units
            .iter()
            .map(|u| (u.id.to_string(), u.documents.len()))
            .collect()
    }

    #[test]
    fn a_correlation_brings_its_rules_and_strangers_stay_apart() {
        let text = [rule("a"), rule("b"), COUNT.to_owned()].join("---\n");
        assert_eq!(ids(&text), [("a".to_owned(), 1), ("count".to_owned(), 2)]);
        let (_, wrong) = one("x.yml", &text, &Options::default());
        assert!(wrong.iter().any(|d| d.code == "V001"), "{wrong:?}");
        let own = [rule("b"), COUNT.to_owned()].join("---\n");
        let (unit, _) = one("x.yml", &own, &Options::default());
        let unit = unit.unwrap();
        assert_eq!((unit.id.as_str(), unit.parts().len()), ("count", 1));
        assert_eq!(&*unit.text, own, "comments and order stay");
    }

    #[test]
    fn a_text_needs_one_rule_with_an_id() {
        for (text, code) in [("", "V002"), (&rule("a").replace("id: a\n", ""), "V003")] {
            let (unit, wrong) = one("x.yml", text, &Options::default());
            assert!(
                unit.is_none() && wrong.iter().any(|d| d.code == code),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn status_says_where_a_rule_begins() {
        for (status, expected) in [
            ("stable", Stage::Enabled),
            ("test", Stage::Enabled),
            ("experimental", Stage::Testing),
            ("deprecated", Stage::Retired),
            ("unsupported", Stage::Retired),
        ] {
            let (units, _) = read(
                "x.yml",
                &format!("{}status: {status}\n", rule("a")),
                &Options::default(),
            );
            assert_eq!(units[0].stage, expected, "{status}");
        }
        assert_eq!(
            family("content/rules/agent/loop.yml").as_deref(),
            Some("agent")
        );
        assert_eq!(family("content/rules/loop.yml"), None);
    }
}

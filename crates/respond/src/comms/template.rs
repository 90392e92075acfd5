//! Templates as content: for whom, on which facts, in which words.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::Environment;
use serde::Deserialize;
use serde_saphyr::Spanned;
use watchfloor_types::{Diagnostic, FactName, Place, TemplateId};

use super::Audience;
use crate::word::words;

words! {
    /// When a draft is written from a template.
    Occasion, "an occasion", {
        /// By itself, when an incident is severe or a clock starts.
        Automatic = "automatic",
        /// When somebody asks.
        Request = "request",
    }
}

/// A message text.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Its id: the name of its folder.
    pub id: TemplateId,
    /// What it is called.
    pub title: String,
    /// Who looks after it here.
    pub owner: String,
    /// For whom.
    pub audience: Audience,
    /// When a draft is written from it.
    pub occasion: Occasion,
    /// What it rests on: articles, guides.
    pub references: Vec<String>,
    /// Facts and determinations that it names, with what to ask while they are unknown.
    pub facts: BTreeMap<FactName, String>,
    /// The title of a draft, as a template.
    pub subject: String,
    /// The text of a draft, as a template.
    pub body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    id: Spanned<String>,
    title: String,
    owner: String,
    audience: Spanned<String>,
    occasion: Spanned<String>,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default)]
    facts: Vec<WireFact>,
    subject: Spanned<String>,
    body: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireFact {
    name: Spanned<String>,
    question: String,
}

/// Reads `(path, text)` pairs: each `…/<id>/template.yml` is a template. Other files are left
/// alone; one broken file never hides the others.
#[must_use]
pub fn load(files: &[(String, String)]) -> (BTreeMap<TemplateId, Template>, Vec<Diagnostic>) {
    let mut templates = BTreeMap::new();
    let mut found = Vec::new();
    for (path, text) in files {
        if path.ends_with("/template.yml") {
            let mut report = Report {
                path,
                found: Vec::new(),
            };
            if let Some(template) = read(&mut report, text) {
                templates.insert(template.id.clone(), template);
            }
            found.append(&mut report.found);
        }
    }
    (templates, found)
}

struct Report<'p> {
    path: &'p str,
    found: Vec<Diagnostic>,
}

impl Report<'_> {
    fn place(&self, line: u64, column: u64) -> Place {
        Place {
            file: self.path.to_owned(),
            line: u32::try_from(line).unwrap_or(1).max(1),
            column: u32::try_from(column).unwrap_or(1).max(1),
            length: 1,
        }
    }
    fn at<T>(&self, at: &Spanned<T>) -> Place {
        self.place(at.referenced.line(), at.referenced.column())
    }
    fn error(&mut self, place: Place, code: &str, message: impl Into<String>, help: &str) {
        let mut diagnostic = Diagnostic::error(code, message).at(place);
        if !help.is_empty() {
            diagnostic = diagnostic.help(help);
        }
        self.found.push(diagnostic);
    }
    fn word<T>(&mut self, text: &Spanned<String>) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        match text.value.parse() {
            Ok(word) => Some(word),
            Err(error) => {
                let place = self.at(text);
                self.error(place, "O021", T::Err::to_string(&error), "");
                None
            }
        }
    }
}

fn read(report: &mut Report<'_>, text: &str) -> Option<Template> {
    let wire: Wire = match serde_saphyr::from_str(text) {
        Ok(wire) => wire,
        Err(error) => {
            let (line, column) = error
                .location()
                .map_or((1, 1), |at| (at.line(), at.column()));
            let message = error.without_snippet().to_string();
            let place = report.place(line, column);
            let message = message.lines().next().unwrap_or_default();
            report.error(place, "O020", message, "docs/obligations.md lists the keys");
            return None;
        }
    };
    let id = report.word::<TemplateId>(&wire.id);
    let folder = report.path.rsplit('/').nth(1).unwrap_or_default();
    if wire.id.value != folder {
        let place = report.at(&wire.id);
        let text = format!("the id is `{}`, the folder `{folder}`", wire.id.value);
        report.error(place, "O021", text, "they have to agree");
    }
    let audience = report.word(&wire.audience);
    let occasion = report.word(&wire.occasion);
    let mut facts = BTreeMap::new();
    for fact in &wire.facts {
        if let Some(name) = report.word::<FactName>(&fact.name) {
            facts.insert(name, fact.question.trim().to_owned());
        }
    }
    for part in [&wire.subject, &wire.body] {
        check(report, part, &facts);
    }
    if !report.found.is_empty() {
        return None;
    }
    Some(Template {
        id: id?,
        title: wire.title,
        owner: wire.owner,
        audience: audience?,
        occasion: occasion?,
        references: wire.references,
        facts,
        subject: wire.subject.value,
        body: wire.body.value,
    })
}

fn check(report: &mut Report<'_>, part: &Spanned<String>, facts: &BTreeMap<FactName, String>) {
    let place = report.at(part);
    let at_line = |report: &Report<'_>, line: usize| {
        // The place of a block is that of its first line.
        report.place(u64::from(place.line) + line as u64 - 1, 1)
    };
    if part.value.chars().any(|c| c.is_control() && c != '\n') {
        let place = place.clone();
        report.error(place, "O022", "the text holds a control character", "");
    }
    let env = Environment::empty();
    match env.template_from_str(&part.value) {
        Ok(template) => {
            let names = template.undeclared_variables(false);
            let known: BTreeSet<&str> = super::fill::NAMES.iter().copied().collect();
            for name in names {
                if !known.contains(name.as_str()) {
                    let text = format!("there is nothing called `{name}`");
                    let help = format!("there are {}", super::fill::NAMES.join(", "));
                    let line = part.value.lines().position(|l| l.contains(&name));
                    let place = at_line(report, line.map_or(1, |line| line + 1));
                    report.error(place, "O022", text, &help);
                }
            }
        }
        Err(error) => {
            let place = at_line(report, error.line().unwrap_or(1));
            let message = error.detail().unwrap_or("the template cannot be read");
            report.error(place, "O022", message, "");
            return;
        }
    }
    for (line, text) in part.value.lines().enumerate() {
        for name in named(text) {
            let declared = name
                .parse::<FactName>()
                .is_ok_and(|name| facts.contains_key(&name));
            if !declared {
                let place = at_line(report, line + 1);
                report.error(
                    place,
                    "O023",
                    format!("the fact `{name}` is not declared"),
                    "add it under `facts` with the question to ask while it is unknown",
                );
            }
        }
    }
}

/// Names that `fact("…")`, `known("…")`, `truth("…")` and `items("…")` mention.
fn named(line: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for function in ["fact(", "known(", "truth(", "items("] {
        let mut rest = line;
        while let Some((_, after)) = rest.split_once(function) {
            let after = after.trim_start();
            if let Some(quote) = after.chars().next().filter(|c| matches!(c, '"' | '\''))
                && let Some(name) = after.split(quote).nth(1)
            {
                names.push(name);
            }
            rest = after;
        }
    }
    names
}

//! Rules in force: the compiled engine and what was wrong with its content.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use watchfloor_detect::{Document, Engine, Options, parse_rules};
use watchfloor_types::{Diagnostic, RuleId};

use crate::{
    content::Files,
    rules::{Fallen, Unit},
};

static VERSION: AtomicU64 = AtomicU64::new(1);

/// One set of rules, replaced whole when content changes.
pub(crate) struct Rulebook {
    /// The compiled rules.
    pub engine: Engine,
    /// What is wrong with the content; a rule with an error is not in the engine.
    pub diagnostics: Vec<Diagnostic>,
    /// Another number for another set.
    pub version: u64,
    /// Texts that run on a floor, by rule, with their numbers.
    pub running: BTreeMap<RuleId, (u32, Unit)>,
    /// Rules of a floor whose text in force cannot be run.
    pub fallen: BTreeMap<RuleId, Fallen>,
}

impl Rulebook {
    /// Compiles every rule file of `files`.
    pub(crate) fn load(files: &Files) -> Self {
        Self::compile(&files.of("rules"))
    }

    /// Compiles rule files given as (path, text).
    pub(crate) fn compile(files: &[(String, String)]) -> Self {
        let options = Options::default();
        let mut documents = Vec::new();
        let mut diagnostics = Vec::new();
        for (path, text) in files.iter().filter(|(p, _)| {
            std::path::Path::new(p)
                .extension()
                .is_some_and(|e| e.eq_ignore_ascii_case("yml") || e.eq_ignore_ascii_case("yaml"))
        }) {
            let (found, wrong) = parse_rules(path, text, &options);
            documents.extend(found);
            diagnostics.extend(wrong);
        }
        Self::build(documents, diagnostics)
    }

    /// Compiles documents; `diagnostics` is what was wrong with their texts.
    pub(crate) fn build(documents: Vec<Document>, mut diagnostics: Vec<Diagnostic>) -> Self {
        let (engine, wrong) = Engine::new(documents);
        diagnostics.extend(wrong);
        Self {
            engine,
            diagnostics,
            version: VERSION.fetch_add(1, Ordering::Relaxed),
            running: BTreeMap::new(),
            fallen: BTreeMap::new(),
        }
    }
}

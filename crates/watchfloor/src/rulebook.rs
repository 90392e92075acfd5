//! Rules in force: the compiled engine and what was wrong with its content.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use watchfloor_detect::{Document, Engine, Options, parse_lists, parse_pipeline, parse_rules};
use watchfloor_types::{Diagnostic, RuleId};

use crate::{
    content::Files,
    rules::{Fallen, Unit},
};

static VERSION: AtomicU64 = AtomicU64::new(1);

/// What fits rules to an estate, as (path, text).
pub(crate) struct Fitting {
    /// Placeholder lists.
    pub lists: Vec<(String, String)>,
    /// Processing pipelines.
    pub pipelines: Vec<(String, String)>,
}

impl Fitting {
    /// What the content has.
    pub(crate) fn of(files: &Files) -> Self {
        Self {
            lists: files.of("lists"),
            pipelines: files.of("pipelines"),
        }
    }

    /// Reads all of it; what has an error is left out and reported.
    pub(crate) fn options(&self) -> (Options, Vec<Diagnostic>) {
        let mut options = Options::default();
        let mut diagnostics = Vec::new();
        for (path, text) in &self.lists {
            let (lists, wrong) = parse_lists(path, text);
            diagnostics.extend(wrong);
            for (name, values) in lists {
                options = options.placeholder(&name, values);
            }
        }
        for (path, text) in &self.pipelines {
            let (pipeline, wrong) = parse_pipeline(path, text);
            diagnostics.extend(wrong);
            if let Some(pipeline) = pipeline {
                options = options.pipeline(pipeline);
            }
        }
        (options, diagnostics)
    }
}

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
    /// Compiles every rule file of `files`, fitted by its lists and pipelines.
    pub(crate) fn load(files: &Files) -> Self {
        let (options, wrong) = Fitting::of(files).options();
        let mut rulebook = Self::fitted(&files.of("rules"), &options);
        rulebook.diagnostics.extend(wrong);
        rulebook
    }

    /// Compiles rule files given as (path, text), as they are.
    pub(crate) fn compile(files: &[(String, String)]) -> Self {
        Self::fitted(files, &Options::default())
    }

    /// Compiles rule files given as (path, text).
    pub(crate) fn fitted(files: &[(String, String)], options: &Options) -> Self {
        let mut documents = Vec::new();
        let mut diagnostics = Vec::new();
        for (path, text) in files.iter().filter(|(p, _)| {
            std::path::Path::new(p)
                .extension()
                .is_some_and(|e| e.eq_ignore_ascii_case("yml") || e.eq_ignore_ascii_case("yaml"))
        }) {
            let (found, wrong) = parse_rules(path, text, options);
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

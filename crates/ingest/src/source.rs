//! Sources: what `content/sources/<id>/` says, compiled.

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use watchfloor_types::{Diagnostic, Frame, Logsource, Place, SourceId};

use crate::{
    cond::Conditions,
    format,
    golden::{self, TestOutcome},
    join::Joiner,
    json::{self, Json},
    logsource::Resolve,
    map::{self, Mapped},
    shape::{self, Fault, Shape},
    spec::{Envelope, JoinRole, OneOrMany, Ops, RecordKind, ShapeSpec, SourceSpec, TestSpec},
    transform::Transform,
};

/// All sources by id.
#[derive(Debug, Default)]
pub struct Sources(BTreeMap<SourceId, Arc<Source>>);

/// One source.
#[derive(Debug)]
pub struct Source {
    pub(crate) id: SourceId,
    title: String,
    owner: String,
    depends: String,
    wire: String,
    formats: Vec<String>,
    references: Vec<String>,
    file: String,
    /// Any may hold.
    recognise: Vec<Conditions>,
    pub(crate) record: RecordKind,
    pub(crate) envelope: Envelope,
    /// Keys that lead to a list whose items are the records.
    pub(crate) split: Vec<Vec<String>>,
    pub(crate) transforms: Vec<Transform>,
    pub(crate) shapes: Vec<Shape>,
    /// For records that fit no shape.
    pub(crate) logsource: Resolve,
    tests: Vec<TestSpec>,
}

impl Sources {
    /// Reads source files, given as (path, text): `…/<id>/source.yml`, and lists of tests in
    /// `…/<id>/tests/*.yml`. A file that cannot be used is left out and has a diagnostic.
    #[must_use]
    pub fn load(files: &[(String, String)]) -> (Self, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let mut tests: BTreeMap<&str, Vec<TestSpec>> = BTreeMap::new();
        for (path, text) in files {
            if let Some((folder, _)) = path.split_once("/tests/") {
                match read::<Vec<TestSpec>>(path, text) {
                    Ok(list) => tests.entry(folder).or_default().extend(list),
                    Err(diagnostic) => diagnostics.push(diagnostic),
                }
            }
        }
        let mut sources = BTreeMap::new();
        for (path, text) in files.iter().filter(|(p, _)| p.ends_with("/source.yml")) {
            let folder = path.strip_suffix("/source.yml").unwrap_or(path);
            match read::<SourceSpec>(path, text).and_then(|spec| compile(path, text, spec)) {
                Ok((mut source, warnings)) => {
                    diagnostics.extend(warnings);
                    source
                        .tests
                        .extend(tests.remove(folder).unwrap_or_default());
                    if source.tests.is_empty() {
                        diagnostics.push(point(
                            "S006",
                            path,
                            text,
                            "tests:",
                            "the source has no test".to_owned(),
                        ));
                    }
                    if sources.contains_key(&source.id) {
                        let message = format!("a source called `{}` exists already", source.id);
                        diagnostics.push(point("S004", path, text, "id:", message));
                    } else {
                        sources.insert(source.id.clone(), Arc::new(source));
                    }
                }
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        (Self(sources), diagnostics)
    }

    /// The source called `id`.
    #[must_use]
    pub fn get(&self, id: &SourceId) -> Option<&Arc<Source>> {
        self.0.get(id)
    }

    /// All sources in order of id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.0.values()
    }

    /// The source that a record of unknown origin belongs to, told by the `recognise` of each, and
    /// the logsource that its event has; that is none where only the whole mapping can say.
    /// `likely`, where given, is asked first.
    #[must_use]
    pub fn recognise(
        &self,
        record: &[u8],
        likely: Option<&Arc<Source>>,
    ) -> Option<(&Arc<Source>, Option<Logsource>)> {
        let tree = json::parse(record).ok()?;
        let likely = likely.and_then(|l| self.0.get(&l.id));
        let mut all = likely.into_iter().chain(self.0.values());
        let source = all.find(|s| s.recognises(&tree))?;
        Some((source, map::logsource(source, tree)))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Source {
    /// Its id, the name of its folder.
    #[must_use]
    pub fn id(&self) -> &SourceId {
        &self.id
    }
    /// Its name for people.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }
    /// Who keeps the mapping right.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }
    /// What must be true at the sender.
    #[must_use]
    pub fn depends(&self) -> &str {
        &self.depends
    }
    /// How to send, one line for people.
    #[must_use]
    pub fn wire(&self) -> &str {
        &self.wire
    }
    /// Ids of the wire formats it usually arrives in; rows of [`format::FORMATS`].
    #[must_use]
    pub fn formats(&self) -> &[String] {
        &self.formats
    }
    fn recognises(&self, tree: &Json<'_>) -> bool {
        self.recognise.iter().any(|r| r.hold(tree))
    }
    /// Where its shape is documented.
    #[must_use]
    pub fn references(&self) -> &[String] {
        &self.references
    }
    /// The file it was read from.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }
    /// The kinds of records it tells apart, in the order in which they are tried.
    pub fn shapes(&self) -> impl Iterator<Item = &str> {
        self.shapes.iter().map(|s| s.name.as_str())
    }
    /// Every logsource that its events can have.
    #[must_use]
    pub fn logsources(&self) -> Vec<Logsource> {
        let shapes = self.shapes.iter().flat_map(|s| s.logsource.all());
        let mut all: Vec<_> = self.logsource.all().into_iter().chain(shapes).collect();
        all.sort();
        all.dedup();
        all
    }
    /// Whether records are tied together across frames: then frames must be mapped in the order
    /// of the write-ahead log, with one [`Joiner`]. Else [`Source::map_alone`] may run in parallel.
    #[must_use]
    pub fn joins(&self) -> bool {
        self.shapes.iter().any(|s| {
            s.join
                .as_ref()
                .is_some_and(|j| matches!(j.role, JoinRole::Parent))
        })
    }
    /// Maps the records of `frame`, which must belong to this source.
    #[must_use]
    pub fn map_frame(&self, frame: &Frame, joiner: &mut Joiner) -> Mapped {
        map::frame(self, frame, Some(joiner))
    }
    /// The same without tying records together.
    #[must_use]
    pub fn map_alone(&self, frame: &Frame) -> Mapped {
        map::frame(self, frame, None)
    }
    /// Native records of its tests, as samples.
    #[must_use]
    pub fn samples(&self) -> Vec<String> {
        self.tests
            .iter()
            .flat_map(|t| t.records.iter().cloned())
            .collect()
    }
    /// Runs the tests that stand beside the mapping.
    #[must_use]
    pub fn run_tests(&self) -> Vec<TestOutcome> {
        self.tests
            .iter()
            .map(|test| golden::run(self, test))
            .collect()
    }
}

/// Canonical field names, from the table in the reference.
fn canonical(name: &str) -> bool {
    static REFERENCE: &str = include_str!("../../../docs/fields.md");
    let quoted = |line: &str| line.split('`').skip(1).step_by(2).any(|word| word == name);
    let rows = REFERENCE.lines().filter(|l| l.starts_with('|'));
    rows.filter_map(|l| l.split('|').nth(1)).any(quoted)
}

fn compile(
    path: &str,
    text: &str,
    spec: SourceSpec,
) -> Result<(Source, Vec<Diagnostic>), Diagnostic> {
    let id = SourceId::from_str(&spec.id)
        .map_err(|e| point("S001", path, text, "id:", e.to_string()))?;
    let folder = path.rsplit('/').nth(1).unwrap_or_default();
    if folder != id.as_str() {
        let message = format!("the id `{id}` is not the name of its folder `{folder}`");
        return Err(point("S007", path, text, "id:", message));
    }
    let mut warnings = Vec::new();
    if let Some(unknown) = spec.formats.iter().find(|f| format::find(f).is_none()) {
        let message = format!("there is no format `{unknown}`");
        let known: Vec<_> = format::FORMATS.iter().map(|f| f.id).collect();
        return Err(point("S005", path, text, unknown, message)
            .help(format!("one of {}", known.join(", "))));
    }
    for ops in spec.shapes.iter().map(|s| &s.ops).chain([&spec.common]) {
        for name in fields_of(ops).filter(|n| !canonical(n)) {
            let message = format!("`{name}` is not a canonical field");
            let mut diagnostic = point("S003", path, text, name, message);
            diagnostic.level = watchfloor_types::Level::Warning;
            warnings.push(diagnostic.help("fields are listed in docs/fields.md"));
        }
    }
    let fault = |f: Fault| point(f.code, path, text, &f.at, f.message);
    let plain = [ShapeSpec {
        name: "record".to_owned(),
        detect: crate::spec::Cond::new(),
        ops: Ops::default(),
        logsource: None,
    }];
    let shapes = if spec.shapes.is_empty() {
        &plain[..]
    } else {
        &spec.shapes
    };
    let shapes = shapes
        .iter()
        .map(|s| shape::compile(s, &spec.common, &spec.logsource));
    let split = spec.split.iter().map(|p| {
        let parsed: crate::path::FieldPath = p.parse()?;
        let keys = parsed.keys().unwrap_or_default();
        Ok(keys.into_iter().map(str::to_owned).collect())
    });
    let recognise = spec.recognise.iter().flat_map(OneOrMany::as_slice);
    let recognise = recognise.map(|c| Conditions::compile(c).map_err(|e| fault(e.into())));
    let source = Source {
        id,
        title: spec.title,
        owner: spec.owner,
        depends: spec.depends,
        wire: spec.wire,
        formats: spec.formats,
        references: spec.references,
        file: path.to_owned(),
        recognise: recognise.collect::<Result<_, _>>()?,
        record: spec.record,
        envelope: spec.envelope,
        split: split.collect::<Result<_, _>>().map_err(fault)?,
        transforms: shape::shared_transforms(&spec.common).map_err(fault)?,
        shapes: shapes.collect::<Result<_, _>>().map_err(fault)?,
        logsource: Resolve::compile(&spec.logsource, None).map_err(fault)?,
        tests: spec.tests,
    };
    Ok((source, warnings))
}

fn fields_of(ops: &Ops) -> impl Iterator<Item = &str> {
    let maps = ops
        .map
        .keys()
        .chain(ops.constants.keys())
        .chain(ops.hash.keys());
    maps.chain(&ops.redact)
        .chain(ops.hash.values().map(|h| &h.of))
        .map(String::as_str)
}

fn read<T: serde::de::DeserializeOwned>(path: &str, text: &str) -> Result<T, Diagnostic> {
    serde_saphyr::from_str(text).map_err(|error| {
        let place = error.location().map(|l| Place {
            file: path.to_owned(),
            line: u32::try_from(l.line()).unwrap_or(u32::MAX),
            column: u32::try_from(l.column()).unwrap_or(u32::MAX),
            length: 1,
        });
        let message = error.without_snippet().to_string();
        let message = message.lines().next().unwrap_or_default().to_owned();
        let diagnostic = Diagnostic::error("S001", format!("cannot read the file: {message}"));
        match place {
            Some(place) => diagnostic.at(place),
            None => diagnostic,
        }
        .help("docs/sources.md lists every key")
    })
}

/// A diagnostic at the first place where `needle` stands in the file.
fn point(code: &str, path: &str, text: &str, needle: &str, message: String) -> Diagnostic {
    let at = text.lines().enumerate().find_map(|(i, line)| {
        let column = line.find(needle)?;
        Some((
            i + 1,
            line.get(..column).unwrap_or_default().chars().count() + 1,
        ))
    });
    let (line, column) = at.unwrap_or((1, 1));
    Diagnostic::error(code, message).at(Place {
        file: path.to_owned(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
        length: u32::try_from(needle.chars().count().max(1)).unwrap_or(1),
    })
}

//! A shape: one kind of record of a source, compiled.

use std::sync::Arc;

use hashbrown::HashMap;
use watchfloor_types::{FieldName, Value};

use crate::{
    cond::Conditions,
    logsource::Resolve,
    messages,
    path::{FieldPath, Known, Paths},
    spec::{
        ConstSpec, Conversion, FoldSpec, HashKind, JoinRole, LogsourceSpec, MapFull, MapSpec, Ops,
        ShapeSpec, TimeSpec,
    },
    time::TimeFormat,
    transform::Transform,
};

/// One kind of record.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) detect: Conditions,
    pub(crate) transforms: Vec<Transform>,
    pub(crate) drop: Vec<(Conditions, String)>,
    pub(crate) paths: Paths,
    pub(crate) time: Vec<(u16, TimeFormat)>,
    pub(crate) tenant: Vec<u16>,
    pub(crate) messages: Option<Messages>,
    pub(crate) join: Option<Join>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) constants: Vec<(usize, Value, Conditions)>,
    pub(crate) principal: Vec<Principal>,
    pub(crate) duration: Option<(u16, u16, TimeFormat)>,
    pub(crate) hashes: Vec<(usize, usize, HashKind)>,
    pub(crate) redact: Vec<usize>,
    /// Canonical fields that this shape can give, sorted.
    pub(crate) fields: Vec<FieldName>,
    /// Where in `fields` those of a transcript, a principal and a duration stand.
    pub(crate) transcript_at: Vec<usize>,
    pub(crate) principal_at: [usize; 3],
    pub(crate) duration_at: usize,
    pub(crate) logsource: Resolve,
}

/// Where a conversation stands, as slots.
#[derive(Debug)]
pub(crate) struct Messages {
    pub(crate) system: Vec<u16>,
    pub(crate) input: Vec<u16>,
    pub(crate) role_from: Option<u16>,
    pub(crate) output: Vec<u16>,
    pub(crate) documents: Vec<u16>,
}

/// How a record is tied to others.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) by: Vec<u16>,
    pub(crate) role: JoinRole,
    pub(crate) late_category: Option<Arc<str>>,
}

/// One source of one canonical field.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) field: usize,
    pub(crate) slots: Vec<u16>,
    pub(crate) kind: Conversion,
    pub(crate) table: HashMap<Box<str>, Value>,
    pub(crate) otherwise: Option<Value>,
    pub(crate) times: Option<f64>,
    pub(crate) after: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) when: Conditions,
}

/// One candidate for the principal.
#[derive(Debug)]
pub(crate) struct Principal {
    pub(crate) slot: u16,
    pub(crate) kind: Value,
    pub(crate) source: Value,
    pub(crate) when: Conditions,
}

/// What is wrong with a source file: a stable code, the text to point at, what to say.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) code: &'static str,
    pub(crate) at: String,
    pub(crate) message: String,
}

impl From<crate::path::PathError> for Fault {
    fn from(error: crate::path::PathError) -> Self {
        let message = error.to_string();
        let at = message.split('`').nth(1).unwrap_or_default().to_owned();
        Self {
            code: "S002",
            at,
            message,
        }
    }
}

/// Collects the paths and fields of a shape while it is compiled.
#[derive(Default)]
struct Compiler {
    paths: Vec<(FieldPath, Option<u16>, Known)>,
    slots: u16,
    by_text: HashMap<(String, Known), u16>,
    fields: Vec<String>,
}

impl Compiler {
    /// The slot that collects the values at `text`.
    fn slot(&mut self, text: &str, known: Known) -> Result<u16, Fault> {
        let key = (text.to_owned(), known);
        if let Some(slot) = self.by_text.get(&key) {
            return Ok(*slot);
        }
        let slot = self.slots;
        self.slots += 1;
        self.paths.push((text.parse()?, Some(slot), known));
        self.by_text.insert(key, slot);
        Ok(slot)
    }

    fn slots(&mut self, texts: &[String], known: Known) -> Result<Vec<u16>, Fault> {
        texts.iter().map(|t| self.slot(t, known)).collect()
    }

    fn field(&mut self, name: &str) -> usize {
        self.fields
            .iter()
            .position(|f| f == name)
            .unwrap_or_else(|| {
                self.fields.push(name.to_owned());
                self.fields.len() - 1
            })
    }
}

/// Compiles a shape with the operations that all shapes of its source share.
pub(crate) fn compile(
    spec: &ShapeSpec,
    common: &Ops,
    logsource: &LogsourceSpec,
) -> Result<Shape, Fault> {
    let both = [&spec.ops, common];
    let mut c = Compiler::default();
    let mut transforms = Vec::new();
    let mut drop = Vec::new();
    let (mut time, mut tenant) = (Vec::new(), Vec::new());
    let mut entries = Vec::new();
    let mut constants = Vec::new();
    let mut principal = Vec::new();
    let mut hashes = Vec::new();
    let mut redact = Vec::new();
    // What all shapes share is parsed first, because `detect` may look at it.
    for ops in [common, &spec.ops] {
        for parse in &ops.parse {
            transforms.push(Transform::Parse(parse.path.parse()?, parse.kind));
        }
        for fold in &ops.fold {
            transforms.push(compile_fold(fold)?);
        }
    }
    let skip = common.parse.len() + common.fold.len();
    let own = transforms.split_off(skip.min(transforms.len()));
    for ops in both {
        for rule in &ops.drop {
            drop.push((Conditions::compile(&rule.when)?, rule.reason.clone()));
        }
        for spec in ops.time.as_ref().map_or(&[][..], |t| t.as_slice()) {
            let (path, format) = match spec {
                TimeSpec::Path(path) => (path, TimeFormat::Auto),
                TimeSpec::Full(full) => (&full.path, full.format),
            };
            time.push((c.slot(path, Known::Leaf)?, format));
        }
        tenant.extend(c.slots(
            ops.tenant.as_ref().map_or(&[][..], |t| t.as_slice()),
            Known::Leaf,
        )?);
        for (name, sources) in &ops.map {
            let field = c.field(name);
            for source in sources.as_slice() {
                entries.push(entry(&mut c, field, source)?);
            }
        }
        for (name, values) in &ops.constants {
            let field = c.field(name);
            for value in values.as_slice() {
                constants.push(match value {
                    ConstSpec::Value(value) => (field, value.clone(), Conditions::default()),
                    ConstSpec::When(w) => (field, w.value.clone(), condition(&mut c, &w.when)?),
                });
            }
        }
        for p in &ops.principal {
            principal.push(Principal {
                slot: c.slot(&p.from, Known::Leaf)?,
                kind: Value::from(p.kind.as_str()),
                source: Value::from(p.from.as_str()),
                when: condition(&mut c, &p.when)?,
            });
        }
        for (name, hash) in &ops.hash {
            hashes.push((c.field(name), c.field(&hash.of), hash.kind));
        }
        redact.extend(ops.redact.iter().map(|name| c.field(name)));
        for path in &ops.ignore {
            c.paths.push((path.parse()?, None, Known::Leaf));
        }
    }
    let messages = spec.ops.messages.as_ref().or(common.messages.as_ref());
    let messages = match messages {
        None => None,
        Some(m) => Some(Messages {
            system: c.slots(&m.system, Known::Tree)?,
            input: c.slots(&m.input, Known::Tree)?,
            role_from: m
                .role_from
                .as_deref()
                .map(|p| c.slot(p, Known::Leaf))
                .transpose()?,
            output: c.slots(&m.output, Known::Tree)?,
            documents: c.slots(&m.documents, Known::Tree)?,
        }),
    };
    let join = spec.ops.join.as_ref().or(common.join.as_ref());
    let join = match join {
        None => None,
        Some(j) => Some(Join {
            by: c.slots(&j.by, Known::Leaf)?,
            role: j.role,
            late_category: j.late_category.as_deref().map(Arc::from),
        }),
    };
    let duration = spec.ops.duration.as_ref().or(common.duration.as_ref());
    let duration = match duration {
        None => None,
        Some(d) => {
            let (start, end) = (c.slot(&d.start, Known::Leaf)?, c.slot(&d.end, Known::Leaf)?);
            Some((start, end, d.format))
        }
    };
    let transcript_at: Vec<usize> = match (&messages, &join) {
        (None, None) => Vec::new(),
        (Some(_), _) | (_, Some(_)) => messages::FIELDS.iter().map(|f| c.field(f)).collect(),
    };
    let principal_at = if principal.is_empty() {
        [0; 3]
    } else {
        [
            "ai.principal.id",
            "ai.principal.kind",
            "ai.principal.source",
        ]
        .map(|f| c.field(f))
    };
    let duration_at = duration.map_or(0, |_| c.field("event.duration_ms"));
    let resolve = match &spec.logsource {
        Some(own) => Resolve::compile(own, Some(logsource))?,
        None => Resolve::compile(logsource, None)?,
    };

    // Fields in the order of the canonical view, so that building it only appends.
    let mut order: Vec<usize> = (0..c.fields.len()).collect();
    order.sort_by(|a, b| c.fields.get(*a).cmp(&c.fields.get(*b)));
    let mut rank = vec![0; order.len()];
    for (new, old) in order.iter().enumerate() {
        if let Some(slot) = rank.get_mut(*old) {
            *slot = new;
        }
    }
    let place = |at: usize| rank.get(at).copied().unwrap_or_default();
    for entry in &mut entries {
        let entry: &mut Entry = entry;
        entry.field = place(entry.field);
    }
    let names = order.iter().filter_map(|i| c.fields.get(*i));
    Ok(Shape {
        name: spec.name.clone(),
        detect: Conditions::compile(&spec.detect)?,
        transforms: own,
        drop,
        paths: Paths::new(&c.paths),
        time,
        tenant,
        messages,
        join,
        entries,
        constants: constants
            .into_iter()
            .map(|(f, v, w)| (place(f), v, w))
            .collect(),
        principal,
        duration,
        hashes: hashes
            .into_iter()
            .map(|(f, of, k)| (place(f), place(of), k))
            .collect(),
        redact: redact.into_iter().map(place).collect(),
        fields: names.map(|n| FieldName::from(n.as_str())).collect(),
        transcript_at: transcript_at.into_iter().map(place).collect(),
        principal_at: principal_at.map(place),
        duration_at: place(duration_at),
        logsource: resolve,
    })
}

/// The transforms that all shapes of a source share.
pub(crate) fn shared_transforms(common: &Ops) -> Result<Vec<Transform>, Fault> {
    let mut out = Vec::new();
    for parse in &common.parse {
        out.push(Transform::Parse(parse.path.parse()?, parse.kind));
    }
    for fold in &common.fold {
        out.push(compile_fold(fold)?);
    }
    Ok(out)
}

fn compile_fold(fold: &FoldSpec) -> Result<Transform, Fault> {
    let into: FieldPath = fold.into.parse()?;
    let Some(keys) = into.keys() else {
        return Err(Fault {
            code: "S002",
            at: fold.into.clone(),
            message: format!("`{}` has a wildcard, but a fold needs one place", fold.into),
        });
    };
    Ok(Transform::Fold {
        kind: fold.op,
        from: fold.from.parse()?,
        prefix: fold.prefix.clone().unwrap_or_default(),
        into: keys.into_iter().map(str::to_owned).collect(),
    })
}

/// A condition; what it looks at is accounted for.
fn condition(c: &mut Compiler, cond: &crate::spec::Cond) -> Result<Conditions, Fault> {
    let out = Conditions::compile(cond)?;
    c.paths
        .extend(out.paths().map(|p| (p.clone(), None, Known::Leaf)));
    Ok(out)
}

fn entry(c: &mut Compiler, field: usize, spec: &MapSpec) -> Result<Entry, Fault> {
    let plain;
    let full = match spec {
        MapSpec::Full(full) => full,
        MapSpec::Path(path) => {
            plain = MapFull {
                from: crate::spec::OneOrMany::One(path.clone()),
                kind: Conversion::Scalar,
                table: std::collections::BTreeMap::new(),
                otherwise: None,
                times: None,
                after: None,
                before: None,
                when: crate::spec::Cond::new(),
            };
            &plain
        }
    };
    let known = match full.kind {
        Conversion::Json | Conversion::Flat | Conversion::Count => Known::Tree,
        Conversion::Scalar
        | Conversion::Text
        | Conversion::Lower
        | Conversion::Number
        | Conversion::List
        | Conversion::Lines
        | Conversion::Ip
        | Conversion::Host
        | Conversion::FinishReasons => Known::Leaf,
    };
    Ok(Entry {
        field,
        slots: c.slots(full.from.as_slice(), known)?,
        kind: full.kind,
        table: full
            .table
            .iter()
            .map(|(k, v)| (k.to_lowercase().into(), v.clone()))
            .collect(),
        otherwise: full.otherwise.clone(),
        times: full.times,
        after: full.after.clone(),
        before: full.before.clone(),
        when: condition(c, &full.when)?,
    })
}

//! The Sigma logsource of a record.

use std::sync::Arc;

use hashbrown::HashMap;
use watchfloor_types::Logsource;

use crate::{
    cond::Conditions,
    json::Json,
    path::FieldPath,
    shape::Fault,
    spec::{LogsourceSpec, LookupSpec, Part},
};

/// How the logsource of an event follows from its record.
#[derive(Debug, Default)]
pub(crate) struct Resolve {
    pub(crate) base: Logsource,
    lookups: Vec<Lookup>,
    rules: Vec<(Conditions, Logsource)>,
}

#[derive(Debug)]
struct Lookup {
    set: Part,
    from: Vec<FieldPath>,
    service: Option<Arc<str>>,
    table: HashMap<Box<str>, Arc<str>>,
    keep: bool,
}

impl Resolve {
    pub(crate) fn compile(
        spec: &LogsourceSpec,
        under: Option<&LogsourceSpec>,
    ) -> Result<Self, Fault> {
        let arc = |s: &Option<String>| s.as_deref().map(Arc::from);
        let pick = |own: &Option<String>, base: fn(&LogsourceSpec) -> &Option<String>| {
            arc(own).or_else(|| under.and_then(|u| arc(base(u))))
        };
        let base = Logsource {
            product: pick(&spec.product, |u| &u.product),
            service: pick(&spec.service, |u| &u.service),
            category: pick(&spec.category, |u| &u.category),
        };
        let mut rules = Vec::new();
        for rule in spec
            .rules
            .iter()
            .chain(under.into_iter().flat_map(|u| &u.rules))
        {
            let set = Logsource {
                product: arc(&rule.product),
                service: arc(&rule.service),
                category: arc(&rule.category),
            };
            rules.push((Conditions::compile(&rule.when)?, set));
        }
        let lookups = spec
            .lookup
            .iter()
            .chain(under.into_iter().flat_map(|u| &u.lookup));
        let lookups = lookups.map(lookup).collect::<Result<_, _>>()?;
        Ok(Self {
            base,
            lookups,
            rules,
        })
    }

    /// The logsource of the record `tree`.
    pub(crate) fn of(&self, tree: &Json<'_>) -> Logsource {
        let mut out = self.base.clone();
        for lookup in &self.lookups {
            if lookup.service.is_some() && lookup.service != out.service {
                continue;
            }
            let Some(word) = lookup.from.iter().find_map(|p| word(p, tree)) else {
                continue;
            };
            let found = match lookup.table.get(word.as_str()) {
                Some(found) => Some(found.clone()),
                None => lookup.keep.then(|| Arc::from(word)),
            };
            if let Some(found) = found {
                match lookup.set {
                    Part::Product => out.product = Some(found),
                    Part::Service => out.service = Some(found),
                    Part::Category => out.category = Some(found),
                }
            }
        }
        if let Some((_, set)) = self.rules.iter().find(|(when, _)| when.hold(tree)) {
            out.product = set.product.clone().or(out.product);
            out.service = set.service.clone().or(out.service);
            out.category = set.category.clone().or(out.category);
        }
        out
    }

    /// Every logsource it can give, for people.
    pub(crate) fn all(&self) -> Vec<Logsource> {
        let mut out = vec![self.base.clone()];
        let over = |base: &Logsource, part: Part, value: &Arc<str>| {
            let mut out = base.clone();
            match part {
                Part::Product => out.product = Some(value.clone()),
                Part::Service => out.service = Some(value.clone()),
                Part::Category => out.category = Some(value.clone()),
            }
            out
        };
        for lookup in &self.lookups {
            let base = match &lookup.service {
                Some(service) => over(&self.base, Part::Service, service),
                None => self.base.clone(),
            };
            out.extend(lookup.table.values().map(|v| over(&base, lookup.set, v)));
        }
        for (_, set) in &self.rules {
            out.push(Logsource {
                product: set.product.clone().or_else(|| self.base.product.clone()),
                service: set.service.clone().or_else(|| self.base.service.clone()),
                category: set.category.clone().or_else(|| self.base.category.clone()),
            });
        }
        out
    }
}

fn lookup(spec: &LookupSpec) -> Result<Lookup, Fault> {
    let table = spec.table.iter().filter(|(k, _)| *k != "*");
    Ok(Lookup {
        set: spec.set,
        from: paths(spec.from.as_slice())?,
        service: spec.service.as_deref().map(Arc::from),
        table: table
            .map(|(k, v)| (k.to_lowercase().into(), Arc::from(v.as_str())))
            .collect(),
        keep: spec.table.contains_key("*"),
    })
}

/// The scalar at `path` as a lower-case word.
fn word(path: &FieldPath, tree: &Json<'_>) -> Option<String> {
    match path.find(tree, &|v| !v.is_empty())? {
        Json::Text(t) | Json::Number(t) => Some(t.to_lowercase()),
        Json::Bool(b) => Some(b.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn paths(texts: &[String]) -> Result<Vec<FieldPath>, Fault> {
    texts
        .iter()
        .map(|t| t.parse().map_err(Fault::from))
        .collect()
}

//! STIX 2.1 bundles in.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::value::RawValue;
use watchfloor_types::{Diagnostic, Indicator, Tlp};

use crate::{
    json::{Input, Object, items, note, quote},
    marking::{Markings, UNMARKED},
    normal::{self, Normal},
    pattern::{Sort, Term, parse_pattern, simple},
    technique,
};

/// More objects than these in one text are refused.
const MAX_OBJECTS: usize = 1_000_000;

/// What an import brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imported {
    /// STIX objects, byte for byte as they came; of several versions of one object, all.
    pub objects: Vec<StixObject>,
    /// Indicators ready to match, one per value; of several versions of one object, the latest.
    pub indicators: Vec<Indicator>,
}

/// A STIX object: its text and what is often asked about it.
#[derive(Debug, Clone, PartialEq)]
pub struct StixObject {
    /// `indicator--…`
    pub id: String,
    /// `indicator`
    pub kind: String,
    /// `name`, where it has one.
    pub name: Option<String>,
    /// `created`, where it has one; cyber-observable objects do not.
    pub created: Option<Timestamp>,
    /// `modified`, where it has one.
    pub modified: Option<Timestamp>,
    /// `revoked`.
    pub revoked: bool,
    /// The narrowest label of the object and its parts.
    pub tlp: Tlp,
    /// The object as it came, byte for byte.
    pub json: String,
}

/// Reads a STIX 2.1 bundle, a TAXII envelope, a list of objects or one object.
///
/// `origin` names the file or feed. Nothing is dropped in silence: what is not imported, or
/// imported but not matched, has a diagnostic. Codes I001 to I016 are explained in
/// `docs/diagnostics/`.
#[must_use]
pub fn import_stix(text: &str, origin: &str, now: Timestamp) -> (Imported, Vec<Diagnostic>) {
    let mut input = Input::new(text, origin);
    let imported = match input.parse() {
        Some(root) => import(root, &mut input, now),
        None => Imported::default(),
    };
    (imported, input.finish())
}

fn import(root: &RawValue, input: &mut Input<'_>, now: Timestamp) -> Imported {
    let Some(objects) = objects_of(root) else {
        input.say(
            Diagnostic::error(
                "I002",
                "text is not a STIX bundle, envelope, list or object",
            )
            .help("a bundle is `{\"type\": \"bundle\", \"id\": …, \"objects\": […]}`"),
            Some(root),
        );
        return Imported::default();
    };
    if objects.len() > MAX_OBJECTS {
        input.say(
            Diagnostic::error(
                "I013",
                format!(
                    "{} objects, at most {MAX_OBJECTS} are read at once",
                    objects.len()
                ),
            )
            .help("split the bundle"),
            None,
        );
        return Imported::default();
    }

    let mut found = Vec::with_capacity(objects.len());
    let mut markings = Markings::default();
    for raw in objects {
        let Some((id, kind, object)) = head(raw, input) else {
            continue;
        };
        if kind == "marking-definition" {
            markings.learn(&id, &object);
        }
        found.push((raw, id, kind, object));
    }

    let techniques = techniques(&found);
    let mut out = Imported::default();
    let mut latest: HashMap<String, (Option<Timestamp>, Vec<Indicator>)> = HashMap::new();
    let mut order = Vec::new();
    for (raw, id, kind, object) in &found {
        let tlp = if kind == "marking-definition" {
            Tlp::Clear
        } else {
            match markings.of(object, input) {
                Some(tlp) => tlp,
                None if kind == "indicator" => markings.unmarked(input),
                None => UNMARKED,
            }
        };
        let thin = StixObject {
            id: id.clone(),
            kind: kind.clone(),
            name: object.text("name"),
            created: time(object, "created", input),
            modified: time(object, "modified", input),
            revoked: object.flag("revoked"),
            tlp,
            json: raw.get().to_owned(),
        };
        if let (Some(created), Some(modified)) = (thin.created, thin.modified)
            && modified < created
        {
            input.say(
                Diagnostic::warning("I010", "`modified` is before `created`"),
                object.get("modified"),
            );
        }
        if kind == "indicator" {
            let indicators = indicators(&thin, object, &techniques, input, now);
            match latest.get_mut(id) {
                Some(slot) if slot.0 > thin.modified => {}
                Some(slot) => *slot = (thin.modified, indicators),
                None => {
                    order.push(id.clone());
                    latest.insert(id.clone(), (thin.modified, indicators));
                }
            }
        }
        out.objects.push(thin);
    }
    for id in order {
        if let Some((_, indicators)) = latest.remove(&id) {
            out.indicators.extend(indicators);
        }
    }
    out
}

fn objects_of(root: &RawValue) -> Option<Vec<&RawValue>> {
    if let Some(list) = items(root) {
        return Some(list);
    }
    let object = Object::read(root)?;
    match object.text("type").as_deref() {
        Some("bundle") => match object.get("objects") {
            Some(list) => items(list),
            // A bundle may be empty (STIX 2.1, section 8).
            None => Some(Vec::new()),
        },
        Some(_) => Some(vec![root]),
        None => object.get("objects").and_then(items),
    }
}

/// Id, type and members of an object.
fn head<'a>(raw: &'a RawValue, input: &mut Input<'_>) -> Option<(String, String, Object<'a>)> {
    let refuse = |input: &mut Input<'_>, why: &str| {
        input.say(
            Diagnostic::error("I003", format!("object is not imported: {why}")),
            Some(raw),
        );
        None
    };
    let Some(object) = Object::read(raw) else {
        return refuse(input, "it is not a JSON object");
    };
    let Some(kind) = object.text("type") else {
        return refuse(input, "it has no `type`");
    };
    let Some(id) = object.text("id") else {
        return refuse(input, "it has no `id`");
    };
    // STIX 2.1, section 2.9: `<type>--<UUID>`.
    let valid = id
        .strip_prefix(kind.as_str())
        .and_then(|rest| rest.strip_prefix("--"))
        .is_some_and(|uuid| uuid.len() == 36 && uuid::Uuid::try_parse(uuid).is_ok());
    if !valid {
        return refuse(
            input,
            &format!("`{}` is not an id of a `{}`", quote(&id), quote(&kind)),
        );
    }
    Some((id, kind, object))
}

type Found<'a> = (&'a RawValue, String, String, Object<'a>);

/// Technique ids that each indicator points to by `indicates` (STIX 2.1, section 4.7).
fn techniques(found: &[Found<'_>]) -> HashMap<String, Vec<String>> {
    let mut patterns: HashMap<&str, Vec<String>> = HashMap::new();
    for (_, id, kind, object) in found {
        if kind == "attack-pattern" {
            let ids = object
                .items("external_references")
                .into_iter()
                .filter_map(Object::read)
                .filter_map(|reference| reference.text("external_id"))
                .flat_map(|id| technique::find(&id))
                .collect();
            patterns.insert(id, ids);
        }
    }
    let mut out: HashMap<String, Vec<String>> = HashMap::new();
    for (_, _, kind, object) in found {
        if kind == "relationship"
            && object.text("relationship_type").as_deref() == Some("indicates")
        {
            let (Some(from), Some(to)) = (object.text("source_ref"), object.text("target_ref"))
            else {
                continue;
            };
            if let Some(ids) = patterns.get(to.as_str()) {
                out.entry(from).or_default().extend(ids.iter().cloned());
            }
        }
    }
    out
}

fn indicators(
    thin: &StixObject,
    object: &Object<'_>,
    related: &HashMap<String, Vec<String>>,
    input: &mut Input<'_>,
    now: Timestamp,
) -> Vec<Indicator> {
    if thin.revoked {
        input.say(
            note(
                "I012",
                format!("indicator `{}` is revoked, not matched", thin.id),
            ),
            object.get("revoked"),
        );
        return Vec::new();
    }
    let Some(pattern) = object.text("pattern") else {
        input.say(
            Diagnostic::error("I003", format!("indicator `{}` has no `pattern`", thin.id)),
            object.get("id"),
        );
        return Vec::new();
    };
    let language = object
        .text("pattern_type")
        .unwrap_or_else(|| "stix".to_owned());
    if language != "stix" {
        input.say(
            Diagnostic::warning(
                "I006",
                format!(
                    "indicator `{}` is kept but not matched: its pattern is in `{}`",
                    thin.id,
                    quote(&language)
                ),
            ),
            object.get("pattern_type"),
        );
        return Vec::new();
    }
    let terms = match parse_pattern(&pattern) {
        Err(error) => {
            input.say(
                Diagnostic::error("I004", format!("pattern of `{}`: {error}", thin.id)),
                object.get("pattern"),
            );
            return Vec::new();
        }
        Ok(parsed) => match simple(&parsed) {
            Ok(terms) => terms,
            Err(why) => {
                input.say(
                    Diagnostic::warning(
                        "I005",
                        format!(
                            "indicator `{}` is kept but not matchable yet: {why}",
                            thin.id
                        ),
                    ),
                    object.get("pattern"),
                );
                return Vec::new();
            }
        },
    };

    let valid_from = time(object, "valid_from", input)
        .or(thin.created)
        .unwrap_or(now);
    let valid_until = time(object, "valid_until", input);
    if valid_until.is_some_and(|until| until <= valid_from) {
        input.say(
            Diagnostic::warning(
                "I010",
                "`valid_until` is not after `valid_from`: the indicator never holds",
            ),
            object.get("valid_until"),
        );
    } else if valid_until.is_some_and(|until| until <= now) {
        input.say(
            note(
                "I012",
                format!(
                    "indicator `{}` has expired; it still matches older events",
                    thin.id
                ),
            ),
            object.get("valid_until"),
        );
    }
    let confidence = object
        .scalar("confidence")
        .and_then(|text| text.parse::<u8>().ok())
        .filter(|c| *c <= 100);
    let mut techniques = related.get(&thin.id).cloned().unwrap_or_default();
    for text in object
        .texts("labels")
        .into_iter()
        .chain(
            object
                .items("kill_chain_phases")
                .into_iter()
                .filter_map(|phase| Object::read(phase)?.text("phase_name")),
        )
        .chain(
            object
                .items("external_references")
                .into_iter()
                .filter_map(|reference| Object::read(reference)?.text("external_id")),
        )
    {
        techniques.extend(technique::find(&text));
    }
    techniques.sort();
    techniques.dedup();

    let mut out = Vec::with_capacity(terms.len());
    for term in &terms {
        let Some(value) = value_of(term, &thin.id, object.get("pattern"), input) else {
            continue;
        };
        out.push(Indicator {
            id: thin.id.clone(),
            kind: value.kind,
            value: value.value,
            name: thin.name.clone().unwrap_or_else(|| thin.id.clone()),
            origin: input.origin().to_owned(),
            valid_from,
            valid_until,
            confidence,
            tlp: thin.tlp,
            techniques: techniques.clone(),
        });
    }
    out
}

fn value_of(
    term: &Term,
    id: &str,
    place: Option<&RawValue>,
    input: &mut Input<'_>,
) -> Option<Normal> {
    let plain = normal::refang(&term.value);
    let value = match term.sort {
        Sort::Address => normal::address(&plain),
        Sort::Domain => normal::domain(&plain),
        Sort::Url => normal::url(&plain),
        Sort::Email => normal::email(&plain),
        Sort::Md5 | Sort::Sha1 | Sort::Sha256 => normal::hash(&plain).filter(|n| {
            matches!(
                (term.sort, n.kind),
                (Sort::Md5, watchfloor_types::IndicatorKind::Md5)
                    | (Sort::Sha1, watchfloor_types::IndicatorKind::Sha1)
                    | (Sort::Sha256, watchfloor_types::IndicatorKind::Sha256)
            )
        }),
        Sort::Host => normal::address(&plain).or_else(|| normal::domain(&plain)),
    };
    said(value, &term.value, &plain, id, place, input)
}

/// Says what was refused or rewritten about a value.
pub(crate) fn said(
    value: Option<Normal>,
    written: &str,
    plain: &str,
    id: &str,
    place: Option<&RawValue>,
    input: &mut Input<'_>,
) -> Option<Normal> {
    match &value {
        None => input.say(
            Diagnostic::warning(
                "I007",
                format!(
                    "`{}` of `{}` is not a value of its kind, not matched",
                    quote(written),
                    quote(id)
                ),
            ),
            place,
        ),
        Some(_) if plain != written.trim() => input.say(
            note(
                "I011",
                format!(
                    "defanged value `{}` is read as `{}`",
                    quote(written),
                    quote(plain)
                ),
            ),
            place,
        ),
        Some(_) => {}
    }
    value
}

/// The member `name` as a time; says so where it is none.
fn time(object: &Object<'_>, name: &str, input: &mut Input<'_>) -> Option<Timestamp> {
    let text = object.text(name)?;
    let time = text.parse().ok();
    if time.is_none() {
        input.say(
            Diagnostic::warning(
                "I010",
                format!("`{name}` is not a time: `{}`, left out", quote(&text)),
            )
            .help("STIX times look like 2026-01-02T03:04:05Z"),
            object.get(name),
        );
    }
    time
}

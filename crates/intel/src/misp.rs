//! MISP events in (MISP core format, RFC draft-dulaunoy-misp-core-format).

use jiff::Timestamp;
use serde_json::value::RawValue;
use watchfloor_types::{Diagnostic, Indicator, Tlp};

use crate::{
    Imported,
    json::{Input, Object, items, quote},
    marking::{self, Markings},
    normal::{self, Normal},
    stix::said,
    technique,
};

/// More attributes than these in one text are refused.
const MAX_ATTRIBUTES: usize = 1_000_000;

/// Reads a MISP event, a list of them, or the answer of a MISP search.
///
/// Attributes with `to_ids` become indicators; the others describe the event and are left out.
/// MISP has no STIX objects, so [`Imported::objects`] stays empty. Codes I001 to I016 are
/// explained in `docs/diagnostics/`.
#[must_use]
pub fn import_misp(text: &str, origin: &str, now: Timestamp) -> (Imported, Vec<Diagnostic>) {
    let mut input = Input::new(text, origin);
    let mut out = Imported::default();
    if let Some(root) = input.parse() {
        let events = events_of(root, 0);
        if events.is_empty() {
            input.say(
                Diagnostic::error("I002", "text holds no MISP event")
                    .help("an event is `{\"Event\": {\"info\": …, \"Attribute\": […]}}`"),
                Some(root),
            );
        }
        let mut markings = Markings::default();
        for event in &events {
            import(event, &mut input, &mut markings, &mut out.indicators, now);
        }
    }
    (out, input.finish())
}

/// The events in `raw`: bare, in `Event`, in `response`, or a list of such.
fn events_of(raw: &RawValue, depth: usize) -> Vec<Object<'_>> {
    if depth > 3 {
        return Vec::new();
    }
    if let Some(list) = items(raw) {
        return list
            .into_iter()
            .flat_map(|item| events_of(item, depth + 1))
            .collect();
    }
    let Some(object) = Object::read(raw) else {
        return Vec::new();
    };
    for wrapper in ["Event", "response"] {
        if let Some(inner) = object.get(wrapper) {
            return events_of(inner, depth + 1);
        }
    }
    let is_event = ["Attribute", "Object", "Orgc"]
        .iter()
        .any(|name| object.get(name).is_some());
    if is_event { vec![object] } else { Vec::new() }
}

/// What holds for all attributes of an event.
struct Event {
    info: String,
    tlp: Option<Tlp>,
    techniques: Vec<String>,
    confidence: Option<u8>,
}

fn import(
    event: &Object<'_>,
    input: &mut Input<'_>,
    markings: &mut Markings,
    out: &mut Vec<Indicator>,
    now: Timestamp,
) {
    let tags = Tags::of(event, input);
    // Distribution 0 is "your organisation only".
    let own_only = event.scalar("distribution").as_deref() == Some("0");
    let whole = Event {
        info: event
            .text("info")
            .unwrap_or_else(|| "MISP event".to_owned()),
        tlp: tags.tlp.or(own_only.then_some(Tlp::AmberStrict)),
        techniques: tags.techniques,
        confidence: tags.confidence,
    };
    let nested = event
        .items("Object")
        .into_iter()
        .filter_map(Object::read)
        .filter(|object| !object.flag("deleted"))
        .flat_map(|object| object.items("Attribute"));
    let attributes: Vec<&RawValue> = event.items("Attribute").into_iter().chain(nested).collect();
    if out.len() + attributes.len() > MAX_ATTRIBUTES {
        input.say(
            Diagnostic::error(
                "I013",
                format!("more than {MAX_ATTRIBUTES} attributes are not read at once"),
            )
            .help("split the events"),
            None,
        );
        return;
    }
    for raw in attributes {
        match Object::read(raw) {
            Some(attribute) => self::attribute(&attribute, raw, &whole, input, markings, out, now),
            None => input.say(
                Diagnostic::error("I003", "attribute is not imported: it is not a JSON object"),
                Some(raw),
            ),
        }
    }
}

fn attribute(
    attribute: &Object<'_>,
    raw: &RawValue,
    event: &Event,
    input: &mut Input<'_>,
    markings: &mut Markings,
    out: &mut Vec<Indicator>,
    now: Timestamp,
) {
    if attribute.flag("deleted") || !attribute.flag("to_ids") {
        return;
    }
    let (Some(kind), Some(written)) = (attribute.text("type"), attribute.scalar("value")) else {
        input.say(
            Diagnostic::error(
                "I003",
                "attribute is not imported: it has no `type` or no `value`",
            ),
            Some(raw),
        );
        return;
    };
    let place = attribute.get("value");
    let Some(parts) = parts_of(&kind) else {
        input.say(
            Diagnostic::warning(
                "I015",
                format!(
                    "attribute `{}` is not matched: type `{}` is not looked up",
                    quote(&written),
                    quote(&kind)
                ),
            ),
            place,
        );
        return;
    };
    let id = attribute
        .text("uuid")
        .unwrap_or_else(|| format!("{kind}:{}", quote(&written)));
    let tags = Tags::of(attribute, input);
    // An attribute may narrow the label of its event, never widen it.
    let tlp = event
        .tlp
        .max(tags.tlp)
        .unwrap_or_else(|| markings.unmarked(input));
    let mut techniques = event.techniques.clone();
    techniques.extend(tags.techniques);
    techniques.sort();
    techniques.dedup();
    let name = match attribute.text("comment").filter(|c| !c.trim().is_empty()) {
        Some(comment) => format!("{}: {comment}", event.info),
        None => event.info.clone(),
    };
    let valid_from = attribute
        .text("first_seen")
        .and_then(|text| text.parse().ok())
        .or_else(|| {
            attribute
                .scalar("timestamp")
                .and_then(|text| seconds(&text))
        })
        .unwrap_or(now);

    for value in values(parts, &written, &id, place, input) {
        out.push(Indicator {
            id: id.clone(),
            kind: value.kind,
            value: value.value,
            name: name.chars().take(300).collect(),
            origin: input.origin().to_owned(),
            valid_from,
            valid_until: None,
            confidence: tags.confidence.or(event.confidence),
            tlp,
            techniques: techniques.clone(),
        });
    }
}

/// A reader for one part of an attribute's value; none for a part that is not looked up.
type Read = Option<fn(&str) -> Option<Normal>>;

/// The parts of the value of an attribute of this type, divided by `|`.
fn parts_of(kind: &str) -> Option<&'static [Read]> {
    const ADDRESS: Read = Some(normal::address);
    const DOMAIN: Read = Some(normal::domain);
    const HASH: Read = Some(normal::hash);
    Some(match kind {
        "ip-src" | "ip-dst" => &[ADDRESS],
        "ip-src|port" | "ip-dst|port" => &[ADDRESS, None],
        "domain" | "hostname" => &[DOMAIN],
        "domain|ip" => &[DOMAIN, ADDRESS],
        "hostname|port" => &[DOMAIN, None],
        "url" | "uri" | "link" => &[Some(normal::url)],
        "md5" | "sha1" | "sha256" => &[HASH],
        "filename|md5" | "filename|sha1" | "filename|sha256" | "malware-sample" => &[None, HASH],
        "email" | "email-src" | "email-dst" | "email-reply-to" | "target-email" => {
            &[Some(normal::email)]
        }
        _ => return None,
    })
}

fn values(
    parts: &[Read],
    written: &str,
    id: &str,
    place: Option<&RawValue>,
    input: &mut Input<'_>,
) -> Vec<Normal> {
    let pieces: Vec<&str> = if parts.len() == 1 {
        vec![written]
    } else {
        // A file name may hold `|`, a hash may not.
        match written.rsplit_once('|') {
            Some((first, second)) => vec![first, second],
            None => vec![written],
        }
    };
    if pieces.len() != parts.len() {
        said(None, written, written, id, place, input);
        return Vec::new();
    }
    parts
        .iter()
        .zip(pieces)
        .filter_map(|(read, piece)| read.map(|read| (read, piece)))
        .filter_map(|(read, piece)| {
            let plain = normal::refang(piece);
            said(read(&plain), piece, &plain, id, place, input)
        })
        .collect()
}

/// What the tags and galaxies of an event or attribute say.
struct Tags {
    tlp: Option<Tlp>,
    techniques: Vec<String>,
    confidence: Option<u8>,
}

impl Tags {
    fn of(object: &Object<'_>, input: &mut Input<'_>) -> Self {
        let mut out = Self {
            tlp: None,
            techniques: Vec::new(),
            confidence: None,
        };
        for tag in object.items("Tag").into_iter().filter_map(Object::read) {
            let Some(name) = tag.text("name") else {
                continue;
            };
            out.tlp = out.tlp.max(marking::of_tag(&name, input));
            if name.contains("mitre") {
                out.techniques.extend(technique::find(&name));
            }
            if let Some(text) = name
                .strip_prefix("osint:certainty=\"")
                .and_then(|rest| rest.strip_suffix('"'))
            {
                out.confidence = text.parse().ok().filter(|c| *c <= 100);
            }
        }
        for galaxy in object.items("Galaxy").into_iter().filter_map(Object::read) {
            for cluster in galaxy
                .items("GalaxyCluster")
                .into_iter()
                .filter_map(Object::read)
            {
                let Some(meta) = cluster.get("meta").and_then(Object::read) else {
                    continue;
                };
                for id in meta
                    .texts("external_id")
                    .into_iter()
                    .chain(meta.text("external_id"))
                {
                    out.techniques.extend(technique::find(&id));
                }
            }
        }
        out
    }
}

/// Seconds since 1970, as MISP writes them.
fn seconds(text: &str) -> Option<Timestamp> {
    text.parse::<i64>()
        .ok()
        .filter(|s| *s > 0)
        .and_then(|s| Timestamp::from_second(s).ok())
}

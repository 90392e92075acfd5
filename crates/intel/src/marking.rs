//! Which label an object carries.

use std::collections::HashMap;

use watchfloor_types::{Diagnostic, Tlp};

use crate::json::{Input, Object, note, quote};

/// What stands in a bundle unmarked is kept to ourselves and those who need it.
pub(crate) const UNMARKED: Tlp = Tlp::Amber;
/// What carries a mark that nobody can read is kept to ourselves.
const UNREADABLE: Tlp = Tlp::AmberStrict;

/// Ids of the marking definitions that every producer shares: STIX 2.1, section 7.2.1.4 for
/// TLP 1, and the OASIS extension for TLP 2.0.
const KNOWN: &[(&str, Tlp)] = &[
    (
        "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
        Tlp::Clear,
    ),
    (
        "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
        Tlp::Green,
    ),
    // TLP 1 had no AMBER+STRICT: its AMBER is read as TLP 2.0 reads it.
    (
        "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
        Tlp::Amber,
    ),
    (
        "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
        Tlp::Red,
    ),
    (
        "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
        Tlp::Clear,
    ),
    (
        "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
        Tlp::Green,
    ),
    (
        "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
        Tlp::Amber,
    ),
    (
        "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
        Tlp::AmberStrict,
    ),
    (
        "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
        Tlp::Red,
    ),
];

/// The marking definitions that a bundle brings along.
#[derive(Default)]
pub(crate) struct Markings {
    /// Id to label; none for statements and other marks that say nothing about sharing.
    own: HashMap<String, Option<Tlp>>,
    /// Said once per import.
    said_unmarked: bool,
}

impl Markings {
    /// Takes note of a `marking-definition`.
    pub(crate) fn learn(&mut self, id: &str, object: &Object<'_>) {
        let word = object
            .get("definition")
            .and_then(Object::read)
            .and_then(|definition| definition.text("tlp"))
            .or_else(|| {
                // TLP 2.0 puts the level into an extension, and its name into `name`.
                let extensions = object.get("extensions").and_then(Object::read)?;
                let extension =
                    extensions.get("extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d")?;
                Object::read(extension)?.text("tlp_2_0")
            })
            .or_else(|| {
                object
                    .text("name")
                    .filter(|name| word_to_tlp(name).is_some())
            });
        let tlp = match word {
            Some(word) => Some(word_to_tlp(&word).unwrap_or(UNREADABLE)),
            None if object.text("definition_type").as_deref() == Some("statement") => None,
            // Something else than a label or a statement: it may restrict, so it does.
            None => Some(UNREADABLE),
        };
        self.own.insert(id.to_owned(), tlp);
    }

    /// The narrowest label of an object and its parts, where it has one (STIX 2.1,
    /// section 7.2).
    pub(crate) fn of(&self, object: &Object<'_>, input: &mut Input<'_>) -> Option<Tlp> {
        let mut refs = object.texts("object_marking_refs");
        refs.extend(
            object
                .items("granular_markings")
                .into_iter()
                .filter_map(Object::read)
                .filter_map(|granular| granular.text("marking_ref")),
        );
        let mut tlp = None;
        for id in &refs {
            let known = KNOWN
                .iter()
                .find(|(known, _)| known == id)
                .map(|(_, t)| Some(*t));
            let label = if let Some(label) = known.or_else(|| self.own.get(id).copied()) {
                label
            } else {
                input.say(
                    Diagnostic::warning(
                        "I008",
                        format!(
                            "marking `{}` is not known, taken as {UNREADABLE}",
                            quote(id)
                        ),
                    )
                    .help("import the bundle together with its marking definitions"),
                    object.get("object_marking_refs"),
                );
                Some(UNREADABLE)
            };
            tlp = tlp.max(label);
        }
        tlp
    }

    /// The label of an indicator without one; said once.
    pub(crate) fn unmarked(&mut self, input: &mut Input<'_>) -> Tlp {
        if !std::mem::replace(&mut self.said_unmarked, true) {
            input.say(
                note(
                    "I009",
                    format!("indicators without a TLP label are taken as {UNMARKED}"),
                ),
                None,
            );
        }
        UNMARKED
    }
}

/// The label that a MISP tag such as `tlp:amber` gives, where it is one.
pub(crate) fn of_tag(tag: &str, input: &mut Input<'_>) -> Option<Tlp> {
    let word = tag
        .get(..4)
        .filter(|head| head.eq_ignore_ascii_case("tlp:"))
        .and_then(|_| tag.get(4..))?;
    Some(word_to_tlp(word).unwrap_or_else(|| {
        input.say(
            Diagnostic::warning(
                "I008",
                format!(
                    "tag `{}` is not a TLP label, taken as {UNREADABLE}",
                    quote(tag)
                ),
            ),
            None,
        );
        UNREADABLE
    }))
}

fn word_to_tlp(word: &str) -> Option<Tlp> {
    let word = word.trim().to_ascii_lowercase();
    match word.strip_prefix("tlp:").unwrap_or(&word) {
        "white" | "clear" => Some(Tlp::Clear),
        "green" => Some(Tlp::Green),
        "amber" => Some(Tlp::Amber),
        "amber+strict" => Some(Tlp::AmberStrict),
        "red" => Some(Tlp::Red),
        _ => None,
    }
}

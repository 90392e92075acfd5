//! Text to runbook.

use std::{collections::BTreeMap, str::FromStr};

use sha2::{Digest, Sha256};
use watchfloor_types::{Diagnostic, Level, Place, RunbookId, StepId};

use super::{
    EXTENSION, IncidentProperty, Runbook, Source, StartPolicy, Variable, bind, lint,
    node::{self, Node},
    parse_step::{Parties, step},
};

/// Reads a runbook from YAML or JSON. `file` is the path for diagnostics. What is understood but
/// cannot be executed is a warning, and a run that reaches it stops there with that reason; an
/// error means that there is no runbook.
#[must_use]
pub fn parse(id: &RunbookId, file: &str, text: &str) -> (Option<Runbook>, Vec<Diagnostic>) {
    let root = match node::read(file, text) {
        Ok(root) => root,
        Err(diagnostic) => return (None, vec![diagnostic]),
    };
    let mut out = Vec::new();
    let runbook = read(id, text, &root, &mut out);
    if let Some(runbook) = &runbook {
        lint::check(runbook, &root, &mut out);
    }
    let refused = out.iter().any(|d| d.level == Level::Error);
    (runbook.filter(|_| !refused), out)
}

pub(super) type Out = Vec<Diagnostic>;

fn read(id: &RunbookId, text: &str, root: &Node, out: &mut Out) -> Option<Runbook> {
    if required(root, "type", out).is_some_and(|kind| kind != "playbook") {
        out.push(Diagnostic::error("B002", "`type` has to be `playbook`").at(root.place.clone()));
        return None;
    }
    if let Some(version) = required(root, "spec_version", out)
        && version != "cacao-2.0"
    {
        out.push(
            Diagnostic::error("B002", format!("`spec_version` `{version}` is not read"))
                .at(at(root, "spec_version"))
                .help("the version that is read is `cacao-2.0`"),
        );
    }
    let cacao_id = required(root, "id", out)?;
    typed_id(&cacao_id, &["playbook"], &at(root, "id"), out);
    let name = required(root, "name", out)?;
    if let Some(by) = required(root, "created_by", out) {
        typed_id(&by, &["identity"], &at(root, "created_by"), out);
    }
    for key in ["created", "modified"] {
        if let Some(time) = required(root, key, out)
            && time.parse::<jiff::Timestamp>().is_err()
        {
            let message = format!("`{key}` is not a time");
            out.push(Diagnostic::error("B002", message).at(at(root, key)));
        }
    }
    no_secrets(root, out);
    let extension = root
        .get("playbook_extensions")
        .and_then(|all| all.get(EXTENSION));
    let mut variables = variables(root.get("playbook_variables"), out);
    let mut start_policy = StartPolicy::Suggest;
    for (key, place, value) in extension.map_or(&[][..], Node::entries) {
        match key.as_str() {
            "auto" => match value.truth() {
                Some(true) => start_policy = StartPolicy::Auto,
                Some(false) => {}
                None => out.push(extension_error("`auto` is true or false", &value.place)),
            },
            "bind" => {
                for (name, place, source) in value.entries() {
                    bind_variable(&mut variables, name, place, source, out);
                }
            }
            other => out.push(unknown_key(other, place, "auto, bind")),
        }
    }
    let start = step_id(root, "workflow_start", out)?;
    let exception = match root.get("workflow_exception") {
        Some(_) => step_id(root, "workflow_exception", out),
        None => None,
    };
    let workflow = root.get("workflow").or_else(|| {
        out.push(Diagnostic::error("B002", "`workflow` is missing").at(root.place.clone()));
        None
    })?;
    let parties = Parties { root };
    let mut steps = BTreeMap::new();
    for (key, place, value) in workflow.entries() {
        if let Some(step) = step(key, place, value, &parties, out) {
            steps.insert(step.id.clone(), step);
        }
    }
    let digest = Sha256::digest(text.as_bytes());
    let version = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    Some(Runbook {
        id: id.clone(),
        cacao_id,
        name,
        description: optional(root, "description"),
        modified: optional(root, "modified"),
        version,
        text: text.into(),
        start_policy,
        variables,
        start,
        exception,
        steps,
    })
}

pub(super) fn variables(node: Option<&Node>, out: &mut Out) -> BTreeMap<String, Variable> {
    let mut all = BTreeMap::new();
    for (key, place, value) in node.map_or(&[][..], Node::entries) {
        let Some(name) = variable_name(key, place, out) else {
            continue;
        };
        required(value, "type", out);
        all.insert(
            name,
            Variable {
                kind: optional(value, "type"),
                description: optional(value, "description"),
                value: value.get("value").and_then(Node::scalar),
                constant: value.get("constant").and_then(Node::truth) == Some(true),
                source: None,
            },
        );
    }
    all
}

pub(super) fn variable_name(text: &str, place: &Place, out: &mut Out) -> Option<String> {
    let name = bind::name(text);
    if name.is_none() {
        out.push(
            Diagnostic::error(
                "B011",
                format!("`{}` is not the name of a variable", bind::visible(text)),
            )
            .at(place.clone())
            .help("two underscores, a letter, letters or digits, two underscores: `__agent__`"),
        );
    }
    name
}

fn bind_variable(
    variables: &mut BTreeMap<String, Variable>,
    name: &str,
    place: &Place,
    source: &Node,
    out: &mut Out,
) {
    let Some(variable) = variables.get_mut(name) else {
        let message = format!("`{}` is not in `playbook_variables`", bind::visible(name));
        out.push(Diagnostic::error("B011", message).at(place.clone()));
        return;
    };
    let text = source.text().unwrap_or_default();
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    variable.source = match (kind, rest.trim()) {
        ("incident", "name") => Some(Source::Incident(IncidentProperty::Name)),
        ("incident", "title") => Some(Source::Incident(IncidentProperty::Title)),
        ("incident", "severity") => Some(Source::Incident(IncidentProperty::Severity)),
        ("incident", "link") => Some(Source::Incident(IncidentProperty::Link)),
        ("entity", fields) if !fields.is_empty() => Some(Source::Entity(
            fields.split(',').map(|f| f.trim().to_owned()).collect(),
        )),
        ("fact", fact) => fact.parse().ok().map(Source::Fact),
        ("known", fact) => fact.parse().ok().map(Source::Known),
        (_, _) => None,
    };
    if variable.source.is_none() {
        out.push(
            Diagnostic::error("B019", format!("`{}` is not a source of values", bind::visible(text)))
                .at(source.place.clone())
                .help("`incident name|title|severity|link`, `entity FIELD, FIELD`, `fact NAME` or `known NAME`"),
        );
    }
}

/// CACAO lets secrets stand in the file (section 6). Ours stand in the settings only.
fn no_secrets(root: &Node, out: &mut Out) {
    let definitions = root.get("authentication_info_definitions");
    for (_, _, info) in definitions.map_or(&[][..], Node::entries) {
        for (key, place, value) in info.entries() {
            let holds = [
                "password",
                "token",
                "private_key",
                "client_secret",
                "secret",
            ]
            .contains(&key.as_str());
            if holds
                && value
                    .text()
                    .is_some_and(|text| !text.is_empty() && !text.starts_with("__"))
            {
                out.push(secret(place));
            }
        }
    }
}

pub(super) fn secret(place: &Place) -> Diagnostic {
    Diagnostic::error("B018", "a secret stands in the file")
        .at(place.clone())
        .help("name the target; the settings hold its address and credentials")
}

pub(super) fn not_executed(reason: String, place: &Place) -> Diagnostic {
    Diagnostic::warning("B010", reason)
        .at(place.clone())
        .help("the runbook loads; a run that reaches this step stops there")
}

pub(super) fn extension_error(message: &str, place: &Place) -> Diagnostic {
    Diagnostic::error("B016", message).at(place.clone())
}

pub(super) fn unknown_key(key: &str, place: &Place, known: &str) -> Diagnostic {
    extension_error(
        &format!("unknown key `{}` in our extension", bind::visible(key)),
        place,
    )
    .help(format!("one of {known}"))
}

/// The place of `key` in `node`, or of `node` where it is missing.
pub(super) fn at(node: &Node, key: &str) -> Place {
    node.get(key).unwrap_or(node).place.clone()
}

pub(super) fn required(node: &Node, key: &str, out: &mut Out) -> Option<String> {
    let found = node.get(key).and_then(Node::scalar);
    if found.is_none() {
        let message = format!("`{key}` is missing or not text");
        out.push(Diagnostic::error("B002", message).at(at(node, key)));
    }
    found
}

pub(super) fn optional(node: &Node, key: &str) -> String {
    node.get(key).and_then(Node::scalar).unwrap_or_default()
}

pub(super) fn step_id(node: &Node, key: &str, out: &mut Out) -> Option<StepId> {
    let text = required(node, key, out)?;
    parsed(&text, &at(node, key), out)
}

pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(
    text: &str,
    place: &Place,
    out: &mut Out,
) -> Option<T> {
    match text.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            out.push(Diagnostic::error("B003", error.to_string()).at(place.clone()));
            None
        }
    }
}

/// CACAO 2.0, section 10.10: `type--UUID`, the UUID of version 1 to 5 (RFC 4122).
pub(super) fn typed_id(text: &str, types: &[&str], place: &Place, out: &mut Out) {
    let good = text.split_once("--").is_some_and(|(kind, uuid)| {
        types.contains(&kind)
            && uuid::Uuid::parse_str(uuid)
                .is_ok_and(|uuid| (1..=5).contains(&uuid.get_version_num()))
    });
    if !good {
        out.push(
            Diagnostic::error(
                "B003",
                format!("`{}` is not an identifier", bind::visible(text)),
            )
            .at(place.clone())
            .help(format!(
                "`{}--` and a UUID of version 1 to 5",
                types.join("|")
            )),
        );
    }
}

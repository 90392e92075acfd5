//! Text to runbook.

use std::{collections::BTreeMap, str::FromStr};

use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use watchfloor_types::{Diagnostic, EffectClass, Level, Place, Role, RunbookId, StepId};

use super::{
    Body, EXTENSION, Expr, IncidentProperty, Job, More, Runbook, Source, StartPolicy, Step,
    StepKind, Template, Variable, bind, lint,
    node::{self, Node},
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

const STEP_TYPES: &[&str] = &[
    "start",
    "end",
    "action",
    "playbook-action",
    "parallel",
    "if-condition",
    "while-condition",
    "switch-condition",
];

fn step(
    key: &str,
    place: &Place,
    node: &Node,
    parties: &Parties<'_>,
    out: &mut Out,
) -> Option<Step> {
    let kind = required(node, "type", out)?;
    if !STEP_TYPES.contains(&kind.as_str()) {
        out.push(
            Diagnostic::error("B009", format!("`{kind}` is not a type of step"))
                .at(at(node, "type"))
                .help(format!("one of {}", STEP_TYPES.join(", "))),
        );
        return None;
    }
    typed_id(key, &[kind.as_str()], place, out);
    let id: StepId = parsed(key, place, out)?;
    let mut next = |property: &str| {
        node.get(property)?;
        step_id(node, property, out)
    };
    let on_completion = next("on_completion");
    let on_success = on_completion.or(next("on_success"));
    let on_failure = next("on_failure");
    let millis = |property: &str, out: &mut Out| -> Option<SignedDuration> {
        let value = node.get(property)?;
        let millis = value.count().and_then(|ms| i64::try_from(ms).ok());
        if millis.is_none() {
            let message = format!("`{property}` is a number of milliseconds");
            out.push(Diagnostic::error("B002", message).at(value.place.clone()));
        }
        millis.map(SignedDuration::from_millis)
    };
    let delay = millis("delay", out).unwrap_or(SignedDuration::ZERO);
    let timeout = millis("timeout", out);
    let more = more(node, out);
    let kind = match kind.as_str() {
        "start" => StepKind::Start,
        "end" => StepKind::End,
        "action" => StepKind::Action(jobs(node, &more, parties, out)),
        "if-condition" => choice(node, out)?,
        "parallel" => StepKind::Parallel(
            node.get("next_steps")
                .map_or(&[][..], Node::items)
                .iter()
                .filter_map(|item| parsed(item.text().unwrap_or_default(), &item.place, out))
                .collect(),
        ),
        other => {
            out.push(not_executed(
                format!("`{other}` steps are not executed"),
                place,
            ));
            StepKind::NotExecutable(format!("`{other}` steps are not executed"))
        }
    };
    Some(Step {
        id,
        name: optional(node, "name"),
        description: optional(node, "description"),
        kind,
        on_success,
        on_failure,
        delay,
        timeout,
        variables: variables(node.get("step_variables"), out)
            .into_iter()
            .filter_map(|(name, variable)| Some((name, variable.value?)))
            .collect(),
        out_args: node
            .get("out_args")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(|item| variable_name(item.text().unwrap_or_default(), &item.place, out))
            .collect(),
        more,
    })
}

fn choice(node: &Node, out: &mut Out) -> Option<StepKind> {
    let text = required(node, "condition", out)?;
    let condition = Expr::parse(&text)
        .map_err(|error| {
            let mut place = at(node, "condition");
            place.column += u32::try_from(error.at).unwrap_or(0);
            place.length = 1;
            out.push(Diagnostic::error("B012", format!("condition: {error}")).at(place));
        })
        .ok();
    let on_true = step_id(node, "on_true", out);
    let on_false = match node.get("on_false") {
        Some(_) => step_id(node, "on_false", out),
        None => None,
    };
    Some(StepKind::If {
        condition: condition?,
        on_true: on_true?,
        on_false,
    })
}

/// The parties that commands name.
struct Parties<'n> {
    root: &'n Node,
}

impl Parties<'_> {
    /// The definition of `id`, with a diagnostic where there is none.
    fn find(&self, id: &Node, dictionary: &'static str, out: &mut Out) -> Option<&Node> {
        let text = id.text().unwrap_or_default();
        let found = self.root.get(dictionary).and_then(|all| all.get(text));
        if found.is_none() {
            out.push(
                Diagnostic::error("B013", format!("`{text}` is not defined in `{dictionary}`"))
                    .at(id.place.clone()),
            );
        }
        found
    }
}

fn jobs(node: &Node, more: &More, parties: &Parties<'_>, out: &mut Out) -> Vec<Job> {
    if let Some(agent) = node.get("agent") {
        parties.find(agent, "agent_definitions", out);
    }
    let targets: Vec<(Option<&Node>, String)> = node
        .get("targets")
        .map_or(&[][..], Node::items)
        .iter()
        .map(|id| {
            let found = parties.find(id, "target_definitions", out);
            (
                found,
                found.map(|t| optional(t, "name")).unwrap_or_default(),
            )
        })
        .collect();
    let commands = node.get("commands").map_or(&[][..], Node::items);
    if commands.is_empty() {
        out.push(
            Diagnostic::error("B002", "an action needs at least one command")
                .at(node.place.clone()),
        );
    }
    let mut jobs = Vec::new();
    for command in commands {
        let Some(kind) = required(command, "type", out) else {
            continue;
        };
        match kind.as_str() {
            "manual" => jobs.push(Job::Manual {
                text: Template::parse(&required(command, "command", out).unwrap_or_default()),
            }),
            "http-api" => {
                // Without targets the request goes to the agent itself.
                let all: Vec<String> = if targets.is_empty() {
                    let agent = node.get("agent").and_then(|id| {
                        let text = id.text()?;
                        parties.root.get("agent_definitions")?.get(text)
                    });
                    vec![agent.map(|a| optional(a, "name")).unwrap_or_default()]
                } else {
                    targets.iter().map(|(_, name)| name.clone()).collect()
                };
                for target in all {
                    jobs.push(request(command, target, out));
                }
            }
            other => {
                let reason = format!("`{}` commands are not executed", bind::visible(other));
                out.push(not_executed(reason.clone(), &at(command, "type")));
                jobs.push(Job::NotExecutable(reason));
            }
        }
    }
    let sends = jobs.iter().any(|job| matches!(job, Job::HttpApi { .. }));
    if sends && more.page.is_some() {
        out.push(extension_error(
            "`page` belongs to a step with a manual command",
            &node.place,
        ));
    }
    jobs
}

fn request(command: &Node, target: String, out: &mut Out) -> Job {
    let line = required(command, "command", out).unwrap_or_default();
    let place = at(command, "command");
    let mut parts = line.split(' ');
    let (method, path, version) = (parts.next(), parts.next(), parts.next());
    let (Some(method), Some(path), None) = (method, path, parts.next()) else {
        out.push(start_line(&place));
        return Job::NotExecutable("its request line is wrong".to_owned());
    };
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&method);
    if !known || !path.starts_with('/') || !version.is_none_or(|v| v.starts_with("HTTP/")) {
        out.push(start_line(&place));
        return Job::NotExecutable("its request line is wrong".to_owned());
    }
    if target.is_empty() {
        out.push(Diagnostic::error("B013", "the target of the request has no name").at(place));
    }
    if command.get("content_b64").is_some() {
        let reason = "`content_b64` is not sent".to_owned();
        out.push(not_executed(reason.clone(), &at(command, "content_b64")));
        return Job::NotExecutable(reason);
    }
    let mut headers = Vec::new();
    for (name, place, values) in command.get("headers").map_or(&[][..], Node::entries) {
        if ["authorization", "cookie", "x-api-key"].contains(&name.to_ascii_lowercase().as_str()) {
            out.push(secret(place));
        }
        for value in values.items() {
            headers.push((
                name.clone(),
                Template::parse(value.text().unwrap_or_default()),
            ));
        }
    }
    let body = command.get("content").and_then(|content| {
        Body::parse(content.text().unwrap_or_default())
            .map_err(|error| {
                out.push(
                    Diagnostic::error("B017", format!("the body is not JSON: {error}"))
                        .at(content.place.clone())
                        .help("variables stand inside quoted text of a JSON document"),
                );
            })
            .ok()
    });
    Job::HttpApi {
        target,
        method: method.to_owned(),
        path: Template::parse(path),
        headers,
        body,
    }
}

fn start_line(place: &Place) -> Diagnostic {
    Diagnostic::warning("B014", "this is not an HTTP request line; a run stops here")
        .at(place.clone())
        .help("`POST /path HTTP/1.1`")
}

fn more(node: &Node, out: &mut Out) -> More {
    let mut more = More {
        class: EffectClass::Send,
        roles: vec![Role::Analyst, Role::Commander],
        approval: Vec::new(),
        undo: None,
        retries: 0,
        capture: BTreeMap::new(),
        page: None,
    };
    let extension = node
        .get("step_extensions")
        .and_then(|all| all.get(EXTENSION));
    for (key, place, value) in extension.map_or(&[][..], Node::entries) {
        match key.as_str() {
            "effect" => more.class = word(value, out).unwrap_or(more.class),
            "roles" => more.roles = words(value, out),
            "approval" => more.approval = words(value, out),
            "undo" => more.undo = parsed(value.text().unwrap_or_default(), &value.place, out),
            "retries" => match value.count().filter(|n| *n <= 10) {
                Some(count) => more.retries = u32::try_from(count).unwrap_or(0),
                None => out.push(extension_error(
                    "`retries` is a number from 0 to 10",
                    &value.place,
                )),
            },
            "capture" => {
                for (name, place, pointer) in value.entries() {
                    let pointer = pointer.text().unwrap_or_default();
                    if !pointer.is_empty() && !pointer.starts_with('/') {
                        out.push(extension_error("a JSON pointer starts with `/`", place));
                    }
                    if let Some(name) = variable_name(name, place, out) {
                        more.capture.insert(name, pointer.to_owned());
                    }
                }
            }
            "page" => more.page = parsed(value.text().unwrap_or_default(), &value.place, out),
            other => out.push(unknown_key(
                other,
                place,
                "effect, roles, approval, undo, retries, capture, page",
            )),
        }
    }
    more
}

fn word<T: FromStr<Err: std::fmt::Display>>(node: &Node, out: &mut Out) -> Option<T> {
    match node.text().unwrap_or_default().parse() {
        Ok(value) => Some(value),
        Err(error) => {
            out.push(extension_error(&error.to_string(), &node.place));
            None
        }
    }
}

fn words<T: FromStr<Err: std::fmt::Display>>(node: &Node, out: &mut Out) -> Vec<T> {
    if node.items().is_empty() {
        out.push(extension_error(
            "a list of at least one is expected",
            &node.place,
        ));
    }
    node.items()
        .iter()
        .filter_map(|item| word(item, out))
        .collect()
}

fn variables(node: Option<&Node>, out: &mut Out) -> BTreeMap<String, Variable> {
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

fn variable_name(text: &str, place: &Place, out: &mut Out) -> Option<String> {
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

fn secret(place: &Place) -> Diagnostic {
    Diagnostic::error("B018", "a secret stands in the file")
        .at(place.clone())
        .help("name the target; the settings hold its address and credentials")
}

fn not_executed(reason: String, place: &Place) -> Diagnostic {
    Diagnostic::warning("B010", reason)
        .at(place.clone())
        .help("the runbook loads; a run that reaches this step stops there")
}

fn extension_error(message: &str, place: &Place) -> Diagnostic {
    Diagnostic::error("B016", message).at(place.clone())
}

fn unknown_key(key: &str, place: &Place, known: &str) -> Diagnostic {
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

fn required(node: &Node, key: &str, out: &mut Out) -> Option<String> {
    let found = node.get(key).and_then(Node::scalar);
    if found.is_none() {
        let message = format!("`{key}` is missing or not text");
        out.push(Diagnostic::error("B002", message).at(at(node, key)));
    }
    found
}

fn optional(node: &Node, key: &str) -> String {
    node.get(key).and_then(Node::scalar).unwrap_or_default()
}

fn step_id(node: &Node, key: &str, out: &mut Out) -> Option<StepId> {
    let text = required(node, key, out)?;
    parsed(&text, &at(node, key), out)
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(
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
fn typed_id(text: &str, types: &[&str], place: &Place, out: &mut Out) {
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

//! Steps of a runbook.

use std::{collections::BTreeMap, str::FromStr};

use jiff::SignedDuration;
use watchfloor_types::{Diagnostic, EffectClass, Place, Role, StepId};

use super::{
    Body, EXTENSION, Expr, Job, More, Step, StepKind, Template, bind,
    node::Node,
    parse::{
        Out, at, extension_error, not_executed, optional, parsed, required, secret, step_id,
        typed_id, unknown_key, variable_name, variables,
    },
};

/// A year, in milliseconds: longest delay and timeout.
const LONGEST_MILLIS: i64 = 366 * 86_400_000;

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

pub(super) fn step(
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
        let millis = value
            .count()
            .and_then(|ms| i64::try_from(ms).ok())
            .filter(|ms| *ms <= LONGEST_MILLIS);
        if millis.is_none() {
            let message =
                format!("`{property}` is a number of milliseconds, at most {LONGEST_MILLIS}");
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
pub(super) struct Parties<'n> {
    pub(super) root: &'n Node,
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

//! Asking for a decision: the same inputs from forms (`POST /act`) and programs (`POST /api/v1/inputs`).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Form, Json,
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use maud::html;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use watchfloor_respond::Input;

use super::session::{Caller, Person, Who};
use crate::{
    api::problem::Problem,
    console::frame,
    floor::{Decided, Denied, Floor},
    rules::{admit::admit, keeper},
};

/// An input as programs and forms send it: which module, what to do, and the fields of that input.
#[derive(Debug, Deserialize)]
#[serde(tag = "module", rename_all = "kebab-case")]
enum Wire {
    Alert(watchfloor_respond::alert::Input),
    Incident(watchfloor_respond::incident::Input),
    Run(watchfloor_respond::runbook::Input),
    Oncall(watchfloor_respond::oncall::Input),
    Obligation(watchfloor_respond::obligation::Input),
    Comms(watchfloor_respond::comms::Input),
    Exercise(watchfloor_respond::exercise::Input),
    Rule(watchfloor_respond::rule::Input),
    Suppression(watchfloor_respond::suppression::Input),
}

impl From<Wire> for Input {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::Alert(input) => Self::Alert(input),
            Wire::Incident(input) => Self::Incident(input),
            Wire::Run(input) => Self::Run(input),
            Wire::Oncall(input) => Self::Oncall(input),
            Wire::Obligation(input) => Self::Obligation(input),
            Wire::Comms(input) => Self::Comms(input),
            Wire::Exercise(input) => Self::Exercise(input),
            Wire::Rule(input) => Self::Rule(input),
            Wire::Suppression(input) => Self::Suppression(input),
        }
    }
}

/// Reads `{"module":"alert","do":"acknowledge","alert":"…"}`.
pub(crate) fn parse(value: Value) -> Result<Input, Problem> {
    serde_json::from_value::<Wire>(value)
        .map(Input::from)
        .map_err(|e| Problem::bad(e.to_string()))
}

/// What was decided.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecidedView {
    /// Number of the last journal entry.
    pub journal: u64,
    /// The entries that this input caused, in order.
    #[schema(value_type = Vec<Object>)]
    pub entries: Vec<Value>,
}

impl DecidedView {
    /// What programs get of a decision.
    pub(crate) fn of(decided: &Decided) -> Self {
        Self {
            journal: decided.journal,
            entries: decided
                .entries
                .iter()
                .map(|e| serde_json::to_value(e).unwrap_or_default())
                .collect(),
        }
    }
}

/// Asks for a decision.
///
/// The body names the module (`alert`, `incident`, `run`, `oncall`, `obligation`, `comms`, `exercise`, `rule`,
/// `suppression`), what to do (`do`), and the fields of that input. The answer comes when the decision is durable.
#[utoipa::path(post, path = "/api/v1/inputs", tag = "decisions",
    request_body(content = Object, example = json!({"module": "alert", "do": "acknowledge", "alert": "019376a0-0000-7000-8000-000000000000"})),
    responses((status = 200, body = DecidedView), (status = 400, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn input(
    State(floor): State<Arc<Floor>>,
    Caller(who): Caller,
    Json(body): Json<Value>,
) -> Result<Json<DecidedView>, Problem> {
    let decided = decide(&floor, &who, parse(body)?).await?;
    Ok(Json(DecidedView::of(&decided)))
}

/// Asks for a decision and waits until it is durable and, where it is about what runs, in force.
pub(crate) async fn decide(
    floor: &Arc<Floor>,
    who: &Who,
    input: Input,
) -> Result<Decided, Problem> {
    let input = admit(floor, input).await?;
    let decided = floor.ask(who.actor(), input).await.map_err(denied)?;
    if keeper::concerns(&decided.entries) {
        floor.rules_settled(decided.journal).await;
    }
    Ok(decided)
}

fn denied(denied: Denied) -> Problem {
    match denied {
        Denied::Refused(refusal) => refusal.into(),
        Denied::Down => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "going down",
            denied.to_string(),
        ),
    }
}

/// `POST /act`: a form of the console.
pub(crate) async fn form(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Response {
    if !fields
        .get("csrf")
        .is_some_and(|sent| who.sent_by_own_form(sent))
    {
        return refuse(&Problem::new(
            StatusCode::FORBIDDEN,
            "not allowed",
            "the form is from another session; open the page again",
        ));
    }
    // Only a path of ours: a form must not be able to send the browser elsewhere.
    let back = fields
        .get("back")
        .filter(|b| {
            let odd = |c: char| c == '\\' || c.is_control();
            b.starts_with('/') && !b.starts_with("//") && !b.contains(odd)
        })
        .cloned()
        .unwrap_or_else(|| "/".to_owned());
    let input = match parse(nested(&fields)) {
        Ok(input) => input,
        Err(problem) => return refuse(&problem),
    };
    match decide(&floor, &who, input).await {
        Ok(_) => Redirect::to(&back).into_response(),
        Err(problem) => refuse(&problem),
    }
}

/// The page that says why a form came to nothing.
pub(crate) fn refuse(problem: &Problem) -> Response {
    let page = frame::bare(
        &problem.title,
        &html! { h1 { (problem.title) } p.note.error role="alert" { (problem.detail) } p { a href="/" { "Back to Now" } } },
    );
    (
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST),
        Html(page.into_string()),
    )
        .into_response()
}

/// Deepest field of a form.
const MOST_NESTED: usize = 8;

/// Form fields as the JSON of an input: dots nest, empty fields are absent, and a field called
/// `value.type` says how to read `value.value`.
fn nested(fields: &BTreeMap<String, String>) -> Value {
    let mut root = Map::new();
    for (name, text) in fields {
        if matches!(name.as_str(), "csrf" | "back") || text.is_empty() {
            continue;
        }
        // No input nests deeper; a hostile name must not decide how deep we recurse.
        if name.len() > 200 || name.matches('.').count() > MOST_NESTED {
            continue;
        }
        let value = match (name.as_str(), fields.get("value.type").map(String::as_str)) {
            ("value.value", Some("int")) => text
                .trim()
                .parse::<i64>()
                .map_or_else(|_| json!(text), |n| json!(n)),
            ("value.value", Some("bool")) => match text.trim() {
                "yes" | "true" => json!(true),
                "no" | "false" => json!(false),
                other => json!(other),
            },
            _ if name.ends_with("[]") => json!(
                text.split(',')
                    .map(str::trim)
                    .filter(|t| !t.is_empty())
                    .collect::<Vec<_>>()
            ),
            _ => json!(text),
        };
        put(&mut root, name.trim_end_matches("[]"), value);
    }
    lists(Value::Object(root))
}

/// `{"0": a, "1": b}` is how a form writes `[a, b]`.
fn lists(value: Value) -> Value {
    match value {
        Value::Object(map)
            if !map.is_empty() && map.keys().all(|k| k.bytes().all(|b| b.is_ascii_digit())) =>
        {
            Value::Array(map.into_iter().map(|(_, v)| lists(v)).collect())
        }
        Value::Object(map) => Value::Object(map.into_iter().map(|(k, v)| (k, lists(v))).collect()),
        other => other,
    }
}

fn put(into: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(into.insert(path.to_owned(), value)),
        Some((head, rest)) => {
            if let Value::Object(inner) = into.entry(head).or_insert_with(|| json!({})) {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_nests_nothing() {
        let deep = "a.".repeat(100_000);
        let fields = [(deep, "x".to_owned())].into_iter().collect();
        assert_eq!(nested(&fields), json!({}));
    }

    #[test]
    fn a_form_becomes_the_json_of_an_input() {
        let fields = [
            ("csrf", "x"),
            ("back", "/"),
            ("module", "incident"),
            ("do", "record-fact"),
            ("value.type", "int"),
            ("value.value", "412"),
            ("note", ""),
            ("events[]", "a, b"),
            ("acknowledged.0", "x, y"),
            ("acknowledged.1", "z"),
        ];
        let fields = fields
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(
            nested(&fields),
            json!({"module": "incident", "do": "record-fact", "value": {"type": "int", "value": 412}, "events": ["a", "b"], "acknowledged": ["x, y", "z"]})
        );
    }
}

//! Pages about rules and suppressions.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Form,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use watchfloor_respond::{
    Input,
    rule::{self, tally},
    suppression,
};
use watchfloor_types::{RuleId, SignedDuration, SuppressionId, Timestamp};

use super::{
    act::{self, decide, refuse},
    page::{id, not_found, show},
    session::{Person, Who},
};
use crate::{
    api::{
        problem::Problem,
        rules::{document_of, text_of},
    },
    console::{
        rule_edit::{self, Editor},
        rules::{self as pages, Filter, Line, View},
        suppressions,
    },
    floor::Floor,
    rules::{self, admit, check::Checked, diff},
};

/// `GET /rules`
pub(crate) async fn list(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Query(filter): Query<Filter>,
) -> Response {
    let book = floor.rulebook();
    show(&floor, &who, "Rules", "/rules", "rule", |state| {
        let mut lines: Vec<Line<'_>> = Vec::new();
        for document in book.engine.documents() {
            if let Some(standing) = state.rule(document.meta().id()) {
                lines.push(Line {
                    document: document.clone(),
                    standing,
                });
            }
        }
        let there: BTreeSet<&RuleId> = book
            .engine
            .documents()
            .iter()
            .map(|d| d.meta().id())
            .collect();
        for standing in state
            .all_rules()
            .into_iter()
            .filter(|s| !there.contains(&s.id))
        {
            if let Some(document) = document_of(&floor, state, &standing) {
                lines.push(Line { document, standing });
            }
        }
        Some(pages::list(&lines, &book, &tally(state), &filter))
    })
}

/// `GET /rules/{id}`
pub(crate) async fn one(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Path(rule): Path<String>,
) -> Response {
    let book = floor.rulebook();
    let now = floor.clock.now();
    show(
        &floor,
        &who,
        "Rule",
        "/rules",
        "rule,suppression",
        |state| {
            let asked = id::<RuleId>(&rule)?;
            let standing = state.rule(&asked)?;
            let text = text_of(&floor, state, &standing.id, standing.version)?;
            let document = match book.engine.document(&asked) {
                Some(document) => document.clone(),
                None => document_of(&floor, state, &standing)?,
            };
            let samples = rules::check::read(&text, &book, &floor.units.options)
                .0
                .samples;
            let tally = tally(state).remove(&asked).unwrap_or_default();
            Some(pages::page(&View {
                state,
                book: &book,
                document: &document,
                standing: &standing,
                text: &text,
                samples: &samples,
                tally: &tally,
                csrf: who.csrf(),
                now,
            }))
        },
    )
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Versions {
    version: Option<u32>,
    from: u32,
    to: u32,
}

/// `GET /rules/{id}/diff?from=&to=`
pub(crate) async fn compare(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Path(rule): Path<String>,
    Query(wanted): Query<Versions>,
) -> Response {
    show(&floor, &who, "Compare", "/rules", "", |state| {
        let asked = id::<RuleId>(&rule)?;
        let standing = state.rule(&asked)?;
        let text = |n| text_of(&floor, state, &standing.id, n);
        let lines = diff::lines(&text(wanted.from)?, &text(wanted.to)?);
        let word = pages::version_word;
        Some(rule_edit::diff_page(
            standing.id.as_str(),
            standing.title,
            &word(wanted.from),
            &word(wanted.to),
            &lines,
        ))
    })
}

/// A rule to begin with.
fn template(now: Timestamp) -> String {
    let id = watchfloor_types::FindingId::minted(now, &[b"a new rule"]);
    format!(
        "title: Say in a few words what it finds\nid: {id}\nstatus: experimental\ndescription: >-\n  Say what happens, why it matters, and what an analyst sees.\nlogsource:\n  category: gen_ai\ndetection:\n  selection:\n    ai.response.text|contains: replace me\n  condition: selection\nfalsepositives:\n  - Say who does this for a good reason\nlevel: medium\nowner: detection-engineering\ntests:\n  - name: it happens\n    expect: match\n    event: {{ai.response.text: please replace me now}}\n  - name: it does not happen\n    expect: none\n    event: {{ai.response.text: something else}}\n  - name: the field is absent\n    expect: none\n    event: {{other.field: replace me}}\n"
    )
}

/// `GET /rules/new`
pub(crate) async fn new(State(floor): State<Arc<Floor>>, Person(who): Person) -> Response {
    let text = template(floor.clock.now());
    edit_page(&floor, &who, "", &text, "", None).await
}

/// `GET /rules/{id}/edit`
pub(crate) async fn edit(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Path(rule): Path<String>,
    Query(wanted): Query<Versions>,
) -> Response {
    let found = {
        let state = floor.state();
        id::<RuleId>(&rule).and_then(|asked| {
            let standing = state.rule(&asked)?;
            let number = wanted.version.unwrap_or_else(|| newest(&standing));
            let text = text_of(&floor, &state, &standing.id, number)?;
            Some((standing.id, text))
        })
    };
    match found {
        Some((rule, text)) => edit_page(&floor, &who, rule.as_str(), &text, "", None).await,
        None => not_found("rule"),
    }
}

/// The newest text that is kept.
fn newest(standing: &rule::Standing<'_>) -> u32 {
    standing
        .life
        .and_then(|l| l.draft)
        .unwrap_or(standing.version)
}

#[derive(Deserialize)]
pub(crate) struct EditForm {
    csrf: String,
    #[serde(default)]
    rule: String,
    text: String,
    #[serde(default)]
    reason: String,
    #[serde(rename = "do", default)]
    what: String,
}

/// `POST /rules/edit`: checks the text, or keeps it as a draft.
pub(crate) async fn edited(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    headers: HeaderMap,
    Form(form): Form<EditForm>,
) -> Response {
    if !who.sent_by_own_form(&form.csrf) {
        return refuse(&foreign());
    }
    // A form sends line breaks as CR LF; a version must not depend on the browser.
    let text = form.text.replace("\r\n", "\n");
    if form.what == "save" {
        let kept = save(&floor, &who, &form, &text).await;
        return match kept {
            Ok(rule) => Redirect::to(&format!("/rules/{rule}")).into_response(),
            Err(problem) => {
                edit_page(
                    &floor,
                    &who,
                    &form.rule,
                    &text,
                    &form.reason,
                    Some(&problem),
                )
                .await
            }
        };
    }
    if headers.contains_key("x-part") {
        return match looked(&floor, &form.rule, &text).await {
            Ok((checked, changes, title)) => {
                let editor = Editor {
                    rule: &form.rule,
                    title: &title,
                    text: &text,
                    reason: "",
                    checked: &checked,
                    changes: &changes,
                    problem: None,
                    csrf: "",
                };
                Html(rule_edit::part(&editor).into_string()).into_response()
            }
            Err(problem) => problem.into_response(),
        };
    }
    edit_page(&floor, &who, &form.rule, &text, &form.reason, None).await
}

fn foreign() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "not allowed",
        "the form is from another session; open the page again",
    )
}

async fn save(
    floor: &Arc<Floor>,
    who: &Who,
    form: &EditForm,
    text: &str,
) -> Result<RuleId, Problem> {
    let input = admit::push(floor, text, &form.reason)?;
    let rule::Input::Push { rule, .. } = &input else {
        return Err(Problem::internal(&"a text became another input"));
    };
    let rule = rule.clone();
    if !form.rule.is_empty() && form.rule != rule.as_str() {
        return Err(Problem::bad(format!(
            "the id became `{rule}`; another id is another rule: open “New rule” for it"
        )));
    }
    decide(floor, who, Input::Rule(input)).await?;
    Ok(rule)
}

/// What there is to say about a text, what it changes, and what the rule is called.
async fn looked(
    floor: &Arc<Floor>,
    rule: &str,
    text: &str,
) -> Result<(Checked, Vec<diff::Line>, String), Problem> {
    if text.len() > 256 * 1024 {
        return Err(Problem::bad("the text is longer than 256 KiB"));
    }
    let checked = rules::check::check(floor, text).await?;
    let state = floor.state();
    let old = id::<RuleId>(rule).and_then(|asked| {
        let standing = state.rule(&asked)?;
        let text = text_of(floor, &state, &standing.id, newest(&standing))?;
        Some((text, standing.title.to_owned()))
    });
    let (old, title) = old.unwrap_or_default();
    let changes = diff::lines(&old, text);
    Ok((checked, changes, title))
}

async fn edit_page(
    floor: &Arc<Floor>,
    who: &Who,
    rule: &str,
    text: &str,
    reason: &str,
    problem: Option<&Problem>,
) -> Response {
    let (checked, changes, title) = match looked(floor, rule, text).await {
        Ok(found) => found,
        Err(problem) => return refuse(&problem),
    };
    let mut response = show(floor, who, "Rule editor", "/rules", "", |_| {
        Some(rule_edit::page(&Editor {
            rule,
            title: &title,
            text,
            reason,
            checked: &checked,
            changes: &changes,
            problem: problem.map(|p| p.detail.as_str()),
            csrf: who.csrf(),
        }))
    });
    if let Some(problem) = problem {
        *response.status_mut() =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
    }
    response
}

/// `GET /suppressions`
pub(crate) async fn suppressions(State(floor): State<Arc<Floor>>, Person(who): Person) -> Response {
    let now = floor.clock.now();
    show(
        &floor,
        &who,
        "Suppressions",
        "/suppressions",
        "suppression",
        |state| Some(suppressions::list(state, now)),
    )
}

/// `GET /suppressions/{id}`
pub(crate) async fn suppression(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Path(wanted): Path<String>,
) -> Response {
    let now = floor.clock.now();
    show(
        &floor,
        &who,
        "Suppression",
        "/suppressions",
        "suppression",
        |state| {
            let found = state.suppressions.get(id::<SuppressionId>(&wanted)?)?;
            Some(suppressions::page(state, found, who.csrf(), now))
        },
    )
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Of {
    rule: String,
}

/// `GET /findings`: those that raised no alert.
pub(crate) async fn findings(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Query(of): Query<Of>,
) -> Response {
    show(&floor, &who, "Findings", "/rules", "rule", |state| {
        Some(suppressions::findings(state, &of.rule))
    })
}

/// `GET /suppressions/new`: filled in from an alert, a finding or a rule where the URL names one.
pub(crate) async fn suppress(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Query(mut form): Query<suppressions::Form>,
) -> Response {
    show(&floor, &who, "Suppress", "/suppressions", "", |state| {
        form.prefill(state);
        Some(suppressions::form(state, &form, None, who.csrf()))
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct SuppressForm {
    #[serde(rename = "do")]
    what: String,
    #[serde(flatten)]
    form: suppressions::Form,
}

/// `POST /suppressions/new`: says what it would hide, or adds it.
pub(crate) async fn suppressed(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Form(SuppressForm { what, mut form }): Form<SuppressForm>,
) -> Response {
    if !who.sent_by_own_form(&form.csrf) {
        return refuse(&foreign());
    }
    form.when = form.when.replace("\r\n", "\n");
    let outcome = if what == "add" {
        match add(&floor, &who, &form).await {
            Ok(id) => return Redirect::to(&format!("/suppressions/{id}")).into_response(),
            Err(problem) => Err(problem.detail),
        }
    } else {
        spec(&form, &who).map(|spec| {
            let now = floor.clock.now();
            let since = now
                .saturating_sub(SignedDuration::from_hours(24 * 30))
                .unwrap_or(now);
            suppression::preview(&floor.state(), &spec, since)
        })
    };
    show(&floor, &who, "Suppress", "/suppressions", "", |state| {
        Some(suppressions::form(state, &form, Some(&outcome), who.csrf()))
    })
}

fn input(form: &suppressions::Form) -> Value {
    let some = |text: &str| (!text.trim().is_empty()).then(|| json!(text.trim()));
    json!({
        "module": "suppression", "do": "add", "rules": form.rule.split_whitespace().collect::<Vec<_>>(),
        "family": some(&form.family), "tenant": some(&form.tenant), "when": form.when, "reason": form.reason,
        "until": form.until, "alert": some(&form.alert), "force": some(&form.force),
    })
}

async fn add(
    floor: &Arc<Floor>,
    who: &Who,
    form: &suppressions::Form,
) -> Result<SuppressionId, Problem> {
    let decided = decide(floor, who, act::parse(input(form))?).await?;
    decided
        .entries
        .iter()
        .find_map(|e| match e {
            watchfloor_respond::Entry::Suppression(suppression::Entry::Added {
                suppression,
                ..
            }) => Some(*suppression),
            _ => None,
        })
        .ok_or_else(|| Problem::internal(&"a suppression was not added"))
}

/// What the form says, for a preview; what only adding needs may be missing.
fn spec(form: &suppressions::Form, who: &Who) -> Result<suppression::Spec, String> {
    let mut rules = Vec::new();
    for word in form.rule.split_whitespace() {
        rules.push(word.parse::<RuleId>().map_err(|e| e.to_string())?);
    }
    let family = Some(form.family.trim().to_owned()).filter(|f| !f.is_empty());
    if rules.is_empty() == family.is_none() {
        return Err("name the rules that it is about, or one family of rules".to_owned());
    }
    let tenant = match form.tenant.trim() {
        "" => None,
        text => Some(
            text.parse()
                .map_err(|e: watchfloor_types::ParseIdError| e.to_string())?,
        ),
    };
    Ok(suppression::Spec {
        rules,
        family,
        tenant,
        when: form
            .when
            .parse()
            .map_err(|e: suppression::SelectionError| e.to_string())?,
        owner: who.user.clone(),
        reason: String::new(),
        expires: Timestamp::MAX,
        alert: None,
        force: None,
    })
}

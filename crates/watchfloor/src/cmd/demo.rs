//! `watchfloor demo`: plays the flagship exercise on a fresh floor and leaves the console up.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::{Arg, ArgAction, ArgMatches};
use serde_json::{Value, json};
use watchfloor_respond::{
    Entry, Input,
    comms::Audience,
    exercise::{self, InjectKind, Pace, PartStatus, Players},
    obligation::clocks,
};
use watchfloor_types::{Actor, ExerciseId, ExercisePlanId, SignedDuration, Timestamp};

use super::{Context, Row, client::Address};
use crate::{
    api::view,
    clock::Clock,
    content::Files,
    doc::{self, Form as Format},
    floor::{self, Floor},
    library,
    output::{Exit, Form, Output},
    serve::{Sockets, Taken, first_link, interrupted, shared},
    settings::{Overrides, Settings},
};

pub(super) const ROWS: &[Row] = &[Row {
    name: &["demo"],
    about: "Play the flagship exercise on a fresh floor, then leave the console up",
    args: |c| {
        c.arg(
            Arg::new("headless")
                .long("headless")
                .help("Play, print the result and end")
                .action(ArgAction::SetTrue),
        )
        .arg(
            Arg::new("exercise")
                .long("exercise")
                .default_value("paper-lantern")
                .help("Another exercise"),
        )
    },
    run,
}];

/// Longest that a play may take in real time.
const LONGEST: Duration = Duration::from_secs(300);

fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let dir = match fresh(context.overrides.data_dir.clone()) {
        Ok(dir) => dir,
        Err(error) => {
            context.out.note(&format!("error: {error:#}"));
            return Ok(Exit::BadInput);
        }
    };
    let overrides = Overrides {
        data_dir: Some(dir),
        ..context.overrides.clone()
    };
    let settings = match Settings::load(&overrides)? {
        // Whoever tries the demo does not want it in their SIEM.
        Ok(settings) => Settings {
            outputs: Vec::new(),
            ..settings
        },
        Err(errors) => {
            context.out.diagnostics(&errors, &|_| None);
            return Ok(Exit::BadInput);
        }
    };
    let (content, _) = library::load(&Files::load(settings.content_dir.as_deref())?);
    let plan: ExercisePlanId = matches
        .get_one::<String>("exercise")
        .cloned()
        .unwrap_or_default()
        .parse()?;
    let Some(start) = content.exercises.get(&plan).map(|p| p.start) else {
        context.out.note(&format!(
            "error: there is no exercise `{plan}`; `watchfloor exercise list` names them"
        ));
        return Ok(Exit::BadInput);
    };
    let headless = matches.get_flag("headless");
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(play(context.out, settings, plan, start, headless))
}

/// A folder that holds nothing yet.
pub(super) fn fresh(given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    match given {
        Some(dir) => {
            if dir.exists()
                && std::fs::read_dir(&dir)
                    .with_context(|| format!("cannot read {}", dir.display()))?
                    .next()
                    .is_some()
            {
                bail!("{} is not empty; a fresh folder is needed", dir.display());
            }
            Ok(dir)
        }
        None => {
            let name = crate::secrets::token("watchfloor-")?
                .reveal()
                .chars()
                .take(22)
                .collect::<String>();
            Ok(std::env::temp_dir().join(name))
        }
    }
}

async fn play(
    out: Output,
    settings: Settings,
    plan: ExercisePlanId,
    start: Timestamp,
    headless: bool,
) -> anyhow::Result<Exit> {
    let began = Instant::now();
    let opened = floor::open(settings.clone(), Clock::story(start)).await?;
    let floor = Arc::clone(&opened.floor);
    if opened.has_errors() {
        out.diagnostics(&opened.diagnostics, &|p| floor.files.text(p));
    }
    let sockets = if headless {
        None
    } else {
        Some(Sockets::open(&settings, Taken::AnyPort).await?)
    };
    let telling = tokio::spawn(tell(out, Arc::clone(&floor)));

    let input = Input::Exercise(exercise::Input::Start {
        plan,
        pace: Pace::Stepped,
        speed: 1,
        players: Players::Script,
        tenant: settings.tenant.clone(),
    });
    let decided = floor
        .ask(Actor::System, input)
        .await
        .context("the exercise cannot be started")?;
    let id = decided.entries.iter().find_map(|e| match e {
        Entry::Exercise(exercise::Entry::Started { exercise, .. }) => Some(*exercise),
        _ => None,
    });
    let id = id.context("the exercise did not start")?;
    while floor
        .state()
        .exercises
        .get(id)
        .is_some_and(exercise::Play::is_live)
    {
        if began.elapsed() > LONGEST {
            bail!(
                "the exercise did not come to its end within {} s",
                LONGEST.as_secs()
            );
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What the last tick caused may still be on its way to the journal.
    while floor.in_flight() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    telling.abort();
    let documents = write_documents(&floor, id).await?;
    let result = summary(&floor, id, &documents, began.elapsed());
    let complete = result.pointer("/injects/telemetry") == result.pointer("/injects/detected");

    match out.form {
        Form::Json => out.json(&result),
        Form::Text => print(out, &result),
    }
    if let Some(sockets) = sockets {
        // Made now: the story's clock has moved on since the floor was opened.
        let link = first_link(&floor).await?;
        let address = Address::publish(&floor, &sockets).await?;
        out.note("");
        out.note(&format!("console  {}", address.console));
        out.note(&format!("ingest   {}", address.ingest));
        out.note(&format!("data     {}", settings.data_dir.display()));
        if let Some(link) = link {
            out.note(&format!("sign in  {}{link}", address.console));
        }
        out.note("Ctrl-C ends it.");
        sockets
            .serve(Arc::clone(&floor), shared(interrupted()))
            .await;
        drop(std::fs::remove_file(Address::path(&floor.settings)));
    }
    opened.close().await;
    Ok(if complete { Exit::Done } else { Exit::Findings })
}

/// Says what happens, as it becomes durable.
async fn tell(out: Output, floor: Arc<Floor>) {
    if out.form == Form::Json {
        return;
    }
    let mut news = floor.news();
    while let Ok(news) = news.recv().await {
        for entry in news.entries.iter() {
            if let Some(line) = line(&floor, entry) {
                out.line(&format!("{}  {line}", news.at.strftime("%H:%M:%S")));
            }
        }
    }
}

fn line(floor: &Floor, entry: &Entry) -> Option<String> {
    let value = serde_json::to_value(entry).ok()?;
    let text = |pointer: &str| {
        value
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let kind = format!("{}.{}", text("/module"), text("/entry/type"));
    let state = floor.state();
    let said = match entry {
        Entry::Exercise(exercise::Entry::InjectDelivered {
            exercise, inject, ..
        }) => {
            let inject = state.exercises.get(*exercise)?.plan.inject(inject)?;
            format!(
                "inject   {:>2} {} ({})",
                inject.number.unwrap_or_default(),
                inject.title,
                inject.kind
            )
        }
        Entry::Alert(watchfloor_respond::alert::Entry::Opened { finding, .. }) => {
            format!("fired       {} [{}]", finding.rule.title, finding.severity)
        }
        Entry::Alert(watchfloor_respond::alert::Entry::FindingAdded { finding, .. }) => {
            format!("fired       {} (joins an alert)", finding.rule.title)
        }
        Entry::Incident(e) if kind == "incident.opened" => {
            let incident = state.incidents.get(e.incident())?;
            format!(
                "incident    {} {} opened: {}",
                incident.name, incident.title, incident.reason
            )
        }
        Entry::Run(_) if kind == "run.started" => {
            format!("run         {} started", text("/entry/runbook"))
        }
        Entry::Obligation(_) if kind.contains("clock") => format!(
            "clock       {} {}",
            text("/entry/stage"),
            text("/entry/type")
        ),
        Entry::Obligation(_) => format!(
            "obligation  {} {}{}",
            text("/entry/type"),
            text("/entry/stage"),
            text("/entry/determination/question")
        ),
        Entry::Comms(_)
            if matches!(
                kind.as_str(),
                "comms.created" | "comms.approved" | "comms.sent"
            ) =>
        {
            let draft = text("/entry/draft").parse().ok().and_then(|d| {
                state
                    .comms
                    .get(d)
                    .map(|d| format!("{} for {}", d.title(), d.audience))
            });
            format!(
                "draft       {} {}",
                draft.unwrap_or_default(),
                text("/entry/type")
            )
        }
        _ => return None,
    };
    Some(said)
}

async fn write_documents(floor: &Arc<Floor>, id: ExerciseId) -> anyhow::Result<Vec<String>> {
    let floor = Arc::clone(floor);
    tokio::task::spawn_blocking(move || {
        let dir = floor.settings.data_dir.join("documents");
        std::fs::create_dir_all(&dir)
            .with_context(|| format!("cannot create {}", dir.display()))?;
        let (now, journal) = (floor.clock.now(), floor.journal());
        let mut all = Vec::new();
        {
            let state = floor.state();
            let incidents: Vec<_> = state
                .incidents
                .iter()
                .filter(|i| i.exercise == Some(id))
                .map(|i| (i.id, i.name.clone()))
                .collect();
            for (incident, name) in incidents {
                for audience in [Audience::Executive, Audience::Customer, Audience::Regulator] {
                    all.extend(
                        doc::packet::build(&state, incident, audience, journal, now)
                            .map(|d| (format!("{name}-packet-{audience}"), d)),
                    );
                }
            }
            all.extend(
                doc::after_action::build(&state, id, journal, now)
                    .map(|d| ("after-action-report".to_owned(), d)),
            );
        }
        all.push((
            "soc-integration-dossier".to_owned(),
            doc::dossier::build(&floor, journal, now),
        ));
        let mut paths = Vec::new();
        for (name, document) in &all {
            for format in [Format::Html, Format::Docx, Format::Pdf] {
                let path = dir.join(format!("{name}.{}", format.extension()));
                let bytes = doc::render(document, format)
                    .with_context(|| format!("cannot render {name} as {}", format.extension()))?;
                std::fs::write(&path, bytes)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                paths.push(path.display().to_string());
            }
        }
        Ok(paths)
    })
    .await?
}

fn summary(floor: &Floor, id: ExerciseId, documents: &[String], took: Duration) -> Value {
    let now = floor.clock.now();
    let state = floor.state();
    let Some(report) = exercise::report(&state, id) else {
        return json!({});
    };
    let telemetry: Vec<_> = report
        .rows
        .iter()
        .filter(|r| r.kind == InjectKind::Telemetry)
        .collect();
    let detected = telemetry
        .iter()
        .filter(|r| {
            r.lines
                .iter()
                .any(|l| l.status == PartStatus::Met && l.proof.is_some())
        })
        .count();
    let ours: Vec<_> = state
        .incidents
        .iter()
        .filter(|i| i.exercise == Some(id))
        .collect();
    let events: usize = floor.lake.stats().hot_rows
        + usize::try_from(floor.lake.stats().file_rows).unwrap_or_default();
    json!({
        "schema": "watchfloor.demo/1",
        "exercise": {"id": id, "title": report.title, "status": report.status},
        "injects": {
            "total": report.rows.len(), "telemetry": telemetry.len(), "detected": detected,
            "list": report.rows.iter().map(|r| json!({"number": r.number, "title": r.title, "kind": r.kind, "points": r.points, "of": r.of, "lines": r.lines.iter().map(|l| json!({"expected": l.expected, "status": l.status, "observed": l.observed, "took_ms": l.took.map(millis), "limit_s": l.limit.as_secs()})).collect::<Vec<_>>()})).collect::<Vec<_>>(),
        },
        "events": events,
        "alerts": state.alerts.iter().filter(|a| a.exercise() == Some(id)).count(),
        "incidents": ours.iter().map(|i| json!({"id": i.id, "name": i.name, "title": i.title, "severity": i.severity, "alerts": i.members.len(), "findings": i.findings.len()})).collect::<Vec<_>>(),
        "runs": ours.iter().flat_map(|i| state.runs.of_incident(i.id)).map(view::run).collect::<Vec<_>>(),
        "clocks": ours.iter().flat_map(|i| clocks(&state, i.id, now)).map(|c| view::clock(&c)).collect::<Vec<_>>(),
        "drafts": ours.iter().flat_map(|i| state.comms.of(i.id)).map(|d| json!({"id": d.id, "audience": d.audience, "title": d.title(), "state": d.state.as_str(), "author": d.author().to_string(), "approved_by": d.approval().map(|a| a.by.to_string())})).collect::<Vec<_>>(),
        "score": report.score,
        "journal": {"entries": floor.store.head().seq, "head": floor.store.head().hash.to_string()},
        "documents": documents,
        "seconds": (took.as_millis() as f64) / 1000.0,
    })
}

/// Milliseconds of a duration, for JSON.
fn millis(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn print(out: Output, r: &Value) {
    let text = |v: &Value, p: &str| {
        v.pointer(p)
            .map(|x| x.as_str().map_or_else(|| x.to_string(), str::to_owned))
            .unwrap_or_default()
    };
    let list = |p: &str| {
        r.pointer(p)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    out.line("");
    out.line(&format!(
        "{}: {} of {} points in {} s",
        text(r, "/exercise/title"),
        text(r, "/score/points"),
        text(r, "/score/of"),
        text(r, "/seconds")
    ));
    out.line(&format!(
        "telemetry injects detected: {} of {}",
        text(r, "/injects/detected"),
        text(r, "/injects/telemetry")
    ));
    for i in list("/incidents") {
        out.line(&format!(
            "incident  {} {} ({}), {} alerts, {} findings",
            text(&i, "/name"),
            text(&i, "/title"),
            text(&i, "/severity"),
            text(&i, "/alerts"),
            text(&i, "/findings")
        ));
    }
    for c in list("/clocks") {
        out.line(&format!(
            "clock     {:<12} {:<14} from {}  safe {}  outer {}",
            text(&c, "/stage"),
            text(&c, "/status"),
            text(&c, "/from"),
            text(&c, "/safe"),
            text(&c, "/outer")
        ));
    }
    for d in list("/drafts") {
        out.line(&format!(
            "draft     {:<10} {:<10} {}",
            text(&d, "/audience"),
            text(&d, "/state"),
            text(&d, "/title")
        ));
    }
    for x in list("/runs") {
        out.line(&format!(
            "run       {} {}",
            text(&x, "/name"),
            text(&x, "/result")
        ));
    }
    out.line("Clocks are decision support, not legal advice.");
    for d in list("/documents") {
        out.line(&format!("document  {}", d.as_str().unwrap_or_default()));
    }
}

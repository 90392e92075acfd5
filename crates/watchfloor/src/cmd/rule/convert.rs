//! `watchfloor rule convert`: rules for other systems, by sigma-cli and pySigma's backends.

use std::{
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::{Arg, ArgMatches, value_parser};
use serde_json::json;
use watchfloor_detect::plain_sigma;

use super::{Context, read_rules, report};
use crate::{
    output::{Exit, Form},
    rulebook::Rulebook,
};

/// Field names of the systems, for canonical and some native names.
const PIPELINES: &[(&str, &str)] = &[
    ("splunk", include_str!("../../../pipelines/splunk.yml")),
    (
        "elasticsearch",
        include_str!("../../../pipelines/elasticsearch.yml"),
    ),
];

/// Targets by our name: that of sigma-cli, the pipeline.
const TARGETS: &[(&str, &str, &str)] = &[
    ("splunk", "splunk", "splunk"),
    ("elasticsearch-lucene", "lucene", "elasticsearch"),
    ("elasticsearch-eql", "eql", "elasticsearch"),
    ("elasticsearch-esql", "esql", "elasticsearch"),
];

/// One rule takes a second; a backend that hangs ends here.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most bytes of one answer.
const MAX_ANSWER: u64 = 1 << 20;

const INSTALL: &str = "install it: python3 -m venv sigma && sigma/bin/pip install sigma-cli pysigma-backend-splunk pysigma-backend-elasticsearch, then name sigma/bin/sigma by --sigma-cli; --emit DIR writes the rules and the pipeline without it";

pub(super) fn args(c: clap::Command) -> clap::Command {
    super::paths(c)
        .arg(
            Arg::new("target")
                .long("target")
                .required(true)
                .value_parser(|text: &str| {
                    let word = !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
                    // A word that begins with a dash would be an option of sigma-cli.
                    if word && !text.starts_with('-') { Ok(text.to_owned()) } else { Err("a target is a word such as splunk".to_owned()) }
                })
                .help("splunk, elasticsearch-lucene, elasticsearch-eql, elasticsearch-esql, or any target of `sigma list targets`"),
        )
        .arg(
            Arg::new("sigma-cli")
                .long("sigma-cli")
                .value_name("PROGRAM")
                .default_value("sigma")
                .value_parser(value_parser!(PathBuf))
                .help("The program sigma of sigma-cli"),
        )
        .arg(
            Arg::new("pipeline")
                .long("pipeline")
                .value_name("FILE")
                .action(clap::ArgAction::Append)
                .value_parser(value_parser!(PathBuf))
                .help("A pySigma pipeline behind ours, such as one that names the index"),
        )
        .arg(
            Arg::new("emit")
                .long("emit")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Write the rules as plain Sigma, and the pipeline, to this folder and convert nothing"),
        )
}

/// What is to be converted.
struct Piece {
    title: String,
    id: String,
    file: String,
    text: String,
}

enum Converted {
    Query(String),
    Failed(String),
}

pub(super) fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let files = read_rules(matches, "path")?;
    let rulebook = Rulebook::compile(&files);
    let errors: Vec<_> = rulebook
        .diagnostics
        .iter()
        .filter(|d| d.level == watchfloor_types::Level::Error)
        .cloned()
        .collect();
    report(context, &files, &errors);
    let engine = &rulebook.engine;
    let pieces: Vec<Piece> = engine
        .documents()
        .iter()
        .map(|d| Piece {
            title: d.meta().title().to_owned(),
            id: d.meta().id().to_string(),
            file: d.meta().place().file.clone(),
            text: plain_sigma(engine, d),
        })
        .collect();
    let wanted = matches
        .get_one::<String>("target")
        .map_or("", String::as_str);
    let (target, pipeline) = TARGETS
        .iter()
        .find(|(ours, theirs, _)| *ours == wanted || *theirs == wanted)
        .map_or((wanted, None), |(_, theirs, pipeline)| {
            (*theirs, Some(*pipeline))
        });
    let pipeline = pipeline.and_then(|name| PIPELINES.iter().find(|(n, _)| *n == name));
    if let Some(dir) = matches.get_one::<PathBuf>("emit") {
        emit(dir, &pieces, pipeline)?;
        context.out.note(&format!(
            "wrote {} rules{} to {}",
            pieces.len(),
            if pipeline.is_some() {
                " and the pipeline"
            } else {
                ""
            },
            dir.display()
        ));
        return Ok(if errors.is_empty() {
            Exit::Done
        } else {
            Exit::BadInput
        });
    }
    let program = matches
        .get_one::<PathBuf>("sigma-cli")
        .cloned()
        .unwrap_or_default();
    if let Err(error) = Command::new(&program)
        .arg("version")
        .stdin(Stdio::null())
        .output()
    {
        if error.kind() == ErrorKind::NotFound {
            context.out.note(&format!(
                "error: sigma-cli is not here: there is no program `{}`; {INSTALL}",
                program.display()
            ));
            return Ok(Exit::Outside);
        }
        return Err(error).with_context(|| format!("cannot run {}", program.display()));
    }
    let work = Folder::new()?;
    emit(&work.0, &pieces, pipeline)?;
    let mut base: Vec<std::ffi::OsString> = vec!["convert".into(), "-t".into(), target.into()];
    let ours = pipeline.map(|_| work.0.join("pipeline.yml"));
    let given: Vec<PathBuf> = matches
        .get_many::<PathBuf>("pipeline")
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    if ours.is_none() && given.is_empty() {
        base.push("--without-pipeline".into());
    }
    for file in ours.into_iter().chain(given) {
        let file = std::fs::canonicalize(&file)
            .with_context(|| format!("cannot find {}", file.display()))?;
        base.extend(["-p".into(), file.into_os_string()]);
    }
    let results = all(&program, &base, &work.0, &pieces);
    let mut failed = 0;
    for (piece, result) in pieces.iter().zip(&results) {
        let (query, reason) = match result {
            Converted::Query(query) => (Some(query.as_str()), None),
            Converted::Failed(reason) => {
                failed += 1;
                (None, Some(reason.as_str()))
            }
        };
        if context.out.form == Form::Json {
            context.out.json(&json!({"rule": {"id": piece.id, "title": piece.title}, "file": piece.file, "target": wanted, "query": query, "reason": reason}));
        } else if let Some(query) = query {
            context.out.line(&crate::output::visible(&format!(
                "# {} ({})\n{}\n",
                piece.title,
                piece.id,
                query.trim()
            )));
        }
        if let Some(reason) = reason {
            context.out.note(&format!(
                "not converted: {} ({}): {reason}",
                piece.title, piece.file
            ));
        }
    }
    context.out.note(&format!(
        "{} of {} rules converted to {wanted}",
        pieces.len() - failed,
        pieces.len()
    ));
    Ok(if !errors.is_empty() {
        Exit::BadInput
    } else if failed > 0 {
        Exit::Findings
    } else {
        Exit::Done
    })
}

/// The file of a rule: names come from us, never from the rule.
fn file_of(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("rule-{number:05}.yml"))
}

fn emit(dir: &Path, pieces: &[Piece], pipeline: Option<&(&str, &str)>) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let write = |path: PathBuf, text: &str| {
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    for (number, piece) in pieces.iter().enumerate() {
        write(file_of(dir, number + 1), &piece.text)?;
    }
    match pipeline {
        Some((_, text)) => write(dir.join("pipeline.yml"), text),
        None => Ok(()),
    }
}

/// Converts each rule by itself, several at a time, so that one that fails is named and stops no other.
fn all(
    program: &Path,
    base: &[std::ffi::OsString],
    dir: &Path,
    pieces: &[Piece],
) -> Vec<Converted> {
    let next = AtomicUsize::new(0);
    let out: Vec<Mutex<Option<Converted>>> = pieces.iter().map(|_| Mutex::new(None)).collect();
    let workers = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(8);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(slot) = out.get(at) else { break };
                    let result = one(program, base, &file_of(dir, at + 1))
                        .unwrap_or_else(|e| Converted::Failed(e.to_string()));
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                }
            });
        }
    });
    out.into_iter()
        .map(|slot| {
            slot.into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .unwrap_or_else(|| Converted::Failed("was not tried".to_owned()))
        })
        .collect()
}

fn one(program: &Path, base: &[std::ffi::OsString], file: &Path) -> anyhow::Result<Converted> {
    let mut child = Command::new(program)
        .args(base)
        .arg(file)
        .env("PYTHONIOENCODING", "utf-8")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start sigma-cli")?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let said = std::thread::spawn(move || text_of(err));
    let text = std::thread::spawn(move || text_of(out));
    let End::Code(code) = wait(&mut child)? else {
        return Ok(Converted::Failed(format!(
            "sigma-cli took longer than {} s",
            PATIENCE.as_secs()
        )));
    };
    let text = text.join().unwrap_or_default();
    let said = said.join().unwrap_or_default();
    if code == Some(0) && !text.trim().is_empty() {
        return Ok(Converted::Query(text));
    }
    // The last lines say why; paths of our own folder say nothing to anybody.
    let path = file.display().to_string();
    let reason: Vec<String> = said
        .lines()
        .chain(text.lines())
        .map(|l| {
            l.replace(&format!(" in {path}"), "")
                .replace(&path, "the rule")
                .trim()
                .to_owned()
        })
        .filter(|l| l.starts_with("Error:") || l.starts_with('*'))
        .filter(|l| !l.contains("Please check the output above"))
        .map(|l| {
            l.trim_start_matches("Error: ")
                .trim_start_matches("* ")
                .to_owned()
        })
        .collect();
    Ok(Converted::Failed(if reason.is_empty() {
        format!("sigma-cli ended with status {code:?}")
    } else {
        reason.join("; ")
    }))
}

fn text_of(from: Option<impl std::io::Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // What came before an error is still worth showing.
        drop(from.take(MAX_ANSWER).read_to_end(&mut bytes));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How the converter ended.
enum End {
    /// With this code; none where a signal ended it.
    Code(Option<i32>),
    /// It took too long and was ended.
    Late,
}

fn wait(child: &mut Child) -> anyhow::Result<End> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for sigma-cli")? {
            return Ok(End::Code(status.code()));
        }
        if started.elapsed() > PATIENCE {
            child.kill().context("cannot end sigma-cli")?;
            child.wait().context("cannot wait for sigma-cli")?;
            return Ok(End::Late);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A folder that goes away with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let name = crate::secrets::token("watchfloor-convert-")?;
        let path = std::env::temp_dir().join(name.reveal());
        std::fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left-over files in the temporary folder harm nobody.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

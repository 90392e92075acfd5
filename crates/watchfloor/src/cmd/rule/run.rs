//! `watchfloor rule run`: rules over files of events, without a floor.
//!
//! One thread reads and unpacks files and cuts them into blocks, the others decode, map and match
//! blocks, and the main thread takes their findings in the order of the files, correlates and
//! prints. How many blocks are on their way at once is bounded, so memory is, too.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel},
    },
    time::Duration,
};

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use indicatif::ProgressBar;
use watchfloor_detect::{Correlator, Engine, Limits};
use watchfloor_ingest::Sources;
use watchfloor_types::{Severity, Timestamp};

use super::{
    Context,
    feed::{self, Asked},
    fit,
    matching::{self, Matched, Outcome, Record, Work},
    print::{Listing, Printer},
    read_rules,
    reader::Reader,
    report, with_reader, with_rules,
};
use crate::{
    clock::Clock,
    content::Files,
    output::{Exit, Form, Output},
};

pub(super) fn args(c: clap::Command) -> clap::Command {
    fit::args(with_reader(with_rules(c)))
        .arg(
            Arg::new("fail-on")
                .long("fail-on")
                .default_value("informational")
                .value_parser(value_parser!(Severity))
                .help("Exit status 1 from this severity on"),
        )
        .arg(
            Arg::new("summary")
                .long("summary")
                .action(ArgAction::SetTrue)
                .help("Count, first and last of each rule instead of each finding"),
        )
        .arg(
            Arg::new("ocsf")
                .long("ocsf")
                .action(ArgAction::SetTrue)
                .conflicts_with("summary")
                .help("Each finding as OCSF 1.8 Detection Finding, one JSON object a line"),
        )
        .arg(
            Arg::new("file")
                .required(true)
                .num_args(1..)
                .value_parser(value_parser!(PathBuf))
                .help("Files or folders: JSON lines, JSON, EVTX, syslog, auditd, CEF, LEEF, CSV or text, plain, gzip or zstd; `-` is stdin"),
        )
}

/// Most records that are named one by one as not read.
const NAMED: u64 = 20;

pub(super) fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let rules = read_rules(matches, "rules")?;
    let rulebook = match fit::compile(matches, context, &rules)? {
        Ok(rulebook) => rulebook,
        Err(exit) => return Ok(exit),
    };
    // Findings alone go to stdout.
    let stderr = Context {
        out: Output { form: Form::Text },
        overrides: context.overrides.clone(),
        server: None,
    };
    report(&stderr, &rules, &rulebook.diagnostics);
    let (sources, _) = Sources::load(&Files::load(None)?.of("sources"));
    let reader = match Reader::new(matches, &sources)? {
        Ok(reader) => reader,
        Err(message) => {
            context.out.note(&format!("error: {message}"));
            return Ok(Exit::BadInput);
        }
    };
    let asked = Asked::of(matches);
    let paths: Vec<PathBuf> = matches
        .get_many("file")
        .map(|p| p.cloned().collect())
        .unwrap_or_default();
    let (files, wrong) = feed::files(&paths);
    for message in &wrong {
        context.out.note(&format!("error: cannot read {message}"));
    }
    let fail_on = matches
        .get_one::<Severity>("fail-on")
        .copied()
        .unwrap_or(Severity::Informational);
    let listing = if matches.get_flag("summary") {
        Listing::Summary
    } else if matches.get_flag("ocsf") {
        Listing::Ocsf
    } else {
        Listing::Findings
    };
    let engine = &rulebook.engine;
    let mut floor = Floor {
        context,
        engine,
        files: &files,
        printer: Printer::new(context.out, listing),
        bar: feed::bar(&files),
        correlator: Correlator::new(engine, Limits::default()),
        fail_on,
        file: usize::MAX,
        before: 0,
        formats: BTreeMap::new(),
        records: 0,
        unread: 0,
        failed: wrong.len() as u64,
        findings: 0,
        failing: 0,
    };
    let threads = if reader.in_order() {
        1
    } else {
        std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(16)
    };
    let stop = AtomicBool::new(false);
    let now = Clock::real().now();
    let seen = std::thread::scope(|scope| {
        let ahead = threads * 2 + 2;
        let (work_in, work_out) = sync_channel::<Work>(ahead);
        let work_out = Arc::new(Mutex::new(work_out));
        let (done_in, done_out) = channel::<Outcome>();
        // A block may set out for each that has arrived.
        let (free_in, free_out) = sync_channel::<()>(ahead);
        for _ in 0..ahead {
            free_in.send(()).ok();
        }
        let (bar, stop, files) = (floor.bar.clone(), &stop, &files);
        scope.spawn(move || matching::read(files, &asked, &bar, &work_in, &free_out, stop));

        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let (reader, done) = (reader.another(), done_in.clone());
                let work_out = work_out.clone();
                scope.spawn(move || matching::work(engine, reader, &work_out, &done, now))
            })
            .collect();
        drop(done_in);
        watch_for_interrupt(&INTERRUPTED);
        floor.take(&done_out, &free_in, stop);
        drop(free_in);
        let mut seen = BTreeMap::<Option<String>, u64>::new();
        for worker in workers {
            for (source, count) in worker.join().unwrap_or_default() {
                *seen.entry(source).or_default() += count;
            }
        }
        seen
    });
    floor.bar.finish_and_clear();
    floor.end();
    floor.printer.end();
    floor.say(&seen);
    Ok(if floor.failed > 0 {
        Exit::BadInput
    } else if floor.failing > 0 {
        Exit::Findings
    } else {
        Exit::Done
    })
}

/// Set by Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Ends the run at the end of a line; a second Ctrl-C ends it at once.
fn watch_for_interrupt(flag: &'static AtomicBool) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if flag.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
            }
        });
    });
}

/// Takes outcomes in order.
struct Floor<'a> {
    context: &'a Context,
    engine: &'a Engine,
    files: &'a [PathBuf],
    printer: Printer,
    bar: ProgressBar,
    correlator: Correlator,
    fail_on: Severity,
    file: usize,
    /// Records of the file before this block.
    before: u64,
    /// Files by format.
    formats: BTreeMap<&'static str, u64>,
    records: u64,
    unread: u64,
    failed: u64,
    findings: u64,
    failing: u64,
}

impl Floor<'_> {
    fn take(&mut self, done: &Receiver<Outcome>, free: &SyncSender<()>, stop: &AtomicBool) {
        let mut early = BTreeMap::new();
        let mut next = 0;
        loop {
            if INTERRUPTED.load(Ordering::Relaxed) {
                stop.store(true, Ordering::Relaxed);
                self.printer.end();
                // The reader may wait for a pipe that says nothing more.
                self.bar.finish_and_clear();
                self.context
                    .out
                    .note("interrupted: the findings are those up to there");
                std::process::exit(130);
            }
            match done.recv_timeout(Duration::from_millis(100)) {
                Ok(outcome) => early.insert(outcome.order, outcome),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            while let Some(outcome) = early.remove(&next) {
                next += 1;
                self.one(outcome);
                free.send(()).ok();
            }
        }
    }

    fn one(&mut self, outcome: Outcome) {
        if outcome.file != self.file {
            self.file = outcome.file;
            self.before = 0;
        }
        let empty = Path::new("");
        let path = self.files.get(outcome.file).map_or(empty, PathBuf::as_path);
        match outcome.result {
            Matched::Opened(format) => *self.formats.entry(format.id).or_default() += 1,
            Matched::Failed(reason) => {
                self.failed += 1;
                let message = if self.before > 0 {
                    format!(
                        "error: {} after record {}: {reason}",
                        path.display(),
                        self.before
                    )
                } else {
                    format!("error: cannot read {}: {reason}", path.display())
                };
                self.bar.suspend(|| self.context.out.note(&message));
            }
            Matched::Block(records, total) => {
                for record in records {
                    self.record(record, path);
                }
                self.before += total;
                self.records += total;
                if self.printer.waits() {
                    self.bar.suspend(|| self.printer.flush());
                }
            }
        }
    }

    fn record(&mut self, record: Record, path: &Path) {
        let index = self.before + record.index;
        if let Some(reason) = record.wrong {
            self.unread += 1;
            if self.unread <= NAMED {
                let place = format!("{}:{}", path.display(), index + 1);
                let message = format!("{place}: not read: {reason}");
                self.bar.suspend(|| self.context.out.note(&message));
            }
            return;
        }
        let mut findings = record.findings;
        for (event, hits) in &record.counted {
            self.correlator.feed(event, hits, &mut findings, event.time);
        }
        for finding in &findings {
            self.findings += 1;
            self.failing += u64::from(finding.severity >= self.fail_on);
            self.printer.finding(finding, path, index);
        }
    }

    /// The input is over, and with it every window that waits for its end.
    fn end(&mut self) {
        let mut findings = Vec::new();
        self.correlator.advance(Timestamp::MAX, &mut findings);
        let empty = Path::new("");
        let path = self.files.get(self.file).map_or(empty, PathBuf::as_path);
        let last = self.before.saturating_sub(1);
        for finding in &findings {
            self.findings += 1;
            self.failing += u64::from(finding.severity >= self.fail_on);
            self.printer.finding(finding, path, last);
        }
    }

    /// What was read and how, for the person at the terminal.
    fn say(&self, seen: &BTreeMap<Option<String>, u64>) {
        let out = self.context.out;
        if self.unread > NAMED {
            out.note(&format!(
                "{} more records were not read",
                self.unread - NAMED
            ));
        }
        let list = |parts: Vec<String>| parts.join(", ");
        let formats = self.formats.iter().map(|(id, n)| format!("{id} {n}"));
        let known = seen.iter().filter_map(|(source, n)| {
            let source = source.as_ref()?;
            Some(format!("{source} {n}"))
        });
        let known = list(known.collect());
        out.note(&format!(
            "files by format: {}{}",
            list(formats.collect()),
            if known.is_empty() {
                String::new()
            } else {
                format!("; records by source: {known}")
            }
        ));
        if let Some(unknown) = seen.get(&None) {
            out.note(&format!(
                "{unknown} records of no source that is recognised: without --product, --category or --service every rule is tried on them; --source reads them by a mapping"
            ));
        }
        let late = self.correlator.counters().late;
        if late > 0 {
            out.note(&format!(
                "{late} matches came too late for their correlation's window; files in order of time give them"
            ));
        }
        out.note(&format!(
            "{} records, {} not read, {} rules, {} findings",
            self.records,
            self.unread,
            self.engine.documents().len(),
            self.findings
        ));
    }
}

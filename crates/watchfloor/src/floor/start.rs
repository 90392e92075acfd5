//! Opening the floor: lock, content, journal, lake, tasks; and closing it.

use std::{
    fs::File,
    panic::AssertUnwindSafe,
    path::Path,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc as std_mpsc,
    },
    thread::JoinHandle,
};

use anyhow::{Context, bail};
use futures_util::FutureExt;
use tokio::sync::{broadcast, mpsc};
use watchfloor_edge::{ClearText, KeySupport, Targets};
use watchfloor_ingest::{Mapped, Sources};
use watchfloor_intel::Matcher;
use watchfloor_lake::{Lake, LakeOptions, Recovery};
use watchfloor_respond::{Entry, State};
use watchfloor_store::Store;
use watchfloor_types::{DeadLetter, Diagnostic, EventId, Frame, Level};

use super::{Floor, catalog::StoreCatalog, outputs, performer, player, processor, responder};
use crate::{
    clock::Clock,
    content::Files,
    library,
    rules::{self, Units},
    settings::Settings,
};

/// Journal entries that are read at once while the state is rebuilt.
const REPLAY: u32 = 5_000;

/// How long an end waits for receivers to answer.
const OUTPUTS_TIME: std::time::Duration = std::time::Duration::from_secs(3);

/// A floor that runs, and what it takes to end it.
pub(crate) struct Opened {
    /// The floor.
    pub floor: Arc<Floor>,
    /// What is wrong with the content; errors among them mean that an item is left out.
    pub diagnostics: Vec<Diagnostic>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    processing: Option<JoinHandle<()>>,
    outputs: Vec<tokio::task::JoinHandle<()>>,
    housekeeping: Option<(std_mpsc::Sender<()>, JoinHandle<()>)>,
    /// Held while the process lives: one process per data folder.
    _lock: File,
}

/// Opens the data folder and starts every task but the listeners.
pub(crate) async fn open(settings: Settings, clock: Clock) -> anyhow::Result<Opened> {
    let dir = settings.data_dir.clone();
    std::fs::create_dir_all(&dir)
        .with_context(|| format!("cannot create data folder {}", dir.display()))?;
    let lock = lock(&dir)?;
    let files = Files::load(settings.content_dir.as_deref())?;
    let (sources, mut diagnostics) = Sources::load(&files.of("sources"));
    let (mut content, wrong) = library::load(&files);
    diagnostics.extend(wrong);
    let units = Units::load(&files);
    content.rules = units.bases();
    content.rule_heads = units.heads();
    content.policy = settings.policy;

    let store = Store::open(dir.join("state.db"))
        .await
        .with_context(|| format!("cannot open the state store in {}", dir.display()))?;
    let (state, journal) = replay(&store, State::new(Arc::new(content))).await?;
    let rulebook = rules::assemble(rules::wanted(&state, &units), &units);
    diagnostics.extend(rulebook.diagnostics.iter().cloned());
    for (rule, fallen) in &rulebook.fallen {
        tracing::error!(
            %rule, wanted = fallen.wanted, running = ?fallen.running, why = %fallen.why,
            "the text in force of a rule cannot be run; the last good one runs, if there is one"
        );
    }
    // Read before anything new can be decided: what is pending now is what the last process left.
    let pending = store
        .pending_effects()
        .await
        .context("cannot read the outbox")?;
    let indicators = store.indicators().await.context("cannot read indicators")?;

    let catalog = StoreCatalog(store.blocking_catalog(tokio::runtime::Handle::current()));
    let root = dir.join("lake");
    let (lake, recovery) = tokio::task::spawn_blocking(move || open_lake(&root, catalog))
        .await
        .context("the lake could not be opened")?
        .with_context(|| format!("cannot open the lake in {}", dir.display()))?;
    for damage in &recovery.damage {
        tracing::error!(
            ?damage,
            "a part of the write-ahead log cannot be read; everything around it was"
        );
    }
    if let Some(cut) = &recovery.truncated {
        tracing::info!(
            bytes = cut.bytes,
            "cut off a write that had not been acknowledged when the last process ended"
        );
    }

    let (inbox, jobs) = mpsc::channel(4_096);
    let (effects, to_perform) = performer::queue();
    let (frames, to_process) = processor::queue();
    let (news, _) = broadcast::channel(4_096);
    let targets = Arc::new(targets(&settings)?);
    let outputs = outputs::Outputs::open(&settings, &store).await?;
    let floor = Arc::new(Floor {
        settings,
        clock,
        files,
        units,
        rules_at: tokio::sync::watch::Sender::new(journal),
        sources,
        lake,
        store,
        rulebook: RwLock::new(Arc::new(rulebook)),
        matcher: RwLock::new(Arc::new(Matcher::build(indicators))),
        state: RwLock::new(state),
        inbox,
        effects,
        frames,
        news,
        journal: AtomicU64::new(journal),
        ledger: player::Ledger::default(),
        emissions: AtomicUsize::new(0),
        figures: Mutex::default(),
        closing: AtomicBool::new(false),
        stopping: tokio::sync::watch::Sender::new(false),
        runtime: tokio::runtime::Handle::current(),
        sightings: Mutex::default(),
        outputs,
    });

    // What was accepted and not yet in files comes before anything new.
    for frame in recovery.frames {
        floor
            .frames
            .push(frame.context("cannot read the write-ahead log")?);
    }
    let worker = Arc::clone(&floor);
    let processing = std::thread::Builder::new()
        .name("process".into())
        .spawn(move || or_end("detection", || processor::run(&worker, &to_process)))
        .context("cannot start a thread")?;
    let (stop, stopped) = std_mpsc::channel();
    let keeper = Arc::clone(&floor);
    let housekeeping = std::thread::Builder::new()
        .name("housekeeping".into())
        .spawn(move || {
            or_end("housekeeping", || {
                processor::housekeeping(&keeper, &stopped);
            });
        })
        .context("cannot start a thread")?;
    let tasks = vec![
        task("responder", responder::run(Arc::clone(&floor), jobs)),
        task(
            "performer",
            performer::run(Arc::clone(&floor), targets, to_perform),
        ),
        task("emitter", player::emitter(Arc::clone(&floor))),
        task("ticker", player::ticker(Arc::clone(&floor))),
        task(
            "rules",
            rules::keeper::run(Arc::clone(&floor), floor.news()),
        ),
        task("sightings", super::sighting::keeper(Arc::clone(&floor))),
    ];
    let outputs = floor
        .outputs
        .iter()
        .map(|line| task("output", outputs::run(Arc::clone(&floor), Arc::clone(line))))
        .collect();
    performer::resume(&floor, pending).await;
    Ok(Opened {
        floor,
        diagnostics,
        tasks,
        processing: Some(processing),
        outputs,
        housekeeping: Some((stop, housekeeping)),
        _lock: lock,
    })
}

/// A part of the floor that fails ends the process: half a floor would take events and say nothing.
/// The next start takes up what is durable.
fn end(part: &str) -> ! {
    tracing::error!(
        part,
        "a part of the floor failed; ending so that a restart takes up its work"
    );
    std::process::exit(3);
}

fn or_end(part: &str, work: impl FnOnce()) {
    if std::panic::catch_unwind(AssertUnwindSafe(work)).is_err() {
        end(part);
    }
}

fn task(
    part: &'static str,
    work: impl Future<Output = ()> + Send + 'static,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        if AssertUnwindSafe(work).catch_unwind().await.is_err() {
            end(part);
        }
    })
}

#[cfg(not(feature = "delta"))]
fn open_lake(root: &Path, catalog: StoreCatalog) -> anyhow::Result<(Lake, Recovery)> {
    Ok(Lake::open(root, Arc::new(catalog), LakeOptions::default())?)
}

/// The same, with the event files published as a Delta Lake table.
#[cfg(feature = "delta")]
fn open_lake(root: &Path, catalog: StoreCatalog) -> anyhow::Result<(Lake, Recovery)> {
    let catalog = watchfloor_lake::DeltaLog::over(catalog, root)?;
    Ok(Lake::open(root, Arc::new(catalog), LakeOptions::default())?)
}

impl Opened {
    /// Whether an item of the content was left out.
    pub(crate) fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.level == Level::Error)
    }

    /// Waits until what is in flight is done, writes files and ends.
    pub(crate) async fn close(mut self) {
        for _ in 0..300 {
            if !self.floor.in_flight() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        self.floor.closing.store(true, Ordering::Release);
        if let Some(thread) = self.processing.take()
            && tokio::task::spawn_blocking(move || thread.join().is_ok())
                .await
                .is_err()
        {
            tracing::warn!("detection did not end in order; the next start reads stored events");
        }
        // What is on its way to a receiver is noted when it answers, so that the next start does not
        // send it again; one that does not answer is not waited for.
        self.floor.stopping.send_replace(true);
        let through = futures_util::future::join_all(&mut self.outputs);
        let waited = tokio::time::timeout(OUTPUTS_TIME, through).await;
        if waited.is_err() {
            tracing::info!("an output was cut off; the next start sends its last batch again");
        }
        for task in self.tasks.iter().chain(&self.outputs) {
            task.abort();
        }
        if let Some((stop, thread)) = self.housekeeping.take() {
            drop(stop);
            if tokio::task::spawn_blocking(move || thread.join().is_ok())
                .await
                .is_err()
            {
                tracing::warn!(
                    "housekeeping did not end in order; the next start reads the write-ahead log"
                );
            }
        }
        self.floor.store.close().await;
    }
}

fn lock(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            bail!(
                "data folder {} is in use by another process; talk to it with --server, or name another --data-dir",
                dir.display()
            )
        }
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

async fn replay(store: &Store, mut state: State) -> anyhow::Result<(State, u64)> {
    let mut last = 0;
    loop {
        let entries = store
            .entries(last + 1, REPLAY)
            .await
            .context("cannot read the journal")?;
        let Some(end) = entries.last().map(|e| e.seq) else {
            return Ok((state, last));
        };
        for row in &entries {
            let entry: Entry = serde_json::from_str(&row.body)
                .with_context(|| format!("journal entry {} is not one that this version knows; `watchfloor journal verify` says whether it was changed", row.seq))?;
            state.apply(&entry, row.at);
        }
        last = end;
    }
}

fn targets(settings: &Settings) -> anyhow::Result<Targets> {
    // What listens in clear text behind a proxy does not send secrets in clear text.
    let clear = ClearText::Refuse;
    let mut targets = Targets::new();
    for (name, e) in &settings.channels {
        targets = targets.channel(name, &e.url, e.secret.as_ref(), clear)?;
    }
    for (name, e) in &settings.targets {
        targets = targets.target(name, &e.url, e.secret.as_ref(), KeySupport::Ignored, clear)?;
    }
    Ok(targets)
}

/// A frame that cannot be mapped now: its records become dead letters, to be read again later.
pub(crate) fn unmapped(frame: &Frame, reason: &str) -> Mapped {
    let dead = frame
        .records
        .iter()
        .enumerate()
        .map(|(i, raw)| DeadLetter {
            id: EventId::of_record(
                frame.received,
                frame.seq,
                u32::try_from(i).unwrap_or(u32::MAX),
            ),
            received: frame.received,
            source: frame.source.clone(),
            tenant: frame.tenant.clone(),
            reason: reason.to_owned(),
            raw: raw.clone(),
        })
        .chain(watchfloor_ingest::refused(frame))
        .collect();
    Mapped {
        dead,
        ..Mapped::default()
    }
}

//! The floor: everything that runs, joined.

mod catalog;
mod intake;
mod outputs;
mod performer;
mod player;
pub(crate) mod processor;
mod projection;
mod responder;
mod sighting;
mod start;

pub(crate) use intake::FloorIntake;
pub(crate) use outputs::{Again as OutputAgain, Line as OutputLine, Standing as OutputStanding};
pub(crate) use player::Seen;
pub(crate) use processor::{SYSTEM, SourceFigures};
pub(crate) use responder::{Decided, Denied, Job};
pub(crate) use start::{Opened, open, unmapped};

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::{broadcast, mpsc, oneshot};
use watchfloor_ingest::Sources;
use watchfloor_intel::Matcher;
use watchfloor_lake::Lake;
use watchfloor_respond::{Entry, Input, State};
use watchfloor_store::Store;
use watchfloor_types::{Actor, Effect, IndicatorMatch, SourceId, Timestamp};

use crate::{clock::Clock, content::Files, rulebook::Rulebook, rules::Units, settings::Settings};

/// Everything that runs. Shared by all tasks and threads.
pub(crate) struct Floor {
    /// Settings it was opened with.
    pub settings: Settings,
    /// The clock.
    pub clock: Clock,
    /// Content as text, for lint and diagnostics.
    pub files: Files,
    /// Rules of the content files.
    pub units: Units,
    /// Journal number that the rules in force are of.
    pub rules_at: tokio::sync::watch::Sender<u64>,
    /// Mappings.
    pub sources: Sources,
    /// Events.
    pub lake: Lake,
    /// Journal, outbox, accounts.
    pub store: Store,
    /// Rules in force; replaced whole.
    rulebook: RwLock<Arc<Rulebook>>,
    /// Indicators in force; replaced whole.
    matcher: RwLock<Arc<Matcher>>,
    state: RwLock<State>,
    inbox: mpsc::Sender<Job>,
    /// Effects on their way to `edge`.
    pub effects: performer::Queue,
    /// Frames on their way to detection.
    pub frames: processor::Queue,
    news: broadcast::Sender<News>,
    journal: AtomicU64,
    /// Marked frames that detection has finished with.
    pub ledger: player::Ledger,
    /// Emissions that exercises asked for and that are not through detection.
    pub emissions: AtomicUsize,
    /// Figures by source since the start.
    pub figures: Mutex<BTreeMap<SourceId, SourceFigures>>,
    /// Set when the floor closes: detection writes down where it is, and ends.
    pub closing: AtomicBool,
    /// Set when the server is told to stop.
    pub stopping: tokio::sync::watch::Sender<bool>,
    /// For threads of ours that have to ask the store.
    pub runtime: tokio::runtime::Handle,
    sightings: Mutex<Vec<IndicatorMatch>>,
    /// Findings, alerts and incidents on their way to other systems.
    pub outputs: outputs::Outputs,
}

/// Entries that became durable together.
#[derive(Debug, Clone)]
pub(crate) struct News {
    /// Number of the last.
    pub journal: u64,
    /// When they were decided.
    pub at: Timestamp,
    /// The entries, in order.
    pub entries: Arc<Vec<Entry>>,
}

impl Floor {
    /// Asks for a decision and waits until it is durable.
    pub(crate) async fn ask(&self, actor: Actor, input: Input) -> Result<Decided, Denied> {
        let (reply, answer) = oneshot::channel();
        self.inbox
            .send(Job {
                actor,
                input,
                reply,
            })
            .await
            .map_err(|_| Denied::Down)?;
        answer.await.map_err(|_| Denied::Down)?
    }

    /// The same from a thread that is not the runtime's.
    pub(crate) fn ask_blocking(&self, actor: Actor, input: Input) -> Result<Decided, Denied> {
        let (reply, answer) = oneshot::channel();
        self.inbox
            .blocking_send(Job {
                actor,
                input,
                reply,
            })
            .map_err(|_| Denied::Down)?;
        answer.blocking_recv().map_err(|_| Denied::Down)?
    }

    /// The state, for reading. Hold it only while a page is built.
    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rules in force.
    pub(crate) fn rulebook(&self) -> Arc<Rulebook> {
        Arc::clone(&self.rulebook.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other rules in force. What is being matched is finished with those before.
    pub(crate) fn set_rulebook(&self, rulebook: Rulebook) {
        *self
            .rulebook
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(rulebook);
    }

    /// Indicators in force.
    pub(crate) fn matcher(&self) -> Arc<Matcher> {
        Arc::clone(&self.matcher.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts new indicators in force.
    pub(crate) fn set_matcher(&self, matcher: Matcher) {
        *self.matcher.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(matcher);
    }

    /// Number of the last durable journal entry.
    pub(crate) fn journal(&self) -> u64 {
        self.journal.load(Ordering::Acquire)
    }

    /// Entries as they become durable.
    pub(crate) fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    fn publish(&self, news: News) {
        self.journal.store(news.journal, Ordering::Release);
        if !news.entries.is_empty() {
            self.emissions
                .fetch_add(player::count(&news.entries), Ordering::AcqRel);
            // Nobody listening is fine.
            drop(self.news.send(news));
        }
    }

    /// Whether the floor takes no decisions any more.
    pub(crate) fn is_down(&self) -> bool {
        self.inbox.is_closed()
    }

    /// Whether anything is on its way: an emission, a frame to detection, an effect to the world.
    pub(crate) fn in_flight(&self) -> bool {
        self.emissions.load(Ordering::Acquire) > 0
            || self.frames.waiting() > 0
            || self.effects.waiting() > 0
    }
}

/// Hands an effect to whoever performs it.
pub(crate) fn is_due(effect: &Effect, now: Timestamp) -> bool {
    now < effect.deadline
}

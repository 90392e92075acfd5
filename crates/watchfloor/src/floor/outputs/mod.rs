//! Outputs: findings, alerts and incidents on their way to the systems of a SOC.
//!
//! What is to be sent is the journal; how far an output has come is a number in the store. So the
//! queue is as long as the journal and takes no memory, a slow receiver holds up nobody, and a
//! crash loses nothing: what was under way is sent again, under the same id.

mod batch;
mod replay;
mod run;

pub(crate) use replay::Again;
pub(super) use run::run;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};
use watchfloor_edge::{Delivered, Fate, Form, Item};
use watchfloor_store::{OutputRow, Store};
use watchfloor_types::Timestamp;

use super::Floor;
use crate::{
    settings::{Begin, OutputSettings, Settings},
    siem::{self, Message, Subject},
};

/// Every output of the settings, by name.
#[derive(Debug, Default)]
pub(crate) struct Outputs(BTreeMap<String, Arc<Line>>);

/// One output that runs.
#[derive(Debug)]
pub(crate) struct Line {
    /// Its settings.
    pub settings: Arc<OutputSettings>,
    /// Number of the last journal entry that it is done with.
    cursor: AtomicU64,
    live: Mutex<Live>,
    /// Paused, resumed.
    changed: Notify,
}

/// What an output is doing, for people.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    /// Since when a person has it paused.
    pub paused: Option<Timestamp>,
    /// When the first of what waits was decided.
    pub oldest: Option<Timestamp>,
    /// Tries in a row that failed.
    pub tries: u32,
    /// When the next try is.
    pub next_try: Option<Timestamp>,
    /// What went wrong last, and when.
    pub error: Option<(Timestamp, String)>,
}

impl Line {
    /// What it is doing.
    pub(crate) fn live(&self) -> Live {
        self.lock().clone()
    }

    /// One word for what it is doing.
    pub(crate) fn state(&self) -> &'static str {
        let live = self.lock();
        match (live.paused, live.tries, live.oldest) {
            (Some(_), _, _) => "paused",
            (None, 1.., _) => "retrying",
            (None, 0, Some(_)) => "sending",
            (None, 0, None) => "idle",
        }
    }

    fn cursor(&self) -> u64 {
        self.cursor.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends on a thread of its own: a receiver that hangs keeps neither the runtime nor an end
    /// of the program waiting.
    async fn deliver(&self, items: Vec<Item>, now: Timestamp) -> Delivered {
        let count = items.len();
        let settings = Arc::clone(&self.settings);
        let (tell, told) = oneshot::channel();
        let started = std::thread::Builder::new()
            .name("output".into())
            .spawn(move || {
                // Nobody waiting means that the program is ending.
                drop(tell.send(settings.to.deliver(&items, settings.bounds, now)));
            });
        let failed = match started {
            Ok(_) => match told.await {
                Ok(delivered) => return delivered,
                Err(_) => "the sender failed; see the log".to_owned(),
            },
            Err(error) => format!("cannot start a thread: {error}"),
        };
        Delivered {
            fates: vec![Fate::Later(failed.clone()); count],
            answer: failed,
            pause: None,
            whole: true,
        }
    }

    /// A message as this output sends it.
    fn item(&self, message: &Message) -> Item {
        let format = self.settings.format;
        let mut facts = vec![
            ("activity", message.activity.as_str().to_owned()),
            ("severity", message.severity().to_string()),
            ("title", message.title()),
            ("tlp", message.tlp().to_string()),
            ("journal", message.seq.to_string()),
        ];
        match &message.subject {
            Subject::Finding(f, alert) => {
                facts.push(("rule", f.rule.id.to_string()));
                facts.extend(alert.iter().map(|a| ("alert", a.clone())));
            }
            Subject::Alert(a) => facts.push(("alert", a.id.to_string())),
            Subject::Incident(i) => facts.push(("incident", i.name.clone())),
        }
        facts.extend(message.reality.word().map(|w| ("mark", w.to_owned())));
        Item {
            id: message.id.clone(),
            kind: message.kind().as_str(),
            event: format!(
                "watchfloor.{}.{}",
                message.kind().as_str(),
                message.activity.as_str()
            ),
            time: message.at,
            severity: message.severity(),
            facts,
            body: siem::line(format, message),
            form: if format.is_json() {
                Form::Json
            } else {
                Form::Text
            },
        }
    }
}

impl Outputs {
    /// Finds where each output stands. One that never ran starts where its settings say.
    pub(super) async fn open(settings: &Settings, store: &Store) -> anyhow::Result<Self> {
        let head = store.head().seq;
        for output in &settings.outputs {
            let cursor = match output.from {
                Begin::Now => head,
                Begin::Start => 0,
            };
            store
                .output_add(&output.name, cursor)
                .await
                .context("cannot note an output")?;
        }
        let rows = store.outputs().await.context("cannot read outputs")?;
        let line = |settings: &Arc<OutputSettings>| {
            let row = rows.iter().find(|r| r.name == settings.name);
            Arc::new(Line {
                settings: Arc::clone(settings),
                cursor: AtomicU64::new(row.map_or(head, |r| r.cursor)),
                live: Mutex::new(Live {
                    paused: row.and_then(|r| r.paused),
                    ..Live::default()
                }),
                changed: Notify::new(),
            })
        };
        Ok(Self(
            settings
                .outputs
                .iter()
                .map(|o| (o.name.clone(), line(o)))
                .collect(),
        ))
    }

    /// One of them.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Line>> {
        self.0.get(name)
    }

    /// Numbers without names, for those who have no token.
    pub(crate) fn health(&self, journal: u64) -> Value {
        let count = |word: &str| self.iter().filter(|line| line.state() == word).count();
        let behind = self
            .iter()
            .map(|line| journal.saturating_sub(line.cursor()));
        json!({
            "outputs": self.0.len(), "retrying": count("retrying"), "paused": count("paused"),
            "behind": behind.max().unwrap_or(0),
        })
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Line>> {
        self.0.values()
    }
}

/// How an output is doing, as the API, the console and the command line show it.
pub(crate) struct Standing {
    /// What the store knows.
    pub row: OutputRow,
    /// It, where the settings still have it.
    pub line: Option<Arc<Line>>,
    /// Dead letters that wait.
    pub dead: u64,
    /// Journal entries that it is behind.
    pub behind: u64,
    /// How long the first of them has waited, in seconds.
    pub behind_seconds: u64,
}

impl Standing {
    /// One word for what it is doing.
    pub(crate) fn state(&self) -> &'static str {
        self.line.as_ref().map_or("removed", |line| line.state())
    }

    /// As JSON.
    pub(crate) fn view(&self) -> Value {
        let settings = self.line.as_ref().map(|l| &l.settings);
        let live = self.line.as_ref().map(|l| l.live()).unwrap_or_default();
        let counts = self.row.counts;
        json!({
            "name": self.row.name, "state": self.state(),
            "kind": settings.map(|s| s.kind.as_str()), "to": settings.map(|s| s.to.shown()),
            "format": settings.map(|s| s.format.as_str()), "cursor": self.row.cursor,
            "behind": self.behind, "behind_seconds": self.behind_seconds,
            "sent": counts.sent, "refused": counts.refused, "filtered": counts.filtered,
            "held_tlp": counts.held_tlp, "held_exercise": counts.held_exercise,
            "dead_letters": self.dead, "last_sent": self.row.last_sent, "paused": live.paused,
            "tries": live.tries, "next_try": live.next_try,
            "last_error": live.error.as_ref().map(|e| &e.1), "last_error_at": live.error.as_ref().map(|e| e.0),
        })
    }
}

impl Floor {
    /// How every output is doing, those that the settings no longer have included.
    pub(crate) async fn output_standings(
        &self,
    ) -> Result<Vec<Standing>, watchfloor_store::ReadError> {
        let head = self.store.head().seq;
        let now = self.clock.now();
        let dead: BTreeMap<String, u64> =
            self.store.output_dead_counts().await?.into_iter().collect();
        let standing = |mut row: OutputRow| {
            let line = self.outputs.get(&row.name).cloned();
            row.cursor = line.as_ref().map_or(row.cursor, |l| l.cursor());
            let behind = match &line {
                Some(_) => head.saturating_sub(row.cursor),
                None => 0,
            };
            let oldest = line.as_ref().and_then(|l| l.live().oldest);
            let waited = oldest.map_or(0, |at| now.duration_since(at).as_secs());
            Standing {
                dead: dead.get(&row.name).copied().unwrap_or(0),
                behind,
                behind_seconds: u64::try_from(waited).unwrap_or(0),
                line,
                row,
            }
        };
        let rows = self.store.outputs().await?;
        Ok(rows.into_iter().map(standing).collect())
    }

    /// Pauses an output, or lets it go on and try at once. None where there is no such output.
    pub(crate) async fn output_pause(
        &self,
        name: &str,
        since: Option<Timestamp>,
    ) -> Result<Option<()>, watchfloor_store::WriteError> {
        let Some(line) = self.outputs.get(name) else {
            return Ok(None);
        };
        self.store.output_pause(name, since).await?;
        line.lock().paused = since;
        line.changed.notify_one();
        Ok(Some(()))
    }

    /// Sends one message that says that it is a test, past filters and pauses.
    pub(crate) async fn output_test(&self, line: &Line) -> Value {
        let now = self.clock.now();
        let tenant = self.settings.tenant.clone();
        let Some(message) = Message::test(&line.settings.name, tenant, now) else {
            return json!({"taken": false, "answer": "the test could not be made"});
        };
        let item = line.item(&message);
        let sent = item.body.clone();
        let delivered = line.deliver(vec![item], now).await;
        let (taken, why) = match delivered.fates.first() {
            Some(Fate::Taken) => (true, None),
            Some(Fate::Refused(why) | Fate::Later(why)) => (false, Some(why.clone())),
            None => (false, None),
        };
        json!({
            "output": line.settings.name, "to": line.settings.to.shown(), "taken": taken,
            "answer": why.unwrap_or(delivered.answer), "id": message.id, "sent": sent,
        })
    }
}

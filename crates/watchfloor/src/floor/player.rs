//! Exercises in play: emission through ordinary ingest, scripted players, the passing of time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::broadcast;
use watchfloor_respond::{
    Input,
    exercise::{self, Entry, Pace, Receipt},
};
use watchfloor_types::{
    Actor, EventId, ExerciseId, InjectId, Mark, RuleId, SourceId, TenantId, Timestamp,
};

use super::{Floor, intake};

/// What became of a marked frame once every rule has seen it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub events: Vec<EventId>,
    pub dead: u32,
}

/// Marked frames that detection has finished with, by sequence number.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    seen: Mutex<BTreeMap<u64, Seen>>,
    changed: tokio::sync::Notify,
}

impl Ledger {
    /// Notes that every rule has seen the events of a marked frame.
    pub(crate) fn note(&self, seq: u64, seen: Seen) {
        self.lock().insert(seq, seen);
        self.changed.notify_waiters();
    }

    /// Waits until detection is through with a frame.
    async fn take(&self, seq: u64) -> Option<Seen> {
        tokio::time::timeout(crate::clock::PATIENCE, async {
            loop {
                let changed = self.changed.notified();
                if let Some(seen) = self.lock().remove(&seq) {
                    return seen;
                }
                // A note between look and wait would be missed for good without the short limit.
                drop(tokio::time::timeout(Duration::from_millis(50), changed).await);
            }
        })
        .await
        .ok()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries out what exercises ask to emit, in order.
pub(crate) async fn emitter(floor: Arc<Floor>) {
    let mut news = floor.news();
    let mut parts: BTreeMap<(ExerciseId, InjectId), usize> = BTreeMap::new();
    loop {
        let entries = match news.recv().await {
            Ok(news) => news.entries,
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::error!(
                    missed,
                    "an exercise may have lost emissions; its injects will be judged inconclusive"
                );
                continue;
            }
            Err(broadcast::error::RecvError::Closed) => return,
        };
        for entry in entries.iter() {
            let watchfloor_respond::Entry::Exercise(Entry::Emit {
                exercise,
                inject,
                part,
                source,
                tenant,
                records,
            }) = entry
            else {
                continue;
            };
            let receipt = emit(&floor, *exercise, inject, *part, source, tenant, records).await;
            let done = parts.entry((*exercise, inject.clone())).or_default();
            *done += 1;
            let done = *done;
            tell(&floor, exercise::Input::Emitted(receipt)).await;
            let (wanted, rules) = expected(&floor, *exercise, inject);
            if done >= wanted {
                parts.remove(&(*exercise, inject.clone()));
                tell(
                    &floor,
                    exercise::Input::Evaluated {
                        exercise: *exercise,
                        inject: inject.clone(),
                        rules,
                    },
                )
                .await;
            }
        }
        floor
            .emissions
            .fetch_sub(count(&entries), std::sync::atomic::Ordering::AcqRel);
    }
}

/// How many emissions are asked for in `entries`.
pub(crate) fn count(entries: &[watchfloor_respond::Entry]) -> usize {
    entries
        .iter()
        .filter(|e| matches!(e, watchfloor_respond::Entry::Exercise(Entry::Emit { .. })))
        .count()
}

async fn emit(
    floor: &Floor,
    exercise: ExerciseId,
    inject: &InjectId,
    part: u32,
    source: &SourceId,
    tenant: &TenantId,
    records: &[String],
) -> Receipt {
    let sent = records.len() as u32;
    let mut receipt = Receipt {
        exercise,
        inject: inject.clone(),
        part,
        sent,
        received: 0,
        events: Vec::new(),
        dead: 0,
        accepted_at: None,
        problem: None,
    };
    // The stop button is looked at last: nothing leaves after it.
    if !exercise::may_emit(&floor.state(), exercise) {
        receipt.problem = Some("the exercise was stopped".to_owned());
        return receipt;
    }
    let mark = Mark {
        exercise,
        inject: inject.clone(),
    };
    let records = records
        .iter()
        .map(|r| Bytes::copy_from_slice(r.as_bytes()))
        .collect();
    match intake::emit(floor, source.clone(), tenant.clone(), mark, records).await {
        Ok((seq, accepted)) => {
            receipt.received = sent;
            receipt.accepted_at = Some(accepted);
            match floor.ledger.take(seq).await {
                Some(seen) => {
                    receipt.events = seen.events;
                    receipt.dead = seen.dead;
                }
                None => {
                    receipt.problem =
                        Some("detection did not come to these events in time".to_owned());
                }
            }
        }
        Err(error) => receipt.problem = Some(error.to_string()),
    }
    receipt
}

/// How many emissions an inject has, and which of the rules it expects are loaded.
fn expected(floor: &Floor, exercise: ExerciseId, inject: &InjectId) -> (usize, Vec<RuleId>) {
    let rulebook = floor.rulebook();
    let state = floor.state();
    let Some(inject) = state
        .exercises
        .get(exercise)
        .and_then(|play| play.plan.inject(inject))
    else {
        return (0, Vec::new());
    };
    let wanted = inject
        .detection()
        .map(|(rules, _)| rules.to_vec())
        .unwrap_or_default();
    (
        inject.emits.len(),
        wanted
            .into_iter()
            .filter(|rule| rulebook.engine.document(rule).is_some())
            .collect(),
    )
}

async fn tell(floor: &Floor, input: exercise::Input) {
    if let Err(error) = floor.ask(Actor::System, Input::Exercise(input)).await {
        tracing::error!(%error, "an exercise was not told what happened");
    }
}

/// Lets time pass: once a second, and as fast as play allows while a stepped exercise is on.
pub(crate) async fn ticker(floor: Arc<Floor>) {
    loop {
        let stepped = floor
            .state()
            .exercises
            .live()
            .any(|play| play.clock.pace() == Pace::Stepped);
        tokio::time::sleep(Duration::from_millis(if stepped { 25 } else { 1000 })).await;
        if floor.ask(Actor::System, Input::Tick).await.is_err() {
            return;
        }
        act(&floor).await;
        if stepped {
            skip(&floor);
        }
    }
}

/// What scripted players do now.
async fn act(floor: &Floor) {
    let due = exercise::due_player_inputs(&floor.state(), floor.clock.now());
    for player in due {
        let refused = match player.input {
            Ok(input) => floor
                .ask(player.actor, input)
                .await
                .err()
                .map(|e| e.to_string()),
            Err(reason) => Some(reason),
        };
        tell(
            floor,
            exercise::Input::PlayerActed {
                exercise: player.exercise,
                act: player.act,
                refused,
            },
        )
        .await;
    }
}

/// Moves a story's clock to the next thing that is due, while nothing is in flight.
fn skip(floor: &Floor) {
    if floor.in_flight() {
        return;
    }
    let now = floor.clock.now();
    let next: Option<Timestamp> = {
        let state = floor.state();
        let idle = exercise::due_player_inputs(&state, now).is_empty();
        exercise::next_due(&state, now).filter(|_| idle)
    };
    if let Some(next) = next {
        floor.clock.skip_to(next);
    }
}

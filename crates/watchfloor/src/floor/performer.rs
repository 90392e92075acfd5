//! Effects on their way to the world and outcomes on their way back. Step 7 of the pipeline.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;
use watchfloor_edge::{Targets, perform};
use watchfloor_respond::Input;
use watchfloor_store::{EffectRecord, EffectStatus};
use watchfloor_types::{Actor, Effect, EffectClass, Outcome, OutcomeStatus, Timestamp};

use super::Floor;

/// Effects to be performed, in the order they were decided.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    effects: mpsc::UnboundedSender<Effect>,
    waiting: Arc<AtomicUsize>,
}

/// The other end of a [`Queue`].
pub(crate) struct Effects {
    effects: mpsc::UnboundedReceiver<Effect>,
    waiting: Arc<AtomicUsize>,
}

/// A queue and its other end. It is as long as the outbox, which is on disk.
pub(crate) fn queue() -> (Queue, Effects) {
    let (tx, rx) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (
        Queue {
            effects: tx,
            waiting: Arc::clone(&waiting),
        },
        Effects {
            effects: rx,
            waiting,
        },
    )
}

impl Queue {
    /// Hands over an effect that is durable in the outbox.
    pub(crate) fn send(&self, effect: Effect) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        if self.effects.send(effect).is_err() {
            tracing::info!(
                "an effect was decided during shutdown; it is performed at the next start"
            );
        }
    }

    /// Effects without an outcome.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }
}

/// Performs effects until the floor is gone; slow ones do not hold up the others.
pub(crate) async fn run(floor: Arc<Floor>, targets: Arc<Targets>, mut effects: Effects) {
    while let Some(effect) = effects.effects.recv().await {
        let (floor, targets, waiting) = (
            Arc::clone(&floor),
            Arc::clone(&targets),
            Arc::clone(&effects.waiting),
        );
        tokio::spawn(async move {
            one(&floor, &targets, effect).await;
            waiting.fetch_sub(1, Ordering::AcqRel);
        });
    }
}

async fn one(floor: &Floor, targets: &Targets, effect: Effect) {
    let now = floor.clock.now();
    // What is only recorded has nothing to be late for.
    let outcome = if effect.rehearsal || super::is_due(&effect, now) {
        match floor.store.mark_started(&effect.key, now).await {
            Ok(()) => perform(&effect, targets, now).await,
            Err(error) => {
                tracing::error!(%error, key = %effect.key, "an effect is not performed: the outbox did not take note of it");
                Outcome {
                    key: effect.key.clone(),
                    status: OutcomeStatus::InDoubt,
                    detail: format!("it was not performed now: {error}"),
                    output: None,
                    at: now,
                }
            }
        }
    } else {
        Outcome {
            key: effect.key.clone(),
            status: OutcomeStatus::Failed,
            detail: "its deadline had passed".to_owned(),
            output: None,
            at: now,
        }
    };
    report(
        floor,
        Outcome {
            at: floor.clock.now(),
            ..outcome
        },
    )
    .await;
}

async fn report(floor: &Floor, outcome: Outcome) {
    let key = outcome.key.clone();
    if let Err(error) = floor.ask(Actor::System, Input::Outcome(outcome)).await {
        tracing::error!(%error, %key, "the outcome of an effect was not recorded");
    }
}

/// Takes up what the last run of the process left: effects not yet started are performed; of those
/// that were under way the harmless are repeated and the others are in doubt.
pub(crate) async fn resume(floor: &Floor, pending: Vec<EffectRecord>) {
    for record in pending {
        let repeat = match record.status {
            EffectStatus::Started => record.effect.rehearsal || may_repeat(record.effect.class),
            _ => true,
        };
        if repeat {
            let mut effect = record.effect;
            if record.status == EffectStatus::Started || may_repeat(effect.class) {
                // How long it may take counts from now: the outage is not the receiver's.
                let span = effect.deadline.duration_since(effect.at);
                effect.at = floor.clock.now();
                effect.deadline = effect.at.saturating_add(span).unwrap_or(Timestamp::MAX);
            }
            floor.effects.send(effect);
        } else {
            let outcome = Outcome {
                key: record.effect.key.clone(),
                status: OutcomeStatus::InDoubt,
                detail:
                    "the process ended while this was under way; nobody knows whether it happened"
                        .to_owned(),
                output: None,
                at: floor.clock.now(),
            };
            report(floor, outcome).await;
        }
    }
}

fn may_repeat(class: EffectClass) -> bool {
    class.may_repeat()
}

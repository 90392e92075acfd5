//! The responder: the only writer. Inputs in order, entries durable, then effects.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use watchfloor_respond::{Entry, Input, Refusal, step};
use watchfloor_store::Transaction;
use watchfloor_types::{Actor, Effect, Timestamp};

use super::{Floor, News};

/// At most this many inputs share a transaction.
const BATCH: usize = 256;

/// An input on its way to a decision.
pub(crate) struct Job {
    pub actor: Actor,
    pub input: Input,
    pub reply: oneshot::Sender<Result<Decided, Denied>>,
}

/// What was decided and is durable.
#[derive(Debug, Clone)]
pub(crate) struct Decided {
    /// Number of the last journal entry of the transaction; 0 where nothing was ever written.
    pub journal: u64,
    /// The entries of this input.
    pub entries: Vec<Entry>,
}

/// Why an input came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Denied {
    /// The rules of the floor refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The floor is shutting down or its journal failed.
    #[error("the floor takes no inputs any more; see the server's log")]
    Down,
}

/// Runs until every sender is gone. Ends the process when the journal cannot be written: the state
/// in memory would be ahead of what is durable, and a restart puts that right.
pub(crate) async fn run(floor: Arc<Floor>, mut inbox: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(BATCH);
    loop {
        jobs.clear();
        if inbox.recv_many(&mut jobs, BATCH).await == 0 {
            return;
        }
        let now = floor.clock.now();
        let round = decide(&floor, &mut jobs, now);
        let journal = if round.transaction.is_empty() {
            floor.journal()
        } else {
            match floor.store.append(round.transaction).await {
                Ok(committed) => committed.seqs.end.saturating_sub(1).max(floor.journal()),
                Err(error) => {
                    tracing::error!(%error, "the journal cannot be written; ending so that a restart rebuilds the state");
                    std::process::exit(3);
                }
            }
        };
        floor.publish(News {
            journal,
            at: now,
            entries: Arc::new(
                round
                    .replies
                    .iter()
                    .flat_map(|(_, entries)| entries.clone())
                    .collect(),
            ),
        });
        for (reply, entries) in round.replies {
            // A caller that left does not want the answer.
            drop(reply.send(Ok(Decided { journal, entries })));
        }
        for effect in round.effects {
            floor.effects.send(effect);
        }
    }
}

/// Where the answer to an input goes.
type Answer = oneshot::Sender<Result<Decided, Denied>>;

struct Round {
    transaction: Transaction,
    replies: Vec<(Answer, Vec<Entry>)>,
    effects: Vec<Effect>,
}

fn decide(floor: &Floor, jobs: &mut Vec<Job>, now: Timestamp) -> Round {
    let mut round = Round {
        transaction: Transaction::new(),
        replies: Vec::new(),
        effects: Vec::new(),
    };
    let mut state = floor.state_mut();
    for job in jobs.drain(..) {
        let outcome = match &job.input {
            Input::Outcome(outcome) => Some(outcome.clone()),
            _ => None,
        };
        match step(&mut state, &job.actor, job.input, now) {
            Ok(decision) => {
                let mut transaction = std::mem::take(&mut round.transaction);
                if let Some(outcome) = &outcome {
                    transaction = transaction.outcome_once(outcome);
                }
                for entry in &decision.entries {
                    let (kind, body) = encode(entry);
                    transaction = transaction.entry(kind, now, body);
                }
                for effect in &decision.effects {
                    transaction = transaction.effect(effect);
                }
                transaction = super::projection::project(transaction, &state, &decision.entries);
                round.transaction = transaction;
                round.effects.extend(decision.effects);
                round.replies.push((job.reply, decision.entries));
            }
            Err(refusal @ Refusal::Loop { .. }) => {
                tracing::error!(%refusal, "a defect: ending so that a restart rebuilds the state");
                std::process::exit(3);
            }
            Err(refusal) => drop(job.reply.send(Err(refusal.into()))),
        }
    }
    round
}

/// Kind and JSON of a journal entry: `alert.opened`.
pub(crate) fn encode(entry: &Entry) -> (String, String) {
    let value = serde_json::to_value(entry).unwrap_or_default();
    let word = |pointer: &str| {
        value
            .pointer(pointer)
            .and_then(serde_json::Value::as_str)
            .unwrap_or("unknown")
            .to_owned()
    };
    (
        format!("{}.{}", word("/module"), word("/entry/type")),
        value.to_string(),
    )
}

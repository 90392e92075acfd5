//! Puts rules in force when decisions say so: built beside the hot path, swapped at once.

use std::sync::Arc;

use tokio::sync::broadcast;
use watchfloor_respond::{Entry, rule};

use super::{assemble, wanted};
use crate::floor::{Floor, News};

/// Whether these entries change what runs.
pub(crate) fn concerns(entries: &[Entry]) -> bool {
    entries
        .iter()
        .any(|e| matches!(e, Entry::Rule(rule::Entry::Staged { .. })))
}

/// Follows the journal until the floor is gone.
pub(crate) async fn run(floor: Arc<Floor>, mut news: broadcast::Receiver<News>) {
    loop {
        let mut due = match news.recv().await {
            Ok(news) => concerns(&news.entries),
            // What was missed may have changed something.
            Err(broadcast::error::RecvError::Lagged(_)) => true,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        // Several changes at once are built once.
        loop {
            match news.try_recv() {
                Ok(news) => due |= concerns(&news.entries),
                Err(broadcast::error::TryRecvError::Lagged(_)) => due = true,
                Err(
                    broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed,
                ) => break,
            }
        }
        if due {
            reload(&floor).await;
        }
    }
}

async fn reload(floor: &Arc<Floor>) {
    // The number first: the state may be newer than it, never older.
    let journal = floor.journal();
    let wanted = wanted(&floor.state(), &floor.units);
    let builder = Arc::clone(floor);
    let began = std::time::Instant::now();
    match tokio::task::spawn_blocking(move || assemble(wanted, &builder.units)).await {
        Ok(book) => {
            for (rule, fallen) in &book.fallen {
                tracing::error!(
                    %rule, wanted = fallen.wanted, running = ?fallen.running, why = %fallen.why,
                    "the text in force of a rule cannot be run; the last good one runs on, if there is one"
                );
            }
            tracing::info!(
                rules = book.engine.documents().len(),
                millis = began.elapsed().as_millis() as u64,
                "rules are in force"
            );
            floor.set_rulebook(book);
        }
        Err(error) => {
            tracing::error!(%error, "a defect: rules could not be built; those before stay in force");
        }
    }
    floor.rules_at.send_replace(journal);
}

impl Floor {
    /// Waits until the rules in force are those of journal number `journal`; not for ever.
    pub(crate) async fn rules_settled(&self, journal: u64) {
        let mut at = self.rules_at.subscribe();
        let settled = at.wait_for(|at| *at >= journal);
        if tokio::time::timeout(std::time::Duration::from_secs(20), settled)
            .await
            .is_err()
        {
            tracing::warn!(journal, "rules take long to be put in force");
        }
    }
}

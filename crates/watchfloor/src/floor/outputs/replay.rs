//! Dead letters of outputs once more: made anew from the journal, sent one by one.

use watchfloor_edge::{Fate, Form, Item};
use watchfloor_respond::Entry;
use watchfloor_store::{OutputCounts, OutputDeadRow};
use watchfloor_types::Severity;

use super::Line;
use crate::{floor::Floor, siem};

/// What became of a dead letter that was sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Again {
    /// The receiver has it now.
    Taken,
    /// It is refused as before.
    Refused(String),
    /// The receiver does not take anything now; it waits on.
    Later(String),
}

impl Floor {
    /// Sends a dead letter again.
    pub(crate) async fn output_again(
        &self,
        line: &Line,
        letter: &OutputDeadRow,
    ) -> anyhow::Result<Again> {
        let now = self.clock.now();
        let name = &line.settings.name;
        let item = self.item_again(line, letter).await?;
        let body = item.body.clone();
        let delivered = line.deliver(vec![item], now).await;
        Ok(match delivered.fates.into_iter().next() {
            Some(Fate::Taken) => {
                // A crash between these two leaves a letter that can be sent again, under the same id.
                let counts = OutputCounts {
                    sent: 1,
                    ..OutputCounts::default()
                };
                self.store
                    .output_dead_replayed(name, &letter.id, now)
                    .await?;
                self.store
                    .output_advance(name, 0, counts, Some(now), &[])
                    .await?;
                Again::Taken
            }
            Some(Fate::Refused(reason)) => {
                let changed = OutputDeadRow {
                    reason: reason.clone(),
                    body,
                    ..letter.clone()
                };
                self.store
                    .output_advance(name, 0, OutputCounts::default(), None, &[changed])
                    .await?;
                Again::Refused(reason)
            }
            Some(Fate::Later(why)) => Again::Later(why),
            None => Again::Later(delivered.answer),
        })
    }

    /// The message as this version and these settings make it; as it was refused, where the journal
    /// no longer gives it.
    async fn item_again(&self, line: &Line, letter: &OutputDeadRow) -> anyhow::Result<Item> {
        let rows = self.store.entries(letter.seq, 1).await?;
        let made = rows.iter().find(|r| r.seq == letter.seq).and_then(|row| {
            let entry: Entry = serde_json::from_str(&row.body).ok()?;
            let all = siem::messages(&self.state(), &entry, row.seq, row.at);
            let message = all.into_iter().find(|m| m.id == letter.id)?;
            Some(line.item(&message))
        });
        Ok(made.unwrap_or_else(|| Item {
            id: letter.id.clone(),
            kind: match letter.kind.as_str() {
                "alert" => "alert",
                "incident" => "incident",
                _ => "finding",
            },
            event: format!("watchfloor.{}.updated", letter.kind),
            time: letter.at,
            severity: Severity::Informational,
            facts: vec![("title", letter.title.clone())],
            body: letter.body.clone(),
            form: if line.settings.format.is_json() {
                Form::Json
            } else {
                Form::Text
            },
        }))
    }
}

//! From journal entries to batches: what is to be sent, and what is not and why.

use watchfloor_edge::Item;
use watchfloor_respond::Entry;
use watchfloor_store::{Entry as Row, OutputCounts, OutputDeadRow};
use watchfloor_types::Timestamp;

use super::Line;
use crate::{floor::Floor, settings::Sift, siem};

/// One message on its way.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub seq: u64,
    pub title: String,
    pub item: Item,
}

impl Letter {
    /// What is kept of it when the receiver refuses it for good.
    pub(super) fn dead(self, output: &str, reason: String, now: Timestamp) -> OutputDeadRow {
        OutputDeadRow {
            output: output.to_owned(),
            id: self.item.id,
            seq: self.seq,
            at: now,
            kind: self.item.kind.to_owned(),
            title: self.title,
            reason,
            body: self.item.body,
            replayed: None,
        }
    }
}

/// Entries whose messages are sent together. An entry is in one batch whole.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub letters: Vec<Letter>,
    /// What was left out.
    pub counts: OutputCounts,
    /// Number of the last entry in it.
    pub end: u64,
    /// When the first entry with a letter was made.
    pub oldest: Option<Timestamp>,
}

/// The batches of some entries, in order. Holds the state only while an entry is looked at.
pub(super) fn batches(floor: &Floor, line: &Line, rows: &[Row]) -> Vec<Batch> {
    let settings = &line.settings;
    let mut all = Vec::new();
    let mut batch = Batch::default();
    let mut bytes = 0;
    for row in rows {
        // Entries of modules that no output sends are not even parsed.
        let relevant = row.kind.starts_with("alert.") || row.kind.starts_with("incident.");
        let entry = relevant.then(|| serde_json::from_str::<Entry>(&row.body));
        let messages = match entry {
            None => Vec::new(),
            Some(Ok(entry)) => siem::messages(&floor.state(), &entry, row.seq, row.at),
            // The state was rebuilt from the same text at the start, so this is news.
            Some(Err(error)) => {
                tracing::error!(seq = row.seq, %error, output = settings.name, "a journal entry cannot be read and is not sent");
                Vec::new()
            }
        };
        for message in &messages {
            match settings.wants.sift(message) {
                Sift::Send => {
                    let item = line.item(message);
                    bytes += item.body.len();
                    batch.oldest.get_or_insert(row.at);
                    batch.letters.push(Letter {
                        seq: row.seq,
                        title: message.title(),
                        item,
                    });
                }
                Sift::Unwanted => batch.counts.filtered += 1,
                Sift::AboveTlp => batch.counts.held_tlp += 1,
                Sift::Staged => batch.counts.held_exercise += 1,
            }
        }
        batch.end = row.seq;
        if batch.letters.len() >= settings.batch || bytes >= settings.batch_bytes {
            all.push(std::mem::take(&mut batch));
            bytes = 0;
        }
    }
    if batch.end > 0 {
        all.push(batch);
    }
    all
}

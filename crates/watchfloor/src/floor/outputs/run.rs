//! One task per output: reads the journal from where it stopped, sends, and notes how far it came.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::sync::watch;
use watchfloor_edge::{Delivered, Fate, Item};
use watchfloor_store::{OutputCounts, OutputDeadRow};
use watchfloor_types::{SignedDuration, Timestamp};

use super::{
    Line,
    batch::{Batch, batches},
};
use crate::{floor::Floor, secrets};

/// Journal entries that are looked at at once.
const CHUNK: u32 = 200;
/// First pause after a failure.
const BACKOFF: Duration = Duration::from_millis(500);
/// Longest pause after a failure.
const BACKOFF_LIMIT: Duration = Duration::from_mins(5);
/// Longest pause that a receiver may ask for.
const ASKED_LIMIT: Duration = Duration::from_hours(1);
/// How often a place in the journal is noted that only passed over entries.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// Runs until the floor is gone.
pub(in crate::floor) async fn run(floor: Arc<Floor>, line: Arc<Line>) {
    let mut heads = floor.store.heads();
    // Passed over and not yet noted; after a crash it is passed over again.
    let mut passed = OutputCounts::default();
    let mut unsaved = false;
    let mut saved = Instant::now();
    let mut stopping = floor.stopping.subscribe();
    while !*stopping.borrow() {
        if line.lock().paused.is_some() {
            tokio::select! {
                () = line.changed.notified() => {},
                () = told(&mut stopping) => return,
            }
            continue;
        }
        heads.borrow_and_update();
        let rows = match floor.store.entries(line.cursor() + 1, CHUNK).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(%error, output = line.settings.name, "cannot read the journal");
                tokio::time::sleep(SAVE_EVERY).await;
                continue;
            }
        };
        if rows.is_empty() {
            line.lock().oldest = None;
            let save = unsaved.then(|| tokio::time::sleep(SAVE_EVERY));
            tokio::select! {
                changed = heads.changed() => if changed.is_err() { return },
                () = line.changed.notified() => {},
                () = told(&mut stopping) => {
                    if unsaved {
                        note(&floor, &line, line.cursor(), passed, None, &[]).await;
                    }
                    return;
                }
                () = async { match save { Some(sleep) => sleep.await, None => std::future::pending().await } } => {
                    note(&floor, &line, line.cursor(), passed, None, &[]).await;
                    (passed, unsaved, saved) = (OutputCounts::default(), false, Instant::now());
                }
            }
            continue;
        }
        for batch in batches(&floor, &line, &rows) {
            let end = batch.end;
            passed.filtered += batch.counts.filtered;
            passed.held_tlp += batch.counts.held_tlp;
            passed.held_exercise += batch.counts.held_exercise;
            if batch.letters.is_empty() {
                unsaved = true;
                if saved.elapsed() > SAVE_EVERY {
                    note(&floor, &line, end, passed, None, &[]).await;
                    (passed, unsaved, saved) = (OutputCounts::default(), false, Instant::now());
                }
            } else {
                // None where the program ends before the receiver has all of it.
                let Some(done) = send(&floor, &line, batch, &mut stopping).await else {
                    return;
                };
                passed.sent = done.sent;
                passed.refused = done.dead.len() as u64;
                let last = (done.sent > 0).then(|| floor.clock.now());
                note(&floor, &line, end, passed, last, &done.dead).await;
                (passed, unsaved, saved) = (OutputCounts::default(), false, Instant::now());
            }
            line.cursor.store(end, Ordering::Release);
        }
    }
}

/// Ready when the program is told to end.
async fn told(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stop| *stop).await);
}

/// Notes how far the output has come, until the store takes it.
async fn note(
    floor: &Floor,
    line: &Line,
    cursor: u64,
    counts: OutputCounts,
    last: Option<Timestamp>,
    dead: &[OutputDeadRow],
) {
    let name = &line.settings.name;
    loop {
        let noted = floor.store.output_advance(name, cursor, counts, last, dead);
        match noted.await {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(%error, output = name, "cannot note how far an output has come; it waits");
                tokio::time::sleep(SAVE_EVERY).await;
            }
        }
    }
}

/// What became of a batch.
#[derive(Default)]
struct Done {
    sent: u64,
    dead: Vec<OutputDeadRow>,
}

/// Sends a batch until each of its letters is taken or refused for good. When the program is told to
/// end it finishes the try that is under way and no more: what is not through is sent again by the
/// next start.
async fn send(
    floor: &Floor,
    line: &Line,
    batch: Batch,
    stopping: &mut watch::Receiver<bool>,
) -> Option<Done> {
    let mut done = Done::default();
    let mut waiting = batch.letters;
    let most = waiting.len();
    let mut size = most;
    line.lock().oldest = batch.oldest;
    while !waiting.is_empty() {
        if *stopping.borrow() {
            return None;
        }
        if line.lock().paused.is_some() {
            tokio::select! {
                () = line.changed.notified() => {},
                () = told(stopping) => {},
            }
            continue;
        }
        let count = size.clamp(1, waiting.len());
        let items: Vec<Item> = waiting.iter().take(count).map(|l| l.item.clone()).collect();
        let now = floor.clock.now();
        let answer = line.deliver(items, now).await;
        if count > 1 && answer.whole && answer.fates.iter().all(is_refused) {
            // One of them is bad, or all are too many: smaller ones tell.
            size = (count / 2).max(1);
            tracing::debug!(
                output = line.settings.name,
                count,
                answer = answer.answer,
                "a batch is cut in two"
            );
            continue;
        }
        let before = waiting.len();
        let rest = waiting.split_off(count);
        let mut later = Vec::new();
        for (letter, fate) in waiting.into_iter().zip(&answer.fates) {
            match fate {
                Fate::Taken => done.sent += 1,
                Fate::Refused(why) => {
                    tracing::warn!(
                        output = line.settings.name,
                        id = letter.item.id,
                        why,
                        "a receiver refuses a message for good; it is a dead letter"
                    );
                    done.dead
                        .push(letter.dead(&line.settings.name, why.clone(), now));
                }
                Fate::Later(_) => later.push(letter),
            }
        }
        let stuck = !later.is_empty();
        later.extend(rest);
        waiting = later;
        let progress = waiting.len() < before;
        if stuck {
            let wait = wait_after(floor, line, &answer, progress);
            tokio::select! {
                () = tokio::time::sleep(wait) => {},
                // A person who resumes the output ends the wait.
                () = line.changed.notified() => {},
                () = told(stopping) => {},
            }
        } else {
            size = (size * 2).min(most);
            let mut live = line.lock();
            (live.tries, live.next_try) = (0, None);
        }
    }
    Some(done)
}

fn is_refused(fate: &Fate) -> bool {
    matches!(fate, Fate::Refused(_))
}

/// How long to wait before the next try: as long as the receiver wants, else twice as long each time.
fn wait_after(floor: &Floor, line: &Line, answer: &Delivered, progress: bool) -> Duration {
    let why = answer.fates.iter().find_map(|fate| match fate {
        Fate::Later(why) => Some(why.clone()),
        Fate::Taken | Fate::Refused(_) => None,
    });
    let now = floor.clock.now();
    let mut live = line.lock();
    live.tries = if progress {
        1
    } else {
        live.tries.saturating_add(1)
    };
    let wait = match answer.pause {
        Some(asked) => asked.min(ASKED_LIMIT),
        None => jittered(backoff(live.tries)),
    };
    let after = SignedDuration::try_from(wait).unwrap_or_default();
    live.next_try = now.saturating_add(after).ok();
    live.error = why.map(|why| (now, why));
    // Once for an outage, not once for a try.
    if live.tries == 1
        && let Some((_, why)) = &live.error
    {
        tracing::warn!(
            output = line.settings.name,
            why,
            "an output is not taken; it is tried again"
        );
    }
    wait
}

/// Doubles with every try in a row, from half a second to five minutes.
fn backoff(tries: u32) -> Duration {
    BACKOFF
        .saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1).min(20)))
        .min(BACKOFF_LIMIT)
}

/// Between half and all of it, so that many senders do not come back at once.
fn jittered(wait: Duration) -> Duration {
    let share = secrets::chance();
    wait.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_differ() {
        let pauses: Vec<u128> = (1..=12).map(|n| backoff(n).as_millis()).collect();
        assert_eq!(pauses[..4], [500, 1_000, 2_000, 4_000]);
        assert_eq!(pauses[11], 300_000);
        assert_eq!(backoff(u32::MAX), BACKOFF_LIMIT);
        let some: Vec<Duration> = (0..20).map(|_| jittered(Duration::from_secs(8))).collect();
        assert!(some.iter().all(|d| (4.0..=8.0).contains(&d.as_secs_f64())));
        assert!(some.iter().any(|d| *d != some[0]));
    }
}

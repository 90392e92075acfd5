//! What an entry changes in this module's part of the state.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    Assessment, Entry, Exercises, Item, Lesson, Met, Play, PlayClock, Progress, Status, read::parse,
};
use crate::State;

pub(crate) fn apply(state: &mut State, entry: &Entry, at: Timestamp) {
    let all = &mut state.exercises;
    if let Entry::Started {
        exercise,
        plan,
        text,
        anchor,
        pace,
        speed,
        players,
        tenant,
        by,
    } = entry
    {
        // The text was accepted when the play began. Were it not readable any more, the play would
        // be unknown and everything about it ignored.
        let file = format!("content/exercises/{plan}/exercise.yml");
        if let (Some(plan), _) = parse(&file, text) {
            let clock = PlayClock::new(*pace, *speed, plan.start, *anchor);
            all.all.insert(
                *exercise,
                Play {
                    id: *exercise,
                    plan: Arc::new(plan),
                    started: at,
                    started_by: by.clone(),
                    tenant: tenant.clone(),
                    players: *players,
                    status: Status::Running,
                    clock,
                    progress: BTreeMap::new(),
                    acted: BTreeMap::new(),
                    lessons: Vec::new(),
                    items: Vec::new(),
                },
            );
        }
        return;
    }
    change(all, entry, at);
}

fn change(all: &mut Exercises, entry: &Entry, at: Timestamp) -> Option<()> {
    let play = all.all.get_mut(&entry.exercise())?;
    match entry {
        // Started is handled above; an emission changes nothing until its receipt comes.
        Entry::Started { .. } | Entry::Emit { .. } => {}
        Entry::Paused { reason, .. } => {
            play.clock.pause(at);
            play.status = Status::Paused {
                reason: reason.clone(),
            };
        }
        Entry::Resumed { .. } => {
            play.clock.resume(at);
            play.status = Status::Running;
        }
        Entry::InjectDelivered {
            inject,
            due,
            scenario,
            ..
        } => {
            let minute = play.plan.inject(inject)?.at;
            play.clock.move_story(minute, *due, *scenario);
            play.progress.insert(
                inject.clone(),
                Progress {
                    due: *due,
                    scenario: *scenario,
                    receipts: BTreeMap::new(),
                    evaluated: None,
                    verdict: None,
                    met: BTreeMap::new(),
                    assessed: BTreeMap::new(),
                    hint: false,
                    readers: Vec::new(),
                    answers: Vec::new(),
                },
            );
        }
        Entry::Emitted(receipt) => {
            let progress = play.progress.get_mut(&receipt.inject)?;
            progress.receipts.insert(receipt.part, receipt.clone());
        }
        Entry::Evaluated { inject, rules, .. } => {
            let seen: BTreeSet<_> = rules.iter().cloned().collect();
            let progress = play.progress.get_mut(inject)?;
            progress.evaluated.get_or_insert_default().extend(seen);
        }
        Entry::Judged {
            inject, verdict, ..
        } => play.progress.get_mut(inject)?.verdict = Some(verdict.clone()),
        Entry::Met {
            inject,
            expectation,
            after,
            shown_by,
            ..
        } => {
            let met = Met {
                at,
                after: *after,
                shown_by: shown_by.clone(),
            };
            let progress = play.progress.get_mut(inject)?;
            progress.met.entry(expectation.clone()).or_insert(met);
        }
        Entry::PlayerActed { act, refused, .. } => {
            play.acted.insert(act.clone(), refused.clone());
        }
        Entry::Read { inject, by, .. } => {
            let readers = &mut play.progress.get_mut(inject)?.readers;
            if !readers.contains(by) {
                readers.push(by.clone());
            }
        }
        Entry::Answered {
            inject, text, by, ..
        } => {
            let answers = &mut play.progress.get_mut(inject)?.answers;
            answers.push((by.clone(), text.clone()));
        }
        Entry::HintGiven { inject, .. } => play.progress.get_mut(inject)?.hint = true,
        Entry::Assessed {
            inject,
            expectation,
            rating,
            note,
            by,
            ..
        } => {
            let assessment = Assessment {
                rating: *rating,
                note: note.clone(),
                by: by.clone(),
                at,
            };
            let progress = play.progress.get_mut(inject)?;
            progress.assessed.insert(expectation.clone(), assessment);
        }
        Entry::LessonNoted { kind, text, by, .. } => play.lessons.push(Lesson {
            kind: *kind,
            text: text.clone(),
            by: by.clone(),
            at,
        }),
        Entry::ItemCreated {
            item,
            title,
            owner,
            due,
            inject,
            by,
            ..
        } => play.items.push(Item {
            id: *item,
            title: title.clone(),
            owner: owner.clone(),
            due: *due,
            inject: inject.clone(),
            by: by.clone(),
        }),
        Entry::Stopped { reason, by, .. } => {
            play.status = Status::Stopped {
                at,
                reason: reason.clone(),
                by: by.clone(),
            };
        }
        Entry::Ended { .. } => play.status = Status::Ended { at },
    }
    Some(())
}

//! Groups to bytes.

use std::sync::Arc;

use hashbrown::HashMap;
use watchfloor_types::EventId;

use crate::correlate::{
    facts::Origin,
    group::Group,
    memory::Memory,
    tally::Tally,
    window::{Reported, Window},
};

#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }
    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend(text.as_bytes());
    }
    fn option(&mut self, text: Option<&str>) {
        match text {
            None => self.number(0),
            Some(text) => {
                self.number(1);
                self.text(text);
            }
        }
    }
    fn event(&mut self, event: EventId) {
        self.bytes.extend(event.uuid().as_bytes());
    }
    fn reported(&mut self, reported: Option<Reported>) {
        match reported {
            None => self.number(0),
            Some(reported) => {
                self.number(1 + u64::from(reported.of_exercise));
                self.signed(reported.newest);
            }
        }
    }

    pub(super) fn group(&mut self, group: &Group, origin: &mut impl FnMut(&Arc<Origin>) -> u64) {
        self.text(&group.key);
        self.number(group.shown.len() as u64);
        for shown in &group.shown {
            self.text(shown);
        }
        self.signed(group.newest);
        self.signed(group.touched);
        self.signed(group.deadline);
        self.reported(group.said);
        self.number(group.entities.len() as u64);
        for entity in &group.entities {
            self.number(u64::from(entity.rank));
            self.text(&serde_json::to_string(&entity.value).unwrap_or_default());
            self.signed(group.newest.wrapping_sub(entity.time));
        }
        self.number(group.windows.len() as u64);
        for window in &group.windows {
            self.window(window, origin);
        }
        match &group.memory {
            None => self.number(0),
            Some(memory) => {
                self.number(1);
                self.memory(memory);
            }
        }
    }

    fn window(&mut self, window: &Window, origin: &mut impl FnMut(&Arc<Origin>) -> u64) {
        self.signed(window.start);
        self.reported(window.reported);
        self.number(window.entries.len() as u64);
        let mut before = window.start;
        let mut texts: HashMap<u64, u64> = HashMap::new();
        for entry in &window.entries {
            self.signed(entry.time.wrapping_sub(before));
            before = entry.time;
            self.event(entry.event);
            self.number(origin(&entry.origin));
            self.number(u64::from(entry.place));
            match &window.tally {
                // A text is written once, then by its number.
                Tally::Values(distinct) => {
                    let next = texts.len() as u64;
                    let number = *texts.entry(entry.value).or_insert(next);
                    self.number(number);
                    if number == next {
                        self.text(distinct.text(entry.value as u32));
                    }
                }
                Tally::Numbers(_) | Tally::Near(_) => {
                    self.bytes.extend(entry.value.to_le_bytes());
                }
                Tally::Count | Tally::Places(_) | Tally::Ordered(_) => {}
            }
            match &entry.more {
                None => self.number(0),
                Some(more) => {
                    self.number(1);
                    self.number(more.events.len() as u64);
                    for event in &more.events {
                        self.event(*event);
                    }
                    self.number(more.passed.len() as u64);
                    for passed in &more.passed {
                        self.option(passed.as_deref());
                    }
                }
            }
        }
    }

    fn memory(&mut self, memory: &Memory) {
        match memory.since {
            None => self.number(0),
            Some(since) => {
                self.number(1);
                self.signed(since);
            }
        }
        let base = memory.since.unwrap_or_default();
        self.number(memory.known.len() as u64);
        for (value, time) in &memory.known {
            self.text(value);
            self.signed(time.wrapping_sub(base));
        }
        match &memory.last {
            None => self.number(0),
            Some((value, time)) => {
                self.number(1);
                self.text(value);
                self.signed(*time);
            }
        }
        self.option(memory.newest.as_deref());
    }
}

//! State of correlations as bytes, so that a restart loses nothing.
//!
//! ```text
//! "WFCS" version  length  body  checksum (SHA-256, first 8 bytes)
//! body = note, origins, then for each correlation with groups: id, version of its text, groups
//! ```
//!
//! Numbers are variable-length (7 bits a byte), signed ones folded; times are nanoseconds, within
//! a window given by their distance. Figures are not written: adding the contributions again gives
//! them.

use std::{collections::HashMap as Table, sync::Arc};

use hashbrown::HashMap;
use sha2::{Digest as _, Sha256};
use watchfloor_types::{EventId, Mark, Value};

use super::{
    Correlator, Limits,
    facts::{Counted, Origin, seen},
    group::{Group, note_entity},
    memory::Memory,
    plan::Planned,
    positions,
    tally::Tally,
    window::{Entry, More, Reported, Window},
};
use crate::{engine::Engine, finding::ENTITY_FIELDS};

const MAGIC: &[u8; 4] = b"WFCS";
const VERSION: u8 = 1;
const CHECK: usize = 8;

/// Why a snapshot cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// It does not begin as one does.
    #[error("the snapshot of correlations is not one")]
    NotOne,
    /// Another version of the format.
    #[error("the snapshot of correlations has version {0}, known is {VERSION}")]
    Version(u8),
    /// Bytes are missing or changed.
    #[error("the snapshot of correlations is damaged at byte {0}")]
    Damaged(usize),
}

/// What became of a snapshot's groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// What the caller of [`Correlator::snapshot`] wrote beside the state.
    pub note: Vec<u8>,
    /// Groups taken over.
    pub kept: usize,
    /// Groups of correlations that are gone or whose text changed.
    pub dropped: usize,
}

impl Correlator {
    /// All state as bytes, for [`Correlator::restore`], with a note of the caller's: up to where
    /// it has been told.
    #[must_use]
    pub fn snapshot(&self, note: &[u8]) -> Vec<u8> {
        let mut origins: Vec<Arc<Origin>> = Vec::new();
        let mut numbers: Table<*const Origin, u64> = Table::new();
        let mut sections: Vec<(usize, Writer)> = Vec::new();
        let mut at_section: Table<usize, usize> = Table::new();
        for group in self.groups.iter() {
            let section = *at_section.entry(group.at).or_insert_with(|| {
                sections.push((0, Writer::default()));
                sections.len() - 1
            });
            if let Some((count, writer)) = sections.get_mut(section) {
                *count += 1;
                writer.group(group, &mut |origin| {
                    *numbers.entry(Arc::as_ptr(origin)).or_insert_with(|| {
                        origins.push(origin.clone());
                        origins.len() as u64 - 1
                    })
                });
            }
        }
        let mut body = Writer::default();
        body.number(note.len() as u64);
        body.bytes.extend(note);
        body.number(origins.len() as u64);
        for origin in &origins {
            body.text(origin.tenant.as_str());
            body.text(origin.source.as_str());
            match &origin.mark {
                None => body.number(0),
                Some(mark) => {
                    body.number(1);
                    body.bytes.extend(mark.exercise.uuid().as_bytes());
                    body.text(mark.inject.as_str());
                }
            }
        }
        body.number(at_section.len() as u64);
        for (at, section) in at_section {
            let meta = self.plan.correlations.get(at).map(|c| &c.meta);
            let (count, groups) = match sections.get_mut(section) {
                Some((count, writer)) => (*count, std::mem::take(&mut writer.bytes)),
                None => (0, Vec::new()),
            };
            body.text(meta.map_or("", |m| m.id.as_str()));
            body.text(meta.map_or("", |m| &m.version));
            body.number(count as u64);
            body.number(groups.len() as u64);
            body.bytes.extend(groups);
        }
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        out.extend((body.bytes.len() as u64).to_le_bytes());
        out.extend(&body.bytes);
        let check = Sha256::digest(&out);
        out.extend(check.iter().take(CHECK));
        out
    }

    /// State as it was, for an engine of the same or other rules: correlations whose text is the
    /// same get their windows back.
    ///
    /// # Errors
    /// When the bytes are not a whole snapshot of this version.
    pub fn restore(
        engine: &Engine,
        limits: Limits,
        bytes: &[u8],
    ) -> Result<(Self, Restored), SnapshotError> {
        let mut correlator = Self::new(engine, limits);
        let mut reader = open(bytes)?;
        let length = reader.count()?;
        let note = reader.take(length)?.to_vec();
        let origins = reader.origins()?;
        let known = positions(&correlator.plan);
        let plan = correlator.plan.clone();
        let mut restored = Restored {
            note,
            ..Restored::default()
        };
        for _ in 0..reader.count()? {
            let id = reader.text()?.parse().ok();
            let version = reader.text()?.to_owned();
            let groups = reader.count()?;
            let length = reader.count()?;
            let end = reader.at + length;
            let section = id.and_then(|id| known.get(&(id, version)).copied());
            let Some((at, correlation)) =
                section.and_then(|at| Some((at, plan.correlations.get(at)?)))
            else {
                restored.dropped += groups;
                reader.skip(length)?;
                continue;
            };
            for _ in 0..groups {
                let group = reader.group(at, correlation, &origins)?;
                correlator.groups.insert(group);
                restored.kept += 1;
            }
            if reader.at != end {
                return Err(reader.damaged());
            }
        }
        Ok((correlator, restored))
    }
}

/// Checks the frame around the body.
fn open(bytes: &[u8]) -> Result<Reader<'_>, SnapshotError> {
    if bytes.get(..4) != Some(MAGIC.as_slice()) {
        return Err(SnapshotError::NotOne);
    }
    match bytes.get(4) {
        Some(&VERSION) => {}
        Some(other) => return Err(SnapshotError::Version(*other)),
        None => return Err(SnapshotError::NotOne),
    }
    let length = bytes
        .get(5..13)
        .and_then(|b| b.try_into().ok())
        .map(u64::from_le_bytes)
        .and_then(|n| usize::try_from(n).ok());
    let end = length
        .and_then(|n| n.checked_add(13))
        .filter(|end| end.checked_add(CHECK) == Some(bytes.len()))
        .ok_or(SnapshotError::Damaged(bytes.len()))?;
    let (body, check) = bytes
        .split_at_checked(end)
        .ok_or(SnapshotError::Damaged(bytes.len()))?;
    if Sha256::digest(body).get(..CHECK) != Some(check) {
        return Err(SnapshotError::Damaged(end));
    }
    Ok(Reader {
        bytes: body,
        at: 13,
    })
}

#[derive(Debug, Default)]
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }
    fn text(&mut self, text: &str) {
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

    fn group(&mut self, group: &Group, origin: &mut impl FnMut(&Arc<Origin>) -> u64) {
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

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Read<T> = Result<T, SnapshotError>;

impl<'a> Reader<'a> {
    fn damaged(&self) -> SnapshotError {
        SnapshotError::Damaged(self.at)
    }
    fn take(&mut self, length: usize) -> Read<&'a [u8]> {
        let end = self.at.checked_add(length).ok_or_else(|| self.damaged())?;
        let part = self.bytes.get(self.at..end).ok_or_else(|| self.damaged())?;
        self.at = end;
        Ok(part)
    }
    fn skip(&mut self, length: usize) -> Read<()> {
        self.take(length).map(|_| ())
    }
    fn number(&mut self) -> Read<u64> {
        let mut out = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first().ok_or_else(|| self.damaged())?;
            out |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(out);
            }
        }
        Err(self.damaged())
    }
    fn signed(&mut self) -> Read<i64> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }
    /// How many things follow: each takes a byte at least.
    fn count(&mut self) -> Read<usize> {
        let count = usize::try_from(self.number()?).map_err(|_| self.damaged())?;
        if count > self.bytes.len() - self.at {
            return Err(self.damaged());
        }
        Ok(count)
    }
    fn flag(&mut self) -> Read<bool> {
        match self.number()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.damaged()),
        }
    }
    fn text(&mut self) -> Read<&'a str> {
        let length = self.count()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| self.damaged())
    }
    fn option(&mut self) -> Read<Option<Box<str>>> {
        Ok(if self.flag()? {
            Some(self.text()?.into())
        } else {
            None
        })
    }
    fn event(&mut self) -> Read<EventId> {
        let bytes: [u8; 16] = self.take(16)?.try_into().map_err(|_| self.damaged())?;
        Ok(EventId::from_uuid(uuid::Uuid::from_bytes(bytes)))
    }
    fn word(&mut self) -> Read<u64> {
        let bytes = self.take(8)?.try_into().map_err(|_| self.damaged())?;
        Ok(u64::from_le_bytes(bytes))
    }
    fn reported(&mut self) -> Read<Option<Reported>> {
        let kind = self.number()?;
        Ok(match kind {
            0 => None,
            1 | 2 => Some(Reported {
                newest: self.signed()?,
                of_exercise: kind == 2,
            }),
            _ => return Err(self.damaged()),
        })
    }

    fn origins(&mut self) -> Read<Vec<Arc<Origin>>> {
        let mut out = Vec::new();
        for _ in 0..self.count()? {
            let tenant = self.text()?.parse().map_err(|_| self.damaged())?;
            let source = self.text()?.parse().map_err(|_| self.damaged())?;
            let mark = if self.flag()? {
                let uuid: [u8; 16] = self.take(16)?.try_into().map_err(|_| self.damaged())?;
                Some(Mark {
                    exercise: watchfloor_types::ExerciseId::from_uuid(uuid::Uuid::from_bytes(uuid)),
                    inject: self.text()?.parse().map_err(|_| self.damaged())?,
                })
            } else {
                None
            };
            out.push(Arc::new(Origin {
                tenant,
                source,
                mark,
            }));
        }
        Ok(out)
    }

    fn group(&mut self, at: usize, correlation: &Planned, origins: &[Arc<Origin>]) -> Read<Group> {
        let key = self.text()?.into();
        let mut shown: Vec<Box<str>> = Vec::new();
        for _ in 0..self.count()? {
            shown.push(self.text()?.into());
        }
        let mut group = Group::new(at, key, 0, shown.into());
        group.newest = self.signed()?;
        group.touched = self.signed()?;
        group.deadline = self.signed()?;
        group.said = self.reported()?;
        for _ in 0..self.count()? {
            let rank = self.number()?;
            let value: Value = serde_json::from_str(self.text()?).map_err(|_| self.damaged())?;
            let time = group.newest.wrapping_sub(self.signed()?);
            let rank = u8::try_from(rank)
                .ok()
                .filter(|r| usize::from(*r) < ENTITY_FIELDS.len())
                .ok_or_else(|| self.damaged())?;
            note_entity(&mut group.entities, seen(rank, &value), time);
        }
        for _ in 0..self.count()? {
            let window = self.window(correlation, origins)?;
            if !correlation.spec.aggregate.is_memory() {
                group.held += window.entries.len();
            }
            group.windows.push(window);
        }
        if self.flag()? {
            let memory = self.memory()?;
            group.held += memory.values();
            group.memory = Some(Box::new(memory));
        }
        Ok(group)
    }

    fn window(&mut self, correlation: &Planned, origins: &[Arc<Origin>]) -> Read<Window> {
        let spec = &correlation.spec;
        let start = self.signed()?;
        let mut window = Window::new(&spec.aggregate, spec.rules.len(), start);
        window.reported = self.reported()?;
        let mut before = start;
        let mut texts: Vec<&str> = Vec::new();
        for _ in 0..self.count()? {
            let time = before.wrapping_add(self.signed()?);
            if time < before && before != start {
                return Err(self.damaged());
            }
            before = time;
            let event = self.event()?;
            let origin = self.number()?;
            let place = self.number()?;
            let counted = match &window.tally {
                Tally::Values(_) => {
                    let number = self.count_of_text(texts.len())?;
                    if number == texts.len() {
                        texts.push(self.text()?);
                    }
                    Counted::Text(texts.get(number).copied().unwrap_or_default())
                }
                Tally::Numbers(_) => {
                    let number = f64::from_bits(self.word()?);
                    if !number.is_finite() {
                        return Err(self.damaged());
                    }
                    Counted::Number(number)
                }
                Tally::Near(_) => Counted::Fingerprint(self.word()?),
                Tally::Count | Tally::Places(_) | Tally::Ordered(_) => Counted::Nothing,
            };
            let more = if self.flag()? {
                let mut events = Vec::new();
                for _ in 0..self.count()? {
                    events.push(self.event()?);
                }
                let mut passed = Vec::new();
                for _ in 0..self.count()? {
                    passed.push(self.option()?);
                }
                Some(Box::new(More {
                    events: events.into(),
                    passed: passed.into(),
                }))
            } else {
                None
            };
            let origin = usize::try_from(origin).ok().and_then(|at| origins.get(at));
            let place = u16::try_from(place)
                .ok()
                .filter(|p| usize::from(*p) < spec.rules.len());
            let (Some(origin), Some(place)) = (origin, place) else {
                return Err(self.damaged());
            };
            window.add(
                Entry {
                    time,
                    event,
                    value: 0,
                    origin: origin.clone(),
                    more,
                    place,
                },
                counted,
            );
        }
        Ok(window)
    }

    /// The number of a text: one known, or the next.
    fn count_of_text(&mut self, known: usize) -> Read<usize> {
        let number = usize::try_from(self.number()?).map_err(|_| self.damaged())?;
        if number > known {
            return Err(self.damaged());
        }
        Ok(number)
    }

    fn memory(&mut self) -> Read<Memory> {
        let mut memory = Memory::default();
        if self.flag()? {
            memory.since = Some(self.signed()?);
        }
        let base = memory.since.unwrap_or_default();
        for _ in 0..self.count()? {
            let value = self.text()?.into();
            memory.learn(value, base.wrapping_add(self.signed()?));
        }
        if self.flag()? {
            let value = self.text()?.into();
            memory.last = Some((value, self.signed()?));
        }
        memory.newest = self.option()?;
        Ok(memory)
    }
}

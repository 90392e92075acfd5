//! Bytes to groups: damage is an error, whatever it is.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use watchfloor_types::{EventId, Mark, Value};

use super::{CHECK, MAGIC, SnapshotError, VERSION};
use crate::{
    correlate::{
        facts::{Counted, Origin, seen},
        group::{Group, note_entity},
        memory::Memory,
        plan::Planned,
        tally::Tally,
        window::{Entry, More, Reported, Window},
    },
    finding::ENTITY_FIELDS,
};

/// Checks the frame around the body.
pub(super) fn open(bytes: &[u8]) -> Result<Reader<'_>, SnapshotError> {
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

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

pub(super) type Read<T> = Result<T, SnapshotError>;

impl<'a> Reader<'a> {
    pub(super) fn damaged(&self) -> SnapshotError {
        SnapshotError::Damaged(self.at)
    }
    pub(super) fn take(&mut self, length: usize) -> Read<&'a [u8]> {
        let end = self.at.checked_add(length).ok_or_else(|| self.damaged())?;
        let part = self.bytes.get(self.at..end).ok_or_else(|| self.damaged())?;
        self.at = end;
        Ok(part)
    }
    pub(super) fn skip(&mut self, length: usize) -> Read<()> {
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
    pub(super) fn count(&mut self) -> Read<usize> {
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
    pub(super) fn text(&mut self) -> Read<&'a str> {
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

    pub(super) fn origins(&mut self) -> Read<Vec<Arc<Origin>>> {
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

    pub(super) fn group(
        &mut self,
        at: usize,
        correlation: &Planned,
        origins: &[Arc<Origin>],
    ) -> Read<Group> {
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

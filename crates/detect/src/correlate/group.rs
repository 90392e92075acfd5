//! One group of one correlation: its windows, what it remembers, its entities.

use std::sync::Arc;

use jiff::Timestamp;
use watchfloor_types::{EventId, Value};

use super::{
    facts::{Counted, Facts, Origin, Seen},
    judge::holds,
    memory::{Memory, Said},
    plan::{Feed, Planned, Shape},
    window::{Entry, More, Reported, Window},
};
use crate::rule::Timing;

/// Most entities of one group.
const MAX_ENTITIES: usize = 64;

/// The values of `group-by` that contributions share, and what they made up.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) at: usize,
    pub(super) key: Box<str>,
    pub(super) hash: u64,
    /// Values of `group-by` as first written.
    pub(super) shown: Box<[Box<str>]>,
    /// Newest event time, nanoseconds.
    pub(super) newest: i64,
    /// What the clock showed when it came, nanoseconds.
    pub(super) touched: i64,
    /// By the clock: when something has to be done. Nanoseconds.
    pub(super) deadline: i64,
    /// Contributions in all windows.
    pub(super) held: usize,
    pub(super) windows: Vec<Window>,
    pub(super) memory: Option<Box<Memory>>,
    pub(super) entities: Vec<Entity>,
    /// For windows that look ahead: when one was last reported, and until when it reached.
    pub(super) said: Option<Reported>,
    /// How many entries of the window ahead are judged and can go.
    pub(super) settled: usize,
    /// Whether it is among the deadlines, and with which.
    pub(super) waits: bool,
    pub(super) waiting_for: i64,
}

/// An entity of a group's events.
#[derive(Debug)]
pub(super) struct Entity {
    pub(super) rank: u8,
    pub(super) hash: u64,
    pub(super) value: Value,
    pub(super) time: i64,
}

/// What became of a contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Kept,
    /// Its window is over.
    Late,
}

/// Something to report: which window, and which of its entries.
#[derive(Debug)]
pub(super) enum Ready {
    /// A window as it is.
    Window { at: usize, figure: f64 },
    /// A window that is over and gone.
    Over { window: Window, figure: f64 },
    /// The entries of the first window that begin at this position, up to a time.
    Ahead {
        from: usize,
        until: i64,
        figure: f64,
    },
    /// What memory says of the newest entry.
    Memory { before: Option<Box<str>> },
}

/// Bounds that a group obeys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) entries: usize,
    /// How long a window stays open for late events, nanoseconds.
    pub(super) lateness: i64,
}

/// A contribution on its way into a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer<'a> {
    pub(super) correlation: &'a Planned,
    pub(super) feed: &'a Feed,
    pub(super) facts: &'a Facts<'a>,
    pub(super) counted: Counted<'a>,
}

impl Group {
    pub(super) fn new(at: usize, key: Box<str>, hash: u64, shown: Box<[Box<str>]>) -> Self {
        Self {
            at,
            key,
            hash,
            shown,
            newest: i64::MIN,
            touched: i64::MIN,
            deadline: i64::MAX,
            held: 0,
            windows: Vec::new(),
            memory: None,
            entities: Vec::new(),
            said: None,
            settled: 0,
            waits: false,
            waiting_for: i64::MAX,
        }
    }

    /// Event time up to which the group's windows are over, by the clock `now`.
    fn watermark(&self, now: i64, bounds: Bounds) -> i64 {
        let passed = now.saturating_sub(self.touched).max(0);
        self.newest
            .saturating_add(passed)
            .saturating_sub(bounds.lateness)
    }

    /// Takes one contribution. Windows that it ends are appended to `ready`.
    pub(super) fn take(
        &mut self,
        offer: &Offer,
        now: i64,
        bounds: Bounds,
        ready: &mut Vec<Ready>,
    ) -> Taken {
        let (correlation, time) = (offer.correlation, offer.facts.time);
        let watermark = if self.newest == i64::MIN {
            i64::MIN
        } else {
            self.watermark(now, bounds)
        };
        let span = correlation.span;
        let taken = match correlation.shape {
            Shape::Back => {
                if self.newest != i64::MIN && self.newest.saturating_sub(time) > span {
                    Taken::Late
                } else {
                    self.put(offer, 0, 0);
                    Taken::Kept
                }
            }
            Shape::Ahead => {
                if time.saturating_add(span) < watermark {
                    Taken::Late
                } else {
                    self.put(offer, 0, 0);
                    Taken::Kept
                }
            }
            Shape::Tumbling | Shape::Chained | Shape::Session { .. } => {
                self.close(correlation, watermark, ready);
                match self.place(correlation, time, watermark) {
                    None => Taken::Late,
                    Some((at, start)) => {
                        self.put(offer, at, start);
                        Taken::Kept
                    }
                }
            }
            Shape::Memory => self.remember(offer, bounds, ready),
        };
        if taken == Taken::Late {
            return taken;
        }
        if time >= self.newest {
            self.newest = time;
            self.touched = now;
        }
        for seen in offer.facts.entities {
            note_entity(&mut self.entities, *seen, time);
        }
        match correlation.shape {
            Shape::Back => self.judge_back(correlation, span, bounds, ready),
            Shape::Ahead => {
                self.judge_ahead(correlation, self.watermark(now, bounds), bounds, ready);
            }
            Shape::Tumbling | Shape::Chained | Shape::Session { .. } => {
                self.judge_open(correlation, bounds, ready);
            }
            Shape::Memory => {}
        }
        self.deadline = self.due(correlation, bounds);
        Taken::Kept
    }

    /// Does what is due by the clock `now`; whether the group is done.
    pub(super) fn tick(
        &mut self,
        correlation: &Planned,
        now: i64,
        bounds: Bounds,
        ready: &mut Vec<Ready>,
    ) -> bool {
        let watermark = self.watermark(now, bounds);
        match correlation.shape {
            Shape::Back | Shape::Memory => true,
            Shape::Ahead => {
                self.judge_ahead(correlation, watermark, bounds, ready);
                let left = self.windows.first().map_or(0, |w| w.entries.len());
                let done = left <= self.settled;
                self.deadline = self.due(correlation, bounds);
                done
            }
            Shape::Tumbling | Shape::Chained | Shape::Session { .. } => {
                self.close(correlation, watermark, ready);
                self.deadline = self.due(correlation, bounds);
                self.windows.is_empty()
            }
        }
    }

    /// When the clock should look after this group next.
    fn due(&self, correlation: &Planned, bounds: Bounds) -> i64 {
        let span = correlation.span;
        let end = match correlation.shape {
            Shape::Back | Shape::Memory => {
                return self.touched.saturating_add(span);
            }
            Shape::Ahead => self
                .windows
                .first()
                .and_then(|w| w.entries.get(self.settled))
                .map(|e| e.time.saturating_add(span)),
            Shape::Tumbling | Shape::Chained | Shape::Session { .. } => {
                self.windows.iter().map(|w| end(w, correlation)).min()
            }
        };
        // By the group's newest event and the time since it came.
        end.unwrap_or(self.newest)
            .saturating_sub(self.newest)
            .saturating_add(self.touched)
            .saturating_add(bounds.lateness)
    }

    fn put(&mut self, offer: &Offer, at: usize, start: i64) {
        if at >= self.windows.len() {
            let spec = &offer.correlation.spec;
            self.windows
                .push(Window::new(&spec.aggregate, spec.rules.len(), start));
        }
        let at = at.min(self.windows.len().saturating_sub(1));
        if let Some(window) = self.windows.get_mut(at) {
            window.start = window.start.min(start);
            window.add(entry(offer), offer.counted);
            self.held += 1;
        }
    }

    /// The open window that an event belongs to, or a new one; `None` where that is over.
    fn place(&self, correlation: &Planned, time: i64, watermark: i64) -> Option<(usize, i64)> {
        let span = correlation.span;
        let new = self.windows.len();
        match correlation.shape {
            Shape::Tumbling => {
                let start = time.div_euclid(span.max(1)).saturating_mul(span);
                let found = self.windows.iter().position(|w| w.start == start);
                let over = start.saturating_add(span) < watermark;
                found.or((!over).then_some(new)).map(|at| (at, start))
            }
            Shape::Session { gap } => {
                let found = self.windows.iter().position(|w| {
                    let last = w.newest().unwrap_or(w.start);
                    time >= w.start.saturating_sub(gap)
                        && time <= last.saturating_add(gap)
                        && last.max(time).saturating_sub(w.start.min(time)) <= span
                });
                let over = time.saturating_add(gap) < watermark;
                found.or((!over).then_some(new)).map(|at| (at, time))
            }
            Shape::Chained | Shape::Back | Shape::Ahead | Shape::Memory => {
                let found = self.windows.iter().position(|w| {
                    let last = w.newest().unwrap_or(w.start);
                    last.max(time).saturating_sub(w.start.min(time)) <= span
                });
                let over = time.saturating_add(span) < watermark;
                found.or((!over).then_some(new)).map(|at| (at, time))
            }
        }
    }

    /// Takes out the windows that end before `watermark`, judging those that are judged then.
    fn close(&mut self, correlation: &Planned, watermark: i64, ready: &mut Vec<Ready>) {
        let mut at = 0;
        while let Some(window) = self.windows.get(at) {
            if end(window, correlation) >= watermark {
                at += 1;
                continue;
            }
            let mut window = self.windows.remove(at);
            self.held = self.held.saturating_sub(window.entries.len());
            if correlation.timing == Timing::End
                && let Some(figure) = holds(correlation, &mut window)
            {
                ready.push(Ready::Over { window, figure });
            }
        }
    }

    /// Drops the entries of windows ahead that are judged and reported.
    pub(super) fn settle(&mut self, correlation: &Planned) {
        if correlation.shape != Shape::Ahead {
            return;
        }
        let settled = std::mem::take(&mut self.settled);
        if let Some(window) = self.windows.first_mut() {
            for _ in 0..settled {
                if window.drop_front() {
                    self.held = self.held.saturating_sub(1);
                }
            }
        }
    }

    fn remember(&mut self, offer: &Offer, bounds: Bounds, ready: &mut Vec<Ready>) -> Taken {
        let correlation = offer.correlation;
        let Counted::Text(text) = offer.counted else {
            return Taken::Late;
        };
        let memory = self.memory.get_or_insert_with(Box::default);
        let before = memory.values();
        let said = memory.meet(correlation, offer.facts.time, text, bounds.entries);
        self.held = (self.held + memory.values()).saturating_sub(before);
        match said {
            Said::Known => {}
            Said::Late => return Taken::Late,
            Said::News { before } => {
                self.windows.clear();
                let mut window =
                    Window::new(&correlation.spec.aggregate, correlation.spec.rules.len(), 0);
                window.add(entry(offer), Counted::Nothing);
                self.windows.push(window);
                ready.push(Ready::Memory { before });
            }
        }
        Taken::Kept
    }

    /// Heap bytes, about.
    pub(super) fn bytes(&self) -> usize {
        let windows: usize = self.windows.iter().map(Window::bytes).sum();
        let shown: usize = self.shown.iter().map(|s| s.len() + 16).sum();
        size_of::<Self>()
            + self.key.len()
            + shown
            + windows
            + self.entities.len() * (size_of::<Entity>() + 32)
            + self.memory.as_ref().map_or(0, |m| m.bytes())
            // Its places in the table and among the deadlines.
            + 64
    }
}

/// Notes an entity seen at `time`; the one not seen longest goes when there are too many.
pub(super) fn note_entity(entities: &mut Vec<Entity>, seen: Seen, time: i64) {
    let known = entities
        .iter_mut()
        .find(|e| e.hash == seen.hash && e.rank == seen.rank && e.value == *seen.value);
    if let Some(known) = known {
        known.time = known.time.max(time);
        return;
    }
    let new = Entity {
        rank: seen.rank,
        hash: seen.hash,
        value: seen.value.clone(),
        time,
    };
    if entities.len() < MAX_ENTITIES {
        entities.push(new);
    } else if let Some(oldest) = entities.iter_mut().min_by_key(|e| e.time) {
        *oldest = new;
    }
}

fn entry(offer: &Offer) -> Entry {
    let Offer {
        correlation,
        feed,
        facts,
        ..
    } = *offer;
    let chained = !correlation.outlet.to.is_empty();
    let events: Box<[_]> = if facts.events.len() > 1 {
        facts.events.into()
    } else {
        Box::default()
    };
    let more = (chained || !events.is_empty()).then(|| {
        let value = |at: &usize| {
            let slot = facts.values.get(*at).filter(|s| s.there)?;
            Some(slot.text.as_str().into())
        };
        Box::new(More {
            events,
            passed: if chained {
                feed.passed.iter().map(value).collect()
            } else {
                Box::default()
            },
        })
    });
    Entry {
        time: facts.time,
        event: facts
            .events
            .first()
            .copied()
            .unwrap_or_else(|| EventId::of_record(Timestamp::UNIX_EPOCH, 0, 0)),
        value: 0,
        origin: Arc::<Origin>::clone(&facts.origin),
        more,
        place: feed.place,
    }
}

fn end(window: &Window, correlation: &Planned) -> i64 {
    match correlation.shape {
        Shape::Session { gap } => window
            .newest()
            .unwrap_or(window.start)
            .saturating_add(gap)
            .min(window.start.saturating_add(correlation.span)),
        Shape::Back | Shape::Chained | Shape::Ahead | Shape::Tumbling | Shape::Memory => {
            window.start.saturating_add(correlation.span)
        }
    }
}

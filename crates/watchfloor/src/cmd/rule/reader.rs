//! Records of files to events: by a named source, by the one that recognises a record, or under a
//! logsource from the command line.

use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use clap::ArgMatches;
use watchfloor_detect::event_of_json;
use watchfloor_ingest::{Joiner, Source, Sources, windows};
use watchfloor_types::{Event, Frame, Logsource, Norm, TenantId, Timestamp};

/// Reads the time and the host of records that no source recognises.
const FALLBACK: &str = "generic";

/// How records become events.
pub(super) struct Reader<'s> {
    sources: &'s Sources,
    /// Named on the command line.
    source: Option<&'s Arc<Source>>,
    fallback: Option<&'s Arc<Source>>,
    /// Parts named on the command line.
    parts: Logsource,
    tenant: TenantId,
    joiner: Joiner,
    /// The source that recognised the record before.
    last: Option<&'s Arc<Source>>,
    /// Records by the source that they were read as; none is unknown.
    pub(super) seen: Vec<(Option<&'s Arc<Source>>, u64)>,
}

impl<'s> Reader<'s> {
    /// The reader that the arguments name.
    pub(super) fn new(
        matches: &ArgMatches,
        sources: &'s Sources,
    ) -> anyhow::Result<Result<Self, String>> {
        let part = |name: &str| matches.get_one::<String>(name).map(|s| s.as_str().into());
        let get = |name: &str| name.parse().ok().and_then(|id| sources.get(&id));
        let mut source = None;
        if let Some(name) = matches.get_one::<String>("source") {
            source = get(name);
            if source.is_none() {
                let known: Vec<_> = sources.iter().map(|s| s.id().to_string()).collect();
                return Ok(Err(format!(
                    "there is no source `{name}`; one of {}",
                    known.join(", ")
                )));
            }
        }
        Ok(Ok(Self {
            sources,
            source,
            fallback: get(FALLBACK),
            parts: Logsource {
                product: part("product"),
                category: part("category"),
                service: part("service"),
            },
            tenant: "main".parse().context("`main` is no tenant")?,
            joiner: Joiner::default(),
            last: None,
            seen: Vec::new(),
        }))
    }

    /// The same for another thread.
    pub(super) fn another(&self) -> Self {
        Self {
            sources: self.sources,
            source: self.source,
            fallback: self.fallback,
            parts: self.parts.clone(),
            tenant: self.tenant.clone(),
            joiner: Joiner::default(),
            last: None,
            seen: Vec::new(),
        }
    }

    /// Whether records must be read in order, by one thread.
    pub(super) fn in_order(&self) -> bool {
        self.source.is_some_and(|s| s.joins())
    }

    /// The events of one record; or why there is none. `wanted` is asked with the record and its
    /// logsource, where that is known without mapping; where it says no, there are no events.
    pub(super) fn events_if(
        &mut self,
        record: Bytes,
        seq: u64,
        now: Timestamp,
        wanted: &mut dyn FnMut(&Bytes, Logsource) -> bool,
    ) -> Result<Vec<Event>, String> {
        // Rules name the fields of Windows events at the top.
        let record = windows::flatten(&record).map_or(record, Bytes::from);
        let named = self.parts != Logsource::default();
        let mut outline = None;
        let source = match self.source {
            Some(source) => Some(source),
            // A logsource from the command line says what the records are.
            None if named => {
                outline = Some(self.parts.clone());
                None
            }
            None => {
                let found = self.sources.recognise(&record, self.last);
                self.last = found.as_ref().map(|(source, _)| *source);
                outline = match found {
                    Some((_, logsource)) => logsource,
                    None => Some(Logsource::unknown()),
                };
                self.last
            }
        };
        match self.seen.iter_mut().find(|(s, _)| same(*s, source)) {
            Some((_, count)) => *count += 1,
            None => self.seen.push((source, 1)),
        }
        if let Some(logsource) = outline
            && !wanted(&record, logsource)
        {
            return Ok(Vec::new());
        }
        let mut events = match source.or(self.fallback) {
            Some(by) => self.mapped(by, record, seq, now)?,
            None => {
                let text = std::str::from_utf8(&record).map_err(|e| e.to_string())?;
                vec![event_of_json(
                    text,
                    Logsource::default(),
                    Norm::default(),
                    now,
                )]
            }
        };
        for event in &mut events {
            if source.is_none() {
                event.logsource = if named {
                    Logsource::default()
                } else {
                    Logsource::unknown()
                };
            }
            let over = &self.parts;
            let mine = &mut event.logsource;
            mine.product = over.product.clone().or(mine.product.take());
            mine.category = over.category.clone().or(mine.category.take());
            mine.service = over.service.clone().or(mine.service.take());
        }
        Ok(events)
    }

    /// The events of one record; or why there is none.
    pub(super) fn events(
        &mut self,
        record: Bytes,
        seq: u64,
        now: Timestamp,
    ) -> Result<Vec<Event>, String> {
        self.events_if(record, seq, now, &mut |_, _| true)
    }

    fn mapped(
        &mut self,
        by: &Source,
        record: Bytes,
        seq: u64,
        now: Timestamp,
    ) -> Result<Vec<Event>, String> {
        let frame = Frame {
            seq,
            received: now,
            source: by.id().clone(),
            tenant: self.tenant.clone(),
            mark: None,
            records: vec![record],
            refused: Vec::new(),
        };
        let mapped = if self.source.is_some() {
            by.map_frame(&frame, &mut self.joiner)
        } else {
            by.map_alone(&frame)
        };
        match mapped.dead.into_iter().next() {
            Some(dead) => Err(dead.reason),
            None => Ok(mapped.events),
        }
    }
}

fn same(a: Option<&Arc<Source>>, b: Option<&Arc<Source>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

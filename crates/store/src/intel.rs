//! Indicators and where they were seen.

use watchfloor_types::{Indicator, IndicatorMatch};

use crate::{
    ReadError, Store, WriteError,
    row::{json_text, params},
    statement::{
        INDICATOR_COUNT, INDICATOR_PUT, INDICATORS, INDICATORS_REMOVE_FROM, SIGHTING_PUT,
        SIGHTINGS, SIGHTINGS_OF,
    },
    transaction::Expect,
};

const STEP: u64 = 5_000;

impl Store {
    /// Adds or replaces indicators, in one transaction. One id may stand for several values.
    pub async fn indicators_put(&self, indicators: &[Indicator]) -> Result<(), WriteError> {
        let rows = indicators.iter().map(|i| {
            params![
                i.id.as_str(),
                i.kind.as_str(),
                i.value.as_str(),
                i.origin.as_str(),
                i.valid_from,
                i.valid_until,
                json_text(i),
            ]
        });
        self.change_all(INDICATOR_PUT, rows).await
    }

    /// Every indicator, for building the matcher.
    pub async fn indicators(&self) -> Result<Vec<Indicator>, ReadError> {
        let mut all: Vec<Indicator> = Vec::new();
        loop {
            let params = match all.last() {
                Some(last) => params![
                    last.id.as_str(),
                    last.kind.as_str(),
                    last.value.as_str(),
                    STEP
                ],
                None => params!["", "", "", STEP],
            };
            let part = self
                .rows("indicators", INDICATORS, &params, |row| row.json(0))
                .await?;
            let full = part.len() as u64 == STEP;
            all.extend(part);
            if !full {
                return Ok(all);
            }
        }
    }

    /// How many indicators there are.
    pub async fn indicator_count(&self) -> Result<u64, ReadError> {
        let count = self
            .row("indicators", INDICATOR_COUNT, &[], |row| row.count(0))
            .await?;
        Ok(count.unwrap_or(0))
    }

    /// Removes every indicator of a feed or file.
    pub async fn indicators_remove_from(&self, origin: &str) -> Result<(), WriteError> {
        self.change(INDICATORS_REMOVE_FROM, params![origin], Expect::Any)
            .await
    }

    /// Notes where indicators were seen. The same indicator in the same field of the same event counts once.
    pub async fn sightings_add(&self, sightings: &[IndicatorMatch]) -> Result<(), WriteError> {
        let rows = sightings.iter().map(|s| {
            params![
                s.event.to_string(),
                s.indicator.id.as_str(),
                s.field.as_str(),
                s.time,
                json_text(s)
            ]
        });
        self.change_all(SIGHTING_PUT, rows).await
    }

    /// Sightings of one indicator, or of all, newest first.
    pub async fn sightings(
        &self,
        indicator: Option<&str>,
        limit: u32,
    ) -> Result<Vec<IndicatorMatch>, ReadError> {
        let limit = u64::from(limit);
        match indicator {
            Some(id) => {
                self.rows("sightings", SIGHTINGS_OF, &params![id, limit], |row| {
                    row.json(0)
                })
                .await
            }
            None => {
                self.rows("sightings", SIGHTINGS, &params![limit], |row| row.json(0))
                    .await
            }
        }
    }
}

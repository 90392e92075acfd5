//! Sightings: what was seen of indicators, kept in the store.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use watchfloor_types::IndicatorMatch;

use super::Floor;

/// Beyond this many waiting sightings the newest are only findings.
const MOST: usize = 50_000;

impl Floor {
    /// Notes that an indicator was seen.
    pub(crate) fn sighted(&self, found: &IndicatorMatch) {
        let mut waiting = self
            .sightings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST {
            waiting.push(found.clone());
        }
    }
}

/// Writes sightings to the store, a batch at a time.
pub(super) async fn keeper(floor: Arc<Floor>) {
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let batch = std::mem::take(
            &mut *floor
                .sightings
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        if !batch.is_empty()
            && let Err(error) = floor.store.sightings_add(&batch).await
        {
            tracing::error!(%error, sightings = batch.len(), "sightings were not kept; their findings are in the journal");
        }
    }
}

//! Searching events: the words of a URL or command line become a query of the lake.

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};
use watchfloor_lake::{
    Bucket, Cursor, Filter, Lake, Page, Query, Row, SearchError, Tenants, Top, Watch,
};
use watchfloor_types::{SignedDuration, Timestamp};

use crate::{api::problem::Problem, floor::Floor};

/// What is asked, as it stands in a URL.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Ask {
    /// The filter, see `docs/search.md`.
    pub q: String,
    /// From this time on: RFC 3339, or `15m`, `1h`, `24h`, `7d` before now.
    pub from: String,
    /// Up to this time, exclusive; now where empty.
    pub until: String,
    /// How many events, 1 to 1000.
    pub limit: Option<usize>,
    /// Where the last page ended.
    pub after: String,
    /// Field whose most frequent values are wanted.
    pub top: String,
}

/// What was found.
pub(crate) struct Found {
    /// The newest events that match.
    pub page: Page,
    /// How many match over time.
    pub histogram: Vec<Bucket>,
    /// Width of a bucket.
    pub width: SignedDuration,
    /// Most frequent values of the field asked for.
    pub top: Option<Top>,
    /// The time range.
    pub range: (Timestamp, Timestamp),
}

impl Ask {
    /// The query, or where it is wrong.
    pub(crate) fn query(&self, now: Timestamp) -> Result<Query, Problem> {
        let filter: Filter = self.q.parse().map_err(|e: watchfloor_lake::FilterError| {
            let help = e
                .help
                .as_deref()
                .map(|h| format!("; {h}"))
                .unwrap_or_default();
            Problem::bad(format!("{e}{help}")).at(u32::try_from(e.column).unwrap_or(1))
        })?;
        let until = if self.until.is_empty() {
            now.saturating_add(SignedDuration::from_mins(1))
                .unwrap_or(now)
        } else {
            moment(&self.until, now)?
        };
        let from = moment(
            if self.from.is_empty() {
                "24h"
            } else {
                &self.from
            },
            now,
        )?;
        if from >= until {
            return Err(Problem::bad(format!(
                "from ({from}) is not before until ({until})"
            )));
        }
        Ok(Query {
            filter,
            from,
            until,
            tenants: Tenants::All,
        })
    }
}

/// `2026-11-24T12:00:00Z`, or how long before now: `15m`, `1h`, `7d`.
pub(crate) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let wrong = || {
        Problem::bad(format!(
            "`{text}` is not a time; write 2026-11-24T12:00:00Z or a span before now such as 15m, 1h, 7d"
        ))
    };
    let split = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(split).ok_or_else(wrong)?;
    let number: i64 = number.parse().map_err(|_| wrong())?;
    let span = match unit {
        "m" => SignedDuration::try_from_mins(number),
        "h" => SignedDuration::try_from_hours(number),
        "d" => number
            .checked_mul(24)
            .and_then(SignedDuration::try_from_hours),
        _ => None,
    };
    now.checked_sub(span.ok_or_else(wrong)?)
        .map_err(|_| wrong())
}

/// Widths that people can read, seconds.
const WIDTHS: &[i64] = &[
    1, 5, 15, 60, 300, 900, 3_600, 10_800, 21_600, 86_400, 604_800, 2_592_000, 31_536_000,
];

/// Runs the query on threads of its own.
pub(crate) async fn run(floor: &Arc<Floor>, ask: &Ask) -> Result<Found, Problem> {
    let now = floor.clock.now();
    let query = ask.query(now)?;
    let limit = ask.limit.unwrap_or(50).clamp(1, 1_000);
    let after: Option<Cursor> = if ask.after.is_empty() {
        None
    } else {
        Some(
            ask.after
                .parse()
                .map_err(|_| Problem::bad("`after` is not a place where a page ended"))?,
        )
    };
    let seconds = query.until.duration_since(query.from).as_secs().max(1);
    let width = WIDTHS
        .iter()
        .copied()
        .find(|w| seconds / w <= 120)
        .unwrap_or(31_536_000);
    let width = SignedDuration::from_secs(width);
    let top = Some(ask.top.clone()).filter(|t| !t.is_empty());
    let floor = Arc::clone(floor);
    let permit = turn().await?;
    let stop = Stop(Arc::new(Watch::new()));
    let watch = Arc::clone(&stop.0);
    let work = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let first = after.is_none();
        let page = floor.lake.search(&query, after, limit, &watch)?;
        let complete = first && page.next.is_none();
        let (histogram, top) = match top {
            Some(field) => {
                let (bars, top) = floor
                    .lake
                    .histogram_and_top(&query, width, &field, 10, &watch)?;
                (bars, Some(top))
            }
            // The page holds everything that matches: no need to look again.
            None if complete => {
                let times = page.rows.iter().map(|r| r.event.time);
                (Lake::histogram_of(&query, width, times)?, None)
            }
            None => (floor.lake.histogram(&query, width, &watch)?, None),
        };
        Ok(Found {
            page,
            histogram,
            width,
            top,
            range: (query.from, query.until),
        })
    });
    tokio::time::timeout(LONGEST, work)
        .await
        .map_err(|_| {
            Problem::bad(format!(
                "the search took longer than {} s; narrow the time",
                LONGEST.as_secs()
            ))
        })?
        .map_err(|e| Problem::internal(&e))?
        .map_err(problem)
}

/// Waits for a turn to read much of the lake.
pub(crate) async fn turn() -> Result<SemaphorePermit<'static>, Problem> {
    let permit = tokio::time::timeout(LONGEST_WAIT, SEARCHES.acquire()).await;
    permit.ok().and_then(Result::ok).ok_or_else(|| {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "busy",
            "other searches are running; try again, or narrow the time",
        )
    })
}

/// Searches that run at the same time.
static SEARCHES: Semaphore = Semaphore::const_new(4);

/// Longest that a search waits for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Longest that a search takes.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// Stops a search when nobody waits for it any more.
pub(crate) struct Stop(pub(crate) Arc<Watch>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn problem(error: SearchError) -> Problem {
    match error {
        SearchError::Cancelled | SearchError::TooManyGroups { .. } | SearchError::Invalid(_) => {
            Problem::bad(error.to_string())
        }
        SearchError::Lake(error) => Problem::internal(&error),
    }
}

/// An event as the API shows it. The native record is there as text, and as JSON where it is JSON.
pub(crate) fn event(row: &Row) -> Value {
    let e = &row.event;
    let native = String::from_utf8_lossy(&e.native);
    json!({
        "id": e.id, "time": e.time, "received": e.received, "source": e.source, "tenant": e.tenant, "logsource": e.logsource,
        "exercise": e.mark, "norm": e.norm.iter().map(|(k, v)| (k.to_string(), json!(v))).collect::<serde_json::Map<_, _>>(),
        "native": native, "native_expired": row.raw == watchfloor_lake::Raw::Expired,
    })
}

/// What was found, as JSON.
pub(crate) fn found(found: &Found) -> Value {
    json!({
        "from": found.range.0, "until": found.range.1,
        "events": found.page.rows.iter().map(event).collect::<Vec<_>>(),
        "after": found.page.next.as_ref().map(ToString::to_string),
        "histogram": { "width_seconds": found.width.as_secs(), "buckets": found.histogram.iter().map(|b| json!([b.start, b.count])).collect::<Vec<_>>() },
        "top": found.top.as_ref().map(|t| json!({"values": t.values, "distinct": t.distinct, "absent": t.absent})),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_moments_or_spans_before_now() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (text, at) in [
            ("15m", "2026-11-24T11:45:00Z"),
            ("7d", "2026-11-17T12:00:00Z"),
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(moment(text, now).unwrap(), at.parse::<Timestamp>().unwrap());
        }
        for bad in ["", "h", "1y", "yesterday", "9999999999999999h", "ä"] {
            assert!(moment(bad, now).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wrong_filter_names_its_place() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(100);
        let problem = Ask {
            q: "source.ip: (a or".into(),
            ..Ask::default()
        }
        .query(now)
        .unwrap_err();
        assert_eq!(problem.status, 400);
        assert!(problem.position.is_some_and(|p| p >= 16), "{problem:?}");
    }
}

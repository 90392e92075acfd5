//! Projections: what pages and lists show, kept beside the journal and built anew from it at will.

use crate::{
    ReadError, Store,
    row::{Bad, Row, params},
    statement::{PROJECTION_COUNT, PROJECTION_GET, PROJECTIONS_DOWN, PROJECTIONS_UP},
};

/// One thing, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// Its id, unique among its kind.
    pub id: String,
    /// Its place in the order.
    pub sort: i64,
    /// The entry after which it looked like this.
    pub seq: u64,
    /// JSON.
    pub body: String,
}

/// Which way a list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest `sort` first.
    Up,
    /// Largest `sort` first.
    Down,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Which way it runs.
    pub order: Order,
    /// `sort` and id of the last row of the part before; none for the first part.
    pub after: Option<(i64, String)>,
    /// At most this many rows.
    pub limit: u32,
}

impl Page {
    /// The first `limit` rows.
    #[must_use]
    pub fn first(order: Order, limit: u32) -> Self {
        Self {
            order,
            after: None,
            limit,
        }
    }
}

impl Store {
    /// One projection.
    pub async fn projection(&self, kind: &str, id: &str) -> Result<Option<Projection>, ReadError> {
        self.row("a projection", PROJECTION_GET, &params![kind, id], read)
            .await
    }

    /// Projections of a kind, in order.
    pub async fn projections(&self, kind: &str, page: &Page) -> Result<Vec<Projection>, ReadError> {
        let (sql, start) = match page.order {
            // Ids are ASCII; no id sorts after this character or before nothing.
            Order::Up => (PROJECTIONS_UP, (i64::MIN, String::new())),
            Order::Down => (PROJECTIONS_DOWN, (i64::MAX, "\u{10FFFF}".to_owned())),
        };
        let (sort, id) = page.after.clone().unwrap_or(start);
        self.rows(
            "projections",
            sql,
            &params![kind, sort, id, u64::from(page.limit)],
            read,
        )
        .await
    }

    /// How many projections of a kind there are.
    pub async fn projection_count(&self, kind: &str) -> Result<u64, ReadError> {
        let count = self
            .row("projections", PROJECTION_COUNT, &params![kind], |row| {
                row.count(0)
            })
            .await?;
        Ok(count.unwrap_or(0))
    }
}

fn read(row: &Row<'_>) -> Result<Projection, Bad> {
    Ok(Projection {
        id: row.text(0)?,
        sort: row.int(1)?,
        seq: row.count(2)?,
        body: row.text(3)?,
    })
}

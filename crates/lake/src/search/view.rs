//! A filter on columns.

use arrow_array::{
    Array, BinaryViewArray, Int32Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow_buffer::BooleanBuffer;
use memchr::memmem::Finder;
use uuid::Uuid;

use crate::{
    attrs,
    batch::{bytes_at, column, id_at, micros_at, str_at},
    query::{Envelope, Field, Node, Scalar, Test, visit_value},
    schema::{self, CORE},
};

/// The columns of a batch, found once. A missing one reads as null.
pub(crate) struct View<'a> {
    rows: usize,
    pub(crate) id: Option<&'a BinaryViewArray>,
    pub(crate) time: Option<&'a TimestampMicrosecondArray>,
    received: Option<&'a TimestampMicrosecondArray>,
    batch: &'a RecordBatch,
    core: Vec<Option<&'a StringViewArray>>,
    multi: Option<&'a Int32Array>,
    attrs: Option<&'a StringViewArray>,
    raw: Option<&'a BinaryViewArray>,
}

impl<'a> View<'a> {
    pub(crate) fn of(batch: &'a RecordBatch) -> Self {
        Self {
            rows: batch.num_rows(),
            id: column(batch, schema::ID),
            time: column(batch, schema::TIME),
            received: column(batch, schema::RECEIVED),
            batch,
            core: CORE.iter().map(|c| column(batch, c.column)).collect(),
            multi: column(batch, schema::MULTI).filter(|m: &&Int32Array| m.null_count() < m.len()),
            attrs: column(batch, schema::ATTRS),
            raw: column(batch, schema::RAW),
        }
    }

    /// Calls `found` for each value of `field` in `row`.
    pub(crate) fn visit(&self, field: &Field, row: usize, found: &mut dyn FnMut(Scalar<'_>)) {
        match field {
            Field::Envelope(part) => self.visit_envelope(*part, row, found),
            Field::Core(at) => {
                if let Some(text) = str_at(self.core.get(*at).copied().flatten(), row) {
                    found(Scalar::Str(text));
                } else if self.is_multi(*at, row)
                    && let Some(core) = CORE.get(*at)
                {
                    self.visit_attr(&attrs::Key::new(core.field), row, found);
                }
            }
            Field::Norm(norm) => {
                self.visit_attr(&norm.key, row, found);
            }
            Field::Open(norm, path) => {
                if !self.visit_attr(&norm.key, row, found)
                    && let Some(raw) = bytes_at(self.raw, row)
                {
                    path.visit(raw, found);
                }
            }
            Field::Native(path) => {
                if let Some(raw) = bytes_at(self.raw, row) {
                    path.visit(raw, found);
                }
            }
        }
    }

    fn is_multi(&self, core: usize, row: usize) -> bool {
        self.multi.is_some_and(|m| {
            m.is_valid(row) && m.values().get(row).is_some_and(|b| b & (1 << core) != 0)
        })
    }

    /// Whether the canonical view has the field at all.
    fn visit_attr(&self, key: &attrs::Key, row: usize, found: &mut dyn FnMut(Scalar<'_>)) -> bool {
        let Some(json) = str_at(self.attrs, row).and_then(|attrs| key.find(attrs)) else {
            return false;
        };
        if let Some(text) = attrs::plain_text(json) {
            found(Scalar::Str(text));
        } else if let Some(value) = attrs::value(json) {
            visit_value(&value, found);
        }
        true
    }

    fn visit_envelope(&self, part: Envelope, row: usize, found: &mut dyn FnMut(Scalar<'_>)) {
        match part {
            Envelope::Id => {
                if let Some(id) = id_at(self.id, row) {
                    found(Scalar::Str(&Uuid::from_bytes(id).to_string()));
                }
            }
            Envelope::Time | Envelope::Received => {
                let times = if part == Envelope::Time {
                    self.time
                } else {
                    self.received
                };
                if let Some(us) = micros_at(times, row) {
                    found(Scalar::Time(us));
                }
            }
            Envelope::Source
            | Envelope::Tenant
            | Envelope::Product
            | Envelope::Category
            | Envelope::Service
            | Envelope::Exercise
            | Envelope::Inject => {
                if let Some(text) = str_at(self.text(part), row) {
                    found(Scalar::Str(text));
                }
            }
        }
    }

    fn text(&self, part: Envelope) -> Option<&'a StringViewArray> {
        column(self.batch, part.column())
    }

    /// Rows of `alive` that pass `node`.
    pub(crate) fn select(&self, node: &Node, alive: &BooleanBuffer) -> BooleanBuffer {
        match node {
            Node::All => alive.clone(),
            Node::And(nodes) => {
                let mut passed = alive.clone();
                for node in nodes {
                    if passed.count_set_bits() == 0 {
                        break;
                    }
                    passed = self.select(node, &passed);
                }
                passed
            }
            Node::Or(nodes) => {
                let mut passed = BooleanBuffer::new_unset(self.rows);
                let mut open = alive.clone();
                for node in nodes {
                    let found = self.select(node, &open);
                    open = &open & &!&found;
                    passed = &passed | &found;
                }
                passed
            }
            Node::Not(inner) => alive & &!&self.select(inner, alive),
            Node::Text(needle) => self.where_row(alive, |row| {
                bytes_at(self.raw, row).is_some_and(|raw| needle.is_in(raw))
            }),
            Node::Field(field, test) => self.select_field(field, test, alive),
        }
    }

    fn select_field(&self, field: &Field, test: &Test, alive: &BooleanBuffer) -> BooleanBuffer {
        let text_column = match field {
            Field::Core(at) if self.multi.is_none() => Some(self.core.get(*at).copied().flatten()),
            Field::Envelope(part) if !part.is_time() && *part != Envelope::Id => {
                Some(self.text(*part))
            }
            Field::Core(_)
            | Field::Envelope(_)
            | Field::Norm(_)
            | Field::Open(..)
            | Field::Native(_) => None,
        };
        match text_column {
            Some(None) => BooleanBuffer::new_unset(self.rows),
            Some(Some(array)) => match test.only_text() {
                Some(wanted) => self.where_equal(array, wanted, alive),
                None => self.where_row(alive, |row| {
                    str_at(Some(array), row).is_some_and(|text| test.passes(Scalar::Str(text)))
                }),
            },
            None => {
                let guard = Guard::of(field, test);
                self.where_row(alive, |row| {
                    if guard
                        .as_ref()
                        .is_some_and(|g| !g.may_pass(bytes_at(self.raw, row)))
                    {
                        return match field {
                            Field::Open(norm, _) => {
                                let mut passes = false;
                                self.visit_attr(&norm.key, row, &mut |value| {
                                    passes = passes || test.passes(value);
                                });
                                passes
                            }
                            Field::Envelope(_)
                            | Field::Core(_)
                            | Field::Norm(_)
                            | Field::Native(_) => false,
                        };
                    }
                    let mut passes = false;
                    self.visit(field, row, &mut |value| {
                        passes = passes || test.passes(value);
                    });
                    passes
                })
            }
        }
    }

    /// A view begins with the length and up to twelve bytes of the text: most rows differ there.
    fn where_equal(
        &self,
        array: &StringViewArray,
        text: &str,
        alive: &BooleanBuffer,
    ) -> BooleanBuffer {
        let wanted = StringViewArray::from_iter_values([text]);
        let head = wanted.views().first().copied().unwrap_or_default();
        let whole = text.len() <= 12;
        let mask = if whole {
            u128::MAX
        } else {
            u128::from(u64::MAX)
        };
        let views = array.views();
        self.where_row(alive, |row| {
            views.get(row).is_some_and(|view| (view ^ head) & mask == 0)
                && array.is_valid(row)
                && (whole || array.value(row) == text)
        })
    }

    fn where_row(
        &self,
        alive: &BooleanBuffer,
        mut passes: impl FnMut(usize) -> bool,
    ) -> BooleanBuffer {
        BooleanBuffer::collect_bool(self.rows, |row| alive.value(row) && passes(row))
    }

    /// Rows whose time is in `from..until`, in microseconds.
    pub(crate) fn between(&self, from: i64, until: i64) -> BooleanBuffer {
        match self.time {
            None => BooleanBuffer::new_unset(self.rows),
            Some(times) => {
                let times = times.values();
                BooleanBuffer::collect_bool(self.rows, |row| {
                    times.get(row).is_some_and(|t| (from..until).contains(t))
                })
            }
        }
    }
}

/// Text that must stand in a record for a condition on a native field to hold: looking for it is
/// far cheaper than parsing.
struct Guard {
    text: Finder<'static>,
    escape: Finder<'static>,
}

impl Guard {
    fn of(field: &Field, test: &Test) -> Option<Self> {
        match field {
            Field::Open(..) | Field::Native(_) => {}
            Field::Envelope(_) | Field::Core(_) | Field::Norm(_) => return None,
        }
        // Numbers and truth values can be spelled in several ways, other text only with `\u`.
        let text = test.only_text().filter(|text| {
            text.parse::<f64>().is_err()
                && !matches!(*text, "true" | "false")
                && text
                    .bytes()
                    .all(|b| b > 0x1F && !matches!(b, b'"' | b'\\' | b'/' | 0x7F..))
        })?;
        Some(Self {
            text: Finder::new(text.as_bytes()).into_owned(),
            escape: Finder::new(b"\\u").into_owned(),
        })
    }

    fn may_pass(&self, raw: Option<&[u8]>) -> bool {
        raw.is_some_and(|raw| self.text.find(raw).is_some() || self.escape.find(raw).is_some())
    }
}

/// What must be read to decide a condition, cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cost {
    Columns,
    Attrs,
    Raw,
}

/// Whether core columns of a row group are all plain text, or some values stand in `attrs` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Multi {
    Absent,
    Present,
}

/// The dearest column that `node` reads.
pub(crate) fn cost(node: &Node, multi: Multi) -> Cost {
    match node {
        Node::All => Cost::Columns,
        Node::And(nodes) | Node::Or(nodes) => nodes
            .iter()
            .map(|n| cost(n, multi))
            .max()
            .unwrap_or(Cost::Columns),
        Node::Not(node) => cost(node, multi),
        Node::Text(_) => Cost::Raw,
        Node::Field(field, _) => field_cost(field, multi),
    }
}

pub(crate) fn field_cost(field: &Field, multi: Multi) -> Cost {
    match field {
        Field::Envelope(_) => Cost::Columns,
        Field::Core(_) => match multi {
            Multi::Absent => Cost::Columns,
            Multi::Present => Cost::Attrs,
        },
        Field::Norm(_) => Cost::Attrs,
        Field::Open(..) | Field::Native(_) => Cost::Raw,
    }
}

/// Adds the columns that `node` reads.
pub(crate) fn columns(node: &Node, multi: Multi, out: &mut Vec<&'static str>) {
    match node {
        Node::All => {}
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|n| columns(n, multi, out)),
        Node::Not(node) => columns(node, multi, out),
        Node::Text(_) => out.push(schema::RAW),
        Node::Field(field, _) => field_columns(field, multi, out),
    }
}

/// Adds the columns that hold `field`.
pub(crate) fn field_columns(field: &Field, multi: Multi, out: &mut Vec<&'static str>) {
    match field {
        Field::Envelope(part) => out.push(part.column()),
        Field::Core(at) => {
            out.extend(CORE.get(*at).map(|c| c.column));
            out.push(schema::MULTI);
            if multi == Multi::Present {
                out.push(schema::ATTRS);
            }
        }
        Field::Norm(_) => out.push(schema::ATTRS),
        Field::Open(..) => out.extend([schema::ATTRS, schema::RAW]),
        Field::Native(_) => out.push(schema::RAW),
    }
}

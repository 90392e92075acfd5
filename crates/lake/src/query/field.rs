//! What a field name means.

use watchfloor_types::{CANONICAL_FIELDS, Event};

use super::{
    native::Path,
    value::{Scalar, visit_value},
};
use crate::{attrs::Key, schema, schema::CORE};

/// A resolved field. Names resolve in this order: envelope, canonical view, native record.
#[derive(Debug, Clone)]
pub(crate) enum Field {
    /// Part of the envelope.
    Envelope(Envelope),
    /// A canonical field with a column, by its place in [`CORE`].
    Core(usize),
    /// Any other canonical field.
    Norm(Box<Norm>),
    /// A name that is no canonical one: the canonical view where a mapping put it there, else the
    /// native record.
    Open(Box<Norm>, Box<Path>),
    /// `native.` in front: the native record only.
    Native(Box<Path>),
}

/// A field of the canonical view by name.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    pub(crate) name: Box<str>,
    pub(crate) key: Key,
}

/// Parts of the envelope that can be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Envelope {
    Id,
    Time,
    Received,
    Source,
    Tenant,
    Product,
    Category,
    Service,
    Exercise,
    Inject,
}

impl Envelope {
    const ALL: [(&'static str, Self); 11] = [
        (schema::ID, Self::Id),
        (schema::TIME, Self::Time),
        ("@timestamp", Self::Time),
        (schema::RECEIVED, Self::Received),
        (schema::SOURCE, Self::Source),
        (schema::TENANT, Self::Tenant),
        (schema::PRODUCT, Self::Product),
        (schema::CATEGORY, Self::Category),
        (schema::SERVICE, Self::Service),
        (schema::EXERCISE, Self::Exercise),
        (schema::INJECT, Self::Inject),
    ];

    /// Its column.
    pub(crate) const fn column(self) -> &'static str {
        match self {
            Self::Id => schema::ID,
            Self::Time => schema::TIME,
            Self::Received => schema::RECEIVED,
            Self::Source => schema::SOURCE,
            Self::Tenant => schema::TENANT,
            Self::Product => schema::PRODUCT,
            Self::Category => schema::CATEGORY,
            Self::Service => schema::SERVICE,
            Self::Exercise => schema::EXERCISE,
            Self::Inject => schema::INJECT,
        }
    }

    /// Whether it is a point in time.
    pub(crate) const fn is_time(self) -> bool {
        matches!(self, Self::Time | Self::Received)
    }
}

/// Fields that hold prose: `:` asks whether the text contains the value, without regard to case.
const PROSE: &[&str] = &[
    "ai.memory.text",
    "ai.prompt.text",
    "ai.prompt.user_text",
    "ai.response.text",
    "ai.tool.description",
    "ai.untrusted.text",
    "email.subject",
    "error.message",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "process.command_line",
    "user_agent.original",
];

impl Field {
    /// Resolves `name`.
    pub(crate) fn named(name: &str) -> Self {
        if let Some((_, envelope)) = Envelope::ALL.iter().find(|(n, _)| *n == name) {
            return Self::Envelope(*envelope);
        }
        if let Some(at) = CORE.iter().position(|c| c.field == name) {
            return Self::Core(at);
        }
        if let Some(path) = name.strip_prefix("native.") {
            return Self::Native(Box::new(Path::new(path)));
        }
        let norm = Box::new(Norm {
            name: name.into(),
            key: Key::new(name),
        });
        if CANONICAL_FIELDS.binary_search(&name).is_ok() {
            Self::Norm(norm)
        } else {
            Self::Open(norm, Box::new(Path::new(name)))
        }
    }

    /// Whether the field holds prose.
    pub(crate) fn is_prose(name: &str) -> bool {
        PROSE.contains(&name)
    }

    /// Calls `found` for each value of the field in `event`.
    pub(crate) fn visit_event(&self, event: &Event, found: &mut dyn FnMut(Scalar<'_>)) {
        let norm = |name: &str, found: &mut dyn FnMut(Scalar<'_>)| {
            event
                .norm
                .get(name)
                .map(|value| visit_value(value, found))
                .is_some()
        };
        match self {
            Self::Envelope(part) => visit_envelope(*part, event, found),
            Self::Core(at) => {
                if let Some(core) = CORE.get(*at) {
                    norm(core.field, found);
                }
            }
            Self::Norm(field) => {
                norm(&field.name, found);
            }
            Self::Open(field, path) => {
                if !norm(&field.name, found) {
                    path.visit(&event.native, found);
                }
            }
            Self::Native(path) => path.visit(&event.native, found),
        }
    }
}

fn visit_envelope(part: Envelope, event: &Event, found: &mut dyn FnMut(Scalar<'_>)) {
    let mut text = |text: Option<&str>| {
        if let Some(text) = text {
            found(Scalar::Str(text));
        }
    };
    match part {
        Envelope::Id => text(Some(&event.id.to_string())),
        Envelope::Time => found(Scalar::Time(event.time.as_microsecond())),
        Envelope::Received => found(Scalar::Time(event.received.as_microsecond())),
        Envelope::Source => text(Some(event.source.as_str())),
        Envelope::Tenant => text(Some(event.tenant.as_str())),
        Envelope::Product => text(event.logsource.product.as_deref()),
        Envelope::Category => text(event.logsource.category.as_deref()),
        Envelope::Service => text(event.logsource.service.as_deref()),
        Envelope::Exercise => text(
            event
                .mark
                .as_ref()
                .map(|m| m.exercise.to_string())
                .as_deref(),
        ),
        Envelope::Inject => text(event.mark.as_ref().map(|m| m.inject.as_str())),
    }
}

//! What a correlation reads from an event: facts, group key, counted value.

use std::sync::Arc;

use jiff::SignedDuration;
use watchfloor_types::{Event, View};

use super::{
    plan::{Feeds, Planned},
    window::Facts,
};
use crate::{
    engine::{Raw, scan, unescape_into},
    finding,
    rule::Aggregate,
};

/// How far in the future an event may claim to be.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// The field whose distinct values are tenants.
const TENANT_FIELD: &str = "ai.tenant.id";
/// Longest group value, bytes.
const MAX_KEY: usize = 256;

/// A function of the event alone, so that a replay gives the same findings.
pub(super) fn facts(event: &Event, feeds: &Feeds) -> Facts {
    let latest = event
        .received
        .saturating_add(SKEW)
        .unwrap_or(event.received);
    let mut fields: Vec<(Arc<str>, Arc<str>)> = Vec::new();
    let mut found: Vec<Option<Arc<str>>> = vec![None; feeds.names.len()];
    if feeds.view == View::Native {
        let native = String::from_utf8_lossy(&event.native);
        scan(&native, &feeds.paths, None, &mut |field, raw| {
            let Some(slot @ None) = found.get_mut(field as usize) else {
                return;
            };
            let text: Arc<str> = match raw {
                Raw::Plain(text) | Raw::Word(text) => text.into(),
                Raw::Escaped(text) => {
                    let mut plain = String::new();
                    unescape_into(text, &mut plain);
                    plain.into()
                }
                Raw::Null | Raw::Container => return,
            };
            *slot = Some(text);
        });
    }
    for (name, value) in feeds.names.iter().zip(found) {
        let value = value.or_else(|| event.norm.get(name).map(|v| v.to_string().into()));
        if let Some(value) = value {
            fields.push((name.clone(), value));
        }
    }
    Facts {
        time: if event.time > latest {
            event.received
        } else {
            event.time
        },
        events: vec![event.id],
        tenant: event.tenant.clone(),
        source: event.source.clone(),
        mark: event.mark.clone(),
        entities: finding::entities(&event.norm),
        title: feeds.title.clone(),
        fields,
    }
}

/// The group, and the counted values; `None` where a field is missing.
pub(super) fn key_of(
    correlation: &Planned,
    place: usize,
    facts: &Facts,
) -> Option<(Arc<str>, Option<Arc<str>>)> {
    let join = |names: &[Arc<str>], mut out: String| {
        for name in names {
            let value = facts.field(name)?;
            let mut end = value.len().min(MAX_KEY);
            while !value.is_char_boundary(end) {
                end -= 1;
            }
            // Lengths keep ("ab", "c") and ("a", "bc") apart; case does not matter in Sigma.
            out.push('\u{1f}');
            out.push_str(&value.len().to_string());
            out.push(':');
            out.push_str(&value.get(..end)?.to_lowercase());
        }
        Some(out)
    };
    // Tenants stay apart, unless tenants are what is counted.
    let within = match &correlation.spec.aggregate {
        Aggregate::ValueCount(counted) if counted.iter().any(|f| f == TENANT_FIELD) => {
            String::new()
        }
        Aggregate::ValueCount(_)
        | Aggregate::EventCount
        | Aggregate::Temporal
        | Aggregate::TemporalOrdered => facts.tenant.as_str().to_owned(),
    };
    let key = join(correlation.group_by.get(place)?, within)?;
    let value = match correlation.spec.aggregate {
        Aggregate::ValueCount(_) => {
            Some(join(correlation.counted.get(place)?, String::new())?.into())
        }
        Aggregate::EventCount | Aggregate::Temporal | Aggregate::TemporalOrdered => None,
    };
    Some((key.into(), value))
}

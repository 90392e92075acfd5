//! Correlations.

use super::Lint;
use crate::{diagnostics::code, rule::read_timespan, yaml::Node};

/// Beyond a week a window costs more memory than it finds.
const LONG_HOURS: i64 = 24 * 7;

pub(super) fn check(root: &Node, lint: &mut Lint<'_>) {
    let Some((key, node)) = root.entry("correlation") else {
        return;
    };
    if let Some(span) = node.get("timespan")
        && let Some(read) = span.text().and_then(read_timespan)
        && read.as_hours() > LONG_HOURS
    {
        lint.note(
            code::LONG_TIMESPAN,
            span.span,
            "the correlation remembers more than a week",
            "a shorter window holds less memory and fewer chance meetings; for longer ones look for a daily summary instead",
        );
    }
    let kind = node.get("type").and_then(Node::text).unwrap_or_default();
    let grouped = node.get("group-by").is_some_and(|n| match &n.kind {
        crate::yaml::Kind::List(items) => !items.is_empty(),
        crate::yaml::Kind::Scalar(s) => !s.text.is_empty(),
        crate::yaml::Kind::Map(_) => false,
    });
    if !grouped && !kind.is_empty() {
        lint.warning(
            code::NO_GROUP_BY,
            key.span,
            "the correlation counts over all users and hosts together",
            "add `group-by:` with who or what the events must have in common",
        );
    }
}

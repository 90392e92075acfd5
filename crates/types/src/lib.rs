//! Words that cross crate walls: ids, events, findings, indicators, effects, diagnostics.

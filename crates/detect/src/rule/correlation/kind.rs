//! The types of correlations: the standard's ("Correlation Types"), and three of our own.

use jiff::SignedDuration;

use super::{missing, read_timespan};
use crate::{
    diagnostics::{Report, code, did_you_mean},
    modifier::short,
    rule::meta,
    yaml::Node,
};

/// How contributions are judged ("Correlation Types").
#[derive(Debug, Clone, PartialEq)]
pub enum Aggregate {
    /// How many events.
    EventCount,
    /// How many distinct values of these fields together.
    ValueCount(Vec<String>),
    /// The sum of a number.
    ValueSum(Vec<String>),
    /// The mean of a number.
    ValueAvg(Vec<String>),
    /// The number below which a percentage of the numbers lie.
    ValuePercentile {
        /// The number.
        field: Vec<String>,
        /// 0 to 100.
        percent: f64,
    },
    /// The middle of the numbers.
    ValueMedian(Vec<String>),
    /// How many of the rules, in any order.
    Temporal,
    /// The rules in the order given.
    TemporalOrdered,
    /// A value never seen for this key before (ours).
    NewValue {
        /// The fields that together are the value.
        fields: Vec<String>,
        /// How long a key is only listened to.
        learning: SignedDuration,
    },
    /// A value other than the last one for this key (ours).
    ChangedValue(Vec<String>),
    /// Texts much like each other (ours).
    NearDuplicate {
        /// The text.
        field: Vec<String>,
        /// How many of the 64 bits of two fingerprints may differ.
        distance: u32,
    },
}

const TYPES: [&str; 11] = [
    "event_count",
    "value_count",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
    "temporal",
    "temporal_ordered",
    "new_value",
    "changed_value",
    "near_duplicate",
];

impl Aggregate {
    /// The word in rules.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::EventCount => "event_count",
            Self::ValueCount(_) => "value_count",
            Self::ValueSum(_) => "value_sum",
            Self::ValueAvg(_) => "value_avg",
            Self::ValuePercentile { .. } => "value_percentile",
            Self::ValueMedian(_) => "value_median",
            Self::Temporal => "temporal",
            Self::TemporalOrdered => "temporal_ordered",
            Self::NewValue { .. } => "new_value",
            Self::ChangedValue(_) => "changed_value",
            Self::NearDuplicate { .. } => "near_duplicate",
        }
    }
    /// The fields whose values it reads; none where it only counts.
    #[must_use]
    pub fn fields(&self) -> &[String] {
        match self {
            Self::EventCount | Self::Temporal | Self::TemporalOrdered => &[],
            Self::ValueCount(fields)
            | Self::ValueSum(fields)
            | Self::ValueAvg(fields)
            | Self::ValueMedian(fields)
            | Self::ChangedValue(fields)
            | Self::ValuePercentile { field: fields, .. }
            | Self::NewValue { fields, .. }
            | Self::NearDuplicate { field: fields, .. } => fields,
        }
    }
    /// Whether its figure is measured, so that it may be any number.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        matches!(
            self,
            Self::ValueSum(_)
                | Self::ValueAvg(_)
                | Self::ValuePercentile { .. }
                | Self::ValueMedian(_)
        )
    }
    /// Whether it remembers values instead of counting in a window.
    #[must_use]
    pub fn is_memory(&self) -> bool {
        matches!(self, Self::NewValue { .. } | Self::ChangedValue(_))
    }
    /// Keys of its condition that are not bounds.
    pub(super) fn condition_keys(&self) -> &'static [&'static str] {
        match self {
            Self::EventCount | Self::Temporal | Self::TemporalOrdered => &[],
            Self::ValueCount(_)
            | Self::ValueSum(_)
            | Self::ValueAvg(_)
            | Self::ValueMedian(_)
            | Self::NewValue { .. }
            | Self::ChangedValue(_) => &["field"],
            Self::ValuePercentile { .. } => &["field", "percentile"],
            Self::NearDuplicate { .. } => &["field", "distance"],
        }
    }
}

/// How many of 64 bits may differ where a rule says nothing.
const DISTANCE: u32 = 6;

pub(super) fn read(node: &Node, report: &mut Report) -> Option<Aggregate> {
    let Some(kind) = node.get("type") else {
        let help = format!("one of {}", TYPES.join(", "));
        return missing(node, "type", &help, report);
    };
    let word = kind.text().unwrap_or_default();
    // The names that pySigma gives to the two types with a condition in words.
    let word = match word {
        "temporal_extended" => "temporal",
        "temporal_ordered_extended" => "temporal_ordered",
        word => word,
    };
    if !TYPES.contains(&word) {
        let near = did_you_mean(word, TYPES);
        let help = if near.is_empty() {
            format!("one of {}", TYPES.join(", "))
        } else {
            near
        };
        report.error(
            code::BAD_CORRELATION_TYPE,
            kind.span,
            format!("`{}` is not a correlation type known here", short(word)),
            help,
        );
        return None;
    }
    let learning = learning(node, word, report);
    match word {
        "event_count" => return Some(Aggregate::EventCount),
        "temporal" => return Some(Aggregate::Temporal),
        "temporal_ordered" => return Some(Aggregate::TemporalOrdered),
        _ => {}
    }
    let Some(condition) = node.get("condition") else {
        return missing(
            node,
            "condition",
            "name the `field`, and a bound such as `gte: 5` where something is counted",
            report,
        );
    };
    let fields = meta::list(condition, "field", report);
    if fields.is_empty() {
        report.error(
            code::BAD_CORRELATION_CONDITION,
            condition.span,
            format!("`{word}` needs `field` in its condition"),
            "name the field whose values are meant",
        );
        return None;
    }
    let several = matches!(word, "value_count" | "new_value" | "changed_value");
    if !several && fields.len() > 1 {
        report.error(
            code::BAD_CORRELATION_CONDITION,
            condition.span,
            format!("`{word}` reads one field"),
            "write one correlation for each field",
        );
        return None;
    }
    Some(match word {
        "value_count" => Aggregate::ValueCount(fields),
        "value_sum" => Aggregate::ValueSum(fields),
        "value_avg" => Aggregate::ValueAvg(fields),
        "value_median" => Aggregate::ValueMedian(fields),
        "value_percentile" => Aggregate::ValuePercentile {
            field: fields,
            percent: percent(condition, report)?,
        },
        "new_value" => Aggregate::NewValue {
            fields,
            learning: learning?,
        },
        "changed_value" => Aggregate::ChangedValue(fields),
        _ => Aggregate::NearDuplicate {
            field: fields,
            distance: distance(condition, report)?,
        },
    })
}

fn percent(condition: &Node, report: &mut Report) -> Option<f64> {
    let Some(node) = condition.get("percentile") else {
        report.warning(
            code::PERCENTILE,
            condition.span,
            "the condition does not say which percentile; 50 is taken",
            "add `percentile:`, 0 to 100",
        );
        return Some(50.0);
    };
    let percent = node
        .text()
        .and_then(|text| text.parse::<f64>().ok())
        .filter(|p| (0.0..=100.0).contains(p));
    if percent.is_none() {
        report.error(
            code::PERCENTILE,
            node.span,
            "a percentile is a number from 0 to 100",
            "",
        );
    }
    percent
}

fn distance(condition: &Node, report: &mut Report) -> Option<u32> {
    let Some(node) = condition.get("distance") else {
        return Some(DISTANCE);
    };
    let distance = node
        .text()
        .and_then(|text| text.parse::<u32>().ok())
        .filter(|d| *d <= 16);
    if distance.is_none() {
        report.error(
            code::BAD_DISTANCE,
            node.span,
            "a distance is a whole number from 0 to 16",
            "0 takes equal fingerprints only; 6 is what most rules want",
        );
    }
    distance
}

fn learning(node: &Node, word: &str, report: &mut Report) -> Option<SignedDuration> {
    let Some(learning) = node.get("learning") else {
        if word == "new_value" {
            report.error(
                code::BAD_LEARNING,
                node.span,
                "`new_value` does not say how long a key is only listened to",
                "add `learning:`, such as 14d; until then everything is new",
            );
        }
        return None;
    };
    let text = learning.text().unwrap_or_default();
    let read = if text == "0s" {
        Some(SignedDuration::ZERO)
    } else {
        read_timespan(text)
    };
    if word != "new_value" || read.is_none() {
        report.error(
            code::BAD_LEARNING,
            learning.span,
            if word == "new_value" {
                format!("`{}` is not a timespan", short(text))
            } else {
                format!("`{word}` learns nothing")
            },
            if word == "new_value" {
                "write a number and s, m, h or d"
            } else {
                "remove `learning`"
            },
        );
        return None;
    }
    read
}

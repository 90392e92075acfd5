//! What a chart shows: its numbers, free of how they are drawn.

use jiff::Timestamp;

use crate::document::time;

/// A chart. Every chart can be read without seeing it: it has a title, a description and its
/// numbers as a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// What it says, in a sentence, for those who cannot see it.
    pub description: String,
    /// What the numbers count: `events`, `minutes`. Empty for a timeline.
    pub unit: String,
    /// The numbers.
    pub data: ChartData,
}

/// The numbers of a chart and the shape that suits them.
#[derive(Debug, Clone, PartialEq)]
pub enum ChartData {
    /// Counts over time, one bar each, oldest first.
    Histogram(Vec<Bucket>),
    /// One horizontal bar per name, in the given order.
    Bars(Vec<Bar>),
    /// A small line without axes.
    Sparkline(Vec<f64>),
    /// Moments and spans on one axis of time.
    Timeline(Vec<Moment>),
}

/// A bar of a histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Where the bucket begins.
    pub start: Timestamp,
    /// How many.
    pub value: f64,
}

/// A horizontal bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Its name.
    pub label: String,
    /// Its length.
    pub value: f64,
}

/// Something that happened at a time, or lasted.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// When it began.
    pub at: Timestamp,
    /// When it ended, for what lasted.
    pub until: Option<Timestamp>,
    /// What it was.
    pub label: String,
    /// How it stands out.
    pub tone: Tone,
}

/// How a moment stands out; always with a shape of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// A disc.
    Plain,
    /// A diamond: something bad.
    Bad,
    /// A square: something done by us.
    Done,
    /// A ring: something due.
    Due,
}

impl Tone {
    /// The word in the table.
    const fn word(self) -> &'static str {
        match self {
            Self::Plain => "event",
            Self::Bad => "adverse",
            Self::Done => "response",
            Self::Due => "due",
        }
    }
}

impl Chart {
    /// The numbers as a table: column titles, then rows.
    #[must_use]
    pub fn rows(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let count = || {
            if self.unit.is_empty() {
                "value".to_owned()
            } else {
                self.unit.clone()
            }
        };
        match &self.data {
            ChartData::Histogram(buckets) => (
                vec!["from".to_owned(), count()],
                buckets
                    .iter()
                    .map(|b| vec![time(b.start), number(b.value)])
                    .collect(),
            ),
            ChartData::Bars(bars) => (
                vec!["name".to_owned(), count()],
                bars.iter()
                    .map(|b| vec![b.label.clone(), number(b.value)])
                    .collect(),
            ),
            ChartData::Sparkline(values) => (
                vec!["no.".to_owned(), count()],
                values
                    .iter()
                    .enumerate()
                    .map(|(i, v)| vec![(i + 1).to_string(), number(*v)])
                    .collect(),
            ),
            ChartData::Timeline(moments) => (
                ["time", "until", "kind", "what"]
                    .map(str::to_owned)
                    .to_vec(),
                moments
                    .iter()
                    .map(|m| {
                        vec![
                            time(m.at),
                            m.until.map(time).unwrap_or_default(),
                            m.tone.word().to_owned(),
                            m.label.clone(),
                        ]
                    })
                    .collect(),
            ),
        }
    }
}

/// A number without noise: at most two decimals, none where it is whole, thousands apart.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let (sign, text) = match text.strip_prefix('-') {
        Some("0") => ("", "0"),
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (whole, decimals) = match text.split_once('.') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (text, None),
    };
    let mut out = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(decimals) = decimals {
        out.push('.');
        out.push_str(decimals);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (-0.001, "0"),
            (1_234_567.0, "1,234,567"),
            (999.5, "999.5"),
            (-12_345.678, "-12,345.68"),
            (f64::NAN, "n/a"),
            (f64::INFINITY, "n/a"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}

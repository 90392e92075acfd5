//! Rules on hand-made events: inline samples, and single events for the command line.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{Event, EventId, Finding, Logsource, Norm, View};

use crate::{
    correlate::{Correlator, Limits},
    engine::{Engine, Hit, Scratch},
    rule::{Body, Document, Expect, Sample, SampleEvent, json_to_norm},
};

/// What came of one sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleOutcome {
    /// The sample's name.
    pub name: String,
    /// What it expects.
    pub expect: Expect,
    /// Whether the rule matched, or the correlation fired.
    pub matched: bool,
}

impl SampleOutcome {
    /// Whether the rule did what the sample expects.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.matched == (self.expect == Expect::Match)
    }
}

/// An event made of JSON text, for `rule run` and tests: native as given, canonical view as given.
/// It has the nil id and happened at `time`.
#[must_use]
pub fn event_of_json(native: &str, logsource: Logsource, norm: Norm, time: Timestamp) -> Event {
    Event {
        id: EventId::of_record(time, 0, 0),
        time,
        received: time,
        source: slug("sample"),
        tenant: slug("sample"),
        logsource,
        mark: None,
        native: Bytes::copy_from_slice(native.as_bytes()),
        norm,
    }
}

/// The canonical view that JSON text writes: nested maps become dotted names. `None` where the
/// text is not a JSON object.
#[must_use]
pub fn norm_of_json(text: &str) -> Option<Norm> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    value.is_object().then(|| json_to_norm(&value))
}

fn slug<T: std::str::FromStr>(word: &'static str) -> T
where
    T::Err: std::fmt::Debug,
{
    #[expect(clippy::expect_used, reason = "a constant word that is a valid slug")]
    word.parse().expect("a valid slug")
}

impl Engine {
    /// Runs the inline samples of a rule or correlation of this engine.
    #[must_use]
    pub fn run_samples(&self, document: &Document) -> Vec<SampleOutcome> {
        document
            .meta()
            .samples()
            .iter()
            .map(|sample| SampleOutcome {
                name: sample.name.clone(),
                expect: sample.expect,
                matched: match &document.body {
                    Body::Detection(_) => self.sample_rule(document, sample),
                    Body::Correlation(_) => self.sample_correlation(document, sample),
                    Body::Filter(_) => false,
                },
            })
            .collect()
    }

    fn sample_rule(&self, document: &Document, sample: &Sample) -> bool {
        let meta = document.meta();
        let Some(position) = self.position(meta.id()) else {
            return false;
        };
        events(sample, meta.logsource().view())
            .into_iter()
            .any(|(mut event, logsource)| {
                event.logsource = logsource.unwrap_or_else(|| meta.logsource().clone());
                meta.logsource().sees(&event.logsource) && self.holds(position, &event)
            })
    }

    fn sample_correlation(&self, document: &Document, sample: &Sample) -> bool {
        let mut correlator = Correlator::new(self, Limits::default());
        let mut out: Vec<Finding> = Vec::new();
        let feeders = self.feeders(document);
        let mut now = Timestamp::UNIX_EPOCH;
        for (native, norm) in events(sample, View::Native)
            .into_iter()
            .zip(events(sample, View::Norm))
        {
            let mut hits: Vec<Hit> = Vec::new();
            let (mut event, logsource) = native;
            event.norm = norm.0.norm;
            now = event.time;
            match logsource {
                Some(logsource) => {
                    event.logsource = logsource;
                    self.match_event(&event, &mut Scratch::new(), &mut hits);
                    hits.retain(|hit| feeders.contains(&hit.0));
                }
                None => {
                    hits.extend(
                        feeders
                            .iter()
                            .filter(|f| self.holds(**f, &event))
                            .map(|f| Hit(*f)),
                    );
                }
            }
            correlator.feed(&event, &hits, &mut out, now);
        }
        // A year later every window is over.
        let end = now
            .saturating_add(SignedDuration::from_hours(24 * 367))
            .unwrap_or(now);
        correlator.advance(end, &mut out);
        out.iter()
            .any(|finding| finding.rule.id == *document.meta().id())
    }

    /// The detection rules that feed a correlation, directly or through others, in no order.
    fn feeders(&self, document: &Document) -> Vec<u32> {
        let mut out = Vec::new();
        let mut open = vec![document];
        while let Some(document) = open.pop() {
            match &document.body {
                Body::Detection(_) => {
                    if let Some(position) = self.position(document.meta().id())
                        && !out.contains(&position)
                    {
                        out.push(position);
                    }
                }
                Body::Filter(_) => {}
                Body::Correlation(spec) => {
                    for reference in &spec.rules {
                        open.extend(self.documents().iter().find(|d| {
                            d.meta().id().as_str() == reference.text
                                || d.meta().name() == Some(&reference.text)
                        }));
                    }
                }
            }
        }
        out
    }
}

fn events(sample: &Sample, view: View) -> Vec<(Event, Option<Logsource>)> {
    let mut time = Timestamp::UNIX_EPOCH;
    let start = time;
    sample
        .events
        .iter()
        .enumerate()
        .map(
            |(
                at,
                SampleEvent {
                    fields,
                    logsource,
                    after,
                },
            )| {
                let after = match after {
                    Some(after) => start.saturating_add(*after),
                    None if at == 0 => Ok(start),
                    None => time.saturating_add(SignedDuration::from_secs(1)),
                };
                time = after.unwrap_or(time);
                let (native, norm) = match view {
                    View::Native => (fields.to_string(), Norm::default()),
                    View::Norm => (String::new(), json_to_norm(fields)),
                };
                let mut event = event_of_json(&native, Logsource::default(), norm, time);
                event.id = EventId::of_record(time, 0, at as u32);
                (event, logsource.clone())
            },
        )
        .collect()
}

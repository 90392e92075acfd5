//! Keep, tune or retire: what is known about a rule and what follows (`rule scorecard`).

use std::fmt;

/// What is known about one rule. Nothing is guessed: what nobody measured is none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Known {
    /// Whether the rule says that it is deprecated or unsupported.
    pub retired: bool,
    /// Errors and warnings of lint.
    pub warnings: usize,
    /// Samples that must match.
    pub positive: usize,
    /// Samples that must not match.
    pub negative: usize,
    /// Samples that do what they should not.
    pub failed: usize,
    /// Techniques in the tags.
    pub techniques: usize,
    /// Events that the findings are counted over.
    pub events: Option<u64>,
    /// Findings in them.
    pub findings: Option<u64>,
    /// Closed alerts with its findings that were right: an attack, or suspicious.
    pub right: u64,
    /// Closed alerts that were false or benign.
    pub wrong: u64,
    /// Time that one event costs on average, nanoseconds.
    pub nanos: Option<f64>,
}

/// From where on something is too much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Findings of a million events.
    pub findings_per_million: f64,
    /// Least share of right verdicts, 0 to 1.
    pub precision: f64,
    /// Verdicts below which nothing follows from them.
    pub verdicts: u64,
    /// Nanoseconds of one event.
    pub nanos: f64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            findings_per_million: 1_000.0,
            precision: 0.5,
            verdicts: 5,
            nanos: 1_000.0,
        }
    }
}

/// What to do with a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Advice {
    /// It costs more than it gives, or says so itself.
    Retire,
    /// Something about it should change.
    Tune,
    /// It is fine as it is.
    Keep,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retire => "retire",
            Self::Tune => "tune",
            Self::Keep => "keep",
        })
    }
}

impl Known {
    /// The share of right verdicts, where there is one.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        let all = self.right + self.wrong;
        (all > 0).then(|| self.right as f64 / all as f64)
    }
    /// Findings of a million events, where they were counted.
    #[must_use]
    pub fn per_million(&self) -> Option<f64> {
        let events = self.events.filter(|e| *e > 0)?;
        Some(self.findings? as f64 * 1e6 / events as f64)
    }
}

/// The advice and every reason for it.
#[must_use]
pub fn advise(known: &Known, bounds: &Bounds) -> (Advice, Vec<String>) {
    let verdicts = known.right + known.wrong;
    let enough = verdicts >= bounds.verdicts && verdicts > 0;
    let mut retire = Vec::new();
    if known.retired {
        retire.push("its status says that it is not to be used".to_owned());
    }
    if enough && known.right == 0 {
        retire.push(format!("none of {verdicts} closed alerts was right"));
    }
    let mut tune = Vec::new();
    if known.failed > 0 {
        tune.push(format!("{} of its samples fail", known.failed));
    }
    let low = known
        .precision()
        .is_some_and(|share| share < bounds.precision);
    if enough && low && known.right > 0 {
        tune.push(format!(
            "{} of {verdicts} closed alerts were right, {:.0} % are wanted",
            known.right,
            bounds.precision * 100.0
        ));
    }
    if let Some(rate) = known
        .per_million()
        .filter(|r| *r > bounds.findings_per_million)
    {
        tune.push(format!(
            "{rate:.0} findings of a million events, more than {:.0}",
            bounds.findings_per_million
        ));
    }
    if let Some(nanos) = known.nanos.filter(|n| *n > bounds.nanos) {
        tune.push(format!(
            "{nanos:.0} ns an event, more than {:.0}",
            bounds.nanos
        ));
    }
    if known.warnings > 0 {
        tune.push(format!("lint has {} warnings", known.warnings));
    }
    match (known.positive, known.negative) {
        (0, 0) => tune.push("no sample shows that it works".to_owned()),
        (0, _) => tune.push("no sample shows that it finds anything".to_owned()),
        (_, 0) => tune.push("no sample shows what it leaves alone".to_owned()),
        _ => {}
    }
    if known.techniques == 0 {
        tune.push("it counts for no technique".to_owned());
    }
    if !retire.is_empty() {
        retire.append(&mut tune);
        return (Advice::Retire, retire);
    }
    if !tune.is_empty() {
        return (Advice::Tune, tune);
    }
    let mut keep = vec![format!("{} samples pass", known.positive + known.negative)];
    if enough {
        keep.push(format!(
            "{} of {verdicts} closed alerts were right",
            known.right
        ));
    }
    match (known.findings, known.events) {
        (Some(0), Some(events)) => keep.push(format!("silent on {events} events")),
        (Some(findings), Some(events)) => {
            keep.push(format!("{findings} findings in {events} events"));
        }
        _ => {}
    }
    (Advice::Keep, keep)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_leads_to_its_advice() {
        let fine = Known {
            positive: 1,
            negative: 2,
            techniques: 1,
            events: Some(1_000_000),
            findings: Some(10),
            ..Known::default()
        };
        let check = |change: fn(&mut Known), want: Advice, word: &str| {
            let mut known = fine.clone();
            change(&mut known);
            let (advice, reasons) = advise(&known, &Bounds::default());
            assert_eq!(advice, want, "{reasons:?}");
            assert!(reasons.iter().any(|r| r.contains(word)), "{reasons:?}");
        };
        check(|_| (), Advice::Keep, "10 findings in 1000000");
        check(|k| k.retired = true, Advice::Retire, "status");
        check(|k| k.wrong = 5, Advice::Retire, "none of 5");
        check(|k| k.wrong = 4, Advice::Keep, "samples");
        check(|k| (k.wrong, k.right) = (4, 1), Advice::Tune, "1 of 5");
        check(|k| (k.wrong, k.right) = (1, 4), Advice::Keep, "4 of 5");
        check(|k| k.findings = Some(5_000), Advice::Tune, "5000 findings");
        check(|k| k.nanos = Some(5e3), Advice::Tune, "5000 ns");
        check(|k| k.failed = 1, Advice::Tune, "fail");
        check(|k| k.negative = 0, Advice::Tune, "leaves alone");
        check(|k| k.warnings = 2, Advice::Tune, "2 warnings");
        check(|k| k.techniques = 0, Advice::Tune, "technique");
    }
}

//! Whether a window's condition holds, and when that is said.

use super::{
    group::{Bounds, Group, Ready},
    plan::Planned,
    window::{Reported, Window},
};
use crate::rule::{Aggregate, Judged, Timing};

impl Group {
    pub(super) fn judge_back(
        &mut self,
        correlation: &Planned,
        span: i64,
        bounds: Bounds,
        ready: &mut Vec<Ready>,
    ) {
        let cutoff = self.newest.saturating_sub(span);
        let Some(window) = self.windows.first_mut() else {
            return;
        };
        self.held = self.held.saturating_sub(window.evict(cutoff));
        while window.entries.len() > bounds.entries && window.drop_front() {
            self.held = self.held.saturating_sub(1);
        }
        report_once(correlation, window, 0, span, ready);
    }

    pub(super) fn judge_open(
        &mut self,
        correlation: &Planned,
        bounds: Bounds,
        ready: &mut Vec<Ready>,
    ) {
        for (at, window) in self.windows.iter_mut().enumerate() {
            while window.entries.len() > bounds.entries && window.drop_front() {
                self.held = self.held.saturating_sub(1);
            }
            if correlation.timing == Timing::Early {
                report_once(correlation, window, at, correlation.span, ready);
            }
        }
    }

    /// Judges the windows that begin at a contribution the condition asks for and are over.
    pub(super) fn judge_ahead(
        &mut self,
        correlation: &Planned,
        watermark: i64,
        bounds: Bounds,
        ready: &mut Vec<Ready>,
    ) {
        let span = correlation.span;
        let Judged::Expression(expression, _) = &correlation.spec.condition else {
            return;
        };
        let Some(window) = self.windows.first_mut() else {
            return;
        };
        let mut counts = vec![0u32; correlation.spec.rules.len()];
        let (mut upto, mut head) = (0, 0);
        // Entries that are over stay until all of this round are judged: a report shows them.
        while let Some(first) = window.entries.get(head) {
            let until = first.time.saturating_add(span);
            let cut = window.entries.len() - head > bounds.entries;
            if until >= watermark && !cut {
                break;
            }
            while let Some(next) = window.entries.get(upto).filter(|e| e.time <= until) {
                if let Some(count) = counts.get_mut(usize::from(next.place)) {
                    *count += 1;
                }
                upto += 1;
            }
            let opens = correlation
                .wants
                .get(usize::from(first.place))
                .is_some_and(|n| *n > 0);
            let unmarked = first.origin.mark.is_none();
            let again = self
                .said
                .is_none_or(|then| first.time > then.newest || (then.of_exercise && unmarked));
            if opens
                && again
                && !cut
                && expression.holds(&|place| counts.get(place).copied().unwrap_or_default())
                && (correlation.spec.aggregate != Aggregate::TemporalOrdered
                    || ordered(window, head, upto, &correlation.wants))
            {
                self.said = Some(Reported {
                    newest: until,
                    of_exercise: !unmarked,
                });
                ready.push(Ready::Ahead {
                    from: head,
                    until,
                    figure: counts.iter().filter(|c| **c > 0).count() as f64,
                });
            }
            if let Some(count) = counts.get_mut(usize::from(first.place)) {
                *count = count.saturating_sub(1);
            }
            head += 1;
            upto = upto.max(head);
        }
        // What is ready is reported before anything is dropped: the caller calls `settle`.
        self.settled = head;
    }
}

/// The figure, if the condition holds.
pub(super) fn holds(correlation: &Planned, window: &mut Window) -> Option<f64> {
    let spec = &correlation.spec;
    match &spec.condition {
        Judged::Figure(threshold) => {
            let figure = window.figure(&spec.aggregate)?;
            threshold.holds(figure).then_some(figure)
        }
        Judged::Expression(expression, _) => {
            if !expression.holds(&|place| window.count(place)) {
                return None;
            }
            if spec.aggregate == Aggregate::TemporalOrdered {
                let wants: Vec<usize> = present(&correlation.wants, |p| window.count(p));
                window.chain(&wants)?;
            }
            let places = 0..spec.rules.len();
            Some(places.filter(|p| window.count(*p) > 0).count() as f64)
        }
    }
}

/// What is wanted of the rules that are there.
pub(super) fn present(wants: &[usize], count: impl Fn(usize) -> u32) -> Vec<usize> {
    wants
        .iter()
        .enumerate()
        .map(|(place, n)| if count(place) > 0 { *n } else { 0 })
        .collect()
}

/// Whether the entries from `head` to `upto` hold what is wanted in the order of the rules.
fn ordered(window: &Window, head: usize, upto: usize, wants: &[usize]) -> bool {
    let entries = || window.entries.iter().take(upto).skip(head);
    let there = present(wants, |place| {
        u32::from(entries().any(|e| usize::from(e.place) == place))
    });
    let mut left = there.iter().enumerate().filter(|(_, n)| **n > 0);
    let Some((mut place, mut missing)) = left.next().map(|(p, n)| (p, *n)) else {
        return true;
    };
    for entry in entries() {
        if usize::from(entry.place) == place {
            missing -= 1;
            if missing == 0 {
                match left.next() {
                    Some((next, n)) => (place, missing) = (next, *n),
                    None => return true,
                }
            }
        }
    }
    false
}

/// Reports a window when its condition begins to hold, and again after a timespan, or when what
/// held was an exercise and no longer is.
fn report_once(
    correlation: &Planned,
    window: &mut Window,
    at: usize,
    span: i64,
    ready: &mut Vec<Ready>,
) {
    let Some(figure) = holds(correlation, window) else {
        window.reported = None;
        return;
    };
    let newest = window.newest().unwrap_or(i64::MIN);
    let again = window.reported.is_none_or(|then| {
        newest.saturating_sub(then.newest) > span || (then.of_exercise && !window.is_of_exercise())
    });
    if again {
        window.reported = Some(Reported {
            newest,
            of_exercise: window.is_of_exercise(),
        });
        ready.push(Ready::Window { at, figure });
    }
}

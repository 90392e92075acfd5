//! The one place that reads the clock. Everything else is given `now`.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// The floor's clock: real, or a story's that starts at a given moment and can be moved forward.
///
/// A story's clock runs at the pace of the real one, so a delay measured on it is a real delay. It
/// is moved forward only while nothing is in flight: that is how four hours of an exercise are
/// played in a minute without a finding looking slower or faster than it was.
#[derive(Debug)]
pub(crate) struct Clock(Mutex<Inner>);

#[derive(Debug)]
enum Inner {
    Real,
    Story {
        start: Timestamp,
        since: Instant,
        skipped: SignedDuration,
    },
}

impl Clock {
    /// The machine's clock.
    pub(crate) fn real() -> Self {
        Self(Mutex::new(Inner::Real))
    }

    /// A clock that shows `start` now.
    pub(crate) fn story(start: Timestamp) -> Self {
        Self(Mutex::new(Inner::Story {
            start,
            since: Instant::now(),
            skipped: SignedDuration::ZERO,
        }))
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        match &*self.lock() {
            Inner::Real => real_now(),
            Inner::Story {
                start,
                since,
                skipped,
            } => {
                let ran = SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::MAX);
                // Journal and wire keep microseconds; a finer `now` would not survive the way there and back.
                let at = start
                    .saturating_add(ran)
                    .and_then(|t| t.saturating_add(*skipped))
                    .unwrap_or(Timestamp::MAX);
                Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
            }
        }
    }

    /// Moves a story's clock forward to `to`. The real clock, and a time that has passed, stay.
    pub(crate) fn skip_to(&self, to: Timestamp) {
        let now = self.now();
        if let Inner::Story { skipped, .. } = &mut *self.lock() {
            let ahead = to.duration_since(now);
            if ahead.is_positive() {
                *skipped = skipped.saturating_add(ahead);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
fn real_now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// How long something may take before the caller gives up waiting for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Nanoseconds since the process asked first.
pub(crate) fn nanos() -> u64 {
    use std::{sync::OnceLock, time::Instant};
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_runs_at_the_real_pace_and_skips_forward_only() {
        let start: Timestamp = "2027-03-02T08:00:00Z".parse().unwrap();
        let clock = Clock::story(start);
        assert!(clock.now() >= start);
        let noon: Timestamp = "2027-03-02T12:00:00Z".parse().unwrap();
        clock.skip_to(noon);
        assert!(clock.now() >= noon);
        clock.skip_to(start);
        assert!(clock.now() >= noon);
    }
}

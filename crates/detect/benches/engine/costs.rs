//! Where the time goes, by kind of event and by rule.

use watchfloor_detect::Scratch;

use super::Ours;

/// Where the time goes.
pub(crate) fn costs(ours: &Ours) {
    let clock = || {
        static START: std::sync::LazyLock<std::time::Instant> =
            std::sync::LazyLock::new(std::time::Instant::now);
        START.elapsed().as_nanos() as u64
    };
    let mut scratch = Scratch::with_clock(clock);
    ours.run(&mut scratch);
    let costs = ours.engine.costs(&scratch);
    for class in costs.classes.iter().take(12) {
        let each = |nanos: Option<u64>| nanos.unwrap_or(0) / class.events.max(1);
        println!(
            "  {:>7} events of {:>5} B, {:>4} rules, {:.2} tried, read {} ns, tries {} ns: {}",
            class.events,
            class.bytes / class.events.max(1),
            class.rules,
            class.tried as f64 / class.events.max(1) as f64,
            each(class.read_nanos),
            each(class.try_nanos),
            class.logsource
        );
    }
    for rule in costs.rules.iter().take(25) {
        let title = ours
            .engine
            .document(&rule.rule)
            .map_or("", |d| d.meta().title());
        println!(
            "  {:>7} tried, {:>5} matched, {:>6} ns each: {title}",
            rule.tried,
            rule.matched,
            rule.nanos.unwrap_or(0) / rule.tried.max(1)
        );
    }
}

//! Small charts as SVG, for documents and for the console.
//!
//! No script, no `style` attribute, no id: an element can stand in any page under a strict
//! content security policy, several times. Colours are presentation attributes, so that the
//! picture is right on its own, and classes, so that [`CSS`] can recolour it for a theme.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::{
    chart::{Bar, Bucket, Chart, ChartData, Moment, Tone, number},
    clean,
    document::time,
    html::escape,
};

/// Rules that bind the classes of charts to the CSS variables `--chart-fg`, `--chart-muted`,
/// `--chart-bar`, `--chart-bad`, `--chart-done`, `--chart-due`, each with a default.
pub const CSS: &str = include_str!("chart.css");

/// Width of every chart but the sparkline, in units of its view box.
const WIDTH: f64 = 640.0;
/// More bars or rows than this are not drawn; the table still has them.
const MOST: usize = 400;

/// Draws a chart. Numbers that are not finite, or below zero, are drawn as zero.
#[must_use]
pub fn draw(chart: &Chart) -> String {
    let mut out = match &chart.data {
        ChartData::Histogram(buckets) => histogram(chart, buckets),
        ChartData::Bars(bars) => horizontal(chart, bars),
        ChartData::Sparkline(values) => sparkline(chart, values),
        ChartData::Timeline(moments) => timeline(chart, moments),
    };
    out.push_str("</svg>");
    out
}

/// The opening tag with what a screen reader says.
fn open(chart: &Chart, width: f64, height: f64) -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="wf-chart" role="img" viewBox="0 0 {} {}" width="{}" height="{}" font-family="Libertinus Serif, serif" font-size="13" aria-label="{}"><title>{}</title><desc>{}</desc>"#,
        px(width),
        px(height),
        px(width),
        px(height),
        label(&chart.title),
        label(&chart.title),
        label(&chart.description),
    )
}

fn histogram(chart: &Chart, buckets: &[Bucket]) -> String {
    const LEFT: f64 = 56.0;
    const TOP: f64 = 12.0;
    const PLOT: f64 = 140.0;
    let mut out = open(chart, WIDTH, TOP + PLOT + 28.0);
    let shown = buckets.get(..MOST).unwrap_or(buckets);
    let top = ceiling(shown.iter().map(|b| b.value));
    for part in [0.0, 0.5, 1.0] {
        let y = TOP + PLOT * (1.0 - part);
        line(&mut out, "grid", "#c9ced6", (LEFT, y), (WIDTH - 8.0, y));
        text(&mut out, (LEFT - 6.0, y + 4.0), "end", &number(top * part));
    }
    let step = (WIDTH - 8.0 - LEFT) / shown.len().max(1) as f64;
    for (i, bucket) in shown.iter().enumerate() {
        let high = PLOT * part(bucket.value, top);
        let gap = (step * 0.15).min(4.0);
        rect(
            &mut out,
            "bar",
            "#2f6690",
            (LEFT + step * i as f64 + gap / 2.0, TOP + PLOT - high),
            (step - gap, high),
            &format!(
                "{}: {} {}",
                time(bucket.start),
                number(bucket.value),
                chart.unit
            ),
        );
    }
    if let (Some(first), Some(last)) = (shown.first(), shown.last()) {
        let y = TOP + PLOT + 18.0;
        text(&mut out, (LEFT, y), "start", &time(first.start));
        if shown.len() > 1 {
            text(&mut out, (WIDTH - 8.0, y), "end", &time(last.start));
        }
    }
    out
}

fn horizontal(chart: &Chart, bars: &[Bar]) -> String {
    const ROW: f64 = 24.0;
    const LEFT: f64 = 220.0;
    let shown = bars.get(..MOST).unwrap_or(bars);
    let mut out = open(chart, WIDTH, ROW * shown.len().max(1) as f64 + 8.0);
    let top = shown.iter().map(|b| sane(b.value)).fold(0.0, f64::max);
    for (i, bar) in shown.iter().enumerate() {
        let y = 4.0 + ROW * i as f64;
        text(
            &mut out,
            (LEFT - 8.0, y + 16.0),
            "end",
            &short(&bar.label, 32),
        );
        let long = (WIDTH - LEFT - 90.0) * part(bar.value, top);
        rect(
            &mut out,
            "bar",
            "#2f6690",
            (LEFT, y + 3.0),
            (long.max(1.0), ROW - 8.0),
            &format!("{}: {} {}", bar.label, number(bar.value), chart.unit),
        );
        text(
            &mut out,
            (LEFT + long + 6.0, y + 16.0),
            "start",
            &number(bar.value),
        );
    }
    out
}

fn sparkline(chart: &Chart, values: &[f64]) -> String {
    const WIDE: f64 = 120.0;
    const HIGH: f64 = 28.0;
    let mut out = open(chart, WIDE, HIGH);
    let shown = values
        .get(values.len().saturating_sub(MOST)..)
        .unwrap_or(values);
    let top = shown.iter().copied().map(sane).fold(0.0, f64::max);
    let step = (WIDE - 8.0) / (shown.len().max(2) - 1) as f64;
    let place = |(i, value): (usize, &f64)| {
        (
            4.0 + step * i as f64,
            HIGH - 4.0 - (HIGH - 8.0) * part(*value, top),
        )
    };
    let points: Vec<String> = shown
        .iter()
        .enumerate()
        .map(place)
        .map(|(x, y)| format!("{},{}", px(x), px(y)))
        .collect();
    if !points.is_empty() {
        put(
            &mut out,
            format_args!(
                r##"<polyline class="line" fill="none" stroke="#2f6690" stroke-width="1.5" points="{}"/>"##,
                points.join(" ")
            ),
        );
    }
    if let Some((x, y)) = shown.iter().enumerate().next_back().map(place) {
        put(
            &mut out,
            format_args!(
                r##"<circle class="bar" fill="#2f6690" cx="{}" cy="{}" r="2.5"/>"##,
                px(x),
                px(y)
            ),
        );
    }
    out
}

fn timeline(chart: &Chart, moments: &[Moment]) -> String {
    const ROW: f64 = 22.0;
    const LEFT: f64 = 12.0;
    const AXIS: f64 = 240.0;
    let shown = moments.get(..MOST).unwrap_or(moments);
    let mut out = open(chart, WIDTH, ROW * shown.len().max(1) as f64 + 34.0);
    let first = shown.iter().map(|m| m.at).min();
    let last = shown
        .iter()
        .map(|m| m.until.unwrap_or(m.at).max(m.at))
        .max();
    let (Some(first), Some(last)) = (first, last) else {
        return out;
    };
    let span = seconds(first, last);
    let x_of = |at: Timestamp| LEFT + AXIS * part(seconds(first, at), span);
    let bottom = ROW * shown.len() as f64 + 10.0;
    line(
        &mut out,
        "grid",
        "#c9ced6",
        (LEFT, bottom),
        (LEFT + AXIS, bottom),
    );
    let axis = if last > first {
        format!("{} to {}", time(first), time(last))
    } else {
        time(first)
    };
    text(&mut out, (LEFT, bottom + 18.0), "start", &axis);
    for (i, moment) in shown.iter().enumerate() {
        let y = 14.0 + ROW * i as f64;
        let x = x_of(moment.at);
        line(&mut out, "grid", "#c9ced6", (x, y), (x, bottom));
        if let Some(until) = moment.until.filter(|until| *until > moment.at) {
            let (class, colour) = tone(moment.tone);
            rect(
                &mut out,
                class,
                colour,
                (x, y - 3.0),
                ((x_of(until) - x).max(1.0), 6.0),
                &moment.label,
            );
        }
        marker(&mut out, moment.tone, (x, y));
        text(
            &mut out,
            (LEFT + AXIS + 16.0, y + 4.0),
            "start",
            &short(&moment.label, 56),
        );
    }
    out
}

/// The shape of a tone, so that colour does not speak alone.
fn marker(out: &mut String, shape: Tone, (x, y): (f64, f64)) {
    let (class, colour) = tone(shape);
    match shape {
        Tone::Plain => put(
            out,
            format_args!(
                r#"<circle class="{class}" fill="{colour}" cx="{}" cy="{}" r="5"/>"#,
                px(x),
                px(y)
            ),
        ),
        Tone::Bad => put(
            out,
            format_args!(
                r#"<path class="{class}" fill="{colour}" d="M{} {}l6 6l-6 6l-6 -6z"/>"#,
                px(x),
                px(y - 6.0)
            ),
        ),
        Tone::Done => put(
            out,
            format_args!(
                r#"<rect class="{class}" fill="{colour}" x="{}" y="{}" width="10" height="10"/>"#,
                px(x - 5.0),
                px(y - 5.0)
            ),
        ),
        Tone::Due => put(
            out,
            format_args!(
                r#"<circle class="ring {class}" fill="none" stroke="{colour}" stroke-width="2.5" cx="{}" cy="{}" r="4.5"/>"#,
                px(x),
                px(y)
            ),
        ),
    }
}

const fn tone(tone: Tone) -> (&'static str, &'static str) {
    match tone {
        Tone::Plain => ("bar", "#2f6690"),
        Tone::Bad => ("bad", "#b3261e"),
        Tone::Done => ("done", "#2e6b34"),
        Tone::Due => ("due", "#8a5a00"),
    }
}

fn line(out: &mut String, class: &str, colour: &str, from: (f64, f64), to: (f64, f64)) {
    put(
        out,
        format_args!(
            r#"<line class="{class}" stroke="{colour}" x1="{}" y1="{}" x2="{}" y2="{}"/>"#,
            px(from.0),
            px(from.1),
            px(to.0),
            px(to.1)
        ),
    );
}

fn rect(out: &mut String, class: &str, colour: &str, at: (f64, f64), size: (f64, f64), tip: &str) {
    put(
        out,
        format_args!(
            r#"<rect class="{class}" fill="{colour}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>"#,
            px(at.0),
            px(at.1),
            px(size.0.max(0.0)),
            px(size.1.max(0.0)),
            label(tip.trim_end()),
        ),
    );
}

fn text(out: &mut String, at: (f64, f64), anchor: &str, words: &str) {
    put(
        out,
        format_args!(
            r##"<text class="label" fill="#1f2933" x="{}" y="{}" text-anchor="{anchor}">{}</text>"##,
            px(at.0),
            px(at.1),
            label(words)
        ),
    );
}

fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    out.write_fmt(what).unwrap_or_default();
}

/// Untrusted text for an element or attribute.
fn label(words: &str) -> String {
    escape(&clean::line(words))
}

fn short(words: &str, most: usize) -> String {
    if words.chars().count() <= most {
        return words.to_owned();
    }
    let mut out: String = words.chars().take(most - 1).collect();
    out.push('…');
    out
}

/// A coordinate with one decimal: the same text on every machine.
fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn sane(value: f64) -> f64 {
    if value.is_finite() {
        value.max(0.0)
    } else {
        0.0
    }
}

/// `value` as a part of `whole`, 0 to 1.
fn part(value: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        (sane(value) / whole).min(1.0)
    } else {
        0.0
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// The top of an axis: the next of 1, 2, 5, 10, 20, 50, … at or above every value.
fn ceiling(values: impl Iterator<Item = f64>) -> f64 {
    let most = values.map(sane).fold(0.0, f64::max);
    let mut step = 1.0;
    while step < most && step < 1e300 {
        for factor in [2.0, 5.0, 10.0] {
            if step * factor >= most {
                return step * factor;
            }
        }
        step *= 10.0;
    }
    step
}

//! Charts of the console: the same drawing as in documents.

/// A histogram over time, with its numbers for those who do not see it.
pub(crate) fn histogram(title: &str, points: &[(String, u64)]) -> String {
    let max = points.iter().map(|(_, n)| *n).max().unwrap_or(0).max(1);
    let (width, height) = (960.0, 96.0);
    let step = width / points.len().max(1) as f64;
    let total: u64 = points.iter().map(|(_, n)| *n).sum();
    let mut bars = String::new();
    for (i, (label, n)) in points.iter().enumerate().filter(|(_, (_, n))| *n > 0) {
        let h = (*n as f64 / max as f64 * (height - 4.0)).max(1.5);
        let (x, y, w) = (i as f64 * step, height - h, (step - 1.0).max(1.0));
        bars.push_str(&format!("<rect class=\"bar\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\"><title>{}: {n}</title></rect>", escape(label)));
    }
    let first = points.first().map(|(l, _)| escape(l)).unwrap_or_default();
    let last = points.last().map(|(l, _)| escape(l)).unwrap_or_default();
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 960 112\" role=\"img\" aria-label=\"{}: {total} in {} steps, at most {max} in one\">{bars}<line x1=\"0\" y1=\"96\" x2=\"960\" y2=\"96\"/><text x=\"0\" y=\"109\">{first}</text><text x=\"960\" y=\"109\" text-anchor=\"end\">{last}</text></svg>",
        escape(title),
        points.len(),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn labels_cannot_leave_the_drawing() {
        let svg = super::histogram("<script>", &[("\"><script>".into(), 3)]);
        assert!(!svg.contains("<script>"), "{svg}");
    }
}

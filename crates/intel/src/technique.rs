//! Technique ids in text.

/// ATT&CK (`T1566`, `T1566.002`) and ATLAS (`AML.T0051`, `AML.T0051.001`) technique ids that
/// stand in `text` as words of their own, in order.
pub(crate) fn find(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'))
        .filter_map(|word| {
            let word = word.trim_matches('.').to_ascii_uppercase();
            let bare = word.strip_prefix("AML.").unwrap_or(&word);
            let digits = bare.strip_prefix('T')?;
            let (main, sub) = match digits.split_once('.') {
                Some((main, sub)) => (main, Some(sub)),
                None => (digits, None),
            };
            let number = |s: &str, n| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
            (number(main, 4) && sub.is_none_or(|sub| number(sub, 3))).then_some(word.clone())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_ids_count() {
        for (text, found) in [
            ("T1566", "T1566"),
            (
                "misp-galaxy:mitre-attack-pattern=\"Spearphishing Link - T1566.002\"",
                "T1566.002",
            ),
            ("AML.T0051.001, aml.t0054.", "AML.T0051.001 AML.T0054"),
            ("XT1566 T15 T15666 T1566.1", ""),
        ] {
            assert_eq!(find(text).join(" "), found, "{text}");
        }
    }
}

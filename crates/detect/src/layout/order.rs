//! The order of keys.

/// Of a rule: the specification's, then our own.
const RULE: &[&str] = &[
    "title",
    "id",
    "name",
    "sigma-version",
    "taxonomy",
    "related",
    "status",
    "description",
    "license",
    "references",
    "author",
    "date",
    "modified",
    "tags",
    "scope",
    "logsource",
    "correlation",
    "filter",
    "detection",
    "generate",
    "fields",
    "falsepositives",
    "level",
    "owner",
    "runbook",
    "tests",
];
const LOGSOURCE: &[&str] = &["category", "product", "service", "definition"];
const CORRELATION: &[&str] = &[
    "type",
    "rules",
    "aliases",
    "group-by",
    "timespan",
    "condition",
    "generate",
];
const SAMPLE: &[&str] = &["name", "expect", "logsource", "event", "events"];
/// Behind all selections.
const LAST: &[&str] = &["timeframe", "condition"];

/// What a map is, by the keys that lead to it.
pub(super) fn of(path: &[&str]) -> Keys {
    match path {
        [] => Keys::Listed(RULE),
        ["logsource"] | ["tests", "-", "logsource"] => Keys::Listed(LOGSOURCE),
        ["correlation"] => Keys::Listed(CORRELATION),
        ["tests", "-"] => Keys::Listed(SAMPLE),
        ["detection" | "filter"] => Keys::LastListed(LAST),
        _ => Keys::AsWritten,
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Keys {
    AsWritten,
    /// In this order; a key that is not in the list stays behind the one it followed.
    Listed(&'static [&'static str]),
    /// As written, and these behind all others.
    LastListed(&'static [&'static str]),
}

/// Puts items into order by their keys; stable.
pub(super) fn sort<T>(items: &mut Vec<T>, keys: Keys, key: impl Fn(&T) -> String) {
    let rank = |list: &[&str], word: &str| list.iter().position(|k| *k == word).map(|at| at + 1);
    let mut last = 0;
    let mut ranked: Vec<(usize, T)> = std::mem::take(items)
        .into_iter()
        .map(|item| {
            let word = key(&item);
            let place = match keys {
                Keys::AsWritten => 0,
                Keys::Listed(list) => {
                    last = rank(list, &word).unwrap_or(last);
                    last
                }
                Keys::LastListed(list) => rank(list, &word).unwrap_or(0),
            };
            (place, item)
        })
        .collect();
    ranked.sort_by_key(|(place, _)| *place);
    items.extend(ranked.into_iter().map(|(_, item)| item));
}

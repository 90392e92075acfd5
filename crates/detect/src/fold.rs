//! Case folding: each character to lower case by itself, so that folding a part of a text
//! gives a part of the folded text (Sigma 2.1, "General": values are case-insensitive).

/// `text` folded, replacing what `into` held.
pub(crate) fn fold_into(text: &str, into: &mut String) {
    into.clear();
    if text.is_ascii() {
        into.push_str(text);
        into.make_ascii_lowercase();
    } else {
        into.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// `text` folded.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    out
}

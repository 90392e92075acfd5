//! Case folding: each character to lower case by itself, so that folding a part of a text
//! gives a part of the folded text (Sigma 2.1, "General": values are case-insensitive).

/// Whether every character stands at the same place as before folding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aligned {
    Yes,
    No,
}

/// `text` folded, appended to `into`.
pub(crate) fn fold_onto(text: &str, into: &mut String) -> Aligned {
    let from = into.len();
    let mut aligned = Aligned::Yes;
    let mut rest = text;
    if text.is_ascii() {
        into.push_str(text);
        rest = "";
    }
    // Runs of ASCII are copied whole; only what lies between them is looked at one by one.
    while let Some(at) = rest.bytes().position(|b| !b.is_ascii())
        && let Some((plain, other)) = rest.split_at_checked(at)
    {
        into.push_str(plain);
        let mut chars = other.chars();
        while let Some(c) = chars.clone().next().filter(|c| !c.is_ascii()) {
            let before = into.len();
            into.extend(c.to_lowercase());
            if into.len() - before != c.len_utf8() {
                aligned = Aligned::No;
            }
            chars.next();
        }
        rest = chars.as_str();
    }
    into.push_str(rest);
    if let Some(new) = into.get_mut(from..) {
        new.make_ascii_lowercase();
    }
    aligned
}

/// `text` folded.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_onto(text, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_character_by_itself(text in "[a-cA-C \u{130}\u{212a}\u{e9}\u{c9}\u{1f600}\u{df}\u{3a3}]{0,12}") {
            let want: String = text.chars().flat_map(char::to_lowercase).collect();
            prop_assert_eq!(folded(&text), want);
        }
    }
}

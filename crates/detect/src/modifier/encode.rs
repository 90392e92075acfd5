//! Transformations of text values (Sigma 2.1, modifiers appendix, "Encoding", `windash`).

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// UTF-16 code units of `text`, each as bytes.
pub(super) fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

/// `bytes` as base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The characters of base64 that `bytes` always gives, for each of the three positions it can
/// have in the encoded text: characters that also depend on neighbours are cut off.
pub(super) fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    let mut out = Vec::with_capacity(3);
    for offset in 0..3usize {
        let mut shifted = vec![0; offset];
        shifted.extend_from_slice(bytes);
        let encoded = STANDARD.encode(&shifted);
        // Bits before the value: 8 * offset, so that many started sextets are not ours alone.
        let start = (offset * 8).div_ceil(6);
        // Whole sextets inside the value.
        let end = shifted.len() * 8 / 6;
        if let Some(stable) = encoded.get(start..end).filter(|s| !s.is_empty()) {
            out.push(stable.to_owned());
        }
    }
    out
}

/// What `windash` exchanges: hyphen, slash, en dash, em dash, horizontal bar.
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];
/// Most dashes for which every combination is made: 5^4 = 625 texts.
const MAX_DASHES: usize = 4;

/// Every combination of dashes. Where a text has more than four, only those that begin a
/// flag count: after a space or at the start, before a letter or digit. `None` where even those are too many.
pub(super) fn windash(text: &str) -> Option<Vec<String>> {
    let chars: Vec<char> = text.chars().collect();
    let is_dash = |at: usize| chars.get(at).is_some_and(|c| DASHES.contains(c));
    let mut places: Vec<usize> = (0..chars.len()).filter(|at| is_dash(*at)).collect();
    if places.len() > MAX_DASHES {
        places.retain(|at| {
            let opens = at
                .checked_sub(1)
                .and_then(|before| chars.get(before))
                .is_none_or(|c| c.is_whitespace());
            opens && chars.get(at + 1).is_some_and(|c| c.is_alphanumeric())
        });
    }
    if places.len() > MAX_DASHES {
        return None;
    }
    let mut variants = vec![chars.clone()];
    for place in places {
        variants = variants
            .into_iter()
            .flat_map(|variant| {
                DASHES.iter().map(move |dash| {
                    let mut changed = variant.clone();
                    if let Some(slot) = changed.get_mut(place) {
                        *slot = *dash;
                    }
                    changed
                })
            })
            .collect();
    }
    Some(variants.into_iter().map(String::from_iter).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dashes_are_exchanged_both_ways() {
        let made = windash("-a /b").unwrap();
        assert_eq!(made.len(), 25);
        assert!(
            made.contains(&"/a -b".to_owned()) && made.contains(&"\u{2014}a \u{2015}b".to_owned())
        );
        // Five dashes, of which two begin flags.
        assert_eq!(windash("-a x-y-z-w /b").unwrap().len(), 25);
        assert_eq!(windash("-a -b -c -d -e"), None);
    }

    #[test]
    fn wide_text() {
        assert_eq!(utf16("cmd", u16::to_le_bytes), b"c\0m\0d\0");
        assert_eq!(utf16("cmd", u16::to_be_bytes), b"\0c\0m\0d");
    }

    proptest! {
        #[test]
        fn one_offset_always_stands_in_the_encoding(before in "[ -~]{0,5}", value in "[ -~]{3,12}", after in "[ -~]{0,5}") {
            let encoded = base64(format!("{before}{value}{after}").as_bytes());
            let offsets = base64_offsets(value.as_bytes());
            prop_assert!(offsets.iter().any(|o| encoded.contains(o.as_str())), "{encoded} {offsets:?}");
        }
    }
}

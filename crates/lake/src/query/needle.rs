//! Substrings, found without regard to the case of ASCII letters.

use memchr::memmem::Finder;

/// Bytes from frequent to rare in JSON log lines; what is not listed is rarer still.
const FREQUENT: &[u8] = b"\"e:,taionrsldcm0_u.p1-2g {}h34f5b/6v798yw[]kxjzq";

/// Pieces that must follow one another: `a*b` has two.
#[derive(Debug, Clone)]
pub(crate) struct Needle {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
struct Piece {
    lower: Box<[u8]>,
    /// Set where no byte has a case: the fastest search there is.
    exact: Option<Finder<'static>>,
    /// Place of the rarest byte, in both cases.
    rare_at: usize,
    rare: (u8, u8),
}

impl Needle {
    /// `pieces` in order; empty ones match everywhere.
    pub(crate) fn new<'a>(pieces: impl Iterator<Item = &'a str>) -> Self {
        Self {
            pieces: pieces.filter(|p| !p.is_empty()).map(Piece::new).collect(),
        }
    }

    /// Whether the pieces occur in order in `hay`.
    pub(crate) fn is_in(&self, hay: &[u8]) -> bool {
        let mut rest = hay;
        for piece in &self.pieces {
            let Some(at) = piece.find(rest) else {
                return false;
            };
            rest = rest.get(at + piece.lower.len()..).unwrap_or_default();
        }
        true
    }
}

impl Piece {
    fn new(text: &str) -> Self {
        let lower = text.to_ascii_lowercase().into_bytes();
        let rank = |b: u8| {
            FREQUENT
                .iter()
                .position(|f| *f == b)
                .unwrap_or(FREQUENT.len())
        };
        let (rare_at, rare) = lower
            .iter()
            .copied()
            .enumerate()
            .max_by_key(|(_, b)| rank(*b))
            .unwrap_or_default();
        let caseless = !lower.iter().any(u8::is_ascii_alphabetic);
        Self {
            exact: caseless.then(|| Finder::new(&lower).into_owned()),
            lower: lower.into(),
            rare_at,
            rare: (rare, rare.to_ascii_uppercase()),
        }
    }

    fn find(&self, hay: &[u8]) -> Option<usize> {
        if let Some(finder) = &self.exact {
            return finder.find(hay);
        }
        let last_start = hay.len().checked_sub(self.lower.len())?;
        let window = hay.get(self.rare_at..=last_start + self.rare_at)?;
        memchr::memchr2_iter(self.rare.0, self.rare.1, window).find(|start| {
            hay.get(*start..*start + self.lower.len())
                .is_some_and(|found| found.eq_ignore_ascii_case(&self.lower))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(hay in "[a-cA-C1-2\" ]{0,24}", needle in "[a-cA-C1-2\" ]{1,4}") {
            let plain = hay.to_ascii_lowercase().contains(&needle.to_ascii_lowercase());
            prop_assert_eq!(Needle::new([needle.as_str()].into_iter()).is_in(hay.as_bytes()), plain);
        }
    }

    #[test]
    fn pieces_must_follow_one_another() {
        let check = |pieces: &[&str], hay: &str, expected| {
            let needle = Needle::new(pieces.iter().copied());
            assert_eq!(
                needle.is_in(hay.as_bytes()),
                expected,
                "{pieces:?} in {hay}"
            );
        };
        check(&["ab", "BA"], "xabba", true);
        check(&["ab", "bc"], "abc", false);
        check(&["", "c"], "ABC", true);
        check(&[], "", true);
    }
}

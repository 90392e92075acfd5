//! Many texts inside one value.
//!
//! Up to 64 texts go to a vectorised search (Teddy). More are known by four of their bytes each: of
//! a value every position, every second or every fourth is looked up by itself in a small map of
//! bits, and only where the bit is set the texts that have these four bytes are compared. To be
//! found at every fourth position, a text is entered under four neighbouring windows. An automaton
//! would have to wait at every byte for the state of the byte before.
//!
//! Cost grows with the value and with the false alarms of the map, which a hostile value can raise
//! to one comparison for each text that shares its four bytes, never more.

use aho_corasick::packed;
use hashbrown::HashMap;
use memchr::memmem::Finder;

/// So many texts are looked for one after the other.
const FEW: usize = 2;
/// So many where they are of two or three bytes, which would spoil a search for longer ones.
const FEW_SHORT: usize = 4;
/// Most texts of one vectorised search.
const TEDDY: usize = 64;

/// Texts to be found, each with an id.
#[derive(Debug, Default)]
pub(super) struct Inside {
    few: Box<[(Finder<'static>, u32)]>,
    teddy: Option<Teddy>,
    /// Of at least seven, five and four bytes.
    long: Option<Sampled<4>>,
    middle: Option<Sampled<2>>,
    short: Option<Sampled<1>>,
    /// Of two and three bytes.
    pairs: Option<Pairs>,
    ones: Box<[(u8, u32)]>,
}

impl Inside {
    /// Texts must not be empty.
    pub(super) fn new<'a>(texts: impl IntoIterator<Item = (&'a str, u32)>) -> Self {
        let mut out = Self::default();
        let (ones, longer): (Vec<_>, Vec<_>) = texts
            .into_iter()
            .filter(|(text, _)| !text.is_empty())
            .partition(|(text, _)| text.len() == 1);
        out.ones = ones
            .iter()
            .filter_map(|(text, id)| text.bytes().next().map(|b| (b, *id)))
            .collect();
        let (mut pairs, mut rest): (Vec<_>, Vec<_>) =
            longer.into_iter().partition(|(text, _)| text.len() <= 3);
        let mut few = Vec::new();
        if pairs.len() <= FEW_SHORT {
            few.append(&mut pairs);
        } else {
            // Three bytes are enough for the vectorised search.
            rest.extend(pairs.extract_if(.., |(text, _)| text.len() == 3));
        }
        if rest.len() <= FEW {
            few.append(&mut rest);
        }
        if (1..=TEDDY).contains(&rest.len()) {
            out.teddy = Teddy::new(&rest);
        }
        if out.teddy.is_none() && !rest.is_empty() {
            let (mut short, long): (Vec<_>, Vec<_>) =
                rest.into_iter().partition(|(text, _)| text.len() < 7);
            out.long = Sampled::new(long);
            if (1..=TEDDY).contains(&short.len()) {
                out.teddy = Teddy::new(&short);
            }
            if out.teddy.is_none() {
                let of = |lengths: std::ops::RangeInclusive<usize>| {
                    short
                        .iter()
                        .filter(move |(text, _)| lengths.contains(&text.len()))
                        .copied()
                };
                out.middle = Sampled::new(of(5..=6).collect());
                out.short = Sampled::new(of(4..=4).collect());
                pairs.extend(of(3..=3));
            } else {
                short.clear();
            }
        }
        out.pairs = Pairs::new(&pairs);
        out.few = few
            .into_iter()
            .map(|(text, id)| (Finder::new(text.as_bytes()).into_owned(), id))
            .collect();
        out
    }

    /// Hands to `found` the id of every text that stands in `value` and every place where it does,
    /// in no order.
    pub(super) fn find(&self, value: &str, found: &mut impl FnMut(u32, usize)) {
        let bytes = value.as_bytes();
        for (finder, id) in &self.few {
            let mut from = 0;
            while let Some(at) = bytes.get(from..).and_then(|rest| finder.find(rest)) {
                found(*id, from + at);
                from += at + 1;
            }
        }
        if let Some(teddy) = &self.teddy {
            teddy.find(bytes, found);
        }
        if let Some(long) = &self.long {
            long.find(bytes, found);
        }
        if let Some(middle) = &self.middle {
            middle.find(bytes, found);
        }
        if let Some(short) = &self.short {
            short.find(bytes, found);
        }
        if let Some(pairs) = &self.pairs {
            pairs.find(bytes, found);
        }
        for (one, id) in &self.ones {
            for at in memchr::memchr_iter(*one, bytes) {
                found(*id, at);
            }
        }
    }
}

/// Few texts, searched for at once.
#[derive(Debug)]
struct Teddy {
    searcher: packed::Searcher,
    /// In the order of the searcher.
    texts: Box<[TeddyText]>,
}

#[derive(Debug)]
struct TeddyText {
    bytes: Box<[u8]>,
    id: u32,
    /// Which others may begin where this one does.
    related: Box<[u32]>,
}

impl Teddy {
    fn new(texts: &[(&str, u32)]) -> Option<Self> {
        let searcher = packed::Config::new()
            .builder()
            .extend(texts.iter().map(|(text, _)| text))
            .build()?;
        let related = |a: &str| {
            let others = texts
                .iter()
                .enumerate()
                .filter(|(_, (b, _))| *b != a && (b.starts_with(a) || a.starts_with(b)));
            others.map(|(at, _)| at as u32).collect()
        };
        let texts = texts
            .iter()
            .map(|(text, id)| TeddyText {
                bytes: text.as_bytes().into(),
                id: *id,
                related: related(text),
            })
            .collect();
        Some(Self { searcher, texts })
    }

    fn find(&self, bytes: &[u8], found: &mut impl FnMut(u32, usize)) {
        let mut span = aho_corasick::Span::from(0..bytes.len());
        while let Some(hit) = self.searcher.find_in(bytes, span) {
            if let Some(text) = self.texts.get(hit.pattern().as_usize()) {
                found(text.id, hit.start());
                let rest = bytes.get(hit.start()..).unwrap_or_default();
                for other in &text.related {
                    if let Some(text) = self.texts.get(*other as usize)
                        && rest.starts_with(&text.bytes)
                    {
                        found(text.id, hit.start());
                    }
                }
            }
            span.start = hit.start() + 1;
        }
    }
}

/// Texts by keys of some of their bytes.
#[derive(Debug)]
struct Keys {
    texts: Box<[(Box<[u8]>, u32)]>,
    map: Box<[u64]>,
    shift: u32,
    /// Texts that have this key, and how far into them it stands.
    buckets: HashMap<u32, Vec<(u32, u32)>>,
}

impl Keys {
    /// `keys` gives each text's keys by their place in it. It is entered under `run` neighbours,
    /// those that are rarest together.
    fn new(texts: &[(&str, u32)], width: usize, run: usize) -> Self {
        let bits = (texts.len() * run * 64)
            .next_power_of_two()
            .trailing_zeros()
            .clamp(10, 18);
        let mut out = Self {
            texts: texts
                .iter()
                .map(|(text, id)| (text.as_bytes().into(), *id))
                .collect(),
            map: vec![0; 1 << (bits - 6)].into(),
            shift: 32 - bits,
            buckets: HashMap::new(),
        };
        for (index, (text, _)) in texts.iter().enumerate() {
            let keys: Vec<u32> = text.as_bytes().windows(width).map(key).collect();
            let used = |key: u32| out.buckets.get(&key).map_or(0, Vec::len) as u32;
            let worth = |run: &[u32]| -> u32 {
                run.iter()
                    .map(|key| commonness(*key, width) + 4 * used(*key))
                    .sum()
            };
            let best = keys
                .windows(run)
                .enumerate()
                .min_by_key(|(_, run)| worth(run));
            let Some((from, run)) = best else { continue };
            for (offset, key) in run.iter().enumerate() {
                let bucket = out.buckets.entry(*key).or_default();
                bucket.push((index as u32, (from + offset) as u32));
                let bit = spread(*key, out.shift);
                if let Some(word) = out.map.get_mut(bit >> 6) {
                    *word |= 1 << (bit & 63);
                }
            }
        }
        out
    }

    #[inline]
    fn may_have(&self, key: u32) -> bool {
        let bit = spread(key, self.shift);
        self.map
            .get(bit >> 6)
            .is_some_and(|word| word >> (bit & 63) & 1 == 1)
    }

    /// Compares what has this key with the value, in which the key stands at `at`.
    #[inline(never)]
    fn compare(&self, key: u32, at: usize, bytes: &[u8], found: &mut impl FnMut(u32, usize)) {
        for (index, offset) in self.buckets.get(&key).into_iter().flatten() {
            let Some((text, id)) = self.texts.get(*index as usize) else {
                continue;
            };
            let Some(start) = at.checked_sub(*offset as usize) else {
                continue;
            };
            if bytes.get(start..start + text.len()) == Some(text) {
                found(*id, start);
            }
        }
    }
}

/// Texts of at least `STEP + 3` bytes, found by looking at every `STEP`-th position.
#[derive(Debug)]
struct Sampled<const STEP: usize>(Keys);

impl<const STEP: usize> Sampled<STEP> {
    fn new(texts: Vec<(&str, u32)>) -> Option<Self> {
        (!texts.is_empty()).then(|| Self(Keys::new(&texts, 4, STEP)))
    }

    fn find(&self, bytes: &[u8], found: &mut impl FnMut(u32, usize)) {
        // One pass for each position of four that is looked at.
        for from in (0..4).step_by(STEP) {
            let (windows, _) = bytes.get(from..).unwrap_or_default().as_chunks::<4>();
            for (at, window) in windows.iter().enumerate() {
                let key = u32::from_le_bytes(*window);
                if self.0.may_have(key) {
                    self.0.compare(key, from + 4 * at, bytes, found);
                }
            }
        }
    }
}

/// Texts of two and three bytes.
#[derive(Debug)]
struct Pairs(Keys);

impl Pairs {
    fn new(texts: &[(&str, u32)]) -> Option<Self> {
        (!texts.is_empty()).then(|| Self(Keys::new(texts, 2, 1)))
    }

    fn find(&self, bytes: &[u8], found: &mut impl FnMut(u32, usize)) {
        for (at, window) in bytes.windows(2).enumerate() {
            let key = key(window);
            if self.0.may_have(key) {
                self.0.compare(key, at, bytes, found);
            }
        }
    }
}

/// The bytes of a window as a number.
#[inline]
fn key(window: &[u8]) -> u32 {
    match window {
        [a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]),
        [a, b] => u32::from(u16::from_le_bytes([*a, *b])),
        _ => 0,
    }
}

/// A place in the map, by multiplication with the golden ratio (Knuth, volume 3, 6.4).
#[inline]
fn spread(key: u32, shift: u32) -> usize {
    (key.wrapping_mul(0x9E37_79B9) >> shift) as usize
}

/// How common the bytes of a key are in logs: more is commoner.
fn commonness(key: u32, width: usize) -> u32 {
    key.to_le_bytes()
        .into_iter()
        .take(width)
        .map(|byte| match byte {
            b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' | b' ' | b'\\' => 6,
            b'c' | b'd' | b'l' | b'm' | b'p' | b'u' | b'.' | b'-' => 5,
            b'a'..=b'z' => 3,
            b'0'..=b'9' | b'/' | b':' | b'_' | b'"' | b'=' => 3,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(texts: &[String], value: &str) {
        let inside = Inside::new(texts.iter().zip(0u32..).map(|(t, i)| (t.as_str(), i)));
        let mut got = Vec::new();
        inside.find(value, &mut |id, at| got.push((id, at)));
        got.sort_unstable();
        got.dedup();
        let mut want: Vec<(u32, usize)> = Vec::new();
        for (text, id) in texts.iter().zip(0u32..) {
            let places =
                (0..value.len()).filter(|at| value.as_bytes()[*at..].starts_with(text.as_bytes()));
            want.extend(places.map(|at| (id, at)));
        }
        assert_eq!(got, want, "{texts:?} in {value:?}");
    }

    proptest! {
        #[test]
        fn few_texts(texts in proptest::collection::vec("[abc]{1,9}", 1..40), value in "[abc]{0,60}") {
            let mut texts = texts;
            texts.sort();
            texts.dedup();
            check(&texts, &value);
        }

        #[test]
        fn many_texts(texts in proptest::collection::vec("[a-dé]{1,10}", 150..400), value in "[a-dé]{0,80}") {
            let mut texts = texts;
            texts.sort();
            texts.dedup();
            check(&texts, &value);
        }
    }
}

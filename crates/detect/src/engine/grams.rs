//! Many texts inside one value, in one pass: each text is known by its rarest four bytes.
//!
//! An automaton must wait at every byte for the state of the byte before. Here every position
//! is looked up by itself: four bytes, one bit of a small map, and only where the bit is set the
//! texts that have these four bytes are compared. Shorter texts are known by two bytes or one.
//! Cost grows with the value and with the false alarms of the map, which a hostile value can
//! raise to one comparison for each text that shares its four bytes, never more.

use hashbrown::HashMap;

/// Bits of the map, as a power of two: 8 KiB, which stays in the first-level cache.
const MAP_BITS: u32 = 16;
const WORDS: usize = 1 << (MAP_BITS - 6);

/// Texts to be found, each with an id.
#[derive(Debug)]
pub(super) struct Grams {
    texts: Box<[(Box<[u8]>, u32)]>,
    fours: Keys,
    twos: Keys,
    ones: Box<[(u8, u32)]>,
}

/// Texts by a key of some of their bytes.
#[derive(Debug)]
struct Keys {
    map: Box<[u64; WORDS]>,
    /// Texts that have this key, and how far into them it stands.
    buckets: HashMap<u32, Vec<(u32, u32)>>,
}

impl Grams {
    /// Texts must not be empty.
    pub(super) fn new<'a>(texts: impl IntoIterator<Item = (&'a str, u32)>) -> Self {
        let texts: Box<[(Box<[u8]>, u32)]> = texts
            .into_iter()
            .map(|(text, id)| (text.as_bytes().into(), id))
            .collect();
        let (mut fours, mut twos, mut ones) = (Keys::new(), Keys::new(), Vec::new());
        for (index, (text, id)) in texts.iter().enumerate() {
            match text.as_ref() {
                [] => {}
                [one] => ones.push((*one, *id)),
                [_, _] | [_, _, _] => twos.add(index as u32, text.windows(2).map(two)),
                longer => fours.add(index as u32, longer.windows(4).map(four)),
            }
        }
        Self {
            texts,
            fours,
            twos,
            ones: ones.into(),
        }
    }

    /// Hands to `found` the id of every text that stands in `value`, some perhaps twice.
    pub(super) fn find(&self, value: &str, found: &mut impl FnMut(u32)) {
        let bytes = value.as_bytes();
        if !self.fours.buckets.is_empty() {
            for (at, window) in bytes.windows(4).enumerate() {
                let key = four(window);
                if self.fours.may_have(key) {
                    self.compare(&self.fours, key, at, bytes, found);
                }
            }
        }
        if !self.twos.buckets.is_empty() {
            for (at, window) in bytes.windows(2).enumerate() {
                let key = two(window);
                if self.twos.may_have(key) {
                    self.compare(&self.twos, key, at, bytes, found);
                }
            }
        }
        for (one, id) in &self.ones {
            if memchr::memchr(*one, bytes).is_some() {
                found(*id);
            }
        }
    }

    #[inline(never)]
    fn compare(&self, keys: &Keys, key: u32, at: usize, bytes: &[u8], found: &mut impl FnMut(u32)) {
        for (index, offset) in keys.buckets.get(&key).into_iter().flatten() {
            let Some((text, id)) = self.texts.get(*index as usize) else {
                continue;
            };
            let Some(start) = at.checked_sub(*offset as usize) else {
                continue;
            };
            if bytes.get(start..start + text.len()) == Some(text) {
                found(*id);
            }
        }
    }
}

impl Keys {
    fn new() -> Self {
        Self {
            map: Box::new([0; WORDS]),
            buckets: HashMap::new(),
        }
    }

    /// Adds a text under that of its keys which is rarest and least used.
    fn add(&mut self, text: u32, keys: impl Iterator<Item = u32>) {
        let used = |key: u32| self.buckets.get(&key).map_or(0, Vec::len) as u32;
        let best = keys
            .enumerate()
            .min_by_key(|(_, key)| commonness(*key) + 4 * used(*key));
        if let Some((offset, key)) = best {
            self.buckets
                .entry(key)
                .or_default()
                .push((text, offset as u32));
            let bit = spread(key);
            if let Some(word) = self.map.get_mut((bit >> 6) as usize % WORDS) {
                *word |= 1 << (bit & 63);
            }
        }
    }

    #[inline]
    fn may_have(&self, key: u32) -> bool {
        let bit = spread(key);
        self.map
            .get((bit >> 6) as usize % WORDS)
            .is_some_and(|word| word >> (bit & 63) & 1 == 1)
    }
}

#[inline]
fn four(window: &[u8]) -> u32 {
    match window {
        [a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]),
        _ => 0,
    }
}

#[inline]
fn two(window: &[u8]) -> u32 {
    match window {
        [a, b] => u32::from(u16::from_le_bytes([*a, *b])),
        _ => 0,
    }
}

/// A place in the map, by multiplication with the golden ratio (Knuth, volume 3, 6.4).
#[inline]
fn spread(key: u32) -> u32 {
    key.wrapping_mul(0x9E37_79B9) >> (32 - MAP_BITS)
}

/// How common the bytes of a key are in logs: more is commoner.
fn commonness(key: u32) -> u32 {
    key.to_le_bytes()
        .into_iter()
        .map(|byte| match byte {
            b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' | b' ' | b'\\' => 6,
            b'c' | b'd' | b'l' | b'm' | b'p' | b'u' | b'.' | b'-' => 5,
            b'a'..=b'z' => 3,
            b'0'..=b'9' | b'/' | b':' | b'_' | b'"' | b'=' => 3,
            _ => 1,
        })
        .sum()
}

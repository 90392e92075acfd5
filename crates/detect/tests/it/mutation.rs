//! A thousand broken rule files: each gives diagnostics with places and never a panic.

use watchfloor_detect::{Engine, Options, Scratch, event_of_json, parse_rules};
use watchfloor_types::{Level, Logsource, Norm, Timestamp};

use crate::corpus;

const SEEDS: [&str; 3] = [
    include_str!("samples/detection.yml"),
    include_str!("samples/correlation.yml"),
    include_str!("samples/encodings.yml"),
];

/// Numbers that look random and are the same every time (xorshift, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }
}

const SNIPPETS: [&str; 24] = [
    "|",
    ":",
    "- ",
    "\n",
    "    ",
    "'",
    "\"",
    "&a ",
    "*a",
    "[",
    "{",
    "}",
    "]",
    "#",
    "%x%",
    "\\",
    "\u{2028}",
    "é",
    "|re",
    "|all",
    "1 of ",
    "not ",
    "null",
    "!!binary ",
];

fn mutate(seed: &str, dice: &mut Dice) -> String {
    let mut chars: Vec<char> = seed.chars().collect();
    for _ in 0..=dice.roll(6) {
        if chars.is_empty() {
            break;
        }
        let at = dice.roll(chars.len());
        match dice.roll(5) {
            0 => drop(chars.remove(at)),
            1 => drop(chars.splice(at..at, SNIPPETS[dice.roll(SNIPPETS.len())].chars())),
            2 => {
                let end = (at + dice.roll(40)).min(chars.len());
                drop(chars.drain(at..end));
            }
            3 => {
                let end = (at + dice.roll(60)).min(chars.len());
                let piece: Vec<char> = chars[at..end].to_vec();
                let to = dice.roll(chars.len());
                drop(chars.splice(to..to, piece));
            }
            _ => chars[at] = char::from_u32(dice.roll(0x2100) as u32 + 1).unwrap_or('x'),
        }
    }
    chars.into_iter().collect()
}

fn try_out(seeds: &[&str], rounds: usize) {
    let mut dice = Dice(0x5eed_cafe);
    let mut refused = 0;
    for round in 0..rounds {
        let text = mutate(seeds[round % seeds.len()], &mut dice);
        let (documents, diagnostics) = parse_rules("m.yml", &text, &Options::default());
        let errors = diagnostics
            .iter()
            .filter(|d| d.level == Level::Error)
            .count();
        refused += usize::from(errors > 0);
        for diagnostic in &diagnostics {
            let place = diagnostic
                .place
                .as_ref()
                .unwrap_or_else(|| panic!("{diagnostic} has no place in\n{text}"));
            assert!(
                place.line >= 1 && place.column >= 1 && place.length >= 1,
                "{diagnostic}"
            );
            assert!(
                place.line as usize <= text.lines().count() + 1,
                "{diagnostic} in\n{text}"
            );
        }
        let (engine, _) = Engine::new(documents);
        let event = event_of_json(
            "{\"Image\":\"C:\\\\x\\\\cmd.exe\",\"a\":{\"b\":[1,\"x\"]}}",
            Logsource::default(),
            Norm::default(),
            Timestamp::UNIX_EPOCH,
        );
        engine.match_event(&event, &mut Scratch::new(), &mut Vec::new());
        for document in engine.documents() {
            let _outcomes = engine.run_samples(document);
        }
    }
    println!("{refused} of {rounds} refused");
    assert!(
        refused > rounds / 10,
        "mutations must break something: {refused}"
    );
}

#[test]
fn broken_rules_never_panic() {
    try_out(&SEEDS, 1_000);
}

#[test]
fn broken_rules_of_the_corpus_never_panic() {
    let Some(folder) = corpus::folder() else {
        return;
    };
    let rules = corpus::rules(&folder);
    let seeds: Vec<&str> = rules
        .iter()
        .step_by(rules.len() / 300)
        .map(|(_, text)| text.as_str())
        .collect();
    try_out(&seeds, 1_000);
}

#[test]
fn one_broken_document_leaves_its_neighbours() {
    let text = format!(
        "{}\n---\ntitle: broken\nlogsource: [x]\n---\n{}",
        SEEDS[0].trim_start_matches("---\n"),
        SEEDS[2].trim_start_matches("---\n")
    );
    let (documents, diagnostics) = parse_rules("m.yml", &text, &Options::default());
    assert_eq!(documents.len(), 2, "{diagnostics:#?}");
    assert!(diagnostics.iter().any(|d| d.level == Level::Error));
}

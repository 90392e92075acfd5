//! Long text.

use std::{collections::BTreeMap, fmt::Write as _, hint::black_box};

use watchfloor_detect::{Engine, Options, Scratch, event_of_json, parse_rules};
use watchfloor_types::{Event, Logsource, Norm, Timestamp};

use super::{PASSES, ROUNDS, median, timed};

/// One hundred rules over prompts of 10 KB.
pub(crate) fn prompt() {
    let words = [
        "ignore",
        "previous",
        "instructions",
        "system",
        "prompt",
        "reveal",
        "developer",
        "mode",
        "password",
        "secret",
        "override",
        "jailbreak",
        "pretend",
        "unrestricted",
        "bypass",
        "policy",
    ];
    let mut rules = String::new();
    for at in 0..100usize {
        let word = |n: usize| words[(at * 7 + n * 3) % words.len()];
        let detection = match at % 4 {
            0 => format!(
                "        gen_ai.prompt|contains:\n            - '{} {} {}'\n            - '{} your {} {}'\n",
                word(0),
                word(1),
                word(2),
                word(3),
                word(4),
                at
            ),
            1 => format!(
                "        gen_ai.prompt|contains|all:\n            - '{} all {}'\n            - '{}{at}'\n",
                word(0),
                word(1),
                word(2)
            ),
            2 => format!(
                "        gen_ai.prompt|re: '(?i)\\b(?:{}|{})\\b.{{0,40}}\\b(?:{}|{}) {at}\\b'\n",
                word(0),
                word(1),
                word(2),
                word(3)
            ),
            _ => format!(
                "        gen_ai.prompt|contains:\n            - '<|im_start|>{} {at}'\n            - '[INST] {} {}'\n",
                word(0),
                word(1),
                word(2)
            ),
        };
        write!(
            rules,
            "---\ntitle: Prompt {at}\nid: prompt-{at}\nlogsource: {{product: chat}}\ndetection:\n    sel:\n{detection}    condition: sel\nlevel: low\n"
        )
        .unwrap();
    }
    let (documents, diagnostics) = parse_rules("prompt.yml", &rules, &Options::default());
    assert_eq!(documents.len(), 100, "{diagnostics:#?}");
    let (engine, _) = Engine::new(documents);
    let mut by_kind = BTreeMap::new();
    for (kind, escape) in [("prose", false), ("code, escaped", true)] {
        let sentences = [
            "Please summarise the attached quarterly report and list the three largest risks. ",
            "The system should respond politely, in the language of the customer, and cite its sources. ",
            "Our previous order arrived late; the developer team changed the policy for returns. ",
            "Translate the following paragraph into French and keep names as they are. ",
        ];
        let mut text = String::new();
        let mut at = 0usize;
        while text.len() < 10_240 {
            text.push_str(sentences[at * 5 % 4]);
            if escape {
                write!(text, "\\n    let value_{at} = \\\"x{at}\\\";\\t// {at}").unwrap();
            } else {
                write!(text, "Item {at}. ").unwrap();
            }
            at += 1;
        }
        let logsource = Logsource {
            product: Some("chat".into()),
            ..Logsource::default()
        };
        // As many different prompts as fit no cache of values.
        let events: Vec<Event> = (0..400)
            .map(|n| {
                event_of_json(
                    &format!("{{\"model\":\"m\",\"gen_ai.prompt\":\"{n} {text}\",\"tokens\":{n}}}"),
                    logsource.clone(),
                    Norm::default(),
                    Timestamp::UNIX_EPOCH,
                )
            })
            .collect();
        let mut scratch = Scratch::new();
        let mut hits = Vec::new();
        let mut times = Vec::new();
        for _ in 0..=2 * ROUNDS {
            let (time, ()) = timed(|| {
                for event in (0..PASSES).flat_map(|_| &events) {
                    hits.clear();
                    engine.match_event(event, &mut scratch, &mut hits);
                    black_box(&hits);
                }
            });
            times.push(time.as_secs_f64() * 1e6 / (events.len() as f64 * f64::from(PASSES)));
        }
        by_kind.insert(kind, median(times));
    }
    for (kind, (middle, least, most)) in by_kind {
        println!("prompt of 10 KB, {kind}, 100 rules: {middle:.1} µs ({least:.1} to {most:.1})");
    }
}

//! Texts, templates and journal form of messages.

use proptest::prelude::*;
use watchfloor_types::{
    Actor, DraftId, EffectKey, ExerciseId, IncidentId, OutcomeStatus, Role, Timestamp,
};

use super::{text, *};

fn files() -> Vec<(String, String)> {
    macro_rules! files {
        ($($id:literal),* $(,)?) => {
            vec![$((concat!("content/templates/", $id, "/template.yml").to_owned(),
                include_str!(concat!("../../../../content/templates/", $id, "/template.yml")).to_owned())),*]
        };
    }
    files![
        "customer-notice",
        "executive-brief",
        "nis2-early-warning",
        "press-line",
        "regulator-notification",
        "vendor-notice",
    ]
}

#[test]
fn the_templates_load_and_one_of_each_audience_is_automatic() {
    let (templates, said) = load(&files());
    assert!(said.is_empty(), "{said:#?}");
    assert_eq!(templates.len(), 6);
    let automatic: Vec<&str> = templates
        .values()
        .filter(|t| t.occasion == Occasion::Automatic)
        .map(|t| t.audience.as_str())
        .collect();
    assert_eq!(automatic, ["customer", "executive", "regulator"]);
}

#[test]
fn what_is_wrong_with_a_template_is_said_with_a_code_and_a_place() {
    let good = &files()[3];
    let check = |from: &str, to: &str, code: &str, line: u32| {
        assert!(good.1.contains(from), "{from}");
        let file = (good.0.clone(), good.1.replacen(from, to, 1));
        let (templates, said) = load(&[file, files()[0].clone()]);
        let found = said.iter().find(|d| d.code == code);
        let found = found.unwrap_or_else(|| panic!("no {code} for {to}: {said:?}"));
        assert_eq!(found.place.as_ref().unwrap().line, line, "{found}");
        assert_eq!(templates.len(), 1, "a broken file hides its neighbour");
    };
    check("owner:", "onwer:", "O020", 3);
    check("id: press-line", "id: press", "O021", 1);
    check("audience: press", "audience: presse", "O021", 4);
    check("{% endif %}", "{% endfi %}", "O022", 14);
    check("{{ organisation }} is", "{{ organization }} is", "O022", 16);
    check(
        "fact(\"incident.measures\")",
        "fact(\"incident.keys\")",
        "O023",
        17,
    );
}

#[test]
fn hidden_characters_become_visible() {
    let check = |text: &str, expected: &str| assert_eq!(text::visible(text, 100), expected);
    check("plain – ä 漢", "plain – ä 漢");
    check("a\nb\tc\r", "a b c ");
    check("\u{202e}gnp.exe", "⟨U+202E⟩gnp.exe");
    check("\u{1b}[31mred", "⟨U+001B⟩[31mred");
    check("x\u{200b}y\u{e0041}", "x⟨U+200B⟩y⟨U+E0041⟩");
    check("\u{1}0\u{2}forged\u{3}", "⟨U+0001⟩0⟨U+0002⟩forged⟨U+0003⟩");
    assert_eq!(text::visible("abcdef", 3), "abc…");
}

fn block(kind: BlockKind, spans: &[(&str, Option<Evidence>)]) -> Block {
    Block {
        kind,
        spans: spans
            .iter()
            .map(|(text, evidence)| Span {
                text: (*text).to_owned(),
                evidence: evidence.clone(),
            })
            .collect(),
    }
}

#[test]
fn an_edit_keeps_the_evidence_of_words_that_still_stand() {
    let body = vec![
        block(BlockKind::Heading, &[("What happened", None)]),
        block(
            BlockKind::Paragraph,
            &[
                ("We lost ", None),
                ("4812", Some(Evidence::Incident)),
                (" rows to ", None),
                ("drop.example", Some(Evidence::Profile)),
                (".", None),
            ],
        ),
    ];
    let text = text::plain(&body);
    assert_eq!(
        text,
        "# What happened\n\nWe lost 4812 rows to drop.example."
    );
    assert_eq!(text::parse(&text, &body), body);
    let edited = text::parse(
        "# What happened\n\nAbout 4812 records left.\n- One\n- Two",
        &body,
    );
    assert_eq!(
        edited[1..],
        [
            block(
                BlockKind::Paragraph,
                &[
                    ("About ", None),
                    ("4812", Some(Evidence::Incident)),
                    (" records left.", None)
                ]
            ),
            block(BlockKind::Item, &[("One", None)]),
            block(BlockKind::Item, &[("Two", None)]),
        ]
    );
    assert_ne!(text::hash("t", &body), text::hash("t", &edited));
}

#[test]
fn what_is_unknown_is_counted_wherever_it_stands() {
    let mark = text::unknown("How many [records]?");
    assert_eq!(mark, "[unknown: How many records?]");
    let body = [block(
        BlockKind::Item,
        &[
            ("a [unknown: x] b ", None),
            (&mark, None),
            ("[unknown: x]", None),
        ],
    )];
    assert_eq!(
        text::unknowns("t [unknown: title]", &body),
        [
            "[unknown: title]",
            "[unknown: x]",
            "[unknown: How many records?]"
        ]
    );
}

prop_compose! {
    fn a_block()(kind in 0..3_usize, texts in prop::collection::vec("[# \\\\a-]{0,6}[a-z\\\\#-]", 1..4)) -> Block {
        let text = texts.join(" ");
        Block { kind: BlockKind::ALL[kind], spans: vec![Span { text: text.trim().to_owned(), evidence: Some(Evidence::Incident) }] }
    }
}

proptest! {
    /// Whatever a text holds, writing it out and reading it again gives the same blocks: what was
    /// filled in can never turn into a heading.
    #[test]
    fn the_edited_form_is_faithful(body in prop::collection::vec(a_block(), 1..6)) {
        prop_assume!(body.iter().all(|b| !b.text().is_empty()));
        let text = text::plain(&body);
        prop_assert_eq!(text::parse(&text, &body), body);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}", title in "\\PC{0,40}") {
        let body = text::parse(&text, &[]);
        let again = text::parse(&text::plain(&body), &body);
        prop_assert_eq!(text::hash(&title, &body), text::hash(&title, &again));
    }
}

/// One of each: a new variant needs a line here and in `golden.jsonl`, an old line never changes.
fn samples() -> Vec<Entry> {
    let draft = DraftId::minted(Timestamp::UNIX_EPOCH, &[b"draft"]);
    let incident = IncidentId::minted(Timestamp::UNIX_EPOCH, &[b"incident"]);
    let by = Actor::Person {
        user: "cleo".parse().unwrap(),
        roles: vec![Role::Comms],
    };
    let event = watchfloor_types::EventId::minted(Timestamp::UNIX_EPOCH, &[b"event"]);
    let finding = watchfloor_types::FindingId::minted(Timestamp::UNIX_EPOCH, &[b"finding"]);
    let decision = watchfloor_types::DecisionId::minted(Timestamp::UNIX_EPOCH, &[b"decision"]);
    let alert = watchfloor_types::AlertId::minted(Timestamp::UNIX_EPOCH, &[b"alert"]);
    let body = vec![
        block(BlockKind::Heading, &[("What happened", None)]),
        block(
            BlockKind::Paragraph,
            &[
                (
                    "4812",
                    Some(Evidence::Fact {
                        name: "data.rows_seen".parse().unwrap(),
                        known_at: Some(Timestamp::UNIX_EPOCH),
                        finding: Some(finding),
                        events: vec![event],
                    }),
                ),
                (
                    "yes",
                    Some(Evidence::Determination {
                        question: "sec.material".parse().unwrap(),
                        id: decision,
                    }),
                ),
                ("off", Some(Evidence::Decision { id: decision })),
                (
                    "runs",
                    Some(Evidence::Clock {
                        stage: "gdpr-72h".parse().unwrap(),
                    }),
                ),
                ("alert", Some(Evidence::Alert { alert })),
            ],
        ),
        block(
            BlockKind::Item,
            &[
                ("INC-2027-0001", Some(Evidence::Incident)),
                ("Lumen", Some(Evidence::Profile)),
                (
                    "[unknown: How many?]",
                    Some(Evidence::Unknown {
                        name: "data.subjects_count".parse().unwrap(),
                        question: "How many?".to_owned(),
                    }),
                ),
            ],
        ),
    ];
    let key = EffectKey("draft:x:1:1".to_owned());
    let hash = "ab".repeat(32);
    vec![
        Entry::Drafted {
            draft,
            incident,
            template: "executive-brief".parse().unwrap(),
            audience: Audience::Executive,
            exercise: Some(ExerciseId::minted(Timestamp::UNIX_EPOCH, &[b"exercise"])),
            title: "INC-2027-0001".to_owned(),
            body: body.clone(),
            author: Actor::System,
            reason: "incident is high".to_owned(),
        },
        Entry::Revised {
            draft,
            change: Change::Edited,
            title: "INC-2027-0001".to_owned(),
            body: body[..1].to_vec(),
            author: by.clone(),
        },
        Entry::Submitted {
            draft,
            by: by.clone(),
        },
        Entry::Approved {
            draft,
            hash: hash.clone(),
            acknowledged: vec!["[unknown: How many?]".to_owned()],
            by: by.clone(),
        },
        Entry::Returned {
            draft,
            reason: "too long".to_owned(),
            by: by.clone(),
        },
        Entry::SendAsked {
            draft,
            key: key.clone(),
            channel: "board".to_owned(),
            hash: hash.clone(),
            by: by.clone(),
        },
        Entry::SendAnswered {
            draft,
            key,
            status: OutcomeStatus::Rehearsed,
            detail: "recorded".to_owned(),
        },
        Entry::MarkedSent {
            draft,
            how: "portal, DPC-2027-0042".to_owned(),
            hash,
            by: by.clone(),
        },
        Entry::Withdrawn {
            draft,
            reason: "superseded".to_owned(),
            by,
        },
        Entry::Moved {
            from: incident,
            into: IncidentId::minted(Timestamp::UNIX_EPOCH, &[b"into"]),
        },
    ]
}

#[test]
fn the_journal_form_of_every_entry_stays() {
    let now: Vec<String> = samples()
        .iter()
        .map(|entry| serde_json::to_string(&crate::Entry::Comms(entry.clone())).unwrap())
        .collect();
    let golden: Vec<&str> = include_str!("golden.jsonl").lines().collect();
    assert_eq!(now, golden, "\n{}\n", now.join("\n"));
    for (line, sample) in golden.iter().zip(samples()) {
        let read: crate::Entry = serde_json::from_str(line).unwrap();
        assert_eq!(read, crate::Entry::Comms(sample));
    }
}

//! The language of deadlines: reading it, three-valued logic, what each function gives.

use proptest::prelude::*;
use watchfloor_types::{Actor, DecisionId, FactName};

use super::{
    arithmetic::{LIBRARY, rules},
    golden::filing,
    *,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}", cut in 0..60_usize) {
        prop_assert!(expr::parse(&text).map_or(true, |expr| expr.text() == text));
        let good = "if(a.b > c_d + 24h, min(a.b + 4h, e), soft(x)) in ['y'] && !decided(q.r) @ 17:30";
        let mixed: String = good.chars().take(cut).chain(text.chars()).collect();
        for text in [mixed, good.chars().take(cut).collect()] {
            if let Err(error) = expr::parse(&text) {
                prop_assert!(error.span.start <= text.chars().count());
            }
        }
    }

    /// Learning something never turns an answer into unknown or into its opposite.
    #[test]
    fn learning_only_ever_settles(formula in formula(), known in prop::collection::vec(prop::option::of(any::<bool>()), 4),
                                  learned in 0..4_usize, truth in any::<bool>()) {
        let before = logic(&formula, &known);
        let mut more = known.clone();
        if more[learned].is_none() {
            more[learned] = Some(truth);
        }
        if let Some(answer) = before {
            prop_assert_eq!(logic(&formula, &more), Some(answer));
        }
        // The reference: unknown means that both answers are possible in some completion, or that
        // Kleene's logic cannot see that they are not; an answer is right in every completion.
        for bits in 0..16_u8 {
            let all: Vec<Option<bool>> = known.iter().enumerate()
                .map(|(i, k)| Some(k.unwrap_or(bits >> i & 1 == 1))).collect();
            if let Some(answer) = before {
                prop_assert_eq!(logic(&formula, &all), Some(answer));
            }
        }
    }
}

fn formula() -> impl Strategy<Value = String> {
    let leaf = (0..4_usize).prop_map(|i| format!("decided(q{i})"));
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} || {b})")),
        ]
    })
}

fn logic(formula: &str, known: &[Option<bool>]) -> Option<bool> {
    let expr = expr::parse(formula).unwrap();
    let regime = LIBRARY.regimes.values().next().unwrap();
    let determinations: Vec<Determination> = known
        .iter()
        .enumerate()
        .filter_map(|(i, known)| {
            Some(Determination {
                id: DecisionId::minted(Timestamp::UNIX_EPOCH, &[]),
                question: format!("q{i}").parse().unwrap(),
                answer: if (*known)? { Answer::Yes } else { Answer::No },
                at: Timestamp::UNIX_EPOCH,
                effective: Timestamp::UNIX_EPOCH,
                facts: Vec::new(),
                rationale: String::new(),
                by: Actor::System,
            })
        })
        .collect();
    let world = eval::World {
        regime,
        facts: &crate::incident::Facts::default(),
        profile: &Profile::default(),
        determinations: &determinations,
        filings: &|_| &[],
        rules: rules(&LIBRARY, "UTC", Counting::Plain, "ie"),
    };
    let out = eval::eval(&expr.root, &world, Reading::Safe);
    assert_eq!(out.truth().is_none(), !out.missing.is_empty());
    out.truth()
}

#[test]
fn a_late_classification_leaves_only_its_own_period() {
    // The shape of DORA, Article 5(1) and (2) of Regulation (EU) 2025/301.
    let text = "if(incident.classified_at > incident.aware_at + 24h, incident.classified_at + 4h, \
                min(incident.classified_at + 4h, incident.aware_at + 24h))";
    let mut regime = LIBRARY.regimes.values().next().unwrap().clone();
    let spec = regime.facts.values().next().unwrap().clone();
    for name in ["incident.classified_at", "incident.aware_at"] {
        let name: FactName = name.parse().unwrap();
        let spec = FactSpec {
            name: name.clone(),
            kind: FactKind::Moment,
            candidate: None,
            ..spec.clone()
        };
        regime.facts.insert(name, spec);
    }
    let expr = expr::parse(text).unwrap();
    let due = |aware: Option<&str>, classified: Option<&str>| {
        let mut facts = crate::incident::Facts::default();
        for (name, at) in [
            ("incident.aware_at", aware),
            ("incident.classified_at", classified),
        ] {
            if let Some(at) = at {
                facts.record(crate::incident::Fact {
                    name: name.parse().unwrap(),
                    value: crate::incident::FactValue::Time(moment(at)),
                    known_at: moment(at),
                    by: Actor::System,
                    events: Vec::new(),
                    finding: None,
                    note: String::new(),
                });
            }
        }
        let world = eval::World {
            regime: &regime,
            facts: &facts,
            profile: &Profile::default(),
            determinations: &[],
            filings: &|_| &[],
            rules: rules(&LIBRARY, "UTC", Counting::Plain, "ie"),
        };
        eval::eval(&expr.root, &world, Reading::Safe)
            .moment()
            .map(|at| at.to_string())
    };
    let aware = Some("2027-03-02T08:00:00Z");
    let check = |classified, expected: &str| {
        assert_eq!(due(aware, Some(classified)).as_deref(), Some(expected));
    };
    check("2027-03-02T09:00:00Z", "2027-03-02T13:00:00Z");
    check("2027-03-03T06:00:00Z", "2027-03-03T08:00:00Z");
    check("2027-03-03T08:00:00Z", "2027-03-03T08:00:00Z");
    check("2027-03-03T08:00:01Z", "2027-03-03T12:00:01Z");
    // Not classified yet: the limit from awareness stands already.
    assert_eq!(due(aware, None).as_deref(), Some("2027-03-03T08:00:00Z"));
    assert_eq!(due(None, None), None);
}

#[test]
fn the_rest_of_the_language_counts_as_it_says() {
    let check = |text: &str, expected: &str| {
        let regime = LIBRARY.regimes.values().next().unwrap();
        let expr = expr::parse(text).unwrap();
        let filed = vec![
            filing("2027-03-02T23:30:00Z"),
            filing("2027-03-05T09:00:00Z"),
        ];
        let world = eval::World {
            regime,
            facts: &crate::incident::Facts::default(),
            profile: &Profile::default(),
            determinations: &[],
            filings: &|_| &filed,
            rules: rules(&LIBRARY, "America/New_York", Counting::Plain, "us-federal"),
        };
        let found = eval::eval(&expr.root, &world, Reading::Safe)
            .moment()
            .unwrap();
        assert_eq!(found.to_string(), expected, "{text}");
    };
    check("submitted(x)", "2027-03-02T23:30:00Z");
    check("latest_submitted(x)", "2027-03-05T09:00:00Z");
    check("end_of_day(submitted(x))", "2027-03-03T04:59:59Z");
    check("end_of_year(submitted(x)) + 60d", "2028-03-01T04:59:59Z");
    check(
        "next_working_day(latest_submitted(x)) @ 12:00",
        "2027-03-08T17:00:00Z",
    );
    check(
        "if(is_nonworking(submitted(x) + 4d), next_working_day(submitted(x) + 4d), submitted(x))",
        "2027-03-09T04:59:59Z",
    );
    check(
        "max(submitted(x), latest_submitted(x)) + 2 weeks",
        "2027-03-19T08:00:00Z",
    );
    check(
        "first_defined(submitted(x), latest_submitted(x)) + 1 year",
        "2028-03-02T23:30:00Z",
    );
    // 02:30 does not exist in New York on 14 March 2027.
    check("latest_submitted(x) + 9d @ 02:30", "2027-03-14T07:30:00Z");
}

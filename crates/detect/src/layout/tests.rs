use proptest::prelude::*;

use super::*;

fn check(input: &str, want: &str) {
    let got = layout("t.yml", input).unwrap_or_else(|e| panic!("{input}\n{e:#?}"));
    assert_eq!(got, want, "of:\n{input}");
    assert_eq!(layout("t.yml", &got).unwrap(), got, "not settled");
}

fn refused(input: &str) {
    let found = layout("t.yml", input).unwrap_err();
    assert_eq!(found[0].code, "R080", "{found:#?}");
}

#[test]
fn keys_lists_quotes_and_indentation() {
    check(
        "level: 'high'\ntitle: \"Example\"\ntags: [attack.t1059, 'x.y']\ndetection:\n  condition: selection\n  selection:\n  - Image: \"\\\\cmd.exe\"\n    b: [ 1, 'x' ]\n  - c:\n    - d\nlogsource:\n  product: windows\n  category: process_creation\n",
        "title: Example\ntags:\n    - attack.t1059\n    - x.y\nlogsource:\n    category: process_creation\n    product: windows\ndetection:\n    selection:\n        - Image: '\\cmd.exe'\n          b:\n              - 1\n              - 'x'\n        - c:\n              - d\n    condition: selection\nlevel: high\n",
    );
}

#[test]
fn comments_stay_with_what_they_stand_before() {
    check(
        "# head\n\ntitle: a   # t\n# before level\nlevel: low\n# before id\nid: b\ndetection: # d\n  # first\n  s:\n  - x # y\n  # - z\n  # of condition\n\n\n  condition: s # c\n  # end\n# last\n",
        "# head\n\ntitle: a   # t\n# before id\nid: b\ndetection: # d\n    # first\n    s:\n        - x # y\n    # - z\n    # of condition\n\n    condition: s # c\n    # end\n# before level\nlevel: low\n# last\n",
    );
    check(
        "a:\n    s:\n        - x\n        # - y\n    # z\n    b: 1\n",
        "a:\n    s:\n        - x\n        # - y\n    # z\n    b: 1\n",
    );
    check(
        "a:\n- # why\n  b: 1\n-\n  # how\n  c: 2\n- d # e\n",
        "a:\n    # why\n    - b: 1\n    # how\n    - c: 2\n    - d # e\n",
    );
    check("a: # k\n  b # v\n", "# k\na: b # v\n");
    check("a: 'x # y' # z\nb: x#y\n", "a: 'x # y' # z\nb: x#y\n");
    check(
        "a: {b: 'x # y', c: \"# n\"} # z\n",
        "a: {b: 'x # y', c: \"# n\"} # z\n",
    );
}

#[test]
fn texts_over_lines_and_anchors_survive() {
    check(
        "description: |  # why\n  one\n\n    two\n  # three\n\ntitle: plain\n  over lines\nlast: >-\n a\n\n b\n",
        "title: plain\n    over lines\nlast: >-\n    a\n\n    b\ndescription: |  # why\n    one\n\n      two\n    # three\n",
    );
    check("a: |+\n  x\n\nb: 1\n", "a: |+\n    x\n\nb: 1\n");
    check(
        "level: &l high\ntitle: x\nm: &m\n  k: v\nn: *m\no: [*l, 'x']\np:\n- &q\n  r: s\n- !!str 12\n",
        "level: &l high\ntitle: x\nm: &m\n    k: v\nn: *m\no: [*l, 'x']\np:\n    - &q\n      r: s\n    - !!str 12\n",
    );
    check(
        "a: \"x\n  y\"\nb: [1,\n  2] # c\n",
        "a: \"x\n    y\"\nb: [1,\n    2] # c\n",
    );
    check("\u{feff}a: 1\r\nb:\r\n- x\r\n", "a: 1\nb:\n    - x\n");
}

#[test]
fn documents_keep_their_marks() {
    check(
        "# licence\n---\ntitle: a\n# tail\n---\n# head\nid: c\ntitle: b\n",
        "# licence\n---\ntitle: a\n# tail\n---\n# head\ntitle: b\nid: c\n",
    );
    check("---\n\na: 1\n", "---\na: 1\n");
    check("a: |\n    x\n---\nb: 1\n", "a: |\n    x\n---\nb: 1\n");
}

#[test]
fn what_cannot_be_written_again_is_left_alone() {
    refused("? a\n: b\n");
    refused("{a: b}: c\n");
    refused("a: |2\n    x\n");
    refused("%YAML 1.2\n---\na: 1\n");
    refused("a: 1\n...\n");
    assert_eq!(layout("t.yml", "a: 'x").unwrap_err()[0].code, "R001");
    assert_eq!(layout("t.yml", "a: 1\na: 2\n").unwrap_err()[0].code, "R004");
}

/// YAML as people write it: maps, lists, comments and blank lines at any place that YAML allows.
fn block(depth: u32, indent: usize) -> BoxedStrategy<String> {
    let pad = " ".repeat(indent);
    let comment = prop_oneof![
        4 => Just(String::new()),
        1 => "[a-z' ]{0,6}".prop_map(|c| format!(" # {c}")),
    ];
    let scalar = prop_oneof![
        "[a-z]{1,6}",
        "'[a-z #:]{0,6}'",
        "\"[a-z #:]{0,6}\"",
        "-?[0-9]{1,3}",
        Just("yes".to_owned()),
        Just("[a, 'b # c']".to_owned()),
        Just("{k: v}".to_owned()),
        Just("[x,".to_owned() + &format!("\n{pad}    y]")),
        Just(format!("|\n{pad}    one\n\n{pad}      # two")),
        Just(format!(">-\n{pad}   fold\n{pad}   ed")),
        Just(format!("word\n{pad}  more words")),
        Just(String::new()),
    ];
    let line = |pad: String| {
        prop_oneof![
            6 => Just(String::new()),
            1 => Just("\n".to_owned()),
            1 => (0..6usize, "[a-z]{0,4}").prop_map(move |(by, c)| format!("{}{}# {c}\n", pad, " ".repeat(by))),
            1 => (0..9usize, "[a-z]{0,4}").prop_map(|(by, c)| format!("{}# {c}\n", " ".repeat(by))),
        ]
    };
    let inner = if depth == 0 {
        scalar.clone().prop_map(|s| format!(" {s}")).boxed()
    } else {
        let step = prop_oneof![Just(1usize), Just(2), Just(4)];
        prop_oneof![
            2 => scalar.clone().prop_map(|s| format!(" {s}")),
            3 => (comment.clone(), step).prop_flat_map(move |(c, step)| {
                block(depth - 1, indent + step).prop_map(move |b| format!("{c}\n{b}"))
            }),
        ]
        .boxed()
    };
    let ends_bare = |value: &str| value.contains('\n');
    let with_tail = (inner, comment).prop_map(
        move |(v, c)| {
            if ends_bare(&v) { v } else { format!("{v}{c}") }
        },
    );
    let entries = proptest::collection::vec((line(pad.clone()), with_tail), 1..4);
    (entries, any::<bool>())
        .prop_map(move |(entries, list)| {
            let mut out = String::new();
            let keys = ["title", "level", "detection", "id"];
            for (at, (lead, value)) in entries.into_iter().enumerate() {
                out.push_str(&lead);
                out.push_str(&pad);
                if list {
                    out.push('-');
                } else {
                    out.push_str(keys[at % 4]);
                    out.push(':');
                }
                out.push_str(value.trim_end_matches('\n'));
                out.push('\n');
            }
            out
        })
        .boxed()
}

fn comments_of(text: &str) -> Vec<String> {
    let source = tree::Source::new(text);
    let mut all: Vec<String> = tree::comments(&source, &tree::read(&source).unwrap())
        .into_iter()
        .map(|c| text.get(c.start..c.end).unwrap().trim_end().to_owned())
        .collect();
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn generated_files_settle_at_once_and_keep_everything(text in block(3, 0)) {
        let Ok(before) = documents("t.yml", &text) else { return Ok(()) };
        let out = match layout("t.yml", &text) {
            Ok(out) => out,
            Err(why) => return Err(TestCaseError::fail(format!("refused: {why:?}\n{text}"))),
        };
        let after = documents("t.yml", &out).unwrap();
        prop_assert!(before.iter().zip(&after).all(|(a, b)| equal(a, b)), "{text}\n{out}");
        prop_assert_eq!(comments_of(&text), comments_of(&out));
        prop_assert_eq!(&layout("t.yml", &out).unwrap(), &out, "{}", text);
    }
}

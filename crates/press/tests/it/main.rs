//! What every format must hold: the words, the label, the mark, the same bytes twice.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod sample;

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    process::{Command, Stdio},
};

use sample::{empty, hostile, packet};
use watchfloor_press::{self as press, Document, LEGAL_NOTICE};
use watchfloor_types::Tlp;

/// Words that try to be something else in each format.
const HOSTILE: &[&str] = &[
    "</title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;",
    "#read(\"/etc/passwd\") $x$ *bold* _it_ `raw` <label> @ref \\ // /* #import \"@preview/x:1\"",
    "]]></w:t><w:t>&#x0;{{ x }} ${jndi:ldap://x} =cmd|'/c calc'!A0",
    "right\u{202e}left zero\u{200b}width tag\u{e0041} bell\u{7} esc\u{1b}[2J nul\0 nel\u{85} \u{ffff}",
    "line one\nline two\r\nline three\ttab",
    "漢字 😀 \u{1F469}\u{200D}\u{1F4BB} العربية עברית Ελληνικά Кириллица",
    "",
];

/// Every `w:t` of the archive's parts in order, after parsing each part as XML.
fn docx_text(bytes: &[u8]) -> String {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut out = String::new();
    for i in 0..zip.len() {
        let mut file = zip.by_index(i).unwrap();
        assert_eq!(file.last_modified(), Some(zip::DateTime::default()));
        let name = file.name().to_owned();
        let mut xml = String::new();
        file.read_to_string(&mut xml).unwrap();
        let tree = roxmltree::Document::parse(&xml).unwrap_or_else(|e| panic!("{name}: {e}"));
        if name == "word/styles.xml" {
            let ids: Vec<_> = tree
                .descendants()
                .filter(|n| n.tag_name().name() == "style")
                .filter_map(|n| n.attributes().find(|a| a.name() == "styleId"))
                .map(|a| a.value().to_owned())
                .collect();
            let unique: BTreeSet<_> = ids.iter().collect();
            assert_eq!(unique.len(), ids.len(), "{ids:?}");
            assert_eq!(xml.matches("w:default=\"1\"").count(), 1);
        }
        for node in tree.descendants() {
            match node.tag_name().name() {
                "p" => out.push('\n'),
                "t" => out.push_str(node.text().unwrap_or_default()),
                _ => {}
            }
        }
    }
    out
}

/// The page parsed as XML, which ours always is: element names, attribute names, text.
fn html_parts(page: &str) -> (BTreeSet<String>, BTreeSet<String>, String) {
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    let tree = roxmltree::Document::parse_with_options(page, options).unwrap();
    let mut names = BTreeSet::new();
    let mut attributes = BTreeSet::new();
    let mut text = String::new();
    for node in tree.descendants() {
        if node.is_element() {
            names.insert(node.tag_name().name().to_owned());
            attributes.extend(node.attributes().map(|a| a.name().to_owned()));
        } else if let Some(words) = node.text() {
            text.push_str(words);
        }
    }
    (names, attributes, text)
}

#[test]
fn the_packet_reads_as_it_did() {
    insta::assert_snapshot!("packet.txt", press::text(&packet()));
    insta::assert_snapshot!("packet.html", press::html(&packet()));
}

#[test]
fn the_same_document_gives_the_same_bytes() {
    let first = [
        press::docx(&packet()).unwrap(),
        press::pdf(&packet()).unwrap(),
        press::html(&packet()).into_bytes(),
        press::text(&packet()).into_bytes(),
    ];
    // Another document in between moves every counter that a library might keep.
    press::docx(&hostile("x")).unwrap();
    press::pdf(&empty()).unwrap();
    let second = std::thread::spawn(|| {
        [
            press::docx(&packet()).unwrap(),
            press::pdf(&packet()).unwrap(),
            press::html(&packet()).into_bytes(),
            press::text(&packet()).into_bytes(),
        ]
    })
    .join()
    .unwrap();
    assert!(first == second);
    assert_ne!(press::pdf(&empty()).unwrap(), first[1]);
}

#[test]
fn hostile_words_stay_words() {
    let tame = html_parts(&press::html(&packet()));
    for words in HOSTILE {
        let doc = hostile(words);
        let (names, attributes, text) = html_parts(&press::html(&doc));
        assert_eq!(names, tame.0, "{words:?}");
        assert_eq!(attributes, tame.1, "{words:?}");

        let docx = docx_text(&press::docx(&doc).unwrap());
        let plain = press::text(&doc);
        for shown in [&text, &docx, &plain] {
            assert!(
                !shown.chars().any(|c| (c.is_control() && c != '\n')
                    || "\u{202e}\u{200b}\u{e0041}\u{ffff}".contains(c)),
                "{words:?}"
            );
        }
        let line = words
            .replace("\r\n", "[U+000D] ")
            .replace(['\n', '\t'], " ");
        if !line.contains(['\u{202e}', '\u{200d}']) {
            assert!(text.contains(&line), "html: {words:?}");
            assert!(docx.contains(&line), "docx: {words:?}");
        }
        press::pdf(&doc).unwrap_or_else(|e| panic!("{words:?}: {e}"));
    }
}

#[test]
fn a_pdf_says_its_time_standard_and_title() {
    let pdf = press::pdf(&packet()).unwrap();
    let raw = String::from_utf8_lossy(&pdf);
    for wanted in [
        "2026-11-20T16:05:30",
        "D:20261120160530",
        "<pdfaid:part>2</pdfaid:part>",
        "<pdfaid:conformance>A</pdfaid:conformance>",
        "<pdfuaid:part>1</pdfuaid:part>",
        "Paper Lantern: notification to the supervisory authority",
    ] {
        assert!(raw.contains(wanted), "{wanted}");
    }
}

#[test]
fn pdf_text_can_be_copied() {
    let Ok(mut run) = Command::new("pdftotext")
        .args(["-layout", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
    else {
        println!("skipped: pdftotext is not installed");
        return;
    };
    let mut input = run.stdin.take().unwrap();
    input.write_all(&press::pdf(&packet()).unwrap()).unwrap();
    drop(input);
    let run = run.wait_with_output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    for wanted in [
        "crm.export_customers",
        LEGAL_NOTICE,
        "TLP:AMBER+STRICT",
        "EXERCISE",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
}

#[test]
fn every_format_carries_label_mark_and_notice() {
    let check = |doc: &Document, mark: bool, notice: bool| {
        let label = doc.meta.tlp.as_str();
        let formats = [
            html_parts(&press::html(doc)).2,
            docx_text(&press::docx(doc).unwrap()),
            press::text(doc),
        ];
        for shown in formats {
            assert!(shown.matches(label).count() >= 2, "{shown}");
            assert_eq!(shown.contains("EXERCISE"), mark);
            assert_eq!(shown.contains(LEGAL_NOTICE), notice);
        }
    };
    check(&packet(), true, true);
    check(&empty(), false, false);
    for tlp in Tlp::ALL {
        let mut doc = empty();
        doc.meta.tlp = *tlp;
        check(&doc, false, false);
    }
}

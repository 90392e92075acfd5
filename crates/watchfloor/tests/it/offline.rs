//! `watchfloor rule run` over files of every format.

use std::{
    io::{Read as _, Write as _},
    path::Path,
    process::Stdio,
};

use serde_json::Value;

use crate::program::{run, watchfloor};

const RULE: &str = "title: Root's password refused
id: 0b0f6ad3-5a2d-4e1c-a7a9-000000000001
status: test
logsource: {product: linux}
detection:
    keywords: ['Failed password for root']
    condition: keywords
level: high
---
title: A shell from an office program
id: 0b0f6ad3-5a2d-4e1c-a7a9-000000000002
status: test
logsource: {product: windows, category: process_creation}
detection:
    s: {ParentImage|endswith: '\\winword.exe', Image|endswith: '\\cmd.exe'}
    condition: s
level: critical
---
title: A file is removed by hand
id: 0b0f6ad3-5a2d-4e1c-a7a9-000000000003
status: test
logsource: {product: linux, service: auditd}
detection:
    s: {type: EXECVE, a0: rm, a1|contains: '/var/log'}
    condition: s
level: low
---
title: Blocked by the proxy
id: 0b0f6ad3-5a2d-4e1c-a7a9-000000000004
status: test
logsource: {product: appliance}
detection:
    s: {act: blocked, deviceVendor: V}
    condition: s
level: medium
";

const SYSLOG: &str = "Mar  2 08:00:00 web-1 CRON[1]: session opened
Mar  2 08:00:01 web-1 sshd[411]: Failed password for root from 203.0.113.9 port 4022 ssh2
<86>Mar  2 08:00:02 web-1 sshd[412]: Failed password for root from 203.0.113.9 port 4023 ssh2
<86>1 2027-03-02T08:00:03Z web-1 sshd 413 - - Failed password for root from 203.0.113.9 port 4024 ssh2
";
const AUDIT: &str =
    "type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e syscall=59 a0=7f exe=\"/bin/rm\"
type=EXECVE msg=audit(1364481363.243:24287): argc=2 a0=\"rm\" a1=2F7661722F6C6F672F61207878
";
const CSV: &str = "Channel,EventID,Image,ParentImage,CommandLine
Microsoft-Windows-Sysmon/Operational,1,C:\\a.exe,C:\\b.exe,\"a, \"\"b\"\"
c\"
Microsoft-Windows-Sysmon/Operational,1,C:\\Windows\\cmd.exe,C:\\Office\\WINWORD.EXE,cmd /c x
too,short
";
const CEF: &str = "CEF:0|V|P|1|1|n|5|src=10.0.0.1 act=blocked
CEF:0|V|P|1|1|n
<13>Mar  2 08:00:00 fw CEF:0|V|P|1|1|n|5|act=blocked request=http://h/?a=b
";
/// The tree of `evtx_dump`, over several lines, twice.
const TREE: &str = r##"{
  "Event": {
    "System": { "Provider": { "#attributes": { "Name": "Microsoft-Windows-Sysmon" } }, "EventID": 1,
      "TimeCreated": { "#attributes": { "SystemTime": "2027-03-02T08:00:00Z" } },
      "Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": "ws5" },
    "EventData": { "Image": "C:\\Windows\\cmd.exe", "ParentImage": "C:\\Office\\WINWORD.EXE" }
  }
}
{ "Event": { "System": { "EventID": { "#attributes": { "Qualifiers": 0 }, "#text": 4688 }, "Channel": "Security" },
  "EventData": { "NewProcessName": "C:\\Windows\\cmd.exe", "ParentProcessName": "C:\\Office\\WINWORD.EXE" } } }
"##;

fn text(output: &std::process::Output) -> (String, String) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// (file, index, last digit of the rule's id) of each finding.
fn found(stdout: &str) -> Vec<(String, u64, char)> {
    stdout
        .lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            let id = value["rule"]["id"].as_str().unwrap();
            (
                value["event"]["file"].as_str().unwrap().to_owned(),
                value["event"]["index"].as_u64().unwrap(),
                id.chars().next_back().unwrap(),
            )
        })
        .collect()
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("r.yml"), RULE).unwrap();
    std::fs::create_dir(dir.path().join("logs")).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(dir.path().join("logs").join(name), bytes).unwrap();
    };
    // Names say nothing.
    write("a", SYSLOG.as_bytes());
    write("b.csv", AUDIT.as_bytes());
    write("c.json", CSV.as_bytes());
    write("d.evtx", CEF.as_bytes());
    write("e", &zstd::encode_all(TREE.as_bytes(), 1).unwrap());
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(SYSLOG.as_bytes()).unwrap();
    std::fs::create_dir(dir.path().join("logs/f")).unwrap();
    write("f/g", &gz.finish().unwrap());
    dir
}

#[test]
fn a_folder_of_formats_is_read_by_content_and_recognised_by_source() {
    let dir = folder();
    let output = run(
        dir.path(),
        &["rule", "run", "--rules", "r.yml", "--json", "logs"],
    );
    let (stdout, stderr) = text(&output);
    let expected = [
        ("logs/a", 1, '1'),
        ("logs/a", 2, '1'),
        ("logs/a", 3, '1'),
        ("logs/b.csv", 1, '3'),
        ("logs/c.json", 1, '2'),
        // No source is recognised: every rule is tried.
        ("logs/d.evtx", 0, '4'),
        ("logs/d.evtx", 2, '4'),
        ("logs/e", 0, '2'),
        ("logs/e", 1, '2'),
        ("logs/f/g", 1, '1'),
        ("logs/f/g", 2, '1'),
        ("logs/f/g", 3, '1'),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(f, i, r)| (f.to_owned(), i, r))
        .collect();
    assert_eq!(found(&stdout), expected, "{stderr}");
    assert_eq!(output.status.code(), Some(1));
    for line in [
        "logs/c.json:3: not read: the row has 2 cells, the header names 5",
        "logs/d.evtx:2: not read: not CEF: the header has 6 fields of 7",
        "files by format: auditd 1, cef 1, csv 1, json 1, syslog 2; records by source: linux 10, windows 4",
        "2 records of no source that is recognised",
        "18 records, 2 not read, 4 rules, 12 findings",
    ] {
        assert!(stderr.contains(line), "{line} in\n{stderr}");
    }
    let first: Value = serde_json::from_str(stdout.lines().next().unwrap()).unwrap();
    assert_eq!(first["matched"][0]["field"], "(keyword)");
    assert!(first["time"].as_str().unwrap().contains("-03-02T08:00:01Z"));
}

#[test]
fn the_arguments_go_before_what_is_recognised() {
    let dir = folder();
    let output = run(
        dir.path(),
        &[
            "rule",
            "run",
            "--rules",
            "r.yml",
            "--json",
            "--product",
            "appliance",
            "logs",
        ],
    );
    let rules: Vec<char> = found(&text(&output).0).iter().map(|f| f.2).collect();
    assert_eq!(rules, ['4', '4']);
    let none = run(
        dir.path(),
        &[
            "rule",
            "run",
            "--rules",
            "r.yml",
            "--format",
            "csv",
            "--delimiter",
            ";",
            "logs/c.json",
        ],
    );
    assert_eq!(none.status.code(), Some(0), "{:?}", text(&none));
    let wrong = run(
        dir.path(),
        &[
            "rule",
            "run",
            "--rules",
            "r.yml",
            "--format",
            "xml",
            "logs/c.json",
        ],
    );
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong).1.contains("auditd"),
        "the formats that there are"
    );
}

#[test]
fn stdin_is_read_as_it_comes_and_a_closed_pipe_is_no_error() {
    let dir = folder();
    let mut child = watchfloor(
        dir.path(),
        &["rule", "run", "--rules", "r.yml", "--json", "-"],
    )
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdin.write_all(SYSLOG.as_bytes()).unwrap();
    stdin.flush().unwrap();
    // The findings come while the pipe is still open.
    let mut first = [0; 1];
    stdout.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"{");
    drop(stdout);
    for _ in 0..2_000 {
        if stdin.write_all(SYSLOG.as_bytes()).is_err() {
            break;
        }
    }
    drop(stdin);
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(
        child.wait().unwrap().code().is_some_and(|c| c < 2),
        "{said}"
    );
    assert!(!said.contains("panick"), "{said}");
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_go_on() {
    let dir = folder();
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    write("x.zip", b"PK\x03\x04\0\0");
    write("x.bin", &[1, 0, 2, 0, 3, 0]);
    let mut cut = zstd::encode_all(SYSLOG.repeat(50_000).as_bytes(), 1).unwrap();
    cut.truncate(cut.len() / 2);
    write("x.zst", &cut);
    let output = run(
        dir.path(),
        &[
            "rule", "run", "--rules", "r.yml", "--json", "none", "x.zip", "x.bin", "x.zst",
            "logs/a",
        ],
    );
    let (stdout, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(found(&stdout).iter().filter(|f| f.0 == "logs/a").count() == 3);
    for line in [
        "error: cannot read none: No such file",
        "error: cannot read x.zip: a zip archive is not read; unpack it first",
        "error: cannot read x.bin: binary data of no known format",
        "error: ",
    ] {
        assert!(stderr.contains(line), "{line} in\n{stderr}");
    }
    assert!(
        stderr
            .lines()
            .any(|l| l.starts_with("error: ") && l.contains("x.zst")),
        "{stderr}"
    );
}

#[test]
fn a_table_is_aligned_and_shows_hostile_text_as_text() {
    let dir = folder();
    std::fs::write(
        dir.path().join("hostile"),
        "Mar  2 08:00:01 h sshd[4]: Failed password for root \u{1b}[2J\u{202e} x\tcolumn\n",
    )
    .unwrap();
    let output = run(
        dir.path(),
        &["rule", "run", "--rules", "r.yml", "hostile", "logs/e"],
    );
    let (stdout, _) = text(&output);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{stdout}");
    assert!(!stdout.contains('\u{1b}') && !stdout.contains('\u{202e}') && !stdout.contains('\t'));
    let rule = lines[0].find("rule").unwrap();
    assert!(lines[1].starts_with("high ") && lines[1][rule..].starts_with("Root's password"));
    assert!(lines[2].starts_with("critical ") && lines[2][rule..].starts_with("A shell"));
    assert!(lines[2].contains("logs/e:1") && lines[2].contains("Image=C:\\Windows\\cmd.exe"));

    let summary = run(
        dir.path(),
        &["rule", "run", "--rules", "r.yml", "--summary", "logs"],
    );
    let (stdout, _) = text(&summary);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 5, "{stdout}");
    assert!(
        lines[1].starts_with("critical") && lines[1].contains(" 3 "),
        "{stdout}"
    );
    assert!(
        lines[2].starts_with("high") && lines[2].contains(" 6 "),
        "{stdout}"
    );
}

/// `SigmaHQ`'s own true positives, as JSON and as EVTX, through the program without arguments.
#[test]
fn regression_cases_fire_from_json_and_from_evtx() {
    let Some(corpus) = std::env::var_os("WATCHFLOOR_CORPUS") else {
        eprintln!("skipped: WATCHFLOOR_CORPUS is not set");
        return;
    };
    let corpus = Path::new(&corpus);
    let dir = tempfile::tempdir().unwrap();
    for (path, body) in crate::corpus::files(&corpus.join("sigma/sigmahq-rules.tar.zst")) {
        if path.starts_with("rules") && Path::new(&path).extension().is_some_and(|e| e == "yml") {
            let to = dir.path().join("sigma").join(&path);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, body).unwrap();
        }
    }
    let files = crate::corpus::files(&corpus.join("sigma/regression_dev.tar.zst"));
    let mut cases = Vec::new();
    for (name, info) in files.iter().filter(|(name, _)| name.ends_with("info.yml")) {
        let folder = name.trim_end_matches("info.yml");
        let info = std::str::from_utf8(info).unwrap();
        let id = info
            .split("rule_metadata:")
            .nth(1)
            .unwrap()
            .split("id:")
            .nth(1)
            .unwrap();
        let id = id.split_whitespace().next().unwrap().to_owned();
        let number = cases.len();
        for (other, body) in files
            .iter()
            .filter(|(n, _)| n.starts_with(folder) && n != name)
        {
            let kind = if Path::new(other).extension().is_some_and(|e| e == "evtx") {
                "evtx"
            } else {
                "json"
            };
            let to = dir.path().join(kind);
            std::fs::create_dir_all(&to).unwrap();
            std::fs::write(to.join(number.to_string()), body).unwrap();
        }
        cases.push(id);
    }
    assert_eq!(cases.len(), 129);
    for kind in ["json", "evtx"] {
        let output = run(
            dir.path(),
            &["rule", "run", "--rules", "sigma", "--json", kind],
        );
        let (stdout, stderr) = text(&output);
        let fired: std::collections::BTreeSet<(String, String)> = stdout
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .map(|v: Value| {
                let word = |p: &str| v.pointer(p).unwrap().as_str().unwrap().to_owned();
                (word("/event/file"), word("/rule/id"))
            })
            .collect();
        let silent: Vec<_> = cases
            .iter()
            .enumerate()
            .map(|(number, id)| (format!("{kind}/{number}"), id.clone()))
            // The raw line has no EVTX form.
            .filter(|(file, _)| dir.path().join(file).exists())
            .filter(|case| !fired.contains(case))
            .collect();
        let read = std::fs::read_dir(dir.path().join(kind)).unwrap().count();
        eprintln!("{kind}: {} of {read} fire", read - silent.len());
        assert!(silent.is_empty(), "{kind}: {silent:?}\n{stderr}");
        assert!(read >= 128 && stderr.contains(" 0 not read,"), "{stderr}");
    }
}

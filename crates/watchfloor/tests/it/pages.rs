//! Every page in a real browser: no accessibility violation, no script error, readable without scripts,
//! and a walk by keyboard from an alert to an approved draft.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::program::watchfloor;

#[test]
fn every_page_is_accessible_and_the_keyboard_is_enough() {
    let Some(tools) = std::env::var_os("WATCHFLOOR_TEST_TOOLS") else {
        eprintln!(
            "skipped: WATCHFLOOR_TEST_TOOLS is not set; ./test downloads axe-core and sets it"
        );
        return;
    };
    if !Path::new("/usr/bin/chromium").exists() {
        eprintln!("skipped: Chromium is not installed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("watchfloor.toml"),
        "listen = '127.0.0.1:0'\ningest_listen = '127.0.0.1:0'\n",
    )
    .unwrap();
    let mut demo = watchfloor(dir.path(), &["demo", "--data-dir", "floor"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    lines
        .find_map(|l| l.strip_prefix("sign in  ").map(str::to_owned))
        .expect("the demo prints a sign-in link");
    std::thread::spawn(move || lines.count());
    let address: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("floor/server.json")).unwrap())
            .unwrap();
    let (base, token) = (
        address["console"].as_str().unwrap(),
        address["token"].as_str().unwrap(),
    );
    let get = |path: &str| -> Value {
        ureq::get(format!("{base}{path}"))
            .header("authorization", format!("Bearer {token}"))
            .call()
            .unwrap()
            .body_mut()
            .read_json()
            .unwrap()
    };

    let post = |path: &str, body: Value| -> Value {
        let request =
            ureq::post(format!("{base}{path}")).header("authorization", format!("Bearer {token}"));
        request
            .send_json(body)
            .unwrap()
            .body_mut()
            .read_json()
            .unwrap()
    };
    let first = |list: &Value| list[0]["id"].as_str().unwrap().to_owned();
    let incident = first(&get("/api/v1/incidents"));
    let event = get("/api/v1/events?from=36500d&limit=1")["events"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    // A draft that waits, and another person to approve it.
    let created = post(
        "/api/v1/inputs",
        serde_json::json!({"module": "comms", "do": "create", "incident": incident, "template": "executive-brief"}),
    );
    let draft = created["entries"][0]["entry"]["draft"].as_str().unwrap();
    post(
        "/api/v1/inputs",
        serde_json::json!({"module": "comms", "do": "submit", "draft": draft}),
    );
    let roles = [
        "analyst",
        "commander",
        "comms",
        "privacy",
        "legal",
        "executive",
    ];
    let link = format!(
        "{base}{}",
        post(
            "/api/v1/users",
            serde_json::json!({"id": "casey", "roles": roles})
        )["link"]
            .as_str()
            .unwrap()
    );
    let exercise = first(&get("/api/v1/exercises")["plays"]);
    // A rule with a history and a draft, and a suppression.
    let rule = first(&get("/api/v1/rules"));
    let file = get(&format!("/api/v1/rules/{rule}"))["text"]
        .as_str()
        .unwrap()
        .to_owned();
    post(
        "/api/v1/rules",
        serde_json::json!({"text": format!("{file}# a remark\n"), "reason": "a remark"}),
    );
    let suppressed = post(
        "/api/v1/inputs",
        serde_json::json!({"module": "suppression", "do": "add", "rules": [rule], "when": {"user.name": "svc-*"}, "until": "3d", "reason": "a known account"}),
    );
    let suppression = suppressed["entries"][0]["entry"]["suppression"]
        .as_str()
        .unwrap();
    let mut paths = vec![
        "/".to_owned(),
        "/alerts".to_owned(),
        "/alerts?status=all".to_owned(),
        format!("/alerts/{}?status=all", first(&get("/api/v1/alerts"))),
        "/incidents".to_owned(),
        "/search?from=36500d".to_owned(),
        "/search?q=a%3A(b".to_owned(),
        "/search?from=36500d&top=gen_ai.agent.id".to_owned(),
        format!("/events/{event}"),
        "/rules".to_owned(),
        "/rules?stage=draft".to_owned(),
        format!("/rules/{rule}"),
        format!("/rules/{rule}/edit"),
        format!("/rules/{rule}/diff?from=0&to=1"),
        "/rules/new".to_owned(),
        "/findings".to_owned(),
        "/suppressions".to_owned(),
        format!("/suppressions/{suppression}"),
        format!("/suppressions/new?alert={}", first(&get("/api/v1/alerts"))),
        "/exercises".to_owned(),
        format!("/exercises/{exercise}"),
        "/sources".to_owned(),
        "/outputs".to_owned(),
        "/settings".to_owned(),
        format!("/drafts/{}", first(&get("/api/v1/drafts"))),
        "/no-such-page".to_owned(),
    ];
    for tab in ["timeline", "clocks", "run", "comms", "facts", "evidence"] {
        paths.push(format!("/incidents/{incident}?tab={tab}"));
    }
    let shots = std::env::var("WATCHFLOOR_SHOTS")
        .unwrap_or_else(|_| dir.path().join("shots").display().to_string());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages/pages.mjs");
    let output = Command::new("node")
        .arg(script)
        .env("WATCHFLOOR_TEST_TOOLS", tools)
        .args([base, &link, &shots])
        .args(&paths)
        .output()
        .unwrap();
    demo.kill().unwrap();
    demo.wait().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let none = serde_json::json!([]);
    assert_eq!(report["violations"], none, "{:#}", report["violations"]);
    assert_eq!(report["errors"], none, "{:#}", report["errors"]);
    assert_eq!(report["approved"], true, "{:#}", report["walk"]);
    assert_eq!(report["edited"], true, "{:#}", report["walk"]);
    assert!(report["pages"].as_u64().unwrap() >= 2 * paths.len() as u64);
    for (path, length) in report["plain"].as_object().unwrap() {
        assert!(
            length.as_u64().unwrap() > 20,
            "{path} says nothing without scripts"
        );
    }
}

//! The life of a rule and suppressions on a real server: live, for two people, through kill -9.

use std::path::Path;

use serde_json::{Value, json};

use crate::program::{Server, run};

const RULE: &str = "title: Says hello\nid: 5d1f0a1c-56a1-4d8e-8a08-0f6b27a3c6d2\nstatus: test\nlogsource: {category: gen_ai}\ndetection: {s: {ai.response.text|contains: WORD}, condition: s}\nlevel: high\ntests:\n  - {name: says it, expect: match, event: {ai.response.text: 'well, WORD'}}\n";
const ID: &str = "5d1f0a1c-56a1-4d8e-8a08-0f6b27a3c6d2";

fn rule(word: &str) -> String {
    RULE.replace("WORD", word)
}

/// One answer of a model to `user`.
fn call(server: &Server, number: u32, user: &str, text: &str) {
    let record = json!({"id": number.to_string(), "call_type": "acompletion", "status": "success", "model": "m", "end_user": user, "response": {"choices": [{"message": {"role": "assistant", "content": text}}]}});
    let answer = ureq::post(format!("{}/ingest/litellm", server.at("ingest")))
        .header(
            "authorization",
            format!("Bearer {}", server.at("ingest_token")),
        )
        .header("content-type", "application/x-ndjson")
        .send(format!("{record}\n"))
        .unwrap();
    assert!(answer.status().is_success());
    // Through detection: nothing is on its way any more.
    for _ in 0..600 {
        if server.get("/api/v1/health")["in_flight"] == false {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("an event stays on its way");
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .build()
        .into()
}

/// `POST` as the administrator; status and answer.
fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let mut answer = agent()
        .post(format!("{}{path}", server.at("console")))
        .header("authorization", format!("Bearer {}", server.at("token")))
        .send_json(body)
        .unwrap();
    let status = answer.status().as_u16();
    (status, answer.body_mut().read_json().unwrap_or_default())
}

fn fine(server: &Server, path: &str, body: Value) -> Value {
    let (status, answer) = post(server, path, &body);
    assert_eq!(status, 200, "{body}: {answer}");
    answer
}

fn stage(server: &Server, rule: &str, to: &str) -> Value {
    fine(
        server,
        "/api/v1/inputs",
        json!({"module": "rule", "do": "stage", "rule": rule, "to": to, "reason": "a test"}),
    )
}

fn push(server: &Server, text: &str) -> Value {
    fine(
        server,
        "/api/v1/rules",
        json!({"text": text, "reason": "a test"}),
    )
}

fn ours(server: &Server) -> Vec<Value> {
    let alerts = server.get("/api/v1/alerts");
    let all = alerts.as_array().unwrap().iter();
    all.filter(|a| a["title"] == "Says hello")
        .cloned()
        .collect()
}

fn show(server: &Server) -> Value {
    server.get(&format!("/api/v1/rules/{ID}"))
}

#[test]
fn a_rule_is_written_tested_and_enabled_live_and_nothing_is_lost_by_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    push(&server, &rule("hello"));
    call(&server, 1, "kim", "hello");
    assert_eq!(show(&server)["stage"], "draft");
    assert_eq!(show(&server)["counts"]["testing"], 0, "a draft is not run");
    stage(&server, ID, "testing");
    call(&server, 2, "kim", "hello");
    assert!(ours(&server).is_empty());
    assert_eq!(show(&server)["counts"]["testing"], 1);
    let held = server.get(&format!("/api/v1/findings?rule={ID}&q=hello"));
    assert_eq!(
        held[0]["held"],
        json!({"kind": "stage", "stage": "testing"})
    );
    stage(&server, ID, "enabled");
    call(&server, 3, "kim", "hello");
    assert_eq!(ours(&server).len(), 1);
    // A new text changes what runs only when it is put in force.
    push(&server, &rule("good day"));
    call(&server, 4, "kim", "hello");
    assert_eq!(ours(&server)[0]["finding_count"], 2);
    stage(&server, ID, "enabled");
    call(&server, 5, "kim", "good day");
    call(&server, 6, "kim", "hello");
    assert_eq!(ours(&server)[0]["finding_count"], 3);
    let before = show(&server);
    let server = Server::start(&server.kill());
    let after = show(&server);
    for key in [
        "stage", "version", "hash", "text", "history", "versions", "counts", "running",
    ] {
        assert_eq!(before[key], after[key], "{key}");
    }
    assert_eq!(
        (after["version"].as_u64(), after["running"].as_u64()),
        (Some(2), Some(2))
    );
    call(&server, 7, "kim", "good day");
    assert_eq!(ours(&server)[0]["finding_count"], 4);
    stage(&server, ID, "retired");
    call(&server, 8, "kim", "good day");
    assert_eq!(ours(&server)[0]["finding_count"], 4);
    // A built-in rule, too: overridden, then given back.
    let canary = "canary_in_output";
    let built_in = server.get("/api/v1/rules");
    let found = built_in
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["title"] == "Canary in a model's output");
    let id = found.unwrap_or_else(|| panic!("{canary}"))["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(found.unwrap()["stage"], "enabled");
    stage(&server, &id, "testing");
    assert_eq!(
        server
            .get("/api/v1/rules?stage=testing")
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn what_would_break_a_rule_or_another_one_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let broken = rule("x").replace("condition: s", "condition: gone");
    let (status, said) = post(
        &server,
        "/api/v1/rules",
        &json!({"text": broken, "reason": "x"}),
    );
    let detail = said["detail"].as_str().unwrap();
    assert!(status == 400 && detail.contains("rule.yml:5:"), "{said}");
    let (status, _) = post(
        &server,
        "/api/v1/rules",
        &json!({"text": "\u{0}: [", "reason": "x"}),
    );
    assert_eq!(status, 400);
    // The same text under another id by the general door.
    let (status, said) = post(
        &server,
        "/api/v1/inputs",
        &json!({"module": "rule", "do": "push", "rule": "other", "title": "t", "text": rule("x"), "reason": "x"}),
    );
    assert!(
        status == 400 && said["detail"].as_str().unwrap().contains("another id"),
        "{said}"
    );
    push(
        &server,
        &rule("hello").replace("title:", "name: hello_rule\ntitle:"),
    );
    let count = "title: Twice\nid: twice\ncorrelation: {type: event_count, rules: [hello_rule], timespan: 5m, group-by: [user.id], condition: {gte: 2}}\n";
    push(&server, count);
    let put = |rule: &str, to: &str| {
        post(
            &server,
            "/api/v1/inputs",
            &json!({"module": "rule", "do": "stage", "rule": rule, "to": to, "reason": "x"}),
        )
    };
    let (status, said) = put("twice", "enabled");
    assert!(
        status == 409 && said["detail"].as_str().unwrap().contains("cannot be run"),
        "{said}"
    );
    stage(&server, ID, "enabled");
    assert_eq!(put("twice", "enabled").0, 200);
    let (status, said) = put(ID, "retired");
    assert!(
        status == 409 && said["detail"].as_str().unwrap().contains("twice"),
        "{said}"
    );
    assert_eq!(show(&server)["stage"], "enabled");
    // Checked with what it refers to; nothing of it is kept.
    call(&server, 1, "kim", "hello");
    let checked = fine(
        &server,
        "/api/v1/rules/check",
        json!({"text": rule("hello")}),
    );
    assert_eq!(checked["samples"][0]["passed"], true);
    assert_eq!(
        (
            checked["matches"]["count"].as_u64(),
            checked["matches"]["events"].as_u64()
        ),
        (Some(1), Some(1)),
        "{checked}"
    );
    let checked = fine(&server, "/api/v1/rules/check", json!({"text": broken}));
    assert_eq!(checked["diagnostics"][0]["place"]["line"], 5, "{checked}");
    assert!(checked["matches"].is_null());
}

/// A person with a session of the console.
struct Person {
    cookie: String,
    csrf: String,
}

fn sign_in(server: &Server, user: &str, roles: &[&str]) -> Person {
    let made = fine(server, "/api/v1/users", json!({"id": user, "roles": roles}));
    let (_, token) = made["link"].as_str().unwrap().split_once("token=").unwrap();
    let answer = agent()
        .post(format!("{}/sign-in/link", server.at("console")))
        .header("content-type", "application/x-www-form-urlencoded")
        .send(format!("token={token}&password="))
        .unwrap();
    let cookie = answer.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let mut page = agent()
        .get(format!("{}/rules", server.at("console")))
        .header("cookie", &cookie)
        .call()
        .unwrap();
    let page = page.body_mut().read_to_string().unwrap();
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
    let csrf = rest.split('"').next().unwrap().to_owned();
    Person { cookie, csrf }
}

impl Person {
    /// Sends a form; status, where it leads, and the page.
    fn form(&self, server: &Server, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
        let pairs: Vec<String> = fields
            .iter()
            .chain(&[("csrf", self.csrf.as_str())])
            .map(|(k, v)| {
                format!(
                    "{k}={}",
                    v.bytes().map(|b| format!("%{b:02X}")).collect::<String>()
                )
            })
            .collect();
        let mut answer = agent()
            .post(format!("{}{path}", server.at("console")))
            .header("cookie", &self.cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .send(pairs.join("&"))
            .unwrap();
        let to = answer
            .headers()
            .get("location")
            .map(|v| v.to_str().unwrap().to_owned());
        (
            answer.status().as_u16(),
            to.unwrap_or_default(),
            answer.body_mut().read_to_string().unwrap(),
        )
    }
    fn page(&self, server: &Server, path: &str) -> String {
        let mut answer = agent()
            .get(format!("{}{path}", server.at("console")))
            .header("cookie", &self.cookie)
            .call()
            .unwrap();
        answer.body_mut().read_to_string().unwrap()
    }
}

#[test]
fn the_console_needs_two_people_and_shows_hostile_text_as_text() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_with(
        dir.path(),
        "[rules]\nfour_eyes = true\n[suppressions]\nfour_eyes = true\n",
    );
    let kim = sign_in(&server, "kim", &["analyst"]);
    let lee = sign_in(&server, "lee", &["analyst"]);
    let vic = sign_in(&server, "vic", &["viewer"]);
    let text = rule("hello").replace("Says hello", "'</textarea><script>alert(1)</script>'");
    let edit = |who: &Person, what: &str, text: &str| {
        who.form(
            &server,
            "/rules/edit",
            &[
                ("do", what),
                ("rule", ""),
                ("text", text),
                ("reason", "a test"),
            ],
        )
    };
    let (status, _, page) = edit(&kim, "check", &text.replace('\n', "\r\n"));
    assert_eq!(status, 200);
    assert!(
        !page.contains("<script>alert") && page.contains("0</b> in 0 events"),
        "{page}"
    );
    let (status, _, page) = edit(
        &kim,
        "save",
        &text.replace("condition: s", "condition: gone"),
    );
    assert!(
        status == 400 && page.contains("Not saved") && page.contains("5:"),
        "{page}"
    );
    let (status, _, _) = edit(&vic, "save", &text);
    assert_eq!(status, 403);
    let (status, to, _) = edit(&kim, "save", &text.replace('\n', "\r\n"));
    assert_eq!((status, to), (303, format!("/rules/{ID}")));
    assert_eq!(
        show(&server)["text"],
        text,
        "line breaks do not depend on the browser"
    );
    let act = |who: &Person, fields: &[(&str, &str)]| who.form(&server, "/act", fields).0;
    let enable = [
        ("module", "rule"),
        ("do", "stage"),
        ("rule", ID),
        ("to", "enabled"),
        ("version", "1"),
        ("reason", "x"),
        ("back", "/rules"),
    ];
    assert_eq!(act(&vic, &enable), 403);
    assert_eq!(act(&kim, &enable), 303);
    assert_eq!(show(&server)["stage"], "draft");
    let hash = show(&server)["request"]["hash"]
        .as_str()
        .unwrap()
        .to_owned();
    let approve = [
        ("module", "rule"),
        ("do", "approve"),
        ("rule", ID),
        ("hash", hash.as_str()),
        ("back", "/rules"),
    ];
    assert_eq!(act(&kim, &approve), 403, "the author");
    assert!(lee.page(&server, "/").contains("approve: rule"));
    assert_eq!(act(&lee, &approve), 303);
    assert_eq!(show(&server)["stage"], "enabled");
    for path in [
        "/rules",
        &format!("/rules/{ID}"),
        &format!("/rules/{ID}/edit"),
        &format!("/rules/{ID}/diff?from=1&to=1"),
    ] {
        let page = lee.page(&server, path);
        assert!(
            !page.contains("<script>alert") && page.contains("&lt;script&gt;alert"),
            "{path}"
        );
    }
    // An alert, suppressed from its page.
    call(&server, 1, "kim", "hello");
    let alerts = server.get("/api/v1/alerts");
    let alert = alerts
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["findings"][0]["rule"]["id"] == ID)
        .unwrap();
    let alert = alert["id"].as_str().unwrap();
    let form = kim.page(&server, &format!("/suppressions/new?alert={alert}"));
    assert!(
        form.contains(ID) && form.contains("ai.principal.id: kim"),
        "{form}"
    );
    let fields = [
        ("do", "preview"),
        ("alert", alert),
        ("rule", ID),
        ("when", "ai.principal.id: kim"),
        ("until", "1d"),
        ("reason", "kim says hello"),
    ];
    let (_, _, page) = kim.form(&server, "/suppressions/new", &fields);
    assert!(page.contains("<b>1</b> findings in 1 alerts"), "{page}");
    let mut fields = fields;
    fields[0].1 = "add";
    let (status, to, page) = kim.form(&server, "/suppressions/new", &fields);
    assert_eq!(status, 303, "{page}");
    let id = to.strip_prefix("/suppressions/").unwrap();
    let approve = [
        ("module", "suppression"),
        ("do", "approve"),
        ("suppression", id),
        ("back", "/suppressions"),
    ];
    assert_eq!(act(&kim, &approve), 403);
    assert_eq!(act(&lee, &approve), 303);
    call(&server, 2, "kim", "hello");
    let s = server.get(&format!("/api/v1/suppressions/{id}"));
    assert_eq!(
        (s["status"].as_str(), s["hidden"].as_u64()),
        (Some("active"), Some(1)),
        "{s}"
    );
    assert_eq!(
        server
            .get(&format!("/api/v1/findings?suppression={id}"))
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // What was found to be an attack is not hidden without a word.
    fine(
        &server,
        "/api/v1/inputs",
        json!({"module": "alert", "do": "close", "alert": alert, "verdict": "true-positive", "reason": "it was"}),
    );
    let (_, _, page) = kim.form(&server, "/suppressions/new", &fields);
    assert!(page.contains("found to be an attack"), "{page}");
    assert_eq!(show(&server)["counts"]["verdicts"]["true-positive"], 1);
    let server = Server::start_with(
        &server.kill(),
        "[rules]\nfour_eyes = true\n[suppressions]\nfour_eyes = true\n",
    );
    assert_eq!(server.get(&format!("/api/v1/suppressions/{id}")), s);
}

#[test]
fn the_command_line_does_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let ok = |args: &[&str]| {
        let output = run(dir.path(), args);
        assert_eq!(
            output.status.code(),
            Some(i32::from(args[1] == "diff")),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let write =
        |name: &str, text: &str| std::fs::write(Path::new(dir.path()).join(name), text).unwrap();
    write("r.yml", &rule("hello"));
    write(
        "bad.yml",
        &rule("hello").replace("condition: s", "condition: gone"),
    );
    assert!(
        ok(&["rule", "push", "r.yml", "--reason", "first"])
            .contains("version 1 is kept as a draft")
    );
    let bad = run(dir.path(), &["rule", "push", "bad.yml", "--reason", "x"]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(ok(&["rule", "stage", ID, "enabled", "--reason", "good"]).contains("is enabled"));
    write("r.yml", &rule("good day"));
    ok(&["rule", "push", "r.yml", "--reason", "second"]);
    let diff = ok(&["rule", "diff", ID, "1", "2"]);
    assert!(
        diff.contains("-detection") && diff.contains("+detection"),
        "{diff}"
    );
    assert_eq!(
        ok(&["rule", "pull", ID, "--version", "2"]).trim_end(),
        rule("good day").trim_end()
    );
    assert!(ok(&["rule", "list", "--stage", "enabled"]).contains("Says hello"));
    assert!(ok(&["rule", "show", ID, "--history"]).contains("draft → enabled"));
    assert!(ok(&["rule", "show", ID]).contains("version 2 is a draft"));
    let added = ok(&[
        "suppression",
        "add",
        "--rule",
        ID,
        "--when",
        "ai.principal.id: svc-*",
        "--until",
        "14d",
        "--reason",
        "known",
        "--json",
    ]);
    let added: Value = serde_json::from_str(&added).unwrap();
    let id = added["entries"][0]["entry"]["suppression"]
        .as_str()
        .unwrap();
    call(&server, 1, "svc-1", "hello");
    assert!(ok(&["suppression", "list"]).contains("known"));
    assert!(ok(&["finding", "list", "--held", "yes"]).contains("suppression"));
    assert!(
        ok(&[
            "suppression",
            "preview",
            "--rule",
            ID,
            "--when",
            "ai.principal.id: svc-1"
        ])
        .contains("1 findings raised none")
    );
    ok(&["suppression", "end", id, "--reason", "over"]);
    let again = run(dir.path(), &["suppression", "end", id, "--reason", "over"]);
    assert_eq!(again.status.code(), Some(2));
    for (args, part) in [
        (
            vec![
                "suppression",
                "add",
                "--rule",
                ID,
                "--when",
                "a|re: x",
                "--until",
                "1d",
                "--reason",
                "x",
            ],
            "not possible here",
        ),
        (
            vec![
                "suppression",
                "add",
                "--rule",
                ID,
                "--when",
                "a: x",
                "--until",
                "400d",
                "--reason",
                "x",
            ],
            "at most 90 days",
        ),
        (
            vec!["rule", "stage", ID, "somewhere", "--reason", "x"],
            "draft, testing",
        ),
        (vec!["rule", "approve", ID], "waits for approval"),
        (vec!["rule", "list", "--stage", "x"], "is not a stage"),
    ] {
        let output = run(dir.path(), &args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(2) && said.contains(part),
            "{args:?}: {said}"
        );
    }
}

use std::{net::TcpListener, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use watchfloor_edge::{ClearText, KeySupport, Targets, perform};
use watchfloor_types::{
    Effect, EffectClass, EffectKey, EffectKind, OutcomeStatus, Secret, SignedDuration, Timestamp,
};

use crate::server::{Behave, Server, status};

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn effect(class: EffectClass, kind: EffectKind) -> Effect {
    let key = EffectKey("page:1".into());
    let deadline = now() + SignedDuration::from_secs(3);
    Effect {
        key,
        class,
        kind,
        incident: None,
        run: None,
        rehearsal: false,
        at: now(),
        deadline,
    }
}

fn page() -> Effect {
    let body = json!({ "text": "wake up" });
    effect(
        EffectClass::Send,
        EffectKind::Webhook {
            channel: "pager".into(),
            body,
        },
    )
}

fn block(class: EffectClass) -> Effect {
    let kind = EffectKind::HttpApi {
        target: "gateway".into(),
        method: "POST".into(),
        path: "/keys/sk-1/block".into(),
        headers: vec![("content-type".into(), "application/json".into())],
        body: Some("{\"key\":\"sk-1\"}".into()),
    };
    effect(class, kind)
}

fn targets(url: &str, keys: KeySupport) -> Targets {
    let secret = Secret::new(format!("whsec_{}", STANDARD.encode("sesame")));
    let token = Secret::new("t0ken".to_owned());
    Targets::new()
        .channel(
            "pager",
            &format!("{url}/hook?team=a"),
            Some(&secret),
            ClearText::Refuse,
        )
        .and_then(|t| {
            t.target(
                "gateway",
                &format!("{url}/api/"),
                Some(&token),
                keys,
                ClearText::Refuse,
            )
        })
        .unwrap()
}

async fn check(
    effect: &Effect,
    script: Vec<Behave>,
    keys: KeySupport,
    expected: OutcomeStatus,
    requests: usize,
) -> Server {
    let server = Server::start(script.clone());
    let outcome = perform(effect, &targets(&server.url(), keys), now()).await;
    assert_eq!(outcome.status, expected, "{script:?}: {}", outcome.detail);
    assert_eq!(
        server.requests().len(),
        requests,
        "{script:?}: {}",
        outcome.detail
    );
    assert_eq!(outcome.key, effect.key);
    assert!(outcome.at >= now() && !outcome.detail.contains("t0ken"));
    server
}

#[tokio::test]
async fn a_webhook_is_signed_and_each_try_has_the_same_id() {
    let script = vec![status("503 Busy"), Behave::Close, status("204 OK")];
    let server = check(&page(), script, KeySupport::Ignored, OutcomeStatus::Done, 3).await;
    for request in server.requests() {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let header = |name: &str| {
            let line = head
                .lines()
                .find(|l| l.to_ascii_lowercase().starts_with(&format!("{name}:")))
                .unwrap();
            line.split_once(':').unwrap().1.trim().to_owned()
        };
        assert!(head.starts_with("POST /hook?team=a HTTP/1.1\r\n"), "{head}");
        assert_eq!(
            (header("webhook-id").as_str(), body),
            ("page:1", r#"{"text":"wake up"}"#)
        );
        let sent: i64 = header("webhook-timestamp").parse().unwrap();
        assert!((sent - now().as_second()).abs() <= 3);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"sesame");
        let signature = STANDARD
            .decode(header("webhook-signature").strip_prefix("v1,").unwrap())
            .unwrap();
        ring::hmac::verify(&key, format!("page:1.{sent}.{body}").as_bytes(), &signature).unwrap();
    }
}

#[tokio::test]
async fn an_action_reaches_its_target_with_credentials_and_key() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{\"blocked\":[]}";
    let server = Server::start(vec![Behave::Answer(answer.to_owned())]);
    let outcome = perform(
        &block(EffectClass::SetState),
        &targets(&server.url(), KeySupport::Ignored),
        now(),
    )
    .await;
    assert_eq!(
        (outcome.status, outcome.detail.as_str()),
        (OutcomeStatus::Done, "target gateway answered 200")
    );
    let output =
        json!({ "status": 200, "content_type": "application/json", "body": { "blocked": [] } });
    assert_eq!(outcome.output, Some(output));
    let request = server.requests()[0].to_ascii_lowercase();
    assert!(
        request.starts_with("post /api/keys/sk-1/block http/1.1\r\n"),
        "{request}"
    );
    for line in [
        "authorization: bearer t0ken",
        "idempotency-key: \"page:1\"",
        "content-type: application/json",
    ] {
        assert!(
            request.contains(&format!("\r\n{line}\r\n")),
            "{line} in {request}"
        );
    }
    assert!(request.ends_with("\r\n\r\n{\"key\":\"sk-1\"}"));
}

#[tokio::test]
async fn what_is_known_afterwards_decides_the_outcome() {
    use EffectClass::{Destructive, Send, SetState};
    use KeySupport::{Honoured, Ignored};
    use OutcomeStatus::{Done, Failed, InDoubt};
    // Answered with a refusal: nothing happened, and nobody asks again.
    check(
        &block(Destructive),
        vec![status("403 No")],
        Ignored,
        Failed,
        1,
    )
    .await;
    check(&page(), vec![status("410 Gone")], Ignored, Failed, 1).await;
    // A redirect would leave what the settings name.
    let away = Behave::Answer(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".into(),
    );
    check(&block(SetState), vec![away], Ignored, Failed, 1).await;
    // Sent, no answer: only who may repeat does.
    check(
        &block(Destructive),
        vec![Behave::Close],
        Ignored,
        InDoubt,
        1,
    )
    .await;
    check(
        &block(Send),
        vec![Behave::Close, status("200 OK")],
        Ignored,
        InDoubt,
        1,
    )
    .await;
    check(
        &block(Destructive),
        vec![Behave::Close, status("200 OK")],
        Honoured,
        Done,
        2,
    )
    .await;
    check(
        &block(SetState),
        vec![Behave::Close, status("200 OK")],
        Ignored,
        Done,
        2,
    )
    .await;
    // A server's error says nothing about whether it was done.
    check(
        &block(Destructive),
        vec![status("502 Bad Gateway")],
        Ignored,
        InDoubt,
        1,
    )
    .await;
    check(
        &block(SetState),
        vec![status("500 Oops"), status("200 OK")],
        Ignored,
        Done,
        2,
    )
    .await;
    // Not taken now, taken later.
    check(
        &block(Destructive),
        vec![status("429 Later"), status("200 OK")],
        Ignored,
        Done,
        2,
    )
    .await;
    // An unanswered try, then a refusal: the first may have been done.
    check(
        &block(Destructive),
        vec![Behave::Close, status("409 Conflict")],
        Honoured,
        InDoubt,
        2,
    )
    .await;
}

#[tokio::test]
async fn silence_until_the_deadline_leaves_a_message_in_doubt() {
    let mut effect = block(EffectClass::Send);
    effect.deadline = now() + SignedDuration::from_millis(400);
    let silence = vec![Behave::Silence(Duration::from_secs(3))];
    let started = std::time::Instant::now();
    check(
        &effect,
        silence.clone(),
        KeySupport::Ignored,
        OutcomeStatus::InDoubt,
        1,
    )
    .await;
    assert!(started.elapsed() < Duration::from_secs(3));
    effect.class = EffectClass::SetState;
    check(
        &effect,
        silence,
        KeySupport::Ignored,
        OutcomeStatus::Failed,
        1,
    )
    .await;
}

#[tokio::test]
async fn who_cannot_be_reached_was_not_told() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let targets = targets(&format!("http://{address}"), KeySupport::Ignored);
    let soon = |mut effect: Effect| {
        effect.deadline = now() + SignedDuration::from_secs(2);
        effect
    };
    for effect in [page(), block(EffectClass::Destructive)] {
        let outcome = perform(&soon(effect), &targets, now()).await;
        assert_eq!(outcome.status, OutcomeStatus::Failed, "{}", outcome.detail);
        assert!(
            outcome.detail.contains("could not be reached"),
            "{}",
            outcome.detail
        );
    }
    let nameless = Targets::new()
        .target(
            "gateway",
            "https://name.invalid",
            None,
            KeySupport::Ignored,
            ClearText::Refuse,
        )
        .unwrap();
    let outcome = perform(&soon(block(EffectClass::Destructive)), &nameless, now()).await;
    assert_eq!(outcome.status, OutcomeStatus::Failed, "{}", outcome.detail);
    // Something answers, but not TLS: not one byte of the request was sent.
    let server = Server::start(vec![status("200 OK")]);
    let tls = format!("https://{}", server.address);
    let tls = Targets::new()
        .target(
            "gateway",
            &tls,
            None,
            KeySupport::Ignored,
            ClearText::Refuse,
        )
        .unwrap();
    let outcome = perform(&soon(block(EffectClass::Destructive)), &tls, now()).await;
    assert_eq!(outcome.status, OutcomeStatus::Failed, "{}", outcome.detail);
    assert!(server.requests().iter().all(|r| !r.contains("sk-1")));
}

#[tokio::test]
async fn a_rehearsal_reaches_nobody() {
    let server = Server::start(vec![status("200 OK")]);
    let targets = targets(&server.url(), KeySupport::Honoured);
    for mut effect in [page(), block(EffectClass::Destructive)] {
        effect.rehearsal = true;
        let outcome = perform(&effect, &targets, now()).await;
        assert_eq!(outcome.status, OutcomeStatus::Rehearsed);
        assert!(
            outcome.detail.starts_with("recorded, not sent: "),
            "{}",
            outcome.detail
        );
        assert!(outcome.output.is_some());
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn what_the_settings_do_not_name_is_not_reached() {
    let server = Server::start(vec![status("200 OK")]);
    let targets = targets(&server.url(), KeySupport::Honoured);
    let mut late = page();
    late.deadline = now();
    let mut elsewhere = page();
    elsewhere.kind = EffectKind::Webhook {
        channel: server.url(),
        body: json!({}),
    };
    let mut climbing = block(EffectClass::Read);
    if let EffectKind::HttpApi { path, .. } = &mut climbing.kind {
        *path = "/../admin".into();
    }
    for effect in [late, elsewhere, climbing] {
        let outcome = perform(&effect, &targets, now()).await;
        assert_eq!(outcome.status, OutcomeStatus::Failed, "{}", outcome.detail);
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_huge_answer_is_cut() {
    let long = "x".repeat(1_000_000);
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{long}",
        long.len()
    );
    let server = Server::start(vec![Behave::Answer(answer)]);
    let outcome = perform(
        &block(EffectClass::Read),
        &targets(&server.url(), KeySupport::Ignored),
        now(),
    )
    .await;
    assert_eq!(outcome.status, OutcomeStatus::Done);
    let size = outcome.output.unwrap()["body"].as_str().unwrap().len();
    assert_eq!(size, 64 * 1024);
}

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::post};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use watchfloor_edge::{
    BindError, ClearText, ConnectionLimits, KeySupport, Listener, Targets, TlsFiles, bind, perform,
};
use watchfloor_types::{
    Effect, EffectClass, EffectKey, EffectKind, OutcomeStatus, SignedDuration, Timestamp,
};

/// A certificate for `localhost` in files, and its PEM.
fn certificate(dir: &std::path::Path) -> (TlsFiles, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: dir.join("cert.pem"),
        key: dir.join("key.pem"),
    };
    std::fs::write(&files.certificate, cert.pem()).unwrap();
    std::fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    (files, cert.pem())
}

fn effect() -> Effect {
    let at: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    let kind = EffectKind::HttpApi {
        target: "gateway".into(),
        method: "POST".into(),
        path: "/block".into(),
        headers: vec![],
        body: Some("sk-1".into()),
    };
    let deadline = at + SignedDuration::from_secs(2);
    let key = EffectKey("k".into());
    Effect {
        key,
        class: EffectClass::Destructive,
        kind,
        incident: None,
        run: None,
        rehearsal: false,
        at,
        deadline,
    }
}

fn gateway(listener: &Listener) -> Targets {
    let url = format!("https://localhost:{}", listener.address().port());
    Targets::new()
        .target(
            "gateway",
            &url,
            None,
            KeySupport::Ignored,
            ClearText::Refuse,
        )
        .unwrap()
}

/// Our listener and our sender speak TLS with each other: trusted it works, untrusted not one byte
/// of the request leaves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_works_both_ways_and_only_with_trust() {
    let dir = tempfile::tempdir().unwrap();
    let (files, pem) = certificate(dir.path());
    let listener = bind(([127, 0, 0, 1], 0).into(), Some(&files), ClearText::Refuse)
        .await
        .unwrap();
    assert_eq!(listener.scheme(), "https");
    let targets = gateway(&listener);
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let block = post(move |body: String| async move { log.lock().unwrap().push(body) });
    let router = Router::new().route("/block", block);
    let limits = ConnectionLimits {
        handshake_time: Duration::from_secs(2),
        ..ConnectionLimits::default()
    };
    tokio::spawn(listener.serve(router, limits, std::future::pending()));

    let effect = effect();
    let outcome = perform(&effect, &targets, effect.at).await;
    assert_eq!(outcome.status, OutcomeStatus::Failed, "{}", outcome.detail);
    assert!(
        outcome.detail.contains("could not be reached"),
        "{}",
        outcome.detail
    );
    assert!(seen.lock().unwrap().is_empty());

    let trusting = targets.trusting(pem.as_bytes()).unwrap();
    let outcome = perform(&effect, &trusting, effect.at).await;
    assert_eq!(outcome.status, OutcomeStatus::Done, "{}", outcome.detail);
    assert_eq!(*seen.lock().unwrap(), ["sk-1"]);
    assert!(Targets::new().trusting(b"no pem").is_err());
}

#[tokio::test]
async fn with_tls_any_address_may_be_bound_and_bad_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = certificate(dir.path());
    assert!(
        bind(([0, 0, 0, 0], 0).into(), Some(&files), ClearText::Refuse)
            .await
            .is_ok()
    );
    let other = tempfile::tempdir().unwrap();
    let (others, _) = certificate(other.path());
    let mixed = TlsFiles {
        key: others.key,
        ..files.clone()
    };
    let swapped = TlsFiles {
        certificate: files.key.clone(),
        key: files.certificate.clone(),
    };
    for wrong in [mixed, swapped] {
        let error = bind(([127, 0, 0, 1], 0).into(), Some(&wrong), ClearText::Refuse)
            .await
            .err()
            .unwrap();
        assert!(
            matches!(error, BindError::Tls(_)) && error.to_string().contains(".pem"),
            "{error}"
        );
    }
}

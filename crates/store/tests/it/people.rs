use watchfloor_store::{Account, NewSession, NewToken, TokenKind, WriteError};
use watchfloor_types::{Role, Secret};

use crate::{at, fresh};

fn account(id: &str) -> Account {
    Account {
        id: id.parse().unwrap(),
        name: "Ada 'the' Responder".into(),
        roles: vec![Role::Analyst, Role::Admin],
        password: Some(Secret::new("$argon2id$v=19$m=19456$c2FsdA$aGFzaA".into())),
        created: at(0),
        disabled: None,
    }
}

fn session(hash: &str, of: &str) -> NewSession {
    let csrf = Secret::new("form".to_owned());
    NewSession {
        hash: hash.into(),
        account: of.parse().unwrap(),
        created: at(0),
        expires: at(100),
        csrf,
    }
}

#[tokio::test]
async fn a_session_ends_with_time_sign_out_or_account() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let nobody = store
        .session_begin(&session("h0", "ada"))
        .await
        .unwrap_err();
    assert!(matches!(nobody, WriteError::Conflict { .. }), "{nobody}");
    store.account_put(&account("ada")).await.unwrap();
    store.account_put(&account("bob")).await.unwrap();
    for (hash, of) in [("h1", "ada"), ("h2", "ada"), ("h3", "bob")] {
        store.session_begin(&session(hash, of)).await.unwrap();
    }
    let seen = store.session("h1", at(99)).await.unwrap().unwrap();
    assert_eq!(
        (seen.account, seen.csrf.reveal().as_str()),
        (account("ada"), "form")
    );
    assert!(store.session("h1", at(100)).await.unwrap().is_none());
    assert!(
        store
            .session("h1' or '1'='1", at(1))
            .await
            .unwrap()
            .is_none()
    );
    store.session_end("h1").await.unwrap();
    assert!(store.session("h1", at(1)).await.unwrap().is_none());
    store
        .account_put(&Account {
            disabled: Some(at(5)),
            roles: vec![Role::Viewer],
            ..account("bob")
        })
        .await
        .unwrap();
    assert!(store.session("h3", at(6)).await.unwrap().is_none());
    assert_eq!(store.accounts().await.unwrap().len(), 2);
    assert_eq!(
        store
            .account(&"bob".parse().unwrap())
            .await
            .unwrap()
            .unwrap()
            .roles,
        [Role::Viewer]
    );
    store
        .sessions_end_of(&"ada".parse().unwrap())
        .await
        .unwrap();
    assert!(store.session("h2", at(1)).await.unwrap().is_none());
    store.sessions_expire(at(1_000)).await.unwrap();
}

#[tokio::test]
async fn a_sign_in_link_works_once_and_in_time() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let ada = account("ada");
    store.account_put(&ada).await.unwrap();
    store.link_add("l1", &ada.id, at(0), at(10)).await.unwrap();
    store.link_add("l2", &ada.id, at(0), at(10)).await.unwrap();
    assert_eq!(store.link_use("l1", at(10)).await.unwrap(), None);
    let (a, b) = tokio::join!(store.link_use("l1", at(9)), store.link_use("l1", at(9)));
    let got: Vec<_> = [a.unwrap(), b.unwrap()].into_iter().flatten().collect();
    assert_eq!(got, std::slice::from_ref(&ada.id));
    assert_eq!(store.link_use("l1", at(9)).await.unwrap(), None);
    assert_eq!(store.link_use("nope", at(9)).await.unwrap(), None);
    assert_eq!(store.link_use("l2", at(9)).await.unwrap(), Some(ada.id));
}

#[tokio::test]
async fn a_token_is_valid_for_its_kind_until_revoked_or_over() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let token = NewToken {
        id: "t1".into(),
        hash: "abc".into(),
        prefix: "wf_in_12".into(),
        kind: TokenKind::Ingest,
        name: "gateway".into(),
        tenant: "main".parse().unwrap(),
        account: None,
        sources: vec!["litellm".parse().unwrap()],
        scopes: vec![],
        created: at(0),
        expires: Some(at(100)),
    };
    store.token_add(&token).await.unwrap();
    assert!(matches!(
        store.token_add(&token).await,
        Err(WriteError::Conflict { .. })
    ));
    let valid = |kind, now| store.token_valid("abc", kind, at(now));
    assert_eq!(
        valid(TokenKind::Ingest, 99).await.unwrap().unwrap().details,
        token
    );
    assert!(valid(TokenKind::Api, 99).await.unwrap().is_none());
    assert!(valid(TokenKind::Ingest, 100).await.unwrap().is_none());
    store.token_used("t1", at(50)).await.unwrap();
    store.token_used("t1", at(40)).await.unwrap();
    assert_eq!(store.tokens().await.unwrap()[0].used, Some(at(50)));
    store.token_revoke("t1", at(60)).await.unwrap();
    assert!(matches!(
        store.token_revoke("t1", at(61)).await,
        Err(WriteError::Conflict { .. })
    ));
    assert!(valid(TokenKind::Ingest, 61).await.unwrap().is_none());
    assert_eq!(store.tokens().await.unwrap()[0].revoked, Some(at(60)));
}

use watchfloor_store::{EffectStatus, Transaction, WriteError};
use watchfloor_types::{Effect, EffectClass, EffectKey, EffectKind, Outcome, OutcomeStatus};

use crate::{at, fresh, note};

fn effect(key: &str, class: EffectClass) -> Effect {
    Effect {
        key: EffectKey(key.to_owned()),
        class,
        kind: EffectKind::Webhook {
            channel: "pager".into(),
            body: serde_json::json!({ "text": "wake \"up\"" }),
        },
        incident: None,
        run: None,
        rehearsal: false,
        at: at(0),
        deadline: at(60),
    }
}

pub(crate) fn outcome(key: &str, status: OutcomeStatus) -> Outcome {
    Outcome {
        key: EffectKey(key.to_owned()),
        status,
        detail: "200".into(),
        output: Some(serde_json::json!([1])),
        at: at(9),
    }
}

#[tokio::test]
async fn an_effect_goes_from_decided_to_done_across_a_crash() {
    let fresh = fresh().await;
    let page = effect("page", EffectClass::Send);
    let block = effect("block", EffectClass::SetState);
    fresh
        .store
        .append(note(1).entry("b", at(1), "{}").effect(&page).effect(&block))
        .await
        .unwrap();
    // Deciding the same again, as a replay does, changes nothing.
    fresh.store.append(note(2).effect(&page)).await.unwrap();
    fresh.store.mark_started(&page.key, at(2)).await.unwrap();

    // The process dies here; nobody closes the store.
    let path = fresh.store.path().to_owned();
    let store = watchfloor_store::Store::open(path).await.unwrap();
    let pending = store.pending_effects().await.unwrap();
    let seen: Vec<_> = pending
        .iter()
        .map(|r| {
            (
                r.effect.key.0.as_str(),
                r.status,
                r.seq,
                r.attempts,
                r.started,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("block", EffectStatus::Pending, 2, 0, None),
            ("page", EffectStatus::Started, 2, 1, Some(at(2)))
        ]
    );
    assert_eq!(pending[1].effect, page);

    // What may be repeated is started again; the rest is put in doubt and decided by a person.
    store.mark_started(&block.key, at(3)).await.unwrap();
    let done = outcome("block", OutcomeStatus::Done);
    store.record_outcome(&done, note(3)).await.unwrap();
    store
        .append(note(4).outcome(&outcome("page", OutcomeStatus::InDoubt)))
        .await
        .unwrap();
    assert!(store.pending_effects().await.unwrap().is_empty());
    let doubtful = store.effects_in(EffectStatus::InDoubt, 10).await.unwrap();
    assert_eq!(doubtful.len(), 1);
    // What is in doubt may be tried again, with its key; what has ended may not.
    store.mark_started(&page.key, at(5)).await.unwrap();
    let refused = store.mark_started(&block.key, at(5)).await.unwrap_err();
    assert!(matches!(refused, WriteError::Conflict { .. }), "{refused}");
    store
        .append(note(5).outcome(&outcome("page", OutcomeStatus::Done)))
        .await
        .unwrap();
    let twice = store
        .append(Transaction::new().outcome(&outcome("page", OutcomeStatus::Failed)))
        .await
        .unwrap_err();
    assert!(matches!(twice, WriteError::Conflict { .. }), "{twice}");
    let again = Transaction::new().outcome_once(&outcome("page", OutcomeStatus::Failed));
    store.append(again).await.unwrap();
    let page = store.effect(&page.key).await.unwrap().unwrap();
    assert_eq!(
        (page.status, page.outcome),
        (
            EffectStatus::Done,
            Some(outcome("page", OutcomeStatus::Done))
        )
    );
}

#[test]
fn statuses_are_the_words_of_outcomes() {
    for status in OutcomeStatus::ALL {
        assert_eq!(
            status.as_str().parse::<EffectStatus>().unwrap().as_str(),
            status.as_str()
        );
    }
    assert!("Done".parse::<EffectStatus>().is_err());
}

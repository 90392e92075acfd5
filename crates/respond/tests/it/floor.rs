//! A responder with a clock that the test moves and a world that the test plays.

use std::sync::Arc;

use watchfloor_respond::{
    Content, Decision, Entry, Input, Refusal, State, incident::Incident, oncall, runbook, step,
};
use watchfloor_types::{
    Actor, Effect, EffectKey, EventId, ExerciseId, Finding, FindingId, FindingKind, InjectId, Mark,
    Outcome, OutcomeStatus, Role, RuleRef, Severity, SignedDuration, Timestamp, Tlp, Value,
};

pub(crate) struct Floor {
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    pub(crate) entries: Vec<(Entry, Timestamp)>,
    pub(crate) effects: Vec<Effect>,
}

pub(crate) fn content() -> Arc<Content> {
    let mut content = Content::default();
    let file = "content/runbooks/agent-contain/runbook.yml";
    let (book, said) = runbook::parse(
        &"agent-contain".parse().unwrap(),
        file,
        include_str!("../../../../content/runbooks/agent-contain/runbook.yml"),
    );
    assert!(said.is_empty(), "{said:#?}");
    let book = book.unwrap();
    content.runbooks.insert(book.id.clone(), Arc::new(book));
    let (policy, said) = oncall::parse(
        "content/escalations/ai-security.yml",
        include_str!("../../../../content/escalations/ai-security.yml"),
    );
    assert!(said.is_empty(), "{said:#?}");
    let policy = policy.unwrap();
    content.escalations.insert(policy.id.clone(), policy);
    Arc::new(content)
}

pub(crate) fn at(minute: i64) -> Timestamp {
    "2027-03-02T08:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

pub(crate) fn person(user: &str, roles: &[Role]) -> Actor {
    Actor::Person {
        user: user.parse().unwrap(),
        roles: roles.to_vec(),
    }
}

pub(crate) fn analyst() -> Actor {
    person("ana", &[Role::Analyst])
}

pub(crate) fn commander() -> Actor {
    person("carl", &[Role::Commander])
}

pub(crate) fn player(role: Role) -> Actor {
    Actor::Player {
        user: "player".parse().unwrap(),
        roles: vec![role],
    }
}

pub(crate) fn exercise() -> ExerciseId {
    ExerciseId::minted(at(0), &[b"paper lantern"])
}

/// A finding of `minute`, of the exercise where `inject` says which inject emitted it.
pub(crate) fn finding(
    title: &str,
    minute: i64,
    severity: Severity,
    techniques: &[&str],
    entities: &[(&str, &str)],
    inject: Option<&str>,
) -> Finding {
    let salt = format!("{title}/{minute}/{entities:?}/{inject:?}");
    Finding {
        id: FindingId::minted(at(minute), &[salt.as_bytes()]),
        kind: FindingKind::Rule,
        rule: RuleRef {
            id: title.to_lowercase().replace(' ', "-").parse().unwrap(),
            title: title.to_owned(),
            version: "0123456789abcdef".to_owned(),
        },
        severity,
        tenant: entities
            .iter()
            .find(|(field, _)| *field == "tenant")
            .map_or("acme", |(_, tenant)| tenant)
            .parse()
            .unwrap(),
        source: "otel".parse().unwrap(),
        time: at(minute),
        detected: at(minute) + SignedDuration::from_secs(1),
        events: vec![EventId::minted(at(minute), &[salt.as_bytes()])],
        matched: Vec::new(),
        techniques: techniques.iter().map(|t| (*t).to_owned()).collect(),
        entities: entities
            .iter()
            .filter(|(field, _)| *field != "tenant")
            .map(|(field, value)| ((*field).to_owned(), Value::from(*value)))
            .collect(),
        runbook: Some("agent-contain".to_owned()),
        tlp: Tlp::Clear,
        mark: inject.map(|inject| Mark {
            exercise: exercise(),
            inject: inject.parse::<InjectId>().unwrap(),
        }),
    }
}

impl Floor {
    pub(crate) fn new() -> Self {
        Self {
            state: State::new(content()),
            now: at(0),
            entries: Vec::new(),
            effects: Vec::new(),
        }
    }

    pub(crate) fn tell(&mut self, actor: &Actor, input: Input) -> Result<Decision, Refusal> {
        let decision = step(&mut self.state, actor, input, self.now)?;
        self.entries
            .extend(decision.entries.iter().cloned().map(|e| (e, self.now)));
        self.effects.extend(decision.effects.iter().cloned());
        Ok(decision)
    }

    pub(crate) fn find(&mut self, findings: Vec<Finding>) -> Decision {
        if let Some(latest) = findings.iter().map(|f| f.detected).max() {
            self.now = self.now.max(latest);
        }
        self.tell(&Actor::System, Input::Findings(findings))
            .unwrap()
    }

    pub(crate) fn tick(&mut self, minute: i64) -> Decision {
        self.now = at(minute);
        self.tell(&Actor::System, Input::Tick).unwrap()
    }

    pub(crate) fn outcome(&mut self, key: &EffectKey, status: OutcomeStatus) -> Decision {
        self.answer(key, status, None)
    }

    pub(crate) fn answer(
        &mut self,
        key: &EffectKey,
        status: OutcomeStatus,
        output: Option<serde_json::Value>,
    ) -> Decision {
        let outcome = Outcome {
            key: key.clone(),
            status,
            detail: format!("the test says {status}"),
            output,
            at: self.now,
        };
        self.tell(&Actor::System, Input::Outcome(outcome)).unwrap()
    }

    pub(crate) fn incident(&self) -> &Incident {
        let mut all = self.state.incidents.iter();
        let one = all.next().unwrap();
        assert!(all.next().is_none(), "more than one incident");
        one
    }

    /// The state rebuilt from the journal equals the state that was built by deciding.
    pub(crate) fn check_replay(&self) {
        let rebuilt = replay(&self.state, &self.entries);
        assert_eq!(rebuilt.alerts, self.state.alerts);
        assert_eq!(rebuilt.incidents, self.state.incidents);
        assert_eq!(rebuilt.runs, self.state.runs);
        assert_eq!(rebuilt.oncall, self.state.oncall);
        assert_eq!(rebuilt.rules, self.state.rules);
        assert_eq!(rebuilt.suppressions, self.state.suppressions);
        assert_eq!(rebuilt.applied(), self.state.applied());
    }
}

/// The state after these entries, each read back from its JSON form.
pub(crate) fn replay(like: &State, entries: &[(Entry, Timestamp)]) -> State {
    let mut state = State::new(Arc::clone(&like.content));
    for (entry, at) in entries {
        let text = serde_json::to_string(entry).unwrap();
        let read: Entry = serde_json::from_str(&text).unwrap();
        assert_eq!(read, *entry);
        state.apply(&read, *at);
    }
    state
}

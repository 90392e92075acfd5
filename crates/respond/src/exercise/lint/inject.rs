//! What is wrong with an inject, with the story and with the script.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use serde_saphyr::Location;
use uuid::Uuid;
use watchfloor_types::ExerciseId;

use super::Lint;
use crate::exercise::{
    InjectKind,
    fill::fill,
    read::{Kind, Wire, WireExpectation, WireInject, minutes, record_text, split_entry},
};

/// An inject that is not a jump may move the story by this much, to start on the full hour.
const DRIFT: SignedDuration = SignedDuration::from_mins(10);

impl Lint<'_> {
    pub(super) fn inject(&mut self, inject: &WireInject) {
        let sends = match inject.kind.value {
            InjectKind::Telemetry | InjectKind::Distractor => true,
            InjectKind::Context
            | InjectKind::Message
            | InjectKind::Decision
            | InjectKind::Clock
            | InjectKind::Jump => false,
        };
        if sends == inject.emit.is_empty() {
            let (message, help) = if sends {
                ("sends nothing", "add `emit` with a source and records")
            } else {
                ("sends records", "only telemetry and distractors do")
            };
            self.error(
                "E010",
                inject.id.referenced,
                format!(
                    "inject `{}` of type {} {message}",
                    inject.id.value, inject.kind.value
                ),
                help,
            );
        }
        for record in inject.emit.iter().flat_map(|emission| &emission.records) {
            self.record(&record_text(&record.value), record.referenced);
        }
        for expected in &inject.expect {
            self.expectation(inject, expected);
        }
        let wanted = match inject.kind.value {
            InjectKind::Telemetry => Some(Kind::Finding),
            InjectKind::Distractor => Some(Kind::Quiet),
            InjectKind::Context
            | InjectKind::Message
            | InjectKind::Decision
            | InjectKind::Clock
            | InjectKind::Jump => None,
        };
        if let Some(wanted) = wanted
            && inject
                .expect
                .iter()
                .filter(|e| e.is.value == wanted)
                .count()
                != 1
        {
            self.error(
                "E010",
                inject.id.referenced,
                format!(
                    "inject `{}` of type {} needs exactly one expectation of its kind",
                    inject.id.value, inject.kind.value
                ),
                "telemetry expects a `finding`, a distractor `quiet`",
            );
        }
    }

    /// `E011`: a record is a JSON object once its placeholders are filled in. `E016`: it does not
    /// say that it is of an exercise, or a rule could see it.
    fn record(&mut self, record: &str, at: Location) {
        let nobody = ExerciseId::from_uuid(Uuid::nil());
        let Ok(tenant) = "tenant".parse() else { return };
        match fill(record, nobody, &tenant, Timestamp::UNIX_EPOCH) {
            Err(error) => self.error(
                "E011",
                at,
                error.to_string(),
                "docs/exercises.md lists the placeholders",
            ),
            Ok(filled) => match serde_json::from_str::<serde_json::Value>(&filled) {
                Ok(serde_json::Value::Object(_)) => {}
                Ok(_) => self.error(
                    "E011",
                    at,
                    "a record is not a JSON object".to_owned(),
                    "write { … }",
                ),
                Err(error) => self.error(
                    "E011",
                    at,
                    format!("a record is not JSON: {error}"),
                    "write a map, or JSON in a block text",
                ),
            },
        }
        let lower = record.to_lowercase();
        for word in ["exercise", "drill", "watchfloor", "inject_id"] {
            if lower.contains(word) {
                self.error(
                    "E016",
                    at,
                    format!("a record says `{word}`"),
                    "the mark is in the envelope; a record must look like a real one",
                );
            }
        }
    }

    fn expectation(&mut self, inject: &WireInject, expected: &WireExpectation) {
        let here = expected.id.referenced;
        let id = &expected.id.value;
        if !expected.within.value.is_positive() {
            let message = format!("the limit of `{id}` is not positive");
            self.error(
                "E014",
                expected.within.referenced,
                message,
                "write `2m` or `90s`",
            );
        }
        let (rules, patterns) = (!expected.rules.is_empty(), !expected.any_of.is_empty());
        let (need_rules, need_patterns) = match expected.is.value {
            Kind::Finding => (true, false),
            Kind::Entry => (false, true),
            Kind::Quiet | Kind::Judgement => (false, false),
        };
        if (rules, patterns) != (need_rules, need_patterns) {
            self.error(
                "E014",
                here,
                format!(
                    "`{id}` of inject `{}` does not say what shows it",
                    inject.id.value
                ),
                "`finding` has `rules`, `entry` has `any-of`, `quiet` and `judgement` have neither",
            );
        }
        for pattern in &expected.any_of {
            let (module, kind) = split_entry(&pattern.entry.value);
            if let Err(help) = known_entry(module, kind) {
                let message = format!("no entry `{}`", pattern.entry.value);
                self.error("E013", pattern.entry.referenced, message, &help);
            }
        }
    }

    /// `E012`: the story never goes back, and goes forward by a jump.
    pub(super) fn story(&mut self, wire: &Wire) {
        let mut jumped = SignedDuration::ZERO;
        for inject in &wire.injects {
            let running = wire
                .start
                .saturating_add(minutes(inject.minute.value))
                .and_then(|at| at.saturating_add(jumped))
                .unwrap_or(wire.start);
            let Some(scenario) = &inject.scenario else {
                if inject.kind.value == InjectKind::Jump {
                    self.error(
                        "E012",
                        inject.id.referenced,
                        format!("jump `{}` does not say where to", inject.id.value),
                        "give `scenario`",
                    );
                }
                continue;
            };
            let ahead = scenario.value.duration_since(running);
            let is_jump = inject.kind.value == InjectKind::Jump;
            if ahead.is_negative() {
                self.error(
                    "E012",
                    scenario.referenced,
                    format!("the story is at {running} by then"),
                    "time in the story does not go back",
                );
            } else if ahead > DRIFT && !is_jump {
                self.error(
                    "E012",
                    scenario.referenced,
                    format!("the story is at {running} by then and would jump"),
                    "put an inject of type jump before",
                );
            } else {
                jumped = jumped.saturating_add(ahead);
            }
        }
    }

    /// `E015`: the script is in order and names injects of the plan.
    pub(super) fn script(&mut self, wire: &Wire) {
        let mut last = 0;
        for scripted in &wire.players {
            if scripted.minute.value < last {
                self.error(
                    "E015",
                    scripted.minute.referenced,
                    format!(
                        "minute {} stands after minute {last}",
                        scripted.minute.value
                    ),
                    "put acts in the order of play time",
                );
            }
            last = scripted.minute.value.max(last);
            if let Some(named) = scripted.act.inject() {
                let given = wire
                    .injects
                    .iter()
                    .chain(&wire.distractors)
                    .find(|inject| inject.id.value == *named);
                match given {
                    None => self.error(
                        "E015",
                        scripted.role.referenced,
                        format!("no inject `{named}` in this exercise"),
                        "name an inject by its id",
                    ),
                    Some(inject) if inject.minute.value > scripted.minute.value => self.error(
                        "E015",
                        scripted.minute.referenced,
                        format!(
                            "inject `{named}` is given only at minute {}",
                            inject.minute.value
                        ),
                        "act after the inject",
                    ),
                    Some(_) => {}
                }
            }
        }
    }
}

/// Whether the journal knows entries of this module and type; else what it knows.
fn known_entry(module: &str, kind: &str) -> Result<(), String> {
    // The journal's own reader is asked, so that the list cannot go stale. Fields are missing on
    // purpose: only a complaint about the names counts.
    let probe = json!({"module": module, "entry": {"type": kind}});
    match serde_json::from_value::<crate::Entry>(probe) {
        Ok(_) => Ok(()),
        Err(error) => {
            let said = error.to_string();
            match said.strip_prefix("unknown variant ") {
                Some(rest) => Err(rest
                    .split_once(", ")
                    .map_or(rest, |(_, list)| list)
                    .to_owned()),
                None => Ok(()),
            }
        }
    }
}

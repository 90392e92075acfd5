//! Performing effects: rehearse or send, try again where that is safe, and say what is known.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use ureq::http::{HeaderMap, Request};
use watchfloor_types::{Effect, EffectKind, Outcome, OutcomeStatus, SignedDuration, Timestamp};

use crate::{
    KeySupport, Targets,
    action::http_api::{self, Ask},
    channel::webhook,
    classify::Tried,
    output::retry_after,
};

/// Longest wait for one answer.
const TRY_TIME: Duration = Duration::from_secs(20);
/// Longest pause between two tries.
const PAUSE_LIMIT: Duration = Duration::from_mins(1);
/// Most tries.
const TRIES: u32 = 8;

/// Performs an effect and says what came of it. Never fails: everything that can go wrong is an
/// outcome. The effect must have been marked as started before.
///
/// An effect of a rehearsal is recorded and reaches nobody. The rest may only reach what `targets`
/// names. It gives up at the effect's deadline, measured from `now`.
pub async fn perform(effect: &Effect, targets: &Targets, now: Timestamp) -> Outcome {
    let started = Instant::now();
    let clock = move || {
        let passed = SignedDuration::try_from(started.elapsed()).unwrap_or(SignedDuration::MAX);
        now.saturating_add(passed).unwrap_or(Timestamp::MAX)
    };
    let end = |status: OutcomeStatus, detail: String, output: Option<Value>| Outcome {
        key: effect.key.clone(),
        status,
        detail,
        output,
        at: clock(),
    };
    if effect.rehearsal {
        return end(
            OutcomeStatus::Rehearsed,
            format!("recorded, not sent: {}", shown(effect)),
            Some(recorded(effect)),
        );
    }
    let receiver = match Receiver::of(effect, targets) {
        Ok(receiver) => receiver,
        Err(why) => return end(OutcomeStatus::Failed, format!("not sent: {why}"), None),
    };
    let mut unknown: Option<String> = None;
    let mut last = "the deadline had passed".to_owned();
    for attempt in 0..TRIES {
        let left = left(effect, clock());
        if left.is_zero() {
            break;
        }
        let request = match receiver.request(clock()) {
            Ok(request) => request,
            Err(why) => return end(OutcomeStatus::Failed, format!("not sent: {why}"), None),
        };
        let (mut pause, again) = match send(targets, request, left.min(TRY_TIME)).await {
            Tried::Answered {
                status,
                headers,
                body,
            } => {
                let output = Some(answer(status, &headers, &body));
                let line = format!("{} answered {status}", receiver.name());
                match status {
                    200..=299 => return end(OutcomeStatus::Done, line, output),
                    // It was not taken: overloaded, or too early.
                    425 | 429 | 503 => {
                        last = line;
                        (retry_after(&headers), true)
                    }
                    500..=599 | 408 => {
                        last = line.clone();
                        if !receiver.repeatable(effect) {
                            let detail = format!("{line}; whether it was done is not known");
                            return end(OutcomeStatus::InDoubt, detail, output);
                        }
                        (None, true)
                    }
                    // Redirects are not followed: they would leave what the settings name.
                    _ => return end(refused_status(effect, unknown.as_ref()), line, output),
                }
            }
            Tried::NotSent(why) => {
                last = format!("{} could not be reached: {why}", receiver.name());
                (None, true)
            }
            Tried::Unknown(why) => {
                last = format!("{} did not answer: {why}", receiver.name());
                unknown = Some(last.clone());
                (None, receiver.repeatable(effect))
            }
        };
        if !again {
            break;
        }
        let backoff = Duration::from_millis(500) * 2_u32.saturating_pow(attempt);
        let pause = pause.take().unwrap_or(backoff).min(PAUSE_LIMIT);
        if attempt + 1 == TRIES || pause >= self::left(effect, clock()) {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    match unknown {
        // A later try that certainly did nothing does not undo an earlier one that may have.
        Some(detail) if !effect.class.may_repeat() => end(OutcomeStatus::InDoubt, detail, None),
        Some(_) | None => end(OutcomeStatus::Failed, last, None),
    }
}

/// A refusal after a try without an answer: the first may have been taken.
fn refused_status(effect: &Effect, unknown: Option<&String>) -> OutcomeStatus {
    if unknown.is_some() && !effect.class.may_repeat() {
        OutcomeStatus::InDoubt
    } else {
        OutcomeStatus::Failed
    }
}

/// Who is to be reached, found in the settings by name.
enum Receiver<'a> {
    Webhook {
        name: &'a str,
        channel: &'a crate::target::Channel,
        key: &'a watchfloor_types::EffectKey,
        body: &'a Value,
    },
    HttpApi {
        name: &'a str,
        target: &'a crate::target::Target,
        key: &'a watchfloor_types::EffectKey,
        ask: Ask<'a>,
    },
}

impl<'a> Receiver<'a> {
    fn of(effect: &'a Effect, targets: &'a Targets) -> Result<Self, String> {
        let key = &effect.key;
        match &effect.kind {
            EffectKind::Webhook {
                channel: name,
                body,
            } => match targets.channels.get(name) {
                Some(channel) => Ok(Self::Webhook {
                    name,
                    channel,
                    key,
                    body,
                }),
                None => Err(format!("the settings name no channel `{name}`")),
            },
            EffectKind::HttpApi {
                target: name,
                method,
                path,
                headers,
                body,
            } => match targets.apis.get(name) {
                Some(target) => {
                    let ask = Ask {
                        method,
                        path,
                        headers,
                        body: body.as_deref(),
                    };
                    Ok(Self::HttpApi {
                        name,
                        target,
                        key,
                        ask,
                    })
                }
                None => Err(format!("the settings name no target `{name}`")),
            },
        }
    }

    fn request(&self, now: Timestamp) -> Result<Request<Vec<u8>>, String> {
        match self {
            Self::Webhook {
                channel, key, body, ..
            } => webhook::request(channel, key, body, now),
            Self::HttpApi {
                target, key, ask, ..
            } => http_api::request(target, key, ask),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Webhook { name, .. } => format!("channel {name}"),
            Self::HttpApi { name, .. } => format!("target {name}"),
        }
    }

    /// Whether a try whose outcome is unknown may be followed by another.
    fn repeatable(&self, effect: &Effect) -> bool {
        match self {
            // Receivers of Standard Webhooks recognise a message by its id.
            Self::Webhook { .. } => true,
            Self::HttpApi { target, .. } => {
                effect.class.may_repeat() || target.keys == KeySupport::Honoured
            }
        }
    }
}

async fn send(targets: &Targets, request: Request<Vec<u8>>, time: Duration) -> Tried {
    let sender = targets.sender.clone();
    let work = tokio::task::spawn_blocking(move || sender.send(request, time));
    work.await.unwrap_or_else(|e| Tried::Unknown(e.to_string()))
}

fn left(effect: &Effect, now: Timestamp) -> Duration {
    effect
        .deadline
        .duration_since(now)
        .try_into()
        .unwrap_or(Duration::ZERO)
}

/// What the receiver answered, for later steps: the body as JSON where it is JSON, else as text.
fn answer(status: u16, headers: &HeaderMap, body: &[u8]) -> Value {
    let content_type = headers
        .get("content-type")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let body =
        serde_json::from_slice(body).unwrap_or_else(|_| json!(String::from_utf8_lossy(body)));
    json!({ "status": status, "content_type": content_type, "body": body })
}

/// One line about an effect, without its content.
fn shown(effect: &Effect) -> String {
    match &effect.kind {
        EffectKind::Webhook { channel, .. } => format!("message to channel {channel}"),
        EffectKind::HttpApi {
            target,
            method,
            path,
            ..
        } => {
            let path: String = path.chars().take(200).collect();
            format!(
                "{} {} at target {target}",
                method.escape_debug(),
                path.escape_debug()
            )
        }
    }
}

/// What would have been sent. It holds no credentials: those are only in the settings.
fn recorded(effect: &Effect) -> Value {
    match &effect.kind {
        EffectKind::Webhook { channel, body } => json!({ "channel": channel, "body": body }),
        EffectKind::HttpApi {
            target,
            method,
            path,
            headers,
            body,
        } => {
            json!({ "target": target, "method": method, "path": path, "headers": headers, "body": body })
        }
    }
}

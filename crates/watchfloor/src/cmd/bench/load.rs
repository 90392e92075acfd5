//! Requests, and the threads that send them.

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use watchfloor_types::{SignedDuration, Timestamp};

use super::Client;

/// What is sent.
pub(super) enum Input {
    /// Records of files, by request, over and over.
    Files { requests: Vec<(u64, Vec<u8>)> },
    /// Made gateway records whose times are spread evenly over this long before `end`.
    Made {
        batch: u32,
        end: Timestamp,
        over: SignedDuration,
        events: u64,
    },
}

impl Input {
    /// Reads files into requests of `batch` records.
    pub(super) fn read(files: &[&PathBuf], batch: u32) -> anyhow::Result<Self> {
        let mut requests = vec![(0, Vec::new())];
        for path in files {
            let bytes =
                std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
                let full = requests.last().is_none_or(|(n, _)| *n >= u64::from(batch));
                if full {
                    requests.push((0, Vec::new()));
                }
                if let Some((n, body)) = requests.last_mut() {
                    *n += 1;
                    body.extend_from_slice(line);
                    body.push(b'\n');
                }
            }
        }
        if requests.first().is_none_or(|(n, _)| *n == 0) {
            bail!("the files hold no record");
        }
        Ok(Self::Files { requests })
    }

    /// Request number `i`: how many records, and its body.
    fn request(&self, i: u64) -> (u64, Vec<u8>) {
        match self {
            Self::Files { requests } => {
                let at = usize::try_from(i).unwrap_or(0) % requests.len().max(1);
                requests.get(at).cloned().unwrap_or_default()
            }
            Self::Made {
                batch,
                end,
                over,
                events,
            } => {
                let first = i * u64::from(*batch);
                let mut body = Vec::with_capacity(*batch as usize * 680);
                for n in first..first + u64::from(*batch) {
                    let ago = over.as_secs_f64() * (1.0 - (n as f64 / *events as f64).min(1.0));
                    record(&mut body, n, end.as_microsecond() as f64 / 1e6 - ago);
                }
                (u64::from(*batch), body)
            }
        }
    }
}

const MODELS: &[&str] = &["gpt-4o", "claude-sonnet", "llama-3-70b", "mistral-large"];
const WORDS: &[&str] = &[
    "please",
    "summarise",
    "the",
    "quarterly",
    "report",
    "and",
    "send",
    "it",
    "to",
    "customer",
    "list",
    "with",
    "contract",
    "figures",
    "from",
    "database",
    "export",
    "review",
    "invoice",
    "ticket",
    "open",
    "again",
    "model",
    "context",
    "window",
    "policy",
    "reset",
    "account",
    "deploy",
    "pipeline",
];

/// Looks random and is the same each time (splitmix64).
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn pick<'a>(all: &[&'a str], n: u64) -> &'a str {
    all.get(usize::try_from(n).unwrap_or(0) % all.len().max(1))
        .copied()
        .unwrap_or_default()
}

/// One gateway record (LiteLLM's logging payload), of about 650 bytes.
fn record(body: &mut Vec<u8>, n: u64, time: f64) {
    use std::io::Write as _;
    let mut dice = mix(n);
    let mut roll = |sides: u64| {
        dice = mix(dice);
        dice % sides
    };
    let (user, ip, model) = (roll(2_000), roll(4_000), pick(MODELS, roll(4)));
    let mut words = String::new();
    for _ in 0..9 {
        words.push_str(pick(WORDS, roll(30)));
        words.push(' ');
    }
    let (input, output) = (roll(8_000), roll(900));
    let written = write!(
        body,
        r#"{{"id":"chatcmpl-{n:x}","trace_id":"{:016x}","call_type":"acompletion","status":"success","custom_llm_provider":"openai","startTime":{time:.6},"endTime":{:.6},"model":"openai/{model}","model_group":"{model}","metadata":{{"user_api_key_hash":"{:x}","user_api_key_user_id":"user-{user}"}},"prompt_tokens":{input},"completion_tokens":{output},"end_user":"user-{user}","requester_ip_address":"10.{}.{}.{}","user_agent":"gateway/1.4","messages":[{{"role":"user","content":"{}"}}],"response":{{"model":"{model}","choices":[{{"finish_reason":"stop","message":{{"role":"assistant","content":"Done."}}}}]}}}}"#,
        mix(n),
        time + 1.25,
        mix(user),
        ip / 250 % 16,
        ip / 100 % 40,
        ip % 250,
        words.trim_end(),
    );
    debug_assert!(written.is_ok(), "a vector takes every byte");
    body.push(b'\n');
}

/// What the senders saw.
pub(super) struct Sent {
    /// Records acknowledged.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// From the first request to the last acknowledgement.
    pub took: Duration,
    /// Records acknowledged in each whole second.
    pub by_second: Vec<f64>,
    /// Requests that were asked to come again.
    pub busy: u64,
}

/// Sends until `events` are acknowledged.
pub(super) fn send(
    client: &Client,
    source: &str,
    input: &Input,
    events: u64,
    senders: u32,
) -> anyhow::Result<Sent> {
    let (next, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0));
    let (bytes, busy) = (AtomicU64::new(0), AtomicU64::new(0));
    let failed: Mutex<Option<anyhow::Error>> = Mutex::new(None);
    let has_failed = || {
        failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    };
    let began = Instant::now();
    let mut by_second = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..senders)
            .map(|_| {
                scope.spawn(|| {
                    while acknowledged.load(Ordering::Relaxed) < events && !has_failed() {
                        let (records, body) = input.request(next.fetch_add(1, Ordering::Relaxed));
                        match client.ingest_counting(source, &body, &busy) {
                            Ok(_) => {
                                acknowledged.fetch_add(records, Ordering::Relaxed);
                                bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
                            }
                            Err(error) => {
                                *failed.lock().unwrap_or_else(PoisonError::into_inner) =
                                    Some(error);
                            }
                        }
                    }
                })
            })
            .collect();
        let mut before = 0;
        let mut tick = 1u32;
        while threads.iter().any(|t| !t.is_finished()) {
            std::thread::sleep(Duration::from_millis(2));
            if began.elapsed() >= Duration::from_secs(1) * tick {
                let now = acknowledged.load(Ordering::Relaxed);
                by_second.push((now - before) as f64);
                (before, tick) = (now, tick + 1);
            }
        }
    });
    let took = began.elapsed();
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(Sent {
            events: acknowledged.into_inner(),
            bytes: bytes.into_inner(),
            took,
            by_second,
            busy: busy.into_inner(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_records_are_json_of_about_650_bytes_with_times_in_range() {
        let end: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let input = Input::Made {
            batch: 1_000,
            end,
            over: SignedDuration::from_hours(24),
            events: 2_000,
        };
        let (n, body) = input.request(1);
        assert_eq!(n, 1_000);
        let mut bytes = 0;
        for line in body.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            bytes += line.len();
            let json: serde_json::Value = serde_json::from_slice(line).unwrap();
            let time = json["startTime"].as_f64().unwrap();
            let ago = end.as_second() as f64 - time;
            assert!((0.0..=12.01 * 3600.0).contains(&ago), "{ago}");
        }
        assert!((600..700).contains(&(bytes / 1_000)), "{bytes}");
    }

    #[test]
    fn files_become_requests_of_the_batch_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.ndjson");
        std::fs::write(&path, "{}\n{}\n\n{}").unwrap();
        let input = Input::read(&[&path], 2).unwrap();
        assert_eq!(input.request(0), (2, b"{}\n{}\n".to_vec()));
        assert_eq!(input.request(1), (1, b"{}\n".to_vec()));
        assert_eq!(input.request(2).0, 2);
        std::fs::write(&path, "\n").unwrap();
        assert!(Input::read(&[&path], 2).is_err());
    }
}

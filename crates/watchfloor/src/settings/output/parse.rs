//! Reading `[[output]]`: from text to receivers, every error with its code.

use std::{collections::BTreeSet, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use watchfloor_edge::{
    Bounds, ClearText, ElasticOutput, FileOutput, HecOutput, Http, Output, OutputError,
    SyslogOutput, Transport, WebhookOutput,
};
use watchfloor_types::{Diagnostic, Secret, Severity, TenantId, Tlp};

use super::{Begin, Exercises, OutputKind, OutputSettings, Wants};
use crate::siem::{Format, Kind};

/// As written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct RawOutput {
    name: String,
    kind: String,
    format: Option<String>,
    url: Option<String>,
    path: Option<PathBuf>,
    secret_env: Option<String>,
    user: Option<String>,
    index: Option<String>,
    pipeline: Option<String>,
    sourcetype: Option<String>,
    hostname: Option<String>,
    facility: Option<i64>,
    ack: Option<bool>,
    gzip: Option<bool>,
    confirm: Option<bool>,
    tls_ca: Option<PathBuf>,
    clear_text: Option<bool>,
    timeout_seconds: Option<i64>,
    max_bytes: Option<i64>,
    rotate_bytes: Option<i64>,
    keep: Option<i64>,
    batch: Option<i64>,
    batch_bytes: Option<i64>,
    from: Option<String>,
    min_severity: Option<String>,
    kinds: Option<Vec<String>>,
    tenants: Option<Vec<String>>,
    max_tlp: Option<String>,
    exercises: Option<bool>,
}

impl RawOutput {
    /// Keys of some kinds only that are written.
    fn written(&self) -> Vec<&'static str> {
        [
            ("url", self.url.is_some()),
            ("path", self.path.is_some()),
            ("secret_env", self.secret_env.is_some()),
            ("user", self.user.is_some()),
            ("index", self.index.is_some()),
            ("pipeline", self.pipeline.is_some()),
            ("sourcetype", self.sourcetype.is_some()),
            ("hostname", self.hostname.is_some()),
            ("facility", self.facility.is_some()),
            ("ack", self.ack.is_some()),
            ("gzip", self.gzip.is_some()),
            ("confirm", self.confirm.is_some()),
            ("tls_ca", self.tls_ca.is_some()),
            ("clear_text", self.clear_text.is_some()),
            ("timeout_seconds", self.timeout_seconds.is_some()),
            ("max_bytes", self.max_bytes.is_some()),
            ("rotate_bytes", self.rotate_bytes.is_some()),
            ("keep", self.keep.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, there)| there.then_some(name))
        .collect()
    }
}

/// Parses all outputs; every error is reported.
pub(in crate::settings) fn parse(
    raw: Vec<RawOutput>,
    errors: &mut Vec<Diagnostic>,
) -> Vec<Arc<OutputSettings>> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for raw in raw {
        let before = errors.len();
        let shown: String = raw.name.chars().take(80).collect();
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if raw.name.is_empty() || raw.name.len() > 64 || !raw.name.bytes().all(good) {
            errors.push(
                Diagnostic::error("Q001", format!("an output is named `{shown}`"))
                    .help("a name has 1 to 64 letters, digits, - _ ."),
            );
        } else if !seen.insert(raw.name.clone()) {
            errors.push(
                Diagnostic::error("Q001", format!("two outputs are named `{shown}`"))
                    .help("the name says how far an output has come; give each its own"),
            );
        }
        let parsed = Parser {
            name: shown,
            errors,
        }
        .output(raw);
        if errors.len() == before
            && let Some(output) = parsed
        {
            all.push(Arc::new(output));
        }
    }
    all
}

/// One output being read.
struct Parser<'e> {
    name: String,
    errors: &'e mut Vec<Diagnostic>,
}

impl Parser<'_> {
    fn wrong(&mut self, code: &str, what: impl std::fmt::Display, help: impl Into<String>) {
        let text = format!("output `{}`: {what}", self.name);
        self.errors.push(Diagnostic::error(code, text).help(help));
    }

    fn number(
        &mut self,
        key: &str,
        value: Option<i64>,
        default: i64,
        range: std::ops::RangeInclusive<i64>,
    ) -> u64 {
        let value = value.unwrap_or(default);
        if !range.contains(&value) {
            let help = format!("a number from {} to {}", range.start(), range.end());
            self.wrong("Q007", format!("`{key}` is {value}"), help);
        }
        u64::try_from(value).unwrap_or_default()
    }

    fn word<T: FromStr>(&mut self, code: &str, key: &str, text: &str, words: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(_) => {
                let shown: String = text.chars().take(80).collect();
                self.wrong(
                    code,
                    format!("`{key}` is `{shown}`"),
                    format!("one of {words}"),
                );
                None
            }
        }
    }

    fn output(mut self, raw: RawOutput) -> Option<OutputSettings> {
        let kinds = OutputKind::ALL.iter().map(|k| k.as_str());
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        let kind: OutputKind = self.word("Q002", "kind", &raw.kind, &kinds)?;
        for key in raw.written() {
            if !kind.keys().contains(&key) {
                let what = format!("`{key}` is not a key of kind `{}`", kind.as_str());
                self.wrong("Q008", what, format!("it has {}", kind.keys().join(", ")));
            }
        }
        let formats = Format::ALL.iter().map(|f| f.as_str());
        let formats = formats.collect::<Vec<_>>().join(", ");
        let format = match &raw.format {
            Some(text) => self.word("Q004", "format", text, &formats),
            None => Some(kind.format()),
        };
        let wants = self.wants(&raw);
        let batch = self.number("batch", raw.batch, 200, 1..=5_000);
        let batch_bytes = self.number("batch_bytes", raw.batch_bytes, 1 << 20, 1_024..=64 << 20);
        let seconds = self.number("timeout_seconds", raw.timeout_seconds, 30, 1..=600);
        let from = match raw.from.as_deref() {
            None | Some("now") => Begin::Now,
            Some("start") => Begin::Start,
            Some(other) => {
                let shown: String = other.chars().take(80).collect();
                self.wrong("Q006", format!("`from` is `{shown}`"), "one of now, start");
                Begin::Now
            }
        };
        let authorities = self.authorities(raw.tls_ca.as_ref());
        let secret = self.secret(&raw, kind);
        let to = self.receiver(&raw, kind, secret, authorities.as_deref());
        let default = match &to {
            Some(Output::Syslog(s)) if s.transport() == Transport::Udp => 8_192,
            _ => 65_536,
        };
        // A datagram has at most 65,507 bytes of payload.
        let most = if default == 8_192 { 65_507 } else { 16 << 20 };
        let message_bytes = self.number("max_bytes", raw.max_bytes, default, 480..=most);
        Some(OutputSettings {
            name: self.name,
            kind,
            format: format?,
            to: to?,
            wants: wants?,
            batch: usize::try_from(batch).ok()?,
            batch_bytes: usize::try_from(batch_bytes).ok()?,
            bounds: Bounds {
                time: Duration::from_secs(seconds),
                message_bytes: usize::try_from(message_bytes).ok()?,
            },
            from,
        })
    }

    fn wants(&mut self, raw: &RawOutput) -> Option<Wants> {
        let list = |words: &[&str]| words.join(", ");
        let severities: Vec<&str> = Severity::ALL.iter().map(|s| s.as_str()).collect();
        let min_severity = match &raw.min_severity {
            None => Some(Severity::Informational),
            Some(text) => self.word("Q006", "min_severity", text, &list(&severities)),
        };
        let words: Vec<&str> = Kind::ALL.iter().map(|k| k.as_str()).collect();
        let kinds: Option<BTreeSet<Kind>> = match &raw.kinds {
            None => Some(Kind::ALL.iter().copied().collect()),
            Some(all) => all
                .iter()
                .map(|text| self.word("Q006", "kinds", text, &list(&words)))
                .collect(),
        };
        if kinds.as_ref().is_some_and(BTreeSet::is_empty) {
            self.wrong(
                "Q006",
                "`kinds` is empty",
                format!("some of {}", list(&words)),
            );
        }
        let tenants: Option<BTreeSet<TenantId>> = raw
            .tenants
            .iter()
            .flatten()
            .map(|text| self.word("Q006", "tenants", text, "letters, digits, - _ . : / @"))
            .collect();
        let labels: Vec<&str> = Tlp::ALL.iter().map(|t| t.as_str()).collect();
        let max_tlp = match &raw.max_tlp {
            None => Some(Tlp::AmberStrict),
            Some(text) => self.word("Q006", "max_tlp", text, &list(&labels)),
        };
        Some(Wants {
            min_severity: min_severity?,
            kinds: kinds?,
            tenants: tenants?,
            max_tlp: max_tlp?,
            exercises: if raw.exercises.unwrap_or(false) {
                Exercises::Send
            } else {
                Exercises::Hold
            },
        })
    }

    fn authorities(&mut self, path: Option<&PathBuf>) -> Option<Vec<u8>> {
        let path = path?;
        match std::fs::read(path) {
            Ok(pem) => Some(pem),
            Err(error) => {
                let what = format!("`tls_ca` cannot be read from {}: {error}", path.display());
                self.wrong("Q009", what, "a file with certificates in PEM");
                None
            }
        }
    }

    fn secret(&mut self, raw: &RawOutput, kind: OutputKind) -> Option<Secret<String>> {
        let Some(var) = &raw.secret_env else {
            if kind == OutputKind::Splunk || raw.user.is_some() {
                self.wrong(
                    "Q005",
                    "it has no `secret_env`",
                    "name the environment variable that holds the token or password",
                );
            }
            return None;
        };
        match std::env::var(var) {
            Ok(value) if !value.is_empty() => Some(Secret::new(value)),
            Ok(_) | Err(_) => {
                let what = format!("`secret_env` names `{var}`, which is not set");
                let help = format!("set {var} in the environment of the server");
                self.wrong("Q005", what, help);
                None
            }
        }
    }

    fn receiver(
        &mut self,
        raw: &RawOutput,
        kind: OutputKind,
        secret: Option<Secret<String>>,
        authorities: Option<&[u8]>,
    ) -> Option<Output> {
        let facility = self.number("facility", raw.facility, 16, 0..=23);
        let rotate = self.number("rotate_bytes", raw.rotate_bytes, 100 << 20, 1_024..=1 << 40);
        let keep = self.number("keep", raw.keep, 10, 0..=10_000);
        if raw.tls_ca.is_some() && authorities.is_none() {
            return None;
        }
        if kind == OutputKind::File {
            let Some(path) = raw.path.clone().filter(|p| p.file_name().is_some()) else {
                self.wrong("Q003", "it has no `path`", "name the file");
                return None;
            };
            let keep = u32::try_from(keep).unwrap_or(10);
            return Some(Output::File(FileOutput::new(path, rotate, keep)));
        }
        let Some(url) = &raw.url else {
            self.wrong("Q003", "it has no `url`", "where it goes");
            return None;
        };
        let clear = if raw.clear_text.unwrap_or(false) {
            ClearText::Allow
        } else {
            ClearText::Refuse
        };
        let hostname = raw.hostname.clone().unwrap_or_else(machine);
        let index = self.index(raw, kind);
        let built = match kind {
            OutputKind::Splunk => {
                let format = raw.format.as_deref().unwrap_or(kind.format().as_str());
                let sourcetype = raw
                    .sourcetype
                    .clone()
                    .unwrap_or_else(|| format!("watchfloor:{format}"));
                // Without the token an error has been noted already.
                let token = secret?;
                Http::new(url, clear, authorities)
                    .and_then(|http| HecOutput::new(http, token, &sourcetype, &hostname))
                    .map(|mut hec| {
                        hec.index = raw.index.clone();
                        hec.gzip = raw.gzip.unwrap_or(true);
                        hec.channel = raw.ack.unwrap_or(false).then(|| channel(&self.name, url));
                        Output::Hec(hec)
                    })
            }
            OutputKind::Elasticsearch => Http::new(url, clear, authorities)
                .and_then(|http| {
                    ElasticOutput::new(http, &index, raw.user.as_deref(), secret.as_ref())
                })
                .map(|mut elastic| {
                    elastic.gzip = raw.gzip.unwrap_or(true);
                    elastic.pipeline.clone_from(&raw.pipeline);
                    Output::Elastic(elastic)
                }),
            OutputKind::Syslog => SyslogOutput::new(url, clear, authorities).map(|mut syslog| {
                syslog.facility = u8::try_from(facility).unwrap_or(16);
                syslog.hostname = hostname;
                syslog.confirm = raw.confirm.unwrap_or(true);
                Output::Syslog(syslog)
            }),
            OutputKind::Webhook => Http::new(url, clear, authorities)
                .and_then(|http| WebhookOutput::new(http, secret.as_ref()))
                .map(Output::Webhook),
            OutputKind::File => return None,
        };
        match built {
            Ok(output) => Some(output),
            Err(error) => {
                let (code, help) = match &error {
                    OutputError::Target(watchfloor_edge::TargetError::Secret { .. })
                    | OutputError::Secret => (
                        "Q005",
                        "a token of printable ASCII; `whsec_` and Base64 for a webhook; a user without colon",
                    ),
                    OutputError::Authorities => ("Q009", "a file with certificates in PEM"),
                    OutputError::Target(_) => (
                        "Q003",
                        "https://HOST; http:// only on this machine, or with `clear_text = true`",
                    ),
                    OutputError::Syslog { .. } => ("Q003", "such as tls://siem.example:6514"),
                };
                self.wrong(code, error, help);
                None
            }
        }
    }

    /// The name of an index, as Elasticsearch wants it: lower case, without a dozen characters.
    fn index(&mut self, raw: &RawOutput, kind: OutputKind) -> String {
        let name = raw.index.clone().unwrap_or_else(|| "watchfloor".to_owned());
        let odd = |c: char| {
            c.is_uppercase() || c.is_whitespace() || c.is_control() || "\\/*?\"<>|,#:".contains(c)
        };
        let bad = name.is_empty() || name.len() > 255 || name.starts_with(['-', '_', '+']);
        if kind == OutputKind::Elasticsearch && (bad || name.contains(odd)) {
            let what = format!("`index` is `{}`", name.chars().take(80).collect::<String>());
            self.wrong(
                "Q007",
                what,
                "lower case, without spaces and \\ / * ? \" < > | , # :, not starting with - _ +",
            );
        }
        name
    }
}

/// The channel of acknowledgements: the same after a restart.
fn channel(name: &str, url: &str) -> String {
    let text = format!("watchfloor output {name} {url} {}", machine());
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, text.as_bytes()).to_string()
}

/// The name of this machine, `watchfloor` where the system does not say.
fn machine() -> String {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "watchfloor".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        settings::{
            Overrides, Settings,
            output::{Sift, shown},
        },
        siem::{Message, Reality},
    };

    fn load(toml: &str) -> Result<Vec<Arc<OutputSettings>>, Vec<Diagnostic>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.toml");
        std::fs::write(&path, toml).unwrap();
        let overrides = Overrides {
            config: Some(path),
            data_dir: None,
        };
        Settings::load(&overrides).unwrap().map(|s| s.outputs)
    }

    fn codes(toml: &str) -> Vec<String> {
        load(toml)
            .unwrap_err()
            .iter()
            .map(|d| d.code.clone())
            .collect()
    }

    #[test]
    fn each_kind_has_its_defaults() {
        let all = load(
            "[[output]]\nname='a'\nkind='elasticsearch'\nurl='https://es.example'\n\
             [[output]]\nname='b'\nkind='syslog'\nurl='tls://siem.example'\nmin_severity='high'\nkinds=['alert','incident']\n\
             [[output]]\nname='c'\nkind='webhook'\nurl='https://hook.example/x'\nformat='ocsf'\nexercises=true\n\
             [[output]]\nname='d'\nkind='file'\npath='findings.ndjson'\ntenants=['main']\nmax_tlp='TLP:GREEN'\n\
             [[output]]\nname='e'\nkind='syslog'\nurl='udp://127.0.0.1'\n",
        )
        .unwrap();
        let formats: Vec<Format> = all.iter().map(|o| o.format).collect();
        assert_eq!(
            formats,
            [
                Format::Ecs,
                Format::Cef,
                Format::Ocsf,
                Format::Ocsf,
                Format::Cef
            ]
        );
        assert_eq!(all[1].to.shown(), "tls://siem.example:6514");
        assert_eq!(all[2].to.shown(), "https://hook.example");
        assert_eq!(all[0].wants.max_tlp, Tlp::AmberStrict);
        assert_eq!(all[0].wants.exercises, Exercises::Hold);
        assert_eq!(all[4].bounds.message_bytes, 8_192);
        let text = shown(&all).to_string();
        assert!(
            text.contains("\"min_severity\":\"high\"") && !text.contains("/x"),
            "{text}"
        );
    }

    #[test]
    fn a_message_goes_only_where_it_may() {
        use crate::siem::Subject;
        use watchfloor_types::ExerciseId;
        let wants = |toml: &str| {
            let file = format!("[[output]]\nname='a'\nkind='file'\npath='x'\n{toml}");
            load(&file).unwrap()[0].wants.clone()
        };
        let message = |change: &dyn Fn(&mut watchfloor_types::Finding)| {
            let now = "2026-11-24T12:00:00Z".parse().unwrap();
            let mut message = Message::test("a", "main".parse().unwrap(), now).unwrap();
            message.reality = Reality::Real;
            if let Subject::Finding(finding, _) = &mut message.subject {
                change(finding);
            }
            message
        };
        let red = message(&|f| f.tlp = Tlp::Red);
        let strict = message(&|f| f.tlp = Tlp::AmberStrict);
        let high = message(&|f| f.severity = Severity::High);
        let other = message(&|f| f.tenant = "other".parse().unwrap());
        let mut staged = message(&|f| f.severity = Severity::High);
        staged.reality = Reality::Exercise(ExerciseId::minted(staged.at, &[b"x"]));
        for (toml, message, expected) in [
            ("", &red, Sift::AboveTlp),
            ("", &strict, Sift::Send),
            ("max_tlp='TLP:GREEN'", &strict, Sift::AboveTlp),
            ("max_tlp='TLP:RED'", &red, Sift::Send),
            ("min_severity='critical'", &high, Sift::Unwanted),
            ("min_severity='high'", &high, Sift::Send),
            ("kinds=['alert']", &high, Sift::Unwanted),
            ("tenants=['main']", &other, Sift::Unwanted),
            ("tenants=['main', 'other']", &other, Sift::Send),
            ("", &staged, Sift::Staged),
            ("exercises=true", &staged, Sift::Send),
        ] {
            assert_eq!(wants(toml).sift(message), expected, "{toml}");
        }
    }

    #[test]
    fn every_error_has_its_code_and_all_are_said_at_once() {
        for (toml, code) in [
            ("[[output]]\nname='a b'\nkind='file'\npath='x'", "Q001"),
            ("[[output]]\nname='a'\nkind='kafka'", "Q002"),
            ("[[output]]\nname='a'\nkind='webhook'", "Q003"),
            (
                "[[output]]\nname='a'\nkind='webhook'\nurl='http://siem.example'",
                "Q003",
            ),
            (
                "[[output]]\nname='a'\nkind='syslog'\nurl='siem.example:514'",
                "Q003",
            ),
            (
                "[[output]]\nname='a'\nkind='file'\npath='x'\nformat='xml'",
                "Q004",
            ),
            (
                "[[output]]\nname='a'\nkind='splunk'\nurl='https://s.example'",
                "Q005",
            ),
            (
                "[[output]]\nname='a'\nkind='webhook'\nurl='https://s.example'\nsecret_env='NOT_SET_ANYWHERE'",
                "Q005",
            ),
            (
                "[[output]]\nname='a'\nkind='file'\npath='x'\nmin_severity='urgent'",
                "Q006",
            ),
            (
                "[[output]]\nname='a'\nkind='file'\npath='x'\nkinds=[]",
                "Q006",
            ),
            (
                "[[output]]\nname='a'\nkind='file'\npath='x'\nmax_tlp='TLP:WHITE'",
                "Q006",
            ),
            (
                "[[output]]\nname='a'\nkind='file'\npath='x'\nbatch=0",
                "Q007",
            ),
            (
                "[[output]]\nname='a'\nkind='elasticsearch'\nurl='https://s.example'\nindex='Big'",
                "Q007",
            ),
            (
                "[[output]]\nname='a'\nkind='file'\npath='x'\nfacility=3",
                "Q008",
            ),
            (
                "[[output]]\nname='a'\nkind='syslog'\nurl='tls://s.example'\ntls_ca='/no/such/file'",
                "Q009",
            ),
        ] {
            assert_eq!(codes(toml), [code], "{toml}");
            let errors = load(toml).unwrap_err();
            assert!(errors.iter().all(|d| d.help.is_some()), "{errors:?}");
        }
        let several = "[[output]]\nname='a'\nkind='file'\nbatch=0\nformat='xml'\n[[output]]\nname='a'\nkind='ftp'";
        assert_eq!(codes(several), ["Q004", "Q007", "Q003", "Q001", "Q002"]);
        assert_eq!(
            codes("[[output]]\nname='a'\nkind='file'\npath='x'\ncolour='red'"),
            ["C001"]
        );
    }
}

//! Common Event Format, version 0 (Micro Focus `ArcSight`, "Implementing `ArcSight` CEF", version 26).

use std::net::IpAddr;

use watchfloor_types::{Severity, Timestamp};

use super::{AlertStatus, Message, Reality, Subject, VERSION, capped};

/// Most characters of a custom string (`cs1`, `flexString1`); the dictionary of CEF says 4000.
const CUSTOM: usize = 4_000;
/// Most characters of `msg`, `reason`, names and the like; the dictionary says 1023.
const TEXT: usize = 1_023;

/// A message as one line.
pub(super) fn message(message: &Message) -> String {
    let (signature, extension) = match &message.subject {
        Subject::Finding(..) => (finding_signature(message), finding(message)),
        Subject::Alert(_) => (
            format!("alert:{}", message.activity.as_str()),
            alert(message),
        ),
        Subject::Incident(_) => (
            format!("incident:{}", message.activity.as_str()),
            incident(message),
        ),
    };
    format!(
        "CEF:0|Watchfloor|Watchfloor|{}|{}|{}|{}|{}",
        header(VERSION, 31),
        header(&signature, TEXT),
        header(&message.title(), 512),
        severity(message.severity()),
        extension.0
    )
}

fn finding_signature(message: &Message) -> String {
    match &message.subject {
        Subject::Finding(f, _) => f.rule.id.to_string(),
        Subject::Alert(_) | Subject::Incident(_) => String::new(),
    }
}

/// What every message has.
fn start(message: &Message) -> Extension {
    let mut out = Extension::default();
    out.put("cat", message.kind().as_str());
    out.put(
        "act",
        &format!("{}-{}", message.kind().as_str(), message.activity.as_str()),
    );
    out.put("externalId", &message.id);
    out.time("rt", message.at);
    out.custom(1, "tlp", message.tlp().as_str());
    let tenants: Vec<String> = message.tenants().iter().map(ToString::to_string).collect();
    out.custom(2, "tenant", &tenants.join(" "));
    out.put("cn1", &message.seq.to_string());
    out.put("cn1Label", "journal");
    if let Some(word) = message.reality.word() {
        let shown = match message.reality {
            Reality::Exercise(id) => format!("{word} {id}"),
            Reality::Test | Reality::Real => word.to_owned(),
        };
        out.put("flexString1", &shown);
        out.put("flexString1Label", "mark");
    }
    out
}

fn finding(message: &Message) -> Extension {
    let mut out = start(message);
    let Subject::Finding(finding, alert) = &message.subject else {
        return out;
    };
    out.time("start", finding.time);
    out.time("end", finding.detected);
    let matched: Vec<String> = finding
        .matched
        .iter()
        .map(|m| format!("{} {} ({})", m.field, m.predicate, capped(&m.value, 200)))
        .collect();
    out.text("msg", &matched.join("; "));
    out.custom(3, "techniques", &finding.techniques.join(" "));
    out.custom(4, "alert", alert.as_deref().unwrap_or_default());
    let events: Vec<String> = finding
        .events
        .iter()
        .take(100)
        .map(ToString::to_string)
        .collect();
    out.custom(5, "events", &events.join(" "));
    out.custom(6, "ruleVersion", &finding.rule.version);
    out.put("cnt", &finding.events.len().max(1).to_string());
    out.text("deviceFacility", finding.source.as_str());
    let entities: Vec<(String, String)> = finding
        .entities
        .iter()
        .map(|(field, value)| (field.clone(), value.to_string()))
        .collect();
    out.entities(&entities);
    out
}

fn alert(message: &Message) -> Extension {
    let mut out = start(message);
    let Subject::Alert(card) = &message.subject else {
        return out;
    };
    out.time("start", card.first_seen);
    out.time("end", card.last_seen);
    out.text("msg", &card.grouping);
    out.put("outcome", card.status.as_str());
    match &card.status {
        AlertStatus::Closed { verdict, reason } => {
            out.text("reason", &format!("{verdict}: {reason}"));
        }
        AlertStatus::Merged { into } => out.text("reason", &format!("merged into {into}")),
        AlertStatus::New | AlertStatus::Acknowledged => {}
    }
    out.custom(3, "techniques", &card.techniques.join(" "));
    out.custom(4, "alert", &card.id.to_string());
    let incident = card.incident.as_ref().map(|(_, name)| name.as_str());
    out.custom(5, "incident", incident.unwrap_or_default());
    let rules: Vec<String> = card.rules.iter().map(|r| r.id.to_string()).collect();
    out.custom(6, "rules", &rules.join(" "));
    out.put("cnt", &card.finding_count.to_string());
    out.entities(&card.entities);
    out
}

fn incident(message: &Message) -> Extension {
    let mut out = start(message);
    let Subject::Incident(card) = &message.subject else {
        return out;
    };
    if let Some((first, last)) = card.span {
        out.time("start", first);
        out.time("end", last);
    }
    out.text("msg", &card.reason);
    out.put("outcome", card.status.as_str());
    out.text("reason", card.resolution.as_deref().unwrap_or_default());
    out.custom(3, "techniques", &card.techniques.join(" "));
    let alerts: Vec<&str> = card.alerts.iter().map(|p| p.id.as_str()).collect();
    out.custom(4, "alerts", &alerts.join(" "));
    out.custom(5, "incident", &card.name);
    out.custom(
        6,
        "commander",
        card.commander.as_deref().unwrap_or_default(),
    );
    out.put("cnt", &card.finding_count.to_string());
    out.entities(&card.entities);
    out
}

/// The ten steps of CEF.
const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Informational => 1,
        Severity::Low => 3,
        Severity::Medium => 5,
        Severity::High => 7,
        Severity::Critical => 9,
        Severity::Fatal => 10,
    }
}

/// A field of the header: pipe and backslash escaped, one line ("Character Encoding").
fn header(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for c in capped(text, most).chars() {
        match c {
            '|' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// The extension: `key=value`, values escaped, empty ones left out.
#[derive(Default)]
struct Extension(String);

impl Extension {
    fn put(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(key);
        self.0.push('=');
        for c in value.chars() {
            match c {
                '\\' | '=' => self.0.extend(['\\', c]),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                c if c.is_control() => self.0.push(' '),
                c => self.0.push(c),
            }
        }
    }

    fn text(&mut self, key: &str, value: &str) {
        self.put(key, capped(value, TEXT));
    }

    fn custom(&mut self, number: u8, label: &str, value: &str) {
        if !value.is_empty() {
            self.put(&format!("cs{number}"), capped(value, CUSTOM));
            self.put(&format!("cs{number}Label"), label);
        }
    }

    /// Milliseconds since 1970.
    fn time(&mut self, key: &str, at: Timestamp) {
        self.put(key, &at.as_millisecond().to_string());
    }

    /// The first value of each field that CEF has a key for.
    fn entities(&mut self, entities: &[(String, String)]) {
        let mut used: Vec<&str> = Vec::new();
        for (field, value) in entities {
            let ip = value.parse::<IpAddr>().ok();
            let key = match (field.as_str(), ip) {
                ("source.ip", Some(IpAddr::V4(_))) => "src",
                ("destination.ip", Some(IpAddr::V4(_))) => "dst",
                ("source.ip", Some(IpAddr::V6(_))) => "c6a2",
                ("destination.ip", Some(IpAddr::V6(_))) => "c6a3",
                ("host.name", _) => "shost",
                ("destination.domain", _) => "dhost",
                ("user.id" | "ai.principal.id", _) => "suid",
                ("user.name" | "gen_ai.agent.name", _) => "suser",
                ("file.hash.sha256", _) => "fileHash",
                ("service.name", _) => "sourceServiceName",
                ("dns.question.name" | "url.domain", _) => "destinationDnsDomain",
                _ => continue,
            };
            if used.contains(&key) {
                continue;
            }
            used.push(key);
            self.text(key, value);
            match key {
                "c6a2" => self.put("c6a2Label", "Source IPv6 Address"),
                "c6a3" => self.put("c6a3Label", "Destination IPv6 Address"),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_in_its_field() {
        assert_eq!(header("a|b\\c\r\nd=e", 99), "a\\|b\\\\c  d=e");
        let mut e = Extension::default();
        e.put("msg", "a=b\\ |c\r\nact=evil\0");
        e.put("empty", "");
        e.custom(1, "x", "y");
        assert_eq!(e.0, "msg=a\\=b\\\\ |c\\r\\nact\\=evil  cs1=y cs1Label=x");
        assert_eq!(header("ääää", 2), "ää");
    }

    #[test]
    fn an_address_goes_to_the_key_of_its_kind_and_a_false_one_nowhere() {
        let mut e = Extension::default();
        let pairs: Vec<(String, String)> = [
            ("source.ip", "203.0.113.7"),
            ("source.ip", "203.0.113.8"),
            ("destination.ip", "2001:db8::1"),
            ("destination.ip", "not an address"),
            ("ai.principal.id", "support-agent"),
        ]
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect();
        e.entities(&pairs);
        assert_eq!(
            e.0,
            "src=203.0.113.7 c6a3=2001:db8::1 c6a3Label=Destination IPv6 Address suid=support-agent"
        );
    }
}

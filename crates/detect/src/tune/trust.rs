//! What field names and values say about who can choose them.

use std::{fmt, net::IpAddr};

use super::feature::Seen;

/// How hard it is for an attacker to have a property on purpose. Safer first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// A hash or a verified signature.
    Proof,
    /// A service account, role or key, which somebody has to own.
    Identity,
    /// A program or file in a folder that only administrators write, and no tool of the system itself.
    Place,
    /// An address, host or device.
    Network,
    /// Anything else that is stable.
    Other,
    /// Can be chosen by whoever runs as a user; never enough by itself.
    Weak,
}

impl Trust {
    /// Whether one such property is enough.
    #[must_use]
    pub fn stands_alone(self) -> bool {
        match self {
            Self::Proof | Self::Identity | Self::Place => true,
            Self::Network | Self::Other | Self::Weak => false,
        }
    }
    /// The word in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proof => "proof",
            Self::Identity => "identity",
            Self::Place => "protected place",
            Self::Network => "network",
            Self::Other => "other",
            Self::Weak => "weak",
        }
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Words of a field name: `ProcessGuid` and `process.guid` alike.
fn words(name: &str) -> Vec<&str> {
    name.split(['.', '_', '-', '@'])
        .filter(|w| !w.is_empty())
        .collect()
}

pub(super) fn is_volatile(name: &str, values: &[&Seen]) -> bool {
    const PARTS: &[&str] = &[
        "guid",
        "time",
        "timestamp",
        "utctime",
        "pid",
        "processid",
        "threadid",
        "recordid",
        "recordnumber",
        "sequence",
        "logonid",
        "sessionid",
        "requestid",
        "eventid.id",
        "nonce",
        "handle",
        "uuid",
        "traceid",
        "spanid",
        "date",
        "created",
        "duration",
        "bytes",
        "sourceport",
        "srcport",
        "src_port",
        "keywords",
        "opcode",
        "correlationid",
        "activityid",
        "token",
        "tokens",
        "latency",
    ];
    const WORDS: &[&str] = &["id_", "trace", "span", "session", "ts", "port", "seq", "id"];
    let last = words(name).last().copied().unwrap_or_default();
    let named = PARTS.iter().any(|p| name.contains(p))
        || WORDS.contains(&last) && !is_identity(name)
        || name.starts_with('@');
    let shaped = values.iter().all(|s| {
        let text = s.text.trim_matches(['{', '}']);
        is_uuid(text)
            || text.parse::<jiff::Timestamp>().is_ok()
            || text.parse::<jiff::civil::DateTime>().is_ok()
    });
    (named && !is_proof(name)) || shaped
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Fields that hold what somebody typed or said.
pub(super) fn is_free_text(name: &str, values: &[&Seen]) -> bool {
    const PARTS: &[&str] = &[
        "commandline",
        "command_line",
        "cmdline",
        "scriptblock",
        "script",
        "message",
        "prompt",
        "response.text",
        "untrusted",
        "payload",
        "arguments",
        "subject",
        "body",
        "description",
        "comment",
        "useragent",
        "user_agent",
        "query",
        "url",
        "uri",
        "title",
        "content",
        "details",
        "contextinfo",
        "hostapplication",
        "memory.text",
        "reason",
        "referer",
    ];
    PARTS.iter().any(|p| name.contains(p)) || values.iter().any(|s| s.text.len() > 200)
}

pub(super) fn is_proof(name: &str) -> bool {
    [
        "hash",
        "sha256",
        "sha1",
        "md5",
        "imphash",
        "signature",
        "signer",
        "signed",
        "thumbprint",
        "certificate",
    ]
    .iter()
    .any(|p| name.contains(p))
        && !name.contains("status")
}

fn is_identity(name: &str) -> bool {
    [
        "user",
        "account",
        "principal",
        "role",
        "identity",
        "arn",
        "subject",
        "key.id",
        "accesskey",
        "service",
        "owner",
        "agent.name",
        "agent.id",
        "sid",
    ]
    .iter()
    .any(|p| name.contains(p))
}

pub(super) fn trust(name: &str, values: &[&Seen]) -> Trust {
    let path = |s: &&Seen| is_absolute(&s.text) && s.text.len() > 3;
    if is_proof(name) {
        return Trust::Proof;
    }
    if values.iter().all(path) {
        let chosen = |s: &&Seen| is_writable_place(&s.folded) || is_system_tool(&s.folded);
        // Only the program that acts is hard to be; where it stands and what it touches anybody chooses.
        return if values.iter().any(chosen) || !names_program(name) {
            Trust::Weak
        } else {
            Trust::Place
        };
    }
    if is_identity(name) {
        // A person does good and bad things; an account of a program does what it was made for.
        return if values.iter().all(|s| is_everybody(&s.folded)) {
            Trust::Weak
        } else {
            Trust::Identity
        };
    }
    let address = values.iter().all(|s| s.text.parse::<IpAddr>().is_ok());
    if address
        || [
            "host",
            "computer",
            "device",
            "domain",
            "workstation",
            "address",
        ]
        .iter()
        .any(|p| name.contains(p))
    {
        return Trust::Network;
    }
    if values.iter().all(|s| s.text.chars().count() < 3) {
        return Trust::Weak;
    }
    const CHOSEN: &[&str] = &[
        "originalfilename",
        "company",
        "product",
        "fileversion",
        "filename",
        "image",
        "process.name",
        "title",
        "currentdirectory",
    ];
    if CHOSEN.iter().any(|p| name.contains(p)) {
        return Trust::Weak;
    }
    Trust::Other
}

/// Accounts that attackers run as just as well.
fn is_everybody(folded: &str) -> bool {
    let name = folded.rsplit('\\').next().unwrap_or_default();
    matches!(
        name,
        "system"
            | "root"
            | "administrator"
            | "local service"
            | "network service"
            | "nt authority"
            | "admin"
            | "anonymous logon"
            | "-"
    ) || folded.starts_with("s-1-5-18")
        || folded == "0"
}

fn is_absolute(text: &str) -> bool {
    let mut chars = text.chars();
    let drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next() == Some(':');
    drive || text.starts_with('/')
}

/// Fields with the path of a program that runs.
fn names_program(name: &str) -> bool {
    let last = words(name).last().copied().unwrap_or_default();
    [
        "image",
        "parentimage",
        "grandparentimage",
        "sourceimage",
        "exe",
        "executable",
        "processpath",
        "initiatingprocessfolderpath",
    ]
    .contains(&last)
        || name == "newprocessname"
        || name == "parentprocessname"
}

/// Programs of the system itself, which everybody may start.
fn is_system_tool(folded: &str) -> bool {
    let at_drive = folded.get(1..).unwrap_or_default();
    at_drive.starts_with(":\\windows\\")
        || [
            "/bin/",
            "/sbin/",
            "/usr/bin/",
            "/usr/sbin/",
            "/usr/lib/systemd/",
        ]
        .iter()
        .any(|p| folded.starts_with(p))
}

/// Folders where users write.
fn is_writable_place(folded: &str) -> bool {
    [
        "\\users\\",
        "\\appdata\\",
        "\\temp\\",
        "\\tmp\\",
        "\\downloads\\",
        "\\programdata\\",
        "\\public\\",
        "\\perflogs\\",
        "/tmp/",
        "/home/",
        "/var/tmp/",
        "/dev/shm/",
        "/users/",
        "\\recycle",
    ]
    .iter()
    .any(|p| folded.contains(p))
}

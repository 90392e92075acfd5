//! Numbers and captions of OCSF 1.8.

use std::net::IpAddr;

use watchfloor_respond::{alert::Verdict, incident::Status};
use watchfloor_types::{FindingKind, Severity};

/// `type_id` of object `observable`. A value that is not what its field promises is "Other".
pub(super) fn observable_type(field: &str, value: &str) -> (u32, &'static str) {
    match field {
        "source.ip" | "destination.ip" if value.parse::<IpAddr>().is_ok() => (2, "IP Address"),
        "host.name" | "destination.domain" | "dns.question.name" | "url.domain" => (1, "Hostname"),
        "user.name" => (4, "User Name"),
        "user.id" => (31, "User Object: uid"),
        "user.email" | "email.from.address" | "email.to.address" if value.contains('@') => {
            (5, "Email Address")
        }
        "file.hash.sha256" => (8, "Hash"),
        "ai.key.id" => (19, "User Credential ID"),
        "cloud.account.id" => (35, "Account Object: uid"),
        "gen_ai.agent.id" | "service.name" => (10, "Resource UID"),
        _ => (99, "Other"),
    }
}

/// The caption of `severity_id`.
pub(super) const fn caption(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "Informational",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
        Severity::Fatal => "Fatal",
    }
}

/// The caption of `status_id` of class 2005.
pub(super) const fn status_caption(status: Status) -> &'static str {
    match status {
        Status::New => "New",
        Status::InProgress => "In Progress",
        Status::OnHold => "On Hold",
        Status::Resolved => "Resolved",
        Status::Closed => "Closed",
    }
}

/// The caption of `verdict_id`.
pub(super) const fn verdict_caption(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::FalsePositive => "False Positive",
        Verdict::TruePositive => "True Positive",
        Verdict::Disregard => "Disregard",
        Verdict::Suspicious => "Suspicious",
        Verdict::Benign => "Benign",
        Verdict::Test => "Test",
        Verdict::InsufficientData => "Insufficient Data",
        Verdict::SecurityRisk => "Security Risk",
        Verdict::ManagedExternally => "Managed Externally",
        Verdict::Duplicate => "Duplicate",
        Verdict::Other => "Other",
    }
}

/// Our word for what matched.
pub(super) const fn kind_word(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Rule => "rule",
        FindingKind::Correlation => "correlation",
        FindingKind::Indicator => "indicator",
    }
}

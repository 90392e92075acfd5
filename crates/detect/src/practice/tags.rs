//! Tags (Sigma 2.1, tags appendix).

use super::{Lint, about};
use crate::{
    diagnostics::{code, nearest},
    modifier::short,
    yaml::Node,
};

/// Namespaces of the appendix, and ours.
const SPACES: &[&str] = &[
    "attack",
    "atlas",
    "car",
    "cve",
    "d3fend",
    "detection",
    "owasp",
    "stp",
    "tlp",
    "watchfloor",
];
const TLP: &[&str] = &[
    "red",
    "amber",
    "amber-strict",
    "amber+strict",
    "green",
    "clear",
    "white",
];

pub(super) fn check(root: &Node, lint: &mut Lint<'_>) {
    for node in about::items(root, "tags") {
        let text = node.text().unwrap_or_default().to_ascii_lowercase();
        let Some((space, name)) = text.split_once('.') else {
            // Not a tag at all, which R043 says.
            continue;
        };
        if !SPACES.contains(&space) {
            let near = nearest(space, SPACES.iter().copied());
            let help = near.map_or_else(
                || format!("known are {}", SPACES.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            lint.note(
                code::TAG_NAMESPACE,
                node.span,
                format!("`{}` is not a namespace of the tags appendix", short(space)),
                &help,
            );
        } else if let Some(wanted) = wrong_shape(space, name) {
            lint.warning(
                code::TAG_SHAPE,
                node.span,
                format!("`{}` names nothing in {space}", short(&text)),
                wanted,
            );
        }
    }
    about::repeats(root, "tags", lint);
}

/// What the name should look like, where it does not.
fn wrong_shape(space: &str, name: &str) -> Option<&'static str> {
    let right = match space {
        "attack" => {
            let tactic = name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'_'));
            tactic
                || is_technique(name)
                || ["g", "s", "m", "c", "ds", "ta"]
                    .iter()
                    .any(|p| is_id(name, p))
        }
        "atlas" => name
            .strip_prefix("aml.")
            .is_some_and(|id| is_technique(id) || ["ta", "m", "cs"].iter().any(|p| is_id(id, p))),
        "cve" => {
            let mut parts = name.split(['-', '.']);
            let number = |p: Option<&str>, least: usize| {
                p.is_some_and(|p| p.len() >= least && p.bytes().all(|b| b.is_ascii_digit()))
            };
            number(parts.next(), 4) && number(parts.next(), 4) && parts.next().is_none()
        }
        "tlp" => TLP.contains(&name),
        _ => true,
    };
    (!right).then_some(match space {
        "attack" => "write a tactic (attack.initial-access), a technique (attack.t1059.001), a group (attack.g0032) or software (attack.s0002)",
        "atlas" => "write a technique as atlas.aml.t0051 or atlas.aml.t0051.001",
        "cve" => "write cve.2021-44228",
        _ => "write tlp.red, tlp.amber, tlp.amber-strict, tlp.green or tlp.clear",
    })
}

/// `t1059` or `t1059.001`.
fn is_technique(text: &str) -> bool {
    match text.split_once('.') {
        None => is_id(text, "t"),
        Some((technique, sub)) => {
            is_id(technique, "t") && sub.len() == 3 && sub.bytes().all(|b| b.is_ascii_digit())
        }
    }
}

/// The prefix and four digits.
fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|id| id.len() == 4 && id.bytes().all(|b| b.is_ascii_digit()))
}

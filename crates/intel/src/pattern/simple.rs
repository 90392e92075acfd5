//! From a pattern to the values that can be looked up one by one.

use super::{Comparison, Literal, ObjectPath, Observation, Op, Qualifier, Step};

/// A value that makes the whole pattern true wherever it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) sort: Sort,
    pub(crate) value: String,
}

/// What kind of value a path holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Addresses and networks.
    Address,
    Domain,
    Url,
    Email,
    Md5,
    Sha1,
    Sha256,
    /// A reference to a host: an address, a network or a domain.
    Host,
}

/// The values of a pattern that is no more than a choice between values; otherwise, why not.
pub(crate) fn simple(pattern: &Observation) -> Result<Vec<Term>, String> {
    match pattern {
        Observation::Test(test) => terms(test),
        Observation::Or(parts) => {
            let mut out = Vec::new();
            for part in parts {
                out.extend(simple(part)?);
            }
            Ok(out)
        }
        Observation::And(_) => Err("it needs several observations together (`AND`)".to_owned()),
        Observation::FollowedBy(_) => {
            Err("it needs observations in order (`FOLLOWEDBY`)".to_owned())
        }
        Observation::Qualified(inner, qualifier) => match qualifier {
            // Seen once is enough, and one observation always lies within any span.
            Qualifier::Repeats(1) => simple(inner),
            Qualifier::Repeats(n) => Err(format!("it must be seen {n} times (`REPEATS`)")),
            Qualifier::Within(_) => match inner.as_ref() {
                Observation::Test(test) => terms(test),
                _ => Err("it spans several observations (`WITHIN`)".to_owned()),
            },
            Qualifier::StartStop(..) => {
                Err("it holds only between two times (`START`, `STOP`)".to_owned())
            }
        },
    }
}

fn terms(test: &Comparison) -> Result<Vec<Term>, String> {
    match test {
        Comparison::Or(parts) => {
            let mut out = Vec::new();
            for part in parts {
                out.extend(terms(part)?);
            }
            Ok(out)
        }
        Comparison::And(parts) => all(parts),
        Comparison::Test {
            path,
            negated,
            op,
            values,
        } => {
            if *negated {
                return Err(format!(
                    "it is true when `{path}` is absent or differs (`NOT`)"
                ));
            }
            let sort = sort_of(path).ok_or_else(|| format!("`{path}` is not looked up"))?;
            let subset = *op == Op::IsSubset && matches!(sort, Sort::Address | Sort::Host);
            if !subset && !matches!(op, Op::Equal | Op::In) {
                return Err(format!(
                    "`{}` compares, it does not name a value",
                    op.as_str()
                ));
            }
            values
                .iter()
                .map(|value| match value {
                    Literal::Str(written) => Ok(Term {
                        sort,
                        value: written.clone(),
                    }),
                    Literal::Number(_)
                    | Literal::Bool(_)
                    | Literal::Time(_)
                    | Literal::Hex(_)
                    | Literal::Base64(_) => Err(format!("the value of `{path}` is not text")),
                })
                .collect()
        }
    }
}

/// `AND` is one value where the rest says nothing more: a test of the type that the value
/// shows itself, or a weaker hash of the same file.
fn all(parts: &[Comparison]) -> Result<Vec<Term>, String> {
    let telling: Vec<&Comparison> = parts.iter().filter(|p| !is_type_test(p)).collect();
    if let [one] = telling.as_slice() {
        return terms(one);
    }
    let mut hashes = Vec::new();
    for part in &telling {
        match part {
            Comparison::Test { path, .. } if is_hash(path) => match terms(part)?.as_slice() {
                [one] => hashes.push((path.object.as_str(), one.clone())),
                _ => return Err("it needs several properties together (`AND`)".to_owned()),
            },
            _ => return Err("it needs several properties together (`AND`)".to_owned()),
        }
    }
    let strength = |sort| match sort {
        Sort::Sha256 => 3,
        Sort::Sha1 => 2,
        _ => 1,
    };
    let same_object = hashes.windows(2).all(|w| match w {
        [a, b] => a.0 == b.0 && a.1.sort != b.1.sort,
        _ => true,
    });
    hashes
        .into_iter()
        .max_by_key(|(_, term)| strength(term.sort))
        .filter(|_| same_object)
        .map(|(_, term)| vec![term])
        .ok_or_else(|| "it needs several properties together (`AND`)".to_owned())
}

fn is_type_test(test: &Comparison) -> bool {
    matches!(test, Comparison::Test { path, negated: false, op: Op::Equal, .. }
        if path.object == "network-traffic"
            && matches!(path.steps.as_slice(), [Step::Name(end), Step::Name(kind)]
                if end.ends_with("_ref") && kind == "type"))
}

fn is_hash(path: &ObjectPath) -> bool {
    matches!(sort_of(path), Some(Sort::Md5 | Sort::Sha1 | Sort::Sha256))
}

fn sort_of(path: &ObjectPath) -> Option<Sort> {
    let names: Vec<&str> = path
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Name(name) => Some(name.as_str()),
            Step::Index(_) | Step::Any => None,
        })
        .collect();
    if let [.., "hashes", algorithm] = names.as_slice() {
        return match algorithm.to_ascii_uppercase().replace('-', "").as_str() {
            "MD5" => Some(Sort::Md5),
            "SHA1" => Some(Sort::Sha1),
            "SHA256" => Some(Sort::Sha256),
            _ => None,
        };
    }
    match (path.object.as_str(), names.as_slice()) {
        ("ipv4-addr" | "ipv6-addr", ["value"]) => Some(Sort::Address),
        ("domain-name", ["value"]) => Some(Sort::Domain),
        ("url", ["value"]) => Some(Sort::Url),
        ("email-addr", ["value"])
        | (
            "email-message",
            [
                "from_ref" | "sender_ref" | "to_refs" | "cc_refs" | "bcc_refs",
                "value",
            ],
        ) => Some(Sort::Email),
        ("network-traffic", ["dst_ref" | "src_ref", "value"]) => Some(Sort::Host),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::parse_pattern;

    #[test]
    fn a_choice_of_values_is_simple_and_nothing_else() {
        let check = |text: &str| match simple(&parse_pattern(text).unwrap()) {
            Ok(terms) => terms
                .into_iter()
                .map(|t| t.value)
                .collect::<Vec<_>>()
                .join(" "),
            Err(why) => format!("no: {why}"),
        };
        for (text, expected) in [
            (
                "[url:value = 'http://a' OR url:value IN ('http://b', 'http://c')]",
                "http://a http://b http://c",
            ),
            (
                "[ipv4-addr:value = '1.2.3.4'] OR [domain-name:value = 'x.org']",
                "1.2.3.4 x.org",
            ),
            (
                "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '1.2.3.4']",
                "1.2.3.4",
            ),
            (
                "[file:hashes.MD5 = 'aa' AND file:hashes.'SHA-256' = 'bb']",
                "bb",
            ),
            (
                "[file:hashes.MD5 = 'aa' AND file:name = 'x']",
                "no: it needs several properties together (`AND`)",
            ),
            (
                "[file:hashes.MD5 = 'aa' AND file:hashes.MD5 = 'bb']",
                "no: it needs several properties together (`AND`)",
            ),
            (
                "[network-traffic:dst_ref.value ISSUBSET '10.0.0.0/8']",
                "10.0.0.0/8",
            ),
            (
                "[url:value LIKE 'http%']",
                "no: `LIKE` compares, it does not name a value",
            ),
            (
                "[url:value != 'x']",
                "no: `!=` compares, it does not name a value",
            ),
            (
                "[url:value NOT = 'x']",
                "no: it is true when `url:value` is absent or differs (`NOT`)",
            ),
            ("[file:name = 'x']", "no: `file:name` is not looked up"),
            (
                "[url:value = 'x'] REPEATS 5 TIMES",
                "no: it must be seen 5 times (`REPEATS`)",
            ),
            (
                "[url:value = 'x'] AND [url:value = 'y']",
                "no: it needs several observations together (`AND`)",
            ),
        ] {
            assert_eq!(check(text), expected, "{text}");
        }
    }
}

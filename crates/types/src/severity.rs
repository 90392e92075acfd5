//! Severity: the impact scale of OCSF `severity_id` (OCSF 1.8, dictionary).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $err:ident, $what:literal, { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every value, lowest first.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
            /// The word, as shown and as parsed.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }
        impl FromStr for $name {
            type Err = $err;
            fn from_str(text: &str) -> Result<Self, $err> {
                Self::ALL.iter().copied().find(|v| v.as_str().eq_ignore_ascii_case(text))
                    .ok_or_else(|| $err(text.chars().take(80).collect()))
            }
        }
        impl TryFrom<String> for $name {
            type Error = $err;
            fn try_from(text: String) -> Result<Self, $err> { text.parse() }
        }
        impl From<$name> for String {
            fn from(v: $name) -> String { v.as_str().to_owned() }
        }
        /// Text that is none of the words; the message lists them.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error("`{0}` is not {what}; one of {words}", what = $what, words = [$($word),*].join(", "))]
        pub struct $err(String);
    };
}
pub(crate) use words;

words! {
    /// How bad it would be, lowest first.
    Severity, ParseSeverityError, "a severity", {
        /// Nothing is wrong.
        Informational = "informational",
        /// Look when there is time.
        Low = "low",
        /// Look today.
        Medium = "medium",
        /// Look now.
        High = "high",
        /// Drop everything.
        Critical = "critical",
        /// Everything is down or lost.
        Fatal = "fatal",
    }
}

impl Severity {
    /// The number of OCSF `severity_id`, 1 to 6.
    #[must_use]
    pub const fn ocsf_id(self) -> u8 {
        self as u8 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip_and_order() {
        for s in Severity::ALL {
            assert_eq!(s.to_string().parse::<Severity>().unwrap(), *s);
            assert_eq!(
                serde_json::from_value::<Severity>(serde_json::json!(s)).unwrap(),
                *s
            );
        }
        assert!(Severity::Critical > Severity::High);
        assert_eq!(Severity::High.ocsf_id(), 4);
        assert_eq!(
            "urgent".parse::<Severity>().unwrap_err().to_string(),
            "`urgent` is not a severity; one of informational, low, medium, high, critical, fatal"
        );
    }
}

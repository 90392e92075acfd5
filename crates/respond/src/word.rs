//! Closed vocabularies that read and print as one word each.

/// Declares an enum whose serde, `Display` and `FromStr` forms are the same words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every value, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
            /// The word, as shown and as parsed.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.as_str()) }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::word::ParseWordError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|v| v.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
                    $crate::word::ParseWordError::new($what, text, &[$($word),*])
                })
            }
        }
        impl TryFrom<String> for $name {
            type Error = $crate::word::ParseWordError;
            fn try_from(text: String) -> Result<Self, Self::Error> { text.parse() }
        }
        impl From<$name> for String {
            fn from(word: $name) -> String { word.as_str().to_owned() }
        }
    };
}
pub(crate) use words;

/// Text that is none of the words of a vocabulary; the message lists them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}; one of {}", .words.join(", "))]
pub struct ParseWordError {
    what: &'static str,
    text: String,
    words: Vec<&'static str>,
}

impl ParseWordError {
    pub(crate) fn new(what: &'static str, text: &str, words: &[&'static str]) -> Self {
        Self {
            what,
            text: text.chars().take(80).collect(),
            words: words.to_vec(),
        }
    }
}

//! What an analyst concludes about an alert.

use crate::word::words;

words! {
    /// A verdict (OCSF 1.8, Incident Finding 2005, `verdict_id`).
    Verdict, "a verdict", {
        /// The alert was wrong.
        FalsePositive = "false-positive",
        /// The alert was right and it was an attack.
        TruePositive = "true-positive",
        /// Right, but not worth acting on.
        Disregard = "disregard",
        /// Not proved, not cleared.
        Suspicious = "suspicious",
        /// Right, and what happened was legitimate.
        Benign = "benign",
        /// Caused by a test or an authorised exercise.
        Test = "test",
        /// Too little is known.
        InsufficientData = "insufficient-data",
        /// No attack, but a risk that has to be dealt with.
        SecurityRisk = "security-risk",
        /// Somebody outside deals with it.
        ManagedExternally = "managed-externally",
        /// Another alert says the same.
        Duplicate = "duplicate",
        /// None of the others; the reason says what.
        Other = "other",
    }
}

impl Verdict {
    /// The number of OCSF `verdict_id`.
    #[must_use]
    pub const fn ocsf_id(self) -> u8 {
        match self {
            Self::FalsePositive => 1,
            Self::TruePositive => 2,
            Self::Disregard => 3,
            Self::Suspicious => 4,
            Self::Benign => 5,
            Self::Test => 6,
            Self::InsufficientData => 7,
            Self::SecurityRisk => 8,
            Self::ManagedExternally => 9,
            Self::Duplicate => 10,
            Self::Other => 99,
        }
    }
}

//! Traffic Light Protocol 2.0 (FIRST).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::severity::words;

words! {
    /// How far something may be shared, widest first.
    Tlp, ParseTlpError, "a TLP 2.0 label", {
        /// No limit on disclosure.
        Clear = "TLP:CLEAR",
        /// Within the community.
        Green = "TLP:GREEN",
        /// Within the organisation and its clients, need to know.
        Amber = "TLP:AMBER",
        /// Within the organisation only.
        AmberStrict = "TLP:AMBER+STRICT",
        /// Named recipients only.
        Red = "TLP:RED",
    }
}

impl Tlp {
    /// Whether something marked `self` may be given to an audience cleared up to `audience`.
    #[must_use]
    pub fn may_go_to(self, audience: Tlp) -> bool {
        self <= audience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrower_label_stays_inside() {
        assert!(Tlp::Green.may_go_to(Tlp::Amber));
        assert!(!Tlp::Red.may_go_to(Tlp::AmberStrict));
        assert_eq!("tlp:amber+strict".parse::<Tlp>().unwrap(), Tlp::AmberStrict);
        assert!("TLP:WHITE".parse::<Tlp>().is_err());
    }
}

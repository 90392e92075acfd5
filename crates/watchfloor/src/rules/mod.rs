//! Rules of a running floor: which text of each is in force, put into force without a pause.
//!
//! ```text
//! files ─► units ─┐
//!                 ├─► wanted ─► assemble ─► Rulebook, swapped by the keeper
//! journal ─► life ┘
//! ```

pub(crate) mod admit;
mod assemble;
pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod keeper;
mod unit;

pub(crate) use assemble::{Fallen, assemble, wanted};
pub(crate) use unit::{Unit, Units, one};

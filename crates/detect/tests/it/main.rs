//! Tests of the whole crate; those that need the corpus say so and pass when it is not there.

mod codes;
mod corpus;
mod correlate;
mod differential;
mod findings;
mod load;
mod mutation;
mod regression;
mod semantics;

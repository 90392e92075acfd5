//! Sigma rules: parse, compile, match, correlate.

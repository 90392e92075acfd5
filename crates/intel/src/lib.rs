//! STIX and MISP in, indicators out, matching.

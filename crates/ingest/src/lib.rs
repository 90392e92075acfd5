//! Bytes to events: formats, decoding, mapping.

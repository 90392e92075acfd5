//! The format `otlp-logs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| watchfloor_fuzz::of_format("otlp-logs", data));

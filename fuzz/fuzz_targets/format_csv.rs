//! The format `csv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| watchfloor_fuzz::of_format("csv", data));

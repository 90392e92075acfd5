//! Rule files.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| watchfloor_fuzz::of_rules(text));

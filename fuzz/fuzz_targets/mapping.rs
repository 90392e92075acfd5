//! Mapping by the sources of the project.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| watchfloor_fuzz::of_record(data));

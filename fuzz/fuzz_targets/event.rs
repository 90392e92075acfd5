//! The native record under the scanner of the engine.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| watchfloor_fuzz::of_event(data));

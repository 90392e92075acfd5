//! The condition grammar, through a rule that embeds the input.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let condition = serde_json::Value::from(text);
    watchfloor_fuzz::of_rules(&format!(
        "title: t\nid: t\nlogsource: {{product: x}}\ndetection:\n    a: {{a: x}}\n    sel1: {{b: 1}}\n    _f: {{c.d: y}}\n    condition: {condition}\n"
    ));
});

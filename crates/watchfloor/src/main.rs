//! Security operations and incident response for AI systems.

fn main() {}

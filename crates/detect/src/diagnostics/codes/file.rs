//! The file, its metadata and its values: R001 to R024.

use super::{Code, code};

pub(super) static CODES: &[Code] = &[
    Code {
        code: code::YAML,
        title: "not valid YAML",
        meaning: "The file cannot be read as YAML from the marked place on. Documents before it in the file are kept; everything after it is not read.",
        example: "title: 'never closed
",
        way_out: "Close the quote or bracket, or correct the indentation. Values with `:`, `#`, `*`, `%` or a leading quote belong in single quotes.",
    },
    Code {
        code: code::NOT_A_MAP,
        title: "a rule must be a map",
        meaning: "A document of the file is a list or plain text, so it has no title, logsource or detection.",
        example: "- title: Example
",
        way_out: "Begin the document with `title:`; several rules in one file are separated by `---`.",
    },
    Code {
        code: code::TOO_LARGE,
        title: "too large or too deep",
        meaning: "Nesting, number of nodes (aliases expanded) and size of a rule file are bounded, so that a hostile file cannot exhaust memory.",
        example: "title: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
",
        way_out: "Flatten the structure, write aliases out, or split the file. Real rules come nowhere near the bounds: 48 levels, 200,000 nodes, 4 MiB.",
    },
    Code {
        code: code::DUPLICATE_KEY,
        title: "a key appears twice",
        meaning: "YAML maps cannot hold one key twice. One of the two values would be lost, so the rule would not do what it says.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
        Image: y
    condition: selection
",
        way_out: "For alternatives make one key with a list. To demand both, use `|all`, or two selections.",
    },
    Code {
        code: code::NO_TITLE,
        title: "no title",
        meaning: r#"Every rule needs a title (Sigma 2.1, "Title"): it is what people see in findings and alerts."#,
        example: "id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Add `title:` and say in a few words what the rule finds.",
    },
    Code {
        code: code::NO_LOGSOURCE,
        title: "no logsource",
        meaning: r#"A detection rule without a logsource would be tried on every event of every source (Sigma 2.1, "LogSource": mandatory)."#,
        example: "title: Example
id: example
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Add `logsource:` with at least one of `product`, `category`, `service`.",
    },
    Code {
        code: code::NO_DETECTION,
        title: "no detection",
        meaning: "The document has neither `detection` nor `correlation`, so there is nothing to match.",
        example: "title: Example
id: example
logsource:
    product: windows
",
        way_out: "Add `detection:` with at least one selection and a condition.",
    },
    Code {
        code: code::NO_CONDITION,
        title: "no condition",
        meaning: r#"The detection names selections but does not say how they are combined (Sigma 2.1, "Condition": mandatory)."#,
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
",
        way_out: "Add `condition:`; for a single selection its name is enough.",
    },
    Code {
        code: code::WRONG_TYPE,
        title: "the wrong kind of value",
        meaning: "A key holds a list, map or text where another kind is needed.",
        example: "title: [Example]
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Give it the kind of value that the message names.",
    },
    Code {
        code: code::BAD_ID,
        title: "not a usable id",
        meaning: "Rules are referred to by id in findings, links and correlations, so it must be short and safe: at most 128 letters, digits and `- _ . : / @`.",
        example: "title: Example
id: my first rule
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Use a random UUID, as the specification recommends, or a slug.",
    },
    Code {
        code: code::NO_ID,
        title: "no id",
        meaning: "Without an id the rule gets one made from its text. It changes with every edit, so suppressions, links and history are lost.",
        example: "title: Example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Give it a random UUID.",
    },
    Code {
        code: code::DUPLICATE_ID,
        title: "the id is taken",
        meaning: "Two rules have the same id. The first one is used, this one is left out.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
---
title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Give one of the two another id. If one replaces the other, remove the old one and name it under `related`.",
    },
    Code {
        code: code::DUPLICATE_NAME,
        title: "the name is taken",
        meaning: "Two rules have the same `name`, so a correlation that refers to it would be ambiguous. This one is left out.",
        example: "title: Example
id: one
name: same
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
---
title: Example
id: two
name: same
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Give one of the two another name.",
    },
    Code {
        code: code::BAD_LEVEL,
        title: "not a level",
        meaning: "`level` becomes the severity of findings and must be one of the five words of the specification.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
level: hihg
",
        way_out: "Use informational, low, medium, high or critical.",
    },
    Code {
        code: code::BAD_STATUS,
        title: "not a status",
        meaning: "`status` is one of stable, test, experimental, deprecated, unsupported. The rule is used all the same.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
status: testing
",
        way_out: "Use one of the five words.",
    },
    Code {
        code: code::UNKNOWN_KEY,
        title: "unknown key",
        meaning: "The key is not one of the specification's and looks like a misspelt one. Other unknown keys are kept silently: Sigma allows custom fields.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
falsepositive:
    - none
",
        way_out: "Correct the key.",
    },
    Code {
        code: code::UNKNOWN_MODIFIER,
        title: "unknown modifier",
        meaning: "What follows `|` in a field name must be a modifier of the modifiers appendix.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image|contain: x
    condition: selection
",
        way_out: "Correct the word; the message offers the nearest one.",
    },
    Code {
        code: code::MODIFIER_CONFLICT,
        title: "modifiers that exclude each other",
        meaning: "An item compares in one way. Two comparisons, or an encoding on something that is not text, have no meaning together.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image|re|contains: x
    condition: selection
",
        way_out: "Remove one of them; for two comparisons write two items.",
    },
    Code {
        code: code::BAD_VALUE,
        title: "a value that its modifier cannot use",
        meaning: "For example text where a number is needed, or wildcards in a value that is encoded.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Port|gt: many
    condition: selection
",
        way_out: "Give the value that the message asks for.",
    },
    Code {
        code: code::ALL_OF_ONE,
        title: "`all` on a single value",
        meaning: "`all` turns a list from any into all; on a single value it does nothing (modifiers appendix, `all`).",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image|contains|all: x
    condition: selection
",
        way_out: "Remove `all`, or list more values.",
    },
    Code {
        code: code::BAD_REGEX,
        title: "a regular expression that does not compile",
        meaning: "The expression has a syntax error, or compiles to more than 10 MiB.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image|re: '(unclosed'
    condition: selection
",
        way_out: "Correct it. Backslashes need no doubling in single quotes.",
    },
    Code {
        code: code::REGEX_FEATURE,
        title: "a regular expression beyond Sigma",
        meaning: r#"Look-around and back-references are not part of the flavour that Sigma allows (modifiers appendix, "Regular Expression"), and can take exponential time."#,
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image|re: '(?!x)y'
    condition: selection
",
        way_out: "Use a second selection with `not` instead of look-around.",
    },
    Code {
        code: code::BAD_NETWORK,
        title: "not a network",
        meaning: "`cidr` needs an address and a prefix length.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        SourceIp|cidr: 10.0.0.*
    condition: selection
",
        way_out: "Write 10.0.0.0/24 or 2001:db8::/32. For other patterns use a text modifier.",
    },
    Code {
        code: code::PLACEHOLDER,
        title: "a placeholder without a list",
        meaning: "`expand` replaces %name% by values that the operator supplies. None are known under this name, so this value never matches.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        User|expand: '%admins%'
    condition: selection
",
        way_out: "Supply the list, or write the values into the rule.",
    },
];

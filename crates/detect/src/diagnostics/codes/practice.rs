//! Good practice about detections and correlations: R103 to R129.

use super::{Code, code};

pub(super) static CODES: &[Code] = &[
    Code {
        code: code::WILDCARD_FOR_MODIFIER,
        title: "wildcards where a modifier is meant",
        meaning: "`*x*`, `x*` and `*x` say `contains`, `startswith` and `endswith` (modifiers appendix), which say it in words and are faster in most engines.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: '*\\cmd.exe'
    condition: selection
",
        way_out: "Use the modifier and leave the wildcards out.",
    },
    Code {
        code: code::DOUBLE_WILDCARD,
        title: "two wildcards in a row",
        meaning: "`**` says no more than `*`.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: 'a**b'
    condition: selection
",
        way_out: "Write one.",
    },
    Code {
        code: code::IDLE_WILDCARD,
        title: "a wildcard that does nothing",
        meaning: "`contains` allows anything on both sides anyway, `startswith` behind, `endswith` before.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image|endswith: '*\\cmd.exe'
    condition: selection
",
        way_out: "Leave it out.",
    },
    Code {
        code: code::ESCAPED_WILDCARD,
        title: "an escaped wildcard in a path",
        meaning: "`\\*` is a plain asterisk, and no folder on Windows is called so: `C:\\Users\\*\\x` matches nothing. A backslash before a wildcard has to be doubled (Sigma 2.1, \"Escape Character\").",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: 'C:\\Users\\*\\AppData\\x.exe'
    condition: selection
",
        way_out: "Write `C:\\Users\\\\*\\AppData\\x.exe`.",
    },
    Code {
        code: code::SHORT_VALUE,
        title: "a value of one character",
        meaning: "Nearly every text contains it, so the item says nothing.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        CommandLine|contains: 'a'
    condition: selection
",
        way_out: "Look for more, or join it with other values by `all`.",
    },
    Code {
        code: code::ONLY_WILDCARD,
        title: "a value that is only a wildcard",
        meaning: "`*` matches whatever the field holds; often something was left out by mistake.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: '*'
    condition: selection
",
        way_out: "Write `|exists: true` where the field only has to be there.",
    },
    Code {
        code: code::REGEX_IS_TEXT,
        title: "an expression that is only text",
        meaning: "A regular expression without anything regular is a text comparison, which every engine does faster. `re` minds case; `cased` keeps that.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image|re: 'cmd\\.exe$'
    condition: selection
",
        way_out: "Use `contains`, `startswith`, `endswith` or no modifier.",
    },
    Code {
        code: code::REGEX_IDLE_END,
        title: "an expression with `.*` at an end",
        meaning: "Expressions are searched anywhere in the field, so `.*` at an end does nothing but cost time.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image|re: '.*cmd[0-9]'
    condition: selection
",
        way_out: "Remove it. For engines that match whole values keep it and allow the remark.",
    },
    Code {
        code: code::REGEX_MATCHES_ANYTHING,
        title: "an expression that matches anything",
        meaning: "It can match the empty text, and every value contains that.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image|re: '(cmd)*'
    condition: selection
",
        way_out: "Say what the field must hold; where it only has to be there write `|exists: true`.",
    },
    Code {
        code: code::REGEX_CATASTROPHIC,
        title: "a repetition of a repetition",
        meaning: "`(a+)+` is linear here. Engines that go back, to which rules are converted, take time exponential in the length of the value, and an attacker can write that value.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image|re: '([cmd]+)+[0-9]'
    condition: selection
",
        way_out: "Let the inner or the outer repetition go.",
    },
    Code {
        code: code::NUMBER_AS_TEXT,
        title: "a number in quotes",
        meaning: "Here both match both. Engines that compare types find no number where they look for text.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        EventID: '4624'
    condition: selection
",
        way_out: "Leave the quotes out.",
    },
    Code {
        code: code::OF_ONE,
        title: "`of` for a single selection",
        meaning: "`1 of them` or `all of name` fits one selection only, so its name says the same.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: all of them
",
        way_out: "Write the name. `1 of filter_*` with a wildcard is fine: more may follow.",
    },
    Code {
        code: code::THEM_WITH_FILTER,
        title: "`them` takes the filters, too",
        meaning: "`1 of them` and `all of them` count every selection, also those that are meant to take away.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    filter_own:
        User: y
    condition: 1 of them
",
        way_out: "Write `1 of selection_* and not 1 of filter_*`.",
    },
    Code {
        code: code::FILTER_NOT_NEGATED,
        title: "a filter that is asked for",
        meaning: "By its name the selection takes away, but the condition demands it. Often a `not` was forgotten.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    filter_own:
        User: y
    condition: selection and filter_own
",
        way_out: "Write `and not`, or give the selection another name.",
    },
    Code {
        code: code::REPEATED_VALUE,
        title: "a value that stands there twice",
        meaning: "Values ignore case, so `A` and `a` are the same. One of them was probably meant to be another.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image:
            - 'cmd'
            - 'CMD'
            - 'x'
    condition: selection
",
        way_out: "Remove one of the two.",
    },
    Code {
        code: code::COVERED_VALUE,
        title: "a value that adds nothing",
        meaning: "Under `contains`, whatever contains `foobar` contains `foo`; with `all` it is the other way round.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image|contains:
            - 'foo'
            - 'foobar'
            - 'x'
    condition: selection
",
        way_out: "Remove it, or remove the shorter one if that was too broad.",
    },
    Code {
        code: code::FIELD_NOT_CANONICAL,
        title: "a field that no source gives",
        meaning: "Rules for AI categories read the canonical view, whose fields are listed in docs/fields.md. A name that is not there is never seen, so the rule is silent.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    category: gen_ai
detection:
    selection:
        ai.prompt.txt|contains: please
    condition: selection
",
        way_out: "Use the field that the message offers.",
    },
    Code {
        code: code::NEVER_MATCHES,
        title: "a rule that never matches",
        meaning: "The condition, or an item, contradicts itself.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection and not selection
",
        way_out: "Look for what is both asked for and ruled out.",
    },
    Code {
        code: code::MATCHES_WITHOUT_SELECTION,
        title: "a rule that matches nearly everything",
        meaning: "The condition holds when no selection does, so every event of the logsource matches that is not ruled out.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: not selection
",
        way_out: "Ask for at least one selection before ruling others out.",
    },
    Code {
        code: code::NO_SAMPLES,
        title: "no samples",
        meaning: "Said for rules of one's own (`--strict`). Without an event that must match and a near miss that must not, nobody notices when the rule breaks.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Add both under `tests`.",
    },
    Code {
        code: code::NO_OWNER,
        title: "no owner",
        meaning: "Said for rules of one's own (`--strict`). Somebody has to answer for what the rule costs.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Add `owner:` with a team rather than a person.",
    },
    Code {
        code: code::NO_LITERAL,
        title: "nothing to look for first",
        meaning: "The engine tries a rule when one of its texts stands in the event. With only negations, networks, comparisons, or expressions without a fixed text, it is tried on every event of its logsource.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Port|gt: 1024
    condition: selection
",
        way_out: "Add a text that every match has, such as the event's id or name.",
    },
    Code {
        code: code::LONG_TIMESPAN,
        title: "a correlation over more than a week",
        meaning: "It remembers every contribution for so long, and chance meetings grow with the window.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
correlation:
    type: event_count
    rules:
        - base
    group-by:
        - User
    timespan: 30d
    condition:
        gte: 3
---
title: Example
id: 0b1e7c52-0a55-4f0e-8f6d-3f2f0c9d7b10
name: base
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Take a shorter window, or correlate what is summed up daily.",
    },
    Code {
        code: code::NO_GROUP_BY,
        title: "a correlation over everything together",
        meaning: "Without `group-by` the events of all users and hosts are counted together, so a busy day looks like an attack.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
correlation:
    type: event_count
    rules:
        - base
    timespan: 5m
    condition:
        gte: 3
---
title: Example
id: 0b1e7c52-0a55-4f0e-8f6d-3f2f0c9d7b10
name: base
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Name what the events must have in common. Where the whole estate is meant, allow the remark.",
    },
    Code {
        code: code::YAML_WORD,
        title: "a word that some take for a boolean",
        meaning: "yes, no, on, off, y and n are text in YAML 1.2 and booleans in YAML 1.1, which most other tools read.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Enabled: yes
    condition: selection
",
        way_out: "Put it in quotes.",
    },
    Code {
        code: code::IDLE_MODIFIER,
        title: "a modifier that does nothing",
        meaning: "`cased` on what compares no text, or `windash` on values without a dash.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        CommandLine|contains|windash: 'delete'
    condition: selection
",
        way_out: "Remove it.",
    },
    Code {
        code: code::INVISIBLE_CHARACTER,
        title: "a character that nobody sees",
        meaning: "Copied from a page, a value may hold a zero-width or control character. It is compared like any other, so the rule is silent.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: 'cm\u{200b}d.exe'
    condition: selection
",
        way_out: "Remove it; where it is meant write it as an escape in double quotes.",
    },
];

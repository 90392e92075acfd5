//! Conditions, correlations and our own keys: R025 and up.

use super::{Code, code};

pub(super) static CODES: &[Code] = &[
    Code {
        code: code::CONDITION_SYNTAX,
        title: "a condition that cannot be read",
        meaning: "The condition is made of names of selections, and, or, not, brackets, and `N of` patterns.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection and
",
        way_out: "Correct the marked place.",
    },
    Code {
        code: code::UNKNOWN_SELECTION,
        title: "no such selection",
        meaning: "The condition names a selection that the detection does not define.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selektion
",
        way_out: "Correct the name, or define the selection.",
    },
    Code {
        code: code::EMPTY_PATTERN,
        title: "no selection fits the pattern",
        meaning: "`N of pattern` must fit at least one selection. With fewer selections than N it can never hold.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection and not 1 of filter_*
",
        way_out: "Correct the pattern, or define a selection that it fits.",
    },
    Code {
        code: code::UNUSED_SELECTION,
        title: "a selection that is never used",
        meaning: "The condition does not mention it, so it has no effect; often a filter that was forgotten.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    filter:
        User: y
    condition: selection
",
        way_out: "Use it in the condition, or remove it.",
    },
    Code {
        code: code::CONDITION_TOO_LARGE,
        title: "the condition is too large",
        meaning: "Conditions are bounded to 4,096 words and 64 levels of brackets.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((selection))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))
",
        way_out: "Split the rule.",
    },
    Code {
        code: code::AGGREGATION,
        title: "an aggregation in the condition",
        meaning: "Aggregations behind `|` were Sigma 1 and were removed.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection | count() > 5
",
        way_out: "Write a correlation rule with `event_count` or `value_count` that refers to this rule.",
    },
    Code {
        code: code::EMPTY_SELECTION,
        title: "a selection of nothing",
        meaning: "An empty map or list would match everything or nothing, depending on the reader.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: []
    condition: selection
",
        way_out: "Give it a value, `''` for the empty text, or `null` for a missing field.",
    },
    Code {
        code: code::LOGSOURCE_EMPTY,
        title: "a logsource that names nothing",
        meaning: "None of product, category and service is given, so the rule is tried on every event.",
        example: "title: Example
id: example
logsource:
    definition: any log
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Name at least one of them.",
    },
    Code {
        code: code::LOGSOURCE_CASE,
        title: "a logsource that is not in lower case",
        meaning: r#"Logsource values are lower case with `_` for spaces (Sigma 2.1, "LogSource"). The value is read in lower case."#,
        example: "title: Example
id: example
logsource:
    product: Windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Write it in lower case.",
    },
    Code {
        code: code::NULL_IN_LIST,
        title: "null in a list of values",
        meaning: r#"`null` is a type of its own and cannot be part of a list (Sigma 2.1, "Special Field Values"). It is read as one more alternative."#,
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image:
            - x
            - null
    condition: selection
",
        way_out: "Make a selection of its own: `Image: null`.",
    },
    Code {
        code: code::BAD_CORRELATION_TYPE,
        title: "not a correlation type known here",
        meaning: "Known are the standard's event_count, value_count, value_sum, value_avg, value_percentile, value_median, temporal and temporal_ordered, and our own new_value, changed_value and near_duplicate.",
        example: "title: Several
id: several
correlation:
    type: event_cuont
    rules: [base]
    timespan: 5m
    condition:
        gte: 3
---
title: Example
id: base
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Correct the word.",
    },
    Code {
        code: code::CORRELATION_INCOMPLETE,
        title: "a correlation that lacks something",
        meaning: "A correlation needs `type`, `rules` and `timespan`; counts also need a `condition`.",
        example: "title: Several
id: several
correlation:
    type: event_count
    rules: [base]
    timespan: 5m
---
title: Example
id: base
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Add what the message names.",
    },
    Code {
        code: code::BAD_TIMESPAN,
        title: "not a timespan",
        meaning: r#"A timespan is a whole number and one letter: s, m, h or d (correlation rules, "Time Selection"); w is understood too. At most one year."#,
        example: "title: Several
id: several
correlation:
    type: event_count
    rules: [base]
    timespan: 5 minutes
    condition:
        gte: 3
---
title: Example
id: base
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Write 90m for an hour and a half.",
    },
    Code {
        code: code::BAD_CORRELATION_CONDITION,
        title: "not a condition of a correlation",
        meaning: "It is a map of bounds: gt, gte, lt, lte, eq, neq. Counts are compared with whole numbers, sums and averages with any number; all types that read a value also need `field`. Temporal types take an expression over rules as well.",
        example: "title: Several
id: several
correlation:
    type: event_count
    rules: [base]
    timespan: 5m
    condition:
        atleast: 3
---
title: Example
id: base
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Use one of the six bounds.",
    },
    Code {
        code: code::UNKNOWN_RULE,
        title: "a reference to a rule that is not there",
        meaning: "The correlation refers to an id or name that no loaded rule has. The correlation is left out.",
        example: "title: Several
id: several
correlation:
    type: event_count
    rules: [bsae]
    timespan: 5m
    condition:
        gte: 3
---
title: Example
id: base
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Load the rule it refers to, or correct the reference.",
    },
    Code {
        code: code::REFERENCE_CYCLE,
        title: "correlations that refer to each other in a circle",
        meaning: "A correlation cannot feed itself, directly or through others. All of the circle are left out.",
        example: "title: Several
id: several
correlation:
    type: event_count
    rules: [several]
    timespan: 5m
    condition:
        gte: 3
",
        way_out: "Break the circle.",
    },
    Code {
        code: code::BAD_ALIAS,
        title: "an alias that leads nowhere",
        meaning: r#"An alias maps rule names of this correlation to fields (correlation rules, "Aliases")."#,
        example: "title: Several
id: several
correlation:
    type: event_count
    rules: [base]
    timespan: 5m
    condition:
        gte: 3
    group-by: [who]
    aliases:
        who:
            other: user
---
title: Example
id: base
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Name a rule from the list `rules`.",
    },
    Code {
        code: code::BAD_SAMPLE,
        title: "a test that cannot be run",
        meaning: "Each entry of `tests` has a name, `expect: match` or `expect: none`, and one `event` or a list `events`.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
tests:
    - name: fires
      expect: yes
      event: {Image: x}
",
        way_out: "Complete the entry.",
    },
    Code {
        code: code::BAD_TAG,
        title: "not a tag",
        meaning: "Tags are namespace.name in lower case (tags appendix). Techniques are read from `attack.t…` and `atlas.aml.t…` tags, so a misspelt tag loses its technique.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
tags:
    - T1059
",
        way_out: "Write attack.t1059.",
    },
    Code {
        code: code::BAD_DATE,
        title: "not a date",
        meaning: "`date` and `modified` are ISO 8601 dates.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
date: 2025/01/31
",
        way_out: "Write YYYY-MM-DD.",
    },
    Code {
        code: code::BAD_RUNBOOK,
        title: "not the name of a runbook",
        meaning: "`runbook` is the slug of a runbook: letters, digits and `- _ . : / @`.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
runbook: what to do
",
        way_out: "Use the name of the runbook's folder.",
    },
    Code {
        code: code::TOO_MANY_VARIANTS,
        title: "a value that stands for too many texts",
        meaning: "`windash` makes every combination of dashes and `expand` every combination of list values; the number is bounded.",
        example: "title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        CommandLine|windash|contains: '-a -b -c -d -e -f'
    condition: selection
",
        way_out: "Split it into shorter values joined with `all`.",
    },
    Code {
        code: code::TITLE_TOO_LONG,
        title: "a long title",
        meaning: r#"Titles have at most 256 characters (Sigma 2.1, "Title")."#,
        example: "title: very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long title
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Move detail to `description`.",
    },
];

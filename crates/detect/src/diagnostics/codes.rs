//! The table of diagnostic codes; the pages in `docs/diagnostics/` are made from it.

/// A diagnostic code of rules. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// `R017`.
    pub code: &'static str,
    /// A few words.
    pub title: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// A rule file that gives it.
    pub example: &'static str,
    /// What to do.
    pub way_out: &'static str,
}

impl Code {
    /// Its page in `docs/diagnostics/`, Markdown.
    #[must_use]
    pub fn page(&self) -> String {
        format!(
            "# {}: {}\n\n{}\n\n## Example\n\n```yaml\n{}```\n\n## Way out\n\n{}\n",
            self.code, self.title, self.meaning, self.example, self.way_out
        )
    }
}

pub(crate) mod code {
    pub(crate) const YAML: &str = "R001";
    pub(crate) const NOT_A_MAP: &str = "R002";
    pub(crate) const TOO_LARGE: &str = "R003";
    pub(crate) const DUPLICATE_KEY: &str = "R004";
    pub(crate) const NO_TITLE: &str = "R005";
    pub(crate) const NO_LOGSOURCE: &str = "R006";
    pub(crate) const NO_DETECTION: &str = "R007";
    pub(crate) const NO_CONDITION: &str = "R008";
    pub(crate) const WRONG_TYPE: &str = "R009";
    pub(crate) const BAD_ID: &str = "R010";
    pub(crate) const NO_ID: &str = "R011";
    pub(crate) const DUPLICATE_ID: &str = "R012";
    pub(crate) const DUPLICATE_NAME: &str = "R013";
    pub(crate) const BAD_LEVEL: &str = "R014";
    pub(crate) const BAD_STATUS: &str = "R015";
    pub(crate) const UNKNOWN_KEY: &str = "R016";
    pub(crate) const UNKNOWN_MODIFIER: &str = "R017";
    pub(crate) const MODIFIER_CONFLICT: &str = "R018";
    pub(crate) const BAD_VALUE: &str = "R019";
    pub(crate) const ALL_OF_ONE: &str = "R020";
    pub(crate) const BAD_REGEX: &str = "R021";
    pub(crate) const REGEX_FEATURE: &str = "R022";
    pub(crate) const BAD_NETWORK: &str = "R023";
    pub(crate) const PLACEHOLDER: &str = "R024";
    pub(crate) const CONDITION_SYNTAX: &str = "R025";
    pub(crate) const UNKNOWN_SELECTION: &str = "R026";
    pub(crate) const EMPTY_PATTERN: &str = "R027";
    pub(crate) const UNUSED_SELECTION: &str = "R028";
    pub(crate) const CONDITION_TOO_LARGE: &str = "R029";
    pub(crate) const AGGREGATION: &str = "R030";
    pub(crate) const EMPTY_SELECTION: &str = "R031";
    pub(crate) const LOGSOURCE_EMPTY: &str = "R032";
    pub(crate) const LOGSOURCE_CASE: &str = "R033";
    pub(crate) const NULL_IN_LIST: &str = "R034";
    pub(crate) const BAD_CORRELATION_TYPE: &str = "R035";
    pub(crate) const CORRELATION_INCOMPLETE: &str = "R036";
    pub(crate) const BAD_TIMESPAN: &str = "R037";
    pub(crate) const BAD_CORRELATION_CONDITION: &str = "R038";
    pub(crate) const UNKNOWN_RULE: &str = "R039";
    pub(crate) const REFERENCE_CYCLE: &str = "R040";
    pub(crate) const BAD_ALIAS: &str = "R041";
    pub(crate) const BAD_SAMPLE: &str = "R042";
    pub(crate) const BAD_TAG: &str = "R043";
    pub(crate) const BAD_DATE: &str = "R044";
    pub(crate) const BAD_RUNBOOK: &str = "R045";
    pub(crate) const TOO_MANY_VARIANTS: &str = "R046";
    pub(crate) const TITLE_TOO_LONG: &str = "R047";
}

/// Every code.
pub static CODES: &[Code] = &[
    Code {
        code: code::YAML,
        title: "not valid YAML",
        meaning: r#"The file cannot be read as YAML from the marked place on. Documents before it in the file are kept; everything after it is not read."#,
        example: r#"title: 'never closed
"#,
        way_out: r#"Close the quote or bracket, or correct the indentation. Values with `:`, `#`, `*`, `%` or a leading quote belong in single quotes."#,
    },
    Code {
        code: code::NOT_A_MAP,
        title: "a rule must be a map",
        meaning: r#"A document of the file is a list or plain text, so it has no title, logsource or detection."#,
        example: r#"- title: Example
"#,
        way_out: r#"Begin the document with `title:`; several rules in one file are separated by `---`."#,
    },
    Code {
        code: code::TOO_LARGE,
        title: "too large or too deep",
        meaning: r#"Nesting, number of nodes (aliases expanded) and size of a rule file are bounded, so that a hostile file cannot exhaust memory."#,
        example: r#"title: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
"#,
        way_out: r#"Flatten the structure, write aliases out, or split the file. Real rules come nowhere near the bounds: 48 levels, 200,000 nodes, 4 MiB."#,
    },
    Code {
        code: code::DUPLICATE_KEY,
        title: "a key appears twice",
        meaning: r#"YAML maps cannot hold one key twice. One of the two values would be lost, so the rule would not do what it says."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
        Image: y
    condition: selection
"#,
        way_out: r#"For alternatives make one key with a list. To demand both, use `|all`, or two selections."#,
    },
    Code {
        code: code::NO_TITLE,
        title: "no title",
        meaning: r#"Every rule needs a title (Sigma 2.1, "Title"): it is what people see in findings and alerts."#,
        example: r#"id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
"#,
        way_out: r#"Add `title:` and say in a few words what the rule finds."#,
    },
    Code {
        code: code::NO_LOGSOURCE,
        title: "no logsource",
        meaning: r#"A detection rule without a logsource would be tried on every event of every source (Sigma 2.1, "LogSource": mandatory)."#,
        example: r#"title: Example
id: example
detection:
    selection:
        Image: x
    condition: selection
"#,
        way_out: r#"Add `logsource:` with at least one of `product`, `category`, `service`."#,
    },
    Code {
        code: code::NO_DETECTION,
        title: "no detection",
        meaning: r#"The document has neither `detection` nor `correlation`, so there is nothing to match."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
"#,
        way_out: r#"Add `detection:` with at least one selection and a condition."#,
    },
    Code {
        code: code::NO_CONDITION,
        title: "no condition",
        meaning: r#"The detection names selections but does not say how they are combined (Sigma 2.1, "Condition": mandatory)."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
"#,
        way_out: r#"Add `condition:`; for a single selection its name is enough."#,
    },
    Code {
        code: code::WRONG_TYPE,
        title: "the wrong kind of value",
        meaning: r#"A key holds a list, map or text where another kind is needed."#,
        example: r#"title: [Example]
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
"#,
        way_out: r#"Give it the kind of value that the message names."#,
    },
    Code {
        code: code::BAD_ID,
        title: "not a usable id",
        meaning: r#"Rules are referred to by id in findings, links and correlations, so it must be short and safe: at most 128 letters, digits and `- _ . : / @`."#,
        example: r#"title: Example
id: my first rule
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
"#,
        way_out: r#"Use a random UUID, as the specification recommends, or a slug."#,
    },
    Code {
        code: code::NO_ID,
        title: "no id",
        meaning: r#"Without an id the rule gets one made from its text. It changes with every edit, so suppressions, links and history are lost."#,
        example: r#"title: Example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
"#,
        way_out: r#"Give it a random UUID."#,
    },
    Code {
        code: code::DUPLICATE_ID,
        title: "the id is taken",
        meaning: r#"Two rules have the same id. The first one is used, this one is left out."#,
        example: r#"title: Example
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
"#,
        way_out: r#"Give one of the two another id. If one replaces the other, remove the old one and name it under `related`."#,
    },
    Code {
        code: code::DUPLICATE_NAME,
        title: "the name is taken",
        meaning: r#"Two rules have the same `name`, so a correlation that refers to it would be ambiguous. This one is left out."#,
        example: r#"title: Example
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
"#,
        way_out: r#"Give one of the two another name."#,
    },
    Code {
        code: code::BAD_LEVEL,
        title: "not a level",
        meaning: r#"`level` becomes the severity of findings and must be one of the five words of the specification."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
level: hihg
"#,
        way_out: r#"Use informational, low, medium, high or critical."#,
    },
    Code {
        code: code::BAD_STATUS,
        title: "not a status",
        meaning: r#"`status` is one of stable, test, experimental, deprecated, unsupported. The rule is used all the same."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
status: testing
"#,
        way_out: r#"Use one of the five words."#,
    },
    Code {
        code: code::UNKNOWN_KEY,
        title: "unknown key",
        meaning: r#"The key is not one of the specification's and looks like a misspelt one. Other unknown keys are kept silently: Sigma allows custom fields."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
falsepositive:
    - none
"#,
        way_out: r#"Correct the key."#,
    },
    Code {
        code: code::UNKNOWN_MODIFIER,
        title: "unknown modifier",
        meaning: r#"What follows `|` in a field name must be a modifier of the modifiers appendix."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image|contain: x
    condition: selection
"#,
        way_out: r#"Correct the word; the message offers the nearest one."#,
    },
    Code {
        code: code::MODIFIER_CONFLICT,
        title: "modifiers that exclude each other",
        meaning: r#"An item compares in one way. Two comparisons, or an encoding on something that is not text, have no meaning together."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image|re|contains: x
    condition: selection
"#,
        way_out: r#"Remove one of them; for two comparisons write two items."#,
    },
    Code {
        code: code::BAD_VALUE,
        title: "a value that its modifier cannot use",
        meaning: r#"For example text where a number is needed, or wildcards in a value that is encoded."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Port|gt: many
    condition: selection
"#,
        way_out: r#"Give the value that the message asks for."#,
    },
    Code {
        code: code::ALL_OF_ONE,
        title: "`all` on a single value",
        meaning: r#"`all` turns a list from any into all; on a single value it does nothing (modifiers appendix, `all`)."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image|contains|all: x
    condition: selection
"#,
        way_out: r#"Remove `all`, or list more values."#,
    },
    Code {
        code: code::BAD_REGEX,
        title: "a regular expression that does not compile",
        meaning: r#"The expression has a syntax error, or compiles to more than 1 MiB."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image|re: '(unclosed'
    condition: selection
"#,
        way_out: r#"Correct it. Backslashes need no doubling in single quotes."#,
    },
    Code {
        code: code::REGEX_FEATURE,
        title: "a regular expression beyond Sigma",
        meaning: r#"Look-around and back-references are not part of the flavour that Sigma allows (modifiers appendix, "Regular Expression"), and can take exponential time."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image|re: '(?!x)y'
    condition: selection
"#,
        way_out: r#"Use a second selection with `not` instead of look-around."#,
    },
    Code {
        code: code::BAD_NETWORK,
        title: "not a network",
        meaning: r#"`cidr` needs an address and a prefix length."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        SourceIp|cidr: 10.0.0.*
    condition: selection
"#,
        way_out: r#"Write 10.0.0.0/24 or 2001:db8::/32. For other patterns use a text modifier."#,
    },
    Code {
        code: code::PLACEHOLDER,
        title: "a placeholder without a list",
        meaning: r#"`expand` replaces %name% by values that the operator supplies. None are known under this name, so this value never matches."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        User|expand: '%admins%'
    condition: selection
"#,
        way_out: r#"Supply the list, or write the values into the rule."#,
    },
    Code {
        code: code::CONDITION_SYNTAX,
        title: "a condition that cannot be read",
        meaning: r#"The condition is made of names of selections, and, or, not, brackets, and `N of` patterns."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection and
"#,
        way_out: r#"Correct the marked place."#,
    },
    Code {
        code: code::UNKNOWN_SELECTION,
        title: "no such selection",
        meaning: r#"The condition names a selection that the detection does not define."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selektion
"#,
        way_out: r#"Correct the name, or define the selection."#,
    },
    Code {
        code: code::EMPTY_PATTERN,
        title: "no selection fits the pattern",
        meaning: r#"`N of pattern` must fit at least one selection. With fewer selections than N it can never hold."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection and not 1 of filter_*
"#,
        way_out: r#"Correct the pattern, or define a selection that it fits."#,
    },
    Code {
        code: code::UNUSED_SELECTION,
        title: "a selection that is never used",
        meaning: r#"The condition does not mention it, so it has no effect; often a filter that was forgotten."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    filter:
        User: y
    condition: selection
"#,
        way_out: r#"Use it in the condition, or remove it."#,
    },
    Code {
        code: code::CONDITION_TOO_LARGE,
        title: "the condition is too large",
        meaning: r#"Conditions are bounded to 4,096 words and 64 levels of brackets."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((selection))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))
"#,
        way_out: r#"Split the rule."#,
    },
    Code {
        code: code::AGGREGATION,
        title: "an aggregation in the condition",
        meaning: r#"Aggregations behind `|` were Sigma 1 and were removed."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection | count() > 5
"#,
        way_out: r#"Write a correlation rule with `event_count` or `value_count` that refers to this rule."#,
    },
    Code {
        code: code::EMPTY_SELECTION,
        title: "a selection of nothing",
        meaning: r#"An empty map or list would match everything or nothing, depending on the reader."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: []
    condition: selection
"#,
        way_out: r#"Give it a value, `''` for the empty text, or `null` for a missing field."#,
    },
    Code {
        code: code::LOGSOURCE_EMPTY,
        title: "a logsource that names nothing",
        meaning: r#"None of product, category and service is given, so the rule is tried on every event."#,
        example: r#"title: Example
id: example
logsource:
    definition: any log
detection:
    selection:
        Image: x
    condition: selection
"#,
        way_out: r#"Name at least one of them."#,
    },
    Code {
        code: code::LOGSOURCE_CASE,
        title: "a logsource that is not in lower case",
        meaning: r#"Logsource values are lower case with `_` for spaces (Sigma 2.1, "LogSource"). The value is read in lower case."#,
        example: r#"title: Example
id: example
logsource:
    product: Windows
detection:
    selection:
        Image: x
    condition: selection
"#,
        way_out: r#"Write it in lower case."#,
    },
    Code {
        code: code::NULL_IN_LIST,
        title: "null in a list of values",
        meaning: r#"`null` is a type of its own and cannot be part of a list (Sigma 2.1, "Special Field Values"). It is read as one more alternative."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image:
            - x
            - null
    condition: selection
"#,
        way_out: r#"Make a selection of its own: `Image: null`."#,
    },
    Code {
        code: code::BAD_CORRELATION_TYPE,
        title: "not a correlation type known here",
        meaning: r#"Known are event_count, value_count, temporal and temporal_ordered. value_sum, value_avg and value_percentile are not supported yet."#,
        example: r#"title: Several
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
"#,
        way_out: r#"Correct the word."#,
    },
    Code {
        code: code::CORRELATION_INCOMPLETE,
        title: "a correlation that lacks something",
        meaning: r#"A correlation needs `type`, `rules` and `timespan`; counts also need a `condition`."#,
        example: r#"title: Several
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
"#,
        way_out: r#"Add what the message names."#,
    },
    Code {
        code: code::BAD_TIMESPAN,
        title: "not a timespan",
        meaning: r#"A timespan is a whole number and one letter: s, m, h or d (correlation rules, "Time Selection"); w is understood too. At most one year."#,
        example: r#"title: Several
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
"#,
        way_out: r#"Write 90m for an hour and a half."#,
    },
    Code {
        code: code::BAD_CORRELATION_CONDITION,
        title: "not a condition of a correlation",
        meaning: r#"It is a map of bounds: gt, gte, lt, lte, eq, neq with whole numbers; `value_count` also needs `field`."#,
        example: r#"title: Several
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
"#,
        way_out: r#"Use one of the six bounds."#,
    },
    Code {
        code: code::UNKNOWN_RULE,
        title: "a reference to a rule that is not there",
        meaning: r#"The correlation refers to an id or name that no loaded rule has. The correlation is left out."#,
        example: r#"title: Several
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
"#,
        way_out: r#"Load the rule it refers to, or correct the reference."#,
    },
    Code {
        code: code::REFERENCE_CYCLE,
        title: "correlations that refer to each other in a circle",
        meaning: r#"A correlation cannot feed itself, directly or through others. All of the circle are left out."#,
        example: r#"title: Several
id: several
correlation:
    type: event_count
    rules: [several]
    timespan: 5m
    condition:
        gte: 3
"#,
        way_out: r#"Break the circle."#,
    },
    Code {
        code: code::BAD_ALIAS,
        title: "an alias that leads nowhere",
        meaning: r#"An alias maps rule names of this correlation to fields (correlation rules, "Aliases")."#,
        example: r#"title: Several
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
"#,
        way_out: r#"Name a rule from the list `rules`."#,
    },
    Code {
        code: code::BAD_SAMPLE,
        title: "a test that cannot be run",
        meaning: r#"Each entry of `tests` has a name, `expect: match` or `expect: none`, and one `event` or a list `events`."#,
        example: r#"title: Example
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
"#,
        way_out: r#"Complete the entry."#,
    },
    Code {
        code: code::BAD_TAG,
        title: "not a tag",
        meaning: r#"Tags are namespace.name in lower case (tags appendix). Techniques are read from `attack.t…` and `atlas.aml.t…` tags, so a misspelt tag loses its technique."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
tags:
    - T1059
"#,
        way_out: r#"Write attack.t1059."#,
    },
    Code {
        code: code::BAD_DATE,
        title: "not a date",
        meaning: r#"`date` and `modified` are ISO 8601 dates."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
date: 2025/01/31
"#,
        way_out: r#"Write YYYY-MM-DD."#,
    },
    Code {
        code: code::BAD_RUNBOOK,
        title: "not the name of a runbook",
        meaning: r#"`runbook` is the slug of a runbook: letters, digits and `- _ . : / @`."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
runbook: what to do
"#,
        way_out: r#"Use the name of the runbook's folder."#,
    },
    Code {
        code: code::TOO_MANY_VARIANTS,
        title: "a value that stands for too many texts",
        meaning: r#"`windash` makes every combination of dashes and `expand` every combination of list values; the number is bounded."#,
        example: r#"title: Example
id: example
logsource:
    product: windows
detection:
    selection:
        CommandLine|windash|contains: '-a -b -c -d -e -f'
    condition: selection
"#,
        way_out: r#"Split it into shorter values joined with `all`."#,
    },
    Code {
        code: code::TITLE_TOO_LONG,
        title: "a long title",
        meaning: r#"Titles have at most 256 characters (Sigma 2.1, "Title")."#,
        example: r#"title: very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long very long title
id: example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
"#,
        way_out: r#"Move detail to `description`."#,
    },
];

//! Codes about correlations beyond their plain form.

use super::{Code, code};

pub(super) const CODES: &[Code] = &[
    Code {
        code: code::PERCENTILE,
        title: "a percentile that is not given or not one",
        meaning: "`value_percentile` compares the number below which `percentile` per cent of the values lie. The specification's own example leaves the percentage out; 50, the median, is taken then, with a warning.",
        example: "title: Several
id: several
correlation:
    type: value_percentile
    rules: [base]
    timespan: 1h
    condition:
        field: bytes
        gte: 1000
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
        way_out: "Add `percentile:`, a number from 0 to 100.",
    },
    Code {
        code: code::EXTENDED_CONDITION,
        title: "not an expression over rules",
        meaning: "The condition of a temporal correlation may be text: names from `rules` with `and`, `or`, `not` and brackets, `N of` names with `*`, and bounds on how often a rule matched, such as `failed gte 5`.",
        example: "title: Several
id: several
correlation:
    type: temporal
    rules: [base]
    timespan: 5m
    condition: bsae
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
        way_out: "Name a rule of the list `rules`, and close every bracket.",
    },
    Code {
        code: code::EXTENDED_CONDITION_UNUSED,
        title: "a rule that the condition never asks for",
        meaning: "The rule is in the list `rules`, but the expression does not name it, so its matches change nothing.",
        example: "title: Several
id: several
correlation:
    type: temporal
    rules: [base, example_two]
    timespan: 5m
    condition: base
---
title: Example
id: example_two
logsource:
    product: windows
detection:
    selection:
        Image: y
    condition: selection
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
        way_out: "Name it in the condition, or take it out of `rules`.",
    },
    Code {
        code: code::BAD_WINDOW,
        title: "a window that is not one",
        meaning: "`window` is sliding (where it is not given), tumbling or session. A session, and only a session, has a `gap` that ends it, at most as long as `timespan`, which bounds the session as a whole.",
        example: "title: Several
id: several
correlation:
    type: event_count
    rules: [base]
    timespan: 5m
    window: session
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
        way_out: "Add `gap:`, such as 5m, or leave `window` out.",
    },
    Code {
        code: code::BAD_LEARNING,
        title: "a learning period that is missing or not one",
        meaning: "`new_value` only listens to a key for its learning period: what it sees then is known. No other type has one.",
        example: "title: Several
id: several
correlation:
    type: new_value
    rules: [base]
    timespan: 30d
    condition:
        field: User
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
        way_out: "Add `learning:` with a timespan such as 14d, or 0s to find everything that is new from the start.",
    },
    Code {
        code: code::BAD_DISTANCE,
        title: "a distance that is not one",
        meaning: "`near_duplicate` compares fingerprints of 64 bits; `distance` is how many may differ, from 0 to 16.",
        example: "title: Several
id: several
correlation:
    type: near_duplicate
    rules: [base]
    timespan: 1h
    condition:
        field: text
        distance: 40
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
        way_out: "Leave `distance` out, or give a whole number up to 16.",
    },
    Code {
        code: code::BAD_ACTION,
        title: "not an action of a document",
        meaning: "`action: global` lays a document under all that follow in the file, `action: reset` ends that, and `action: repeat` lays a document over the one before.",
        example: "action: repeat
title: Example
id: example
",
        way_out: "Put the document that is repeated before it, or remove `action`.",
    },
    Code {
        code: code::FILTER_RULES,
        title: "a filter for no rules",
        meaning: "A filter names its rules by id or name, or says `any` for all rules of its logsource (filters specification, `rules`).",
        example: "title: Example
id: base
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
---
title: Administrators
id: administrators
logsource:
    product: windows
filter:
    selection:
        User: adm
    condition: not selection
",
        way_out: "Add `rules:`.",
    },
    Code {
        code: code::FILTER_KEEPS,
        title: "a filter that keeps instead of leaving out",
        meaning: "The condition of a filter is added to the rule's with `and`. Without `not` the rule matches only what the filter selects, which is seldom meant.",
        example: "title: Example
id: base
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
---
title: Administrators
id: administrators
logsource:
    product: windows
filter:
    rules: [base]
    selection:
        User: adm
    condition: selection
",
        way_out: "Write `condition: not selection`.",
    },
    Code {
        code: code::FILTER_TARGET,
        title: "a filter that does not reach a rule it names",
        meaning: "The rule is not loaded, is a correlation, or its logsource is not of the filter's: each part of the logsource that the filter names must be the rule's. The filter is not applied to it.",
        example: "title: Example
id: base
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
---
title: Administrators
id: administrators
logsource:
    product: linux
filter:
    rules: [base]
    selection:
        User: adm
    condition: not selection
",
        way_out: "Correct the reference, or the filter's logsource.",
    },
    Code {
        code: code::PIPELINE,
        title: "a pipeline that cannot be read",
        meaning: "A processing pipeline has `name`, `priority`, `vars` and a list `transformations`. What is not understood is refused: a rule that was fitted in part would be silent. `postprocessing` and `finalizers` shape queries for other systems; they are passed over with a note.",
        example: "name: Example
transformations:
    - type: field_name_prefix
      prefx: win.
",
        way_out: "Correct the key, or leave it out.",
    },
    Code {
        code: code::PIPELINE_TRANSFORMATION,
        title: "a transformation that is not known",
        meaning: "Known are field_name_mapping, field_name_prefix_mapping, field_name_prefix, field_name_suffix, change_logsource, add_condition, replace_string, map_string, set_value, drop_detection_item, set_state, rule_failure, detection_item_failure, value_placeholders and wildcard_placeholders, as pySigma has them.",
        example: "name: Example
transformations:
    - type: field_name_maping
      mapping:
          Image: process.executable
",
        way_out: "Correct the word, or say the same with those that are known.",
    },
    Code {
        code: code::PIPELINE_CONDITION,
        title: "a condition of a transformation that is not known",
        meaning: "Over the rule: logsource, contains_detection_item, contains_field, processing_item_applied, processing_state, is_sigma_rule, is_sigma_correlation_rule, rule_attribute, tag. Over the detection item: match_string, is_null, contains_wildcard, processing_state. Over the field name: include_fields, exclude_fields, processing_state.",
        example: "name: Example
transformations:
    - type: field_name_prefix
      prefix: win.
      rule_conditions:
          - type: log_source
            product: windows
",
        way_out: "Correct the word, or say the same with those that are known.",
    },
    Code {
        code: code::PIPELINE_REFUSES,
        title: "a rule that a pipeline refuses",
        meaning: "The pipeline says with `rule_failure` or `detection_item_failure` that it cannot fit such rules, or it gives several names to a field of a correlation. The rule is left out.",
        example: "name: Example
transformations:
    - type: rule_failure
      message: only process creation is collected
",
        way_out: "Leave the rule or the pipeline out, or change either.",
    },
    Code {
        code: code::BAD_LISTS,
        title: "placeholder lists that cannot be read",
        meaning: "A file of lists is a map: the name of each placeholder, without percent signs, and its values.",
        example: "# lists
Administrators: []
",
        way_out: "Give each name at least one value, or leave it out: a rule that needs it says so (R024).",
    },
    Code {
        code: code::ARRAY_SELECTOR,
        title: "a selector of array members that cannot be read",
        meaning: "With `sigma-version: 3` a field name may go on with `[any]`, `[all]`, `[all_or_empty]`, `[none]` or a position such as `[0]` or `[-1]` (SEP 212); a dot and a name, or a map, may follow. Fields of the canonical view hold no arrays of objects, and `fieldref` cannot stand inside.",
        example: "title: Example
id: example
sigma-version: 3
logsource:
    product: windows
detection:
    selection:
        connections[each].ip: 10.0.0.1
    condition: selection
",
        way_out: "Use one of the selectors. A bracket in a name is written `\\[`.",
    },
];

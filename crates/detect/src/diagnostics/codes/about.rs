//! Good practice about the file and its metadata: R080 to R102.

use super::{Code, code};

pub(super) static CODES: &[Code] = &[
    Code {
        code: code::LAYOUT_REFUSED,
        title: "a file that `rule fmt` leaves alone",
        meaning: "The layout is only changed where its meaning provably stays the same. Explicit keys (`?`), directives, texts that state their own indentation and the like are left as they are.",
        example: "? title
: Example
",
        way_out: "Write the place in a plainer way, or lay the file out by hand.",
    },
    Code {
        code: code::ALLOWANCE_WITHOUT_REASON,
        title: "an allowance without code or reason",
        meaning: "`# watchfloor: allow` silences a remark, and whoever reads it later has to know why.",
        example: "# watchfloor: allow R083
title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Name the codes and say why: `# watchfloor: allow R083 the title says it all`.",
    },
    Code {
        code: code::ALLOWANCE_UNUSED,
        title: "an allowance that allows nothing",
        meaning: "What it allowed is mended, or the comment stands in the wrong place. It would hide the next one.",
        example: "# watchfloor: allow R116 the name comes from elsewhere
title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Remove the comment.",
    },
    Code {
        code: code::NO_DESCRIPTION,
        title: "no description",
        meaning: "At night the description is all that an analyst has (Sigma 2.1, \"Description\").",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Say what happens, why it matters and what can be seen.",
    },
    Code {
        code: code::NO_AUTHOR,
        title: "no author",
        meaning: "Nobody can be asked (Sigma 2.1, \"Author\").",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Name who wrote it.",
    },
    Code {
        code: code::NO_DATE,
        title: "no date",
        meaning: "Without a date nobody sees that a rule is old (Sigma 2.1, \"Date\").",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Write the day it was made as YYYY-MM-DD.",
    },
    Code {
        code: code::NO_REFERENCES,
        title: "no references",
        meaning: "A reference says why anybody should care, and where to read on (Sigma 2.1, \"References\").",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Link the report, advisory or technique that made you write it.",
    },
    Code {
        code: code::NO_FALSEPOSITIVES,
        title: "no causes of false positives",
        meaning: "Whoever judges the alert needs to know who does the same for a good reason (Sigma 2.1, \"FalsePositives\").",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Name who does this for a good reason, or write `Unlikely`.",
    },
    Code {
        code: code::NO_LEVEL,
        title: "no level",
        meaning: "Without a level findings are of medium severity, which may not be meant (Sigma 2.1, \"Level\").",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Choose informational, low, medium, high or critical.",
    },
    Code {
        code: code::NO_STATUS,
        title: "no status",
        meaning: "The status says how far the rule can be trusted (Sigma 2.1, \"Status\").",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Begin with `experimental`.",
    },
    Code {
        code: code::NO_TAGS,
        title: "no tags",
        meaning: "A rule without tags counts for no technique in `rule coverage`.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Add `attack.t…` or `atlas.aml.t…`.",
    },
    Code {
        code: code::TITLE_FORM,
        title: "the form of the title",
        meaning: "A title names what happens, like a headline: without \"Detects\", which all rules do, without a full stop, beginning in upper case (SigmaHQ's conventions).",
        example: "title: Example of a title.
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Name what happens.",
    },
    Code {
        code: code::THIN_DESCRIPTION,
        title: "a description that says nothing",
        meaning: "It repeats the title or has a word or two.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
description: Example
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Say what happens, why it matters and what an analyst sees.",
    },
    Code {
        code: code::ID_NOT_RANDOM,
        title: "an id that is no random UUID",
        meaning: "Ids are meant to be unique over all collections (Sigma 2.1, \"Id\": a random UUID, version 4). A name may meet another rule's.",
        example: "title: Example
id: example-rule
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Give a new rule a random UUID. The id of a rule in use stays as it is: alerts, suppressions and history refer to it; allow the remark there.",
    },
    Code {
        code: code::MODIFIED_BEFORE_DATE,
        title: "changed before it was made",
        meaning: "`modified` is earlier than `date`.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
date: 2026-01-02
modified: 2025-12-31
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Correct one of the two.",
    },
    Code {
        code: code::DEPRECATED_WITHOUT_RELATED,
        title: "deprecated without a successor",
        meaning: "Who uses the rule wants to know what replaces it (Sigma 2.1, \"Related\").",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
status: deprecated
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Name the new rule under `related` with the type `obsolete`, or say in the description why there is none and allow the remark.",
    },
    Code {
        code: code::REFERENCE_NOT_URL,
        title: "a reference that cannot be followed",
        meaning: "References are addresses (Sigma 2.1, \"References\").",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
references:
    - the vendor's blog
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Write the whole address, beginning with https://.",
    },
    Code {
        code: code::REPEATED_ENTRY,
        title: "an entry that stands there twice",
        meaning: "A tag or reference is in the list twice; one of them was probably meant to be another.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
tags:
    - attack.execution
    - attack.execution
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Remove one of the two.",
    },
    Code {
        code: code::TAG_SHAPE,
        title: "a tag that names nothing",
        meaning: "The namespace is known, but nothing in it is called so (tags appendix): techniques are t and four digits, ATLAS's begin with aml., CVEs have year and number.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
tags:
    - attack.t105
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Write attack.t1059.001, atlas.aml.t0051, cve.2021-44228 or tlp.amber.",
    },
    Code {
        code: code::TAG_NAMESPACE,
        title: "an unknown namespace of tags",
        meaning: "The tags appendix knows attack, car, cve, d3fend, detection, stp and tlp; here atlas, owasp and watchfloor belong to them. Others are kept, but nothing reads them.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
tags:
    - atack.t1059
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Correct the word, or allow the remark for a namespace of your own.",
    },
    Code {
        code: code::FALSE_POSITIVES_SAY_NOTHING,
        title: "false positives that say nothing",
        meaning: "\"None\" is a hope, not a cause. For rules of one's own (`--strict`) \"Unknown\" is not enough either.",
        example: "title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
falsepositives:
    - None
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Name who does this for a good reason, or write `Unlikely` and why.",
    },
    Code {
        code: code::FILE_NAME,
        title: "the name of the file",
        meaning: "Files are called in lower case with digits, - and _, at most 90 characters, ending in .yml (SigmaHQ's conventions), so that they work on every system.",
        example: "# file: My Rule.yaml
title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "Rename the file.",
    },
    Code {
        code: code::TITLE_NOT_FIRST,
        title: "the title does not come first",
        meaning: "Readers look for the title at the top.",
        example: "level: low
title: Example
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
logsource:
    product: windows
detection:
    selection:
        Image: x
    condition: selection
",
        way_out: "`watchfloor rule fmt` puts the keys into the order of the specification.",
    },
];

//! Codes of diagnostics about rules; the pages in `docs/diagnostics/` are made from them.

mod about;
mod correlation;
mod detection;
mod file;
mod practice;

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

/// Every code, in order.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    file::CODES
        .iter()
        .chain(detection::CODES)
        .chain(correlation::CODES)
        .chain(about::CODES)
        .chain(practice::CODES)
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
    pub(crate) const PERCENTILE: &str = "R060";
    pub(crate) const EXTENDED_CONDITION: &str = "R061";
    pub(crate) const EXTENDED_CONDITION_UNUSED: &str = "R062";
    pub(crate) const BAD_WINDOW: &str = "R063";
    pub(crate) const BAD_LEARNING: &str = "R064";
    pub(crate) const BAD_DISTANCE: &str = "R065";
    pub(crate) const BAD_ACTION: &str = "R066";
    pub(crate) const FILTER_RULES: &str = "R067";
    pub(crate) const FILTER_KEEPS: &str = "R068";
    pub(crate) const FILTER_TARGET: &str = "R069";
    pub(crate) const PIPELINE: &str = "R070";
    pub(crate) const PIPELINE_TRANSFORMATION: &str = "R071";
    pub(crate) const PIPELINE_CONDITION: &str = "R072";
    pub(crate) const PIPELINE_REFUSES: &str = "R073";
    pub(crate) const BAD_LISTS: &str = "R074";
    pub(crate) const ARRAY_SELECTOR: &str = "R075";
    pub(crate) const LAYOUT_REFUSED: &str = "R080";
    pub(crate) const ALLOWANCE_WITHOUT_REASON: &str = "R081";
    pub(crate) const ALLOWANCE_UNUSED: &str = "R082";
    pub(crate) const NO_DESCRIPTION: &str = "R083";
    pub(crate) const NO_AUTHOR: &str = "R084";
    pub(crate) const NO_DATE: &str = "R085";
    pub(crate) const NO_REFERENCES: &str = "R086";
    pub(crate) const NO_FALSEPOSITIVES: &str = "R087";
    pub(crate) const NO_LEVEL: &str = "R088";
    pub(crate) const NO_STATUS: &str = "R089";
    pub(crate) const NO_TAGS: &str = "R090";
    pub(crate) const TITLE_FORM: &str = "R091";
    pub(crate) const THIN_DESCRIPTION: &str = "R092";
    pub(crate) const ID_NOT_RANDOM: &str = "R093";
    pub(crate) const MODIFIED_BEFORE_DATE: &str = "R094";
    pub(crate) const DEPRECATED_WITHOUT_RELATED: &str = "R095";
    pub(crate) const REFERENCE_NOT_URL: &str = "R096";
    pub(crate) const REPEATED_ENTRY: &str = "R097";
    pub(crate) const TAG_SHAPE: &str = "R098";
    pub(crate) const TAG_NAMESPACE: &str = "R099";
    pub(crate) const FALSE_POSITIVES_SAY_NOTHING: &str = "R100";
    pub(crate) const FILE_NAME: &str = "R101";
    pub(crate) const TITLE_NOT_FIRST: &str = "R102";
    pub(crate) const WILDCARD_FOR_MODIFIER: &str = "R103";
    pub(crate) const DOUBLE_WILDCARD: &str = "R104";
    pub(crate) const IDLE_WILDCARD: &str = "R105";
    pub(crate) const ESCAPED_WILDCARD: &str = "R106";
    pub(crate) const SHORT_VALUE: &str = "R107";
    pub(crate) const ONLY_WILDCARD: &str = "R108";
    pub(crate) const REGEX_IS_TEXT: &str = "R109";
    pub(crate) const REGEX_IDLE_END: &str = "R110";
    pub(crate) const REGEX_MATCHES_ANYTHING: &str = "R111";
    pub(crate) const REGEX_CATASTROPHIC: &str = "R112";
    pub(crate) const NUMBER_AS_TEXT: &str = "R113";
    pub(crate) const OF_ONE: &str = "R114";
    pub(crate) const THEM_WITH_FILTER: &str = "R115";
    pub(crate) const FILTER_NOT_NEGATED: &str = "R116";
    pub(crate) const REPEATED_VALUE: &str = "R117";
    pub(crate) const COVERED_VALUE: &str = "R118";
    pub(crate) const FIELD_NOT_CANONICAL: &str = "R119";
    pub(crate) const NEVER_MATCHES: &str = "R120";
    pub(crate) const MATCHES_WITHOUT_SELECTION: &str = "R121";
    pub(crate) const NO_SAMPLES: &str = "R122";
    pub(crate) const NO_OWNER: &str = "R123";
    pub(crate) const NO_LITERAL: &str = "R124";
    pub(crate) const LONG_TIMESPAN: &str = "R125";
    pub(crate) const NO_GROUP_BY: &str = "R126";
    pub(crate) const YAML_WORD: &str = "R127";
    pub(crate) const IDLE_MODIFIER: &str = "R128";
    pub(crate) const INVISIBLE_CHARACTER: &str = "R129";
}

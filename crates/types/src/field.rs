//! The names of the canonical view.

/// Every canonical field of `docs/fields.md`, sorted. A name in this list means the canonical
/// view and nothing else; any other name may be a native one.
pub const CANONICAL_FIELDS: &[&str] = &[
    "ai.cost.usd",
    "ai.data.classes",
    "ai.data.rows",
    "ai.instruction.hash",
    "ai.key.id",
    "ai.memory.collection",
    "ai.memory.operation",
    "ai.memory.origin",
    "ai.memory.query",
    "ai.memory.text",
    "ai.principal.id",
    "ai.principal.kind",
    "ai.principal.source",
    "ai.prompt.text",
    "ai.prompt.user_text",
    "ai.response.text",
    "ai.secret.name",
    "ai.task.id",
    "ai.task.tools",
    "ai.tenant.id",
    "ai.tool.call_arguments",
    "ai.tool.calls",
    "ai.tool.description",
    "ai.tool.descriptor_hash",
    "ai.tool.in_task",
    "ai.tool.server",
    "ai.untrusted.text",
    "ai.verdict.native",
    "ai.verdict.risk",
    "ai.verdict.type",
    "cloud.account.id",
    "cloud.provider",
    "cloud.region",
    "deployment.environment.name",
    "destination.domain",
    "destination.ip",
    "dns.question.name",
    "email.direction",
    "email.from.address",
    "email.subject",
    "email.to.address",
    "error.code",
    "error.message",
    "error.type",
    "event.action",
    "event.duration_ms",
    "event.id",
    "event.outcome",
    "event.provider",
    "file.hash.md5",
    "file.hash.sha1",
    "file.hash.sha256",
    "file.path",
    "gen_ai.agent.id",
    "gen_ai.agent.name",
    "gen_ai.conversation.id",
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.max_tokens",
    "gen_ai.request.model",
    "gen_ai.request.temperature",
    "gen_ai.response.finish_reasons",
    "gen_ai.response.id",
    "gen_ai.response.model",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.id",
    "gen_ai.tool.call.result",
    "gen_ai.tool.name",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "hec.fields",
    "hec.index",
    "hec.source",
    "hec.sourcetype",
    "host.name",
    "mcp.method.name",
    "mcp.resource.uri",
    "mcp.session.id",
    "process.command_line",
    "process.executable",
    "process.name",
    "process.parent.name",
    "service.name",
    "session.id",
    "source.as.number",
    "source.as.organization.name",
    "source.geo.country_iso_code",
    "source.ip",
    "span.id",
    "span.parent.id",
    "ticket.id",
    "trace.id",
    "url.domain",
    "url.full",
    "user.email",
    "user.id",
    "user.name",
    "user_agent.original",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_one_in_the_document() {
        let document = include_str!("../../../docs/fields.md");
        let mut documented: Vec<&str> = document
            .lines()
            .filter(|line| line.starts_with("| `"))
            .filter_map(|line| line.split('|').nth(1))
            .flat_map(|names| names.split('`').skip(1).step_by(2))
            .filter(|name| name.contains('.'))
            .collect();
        documented.sort_unstable();
        documented.dedup();
        assert_eq!(CANONICAL_FIELDS, documented);
    }
}

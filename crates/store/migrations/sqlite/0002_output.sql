-- Outputs: how far each has come in the journal, and what its receiver refused for good.

create table output (
    name text not null primary key,
    cursor bigint not null,
    paused bigint,
    sent bigint not null,
    refused bigint not null,
    filtered bigint not null,
    held_tlp bigint not null,
    held_exercise bigint not null,
    last_sent bigint
);

create table output_dead (
    output text not null,
    id text not null,
    seq bigint not null,
    at bigint not null,
    kind text not null,
    title text not null,
    reason text not null,
    body text not null,
    replayed bigint,
    primary key (output, id)
);
create index output_dead_at on output_dead (at, id);

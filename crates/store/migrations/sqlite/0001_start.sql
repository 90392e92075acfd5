-- The first schema. Times are microseconds since 1970, JSON is text, hashes are lower-case hex.
-- The PostgreSQL folder, when it comes, differs in `integer primary key` (bigint) and `real` (double precision) only.

create table journal (
    seq integer primary key,
    at bigint not null,
    kind text not null,
    body text not null,
    hash text not null
);

create table journal_head (
    seq integer primary key,
    hash text not null,
    key text not null,
    signature text not null
);

create table input (
    key text not null primary key,
    first_seq bigint not null,
    end_seq bigint not null,
    at bigint not null
);

create table effect (
    key text not null primary key,
    seq bigint not null,
    class text not null,
    status text not null,
    deadline bigint not null,
    attempts bigint not null,
    started bigint,
    ended bigint,
    body text not null,
    outcome text
);
create index effect_open on effect (status, seq);

create table projection (
    kind text not null,
    id text not null,
    sort bigint not null,
    seq bigint not null,
    body text not null,
    primary key (kind, id)
);
create index projection_sort on projection (kind, sort, id);

create table lake_commit (
    version integer primary key,
    watermark bigint not null
);
insert into lake_commit (version, watermark) values (0, 0);

create table lake_file (
    path text not null primary key,
    dataset text not null,
    tenant text not null,
    row_count bigint not null,
    byte_count bigint not null,
    min_time bigint not null,
    max_time bigint not null,
    min_id text not null,
    max_id text not null,
    sources text not null,
    native text not null,
    commit_in bigint not null,
    commit_out bigint
);
create index lake_file_live on lake_file (commit_out, dataset, min_time);

create table account (
    id text not null primary key,
    name text not null,
    roles text not null,
    password text,
    created bigint not null,
    disabled bigint
);

create table session (
    hash text not null primary key,
    account text not null references account (id),
    created bigint not null,
    expires bigint not null,
    csrf text not null
);
create index session_account on session (account);
create index session_expires on session (expires);

create table token (
    id text not null primary key,
    hash text not null unique,
    prefix text not null,
    kind text not null,
    name text not null,
    tenant text not null,
    account text,
    sources text not null,
    scopes text not null,
    created bigint not null,
    expires bigint,
    revoked bigint,
    used bigint
);

create table sign_in_link (
    hash text not null primary key,
    account text not null references account (id),
    created bigint not null,
    expires bigint not null,
    used bigint
);

create table dead_letter (
    id text not null primary key,
    received bigint not null,
    source text not null,
    tenant text not null,
    reason text not null,
    byte_count bigint not null,
    replayed bigint
);
create index dead_letter_source on dead_letter (source, received);
create index dead_letter_received on dead_letter (received);

create table indicator (
    id text not null,
    kind text not null,
    value text not null,
    origin text not null,
    valid_from bigint not null,
    valid_until bigint,
    body text not null,
    primary key (id, kind, value)
);
create index indicator_origin on indicator (origin);

create table sighting (
    event text not null,
    indicator text not null,
    field text not null,
    at bigint not null,
    body text not null,
    primary key (event, indicator, field)
);
create index sighting_indicator on sighting (indicator, at);

create table setting (
    key text not null primary key,
    value text not null
);

create table source_health (
    source text not null,
    tenant text not null,
    last_event bigint,
    events bigint not null,
    dead_letters bigint not null,
    byte_count bigint not null,
    leaves bigint not null,
    unknown_leaves bigint not null,
    updated bigint not null,
    primary key (source, tenant)
);
